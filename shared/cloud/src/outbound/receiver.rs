//! A receiver of callbacks: an origin, as one account knows it, and where wake-ups for it wait.

use calls::{AccountId, ConversationKey};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::accounts::hashed;
use crate::aws::lanes::{Lane, LaneClass, number_of};
use crate::aws::table::Key;

/// Stands for all receivers of an account that are not known yet.
const ANY: &str = "*";

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

    pub(crate) fn any_of(account: &AccountId) -> Self {
        Self {
            account: account.clone(),
            origin: ANY.to_owned(),
        }
    }

    /// No receiver: where those of an account begin in their order.
    pub(crate) fn before_all_of(account: &AccountId) -> Self {
        Self {
            account: account.clone(),
            origin: String::new(),
        }
    }

    pub(crate) fn key(&self) -> Key {
        let pk = receivers_of(&self.account);
        Key::new(pk, format!("RECEIVER#{}", hashed(&[&self.origin])))
    }

    pub(crate) const fn account(&self) -> &AccountId {
        &self.account
    }

    /// Its scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where wake-ups for replies to this receiver wait, so that it holds up nobody else.
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
            // Any, so that one that takes its time is asked by several at once.
            Pace::Dawdling => slow(number_of(&conversation.0)),
            // Always the same, so that it is asked by one at a time.
            Pace::Hanging => slow(number_of(&self.origin)),
        }
    }
}

/// The partition of all receivers of an account.
pub(crate) fn receivers_of(account: &AccountId) -> String {
    hashed(&["RECEIVERS", &account.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_hangs_has_one_lane_and_one_that_dawdles_has_all() {
        let account = AccountId("1 # \u{e9}".to_owned());
        let receiver = Receiver::of(&account, "https://shop.example.com:444/a?b");
        assert_eq!(receiver.origin(), "https://shop.example.com:444");
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
}
