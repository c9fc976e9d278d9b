//! Creates users and API clients for the operator: an existing name is never taken over.

use crate::accounts::{Accounts, Caller, Login, caller_in, login_item, login_key};
use crate::aws::encrypted_password::Owner;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// A user or an API client to be created.
#[derive(Clone, Debug)]
pub struct NewLogin<'a> {
    pub login: Login,
    pub name: &'a str,
    /// Random, not chosen by a person: see [`crate::random::Random::token`].
    pub secret: &'a str,
    pub secret_storage: SecretStorage,
    pub caller: Caller,
    /// It may exist, if it belongs to the same account; it then gets a new secret.
    pub replace: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretStorage {
    Hash,
    /// Encrypted with the stack's key, so that a PasswordDigest can be checked.
    Encrypted,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginChange {
    Made,
    /// The name is taken, and nothing is changed.
    IsThere(Caller),
    /// There is no key to encrypt a password with.
    NoKey,
}

impl Accounts {
    pub async fn put_new_login(&self, new: &NewLogin<'_>) -> Result<LoginChange, Error> {
        let Some(item) = self.item_of(new).await? else {
            return Ok(LoginChange::NoKey);
        };
        let Some(there) = self.table.put_new(item.clone()).await? else {
            return Ok(LoginChange::Made);
        };
        let record = ItemReader(there);
        let version: u64 = record.maybe_number("version").unwrap_or_default();
        let there = caller_in(&record)?;
        if !new.replace || there.account != new.caller.account {
            return Ok(LoginChange::IsThere(there));
        }
        let async_by_default = there.async_by_default.to_string();
        let item = ItemWriter::over(item)
            .number("version", version + 1)
            .text("async_by_default", async_by_default)
            .maybe_text("queue", record.maybe_text("queue"));
        self.table.put_over(item.done(), Some(version)).await?;
        Ok(LoginChange::Made)
    }

    async fn item_of(&self, new: &NewLogin<'_>) -> Result<Option<Item>, Error> {
        let NewLogin {
            login,
            name,
            secret,
            caller,
            ..
        } = new;
        match new.secret_storage {
            SecretStorage::Hash => Ok(Some(login_item(*login, name, secret, caller))),
            SecretStorage::Encrypted => self.digest_user_item(name, secret, caller).await,
        }
    }

    /// `None`: there is no key to encrypt the password with.
    pub(crate) async fn digest_user_item(
        &self,
        name: &str,
        password: &str,
        caller: &Caller,
    ) -> Result<Option<Item>, Error> {
        let owner = Owner {
            account: &caller.account.0,
            user: name,
        };
        let Some(encrypted) = self.encrypt_password.close(owner, password).await? else {
            return Ok(None);
        };
        let item = ItemWriter::new(login_key(Login::User, name))
            .number("version", 1)
            .text("name", name)
            .bytes("encrypted_password", &encrypted)
            .text("account", &caller.account.0)
            .text("async_by_default", caller.async_by_default.to_string());
        Ok(Some(item.done()))
    }
}
