//! The order and the rate in which an account's calls alone are begun, by priority.
//!
//! Calls outside any conversation run side by side, unless their account says `received` or a rate:
//! then those of one priority stand in one queue of the account, by the number of their acceptance,
//! and are carried out one after another. See docs/decisions/0016.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::call::Call;
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

/// What an account says of its calls alone.
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

    /// Whether a call stands in its account's queue.
    pub fn holds(&self, call: &Call) -> bool {
        let priority = call.options.queue_priority;
        let is_queued = self.order == QueueOrder::Received || self.rates.contains_key(&priority);
        is_queued && call.conversation_id.is_none()
    }
}

/// Where a call alone stands in its account's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlace {
    /// Of its acceptance: who was answered before another was sent has the smaller one.
    pub number: u64,
    /// It stands among the others. A deferred call does so from its time on.
    pub entered: bool,
}
