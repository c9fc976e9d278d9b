//! What a person has paused: calls of an account, of a priority, or both. They are taken in, answered and
//! kept, and wait; replies and retrievals go on.
//!
//! A pause stands in the record of the switch for maintenance, which everybody who carries something out
//! reads anyway and remembers for a second: it costs nothing more. What waits for its end lies in parts of
//! the index `due` of its own, as what waits for a backend does, under the pause's name: there it is out of
//! the way of what is due, and goes on when the pause is over, High first, in the order of acceptance, a
//! growing number each minute.

use calls::{AccountId, BackendName, Conversation, QueuePriority, hash_parts, hex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the names of pauses begin; no backend may be called so.
pub const PAUSE_PREFIX: &str = "pause-";

/// Digits of a hash in a pause's name.
const NAME_DIGITS: usize = 16;

/// Something that is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `None`: of all accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// `None`: of all priorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<QueuePriority>,
    /// From then on.
    pub since: Timestamp,
    /// `None`: until a person says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    pub reason: String,
}

impl Pause {
    /// What waits for it waits under this name.
    pub fn name(&self) -> Option<BackendName> {
        let account = self
            .account
            .as_ref()
            .map_or("", |account| account.0.as_str());
        let priority = self.priority.map_or("", QueuePriority::name);
        let hash = hex(&hash_parts(&["pause", account, priority]));
        let digits = hash.get(..NAME_DIGITS)?;
        BackendName::parse(&format!("{PAUSE_PREFIX}{digits}"))
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Whether it holds that conversation back.
    pub(crate) fn holds(&self, conversation: &Conversation, now: Timestamp) -> bool {
        let account = self.account.as_ref();
        let is_time = self.since <= now && !self.is_over(now);
        is_time
            && account.is_none_or(|account| *account == conversation.account)
            && self.priority.is_none_or(|it| it == conversation.priority)
    }

    /// Of the same calls, at whatever time.
    pub(crate) fn is_of_same(&self, other: &Self) -> bool {
        self.account == other.account && self.priority == other.priority
    }

    /// Of the same calls for the same time; without an end it does not matter since when.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let has_same_time =
            self.until == other.until && (self.until.is_none() || self.since == other.since);
        self.is_of_same(other) && has_same_time
    }
}

/// Whether what waits under a name waits for a pause, and not for a backend.
pub fn is_pause(name: &BackendName) -> bool {
    name.as_str().starts_with(PAUSE_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_holds_from_its_beginning_until_its_end() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let conversation = Conversation {
            account: AccountId("7001".to_owned()),
            conversation_id: None,
            calls_in_conversation: 1.try_into().expect("not zero"),
            arrived: calls::ReceivedSet::default(),
            subscribers_at_end: calls::ReceivedSet::default(),
            last_arrival: at(0),
            priority: QueuePriority::Low,
            phase: calls::Phase::Gathering,
            due: calls::Due::Never,
            waits_for: None,
            queue_place: None,
            undelivered: None,
        };
        let pause = |until| Pause {
            account: Some(AccountId("7001".to_owned())),
            priority: None,
            since: at(10),
            until,
            reason: String::new(),
        };
        let holds = |pause: Pause| [9, 10, 19, 20].map(|now| pause.holds(&conversation, at(now)));
        assert_eq!(holds(pause(Some(at(20)))), [false, true, true, false]);
        assert_eq!(holds(pause(None)), [false, true, true, true]);
        assert!(pause(None).is_of_same(&pause(Some(at(20)))));
        assert!(!pause(None).is_same(&pause(Some(at(20)))));
    }

    #[test]
    fn each_pause_has_a_name_of_its_own_that_is_a_part_of_keys() {
        let of = |account: Option<&str>, priority| Pause {
            account: account.map(|id| AccountId(id.to_owned())),
            priority,
            since: Timestamp::UNIX_EPOCH,
            until: None,
            reason: String::new(),
        };
        let pauses = [
            of(Some("7001"), None),
            of(Some("7001"), Some(QueuePriority::Low)),
            of(Some("7002"), None),
            of(None, Some(QueuePriority::Low)),
            of(None, None),
        ];
        let mut names: Vec<BackendName> = pauses.iter().filter_map(Pause::name).collect();
        assert!(names.iter().all(is_pause));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), pauses.len());
    }
}
