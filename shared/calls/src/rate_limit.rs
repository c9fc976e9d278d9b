//! How many calls an account may make: so many in ten seconds, over all functions together.
//!
//! The account's record counts what has been taken of a window's permits. A function takes some at
//! once and gives them out one by one, so that the count costs a write for many calls; what it has
//! left when the window ends is gone. A call is one permit, and a large one some more, by what taking it
//! in costs: so an account's share of the door does not depend on what it sends. So there are never more
//! calls than permits. For there to be
//! hardly fewer, however many functions there are, each takes what it will need by its own pace: for
//! all of the window where the account is far from its limit, and for two seconds where it is not.

use jiff::{SignedDuration, Timestamp};

/// The stretch of time that calls are counted over: short enough that nobody is held up for long by
/// another's burst, long enough that most functions serve several calls in it.
const WINDOW_SECONDS: i64 = 10;

/// Most permits taken at once: what is lost at most when a function falls idle.
const TAKEN_AT_ONCE_MAX: u32 = 25;

/// The part of a window's permits that is taken at once at most: one in twenty, so that a small
/// limit is not gone with a function that falls idle.
const TAKEN_AT_ONCE_PART: u32 = 20;

/// Where the permits of a window may become scarce, so much of its own need a function takes: what
/// is lost of it when the window ends is little, and its count costs a write in two seconds.
const SCARCE_HORIZON: SignedDuration = SignedDuration::from_secs(2);

/// A pace is measured over so long at least: the first calls of a burst say little of those to come.
const PACE_OVER: SignedDuration = SignedDuration::from_secs(1);

/// Bytes of a request that one permit stands for. One of so many takes a function some 30 ms, twice what
/// it takes for the smallest; one of 5 MB takes 20 times as long.
const BYTES_OF_A_PERMIT: usize = 256_000;

/// Most calls in a second that a limit can say, so that no count overflows.
pub const CALLS_PER_SECOND_MAX: u32 = 100_000;

/// One of the stretches of ten seconds that time consists of.
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
    /// `None`: as many as there are.
    pub fn of(calls_per_second: u32) -> Option<Self> {
        let seconds = u32::try_from(WINDOW_SECONDS).unwrap_or(1);
        let permits = calls_per_second.min(CALLS_PER_SECOND_MAX) * seconds;
        (permits > 0).then_some(Self { permits })
    }

    /// How many permits a request of so many bytes takes. No more than half of a window's, or an account
    /// with a small limit could never make it.
    pub fn permits_for(self, bytes: usize) -> u32 {
        let permits = u32::try_from(1 + bytes / BYTES_OF_A_PERMIT).unwrap_or(u32::MAX);
        permits.min((self.permits / 2).max(1))
    }

    fn at_once_max(self) -> u32 {
        (self.permits / TAKEN_AT_ONCE_PART).clamp(1, TAKEN_AT_ONCE_MAX)
    }

    /// Whether a window of which so many were taken in so long is going to leave half of them.
    fn is_plenty(self, taken: u32, within: SignedDuration) -> bool {
        let window_ms = i128::from(WINDOW_SECONDS) * 1_000;
        i128::from(taken) * window_ms * 2 <= i128::from(self.permits) * within.as_millis()
    }
}

/// What one function has of an account's permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    window: Option<Window>,
    /// Not given out yet.
    remaining: u32,
    /// Given out in this window, and in the one before it.
    granted: u32,
    granted_before: u32,
    /// What the account's record was seen to count, if it is of this window; and what it came to in
    /// the one before it.
    seen: Option<u32>,
    seen_before: u32,
    /// When the record was asked last: what it counts is of no later time.
    read_at: Timestamp,
}

/// What a call has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimitAnswer {
    /// For nothing.
    Yes,
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
    /// No record, or one of an earlier window: the count begins with these.
    Nothing,
    /// A record of this window that counts no more than that.
    AtMost(u32),
}

/// What an account's record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub window: Window,
    pub taken: u32,
}

impl RateLimit {
    /// Whether a call of so many permits may be made now; if so, they are given out.
    pub fn ask(&mut self, permits: u32, limit: Limit, now: Timestamp) -> RateLimitAnswer {
        let present = Window::at(now);
        // A window can lie ahead of our clock: another function's goes before it.
        let window = self.window.map_or(present, |counted| counted.max(present));
        self.enter(window);
        if let Some(remaining) = self.remaining.checked_sub(permits) {
            self.remaining = remaining;
            self.granted = self.granted.saturating_add(permits);
            return RateLimitAnswer::Yes;
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

    /// How many calls a second there were of late, over all functions, as far as is known.
    pub fn calls_per_second(&self, now: Timestamp) -> u32 {
        let present = Window::at(now);
        let (taken, before) = match self.window {
            Some(window) if window >= present => (self.seen.unwrap_or_default(), self.seen_before),
            Some(window) if window.0 + 1 == present.0 => (0, self.seen.unwrap_or_default()),
            Some(_) | None => (0, 0),
        };
        taken.max(before) / u32::try_from(WINDOW_SECONDS).unwrap_or(1)
    }

    /// Counts from now on in this window.
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

    /// How many to take: what this function's pace asks for, for as long as there is no harm in it.
    fn needed(&self, window: Window, limit: Limit, now: Timestamp) -> u32 {
        let whole = SignedDuration::from_secs(WINDOW_SECONDS);
        let passed = now.duration_since(window.start()).max(PACE_OVER).min(whole);
        let remaining = whole
            - now
                .duration_since(window.start())
                .clamp(SignedDuration::ZERO, whole);
        let seen_within = self.read_at.duration_since(window.start());
        let seen_within = seen_within.clamp(PACE_OVER, whole);
        let is_plenty = limit.is_plenty(self.seen_before, whole)
            && limit.is_plenty(self.seen.unwrap_or_default(), seen_within);
        let horizon = match is_plenty {
            true => remaining,
            false => remaining.min(SCARCE_HORIZON),
        };
        let by_pace = |granted: u32, within: SignedDuration| {
            u128::from(granted) * horizon.as_millis().unsigned_abs()
                / within.as_millis().unsigned_abs()
        };
        let needed = by_pace(self.granted, passed).max(by_pace(self.granted_before, whole));
        u32::try_from(needed)
            .unwrap_or(u32::MAX)
            .clamp(1, limit.at_once_max())
    }

    /// The record was changed so, and now counts this much.
    pub fn took(&mut self, taking: Reservation, count: u32) {
        if self.window == Some(taking.window) {
            self.remaining = self.remaining.saturating_add(taking.permits);
            self.see(count);
        }
    }

    /// The record was not as it should be for the change, but like this.
    pub fn observe(&mut self, count: Count) {
        if self.window < Some(count.window) {
            self.enter(count.window);
        }
        if self.window == Some(count.window) {
            self.see(count.taken);
        }
    }

    /// Counts of a window only grow; an answer that comes late tells of less.
    fn see(&mut self, taken: u32) {
        self.seen = self.seen.max(Some(taken));
    }
}

#[cfg(test)]
#[path = "rate_limit_tests.rs"]
mod tests;
