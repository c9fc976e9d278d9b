//! Creates, changes and lists accounts for the operator. Each change is conditional on the version
//! that it was decided on, so that two operators do not overwrite each other's changes.

use calls::AccountId;

use crate::accounts::Accounts;
use crate::accounts::account_record::{Account, account_in, account_item, account_key};
use crate::error::{Committed, Error, FEW_CONFLICTS_MAX};
use crate::records::item::ItemReader;

/// The result of creating an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountCreation {
    Created,
    /// An account with that id exists, and nothing is changed.
    IdTaken,
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
