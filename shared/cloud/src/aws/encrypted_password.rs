//! Passwords that must be readable, encrypted with a KMS key.
//!
//! Only for users of PasswordDigest, whose digest is computed from the password itself. The
//! encryption is bound to account and user by KMS's encryption context: an encrypted password that
//! is moved to another record cannot be decrypted there.

use std::fmt;
use std::sync::OnceLock;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use subtle::ConstantTimeEq;

use crate::error::{BoxError, Error};

/// A decrypted password. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl Password {
    pub(crate) const fn of(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// In constant time.
    pub(crate) fn is(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

/// Whose password it is.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) account: &'a str,
    pub(crate) user: &'a str,
}

/// The key, if there is one. Its client is created when it is first needed: few stacks have users
/// of PasswordDigest, and no other call should wait for it.
pub(crate) struct PasswordEncryption {
    config: aws_types::SdkConfig,
    key: Option<String>,
    client: OnceLock<Client>,
}

impl PasswordEncryption {
    pub(crate) fn new(config: &aws_types::SdkConfig, key: Option<&str>) -> Self {
        Self {
            config: config.clone(),
            key: key.map(str::to_owned),
            client: OnceLock::new(),
        }
    }

    /// `None`: there is no key.
    pub(crate) async fn close(
        &self,
        owner: Owner<'_>,
        password: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let answer = self
            .client()
            .encrypt()
            .key_id(key)
            .encryption_context("account", owner.account)
            .encryption_context("user", owner.user)
            .plaintext(Blob::new(password))
            .send()
            .await
            .map_err(|error| out_of_reach("Encrypt", error))?;
        Ok(answer.ciphertext_blob.map(Blob::into_inner))
    }

    /// `None`: there is no key.
    pub(crate) async fn open(
        &self,
        owner: Owner<'_>,
        encrypted: &[u8],
    ) -> Result<Option<Password>, Error> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let answer = self
            .client()
            .decrypt()
            .key_id(key)
            .encryption_context("account", owner.account)
            .encryption_context("user", owner.user)
            .ciphertext_blob(Blob::new(encrypted))
            .send()
            .await
            .map_err(|error| out_of_reach("Decrypt", error))?;
        let opened = answer.plaintext.map(Blob::into_inner).unwrap_or_default();
        let password = String::from_utf8(opened)
            .map_err(|_| out_of_reach("Decrypt", "the password is not readable"))?;
        Ok(Some(Password(password)))
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

fn out_of_reach(operation: &'static str, source: impl Into<BoxError>) -> Error {
    Error::PasswordEncryption {
        operation,
        source: source.into(),
    }
}
