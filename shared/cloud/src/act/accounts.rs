//! Accounts taken out of use, let in again and given new secrets.

use calls::AccountId;
use jiff::Timestamp;

use crate::accounts::login_records::{LoginEdit, LoginEdited};
use crate::accounts::{Account, Accounts, Login, PreviousSecret};
use crate::act::Run;
use crate::error::Error;

/// An account, and what was done with those who log in for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchedAccount {
    pub account: Account,
    pub logins: usize,
    /// Tokens that were taken back.
    pub tokens: usize,
}

impl Accounts {
    /// None of its users and API clients may log in, or all of them may again. The account is changed
    /// first: a login that is made meanwhile is of a disabled account. Cut off in between, it is done
    /// again. `None`: there is no such account.
    pub async fn switch_account(
        &self,
        id: &AccountId,
        is_disabled: bool,
        run: Run,
    ) -> Result<Option<SwitchedAccount>, Error> {
        let account = match run {
            Run::Real => {
                let change = |account: &mut Account| account.is_disabled = is_disabled;
                self.change_account(id, change).await?
            }
            Run::Rehearsed => {
                let found = self.all_accounts().await?;
                let found = found.into_iter().find(|account| account.id == *id);
                found.map(|account| Account {
                    is_disabled,
                    ..account
                })
            }
        };
        let Some(account) = account else {
            return Ok(None);
        };
        let mut logins = 0;
        for login in [Login::User, Login::Client] {
            for record in self.logins(login, Some(id)).await? {
                let edit = LoginEdit::AccountDisabled(is_disabled);
                let edited = self.edit_login(login, &record.name, edit, run).await?;
                logins += usize::from(matches!(edited, LoginEdited::Done(_)));
            }
        }
        let tokens = match is_disabled {
            true => self.delete_tokens_of(id, run).await?,
            false => 0,
        };
        Ok(Some(SwitchedAccount {
            account,
            logins,
            tokens,
        }))
    }

    /// Another secret signs its callbacks; until then the one so far signs beside it. `None`: there is
    /// no such account.
    pub async fn rotate_webhook_secret(
        &self,
        id: &AccountId,
        secret: &str,
        previous_until: Timestamp,
    ) -> Result<Option<Account>, Error> {
        let rotate = |account: &mut Account| {
            // Done again after an answer that was lost, it is the same.
            if account.webhook_secret != secret {
                account.previous_secret = Some(PreviousSecret {
                    secret: std::mem::replace(&mut account.webhook_secret, secret.to_owned()),
                    until: previous_until,
                });
            }
        };
        self.change_account(id, rotate).await
    }
}
