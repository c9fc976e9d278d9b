//! The order and the rate in which calls outside any conversation are started, by account or API client
//! and by priority.
//!
//! Such calls usually run in parallel. If their account has the order `received` or a rate, all its calls
//! of one priority are in one ordered queue, numbered as they were accepted, and are carried out one
//! after another. If the account has no such setting but the API client has, the client's calls are in a
//! queue of the client. See docs/decisions/0016.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::call::{AccountId, Call, ClientKey, ConversationKey};
use crate::options::QueuePriority;
use crate::token_bucket::Rate;

/// The order in which an account's calls outside any conversation are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueOrder {
    /// In parallel, and usually started in the order of acceptance.
    #[default]
    Unordered,
    /// One after another, strictly in the order of acceptance.
    Received,
}

/// How often they may be started.
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
    /// `None` for a rate of zero, which would never start a call.
    pub fn rate(self) -> Option<Rate> {
        let period = match self.per {
            RatePeriod::Second => SignedDuration::from_secs(1),
            RatePeriod::Minute => SignedDuration::from_mins(1),
        };
        Rate::of(self.calls, period)
    }
}

/// The settings of an account or an API client for its calls outside any conversation.
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

/// The settings of an API client, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientQueue {
    pub client: ClientKey,
    pub settings: QueueSettings,
}

/// The settings that apply to the calls of one caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerQueues {
    pub account: QueueSettings,
    pub client: Option<ClientQueue>,
}

impl CallerQueues {
    /// The owner of the queue that a call is in; `None`: it is in no queue. The queue of the account takes
    /// precedence, since its order is promised for all of its calls.
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

/// The owner of an ordered queue.
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

    /// The key of the queue for calls of `account` with this priority.
    pub fn queue(&self, account: &AccountId, priority: QueuePriority) -> ConversationKey {
        match self {
            Self::Account => ConversationKey::of_queue(account, priority),
            Self::Client(client) => ConversationKey::of_client_queue(client, priority),
        }
    }
}

/// The place of a call in an ordered queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// The number of its acceptance: a call that was answered before another one was sent has the smaller
    /// number.
    pub number: u64,
    /// It has an entry in the queue. A deferred call has one from its ScheduledTime on.
    pub entered: bool,
    #[serde(default, skip_serializing_if = "QueueOwner::is_account")]
    pub owner: QueueOwner,
}
