//! The present time: the system's, or in the local cloud and in tests a clock that is moved by
//! hand.

use std::sync::Arc;

use jiff::Timestamp;

/// A source of the present time, in whole milliseconds (what the records hold).
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place in production that reads it"
    )]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    pub fn from_fn(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub fn now(&self) -> Timestamp {
        let read = (self.0)();
        Timestamp::from_millisecond(read.as_millisecond()).unwrap_or(read)
    }
}
