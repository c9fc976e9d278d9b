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
    pub since: Timestamp,
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

    pub(crate) fn is_of(&self, conversation: &Conversation) -> bool {
        let account = self.account.as_ref();
        account.is_none_or(|account| *account == conversation.account)
            && self.priority.is_none_or(|it| it == conversation.priority)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.account == other.account && self.priority == other.priority
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
    fn each_pause_has_a_name_of_its_own_that_is_a_part_of_keys() {
        let of = |account: Option<&str>, priority| Pause {
            account: account.map(|id| AccountId(id.to_owned())),
            priority,
            since: Timestamp::UNIX_EPOCH,
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
