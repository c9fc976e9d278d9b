//! The access tokens of backends, shared by all functions through the table.
//!
//! | pk                     | sk      | written by                     | holds                                            |
//! |------------------------|---------|--------------------------------|--------------------------------------------------|
//! | `BACKEND-TOKEN#<name>` | `TOKEN` | ingest, processor, timekeeper  | version, the token (encrypted), when it is to be renewed and when it ends, who is renewing it until when |
//!
//! Encrypted like the backend's secret. One process at a time renews the token. The others use the
//! old one while it is valid, and otherwise wait.

use calls::BackendName;
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::accounts::backends::owner;
use crate::aws::table::Key;
use crate::error::{Committed, Error, FEW_CONFLICTS_MAX};
use crate::outbound::forward::CachedToken;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// How long a process may take to renew a token. After that it may have died, and another process
/// renews it.
const RENEWED_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// What is to be done about a token.
pub enum SharedToken {
    Good(CachedToken),
    /// This process is to fetch one and store it over this version. The old one may still be valid.
    Renew {
        over: TokenVersion,
        old: Option<CachedToken>,
    },
    /// Another process is fetching one.
    Wait,
}

/// The version of the record over which a new token is stored.
#[derive(Clone, Copy)]
pub struct TokenVersion(u64);

/// The content of the record.
#[derive(Default)]
struct TokenRecord {
    version: u64,
    known: Option<CachedToken>,
    renewing_until: Option<Timestamp>,
    item: Option<Item>,
}

fn key(name: &BackendName) -> Key {
    Key::new(format!("BACKEND-TOKEN#{name}"), "TOKEN")
}

impl Cloud {
    /// The token that all functions share. `expired`: a token that the backend has refused.
    pub async fn shared_token(
        &self,
        name: &BackendName,
        expired: Option<&str>,
    ) -> Result<SharedToken, Error> {
        for _ in 0..FEW_CONFLICTS_MAX {
            let now = self.now();
            let record = self.read_token(name).await?;
            let is_good =
                |known: &CachedToken| known.good_until > now && Some(&*known.token) != expired;
            let known = record.known.filter(is_good);
            let is_being_renewed = record.renewing_until.is_some_and(|until| until > now);
            match known {
                Some(known) if known.until > now || is_being_renewed => {
                    return Ok(SharedToken::Good(known));
                }
                None if is_being_renewed => return Ok(SharedToken::Wait),
                Some(_) | None => {}
            }
            let writing = match record.item {
                Some(item) => ItemWriter::over(item),
                None => ItemWriter::new(key(name)),
            };
            let version = record.version + 1;
            let until = now + RENEWED_WITHIN;
            let item = writing
                .number("version", version)
                .number("renewing_until", until.as_millisecond());
            let seen = (record.version > 0).then_some(record.version);
            match Committed::of(self.calls.put_over(item.done(), seen).await)? {
                Committed::Written(()) => {
                    let over = TokenVersion(version);
                    return Ok(SharedToken::Renew { over, old: known });
                }
                Committed::Conflict => {}
            }
        }
        Ok(SharedToken::Wait)
    }

    /// Stores a new token for all. A conflict is ignored: another process has stored one that is
    /// just as good.
    pub async fn share_token(
        &self,
        name: &BackendName,
        over: TokenVersion,
        known: &CachedToken,
    ) -> Result<(), Error> {
        let encrypt = &self.accounts.encrypt_password;
        let Some(encrypted) = encrypt.close(owner(name), &known.token).await? else {
            return Ok(());
        };
        let item = ItemWriter::new(key(name))
            .number("version", over.0 + 1)
            .bytes("token", &encrypted)
            .number("renew_at", known.until.as_millisecond())
            .number("good_until", known.good_until.as_millisecond());
        let kept = self.calls.put_over(item.done(), Some(over.0)).await;
        Committed::of(kept).map(drop)
    }

    async fn read_token(&self, name: &BackendName) -> Result<TokenRecord, Error> {
        let Some(item) = self.calls.get(&key(name)).await? else {
            return Ok(TokenRecord::default());
        };
        let item = ItemReader(item);
        let encrypted = item.bytes("token");
        let token = match encrypted {
            [] => None,
            _ => {
                let decrypt = &self.accounts.encrypt_password;
                decrypt.open(owner(name), encrypted).await?
            }
        };
        let known = match token {
            None => None,
            Some(token) => Some(CachedToken {
                token: token.text().to_owned(),
                until: item.time("renew_at")?,
                good_until: item.time("good_until")?,
            }),
        };
        Ok(TokenRecord {
            version: item.number("version")?,
            known,
            renewing_until: item.time("renewing_until").ok(),
            item: Some(item.0),
        })
    }
}
