//! The local cloud's clock: the only place that reads the system's.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};

use crate::{disk, held};

/// A clock that all stand-ins share, and that a test can stop and move.
#[derive(Clone, Debug)]
pub struct LocalClock(Arc<Mutex<ClockState>>);

#[derive(Debug)]
struct ClockState {
    reading: ClockReading,
    /// Says by how much a running clock is ahead, as `PT36H`.
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
enum ClockReading {
    /// Runs with the system's clock, so far ahead of it.
    Running(SignedDuration),
    Frozen(Timestamp),
    /// Set to that time at that instant of tokio's clock, and runs with it.
    WithTokio(Timestamp, tokio::time::Instant),
}

impl LocalClock {
    /// A clock that runs, and starts at the system's time.
    pub fn running() -> Self {
        Self::showing(ClockReading::Running(SignedDuration::ZERO))
    }

    /// A clock that stands still until it is moved.
    pub fn frozen_at(now: Timestamp) -> Self {
        Self::showing(ClockReading::Frozen(now))
    }

    /// A clock that runs with tokio's, which a test pauses: waiting takes as long by this clock,
    /// and no time passes while any work can be done.
    pub fn with_tokio(now: Timestamp) -> Self {
        Self::showing(ClockReading::WithTokio(now, tokio::time::Instant::now()))
    }

    fn showing(reading: ClockReading) -> Self {
        Self(Arc::new(Mutex::new(ClockState {
            reading,
            file: None,
        })))
    }

    /// From now on keeps in this file by how much the clock is ahead, and reads it first: a
    /// folder's records must not be newer than the clock. A frozen clock is not changed.
    pub(crate) fn keep_in(&self, file: &Path) -> anyhow::Result<()> {
        let mut hands = held(&self.0);
        let ClockReading::Running(prefetched) = &mut hands.reading else {
            return Ok(());
        };
        if file.exists() {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("reading {}", file.display()))?;
            *prefetched = text.trim().parse().with_context(|| {
                let file = file.display();
                format!("{file} does not say how far the clock is ahead, as PT36H does")
            })?;
        }
        hands.file = Some(file.to_owned());
        Ok(())
    }

    pub fn now(&self) -> Timestamp {
        match held(&self.0).reading {
            ClockReading::Running(prefetched) => later(system_time(), prefetched),
            ClockReading::Frozen(now) => now,
            ClockReading::WithTokio(then, instant) => later(then, elapsed(instant)),
        }
    }

    pub fn advance(&self, by: SignedDuration) {
        let mut hands = held(&self.0);
        hands.reading = hands.reading.advanced(by);
    }

    /// Moves the clock, and keeps how far it is ahead. The file is on the disk before the clock
    /// moves, so that no record is newer than the clock after a restart.
    pub(crate) fn advance_for_good(&self, by: SignedDuration) -> anyhow::Result<()> {
        let mut hands = held(&self.0);
        let advanced = hands.reading.advanced(by);
        if let (Some(file), ClockReading::Running(prefetched)) = (&hands.file, advanced) {
            disk::replace(file, format!("{prefetched}\n").as_bytes())
                .with_context(|| format!("writing {}", file.display()))?;
        }
        hands.reading = advanced;
        Ok(())
    }

    /// Moves the clock to this time; a running clock runs on from there.
    pub fn set(&self, now: Timestamp) {
        let mut hands = held(&self.0);
        hands.reading = match hands.reading {
            ClockReading::Running(_) => ClockReading::Running(now.duration_since(system_time())),
            ClockReading::Frozen(_) => ClockReading::Frozen(now),
            ClockReading::WithTokio(..) => {
                ClockReading::WithTokio(now, tokio::time::Instant::now())
            }
        };
    }
}

impl ClockReading {
    fn advanced(self, by: SignedDuration) -> Self {
        match self {
            Self::Running(prefetched) => Self::Running(prefetched.saturating_add(by)),
            Self::Frozen(now) => Self::Frozen(later(now, by)),
            Self::WithTokio(then, instant) => Self::WithTokio(later(then, by), instant),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a running clock runs with the system's"
)]
fn system_time() -> Timestamp {
    Timestamp::now()
}

fn elapsed(since: tokio::time::Instant) -> SignedDuration {
    SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX)
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

    #[tokio::test(start_paused = true)]
    async fn a_clock_with_tokio_moves_as_it_does_and_when_it_is_moved() {
        let clock = LocalClock::with_tokio(Timestamp::UNIX_EPOCH);
        tokio::time::sleep(std::time::Duration::from_secs(15)).await;
        assert_eq!(clock.now().as_second(), 15);
        clock.advance(SignedDuration::from_secs(300));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(clock.now().as_second(), 316);
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
