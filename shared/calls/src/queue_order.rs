//! The order and the rate in which the calls alone of an account or an API client are begun, by priority.
//!
//! Calls outside any conversation run side by side, unless their account says `received` or a rate:
//! then those of one priority stand in one queue of the account, by the number of their acceptance,
//! and are carried out one after another. Where the account says nothing, those of an API client that
//! does stand in a queue of that client. See docs/decisions/0016.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::call::{AccountId, Call, ConversationKey};
use crate::options::QueuePriority;
use crate::token_bucket::Rate;

/// In which order an account's calls alone are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueOrder {
    /// Side by side, as a rule as they were accepted.
    #[default]
    Unordered,
    /// One after another, strictly as they were accepted.
    Received,
}

/// How often they may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRate {
    pub calls: u32,
    pub per: RatePeriod,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RatePeriod {
    Second,
    Minute,
}

impl QueueRate {
    /// `None`: it never lets any begin, which no account can mean.
    pub fn rate(self) -> Option<Rate> {
        let period = match self.per {
            RatePeriod::Second => SignedDuration::from_secs(1),
            RatePeriod::Minute => SignedDuration::from_mins(1),
        };
        Rate::of(self.calls, period)
    }
}

/// What an account or an API client says of its calls alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSettings {
    pub order: QueueOrder,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rates: BTreeMap<QueuePriority, QueueRate>,
}

impl QueueSettings {
    pub fn rate(&self, priority: QueuePriority) -> Option<Rate> {
        self.rates.get(&priority).copied().and_then(QueueRate::rate)
    }

    fn hold(&self, priority: QueuePriority) -> bool {
        self.order == QueueOrder::Received || self.rates.contains_key(&priority)
    }
}

/// An API client, by the hash under which its record stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientKey(pub String);

/// What an API client says of its calls alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientQueue {
    pub client: ClientKey,
    pub settings: QueueSettings,
}

/// What is said of the calls alone of one caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerQueues {
    pub account: QueueSettings,
    pub client: Option<ClientQueue>,
}

impl CallerQueues {
    /// Whose queue a call stands in; `None`: in nobody's. The account's order is that of all its calls,
    /// so its queue comes first.
    pub fn owner_for(&self, call: &Call) -> Option<QueueOwner> {
        let priority = call.options.queue_priority;
        if call.conversation_id.is_some() {
            return None;
        }
        if self.account.hold(priority) {
            return Some(QueueOwner::Account);
        }
        let client = self.client.as_ref();
        let client = client.filter(|client| client.settings.hold(priority))?;
        Some(QueueOwner::Client(client.client.clone()))
    }
}

/// Whose queue it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueOwner {
    #[default]
    Account,
    Client(ClientKey),
}

impl QueueOwner {
    fn is_account(&self) -> bool {
        *self == Self::Account
    }

    /// Where its calls of a priority stand. `account`: whose calls they are.
    pub fn queue(&self, account: &AccountId, priority: QueuePriority) -> ConversationKey {
        match self {
            Self::Account => ConversationKey::of_queue(account, priority),
            Self::Client(client) => ConversationKey::of_client_queue(client, priority),
        }
    }
}

/// Where a call alone stands in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// Of its acceptance: who was answered before another was sent has the smaller one.
    pub number: u64,
    /// It stands among the others. A deferred call does so from its time on.
    pub entered: bool,
    #[serde(default, skip_serializing_if = "QueueOwner::is_account")]
    pub owner: QueueOwner,
}
