//! A token bucket, which limits how often something may be started by all functions together. One record
//! holds its state. A token comes back `spacing` after it was taken. A full bucket holds the tokens of one
//! second, and at least one.

use jiff::{SignedDuration, Timestamp};

/// Highest rate in tokens a second, so that the spacing is never zero.
pub const TOKENS_PER_SECOND_MAX: u32 = 100_000;

/// An average rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    spacing: SignedDuration,
    /// Tokens that a full bucket holds.
    capacity: u32,
}

impl Rate {
    /// `None`: the rate is zero.
    pub fn of(tokens: u32, period: SignedDuration) -> Option<Self> {
        if tokens == 0 || period <= SignedDuration::ZERO {
            return None;
        }
        let spacing = period / i32::try_from(tokens).unwrap_or(i32::MAX);
        let shortest = SignedDuration::from_secs(1) / i32::try_from(TOKENS_PER_SECOND_MAX).ok()?;
        let spacing = spacing.max(shortest);
        let in_a_second = SignedDuration::from_secs(1).as_nanos() / spacing.as_nanos();
        let capacity = u32::try_from(in_a_second).unwrap_or(1).max(1);
        Some(Self { spacing, capacity })
    }

    /// From a rate in thousandths a second: 14 a second is 14,000.
    pub fn of_thousandths(thousandths_per_second: u32) -> Option<Self> {
        Self::of(thousandths_per_second, SignedDuration::from_secs(1_000))
    }
}

/// The order of precedence when there are too few tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenPriority {
    /// May take all tokens.
    First,
    /// Leaves a quarter of a full bucket to `First`.
    #[default]
    Middle,
    /// Leaves half of a full bucket to the others.
    Last,
}

impl TokenPriority {
    /// How many tokens of a bucket with this capacity are left to others.
    const fn leaves(self, capacity: u32) -> u32 {
        match self {
            Self::First => 0,
            Self::Middle => capacity / 4,
            Self::Last => capacity / 2,
        }
    }
}

/// The state of a bucket: the time at which it is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    pub full_at: Timestamp,
}

/// The result of taking tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokensTaken {
    /// At least one, and the bucket without them.
    Some { tokens: u32, remaining: TokenBucket },
    /// There is no token before that instant.
    NotBefore(Timestamp),
}

impl TokenBucket {
    pub const fn full(now: Timestamp) -> Self {
        Self { full_at: now }
    }

    /// Empty until then: the service has throttled a request.
    pub fn empty_until(self, rate: Rate, at: Timestamp) -> Self {
        let full_at = at + rate.spacing * i32::try_from(rate.capacity - 1).unwrap_or(i32::MAX);
        Self {
            full_at: self.full_at.max(full_at),
        }
    }

    /// Takes up to `wanted` tokens.
    pub fn take(self, rate: Rate, wanted: u32, now: Timestamp) -> TokensTaken {
        self.take_as(TokenPriority::First, rate, wanted, now)
    }

    /// The same with a priority. On average the rate is the same for all. While `First` takes all tokens,
    /// the others get none.
    pub fn take_as(
        self,
        priority: TokenPriority,
        rate: Rate,
        wanted: u32,
        now: Timestamp,
    ) -> TokensTaken {
        let capacity = rate.capacity - priority.leaves(rate.capacity);
        let full_at = self.full_at.max(now);
        let missing = full_at.duration_since(now).as_nanos();
        let spacing = rate.spacing.as_nanos().max(1);
        // Only whole tokens can be taken.
        let missing = (missing + spacing - 1) / spacing;
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let tokens = capacity.saturating_sub(missing).min(wanted.max(1));
        if tokens == 0 {
            let all_but_one = i32::try_from(capacity - 1).unwrap_or(i32::MAX);
            return TokensTaken::NotBefore(full_at - rate.spacing * all_but_one);
        }
        let taken = rate.spacing * i32::try_from(tokens).unwrap_or(i32::MAX);
        TokensTaken::Some {
            tokens,
            remaining: Self {
                full_at: full_at + taken,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("a time")
    }

    /// How many are taken in `ms`, asked for one by one as soon as there may be one.
    fn accepted(rate: Rate, ms: i64) -> u32 {
        let mut bucket = TokenBucket::full(at(0));
        let (mut now, mut taken) = (at(0), 0);
        while now < at(ms) {
            match bucket.take(rate, 1, now) {
                TokensTaken::Some { tokens, remaining } => {
                    taken += tokens;
                    bucket = remaining;
                }
                TokensTaken::NotBefore(then) => {
                    assert!(then > now, "it is said when to come again");
                    now = then;
                }
            }
        }
        taken
    }

    #[test]
    fn who_leaves_some_to_others_gets_none_while_they_take_all_and_the_rate_when_alone() {
        let rate = Rate::of(10, SignedDuration::from_secs(1)).expect("a rate");
        let full = TokenBucket::full(at(0));
        for (priority, first) in [
            (TokenPriority::First, 10),
            (TokenPriority::Middle, 8),
            (TokenPriority::Last, 5),
        ] {
            let TokensTaken::Some { tokens, remaining } = full.take_as(priority, rate, 100, at(0))
            else {
                panic!("{priority:?} finds tokens in a full bucket")
            };
            assert_eq!(tokens, first, "{priority:?}");
            let then = TokensTaken::NotBefore(at(100));
            assert_eq!(
                remaining.take_as(priority, rate, 1, at(0)),
                then,
                "{priority:?}"
            );
            let TokensTaken::Some { tokens, remaining } = remaining.take(rate, 100, at(0)) else {
                assert_eq!(priority, TokenPriority::First);
                continue;
            };
            assert_eq!(tokens, 10 - first, "the others find what was left");
            // One token a tenth of a second: who goes first takes it each time.
            let waits = remaining.take_as(priority, rate, 1, at(100));
            assert!(matches!(waits, TokensTaken::NotBefore(_)), "{priority:?}");
        }
    }

    #[test]
    fn in_the_long_run_the_rate_is_kept_and_used() {
        let a_second = SignedDuration::from_secs(1);
        for (tokens, period, least, most) in [
            (14, a_second, 14 * 100, 14 * 101),
            (1, a_second, 100, 101),
            (90, SignedDuration::from_mins(1), 150, 151),
            (6, SignedDuration::from_mins(1), 10, 11),
        ] {
            let rate = Rate::of(tokens, period).expect("a rate");
            let taken = accepted(rate, 100_000);
            assert!(
                (least..=most).contains(&taken),
                "{tokens} in {period:?}: {taken}"
            );
        }
    }

    #[test]
    fn a_bucket_holds_what_a_second_brings() {
        let rate = Rate::of(14, SignedDuration::from_secs(1)).expect("a rate");
        let taken = TokenBucket::full(at(0)).take(rate, 1_000, at(5_000));
        let TokensTaken::Some {
            tokens: 14,
            remaining,
        } = taken
        else {
            panic!("{taken:?}")
        };
        let TokensTaken::NotBefore(then) = remaining.take(rate, 1, at(5_000)) else {
            panic!("there are more")
        };
        assert!(then > at(5_000) && then <= at(5_072), "{then}");
        let rate = Rate::of(6, SignedDuration::from_mins(1)).expect("a rate");
        let taken = TokenBucket::full(at(0)).take(rate, 3, at(60_000));
        assert!(
            matches!(taken, TokensTaken::Some { tokens: 1, .. }),
            "{taken:?}"
        );
    }

    #[test]
    fn an_emptied_bucket_gives_nothing_until_then() {
        let rate = Rate::of_thousandths(14_000).expect("a rate");
        let emptied = TokenBucket::full(at(0)).empty_until(rate, at(5_000));
        assert_eq!(
            emptied.take(rate, 5, at(100)),
            TokensTaken::NotBefore(at(5_000))
        );
        assert!(matches!(
            emptied.take(rate, 1, at(5_000)),
            TokensTaken::Some { .. }
        ));
    }

    #[test]
    fn never_is_no_rate() {
        assert_eq!(Rate::of(0, SignedDuration::from_secs(1)), None);
        assert_eq!(Rate::of_thousandths(0), None);
        assert!(Rate::of(u32::MAX, SignedDuration::from_secs(1)).is_some());
    }
}
