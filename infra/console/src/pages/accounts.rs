//! Accounts: all of them, and one with what can be set.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::{AccountId, QueueOrder, QueuePriority, RatePeriod};
use cloud::accounts::{Account, Login};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::page_query::PageQuery;
use crate::shell::{Shell, Tab, page};

/// What is shown of an account: all but its secret.
pub(crate) struct AccountRow {
    pub id: String,
    pub name: String,
    pub href: String,
    pub calls_href: String,
    pub async_by_default: bool,
    pub is_strict: bool,
    pub is_disabled: bool,
    pub owns: String,
    pub limit: String,
    pub is_ordered: bool,
    pub rates: String,
    pub backend: String,
    pub safe_to_repeat: String,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    shell: Shell,
    rows: Vec<AccountRow>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    account: AccountRow,
    logins_href: String,
    /// `None`: nobody has asked for them.
    logins: Option<Vec<LoginRow>>,
}

/// A user or an API client.
pub(crate) struct LoginRow {
    pub kind: &'static str,
    pub name: String,
    pub is_disabled: bool,
    pub is_digest: bool,
    pub previous_until: Option<ShownTime>,
}

/// Reads the whole table of accounts, so it is for people who have asked for it.
pub(crate) async fn accounts(State(console): State<Console>) -> Result<Response, PageFailure> {
    let found = console.cloud().accounts.all_accounts().await?;
    page(&AccountsPage {
        shell: console.shell(Tab::Accounts, "Accounts"),
        rows: found.iter().map(|account| row(&console, account)).collect(),
    })
}

pub(crate) async fn one_account(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let id = query.account(&console);
    let id = id.ok_or_else(|| PageFailure::Wrong("Say which account.".to_owned()))?;
    let found = console.cloud().accounts.account(&id, console.now()).await?;
    let account =
        found.ok_or_else(|| PageFailure::NotFound(format!("There is no account {id}.")))?;
    let logins = match query.has("logins") {
        true => Some(logins(&console, &id).await?),
        false => None,
    };
    let values = [("account", id.0.as_str()), ("logins", "yes")];
    page(&AccountPage {
        shell: console.shell(Tab::Accounts, &format!("Account {id}")),
        account: row(&console, &account),
        logins_href: link::with_query(&format!("{}/account", console.base()), &values),
        logins,
    })
}

/// Reads the whole table of accounts, too.
async fn logins(console: &Console, id: &AccountId) -> Result<Vec<LoginRow>, PageFailure> {
    let accounts = &console.cloud().accounts;
    let mut rows = Vec::new();
    for (login, kind) in [(Login::User, "user"), (Login::Client, "client")] {
        let found = accounts.logins(login, Some(id)).await?;
        rows.extend(found.into_iter().map(|record| LoginRow {
            kind,
            name: record.name,
            is_disabled: record.is_disabled,
            is_digest: record.is_digest,
            previous_until: record.previous_until.map(ShownTime),
        }));
    }
    Ok(rows)
}

fn row(console: &Console, account: &Account) -> AccountRow {
    let values = [("account", account.id.0.as_str())];
    let at = |path: &str| link::with_query(&format!("{}{path}", console.base()), &values);
    let joined = |texts: Vec<String>| texts.join(", ");
    AccountRow {
        id: account.id.0.clone(),
        name: account.name.clone(),
        href: at("/account"),
        calls_href: at("/calls"),
        async_by_default: account.async_by_default,
        is_strict: account.is_strict,
        is_disabled: account.is_disabled,
        owns: joined(account.owns.iter().map(ToString::to_string).collect()),
        limit: account
            .calls_per_second
            .map_or_else(|| "default".to_owned(), |calls| calls.to_string()),
        is_ordered: account.queue.order == QueueOrder::Received,
        rates: joined(rates(account)),
        backend: account.backend.to_string(),
        safe_to_repeat: joined(
            account
                .safe_to_repeat
                .iter()
                .map(ToString::to_string)
                .collect(),
        ),
    }
}

fn rates(account: &Account) -> Vec<String> {
    let of = |priority: QueuePriority| {
        let rate = account.queue.rates.get(&priority)?;
        let period = match rate.per {
            RatePeriod::Second => "second",
            RatePeriod::Minute => "minute",
        };
        Some(format!("{} {}/{period}", priority.name(), rate.calls))
    };
    QueuePriority::ALL.into_iter().filter_map(of).collect()
}
