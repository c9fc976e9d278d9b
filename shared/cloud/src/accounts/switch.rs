//! What this process has cached of the switch for maintenance.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::RwLock;

use crate::pauses::Pause;

/// How long a value is cached.
pub const REMEMBERED: SignedDuration = SignedDuration::from_secs(1);

/// The cached switch.
#[derive(Default)]
pub(crate) struct Switch {
    known: Mutex<CachedSwitch>,
    pub(crate) carrying_out: Arc<RwLock<()>>,
}

#[derive(Default)]
struct CachedSwitch {
    /// On or off, and when it was read.
    read: Option<(bool, Timestamp)>,
    /// What was paused then.
    pauses: Arc<[Pause]>,
    /// How often it was turned in this process: a value that was read before the last turn is not
    /// cached.
    turned: u64,
}

/// A read of the switch that has begun.
#[derive(Clone, Copy)]
pub(crate) struct Look(u64);

impl Switch {
    fn known(&self) -> MutexGuard<'_, CachedSwitch> {
        // A panic while it was locked can at worst lose the cached value.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached value; `None`: it has to be read.
    pub(crate) fn recall(&self, now: Timestamp) -> Option<bool> {
        let (on, read_at) = self.known().read?;
        let age = now.duration_since(read_at);
        (age >= SignedDuration::ZERO && age < REMEMBERED).then_some(on)
    }

    pub(crate) fn look(&self) -> Look {
        Look(self.known().turned)
    }

    /// Caches a value, unless the switch was turned in this process since the read began.
    pub(crate) fn saw(&self, look: Look, on: bool, pauses: Vec<Pause>, now: Timestamp) {
        let mut known = self.known();
        if known.turned == look.0 {
            known.read = Some((on, now));
            known.pauses = pauses.into();
        }
    }

    /// What was paused when it was last read.
    pub(crate) fn pauses(&self) -> Arc<[Pause]> {
        Arc::clone(&self.known().pauses)
    }

    pub(crate) fn forget(&self) {
        let mut known = self.known();
        known.read = None;
        known.turned += 1;
    }
}
