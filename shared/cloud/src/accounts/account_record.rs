//! One account: its settings, and the record that holds them.

use calls::{AccountId, QueueSettings, SafeToRepeat};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::account_backend::AccountBackend;
use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// The settings of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// Signs its callbacks: `whsec_…`.
    pub webhook_secret: String,
    /// The previous secret, which also signs until it expires.
    pub previous_secret: Option<PreviousSecret>,
    /// None of its users and API clients may log in.
    pub is_disabled: bool,
    /// Calls without RequestType are queued, for all its users and API clients.
    pub async_by_default: bool,
    /// Calls with something that is not read are refused, instead of answered with a warning.
    pub is_strict: bool,
    /// Accounts for which it may act.
    pub owns: Vec<AccountId>,
    /// Calls per second; 0: no limit. `None`: the default of the deployment.
    pub calls_per_second: Option<u32>,
    /// The order and rate of its calls outside any conversation.
    pub queue: QueueSettings,
    /// Where its calls are carried out.
    pub backend: AccountBackend,
    /// Which of its forwarded calls may be sent again when their fate is unknown.
    pub safe_to_repeat: Vec<SafeToRepeat>,
}

/// A secret that was replaced, and until when it also signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    pub secret: String,
    pub until: Timestamp,
}

impl Account {
    /// The secrets that sign its callbacks at that time.
    pub fn signing_secrets(&self, now: Timestamp) -> Vec<String> {
        let previous = self.previous_secret.as_ref();
        let previous = previous.filter(|previous| previous.until > now);
        let previous = previous.map(|previous| previous.secret.clone());
        [self.webhook_secret.clone()]
            .into_iter()
            .chain(previous)
            .collect()
    }

    /// A new account, with defaults for everything else.
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
            backend: AccountBackend::default(),
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
        backend: AccountBackend::read(item)?,
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
    item.maybe_text("backend", account.backend.text()).done()
}

pub(crate) fn account_key(id: &AccountId) -> Key {
    Key::new(format!("ACCOUNT#{id}"), "ACCOUNT")
}
