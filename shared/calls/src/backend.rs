//! Where a call is forwarded to, and whether that is ready: the breaker of a backend.
//!
//! Closed: calls go out. Open: none does, they wait. A probe that is answered closes it again, and
//! what waited goes on, a growing number each minute, until nothing waits.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Longest name of a backend.
pub const BACKEND_NAME_CHARS_MAX: usize = 40;

/// So many calls of unknown fate within [`FAILURES_WITHIN`] open the breaker.
pub const FAILURES_MAX: u32 = 5;

/// See [`FAILURES_MAX`].
pub const FAILURES_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// Conversations that go on in the first minute after a breaker has closed; each minute twice as many.
pub const RELEASED_FIRST: u32 = 100;

/// Doubled no more often: a million in a minute is more than any backend takes.
const RELEASE_MINUTES_MAX: u32 = 14;

/// Looks that must find nothing waiting: a call may be put aside while the first one is made.
const EMPTY_LOOKS: u32 = 2;

/// Longest pause that a backend may ask for: then it is asked again whether it is ready.
const PAUSE_MAX: SignedDuration = SignedDuration::from_hours(1);

/// The name of a backend that calls are forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackendName(String);

impl BackendName {
    /// Small letters, digits and hyphens, since it is a part of keys.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_fit = (1..=BACKEND_NAME_CHARS_MAX).contains(&text.len());
        (is_fit && text.chars().all(is_plain)).then(|| Self(text.to_owned()))
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

/// That a call, or a piece of one, is on its way to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// When whoever began it must have said what became of it.
    pub until: Timestamp,
    /// A number that whoever began it has made, to know its own commit again.
    pub by: u64,
}

/// How a backend stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BreakerState {
    /// Calls go out. `release`: for how many minutes what waited has been going on, if any may wait.
    Closed { release: Option<Release> },
    /// No call goes out before a probe is answered; it is not asked before that instant.
    Open {
        since: Timestamp,
        ask_from: Timestamp,
    },
}

/// How far what waited has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub minutes: u32,
    /// Looks in a row that found nothing.
    pub empty_looks: u32,
}

impl Release {
    /// Conversations that may go on in this minute.
    pub fn conversations(self) -> u32 {
        RELEASED_FIRST << self.minutes.min(RELEASE_MINUTES_MAX)
    }
}

/// The breaker of one backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    pub state: BreakerState,
    /// Calls of unknown fate since the time beside it.
    pub failures: u32,
    pub failures_since: Timestamp,
    /// Why it was opened last: a kind of trouble, never what a backend said.
    pub reason: String,
}

impl Breaker {
    pub fn closed() -> Self {
        Self {
            state: BreakerState::Closed { release: None },
            failures: 0,
            failures_since: Timestamp::UNIX_EPOCH,
            reason: String::new(),
        }
    }

    pub const fn is_open(&self) -> bool {
        matches!(self.state, BreakerState::Open { .. })
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

    /// A call's fate is unknown. Many of them within a short time are an outage.
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

    /// Whether it is time to ask the backend if it is ready.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        matches!(self.state, BreakerState::Open { ask_from, .. } if ask_from <= now)
    }

    /// The probe was answered: calls go out, and what waited goes on.
    #[must_use]
    pub fn answered(mut self) -> Self {
        self.state = BreakerState::Closed {
            release: Some(Release::default()),
        };
        self.failures = 0;
        self
    }

    /// What may go on in this minute, if anything may wait.
    pub const fn release(&self) -> Option<Release> {
        match self.state {
            BreakerState::Closed { release } => release,
            BreakerState::Open { .. } => None,
        }
    }

    /// A minute's share has gone on; `is_waiting`: more than nothing was found.
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
        for other in ["", "A", "a b", "a#b", "a_b", &"x".repeat(41)] {
            assert_eq!(BackendName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_outage_opens_at_once_and_single_failures_do_not() {
        let open = Breaker::closed().out_of_service("refused", SignedDuration::ZERO, at(100));
        assert!(open.is_open() && open.is_probe_due(at(100)));
        let mut breaker = Breaker::closed();
        for second in 1..5 {
            breaker = breaker.failed("timeout", at(1_000 + second));
            assert!(!breaker.is_open());
        }
        let slow = breaker.clone().failed("timeout", at(1_100));
        assert!(!slow.is_open(), "the others are long past");
        assert!(breaker.failed("timeout", at(1_005)).is_open());
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
            shares.push(breaker.release().expect("some may wait").conversations());
            breaker = breaker.released(is_waiting);
        }
        assert_eq!(shares, [100, 200, 400, 800, 1_600, 3_200]);
        assert_eq!(breaker.release(), None);
        assert!(!breaker.is_open());
    }
}
