//! Lanes: message groups for work that may take long, so that one account takes a bounded share of
//! a function's places.
//!
//! The queue gives a message group to one invocation at a time. An account has lanes for its share
//! of a queue, a quarter of the queue's places, and at least one. So nothing has to be counted, and
//! with two places one of them stays free. An invocation that posts a reply and waits for its receiver
//! meanwhile takes on replies of others, so that a lane of replies takes no place from anybody, and
//! every account has a few of them. The lanes for floods are one set for all accounts that flood:
//! however many there are, they leave the same places free.

use calls::{AccountId, Conversation, ConversationKey, QueuePriority, hash_parts, hex};
use serde::{Deserialize, Serialize};

/// A conversation of more calls takes long. One with this many takes half a second.
const MANY_CALLS: u32 = 20;

/// Fewest lanes for replies of an account: one for receivers that are not known yet, two for slow
/// ones, and one for High, so that none of these waits behind another.
const REPLY_LANES_MIN: u32 = 4;

/// Concurrent invocations of each queue, from the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    pub high: u32,
    pub medium: u32,
    pub low: u32,
    pub replies: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Calls(QueuePriority),
    Replies,
}

impl Concurrency {
    pub const fn of(self, queue: Queue) -> u32 {
        match queue {
            Queue::Calls(QueuePriority::High) => self.high,
            Queue::Calls(QueuePriority::Medium) => self.medium,
            Queue::Calls(QueuePriority::Low) => self.low,
            Queue::Replies => self.replies,
        }
    }

    /// How many lanes an account has.
    pub fn lanes(self, queue: Queue) -> u32 {
        let least = match queue {
            Queue::Calls(_) => 1,
            Queue::Replies => REPLY_LANES_MIN,
        };
        (self.of(queue) / 4).max(least)
    }

    /// How many flood lanes there are. Accounts that flood may use idle places, except a quarter
    /// that stays free for the next calls of other accounts and for [`Self::deferred_lanes`].
    fn flood_lanes(self, queue: Queue) -> u32 {
        let kept_free = self.lanes(queue) + u32::from(self.lanes(queue) < 2);
        self.of(queue).saturating_sub(kept_free).max(1)
    }

    /// In how many lanes very many calls of one second wait for it: one less than stay free beside
    /// the flood lanes. When their time has come they only move to the flood lanes, which takes a
    /// moment.
    fn deferred_lanes(self, queue: Queue) -> u32 {
        self.lanes(queue).saturating_sub(1).max(1)
    }

    /// Whether calls that wait for their second have lanes beside the flood lanes. With two places
    /// they cannot, since both would be taken.
    pub fn defers_beside_floods(self, queue: Queue) -> bool {
        self.of(queue) > 2
    }

    /// The message group of a wake-up: no two messages of a group are in flight at the same time.
    pub(crate) fn group(self, queue: Queue, lane: &RunLane, target: &ConversationKey) -> String {
        let in_one_of = |kind: &str, account: &AccountId, lanes: u32| {
            let number = number_of(&target.0) % lanes.max(1);
            format!("{kind}-{number}-{}", of_account(account))
        };
        match lane {
            RunLane::Own => target.0.clone(),
            RunLane::Long { account } => in_one_of("long", account, self.lanes(queue)),
            RunLane::Flood => self.flood_group(queue, target),
            RunLane::Deferred { second } if self.defers_beside_floods(queue) => {
                let number = number_of(&target.0) % self.deferred_lanes(queue);
                format!("deferred-{number}-{second}")
            }
            RunLane::Deferred { .. } => self.flood_group(queue, target),
        }
    }

    fn flood_group(self, queue: Queue, target: &ConversationKey) -> String {
        let number = number_of(&target.0) % self.flood_lanes(queue);
        format!("flood-{number}")
    }
}

/// The lane of a wake-up for a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunLane {
    /// A group of its conversation, or of the ordered queue that its call is in.
    #[default]
    Own,
    /// A lane of its account for long work.
    Long { account: AccountId },
    /// A flood lane.
    Flood,
    /// A lane for very many calls that wait for this second, in Unix time: nothing that may run
    /// earlier waits behind it.
    Deferred { second: i64 },
}

impl RunLane {
    /// The lane of a conversation at its beginning.
    pub fn of(conversation: &Conversation) -> Self {
        match conversation.calls_in_conversation.get() > MANY_CALLS {
            true => Self::long(conversation),
            false => Self::Own,
        }
    }

    /// The lane of a conversation that takes long. An ordered queue has only one place in any case.
    pub fn long(conversation: &Conversation) -> Self {
        match conversation.queue() {
            Some(_) => Self::Own,
            None => Self::Long {
                account: conversation.account.clone(),
            },
        }
    }

    pub(crate) fn is_own(&self) -> bool {
        *self == Self::Own
    }
}

/// The lane of a wake-up for a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lane {
    /// The group of its conversation.
    #[default]
    Conversation,
    /// The lane of an account for receivers that are not known yet.
    FirstContact {
        account: AccountId,
        class: LaneClass,
    },
    /// A lane of an account for slow receivers; `number` says which.
    Slow {
        account: AccountId,
        class: LaneClass,
        number: u32,
    },
}

/// Replies to High calls have a lane of their own, so that they do not wait behind others of their
/// account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LaneClass {
    High,
    Usual,
}

impl LaneClass {
    pub fn of(priority: QueuePriority) -> Self {
        match priority {
            QueuePriority::High => Self::High,
            QueuePriority::Medium | QueuePriority::Low => Self::Usual,
        }
    }
}

impl Lane {
    pub(crate) fn is_conversation(&self) -> bool {
        *self == Self::Conversation
    }

    /// The message group: the last lane is for High, the first one for receivers that are not known
    /// yet, and the others are for slow receivers.
    pub(crate) fn group(&self, conversation: &ConversationKey, lanes: u32) -> String {
        let last = lanes.saturating_sub(1);
        let (account, number) = match self {
            Self::Conversation => return conversation.0.clone(),
            Self::FirstContact { account, class } | Self::Slow { account, class, .. }
                if *class == LaneClass::High =>
            {
                (account, last)
            }
            Self::FirstContact { account, .. } => (account, 0),
            Self::Slow {
                account, number, ..
            } => (account, 1 + number % last.saturating_sub(1).max(1)),
        };
        format!("lane-{number}-{}", of_account(account))
    }
}

/// The id of an account may be longer than the name of a group.
fn of_account(account: &AccountId) -> String {
    hex(&hash_parts(&["LANE", &account.0]))
}

/// A number derived from a text, always the same for the same text.
pub(crate) fn number_of(text: &str) -> u32 {
    let hash = hex(&hash_parts(&[text]));
    let digits = hash.get(..4).unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn account() -> AccountId {
        AccountId("1 # \u{e9}".to_owned())
    }

    fn concurrency(places: u32) -> Concurrency {
        Concurrency {
            high: places,
            medium: places,
            low: places,
            replies: places,
        }
    }

    #[test]
    fn an_account_has_a_quarter_of_the_places_and_one_at_least() {
        for (places, lanes) in [(2, 1), (4, 1), (7, 1), (8, 2), (20, 5), (1_000, 250)] {
            let concurrency = concurrency(places);
            let calls = Queue::Calls(QueuePriority::Low);
            assert_eq!(concurrency.lanes(calls), lanes, "{places} places");
            let replies = concurrency.lanes(Queue::Replies);
            assert_eq!(replies, lanes.max(REPLY_LANES_MIN), "{places} places");
        }
    }

    /// All groups in which replies of an account can wait, except those of their conversations.
    fn groups(lanes: u32, class: LaneClass) -> BTreeSet<String> {
        let key = ConversationKey("c".to_owned());
        let first = Lane::FirstContact {
            account: account(),
            class,
        };
        let slow = (0..500).map(|number| Lane::Slow {
            account: account(),
            class,
            number,
        });
        let all = slow.chain([first]);
        all.map(|lane| lane.group(&key, lanes)).collect()
    }

    #[test]
    fn replies_of_an_account_wait_in_no_more_groups_than_it_has_lanes() {
        for lanes in REPLY_LANES_MIN..10 {
            let (high, usual) = (
                groups(lanes, LaneClass::High),
                groups(lanes, LaneClass::Usual),
            );
            let all: BTreeSet<_> = high.union(&usual).collect();
            assert_eq!(all.len(), usize::try_from(lanes).expect("few"));
            assert_eq!(high.len(), 1);
            assert!(high.is_disjoint(&usual), "{lanes} lanes");
        }
    }

    /// The groups in which wake-ups of an account wait.
    fn run_groups(places: u32, lane: &RunLane) -> usize {
        let queue = Queue::Calls(QueuePriority::Medium);
        let keys = (0..2_000).map(|number| ConversationKey(number.to_string()));
        let groups = keys.map(|key| concurrency(places).group(queue, lane, &key));
        groups.collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn what_takes_long_waits_in_as_many_groups_as_there_are_lanes() {
        let account = account();
        assert_eq!(run_groups(20, &RunLane::Long { account }), 5);
    }

    #[test]
    fn floods_leave_a_quarter_of_the_places_to_others_and_one_at_least() {
        for (places, groups) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (8, 6), (20, 15)] {
            assert_eq!(
                run_groups(places, &RunLane::Flood),
                groups,
                "{places} places"
            );
        }
        assert_eq!(run_groups(2, &RunLane::Own), 2_000);
    }

    /// Those that wait for their second, and those that have waited together.
    #[test]
    fn a_flood_of_deferred_calls_leaves_a_place_free_too() {
        let queue = Queue::Calls(QueuePriority::Medium);
        for places in 2..=50 {
            let concurrency = concurrency(places);
            let keys = (0..2_000).map(|number| ConversationKey(number.to_string()));
            let groups = keys.flat_map(|key| {
                [RunLane::Flood, RunLane::Deferred { second: 7 }]
                    .map(|lane| concurrency.group(queue, &lane, &key))
            });
            let groups = groups.collect::<BTreeSet<_>>().len();
            assert!(
                groups < usize::try_from(places).expect("few"),
                "{groups} of {places} places"
            );
        }
    }
}
