//! A client that few calls need, created when it is first used: each client reads the SDK's list of
//! partitions again, and five of them take a third of the work of a cold start.

use std::sync::{Arc, LazyLock};

#[derive(Clone)]
pub(crate) struct LazyClient<C>(Arc<LazyLock<C, Make<C>>>);

type Make<C> = Box<dyn FnOnce() -> C + Send>;

impl<C> LazyClient<C> {
    pub(crate) fn new(make: impl FnOnce() -> C + Send + 'static) -> Self {
        let make: Make<C> = Box::new(make);
        Self(Arc::new(LazyLock::new(make)))
    }

    pub(crate) fn get(&self) -> &C {
        LazyLock::force(&self.0)
    }
}
