//! The rate limit of an account: how many calls it may make in a window of ten seconds, over all
//! function instances together.
//!
//! A call takes one permit, and a large one takes more, in proportion to what it costs to accept it.
//! The account's record counts how many permits of the window are taken. An instance takes several at a
//! time and gives them out one by one, so that one write serves many calls. Permits that it has not given
//! out when the window ends are lost. So there are never more calls than permits.
//!
//! To lose few permits, an instance takes as many as its own rate of calls needs: for the rest of the
//! window if the account is far from its limit, otherwise for two seconds.

use jiff::{SignedDuration, Timestamp};

/// Length of a window: short enough that a burst does not block an account for long, long enough that
/// most instances serve several calls in it.
const WINDOW_SECONDS: i64 = 10;

/// Most permits taken at once, which is also the most that are lost when an instance becomes idle.
const TAKEN_AT_ONCE_MAX: u32 = 25;

/// An instance takes at most one in so many of a window's permits at once, so that an instance that
/// becomes idle does not use up a small limit.
const TAKEN_AT_ONCE_PART: u32 = 20;

/// For how long an instance takes permits where they may become scarce. Few are then lost when the
/// window ends, at the cost of a write every two seconds.
const SCARCE_HORIZON: SignedDuration = SignedDuration::from_secs(2);

/// Shortest time over which the rate of calls is measured: the first calls of a burst say little about
/// those that follow.
const RATE_OVER_MIN: SignedDuration = SignedDuration::from_secs(1);

/// Bytes of a request for which one more permit is taken. Such a request takes some 30 ms, twice as long
/// as the smallest one; a request of 5 MB takes 20 times as long.
const BYTES_OF_A_PERMIT: usize = 256_000;

/// Highest limit in calls per second, so that no count overflows.
pub const CALLS_PER_SECOND_MAX: u32 = 100_000;

/// A window: the ten seconds that begin at a multiple of ten seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window(i64);

impl Window {
    pub fn at(now: Timestamp) -> Self {
        Self(now.as_second().div_euclid(WINDOW_SECONDS))
    }

    pub const fn numbered(number: i64) -> Self {
        Self(number)
    }

    pub const fn number(self) -> i64 {
        self.0
    }

    fn start(self) -> Timestamp {
        let second = self.0.saturating_mul(WINDOW_SECONDS);
        Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
    }

    /// When the next one begins.
    pub fn end(self) -> Timestamp {
        let second = self.0.saturating_add(1).saturating_mul(WINDOW_SECONDS);
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }
}

/// How many calls there may be in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    permits: u32,
}

impl Limit {
    /// `None`: no limit.
    pub fn of(calls_per_second: u32) -> Option<Self> {
        let seconds = u32::try_from(WINDOW_SECONDS).unwrap_or(1);
        let permits = calls_per_second.min(CALLS_PER_SECOND_MAX) * seconds;
        (permits > 0).then_some(Self { permits })
    }

    /// How many permits a request of so many bytes takes: at most half of a window's, or an account with
    /// a small limit could never send a large request.
    pub fn permits_for(self, bytes: usize) -> u32 {
        let permits = u32::try_from(1 + bytes / BYTES_OF_A_PERMIT).unwrap_or(u32::MAX);
        permits.min((self.permits / 2).max(1))
    }

    fn at_once_max(self) -> u32 {
        (self.permits / TAKEN_AT_ONCE_PART).clamp(1, TAKEN_AT_ONCE_MAX)
    }

    /// Whether, at the rate at which `taken` permits were taken `within` this time, half of the window's
    /// permits will be left.
    fn is_plenty(self, taken: u32, within: SignedDuration) -> bool {
        let window_ms = i128::from(WINDOW_SECONDS) * 1_000;
        i128::from(taken) * window_ms * 2 <= i128::from(self.permits) * within.as_millis()
    }
}

/// The permits of one account that one instance holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    window: Option<Window>,
    /// Taken, and not given out yet.
    remaining: u32,
    /// Given out in this window.
    granted: u32,
    /// Given out in the window before it.
    granted_before: u32,
    /// The last known count of the account's record, if it is of this window.
    seen: Option<u32>,
    /// The last known count of the window before it.
    seen_before: u32,
    /// When the record was last requested: its count is not newer than that.
    read_at: Timestamp,
}

/// What a call has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitAnswer {
    /// For nothing.
    Allowed,
    /// For the next window.
    NotBefore(Timestamp),
    /// For more permits, out of the account's record.
    After(Reservation),
}

/// A change of the account's record, made only if the record is as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub window: Window,
    pub permits: u32,
    pub condition: CountCondition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountCondition {
    /// There is no record, or one of an earlier window: the count begins with these permits.
    Nothing,
    /// There is a record of this window that counts at most so many.
    AtMost(u32),
}

/// What an account's record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub window: Window,
    pub taken: u32,
}

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationResult {
    /// The record now counts so many permits as taken.
    Made { taken: u32 },
    /// The record did not meet the condition, and counts this.
    Refused(Count),
}

impl RateLimit {
    /// Whether a call that takes so many permits may be made now. If so, they are given out.
    pub fn ask(&mut self, permits: u32, limit: Limit, now: Timestamp) -> RateLimitAnswer {
        let present = Window::at(now);
        // A window can lie in our future: the clock of another instance may be ahead of ours.
        let window = self.window.map_or(present, |counted| counted.max(present));
        self.enter(window);
        if let Some(remaining) = self.remaining.checked_sub(permits) {
            self.remaining = remaining;
            self.granted = self.granted.saturating_add(permits);
            return RateLimitAnswer::Allowed;
        }
        let missing = permits.saturating_sub(self.remaining);
        let needed = self.needed(window, limit, now).max(missing);
        self.read_at = now;
        let Some(taken) = self.seen else {
            return RateLimitAnswer::After(Reservation {
                window,
                permits: needed,
                condition: CountCondition::Nothing,
            });
        };
        let free = limit.permits.saturating_sub(taken);
        if free < missing {
            return RateLimitAnswer::NotBefore(window.end());
        }
        let permits = needed.min(free);
        RateLimitAnswer::After(Reservation {
            window,
            permits,
            condition: CountCondition::AtMost(limit.permits - permits),
        })
    }

    /// The recent rate of calls per second over all instances, as far as this one knows.
    pub fn calls_per_second(&self, now: Timestamp) -> u32 {
        let present = Window::at(now);
        let (taken, before) = match self.window {
            Some(window) if window >= present => (self.seen.unwrap_or_default(), self.seen_before),
            Some(window) if window.0 + 1 == present.0 => (0, self.seen.unwrap_or_default()),
            Some(_) | None => (0, 0),
        };
        taken.max(before) / u32::try_from(WINDOW_SECONDS).unwrap_or(1)
    }

    /// Begins to count in this window.
    fn enter(&mut self, window: Window) {
        if self.window == Some(window) {
            return;
        }
        let is_next = self.window.is_some_and(|last| last.0 + 1 == window.0);
        let last = std::mem::take(self);
        self.window = Some(window);
        if is_next {
            self.granted_before = last.granted;
            self.seen_before = last.seen.unwrap_or_default();
        }
    }

    /// How many permits to take: what this instance needs at its rate of calls, until the end of the
    /// window or for [`SCARCE_HORIZON`].
    fn needed(&self, window: Window, limit: Limit, now: Timestamp) -> u32 {
        let whole = SignedDuration::from_secs(WINDOW_SECONDS);
        let passed = now
            .duration_since(window.start())
            .max(RATE_OVER_MIN)
            .min(whole);
        let remaining = whole
            - now
                .duration_since(window.start())
                .clamp(SignedDuration::ZERO, whole);
        let seen_within = self.read_at.duration_since(window.start());
        let seen_within = seen_within.clamp(RATE_OVER_MIN, whole);
        let is_plenty = limit.is_plenty(self.seen_before, whole)
            && limit.is_plenty(self.seen.unwrap_or_default(), seen_within);
        let horizon = match is_plenty {
            true => remaining,
            false => remaining.min(SCARCE_HORIZON),
        };
        let by_rate = |granted: u32, within: SignedDuration| {
            u128::from(granted) * horizon.as_millis().unsigned_abs()
                / within.as_millis().unsigned_abs()
        };
        let needed = by_rate(self.granted, passed).max(by_rate(self.granted_before, whole));
        u32::try_from(needed)
            .unwrap_or(u32::MAX)
            .clamp(1, limit.at_once_max())
    }

    /// The reservation was made, and the record now counts so many permits.
    pub fn took(&mut self, taking: Reservation, count: u32) {
        if self.window == Some(taking.window) {
            self.remaining = self.remaining.saturating_add(taking.permits);
            self.see(count);
        }
    }

    /// The reservation was refused, since the record counts this.
    pub fn observe(&mut self, count: Count) {
        if self.window < Some(count.window) {
            self.enter(count.window);
        }
        if self.window == Some(count.window) {
            self.see(count.taken);
        }
    }

    /// The count of a window only grows, and an answer that arrives late has an older one.
    fn see(&mut self, taken: u32) {
        self.seen = self.seen.max(Some(taken));
    }
}

#[cfg(test)]
#[path = "rate_limit_tests.rs"]
mod tests;
