//! The backends that calls are forwarded to, as the operator sets them.
//!
//! | pk               | sk        | written by   | holds                                             |
//! |------------------|-----------|--------------|---------------------------------------------------|
//! | `BACKEND#<name>` | `BACKEND` | the operator | settings, and the password or secret, encrypted   |
//!
//! Password and secret are encrypted with the stack's KMS key, bound to the backend's name.

use calls::{AccountId, BackendName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::accounts::Accounts;
use crate::accounts::remembered::remember;
use crate::aws::encrypted_password::{Owner, Password};
use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// How long a warm function goes by what it has read: a new password is used within that.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(1);

/// Longest wait for a backend's answer, in seconds: a call is sent only while its invocation has
/// time for it.
pub const TIMEOUT_S_MAX: u32 = 25;

/// The wait that is set unless the operator says otherwise.
pub const TIMEOUT_S: u32 = 20;

/// The protocol's own limit for a synchronous call, which is soft.
pub const OBJECTS_PER_CALL: u32 = 50;

/// Most objects that one forwarded call may be set to have: its answer must be read in one piece.
pub const OBJECTS_PER_CALL_MAX: u32 = 10_000;

/// How the server logs in to a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendLogin {
    /// WS-Security UsernameToken.
    User { name: String },
    /// OAuth client credentials.
    Client {
        id: String,
        token_url: String,
        /// The business unit that the token is for, where it is not the client's own.
        account_id: Option<String>,
    },
}

/// What the operator says of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendSettings {
    pub url: String,
    pub login: BackendLogin,
    pub timeout_s: u32,
    /// Calls a second over all functions; `None`: as many as there are.
    pub per_second: Option<u32>,
    pub objects_per_call: u32,
    /// Business units that its accounts may name as Client.
    pub clients: Vec<AccountId>,
}

/// A backend with what it takes to log in to it.
#[derive(Clone, Debug)]
pub struct ConfiguredBackend {
    pub name: BackendName,
    pub settings: BackendSettings,
    secret: Password,
}

impl BackendSettings {
    /// As it is made; what more may be said of it is said later.
    pub fn new(url: &str, login: BackendLogin) -> Self {
        Self {
            url: url.to_owned(),
            login,
            timeout_s: TIMEOUT_S,
            per_second: None,
            objects_per_call: OBJECTS_PER_CALL,
            clients: Vec::new(),
        }
    }
}

impl ConfiguredBackend {
    pub fn secret(&self) -> &str {
        self.secret.text()
    }
}

/// What came of a change of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendChange {
    Done,
    /// There is one of that name.
    Exists,
    /// There is none of that name.
    Missing,
    /// There is no key to encrypt a secret with.
    NoKey,
}

fn key(name: &BackendName) -> Key {
    Key::new(format!("BACKEND#{name}"), "BACKEND")
}

fn owner(name: &BackendName) -> Owner<'_> {
    Owner {
        account: "BACKEND",
        user: name.as_str(),
    }
}

fn item(name: &BackendName, settings: &BackendSettings, encrypted: &[u8]) -> Item {
    ItemWriter::new(key(name))
        .number("version", 1)
        .json("settings", settings)
        .bytes("secret", encrypted)
        .done()
}

impl Accounts {
    pub async fn create_backend(
        &self,
        name: &BackendName,
        settings: &BackendSettings,
        secret: &str,
    ) -> Result<BackendChange, Error> {
        let Some(encrypted) = self.encrypt_password.close(owner(name), secret).await? else {
            return Ok(BackendChange::NoKey);
        };
        let item = item(name, settings, &encrypted);
        let there = self.table.put_new(item).await?;
        Ok(match there {
            None => BackendChange::Done,
            Some(_) => BackendChange::Exists,
        })
    }

    /// Whatever was there before: for the backend that a local server is started with.
    pub async fn put_backend(
        &self,
        name: &BackendName,
        settings: &BackendSettings,
        secret: &str,
    ) -> Result<BackendChange, Error> {
        let Some(encrypted) = self.encrypt_password.close(owner(name), secret).await? else {
            return Ok(BackendChange::NoKey);
        };
        self.table.put(item(name, settings, &encrypted)).await?;
        self.remembered().backends.remove(name);
        Ok(BackendChange::Done)
    }

    /// From now on it is logged in to with another password or secret.
    pub async fn rotate_backend(
        &self,
        name: &BackendName,
        secret: &str,
    ) -> Result<BackendChange, Error> {
        let Some(item) = self.table.get(&key(name)).await? else {
            return Ok(BackendChange::Missing);
        };
        let Some(encrypted) = self.encrypt_password.close(owner(name), secret).await? else {
            return Ok(BackendChange::NoKey);
        };
        let version: u64 = ItemReader(item.clone()).number("version")?;
        let item = ItemWriter::over(item)
            .number("version", version + 1)
            .bytes("secret", &encrypted);
        self.table.put_over(item.done(), Some(version)).await?;
        self.remembered().backends.remove(name);
        Ok(BackendChange::Done)
    }

    /// A backend's settings alone, for people.
    pub async fn backend_settings(
        &self,
        name: &BackendName,
    ) -> Result<Option<BackendSettings>, Error> {
        let item = self.table.get(&key(name)).await?;
        item.map(|item| ItemReader(item).json("settings"))
            .transpose()
    }

    /// All backends by their names. Reads the whole table, so it is for people.
    pub async fn all_backends(&self) -> Result<Vec<(BackendName, BackendSettings)>, Error> {
        let items = self.table.all_of("BACKEND#", "BACKEND").await?;
        let read = items.into_iter().map(|item| {
            let item = ItemReader(item);
            let name = item.text("pk")?.trim_start_matches("BACKEND#");
            let name = BackendName::parse(name).ok_or_else(|| item.unreadable("pk"))?;
            Ok((name, item.json("settings")?))
        });
        let mut backends = read.collect::<Result<Vec<_>, Error>>()?;
        backends.sort_by(|one: &(BackendName, _), other| one.0.cmp(&other.0));
        Ok(backends)
    }

    /// A backend as a function needs it; `None`: there is none of that name, or no key for its secret.
    pub async fn backend(
        &self,
        name: &BackendName,
        now: Timestamp,
    ) -> Result<Option<ConfiguredBackend>, Error> {
        let remembered = self.remembered().backends.get(name).cloned();
        if let Some((backend, _)) = remembered.filter(|(_, until)| *until > now) {
            return Ok(Some(backend));
        }
        let Some(item) = self.table.get(&key(name)).await? else {
            return Ok(None);
        };
        let item = ItemReader(item);
        let encrypted = item.bytes("secret");
        let Some(secret) = self.encrypt_password.open(owner(name), encrypted).await? else {
            return Ok(None);
        };
        let backend = ConfiguredBackend {
            name: name.clone(),
            settings: item.json("settings")?,
            secret,
        };
        let until = now + REMEMBERED;
        let backends = &mut self.remembered().backends;
        remember(backends, name.clone(), backend.clone(), until);
        Ok(Some(backend))
    }
}
