//! Users who may log in by PasswordDigest.
//!
//! The proof is made from the password, so theirs is not hashed but encrypted
//! (`aws/encrypted_password.rs`). They can log in by text, too. A nonce is kept only after its digest was found right: strangers cause no write.

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
use crate::error::Error;
use crate::records::item::{ItemReader, ItemWriter};

/// A user whose password was opened.
#[derive(Clone)]
pub(crate) struct DigestUser {
    caller: Caller,
    /// What the password was opened from: as long as the record has the same, so is the password.
    encrypted: Vec<u8>,
    password: Password,
}

impl Accounts {
    /// Whoever the digest proves. `None`: nobody; it is not said why. `attempt` is a name for this
    /// request alone, made where chance is allowed.
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
        let is_first = self.use_nonce(&key, &nonce, attempt, now).await?;
        Ok(is_first.then_some(user.caller))
    }

    /// Makes a user whose password is encrypted. `false`: the stack has no key for it.
    pub async fn put_digest_user(
        &self,
        name: &str,
        password: &str,
        caller: &Caller,
    ) -> Result<bool, Error> {
        let Some(item) = self.digest_user_item(name, password, caller).await? else {
            return Ok(false);
        };
        self.table.put(item).await?;
        Ok(true)
    }

    /// Whether that is the password of a user who has no hash of it.
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
        let encrypted = item.bytes("sealed_password");
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
                "a user of PasswordDigest is here, and the set has no key to open its password \
                 with: deploy with PasswordDigest true"
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

    /// `false`: it was used before.
    async fn use_nonce(
        &self,
        user: &Key,
        nonce: &[u8],
        attempt: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let hash = hashed(&["NONCE", &user.pk, &hex(nonce)]);
        let key = Key::new(format!("NONCE#{hash}"), "NONCE");
        // Created may lie ahead of us by as much as it may lie behind; a second for rounding.
        let fresh_until = now + soap::FRESH + soap::FRESH + jiff::SignedDuration::from_secs(1);
        let item = ItemWriter::new(key)
            .text("taker", attempt)
            .expires(Some(fresh_until))
            .done();
        self.table.put_once(item, attempt, now).await
    }
}
