//! A client of a service of AWS that few calls need, made when it is first asked for: each reads the
//! SDK's list of partitions anew, and five of them are a third of what a cold function does.

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
