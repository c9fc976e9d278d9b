//! Who may call: accounts, their users and API clients, tokens; and the switch for maintenance.
//!
//! | pk                  | sk            | holds                                                        |
//! |---------------------|---------------|--------------------------------------------------------------|
//! | `ACCOUNT#<id>`      | `ACCOUNT`     | name, webhook secret, async by default, accounts it owns,    |
//! |                     |               | calls a second, order and rate of its queue, version         |
//! | hash of a user name | `USER`        | account, hash of the password, async by default, version,    |
//! |                     |               | whether it is disabled, hash of the password before          |
//! | the same            | `USER`        | the password encrypted in place of its hash, `digest_users`  |
//! | hash of a client id | `CLIENT`      | the same as of a user, of a secret; order and rate of its    |
//! |                     |               | queue                                                        |
//! | `SWITCH`            | `MAINTENANCE` | whether calls are carried out                                |
//! | `AUDIT#<day>`       | `<time>#<id>` | what an operator did, see [`crate::act::audit`]              |
//! | `TOKEN#<hash>`      | `TOKEN`       | account, when it expires, async by default, the API client   |
//! |                     |               | if that has an order or a rate                               |
//! | `BACKEND#<name>`    | `BACKEND`     | where calls are forwarded to, see `backends`                 |
//! | `NONCE#<hash>`      | `NONCE`       | that it was used, for some minutes                           |
//! | `RATE_LIMIT#<id>`   | `RATE_LIMIT`  | calls in the present ten seconds, see `rate_limit`           |
//!
//! The last three are written by `ingest`, the function that faces the internet. Their keys have
//! prefixes of their own, so that its role can be limited to them; the others are written by the
//! operator.
//!
//! Passwords and secrets are stored as hashes, except the passwords of PasswordDigest users, which
//! are encrypted, and the webhook secrets, which sign. All have 256 random bits, so that no slow
//! hash is needed against guessing. A warm function caches logins for some minutes.

pub(crate) mod account_backend;
pub mod account_changes;
pub mod account_record;
pub mod backend_login;
pub mod backends;
pub(crate) mod client_queue;
pub(crate) mod digest_users;
pub mod login_changes;
pub mod login_records;
pub mod rate_limit;
pub(crate) mod remembered;
pub(crate) mod switch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use calls::{AccountId, BackendName, ClientKey, QueueSettings, RateLimit, hash_parts, hex};
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

pub use crate::accounts::account_backend::AccountBackend;
pub use crate::accounts::account_record::{Account, PreviousSecret};
pub(crate) use crate::accounts::account_record::{account_in, account_item, account_key};
use crate::accounts::digest_users::DigestUser;
pub use crate::accounts::digest_users::DigestUserStored;
use crate::accounts::remembered::{recall, remember};
use crate::accounts::switch::Switch;
use crate::aws::encrypted_password::{Password, PasswordEncryption};
use crate::aws::secrets::Secrets;
use crate::aws::table::{Key, Table};
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// How long a token is valid. Marketing Cloud's figure.
pub const TOKEN_LIFE: SignedDuration = SignedDuration::from_secs(1_080);

/// How long a verified password, or an account that was read, is cached.
pub(crate) const REMEMBERED: SignedDuration = SignedDuration::from_mins(3);

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountId,
    /// Calls of this user or API client without RequestType are queued, whatever the account's
    /// setting is.
    pub async_by_default: bool,
    /// The API client, if it has a queue of its own.
    pub client: Option<ClientKey>,
}

impl Caller {
    /// A user of that account, or an API client, without further settings.
    pub const fn of(account: AccountId) -> Self {
        Self {
            account,
            async_by_default: false,
            client: None,
        }
    }
}

/// The result of checking a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    Good(Caller),
    Expired,
    Unknown,
}

/// The two kinds of names that come with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    User,
    Client,
}

impl Login {
    pub(crate) const fn sort(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Client => "CLIENT",
        }
    }
}

#[derive(Clone)]
pub struct Accounts {
    pub(crate) table: Table,
    pub(crate) encrypt_password: Arc<PasswordEncryption>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) switch: Arc<Switch>,
    remembered: Arc<Mutex<AccountCache>>,
}

#[derive(Default)]
pub(crate) struct AccountCache {
    logins: HashMap<String, (Caller, Timestamp)>,
    tokens: HashMap<String, (Caller, Timestamp)>,
    pub(crate) accounts: HashMap<AccountId, (Account, Timestamp)>,
    pub(crate) digest_users: HashMap<String, (DigestUser, Timestamp)>,
    pub(crate) permits: HashMap<AccountId, RateLimit>,
    pub(crate) client_queues: HashMap<ClientKey, (QueueSettings, Timestamp)>,
    pub(crate) backends: HashMap<BackendName, (backends::ConfiguredBackend, Timestamp)>,
    pub(crate) backend_settings: HashMap<BackendName, (backends::BackendSettings, Timestamp)>,
    /// By their ARNs.
    pub(crate) secrets: HashMap<String, (Password, Timestamp)>,
}

impl Accounts {
    /// The accounts of a deployed stack, with the KMS key that encrypts passwords.
    pub fn in_table(config: &aws_types::SdkConfig, name: &str, key: Option<&str>) -> Self {
        let table = Table::new(aws_sdk_dynamodb::Client::new(config), name);
        Self::new(table, config, key)
    }

    pub(crate) fn new(table: Table, config: &aws_types::SdkConfig, key: Option<&str>) -> Self {
        Self {
            table,
            encrypt_password: Arc::new(PasswordEncryption::new(config, key)),
            secrets: Arc::new(Secrets::new(config)),
            switch: Arc::default(),
            remembered: Arc::default(),
        }
    }

    /// The caller with that name and secret. `None`: there is none; it is not said which of the two
    /// is wrong.
    pub async fn log_in(
        &self,
        login: Login,
        name: &str,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<Caller>, Error> {
        let proof = secret_hash(login, name, secret);
        if let Some(caller) = recall(&self.remembered().logins, &proof, now) {
            return Ok(Some(caller));
        }
        let Some(item) = self.table.get(&login_key(login, name)).await? else {
            return Ok(None);
        };
        let item = ItemReader(item);
        if is_login_disabled(&item) {
            return Ok(None);
        }
        let is = |hash: &str| bool::from(proof.as_bytes().ct_eq(hash.as_bytes()));
        let until = match item.maybe_text("secret_hash") {
            Some(hash) if is(hash) => Some(now + REMEMBERED),
            Some(_) => {
                let previous = previous_hash(&item, now).filter(|(hash, _)| is(hash));
                previous.map(|(_, until)| until.min(now + REMEMBERED))
            }
            None => {
                let is_right = self.is_encrypted_password(name, secret, &item, now).await?;
                is_right.then_some(now + REMEMBERED)
            }
        };
        let Some(until) = until else {
            return Ok(None);
        };
        let mut caller = caller_in(&item)?;
        if login == Login::Client && item.has("queue") {
            caller.client = Some(ClientKey(login_key(login, name).pk));
        }
        remember(&mut self.remembered().logins, proof, caller.clone(), until);
        Ok(Some(caller))
    }

    /// Creates a token for a caller. `token` is the new token itself, given from outside since
    /// nothing random is made here.
    pub async fn keep_token(
        &self,
        token: &str,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<(), Error> {
        let expires = now + TOKEN_LIFE;
        let item = ItemWriter::new(token_key(token))
            .text("account", &caller.account.0)
            .text("async_by_default", caller.async_by_default.to_string())
            .maybe_text(
                "client",
                caller.client.as_ref().map(|client| client.0.as_str()),
            )
            .number("good_until", expires.as_millisecond())
            // A day longer than it is valid, so that its holder is told that it has expired and not
            // that it is unknown.
            .expires(Some(expires + SignedDuration::from_hours(24)))
            .done();
        self.table.put(item).await
    }

    pub async fn look_up_token(&self, token: &str, now: Timestamp) -> Result<TokenState, Error> {
        let key = token_key(token);
        if let Some(caller) = recall(&self.remembered().tokens, &key.pk, now) {
            return Ok(TokenState::Good(caller));
        }
        let Some(item) = self.table.get(&key).await? else {
            return Ok(TokenState::Unknown);
        };
        let item = ItemReader(item);
        let good_until = item.time("good_until")?;
        if good_until <= now {
            return Ok(TokenState::Expired);
        }
        let caller = caller_in(&item)?;
        let tokens = &mut self.remembered().tokens;
        // No longer than a login: an operator may revoke it.
        let until = good_until.min(now + REMEMBERED);
        remember(tokens, key.pk, caller.clone(), until);
        Ok(TokenState::Good(caller))
    }

    pub async fn account(&self, id: &AccountId, now: Timestamp) -> Result<Option<Account>, Error> {
        let remembered = self.remembered().accounts.get(id).cloned();
        if let Some((account, _)) = remembered.filter(|(_, until)| *until > now) {
            return Ok(Some(account));
        }
        let Some(item) = self.table.get(&account_key(id)).await? else {
            return Ok(None);
        };
        let account = account_in(id, &ItemReader(item))?;
        let until = now + REMEMBERED;
        let accounts = &mut self.remembered().accounts;
        remember(accounts, id.clone(), account.clone(), until);
        Ok(Some(account))
    }

    /// Where the switch is stored, for code that reads it together with other records.
    pub(crate) fn switch_record(&self) -> (&Table, Key) {
        (&self.table, Key::new("SWITCH", "MAINTENANCE"))
    }

    /// Overwrites an existing record: for the account that a local server begins with.
    pub async fn put_account(&self, account: &Account) -> Result<(), Error> {
        self.table.put(account_item(account, 1)).await
    }

    /// Stores a user's password or an API client's secret, which is random: see
    /// [`crate::random::Random::token`]. It is stored as a fast hash.
    pub async fn put_login(
        &self,
        login: Login,
        name: &str,
        secret: &str,
        caller: &Caller,
    ) -> Result<(), Error> {
        self.table
            .put(login_item(login, name, secret, caller))
            .await
    }

    /// Sets whether calls of an API client without RequestType are queued, from its next token on.
    pub async fn set_client_async(&self, id: &str, on: bool) -> Result<ClientChange, Error> {
        let Some(item) = self.table.get(&login_key(Login::Client, id)).await? else {
            return Ok(ClientChange::NoSuchClient);
        };
        let version = ItemReader(item.clone()).maybe_number("version");
        let version: u64 = version.unwrap_or_default();
        let item = ItemWriter::over(item)
            .number("version", version + 1)
            .text("async_by_default", on.to_string());
        self.table.put_over(item.done(), Some(version)).await?;
        Ok(ClientChange::Changed)
    }

    /// Empties all caches: for a process that holds the tables itself and has emptied them.
    pub fn forget(&self) {
        *self.remembered() = AccountCache::default();
    }

    pub(crate) fn remembered(&self) -> std::sync::MutexGuard<'_, AccountCache> {
        // A panic while it was locked can at worst lose a cache entry.
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of changing an API client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientChange {
    Changed,
    NoSuchClient,
}

/// Whether an operator has disabled this login or its whole account.
pub(crate) fn is_login_disabled(item: &ItemReader) -> bool {
    let is_set = |name| item.maybe_text(name) == Some("true");
    is_set("disabled") || is_set("account_disabled")
}

/// The hash of the previous secret, and until when it is valid, if it is.
fn previous_hash(item: &ItemReader, now: Timestamp) -> Option<(&str, Timestamp)> {
    let until = item.time("previous_until").ok()?;
    let hash = item.maybe_text("previous_hash")?;
    (until > now).then_some((hash, until))
}

/// The caller that a user, an API client or a token stands for.
pub(crate) fn caller_in(item: &ItemReader) -> Result<Caller, Error> {
    Ok(Caller {
        account: AccountId(item.text("account")?.to_owned()),
        async_by_default: item.maybe_text("async_by_default") == Some("true"),
        client: item
            .maybe_text("client")
            .map(|key| ClientKey(key.to_owned())),
    })
}

/// Includes the name, so that equal secrets of two users have different hashes.
pub(crate) fn secret_hash(login: Login, name: &str, secret: &str) -> String {
    hashed(&[login.sort(), name, secret])
}

pub(crate) fn login_key(login: Login, name: &str) -> Key {
    Key::new(hashed(&[login.sort(), name]), login.sort())
}

fn token_key(token: &str) -> Key {
    Key::new(format!("TOKEN#{}", hashed(&["TOKEN", token])), "TOKEN")
}

pub(crate) fn login_item(login: Login, name: &str, secret: &str, caller: &Caller) -> Item {
    ItemWriter::new(login_key(login, name))
        .number("version", 1)
        .text("name", name)
        .text("secret_hash", secret_hash(login, name, secret))
        .text("account", &caller.account.0)
        .text("async_by_default", caller.async_by_default.to_string())
        .done()
}

pub(crate) fn hashed(parts: &[&str]) -> String {
    hex(&hash_parts(parts))
}
