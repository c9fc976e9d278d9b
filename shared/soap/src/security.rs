//! Who the caller says they are: the three shapes of credentials that clients send.

use std::fmt;

use crate::fault::{Fault, echo};
use crate::header::{Header, HeaderEntry, only};
use crate::namespaces::Space;
use crate::password_digest::PasswordDigest;

const DIGEST_SUFFIX: &str = "#PasswordDigest";
const TEXT_SUFFIX: &str = "#PasswordText";

/// Credentials as they stand in the envelope, not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// An access token: `fueloauth`, or the legacy `oAuth/oAuthToken`.
    Token(String),
    /// WS-Security UsernameToken with the password as text.
    Password { username: String, password: String },
    /// WS-Security UsernameToken that proves its password without saying it.
    Digest(PasswordDigest),
}

/// Secrets stay out of logs.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(..)"),
            Self::Password { username, .. } => write!(f, "Password({username:?}, ..)"),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// Finds the credentials. A token wins over a UsernameToken: legacy clients send the dummy user
/// `*` with password `*` beside it.
pub(crate) fn read_credentials(header: &Header<'_>) -> Result<Option<Credentials>, Fault> {
    if let Some(token) = read_token(header)? {
        return Ok(Some(Credentials::Token(token)));
    }
    let securities = header
        .entries
        .iter()
        .filter(|entry| entry.is(Space::Security, "Security"));
    let tokens = securities.flat_map(|security| &security.children);
    let tokens = tokens.filter(|child| child.is(Space::Security, "UsernameToken"));
    only(tokens, "UsernameToken")?
        .map(read_username_token)
        .transpose()
}

/// `fueloauth`, or `oAuth` with the token inside.
fn read_token(header: &Header<'_>) -> Result<Option<String>, Fault> {
    let entries = || header.entries.iter();
    let current = only(
        entries().filter(|entry| entry.is_token("fueloauth")),
        "fueloauth",
    )?;
    let legacy = only(entries().filter(|entry| entry.is_token("oAuth")), "oAuth")?;
    let legacy = legacy
        .map(|entry| entry.single("oAuthToken"))
        .transpose()?
        .flatten();
    let token = current.or(legacy).map(HeaderEntry::trimmed);
    Ok(token.filter(|token| !token.is_empty()).map(str::to_owned))
}

fn read_username_token(token: &HeaderEntry<'_>) -> Result<Credentials, Fault> {
    let text = |local: &str| -> Result<String, Fault> {
        Ok(token
            .single(local)?
            .map(|entry| entry.trimmed().to_owned())
            .unwrap_or_default())
    };
    let username = text("Username")?;
    let password = text("Password")?;
    let kind = token
        .single("Password")?
        .and_then(|entry| entry.type_attribute.as_deref());
    match kind {
        Some(kind) if kind.ends_with(DIGEST_SUFFIX) => Ok(Credentials::Digest(PasswordDigest {
            username,
            digest: password,
            nonce: text("Nonce")?,
            created: text("Created")?,
        })),
        Some(kind) if !kind.is_empty() && !kind.ends_with(TEXT_SUFFIX) => Err(Fault::security(
            format!("Password Type '{}' is not supported", echo(kind)),
        )),
        Some(_) | None => Ok(Credentials::Password { username, password }),
    }
}
