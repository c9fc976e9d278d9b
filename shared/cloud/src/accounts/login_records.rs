//! Lists users, API clients and tokens for the operator, disables and deletes them, and gives them
//! new secrets. Each change is conditional on the version that it was decided on.

use calls::AccountId;
use jiff::Timestamp;

use crate::accounts::{Accounts, Login, caller_in, login_key, secret_hash};
use crate::act::Run;
use crate::error::{Committed, Error, FEW_CONFLICTS_MAX};
use crate::records::item::{Item, ItemReader, ItemWriter};

/// A user or an API client, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRecord {
    pub login: Login,
    pub name: String,
    pub account: AccountId,
    pub async_by_default: bool,
    pub is_disabled: bool,
    /// May log in by PasswordDigest: its password is stored encrypted.
    pub is_digest: bool,
    /// Until when the previous secret is also valid.
    pub previous_until: Option<Timestamp>,
}

/// A token, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedToken {
    /// The beginning of its hash: enough to distinguish tokens, and useless for logging in.
    pub hash: String,
    pub account: AccountId,
    pub good_until: Timestamp,
}

/// What is to be done with a login.
#[derive(Clone, Copy, Debug)]
pub enum LoginEdit<'a> {
    Disable,
    Enable,
    Delete,
    /// Another secret; the present one is also valid until then.
    Rotate {
        secret: &'a str,
        previous_until: Option<Timestamp>,
    },
    /// It is disabled or enabled together with its account.
    AccountDisabled(bool),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginEdited {
    /// It is done, or would be; deleting one that does not exist counts as done.
    Done(LoginRecord),
    Unknown,
    /// Its password is stored encrypted: it can be replaced, but not be valid together with another
    /// one.
    IsDigest,
}

/// Characters of a token's hash that are shown.
const HASH_CHARS: usize = 12;

impl Accounts {
    /// Sorted by name; of one account, or of all. Reads the whole table, so it is for operators
    /// only.
    pub async fn logins(
        &self,
        login: Login,
        account: Option<&AccountId>,
    ) -> Result<Vec<LoginRecord>, Error> {
        let items = match account {
            Some(account) => {
                let sort = login.sort();
                self.table.all_where(sort, "account", &account.0).await?
            }
            None => self.table.all_sorted(login.sort()).await?,
        };
        let read = items
            .into_iter()
            .map(|item| record(login, &ItemReader(item)));
        let mut logins = read.collect::<Result<Vec<_>, Error>>()?;
        logins.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(logins)
    }

    pub async fn login_record(
        &self,
        login: Login,
        name: &str,
    ) -> Result<Option<LoginRecord>, Error> {
        let item = self.table.get(&login_key(login, name)).await?;
        item.map(|item| record(login, &ItemReader(item)))
            .transpose()
    }

    /// Takes effect within the minutes for which functions cache logins.
    pub async fn edit_login(
        &self,
        login: Login,
        name: &str,
        edit: LoginEdit<'_>,
        run: Run,
    ) -> Result<LoginEdited, Error> {
        let key = login_key(login, name);
        for _ in 0..FEW_CONFLICTS_MAX {
            let Some(item) = self.table.get(&key).await? else {
                return Ok(LoginEdited::Unknown);
            };
            let seen = ItemReader(item.clone());
            let version: u64 = seen.number("version")?;
            let is_digest = seen.maybe_text("secret_hash").is_none();
            if is_digest && matches!(edit, LoginEdit::Rotate { .. }) {
                return Ok(LoginEdited::IsDigest);
            }
            let before = record(login, &seen)?;
            let Some(next) = edited(login, name, item, edit) else {
                if run == Run::Real {
                    match Committed::of(self.table.delete_over(&key, version).await)? {
                        Committed::Written(()) => self.forget_logins(),
                        Committed::Conflict => continue,
                    }
                }
                return Ok(LoginEdited::Done(before));
            };
            let next = ItemWriter::over(next).number("version", version + 1).done();
            let after = record(login, &ItemReader(next.clone()))?;
            if run == Run::Rehearsed {
                return Ok(LoginEdited::Done(after));
            }
            match Committed::of(self.table.put_over(next, Some(version)).await)? {
                Committed::Written(()) => {
                    self.forget_logins();
                    return Ok(LoginEdited::Done(after));
                }
                Committed::Conflict => {}
            }
        }
        Err(Error::Conflict(FEW_CONFLICTS_MAX))
    }

    /// All valid tokens of an account.
    pub async fn tokens_of(
        &self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<ListedToken>, Error> {
        let items = self.table.all_where("TOKEN", "account", &account.0).await?;
        let read = items.into_iter().map(|item| token(&ItemReader(item)));
        let mut tokens = read.collect::<Result<Vec<_>, Error>>()?;
        tokens.retain(|token| token.good_until > now);
        tokens.sort_by_key(|token| token.good_until);
        Ok(tokens)
    }

    /// Revokes all tokens of an account; returns how many there were. Takes effect within the
    /// minutes for which functions cache them.
    pub async fn delete_tokens_of(&self, account: &AccountId, run: Run) -> Result<usize, Error> {
        let items = self.table.all_where("TOKEN", "account", &account.0).await?;
        let keys = items.iter().filter_map(crate::aws::table::key_of);
        let keys: Vec<_> = keys.collect();
        if run == Run::Real {
            self.table.delete_many(&keys).await?;
            self.forget_logins();
        }
        Ok(keys.len())
    }

    /// The logins that this process has cached.
    fn forget_logins(&self) {
        let mut remembered = self.remembered();
        remembered.logins.clear();
        remembered.tokens.clear();
        remembered.digest_users.clear();
    }
}

/// `None`: it is not there any more.
fn edited(login: Login, name: &str, mut item: Item, edit: LoginEdit<'_>) -> Option<Item> {
    let set = |item: Item, name: &str| ItemWriter::over(item).text(name, "true").done();
    match edit {
        LoginEdit::Delete => None,
        LoginEdit::Disable => Some(set(item, "disabled")),
        LoginEdit::Enable => {
            item.remove("disabled");
            Some(item)
        }
        LoginEdit::AccountDisabled(true) => Some(set(item, "account_disabled")),
        LoginEdit::AccountDisabled(false) => {
            item.remove("account_disabled");
            Some(item)
        }
        LoginEdit::Rotate {
            secret,
            previous_until,
        } => {
            let previous = item.remove("secret_hash");
            item.remove("previous_hash");
            item.remove("previous_until");
            let writing = ItemWriter::over(item);
            let writing = writing.text("secret_hash", secret_hash(login, name, secret));
            let previous = previous.as_ref().and_then(|hash| hash.as_s().ok());
            Some(match (previous, previous_until) {
                (Some(previous), Some(until)) => writing
                    .text("previous_hash", previous)
                    .number("previous_until", until.as_millisecond())
                    .done(),
                (Some(_) | None, _) => writing.done(),
            })
        }
    }
}

fn record(login: Login, item: &ItemReader) -> Result<LoginRecord, Error> {
    let caller = caller_in(item)?;
    Ok(LoginRecord {
        login,
        name: item.text("name")?.to_owned(),
        account: caller.account,
        async_by_default: caller.async_by_default,
        is_disabled: crate::accounts::is_login_disabled(item),
        is_digest: item.maybe_text("secret_hash").is_none(),
        previous_until: item.time("previous_until").ok(),
    })
}

fn token(item: &ItemReader) -> Result<ListedToken, Error> {
    let pk = item.text("pk")?;
    let hash = pk.trim_start_matches("TOKEN#").chars();
    Ok(ListedToken {
        hash: hash.take(HASH_CHARS).collect(),
        account: caller_in(item)?.account,
        good_until: item.time("good_until")?,
    })
}
