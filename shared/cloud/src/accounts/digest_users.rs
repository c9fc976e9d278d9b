//! Users who may log in by PasswordDigest.
//!
//! The digest is computed from the password, so theirs is encrypted instead of hashed
//! (`aws/encrypted_password.rs`). They can log in with the password itself, too. A nonce is stored only
//! after its digest was found to be correct, so that a failed login costs no write.

use calls::{AccountId, hex};
use jiff::Timestamp;
use soap::PasswordDigest;
use tracing::error;

use crate::accounts::remembered::{recall, remember};
use crate::accounts::{
    Accounts, Caller, Login, REMEMBERED, caller_in, hashed, is_login_disabled, login_key,
};
use crate::aws::encrypted_password::{Owner, Password};
use crate::aws::table::Key;
use crate::aws::table::taking::OnceWritten;
use crate::error::Error;
use crate::records::item::{ItemReader, ItemWriter};

/// A user whose password was decrypted.
#[derive(Clone)]
pub(crate) struct DigestUser {
    caller: Caller,
    /// The encrypted password. As long as the record has the same, `password` is still right.
    encrypted: Vec<u8>,
    password: Password,
}

/// Whether a user of PasswordDigest could be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestUserStored {
    Stored,
    /// The stack has no key to encrypt the password with.
    NoKey,
}

impl Accounts {
    /// The caller whom the digest proves; `None` if it proves none, for whatever reason. `attempt` is a
    /// random name of this request, given from outside since nothing random is made here.
    pub async fn log_in_by_digest(
        &self,
        proof: &PasswordDigest,
        attempt: &str,
        now: Timestamp,
    ) -> Result<Option<Caller>, Error> {
        let Some(nonce) = proof.nonce_bytes().filter(|_| proof.is_fresh(now)) else {
            return Ok(None);
        };
        let key = login_key(Login::User, &proof.username);
        let remembered = recall(&self.remembered().digest_users, &key.pk, now);
        let user = match remembered.filter(|user| proof.is_of(user.password.text())) {
            Some(user) => user,
            // Not known, or its password was changed since.
            None => {
                let Some(item) = self.table.get(&key).await? else {
                    return Ok(None);
                };
                let item = ItemReader(item);
                if is_login_disabled(&item) {
                    return Ok(None);
                }
                match self.opened(&proof.username, &item, now).await? {
                    Some(user) if proof.is_of(user.password.text()) => user,
                    Some(_) | None => return Ok(None),
                }
            }
        };
        match self.use_nonce(&key, &nonce, attempt, now).await? {
            OnceWritten::Written => Ok(Some(user.caller)),
            OnceWritten::TakenBefore => Ok(None),
        }
    }

    /// Stores a user with an encrypted password.
    pub async fn put_digest_user(
        &self,
        name: &str,
        password: &str,
        caller: &Caller,
    ) -> Result<DigestUserStored, Error> {
        let Some(item) = self.digest_user_item(name, password, caller).await? else {
            return Ok(DigestUserStored::NoKey);
        };
        self.table.put(item).await?;
        Ok(DigestUserStored::Stored)
    }

    /// Whether `password` is that of a user whose record has no hash but an encrypted password.
    pub(crate) async fn is_encrypted_password(
        &self,
        name: &str,
        password: &str,
        item: &ItemReader,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let user = self.opened(name, item, now).await?;
        Ok(user.is_some_and(|user| user.password.is(password)))
    }

    /// The user of a record, if its password is encrypted; decrypted at most once in some minutes.
    async fn opened(
        &self,
        name: &str,
        item: &ItemReader,
        now: Timestamp,
    ) -> Result<Option<DigestUser>, Error> {
        let encrypted = item.bytes("encrypted_password");
        if encrypted.is_empty() {
            return Ok(None);
        }
        let key = login_key(Login::User, name).pk;
        let remembered = recall(&self.remembered().digest_users, &key, now);
        if let Some(user) = remembered.filter(|user| user.encrypted == encrypted) {
            return Ok(Some(user));
        }
        let caller = caller_in(item)?;
        let AccountId(account) = &caller.account;
        let owner = Owner {
            account,
            user: name,
        };
        let Some(password) = self.encrypt_password.open(owner, encrypted).await? else {
            error!(
                account,
                "the password of a user of PasswordDigest cannot be decrypted, since the stack has \
                 no key: deploy with PasswordDigest true"
            );
            return Ok(None);
        };
        let user = DigestUser {
            caller,
            encrypted: encrypted.to_vec(),
            password,
        };
        let users = &mut self.remembered().digest_users;
        remember(users, key, user.clone(), now + REMEMBERED);
        Ok(Some(user))
    }

    async fn use_nonce(
        &self,
        user: &Key,
        nonce: &[u8],
        attempt: &str,
        now: Timestamp,
    ) -> Result<OnceWritten, Error> {
        let hash = hashed(&["NONCE", &user.pk, &hex(nonce)]);
        let key = Key::new(format!("NONCE#{hash}"), "NONCE");
        // `Created` may be as far in the future as in the past; one second more for rounding.
        let fresh_until = now + soap::FRESH + soap::FRESH + jiff::SignedDuration::from_secs(1);
        let item = ItemWriter::new(key)
            .text("taker", attempt)
            .expires(Some(fresh_until))
            .done();
        self.table.put_once(item, attempt, now).await
    }
}
