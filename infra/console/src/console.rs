//! What the pages are made from: the cloud that is shown, and who looks at it.

use std::sync::{Arc, Mutex};

use calls::AccountId;
use cloud::aws::dead_letters::StackQueues;
use cloud::read::rates::StackMetrics;
use cloud::{Cloud, Random};
use jiff::Timestamp;

use crate::rates::KnownRates;
use crate::samples::Samples;

/// Who looks, and whether he may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsoleAccess {
    ReadOnly,
    /// As whom the audit knows him.
    MayAct {
        who: String,
    },
}

/// What a console shows, where and to whom.
pub struct ConsoleOptions {
    /// With the tables of calls and of accounts, and where it is known its bucket.
    pub cloud: Cloud,
    /// `None`: they are not known, and neither their depths nor dead letters are shown.
    pub queues: Option<StackQueues>,
    /// `None`: nobody knows where the functions write them, and no rates are shown.
    pub metrics: Option<StackMetrics>,
    /// The path that all pages lie below: empty, or `/_local`.
    pub base: String,
    /// What is shown, in words: the name of a stack.
    pub place: String,
    pub access: ConsoleAccess,
    /// Whose calls are shown unless another account is named.
    pub account: Option<AccountId>,
    /// What whoever opens the pages must know; `None`: nothing.
    pub key: Option<String>,
    /// A local server, which has pages of its own beside these.
    pub is_local: bool,
    /// Where calls are sent, for the command that repeats one; `None`: its reader knows.
    pub endpoint: Option<String>,
}

/// The pages. Clones share what they have sampled.
#[derive(Clone)]
pub struct Console {
    pub(crate) options: Arc<ConsoleOptions>,
    /// Whoever has a form of ours has this; no page of another site can read it.
    pub(crate) token: Arc<str>,
    pub(crate) samples: Arc<Mutex<Samples>>,
    pub(crate) rates: KnownRates,
}

impl Console {
    pub fn new(options: ConsoleOptions) -> Self {
        Self {
            options: Arc::new(options),
            token: Random::system().token().into(),
            samples: Arc::default(),
            rates: KnownRates::default(),
        }
    }

    pub(crate) fn cloud(&self) -> &Cloud {
        &self.options.cloud
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.cloud.now()
    }

    pub(crate) fn base(&self) -> &str {
        &self.options.base
    }
}
