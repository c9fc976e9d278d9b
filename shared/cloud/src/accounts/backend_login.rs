//! How the server logs in to a backend: the settings, and the login with its secret.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::aws::encrypted_password::Password;

/// How the server logs in to a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendLogin {
    /// WS-Security UsernameToken; the password is stored with the backend.
    User { name: String },
    /// OAuth client credentials; the secret is stored with the backend.
    Client {
        id: String,
        token_url: String,
        /// The business unit of the token, if it is not the client's own.
        account_id: Option<String>,
    },
    /// By a secret in Secrets Manager, which also has the name.
    InSecret {
        arn: String,
        /// Where tokens are issued, if the secret is an API client's.
        token_url: Option<String>,
    },
}

/// The content of a secret in Secrets Manager, as JSON: `username` and `password`, or `client_id`
/// and `client_secret` with or without `account_id`. Other members are ignored.
#[derive(Deserialize)]
struct StoredLogin {
    username: Option<String>,
    password: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    account_id: Option<String>,
}

/// Name and secret, as a function uses them. The secret is never shown.
#[derive(Clone, Debug)]
pub struct BackendCredentials(Kind);

#[derive(Clone, Debug)]
enum Kind {
    User {
        name: String,
        password: Password,
    },
    Client {
        id: String,
        secret: Password,
        token_url: String,
        account_id: Option<String>,
    },
}

/// The login that was read from a secret.
#[derive(Clone, Copy)]
pub enum BackendIdentity<'a> {
    User {
        name: &'a str,
        password: &'a str,
    },
    Client {
        id: &'a str,
        secret: &'a str,
        token_url: &'a str,
        account_id: Option<&'a str>,
    },
}

impl fmt::Debug for BackendIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackendIdentity(..)")
    }
}

impl BackendLogin {
    /// Adds the secret. `None`: the secret does not have what is needed.
    pub(crate) fn with_secret(&self, secret: Password) -> Option<BackendCredentials> {
        let kind = match self {
            Self::User { name } => Kind::User {
                name: name.clone(),
                password: secret,
            },
            Self::Client {
                id,
                token_url,
                account_id,
            } => Kind::Client {
                id: id.clone(),
                secret,
                token_url: token_url.clone(),
                account_id: account_id.clone(),
            },
            Self::InSecret { token_url, .. } => stored(&secret, token_url.as_deref())?,
        };
        Some(BackendCredentials(kind))
    }
}

fn stored(secret: &Password, token_url: Option<&str>) -> Option<Kind> {
    let stored: StoredLogin = serde_json::from_str(secret.text()).ok()?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    if let (Some(id), Some(secret), Some(token_url)) = (
        given(stored.client_id),
        given(stored.client_secret),
        token_url,
    ) {
        return Some(Kind::Client {
            id,
            secret: Password::of(secret),
            token_url: token_url.to_owned(),
            account_id: given(stored.account_id),
        });
    }
    Some(Kind::User {
        name: given(stored.username)?,
        password: Password::of(given(stored.password)?),
    })
}

impl BackendCredentials {
    pub fn identity(&self) -> BackendIdentity<'_> {
        match &self.0 {
            Kind::User { name, password } => BackendIdentity::User {
                name,
                password: password.text(),
            },
            Kind::Client {
                id,
                secret,
                token_url,
                account_id,
            } => BackendIdentity::Client {
                id,
                secret: secret.text(),
                token_url,
                account_id: account_id.as_deref(),
            },
        }
    }

    /// Whether the other login might be accepted where this one was refused.
    pub(crate) fn are_others_than(&self, others: &Self) -> bool {
        match (&self.0, &others.0) {
            (
                Kind::User { name, password },
                Kind::User {
                    name: other,
                    password: before,
                },
            ) => name != other || !password.is(before.text()),
            (
                Kind::Client { id, secret, .. },
                Kind::Client {
                    id: other,
                    secret: before,
                    ..
                },
            ) => id != other || !secret.is(before.text()),
            (Kind::User { .. } | Kind::Client { .. }, _) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(secret: &str, token_url: Option<&str>) -> Option<String> {
        let login = BackendLogin::InSecret {
            arn: "arn".to_owned(),
            token_url: token_url.map(str::to_owned),
        };
        let credentials = login.with_secret(Password::of(secret.to_owned()))?;
        assert!(!format!("{credentials:?}").contains("s3cret"));
        Some(match credentials.identity() {
            BackendIdentity::User { name, password } => format!("user {name} {password}"),
            BackendIdentity::Client {
                id,
                secret,
                token_url,
                account_id,
            } => format!("client {id} {secret} {token_url} {account_id:?}"),
        })
    }

    #[test]
    fn a_secret_says_as_whom_to_log_in() {
        let user = r#"{"username":"u","password":"s3cret","engine":"none"}"#;
        assert_eq!(read(user, None).as_deref(), Some("user u s3cret"));
        assert_eq!(read(user, Some("t")).as_deref(), Some("user u s3cret"));
        let client = r#"{"client_id":"c","client_secret":"s3cret","account_id":"7001"}"#;
        let expected = "client c s3cret t Some(\"7001\")";
        assert_eq!(read(client, Some("t")).as_deref(), Some(expected));
    }

    #[test]
    fn a_secret_without_what_is_needed_is_no_login() {
        for secret in [
            "s3cret",
            "",
            "{}",
            r#"{"username":"u"}"#,
            r#"{"username":"u","password":""}"#,
            r#"{"username":1,"password":"s3cret"}"#,
            r#"{"client_id":"c","client_secret":"s3cret"}"#,
        ] {
            assert_eq!(read(secret, None), None, "{secret}: no address of tokens");
        }
    }

    #[test]
    fn a_rotated_secret_is_another_one() {
        let of = |secret: &str| {
            let login = BackendLogin::User {
                name: "u".to_owned(),
            };
            let made = login.with_secret(Password::of(secret.to_owned()));
            made.expect("it needs no more")
        };
        assert!(!of("a").are_others_than(&of("a")));
        assert!(of("a").are_others_than(&of("b")));
    }
}
