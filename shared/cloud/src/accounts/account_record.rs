//! The record of an account; its key and attributes stand in [`crate::accounts`].

use calls::{AccountId, BackendName, QueueSettings, SafeToRepeat};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// What an account is told by and known as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// Signs its callbacks: `whsec_…`.
    pub webhook_secret: String,
    /// The one before it, which signs beside it until it is over.
    pub previous_secret: Option<PreviousSecret>,
    /// None of its users and API clients may log in.
    pub is_disabled: bool,
    /// Calls without RequestType are queued, of all its users and API clients.
    pub async_by_default: bool,
    /// Calls of which something is not read are refused, instead of warned of.
    pub is_strict: bool,
    /// Accounts that it may act for.
    pub owns: Vec<AccountId>,
    /// Calls that it may make in a second; 0: as many as it likes. `None`: what the set allows.
    pub calls_per_second: Option<u32>,
    /// In which order and how often its calls alone are begun.
    pub queue: QueueSettings,
    /// Where its calls are forwarded to; `None`: the built-in objects.
    pub backend: Option<BackendName>,
    /// Which of its forwarded calls may be sent once more when nobody knows what became of them.
    pub safe_to_repeat: Vec<SafeToRepeat>,
}

/// A secret that another one has replaced, and until when both sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    pub secret: String,
    pub until: Timestamp,
}

impl Account {
    /// What its callbacks are signed with at that time.
    pub fn signing_secrets(&self, now: Timestamp) -> Vec<String> {
        let previous = self.previous_secret.as_ref();
        let previous = previous.filter(|previous| previous.until > now);
        let previous = previous.map(|previous| previous.secret.clone());
        [self.webhook_secret.clone()]
            .into_iter()
            .chain(previous)
            .collect()
    }

    /// As it is made: what more it may have is given to it later.
    pub fn new(id: AccountId, name: &str, webhook_secret: String) -> Self {
        Self {
            id,
            name: name.to_owned(),
            webhook_secret,
            previous_secret: None,
            is_disabled: false,
            async_by_default: false,
            is_strict: false,
            owns: Vec::new(),
            calls_per_second: None,
            queue: QueueSettings::default(),
            backend: None,
            safe_to_repeat: Vec::new(),
        }
    }
}

pub(crate) fn account_in(id: &AccountId, item: &ItemReader) -> Result<Account, Error> {
    Ok(Account {
        id: id.clone(),
        name: item.text("name")?.to_owned(),
        webhook_secret: item.text("webhook_secret")?.to_owned(),
        previous_secret: match item.has("previous_secret") {
            true => Some(item.json("previous_secret")?),
            false => None,
        },
        is_disabled: item.maybe_text("disabled") == Some("true"),
        async_by_default: item.maybe_text("async_by_default") == Some("true"),
        is_strict: item.maybe_text("strict") == Some("true"),
        owns: item.json("owns")?,
        calls_per_second: item.maybe_number("calls_per_second"),
        queue: match item.has("queue") {
            true => item.json("queue")?,
            false => QueueSettings::default(),
        },
        backend: item.maybe_text("backend").and_then(BackendName::parse),
        safe_to_repeat: match item.has("safe_to_repeat") {
            true => item.json("safe_to_repeat")?,
            false => Vec::new(),
        },
    })
}

pub(crate) fn account_item(account: &Account, version: u64) -> Item {
    let item = ItemWriter::new(account_key(&account.id))
        .number("version", version)
        .text("name", &account.name)
        .text("webhook_secret", &account.webhook_secret)
        .text("async_by_default", account.async_by_default.to_string())
        .text("strict", account.is_strict.to_string())
        .maybe_text("disabled", account.is_disabled.then_some("true"))
        .json("owns", &account.owns);
    let item = match &account.previous_secret {
        Some(previous) => item.json("previous_secret", previous),
        None => item,
    };
    let item = match account.calls_per_second {
        Some(calls) => item.number("calls_per_second", calls),
        None => item,
    };
    let item = match account.queue == QueueSettings::default() {
        true => item,
        false => item.json("queue", &account.queue),
    };
    let item = match account.safe_to_repeat.is_empty() {
        true => item,
        false => item.json("safe_to_repeat", &account.safe_to_repeat),
    };
    item.maybe_text("backend", account.backend.as_ref().map(BackendName::as_str))
        .done()
}

pub(crate) fn account_key(id: &AccountId) -> Key {
    Key::new(format!("ACCOUNT#{id}"), "ACCOUNT")
}
