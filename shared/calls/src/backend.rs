//! The breaker of a backend: whether calls may be forwarded to it.
//!
//! Closed: calls go out. Open: no call goes out, they wait. A probe that is answered closes it
//! again, and waiting calls go on, a growing number each minute, until none waits.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::maintenance_window::{BadWindow, MaintenanceWindow};

/// What is called like a backend and is none: the built-in objects.
pub const BUILT_IN: &str = "built-in";

/// Longest name of a backend.
pub const BACKEND_NAME_CHARS_MAX: usize = 40;

/// So many calls of unknown fate within [`FAILURES_WITHIN`] open the breaker.
pub const FAILURES_MAX: u32 = 5;

/// The time in which they count, see [`FAILURES_MAX`].
pub const FAILURES_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// Conversations that go on in the first minute after a breaker has closed; each minute twice as many.
pub const RELEASED_FIRST: u32 = 100;

/// Doubled no more often than this: a million in a minute is more than any backend takes.
const RELEASE_MINUTES_MAX: u32 = 14;

/// Looks in a row that must find nothing waiting: a call may be parked while the first look is
/// made.
const EMPTY_LOOKS: u32 = 2;

/// Longest pause that a backend may ask for. After it the backend is probed again.
const PAUSE_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Why a breaker is open, where the backend itself has said why.
pub const IN_MAINTENANCE: &str = "it is in maintenance (fault 9)";

/// The name of a backend that calls are forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackendName(String);

impl BackendName {
    /// Lower-case letters, digits and hyphens, since it is a part of keys.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_fit = (1..=BACKEND_NAME_CHARS_MAX).contains(&text.len());
        (is_fit && text != BUILT_IN && text.chars().all(is_plain)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BackendName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A call, or a piece of one, is on its way to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When whoever began it must have committed the result.
    pub until: Timestamp,
    /// A number made by whoever began it, to recognise its own commit.
    pub by: u64,
}

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BreakerState {
    /// Calls go out. `release`: for how many minutes waiting calls have been going on, if any may
    /// wait.
    Closed { release: Option<Release> },
    /// No call goes out before a probe is answered, and no probe before that instant.
    Open {
        since: Timestamp,
        ask_from: Timestamp,
    },
}

/// How far the release of waiting calls has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub minutes: u32,
    /// Looks in a row that found nothing waiting.
    pub empty_looks: u32,
}

impl Release {
    /// How many conversations may go on in this minute.
    pub fn conversations(self) -> u32 {
        RELEASED_FIRST << self.minutes.min(RELEASE_MINUTES_MAX)
    }
}

/// The breaker of one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    pub state: BreakerState,
    /// Calls of unknown fate, since the time beside it.
    pub failures: u32,
    pub failures_since: Timestamp,
    /// Why it was opened last: a category, never text of a backend.
    pub reason: String,
    /// Maintenance that is planned. A window that has begun holds until [`Breaker::windows_over`]
    /// removes it, so that nothing overtakes what waited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<MaintenanceWindow>,
}

/// Whether a backend takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    InMaintenance,
    OutOfService,
}

impl Breaker {
    pub fn closed() -> Self {
        Self {
            state: BreakerState::Closed { release: None },
            failures: 0,
            failures_since: Timestamp::UNIX_EPOCH,
            reason: String::new(),
            windows: Vec::new(),
        }
    }

    pub fn readiness(&self, now: Timestamp) -> Readiness {
        match self.state {
            _ if self.is_in_window(now) => Readiness::InMaintenance,
            BreakerState::Open { .. } if self.reason == IN_MAINTENANCE => Readiness::InMaintenance,
            BreakerState::Open { .. } => Readiness::OutOfService,
            BreakerState::Closed { .. } => Readiness::Ready,
        }
    }

    fn is_in_window(&self, now: Timestamp) -> bool {
        self.windows.iter().any(|window| window.from <= now)
    }

    /// Maintenance is planned.
    pub fn planned(mut self, window: MaintenanceWindow, now: Timestamp) -> Result<Self, BadWindow> {
        // A window that is over and still there is removed by the look of each minute.
        let (over, mut ahead) = self.windows.into_iter().partition(|it| it.is_over(now));
        window.planned_among(&mut ahead, now)?;
        self.windows = over;
        self.windows.extend(ahead);
        Ok(self)
    }

    /// No maintenance is planned any more. Calls that waited for it go on as after an outage.
    #[must_use]
    pub fn unplanned(mut self, now: Timestamp) -> Self {
        let windows = std::mem::take(&mut self.windows);
        self.after(windows.into_iter().find(|it| it.from <= now), now)
    }

    /// Removes windows that are over. The backend is probed before waiting calls go on.
    #[must_use]
    pub fn windows_over(mut self, now: Timestamp) -> Self {
        let windows = std::mem::take(&mut self.windows);
        let (over, remaining): (Vec<_>, Vec<_>) =
            windows.into_iter().partition(|it| it.is_over(now));
        self.windows = remaining;
        self.after(over.into_iter().next(), now)
    }

    fn after(mut self, window: Option<MaintenanceWindow>, now: Timestamp) -> Self {
        if let (Some(window), BreakerState::Closed { .. }) = (window, self.state) {
            self.state = BreakerState::Open {
                since: window.from,
                ask_from: now,
            };
            IN_MAINTENANCE.clone_into(&mut self.reason);
        }
        self
    }

    /// The backend does not take calls at present.
    #[must_use]
    pub fn out_of_service(mut self, reason: &str, pause: SignedDuration, now: Timestamp) -> Self {
        let since = match self.state {
            BreakerState::Open { since, .. } => since,
            BreakerState::Closed { .. } => now,
        };
        let ask_from = now + pause.clamp(SignedDuration::ZERO, PAUSE_MAX);
        self.state = BreakerState::Open { since, ask_from };
        reason.clone_into(&mut self.reason);
        self
    }

    /// The fate of a call is unknown. Many of them within a short time are an outage.
    #[must_use]
    pub fn failed(mut self, reason: &str, now: Timestamp) -> Self {
        if now.duration_since(self.failures_since) > FAILURES_WITHIN {
            (self.failures, self.failures_since) = (0, now);
        }
        self.failures += 1;
        if self.failures < FAILURES_MAX {
            return self;
        }
        self.out_of_service(reason, SignedDuration::ZERO, now)
    }

    /// Whether it is time to probe the backend.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        let is_time = matches!(self.state, BreakerState::Open { ask_from, .. } if ask_from <= now);
        is_time && !self.is_in_window(now)
    }

    /// The probe was answered: calls go out, and waiting calls go on.
    #[must_use]
    pub fn answered(mut self) -> Self {
        self.state = BreakerState::Closed {
            release: Some(Release::default()),
        };
        self.failures = 0;
        self
    }

    /// How many may go on in this minute; `None`: none can be waiting.
    pub fn release(&self, now: Timestamp) -> Option<Release> {
        match self.state {
            _ if self.is_in_window(now) => None,
            BreakerState::Closed { release } => release,
            BreakerState::Open { .. } => None,
        }
    }

    /// The share of a minute has gone on; `is_waiting`: some were found.
    #[must_use]
    pub fn released(mut self, is_waiting: bool) -> Self {
        if let BreakerState::Closed {
            release: Some(release),
        } = self.state
        {
            let empty_looks = if is_waiting {
                0
            } else {
                release.empty_looks + 1
            };
            let next = Release {
                minutes: release.minutes + 1,
                empty_looks,
            };
            self.state = BreakerState::Closed {
                release: (empty_looks < EMPTY_LOOKS).then_some(next),
            };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn names_are_parts_of_keys() {
        assert!(BackendName::parse("marketing-cloud-2").is_some());
        for other in ["", "A", "a b", "a#b", "a_b", BUILT_IN, &"x".repeat(41)] {
            assert_eq!(BackendName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_outage_opens_at_once_and_single_failures_do_not() {
        let open = Breaker::closed().out_of_service("refused", SignedDuration::ZERO, at(100));
        assert!(is_open(&open) && open.is_probe_due(at(100)));
        let mut breaker = Breaker::closed();
        for second in 1..5 {
            breaker = breaker.failed("timeout", at(1_000 + second));
            assert!(!is_open(&breaker));
        }
        let slow = breaker.clone().failed("timeout", at(1_100));
        assert!(!is_open(&slow), "the others are long past");
        assert!(is_open(&breaker.failed("timeout", at(1_005))));
    }

    #[test]
    fn a_requested_pause_is_kept_and_bounded() {
        let pause = SignedDuration::from_secs(120);
        let open = Breaker::closed().out_of_service("429", pause, at(0));
        assert!(!open.is_probe_due(at(119)) && open.is_probe_due(at(120)));
        let long = Breaker::closed().out_of_service("429", SignedDuration::MAX, at(0));
        assert!(long.is_probe_due(at(3_600)));
    }

    #[test]
    fn what_waited_goes_on_at_a_growing_rate_until_nothing_waits() {
        let mut breaker = Breaker::closed()
            .out_of_service("refused", SignedDuration::ZERO, at(0))
            .answered();
        let mut shares = Vec::new();
        for is_waiting in [true, true, false, true, false, false] {
            shares.push(
                breaker
                    .release(at(0))
                    .expect("some may wait")
                    .conversations(),
            );
            breaker = breaker.released(is_waiting);
        }
        assert_eq!(shares, [100, 200, 400, 800, 1_600, 3_200]);
        assert_eq!(breaker.release(at(0)), None);
        assert!(!is_open(&breaker));
    }

    fn is_open(breaker: &Breaker) -> bool {
        breaker.readiness(at(2_000)) != Readiness::Ready
    }

    fn window(from: i64, to: i64) -> MaintenanceWindow {
        MaintenanceWindow::plan(at(from), at(to), "x", at(0)).expect("a window")
    }

    #[test]
    fn a_window_holds_until_somebody_has_looked_at_its_end() {
        let breaker = Breaker::closed().planned(window(10, 20), at(0));
        let breaker = breaker.expect("it is planned");
        let stands = [9, 10, 19, 25].map(|second| breaker.readiness(at(second)));
        let (ready, held) = (Readiness::Ready, Readiness::InMaintenance);
        assert_eq!(stands, [ready, held, held, held]);
        assert!(!breaker.is_probe_due(at(15)));
        assert_eq!(breaker.clone().windows_over(at(15)), breaker);
        let over = breaker.windows_over(at(25));
        assert_eq!(over.readiness(at(25)), held, "it is asked first");
        assert!(over.is_probe_due(at(25)));
        let closed = over.answered();
        assert_eq!(closed.readiness(at(25)), ready);
        assert!(closed.release(at(25)).is_some(), "what waited goes on");
    }

    #[test]
    fn an_outage_within_a_window_is_probed_after_it() {
        let down = Breaker::closed()
            .planned(window(10, 20), at(0))
            .expect("it is planned")
            .out_of_service("refused", SignedDuration::ZERO, at(5));
        assert!(down.is_probe_due(at(9)) && !down.is_probe_due(at(15)));
        let over = down.windows_over(at(20));
        assert_eq!(over.readiness(at(20)), Readiness::OutOfService);
        assert!(over.is_probe_due(at(20)));
    }

    #[test]
    fn a_window_that_is_called_off_lets_go_what_waited() {
        let breaker = Breaker::closed()
            .planned(window(10, 20), at(0))
            .expect("it is planned");
        assert_eq!(breaker.clone().unplanned(at(5)), Breaker::closed());
        assert!(breaker.unplanned(at(15)).is_probe_due(at(15)));
    }
}
