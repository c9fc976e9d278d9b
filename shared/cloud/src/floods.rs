//! Accounts that send calls so fast that calls of other accounts would wait behind theirs in the
//! queues.
//!
//! Their wake-ups go to flood lanes, which never take all places of a queue, see
//! [`crate::aws::lanes`]. An environment counts what it sends itself, and uses the rate of the
//! account's rate limit for what all others send. That costs nothing, and an environment that has
//! just started sends at most [`MANY`] before it knows the rate. Calls that are deferred to the
//! same second are counted by that second, however slowly they arrive: when they are accepted, and
//! again when they are held until their time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use calls::{AccountId, QueuePriority};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::lanes::RunLane;

/// Wake-ups in a second above which an account floods: two batches, which two places carry out in a
/// fraction of a second.
const MANY: u32 = 20;

/// Above so many in a second, an environment also uses the rate of all environments, which counts
/// the calls of all priorities together.
const SOME: u32 = 5;

/// For how long an account counts as flooding after it was last found to flood.
const LASTS: SignedDuration = SignedDuration::from_secs(10);

/// Most accounts that are counted. One that is forgotten begins again at zero.
const COUNTED_MAX: usize = 10_000;

/// What one environment has sent, by account and priority: a flood of Low is not a flood of High.
/// Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Floods(Arc<Mutex<FloodCounts>>);

#[derive(Debug, Default)]
struct FloodCounts {
    now: BTreeMap<(AccountId, QueuePriority), FloodGauge>,
    /// By the second to which calls are deferred.
    deferred: BTreeMap<(AccountId, QueuePriority, i64), u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct FloodGauge {
    /// A second, and how many wake-ups were sent in it.
    second: i64,
    sent: u32,
    until: Option<Timestamp>,
}

impl Floods {
    /// Counts one more wake-up of an account. Returns whether it goes to a flood lane.
    /// `calls_per_second` is the account's rate over all environments.
    pub(crate) fn is_flooding(
        &self,
        account: &AccountId,
        priority: QueuePriority,
        calls_per_second: u32,
        now: Timestamp,
    ) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = entry(&mut counts.now, (account.clone(), priority));
        if gauge.second != now.as_second() {
            (gauge.second, gauge.sent) = (now.as_second(), 0);
        }
        gauge.sent = gauge.sent.saturating_add(1);
        if are_many(gauge.sent, calls_per_second) {
            gauge.until = Some(now + LASTS);
        }
        gauge.until.is_some_and(|until| now < until)
    }

    /// Counts one more wake-up for that second. Returns whether there are very many.
    fn is_one_of_many(
        &self,
        account: &AccountId,
        priority: QueuePriority,
        second: i64,
        calls_per_second: u32,
    ) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let deferred = entry(&mut counts.deferred, (account.clone(), priority, second));
        *deferred = deferred.saturating_add(1);
        are_many(*deferred, calls_per_second)
    }
}

const fn are_many(sent: u32, calls_per_second: u32) -> bool {
    sent > MANY || (sent > SOME && calls_per_second > MANY)
}

/// The counter of a key; at most so many are kept.
fn entry<K: Ord, V: Default>(counts: &mut BTreeMap<K, V>, key: K) -> &mut V {
    if counts.len() >= COUNTED_MAX && !counts.contains_key(&key) {
        counts.clear();
    }
    counts.entry(key).or_default()
}

impl Cloud {
    /// The lane of a wake-up that is sent now, so that others do not wait behind many of one
    /// account.
    pub(crate) fn lane_in_flood(
        &self,
        lane: RunLane,
        account: Option<&AccountId>,
        priority: QueuePriority,
        now: Timestamp,
    ) -> RunLane {
        let (RunLane::Own, Some(account)) = (&lane, account) else {
            return lane;
        };
        let calls_per_second = self.accounts.calls_per_second(account, now);
        match self
            .floods
            .is_flooding(account, priority, calls_per_second, now)
        {
            true => RunLane::Flood,
            false => lane,
        }
    }

    /// The lane of a wake-up that waits for its time: with others of its second if there are very
    /// many.
    pub fn lane_until(
        &self,
        at: Timestamp,
        account: Option<&AccountId>,
        priority: QueuePriority,
        now: Timestamp,
    ) -> RunLane {
        let Some(account) = account else {
            return RunLane::Own;
        };
        // Rounded up: never early.
        let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        let calls_per_second = self.accounts.calls_per_second(account, now);
        match self
            .floods
            .is_one_of_many(account, priority, second, calls_per_second)
        {
            true => RunLane::Deferred { second },
            false => RunLane::Own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::QueuePriority::{High, Low};

    #[test]
    fn who_sends_more_than_two_batches_a_second_floods_and_nobody_else_does() {
        let floods = Floods::default();
        let (one, other) = (AccountId("1".to_owned()), AccountId("2".to_owned()));
        let begins = Timestamp::from_second(1_800_000_000).expect("a time");
        let sends = |times: u32, now: Timestamp| {
            let sent = (0..times).filter(|_| floods.is_flooding(&one, Low, 0, now));
            sent.count()
        };
        for second in 0..5 {
            let now = begins + SignedDuration::from_secs(second);
            assert_eq!(
                sends(MANY, now),
                0,
                "as fast as that for as long as it likes"
            );
        }
        let now = begins + SignedDuration::from_secs(5);
        assert_eq!(sends(MANY + 30, now), 30);
        assert!(!floods.is_flooding(&other, Low, 0, now));
        assert!(
            !floods.is_flooding(&one, High, MANY + 30, now),
            "nor of High"
        );
        assert_eq!(sends(1, now + LASTS - SignedDuration::from_millis(1)), 1);
        assert_eq!(sends(1, now + LASTS), 0, "and then no more");
        // The rate of other environments counts, too, once it is used.
        let flooding = (0..SOME + 3).filter(|_| floods.is_flooding(&other, High, MANY + 1, now));
        assert_eq!(flooding.count(), 3);
    }

    #[test]
    fn calls_deferred_to_one_second_are_counted_by_it_however_slowly_they_come() {
        let floods = Floods::default();
        let one = AccountId("1".to_owned());
        let many = |times: u32, priority, second| {
            let counted = (0..times).filter(|_| floods.is_one_of_many(&one, priority, second, 0));
            counted.count()
        };
        assert_eq!(many(MANY + 5, Low, 1_800_000_000), 5);
        assert_eq!(many(MANY, Low, 1_800_000_001), 0, "another second");
        assert_eq!(many(MANY, High, 1_800_000_000), 0, "another priority");
        assert_eq!(many(1, Low, 1_800_000_000), 1, "an hour later, too");
    }
}
