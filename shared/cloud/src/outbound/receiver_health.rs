//! Receiver health: how quickly the receivers of callbacks answer, so that one that hangs delays
//! nobody else.
//!
//! | pk                                | sk                  | written by          | read by  |
//! |-----------------------------------|---------------------|---------------------|----------|
//! | hash of the account               | `RECEIVER#<origin>` | processor, notifier | the same |
//!
//! By account and origin (scheme, host and port): a slow receiver affects neither the account's
//! other receivers nor other accounts. It is written when it changes, unconditionally: it is a
//! hint, which only decides what waits for what. A function reads a receiver's record once in
//! [`REMEMBERED`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use calls::{AccountId, DeliveryResult};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::Cloud;
use crate::aws::table::Range;
use crate::error::Error;
pub use crate::outbound::receiver::{Pace, Receiver};
use crate::outbound::receiver_pause::PausedTime;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// How long a run or a batch waits for an answer before the receiver counts as slow: some three
/// times what a distant receiver takes. Waiting longer would occupy a place that others need.
pub const QUICK_MAX: Duration = Duration::from_millis(400);

/// How long a receiver counts as slow. Doubled each time in a row that it is slow again, up to the
/// longest: a receiver that is sometimes quick must not delay others each time.
const SLOW_FOR: SignedDuration = SignedDuration::from_mins(10);
const SLOW_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);

/// How long a function caches the health of a receiver.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(30);

/// The same for a receiver that is not known yet: its first attempt is in progress.
const UNKNOWN_REMEMBERED: SignedDuration = SignedDuration::from_secs(1);

/// Most receivers in the cache.
const RECEIVERS_MAX: usize = 10_000;

/// Slow receivers of an account above which its unknown receivers count as slow, too. First
/// attempts at ten of them occupy a place; so an account cannot get more places with more host
/// names.
const SLOW_ORIGINS_MAX: usize = 60;

/// Slow receivers of an account above which a function leaves first attempts at its unknown receivers to
/// an invocation that has just begun.
const SLOW_ORIGINS_FEW: usize = 3;

/// After this time a record says nothing any more. Longer than the longest that one counts as slow.
const RETENTION: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What is known of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Health {
    pace: Pace,
    /// Until when a slow one counts as slow; after that it is unknown.
    until: Timestamp,
    /// How often in a row it was slow.
    strikes: u32,
}

impl Health {
    const NONE: Self = Self {
        pace: Pace::Unknown,
        until: Timestamp::UNIX_EPOCH,
        strikes: 0,
    };

    fn pace_at(&self, now: Timestamp) -> Pace {
        match self.pace {
            Pace::Dawdling | Pace::Hanging if self.until <= now => Pace::Unknown,
            Pace::Unknown | Pace::Quick | Pace::Dawdling | Pace::Hanging => self.pace,
        }
    }

    fn is_slow(&self, now: Timestamp) -> bool {
        matches!(self.pace_at(now), Pace::Dawdling | Pace::Hanging)
    }

    /// The health after this observation; `None`: it does not change.
    fn seen(&self, pace: Pace, now: Timestamp) -> Option<Self> {
        let turned_slow = || {
            let longer = 1_i32.checked_shl(self.strikes.min(16)).unwrap_or(i32::MAX);
            Self {
                pace,
                until: now + SLOW_FOR.saturating_mul(longer).min(SLOW_FOR_MAX),
                strikes: self.strikes.saturating_add(1),
            }
        };
        match (self.pace_at(now), pace) {
            (_, Pace::Unknown)
            | (Pace::Quick, Pace::Quick)
            // It stays slow for its time, even if it is quick now.
            | (Pace::Dawdling, Pace::Quick | Pace::Dawdling)
            | (Pace::Hanging, Pace::Hanging) => None,
            (Pace::Unknown, Pace::Quick) => Some(Self {
                pace,
                until: now,
                // If it was slow long ago, the count begins again.
                strikes: match now.duration_since(self.until) > SLOW_FOR_MAX {
                    true => 0,
                    false => self.strikes,
                },
            }),
            // It answers again.
            (Pace::Hanging, Pace::Quick | Pace::Dawdling) => Some(Self {
                pace: Pace::Dawdling,
                ..*self
            }),
            (Pace::Dawdling, Pace::Hanging) => Some(Self { pace, ..*self }),
            (Pace::Unknown | Pace::Quick, Pace::Dawdling | Pace::Hanging) => Some(turned_slow()),
        }
    }
}

/// The receivers that this function has cached. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ReceiverHealth(Arc<Mutex<BTreeMap<Receiver, CachedHealth>>>);

#[derive(Clone, Copy, Debug)]
struct CachedHealth {
    health: Health,
    /// For an account: its unknown receivers count as slow.
    is_taken_for_slow: bool,
    paused: Option<PausedTime>,
    until: Timestamp,
}

impl CachedHealth {
    /// One that is paused is the notifier's, which puts its callbacks off.
    fn pace_at(&self, now: Timestamp) -> Pace {
        match self.health.pace_at(now) {
            _ if self.paused_until(now).is_some() => Pace::Hanging,
            Pace::Unknown if self.is_taken_for_slow => Pace::Hanging,
            pace @ (Pace::Unknown | Pace::Quick | Pace::Dawdling | Pace::Hanging) => pace,
        }
    }

    fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused.and_then(|paused| paused.ends_after(now))
    }
}

impl ReceiverHealth {
    fn recall(&self, receiver: &Receiver, now: Timestamp) -> Option<CachedHealth> {
        let known = self.known();
        known
            .get(receiver)
            .filter(|known| known.until > now)
            .copied()
    }

    fn remember(&self, receiver: &Receiver, remembered: CachedHealth, now: Timestamp) {
        let mut known = self.known();
        if known.len() >= RECEIVERS_MAX {
            known.retain(|_, known| known.until > now);
        }
        if known.len() < RECEIVERS_MAX {
            known.insert(receiver.clone(), remembered);
        }
    }

    /// Whether so many receivers of an account are known to be slow that its next one may well be, too.
    fn has_slow_of(&self, account: &AccountId, now: Timestamp) -> bool {
        let first = Receiver::before_all_of(account);
        let known = self.known();
        let of_account = known
            .range(first..)
            .take_while(|(receiver, _)| receiver.account() == account);
        let lately = of_account.filter(|(_, known)| known.until > now);
        let slow = lately.filter(|(_, known)| known.health.is_slow(now) || known.is_taken_for_slow);
        slow.take(SLOW_ORIGINS_FEW).count() >= SLOW_ORIGINS_FEW
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Receiver, CachedHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cloud {
    /// How quickly a receiver answers, as far as is known. If the record cannot be read, it is
    /// unknown.
    pub async fn pace(&self, receiver: &Receiver) -> Pace {
        let now = self.now();
        match self.health(receiver, now).await {
            Ok(known) => known.pace_at(now),
            Err(error) => {
                warn!(error = error.in_full(), "receiver health was not read");
                Pace::Unknown
            }
        }
    }

    /// Whether an attempt may well take as long as one may: its receiver is slow, or nobody knows it and its
    /// account has a few that this function knows as slow.
    pub fn may_take_long(&self, receiver: &Receiver, pace: Pace) -> bool {
        match pace {
            Pace::Quick => false,
            Pace::Dawdling | Pace::Hanging => true,
            Pace::Unknown => self.receivers.has_slow_of(receiver.account(), self.now()),
        }
    }

    async fn health(&self, receiver: &Receiver, now: Timestamp) -> Result<CachedHealth, Error> {
        if let Some(known) = self.receivers.recall(receiver, now) {
            return Ok(known);
        }
        let (health, paused) = self.stored_health(receiver).await?;
        let is_unknown = health.pace_at(now) == Pace::Unknown;
        let any = match is_unknown {
            true => {
                let any = Receiver::any_of(receiver.account());
                self.stored_health(&any).await?.0
            }
            false => Health::NONE,
        };
        let remembered = CachedHealth {
            health,
            is_taken_for_slow: any.is_slow(now),
            paused,
            until: match is_unknown {
                true => now + UNKNOWN_REMEMBERED,
                false => now + REMEMBERED,
            },
        };
        self.receivers.remember(receiver, remembered, now);
        Ok(remembered)
    }

    async fn stored_health(
        &self,
        receiver: &Receiver,
    ) -> Result<(Health, Option<PausedTime>), Error> {
        let Some(item) = self.calls.get(&receiver.key()).await? else {
            return Ok((Health::NONE, None));
        };
        let paused = PausedTime::of(&ItemReader(item.clone()))?;
        Ok((read(item)?, paused))
    }

    /// When the pause of a receiver ends, if it is paused. What cannot be read is not.
    pub(crate) async fn paused_until(
        &self,
        receiver: &Receiver,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match self.health(receiver, now).await {
            Ok(known) => known.paused_until(now),
            Err(error) => {
                warn!(error = error.in_full(), "receiver health was not read");
                None
            }
        }
    }

    /// The result of an attempt and its duration.
    pub async fn receiver_answered(
        &self,
        receiver: &Receiver,
        found: &DeliveryResult,
        took: Duration,
    ) {
        let is_late = took > QUICK_MAX;
        let pace = match found {
            DeliveryResult::TimedOut => Pace::Hanging,
            DeliveryResult::Unreachable(_) if is_late => Pace::Hanging,
            DeliveryResult::Taken | DeliveryResult::Status { .. } | DeliveryResult::Rejected
                if is_late =>
            {
                Pace::Dawdling
            }
            // It occupied no place, whatever happened.
            DeliveryResult::Unreachable(_)
            | DeliveryResult::Taken
            | DeliveryResult::Status { .. }
            | DeliveryResult::Rejected => Pace::Quick,
            // Nothing was sent.
            DeliveryResult::Forbidden | DeliveryResult::GivenUp => return,
        };
        self.note_pace(receiver, pace).await;
    }

    /// A quick answer has not come; a slow one may.
    pub async fn receiver_is_late(&self, receiver: &Receiver) {
        self.note_pace(receiver, Pace::Hanging).await;
    }

    /// An error is only logged: the next attempt shows the same.
    async fn note_pace(&self, receiver: &Receiver, pace: Pace) {
        let now = self.now();
        if let Err(error) = self.keep_pace(receiver, pace, now).await {
            warn!(error = error.in_full(), "receiver health was not noted");
        }
    }

    async fn keep_pace(
        &self,
        receiver: &Receiver,
        pace: Pace,
        now: Timestamp,
    ) -> Result<(), Error> {
        let known = self.health(receiver, now).await?;
        // A slow receiver is late each time, and answers.
        let is_no_news = pace == Pace::Hanging && known.pace_at(now) == Pace::Dawdling;
        let Some(health) = known.health.seen(pace, now).filter(|_| !is_no_news) else {
            return Ok(());
        };
        let was_slow = known.health.is_slow(now);
        let remembered = CachedHealth {
            health,
            is_taken_for_slow: false,
            paused: known.paused,
            until: now + REMEMBERED,
        };
        self.receivers.remember(receiver, remembered, now);
        self.keep_health(receiver, &health, now).await?;
        if health.is_slow(now) && !was_slow {
            self.count_slow_receivers(receiver, health, now).await?;
        }
        Ok(())
    }

    /// An account with too many slow receivers: its others are slow until they have been called.
    async fn count_slow_receivers(
        &self,
        receiver: &Receiver,
        health: Health,
        now: Timestamp,
    ) -> Result<(), Error> {
        let page = self
            .calls
            .query(&receiver.key().pk, Range::Prefix("RECEIVER#"), 100, None)
            .await?;
        let readable = page.items.into_iter().filter_map(|item| read(item).ok());
        if readable.filter(|health| health.is_slow(now)).count() >= SLOW_ORIGINS_MAX {
            let any = Receiver::any_of(receiver.account());
            self.keep_health(&any, &health, now).await?;
        }
        Ok(())
    }

    /// A pause in the same record stays.
    async fn keep_health(
        &self,
        receiver: &Receiver,
        health: &Health,
        now: Timestamp,
    ) -> Result<(), Error> {
        let item = ItemWriter::over(Item::new())
            .text("account", &receiver.account().0)
            .text("origin", receiver.origin())
            .json("health", health)
            .expires(Some(now + RETENTION))
            .done();
        self.calls.merge(&receiver.key(), item).await
    }
}

fn read(item: Item) -> Result<Health, Error> {
    let item = ItemReader(item);
    match item.has("health") {
        true => item.json("health"),
        false => Ok(Health::NONE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(100_000 + minutes)
    }

    /// Observations, each a letter with its minute, and the resulting health.
    fn after(seen: &[(i64, Pace)]) -> Health {
        let mut health = Health::NONE;
        for (minute, pace) in seen {
            health = health.seen(*pace, at(*minute)).unwrap_or(health);
        }
        health
    }

    #[test]
    fn who_was_slow_counts_as_slow_for_ten_minutes() {
        for slow in [Pace::Dawdling, Pace::Hanging] {
            for before in [&[][..], &[(0, Pace::Quick)]] {
                let mut seen = before.to_vec();
                seen.extend([(1, slow), (2, Pace::Quick)]);
                let health = after(&seen);
                // A receiver that hung and answers again gets several attempts at a time.
                assert_eq!(health.pace_at(at(10)), Pace::Dawdling, "{seen:?}");
                assert_eq!(health.pace_at(at(11)), Pace::Unknown, "{seen:?}");
            }
        }
    }

    #[test]
    fn who_is_slow_again_counts_as_slow_for_longer() {
        let again = [
            (0, Pace::Hanging),
            (11, Pace::Quick),
            (12, Pace::Hanging),
            (33, Pace::Quick),
            (34, Pace::Hanging),
        ];
        assert_eq!(after(&again[..3]).pace_at(at(31)), Pace::Hanging);
        assert_eq!(after(&again[..3]).pace_at(at(32)), Pace::Unknown);
        assert_eq!(after(&again).pace_at(at(73)), Pace::Hanging);
        let often: Vec<_> = (0..40).map(|n| (n * 10_000, Pace::Hanging)).collect();
        assert!(after(&often).until <= at(390_000) + SLOW_FOR_MAX);
        let long_after = [(0, Pace::Hanging), (3_000, Pace::Quick)];
        assert_eq!(after(&long_after).strikes, 0);
    }

    #[test]
    fn what_is_known_already_is_not_written_again() {
        let known = [Pace::Quick, Pace::Dawdling, Pace::Hanging];
        for pace in known {
            assert_eq!(after(&[(0, pace)]).seen(pace, at(1)), None);
        }
    }

    #[test]
    fn an_account_with_slow_receivers_is_known_as_such_for_as_long_as_that_is_remembered() {
        let receivers = ReceiverHealth::default();
        let remember = |account: &str, number: usize, pace: Pace| {
            let address = format!("https://{number}.example");
            let receiver = Receiver::of(&AccountId(account.to_owned()), &address);
            let remembered = CachedHealth {
                health: after(&[(0, pace)]),
                is_taken_for_slow: false,
                paused: None,
                until: at(0) + REMEMBERED,
            };
            receivers.remember(&receiver, remembered, at(0));
        };
        for number in 0..SLOW_ORIGINS_FEW {
            remember("1", number, Pace::Quick);
            remember("2", number, Pace::Hanging);
        }
        for number in 1..SLOW_ORIGINS_FEW {
            remember("3", number, Pace::Dawdling);
        }
        let slow = |account: &str, now| receivers.has_slow_of(&AccountId(account.to_owned()), now);
        let known = ["1", "2", "3"].map(|account| slow(account, at(0)));
        assert_eq!(known, [false, true, false]);
        assert!(!slow("2", at(1)));
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let receivers = ReceiverHealth::default();
        let remember = |number: usize, now| {
            let receiver = Receiver::of(&AccountId(number.to_string()), "https://a.example");
            let remembered = CachedHealth {
                health: Health::NONE,
                is_taken_for_slow: false,
                paused: None,
                until: now + REMEMBERED,
            };
            receivers.remember(&receiver, remembered, now);
        };
        (0..=RECEIVERS_MAX).for_each(|number| remember(number, at(0)));
        assert_eq!(receivers.known().len(), RECEIVERS_MAX);
        remember(RECEIVERS_MAX, at(1));
        assert_eq!(receivers.known().len(), 1);
    }
}
