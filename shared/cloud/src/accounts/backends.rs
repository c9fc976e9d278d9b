//! The backends that calls are forwarded to, as the operator sets them.
//!
//! | pk               | sk        | written by               | holds                                                       |
//! |------------------|-----------|--------------------------|-------------------------------------------------------------|
//! | `BACKEND#<name>` | `BACKEND` | the operator; timekeeper | settings, and the password or secret, encrypted, or its ARN |
//!
//! A password or secret that is kept here is encrypted with the stack's KMS key, bound to the backend's
//! name; others lie in Secrets Manager. The timekeeper writes the backend that the template names.

use calls::{AccountId, BackendName, SafeToRepeat};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::accounts::Accounts;
use crate::accounts::backend_login::BackendCredentials;
pub use crate::accounts::backend_login::{BackendIdentity, BackendLogin};
use crate::accounts::remembered::remember;
use crate::aws::encrypted_password::{Owner, Password};
use crate::aws::table::Key;
use crate::error::{Committed, Error};
use crate::records::item::{Item, ItemReader, ItemWriter};

/// How long a warm function goes by what it has read: new settings, and a password that was rotated
/// here, are used within that.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(1);

/// The same of a secret in Secrets Manager, where each look costs money: a month of minutes is $0.22 for
/// each environment. A backend that refuses it has it read again before that.
const SECRET_REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// A secret that was read so lately is not read again because a backend refuses it.
const READ_LATELY: SignedDuration = SignedDuration::from_secs(10);

/// Longest wait for a backend's answer, in seconds: a call is sent only while its invocation has
/// time for it.
pub const TIMEOUT_S_MAX: u32 = 25;

/// The wait that is set unless the operator says otherwise.
pub const TIMEOUT_S: u32 = 20;

/// The protocol's own limit for a synchronous call, which is soft.
pub const OBJECTS_PER_CALL: u32 = 50;

/// Most objects that one forwarded call may be set to have: its answer must be read in one piece.
pub const OBJECTS_PER_CALL_MAX: u32 = 10_000;

/// What the operator says of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendSettings {
    pub url: String,
    pub login: BackendLogin,
    pub timeout_s: u32,
    /// Calls a second over all functions; `None`: as many as there are.
    pub per_second: Option<u32>,
    /// Queued calls that may be in flight at a time, over all functions; `None`: as many as there are.
    #[serde(default)]
    pub concurrency: Option<u32>,
    pub objects_per_call: u32,
    /// Business units that its accounts may name as Client.
    pub clients: Vec<AccountId>,
    /// What may be sent once more to it, whichever account's it is, when nobody knows what became of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safe_to_repeat: Vec<SafeToRepeat>,
}

/// A backend with what it takes to log in to it.
#[derive(Clone, Debug)]
pub struct ConfiguredBackend {
    pub name: BackendName,
    pub settings: BackendSettings,
    credentials: BackendCredentials,
    /// When they were read.
    read_at: Timestamp,
}

/// A backend that the deployment itself names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedBackend {
    pub name: BackendName,
    pub settings: BackendSettings,
}

/// Why a function cannot log in to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotConfigured {
    /// There is none of that name.
    Missing,
    /// What it is logged in to with cannot be read: no key, no right to it, or a service that does not
    /// answer.
    SecretOutOfReach,
    /// The secret does not hold what is needed.
    SecretUnreadable,
}

impl NotConfigured {
    /// For people.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "there are no settings for it",
            Self::SecretOutOfReach => "the secret that it is logged in to with is out of reach",
            Self::SecretUnreadable => "its secret holds no user and no client with a token address",
        }
    }
}

impl BackendSettings {
    /// As it is made; what more may be said of it is said later.
    pub fn new(url: &str, login: BackendLogin) -> Self {
        Self {
            url: url.to_owned(),
            login,
            timeout_s: TIMEOUT_S,
            per_second: None,
            concurrency: None,
            objects_per_call: OBJECTS_PER_CALL,
            clients: Vec::new(),
            safe_to_repeat: Vec::new(),
        }
    }
}

impl ConfiguredBackend {
    /// As whom, and with what, it is logged in to.
    pub fn identity(&self) -> BackendIdentity<'_> {
        self.credentials.identity()
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
    /// Its secret lies in Secrets Manager, and is rotated there.
    InSecretsManager,
}

fn key(name: &BackendName) -> Key {
    Key::new(format!("BACKEND#{name}"), "BACKEND")
}

pub(crate) fn owner(name: &BackendName) -> Owner<'_> {
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

fn item_without_secret(name: &BackendName, settings: &BackendSettings, version: u64) -> Item {
    ItemWriter::new(key(name))
        .number("version", version)
        .json("settings", settings)
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

    /// One whose login lies in Secrets Manager.
    pub async fn create_backend_in_secret(
        &self,
        name: &BackendName,
        settings: &BackendSettings,
    ) -> Result<BackendChange, Error> {
        let there = self.table.put_new(item_without_secret(name, settings, 1));
        Ok(match there.await? {
            None => BackendChange::Done,
            Some(_) => BackendChange::Exists,
        })
    }

    /// Keeps the backend that the deployment names as the deployment says it is. What an operator has
    /// made by that name goes.
    pub async fn keep_deployed_backend(&self, deployed: &DeployedBackend) -> Result<(), Error> {
        let DeployedBackend { name, settings } = deployed;
        let found = self.table.get(&key(name)).await?.map(ItemReader);
        let version: u64 = match &found {
            Some(item) if item.json::<BackendSettings>("settings")? == *settings => return Ok(()),
            Some(item) => item.number("version")?,
            None => 0,
        };
        let item = item_without_secret(name, settings, version + 1);
        let put = self.table.put_over(item, (version > 0).then_some(version));
        // Another one has written the same, or is looked at in a minute.
        Committed::of(put.await).map(drop)
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
        let login = ItemReader(item.clone())
            .json::<BackendSettings>("settings")?
            .login;
        if matches!(login, BackendLogin::InSecret { .. }) {
            return Ok(BackendChange::InSecretsManager);
        }
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

    /// The settings alone as a function goes by them, for up to a minute.
    pub async fn known_backend_settings(
        &self,
        name: &BackendName,
        now: Timestamp,
    ) -> Result<Option<BackendSettings>, Error> {
        let remembered = self.remembered().backend_settings.get(name).cloned();
        if let Some((settings, _)) = remembered.filter(|(_, until)| *until > now) {
            return Ok(Some(settings));
        }
        let Some(settings) = self.backend_settings(name).await? else {
            return Ok(None);
        };
        let known = &mut self.remembered().backend_settings;
        remember(known, name.clone(), settings.clone(), now + REMEMBERED);
        Ok(Some(settings))
    }

    /// A backend as a function needs it. A secret that cannot be read is no error of ours: calls wait
    /// for it as for a backend that is out of service.
    pub async fn backend(
        &self,
        name: &BackendName,
        now: Timestamp,
    ) -> Result<Result<ConfiguredBackend, NotConfigured>, Error> {
        let remembered = self.remembered().backends.get(name).cloned();
        if let Some((backend, _)) = remembered.filter(|(_, until)| *until > now) {
            return Ok(Ok(backend));
        }
        let Some(item) = self.table.get(&key(name)).await? else {
            return Ok(Err(NotConfigured::Missing));
        };
        let item = ItemReader(item);
        let settings: BackendSettings = item.json("settings")?;
        let read = match &settings.login {
            BackendLogin::InSecret { arn, .. } => self.read_secret(arn, now).await.map(Some),
            BackendLogin::User { .. } | BackendLogin::Client { .. } => {
                let opened = self
                    .encrypt_password
                    .open(owner(name), item.bytes("secret"));
                opened.await.map(|opened| opened.map(|it| (it, now)))
            }
        };
        let (secret, read_at) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(Err(NotConfigured::SecretOutOfReach)),
            Err(error) => {
                warn!(backend = %name, error = error.in_full(), "a secret is out of reach");
                return Ok(Err(NotConfigured::SecretOutOfReach));
            }
        };
        let Some(credentials) = settings.login.with_secret(secret) else {
            return Ok(Err(NotConfigured::SecretUnreadable));
        };
        let backend = ConfiguredBackend {
            name: name.clone(),
            settings,
            credentials,
            read_at,
        };
        let backends = &mut self.remembered().backends;
        remember(backends, name.clone(), backend.clone(), now + REMEMBERED);
        Ok(Ok(backend))
    }

    /// The backend with what it is logged in to with read again, after it has refused this; `None`:
    /// nothing else than this was found.
    pub async fn backend_logged_in_otherwise(
        &self,
        refused: &ConfiguredBackend,
        now: Timestamp,
    ) -> Result<Option<ConfiguredBackend>, Error> {
        let name = &refused.name;
        let is_other =
            |it: &ConfiguredBackend| it.credentials.are_others_than(&refused.credentials);
        let known = self.remembered().backends.get(name).cloned();
        // Somebody else in this process has read it again meanwhile.
        if let Some((known, _)) = known.filter(|(known, _)| is_other(known)) {
            return Ok(Some(known));
        }
        if now.duration_since(refused.read_at) < READ_LATELY {
            return Ok(None);
        }
        {
            let mut remembered = self.remembered();
            remembered.backends.remove(name);
            if let BackendLogin::InSecret { arn, .. } = &refused.settings.login {
                remembered.secrets.remove(arn);
            }
        }
        let read = self.backend(name, now).await?.ok();
        Ok(read.filter(is_other))
    }

    /// A secret of Secrets Manager, and when it was read.
    async fn read_secret(&self, arn: &str, now: Timestamp) -> Result<(Password, Timestamp), Error> {
        let remembered = self.remembered().secrets.get(arn).cloned();
        if let Some((secret, until)) = remembered.filter(|(_, until)| *until > now) {
            return Ok((secret, until - SECRET_REMEMBERED));
        }
        let secret = self.secrets.read(arn).await?;
        let secrets = &mut self.remembered().secrets;
        remember(
            secrets,
            arn.to_owned(),
            secret.clone(),
            now + SECRET_REMEMBERED,
        );
        Ok((secret, now))
    }
}
