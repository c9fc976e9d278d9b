//! Creates, changes and lists accounts for the operator. Each change is conditional on the version
//! that it was decided on, so that two operators do not overwrite each other's changes.

use calls::AccountId;

use crate::accounts::account_record::{Account, account_in, account_item, account_key};
use crate::accounts::login_records::{LoginEdit, LoginEdited};
use crate::accounts::{Accounts, Login};
use crate::act::Run;
use crate::error::{Committed, Error, FEW_CONFLICTS_MAX};
use crate::records::item::ItemReader;

/// The result of creating an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountCreation {
    Created,
    /// An account with that id exists, and nothing is changed.
    IdTaken,
}

/// The result of deleting an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountDeletion {
    /// So many could log in for it, and so many tokens were good or had expired of late.
    Done { logins: usize, tokens: usize },
    /// There is no such account.
    Unknown,
}

impl Accounts {
    pub async fn create_account(&self, account: &Account) -> Result<AccountCreation, Error> {
        let found = self.table.put_new(account_item(account, 1)).await?;
        Ok(match found {
            None => AccountCreation::Created,
            Some(_) => AccountCreation::IdTaken,
        })
    }

    /// `None`: there is no such account.
    pub async fn change_account(
        &self,
        id: &AccountId,
        change: impl Fn(&mut Account),
    ) -> Result<Option<Account>, Error> {
        for _ in 0..FEW_CONFLICTS_MAX {
            let Some(item) = self.table.get(&account_key(id)).await? else {
                return Ok(None);
            };
            let item = ItemReader(item);
            let version: u64 = item.number("version")?;
            let mut account = account_in(id, &item)?;
            change(&mut account);
            let changed = account_item(&account, version + 1);
            let put = self.table.put_over(changed, Some(version)).await;
            match Committed::of(put)? {
                Committed::Written(()) => {
                    self.remembered().accounts.remove(id);
                    return Ok(Some(account));
                }
                Committed::Conflict => {}
            }
        }
        Err(Error::Conflict(FEW_CONFLICTS_MAX))
    }

    /// Takes an account away with all who log in for it. Its own record goes last: cut off before, it is
    /// done again.
    pub async fn delete_account(&self, id: &AccountId, run: Run) -> Result<AccountDeletion, Error> {
        let Some(item) = self.table.get(&account_key(id)).await? else {
            return Ok(AccountDeletion::Unknown);
        };
        let version: u64 = ItemReader(item).number("version")?;
        let mut logins = 0;
        for login in [Login::User, Login::Client] {
            for record in self.logins(login, Some(id)).await? {
                let deleted = self.edit_login(login, &record.name, LoginEdit::Delete, run);
                logins += usize::from(matches!(deleted.await?, LoginEdited::Done(_)));
            }
        }
        let tokens = self.delete_tokens_of(id, run).await?;
        if run == Run::Real {
            for owner in self.all_accounts().await? {
                if owner.owns.contains(id) {
                    let disown = |owner: &mut Account| owner.owns.retain(|owned| owned != id);
                    self.change_account(&owner.id, disown).await?;
                }
            }
            // Whoever has changed it meanwhile may have taken it into use again.
            let deleted = self.table.delete_over(&account_key(id), version).await;
            if matches!(Committed::of(deleted)?, Committed::Conflict)
                && self.table.get(&account_key(id)).await?.is_some()
            {
                return Err(Error::Conflict(1));
            }
            self.remembered().accounts.remove(id);
        }
        Ok(AccountDeletion::Done { logins, tokens })
    }

    /// Sorted by id. Reads the whole table, so it is for operators only.
    pub async fn all_accounts(&self) -> Result<Vec<Account>, Error> {
        let items = self.table.all_of("ACCOUNT#", "ACCOUNT").await?;
        let read = items.into_iter().map(|item| {
            let item = ItemReader(item);
            let pk = item.text("pk")?;
            let id = AccountId(pk.trim_start_matches("ACCOUNT#").to_owned());
            account_in(&id, &item)
        });
        let mut accounts = read.collect::<Result<Vec<_>, Error>>()?;
        accounts.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(accounts)
    }
}
