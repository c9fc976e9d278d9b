//! The local cloud's clock: the only place that reads the system's.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::held;

/// A clock that all stand-ins share, and that a test can stop and move.
#[derive(Clone, Debug)]
pub struct LocalClock(Arc<Mutex<Reading>>);

#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Runs with the system's clock, so far ahead of it.
    Running(SignedDuration),
    Frozen(Timestamp),
}

impl LocalClock {
    /// A clock that runs, and starts at the system's time.
    pub fn running() -> Self {
        Self(Arc::new(Mutex::new(Reading::Running(SignedDuration::ZERO))))
    }

    /// A clock that stands still until it is moved.
    pub fn frozen_at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Reading::Frozen(now))))
    }

    pub fn now(&self) -> Timestamp {
        match *held(&self.0) {
            Reading::Running(ahead) => later(system_time(), ahead),
            Reading::Frozen(now) => now,
        }
    }

    pub fn advance(&self, by: SignedDuration) {
        let mut reading = held(&self.0);
        *reading = match *reading {
            Reading::Running(ahead) => Reading::Running(ahead.saturating_add(by)),
            Reading::Frozen(now) => Reading::Frozen(later(now, by)),
        };
    }

    /// Moves the clock to this time; a running clock runs on from there.
    pub fn set(&self, now: Timestamp) {
        let mut reading = held(&self.0);
        *reading = match *reading {
            Reading::Running(_) => Reading::Running(now.duration_since(system_time())),
            Reading::Frozen(_) => Reading::Frozen(now),
        };
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a running clock runs with the system's"
)]
fn system_time() -> Timestamp {
    Timestamp::now()
}

/// `by` after `time`, or the last time there is.
pub(crate) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_moved() {
        let clock = LocalClock::frozen_at(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        clock.advance(SignedDuration::from_secs(300));
        assert_eq!(clock.now().as_second(), 300);
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_running_clock_runs_on_from_where_it_is_set() {
        let clock = LocalClock::running();
        clock.set(Timestamp::UNIX_EPOCH);
        clock.advance(SignedDuration::from_hours(1));
        let now = clock.now().as_second();
        assert!((3600..3660).contains(&now), "{now}");
    }
}
