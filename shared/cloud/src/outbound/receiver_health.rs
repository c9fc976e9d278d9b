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

use calls::{AccountId, ConversationKey, DeliveryResult};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;
use url::Url;

use crate::Cloud;
use crate::accounts::hashed;
use crate::aws::lanes::{Lane, LaneClass, number_of};
use crate::aws::table::{Key, Range};
use crate::error::Error;
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

/// Stands for all receivers of an account that are not known yet.
const ANY: &str = "*";

/// After this time a record has no effect. Longer than the longest time for which a receiver counts
/// as slow.
const RETENTION: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How quickly a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pace {
    /// It was not called lately: it gets one attempt at a time.
    Unknown,
    /// The run that carries out a call waits for it.
    Quick,
    /// It answers slowly.
    Dawdling,
    /// It does not answer in time, or has not answered yet: it gets one attempt at a time.
    Hanging,
}

/// One receiver, as its account knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receiver {
    account: AccountId,
    origin: String,
}

impl Receiver {
    pub fn of(account: &AccountId, address: &str) -> Self {
        let origin = Url::parse(address).map(|url| url.origin().ascii_serialization());
        Self {
            account: account.clone(),
            // Nothing is posted to a text that is not an address.
            origin: origin.unwrap_or_default(),
        }
    }

    fn any_of(account: &AccountId) -> Self {
        Self {
            account: account.clone(),
            origin: ANY.to_owned(),
        }
    }

    fn key(&self) -> Key {
        let pk = hashed(&["RECEIVERS", &self.account.0]);
        Key::new(pk, format!("RECEIVER#{}", hashed(&[&self.origin])))
    }

    /// The lane in which replies to this receiver wait, so that it delays nobody else.
    pub fn lane(&self, pace: Pace, class: LaneClass, conversation: &ConversationKey) -> Lane {
        let slow = |number| Lane::Slow {
            account: self.account.clone(),
            class,
            number,
        };
        match pace {
            Pace::Quick => Lane::Conversation,
            Pace::Unknown => Lane::FirstContact {
                account: self.account.clone(),
                class,
            },
            // Any lane, so that a slow receiver gets several attempts at a time.
            Pace::Dawdling => slow(number_of(&conversation.0)),
            // Always the same lane, so that it gets one attempt at a time.
            Pace::Hanging => slow(number_of(&self.origin)),
        }
    }
}

/// What is known about a receiver.
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
    until: Timestamp,
}

impl CachedHealth {
    fn pace_at(&self, now: Timestamp) -> Pace {
        match self.health.pace_at(now) {
            Pace::Unknown if self.is_taken_for_slow => Pace::Hanging,
            pace @ (Pace::Unknown | Pace::Quick | Pace::Dawdling | Pace::Hanging) => pace,
        }
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

    fn has_slow_of(&self, account: &AccountId, now: Timestamp) -> bool {
        let first = Receiver {
            account: account.clone(),
            origin: String::new(),
        };
        let known = self.known();
        let of_account = known
            .range(first..)
            .take_while(|(receiver, _)| receiver.account == *account);
        let mut lately = of_account.filter(|(_, known)| known.until > now);
        lately.any(|(_, known)| known.health.is_slow(now) || known.is_taken_for_slow)
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
    /// account has others that this function knows as slow.
    pub fn may_take_long(&self, receiver: &Receiver, pace: Pace) -> bool {
        match pace {
            Pace::Quick => false,
            Pace::Dawdling | Pace::Hanging => true,
            Pace::Unknown => self.receivers.has_slow_of(&receiver.account, self.now()),
        }
    }

    async fn health(&self, receiver: &Receiver, now: Timestamp) -> Result<CachedHealth, Error> {
        if let Some(known) = self.receivers.recall(receiver, now) {
            return Ok(known);
        }
        let health = self.cached_health(receiver).await?;
        let is_unknown = health.pace_at(now) == Pace::Unknown;
        let any = match is_unknown {
            true => {
                self.cached_health(&Receiver::any_of(&receiver.account))
                    .await?
            }
            false => Health::NONE,
        };
        let remembered = CachedHealth {
            health,
            is_taken_for_slow: any.is_slow(now),
            until: match is_unknown {
                true => now + UNKNOWN_REMEMBERED,
                false => now + REMEMBERED,
            },
        };
        self.receivers.remember(receiver, remembered, now);
        Ok(remembered)
    }

    async fn cached_health(&self, receiver: &Receiver) -> Result<Health, Error> {
        let item = self.calls.get(&receiver.key()).await?;
        item.map_or(Ok(Health::NONE), read)
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
            DeliveryResult::Unreachable if is_late => Pace::Hanging,
            DeliveryResult::Taken | DeliveryResult::Status { .. } | DeliveryResult::Rejected
                if is_late =>
            {
                Pace::Dawdling
            }
            // It occupied no place, whatever happened.
            DeliveryResult::Unreachable
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
            until: now + REMEMBERED,
        };
        self.receivers.remember(receiver, remembered, now);
        self.calls.put(write(receiver, &health, now)).await?;
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
            let any = Receiver::any_of(&receiver.account);
            self.calls.put(write(&any, &health, now)).await?;
        }
        Ok(())
    }
}

fn write(receiver: &Receiver, health: &Health, now: Timestamp) -> Item {
    ItemWriter::new(receiver.key())
        .text("account", &receiver.account.0)
        .text("origin", &receiver.origin)
        .json("health", health)
        .expires(Some(now + RETENTION))
        .done()
}

fn read(item: Item) -> Result<Health, Error> {
    ItemReader(item).json("health")
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
    fn one_that_hangs_has_one_lane_and_one_that_dawdles_has_all() {
        let account = AccountId("1 # \u{e9}".to_owned());
        let receiver = Receiver::of(&account, "https://shop.example.com:444/a?b");
        assert_eq!(receiver.origin, "https://shop.example.com:444");
        let lanes = |pace| {
            let conversations = (0..100).map(|number| ConversationKey(number.to_string()));
            let class = LaneClass::Usual;
            let groups = conversations.map(|key| receiver.lane(pace, class, &key).group(&key, 5));
            groups.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(lanes(Pace::Hanging), 1);
        assert_eq!(lanes(Pace::Unknown), 1);
        assert_eq!(lanes(Pace::Dawdling), 3);
        assert_eq!(
            lanes(Pace::Quick),
            100,
            "no lane but the conversation's own"
        );
    }

    #[test]
    fn an_account_with_a_slow_receiver_is_known_as_such_for_as_long_as_that_is_remembered() {
        let receivers = ReceiverHealth::default();
        let remember = |account: &str, pace: Pace| {
            let receiver = Receiver::of(&AccountId(account.to_owned()), "https://a.example");
            let remembered = CachedHealth {
                health: after(&[(0, pace)]),
                is_taken_for_slow: false,
                until: at(0) + REMEMBERED,
            };
            receivers.remember(&receiver, remembered, at(0));
        };
        remember("1", Pace::Quick);
        remember("2", Pace::Hanging);
        remember("3", Pace::Quick);
        let slow = |account: &str, now| receivers.has_slow_of(&AccountId(account.to_owned()), now);
        assert_eq!(
            ["1", "2", "3"].map(|it| slow(it, at(0))),
            [false, true, false]
        );
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
