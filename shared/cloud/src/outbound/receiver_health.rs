//! Whose receivers answer callbacks quickly, as far as this process has seen.
//!
//! Whoever carries out a call waits for its receiver only where that costs next to nothing: a
//! receiver that hangs must not hold up the calls of others. Judged by account, so that nobody gets
//! more patience by using many addresses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use calls::{AccountId, DeliveryResult};
use jiff::{SignedDuration, Timestamp};

/// An answer that took longer is slow: some six times what a receiver far away takes.
const QUICK_MAX: Duration = Duration::from_secs(1);

/// How long an account's receivers count as slow after one of them was.
const SLOW_FOR: SignedDuration = SignedDuration::from_mins(10);

/// Most accounts that are remembered; those beyond are waited for.
const REMEMBERED_MAX: usize = 10_000;

/// Until when the receivers of an account count as slow. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ReceiverHealth(Arc<Mutex<BTreeMap<AccountId, Timestamp>>>);

impl ReceiverHealth {
    pub fn are_quick(&self, account: &AccountId, now: Timestamp) -> bool {
        self.slow_until()
            .get(account)
            .is_none_or(|until| *until <= now)
    }

    /// What an attempt came to, and the time that it took.
    pub fn answered(
        &self,
        account: &AccountId,
        found: &DeliveryResult,
        took: Duration,
        now: Timestamp,
    ) {
        let hangs = match found {
            DeliveryResult::TimedOut | DeliveryResult::Unreachable => true,
            DeliveryResult::Taken
            | DeliveryResult::Status { .. }
            | DeliveryResult::Forbidden
            | DeliveryResult::Rejected => took > QUICK_MAX,
        };
        if !hangs {
            return;
        }
        let mut slow_until = self.slow_until();
        if slow_until.len() >= REMEMBERED_MAX {
            slow_until.retain(|_, until| *until > now);
        }
        if slow_until.len() < REMEMBERED_MAX {
            slow_until.insert(account.clone(), now + SLOW_FOR);
        }
    }

    fn slow_until(&self) -> MutexGuard<'_, BTreeMap<AccountId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const SOON: Duration = Duration::from_millis(150);

    fn account(name: &str) -> AccountId {
        AccountId(name.to_owned())
    }

    #[test]
    fn who_hangs_is_not_waited_for_until_ten_minutes_have_passed() {
        let receivers = ReceiverHealth::default();
        for (name, found, took) in [
            ("hangs", DeliveryResult::TimedOut, Duration::from_secs(15)),
            ("gone", DeliveryResult::Unreachable, SOON),
            ("slow", DeliveryResult::Taken, Duration::from_millis(1_001)),
        ] {
            assert!(receivers.are_quick(&account(name), NOW), "{name}");
            receivers.answered(&account(name), &found, took, NOW);
            assert!(!receivers.are_quick(&account(name), NOW), "{name}");
            assert!(
                receivers.are_quick(&account(name), NOW + SLOW_FOR),
                "{name}"
            );
        }
        assert!(receivers.are_quick(&account("another"), NOW));
    }

    #[test]
    fn who_answers_at_once_is_waited_for_whatever_the_answer() {
        let receivers = ReceiverHealth::default();
        let busy = DeliveryResult::Status {
            status: 503,
            retry_after_s: None,
        };
        for found in [DeliveryResult::Taken, busy, DeliveryResult::Forbidden] {
            receivers.answered(&account("1"), &found, SOON, NOW);
            assert!(receivers.are_quick(&account("1"), NOW), "{found:?}");
        }
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let receivers = ReceiverHealth::default();
        let hangs = |number: usize, now| {
            let account = account(&number.to_string());
            receivers.answered(&account, &DeliveryResult::TimedOut, SOON, now);
        };
        (0..=REMEMBERED_MAX).for_each(|number| hangs(number, NOW));
        assert_eq!(receivers.slow_until().len(), REMEMBERED_MAX);
        hangs(REMEMBERED_MAX, NOW + SLOW_FOR);
        assert_eq!(receivers.slow_until().len(), 1);
    }
}
