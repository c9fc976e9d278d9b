//! Accounts, what is set of them, and who may log in.

use axum::extract::State;
use axum::response::Response;
use calls::{AccountId, CALLS_PER_SECOND_MAX, QueueOrder};
use cloud::Random;
use cloud::accounts::login_changes::{LoginChange, NewLogin, SecretStorage};
use cloud::accounts::{Account, Caller, Login};
use cloud::act::Run;

use crate::acts::{ActReport, ConsoleAct, recorded, run};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

pub(crate) async fn create(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (id, name) = (form.account()?, form.needed("name")?);
    let act = ConsoleAct {
        name: "accounts create",
        target: id.to_string(),
        form: &form,
    };
    let new = Account::new(id.clone(), name, Random::system().webhook_secret());
    recorded(
        &console,
        act,
        create_owned(&console, &new, form.text("owner")),
    )
    .await?;
    let report = ActReport {
        heads: vec!["Account", "Secret that signs its callbacks"],
        lines: vec![vec![id.to_string(), new.webhook_secret]],
        ..ActReport::said("It is made. The secret is shown this once.")
    };
    report
        .then(address(&console, &id), "The account")
        .page(&console, Tab::Accounts, Run::Real)
}

async fn create_owned(console: &Console, new: &Account, owner: &str) -> Result<(), PageFailure> {
    let accounts = &console.cloud().accounts;
    let owner = (!owner.is_empty()).then(|| AccountId(owner.to_owned()));
    if let Some(owner) = &owner
        && accounts.account(owner, console.now()).await?.is_none()
    {
        return Err(PageFailure::NotFound(format!(
            "There is no account {owner}."
        )));
    }
    if !accounts.create_account(new).await? {
        return Err(PageFailure::NotAllowed(format!(
            "Account {} is there already.",
            new.id
        )));
    }
    if let Some(owner) = &owner {
        let own = |account: &mut Account| {
            if !account.owns.contains(&new.id) {
                account.owns.push(new.id.clone());
            }
        };
        accounts.change_account(owner, own).await?;
    }
    Ok(())
}

pub(crate) async fn change(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (id, run) = (form.account()?, run(&form));
    let limit = limit(form.text("limit"))?;
    let (is_async, is_strict) = (form.is_ticked("async"), form.is_ticked("strict"));
    let order = match form.text("order") {
        "received" => QueueOrder::Received,
        _ => QueueOrder::Unordered,
    };
    let change = |account: &mut Account| {
        account.async_by_default = is_async;
        account.is_strict = is_strict;
        account.queue.order = order;
        account.calls_per_second = limit;
    };
    let said = format!(
        "async {is_async}, strict {is_strict}, order {}, limit {}",
        form.text("order"),
        form.text("limit")
    );
    let act = ConsoleAct {
        name: "accounts set",
        target: format!("{id}: {said}"),
        form: &form,
    };
    let doing = async {
        let accounts = &console.cloud().accounts;
        let changed = match run {
            Run::Real => accounts.change_account(&id, change).await?,
            Run::Rehearsed => accounts.account(&id, console.now()).await?,
        };
        changed.ok_or_else(|| PageFailure::NotFound(format!("There is no account {id}.")))
    };
    recorded(&console, act, doing).await?;
    let report = ActReport::said(format!("{id}: {said}"));
    report
        .then(address(&console, &id), "The account")
        .page(&console, Tab::Accounts, run)
}

fn limit(text: &str) -> Result<Option<u32>, PageFailure> {
    if matches!(text, "" | "default") {
        return Ok(None);
    }
    let calls: Option<u32> = text.parse().ok();
    let calls = calls.filter(|calls| *calls <= CALLS_PER_SECOND_MAX);
    calls.map(Some).ok_or_else(|| {
        PageFailure::Wrong(format!(
            "A limit is a number up to {CALLS_PER_SECOND_MAX}, or default."
        ))
    })
}

pub(crate) async fn log_in(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let account = form.account()?;
    let (login, act_name, kind) = match form.text("kind") {
        "client" => (Login::Client, "clients create", "API client"),
        _ => (Login::User, "users create", "User"),
    };
    let name = match (form.text("name"), login) {
        ("", Login::Client) => Random::system().guid(),
        _ => form.needed("name")?.to_owned(),
    };
    // What somebody has chosen is for a local server alone: anywhere else it could be guessed.
    let secret = match form.text("secret") {
        given if console.options.is_local && !given.is_empty() => given.to_owned(),
        _ => Random::system().token(),
    };
    let act = ConsoleAct {
        name: act_name,
        target: format!("{account} {name}"),
        form: &form,
    };
    recorded(
        &console,
        act,
        put(&console, &account, login, (&name, &secret)),
    )
    .await?;
    let report = ActReport {
        heads: vec![kind, "Password or secret"],
        lines: vec![vec![name, secret]],
        ..ActReport::said("It is made. The secret is shown this once.")
    };
    report
        .then(address(&console, &account), "The account")
        .page(&console, Tab::Accounts, Run::Real)
}

async fn put(
    console: &Console,
    account: &AccountId,
    login: Login,
    (name, secret): (&str, &str),
) -> Result<(), PageFailure> {
    let accounts = &console.cloud().accounts;
    if accounts.account(account, console.now()).await?.is_none() {
        return Err(PageFailure::NotFound(format!(
            "There is no account {account}."
        )));
    }
    let new = NewLogin {
        login,
        name,
        secret,
        secret_storage: SecretStorage::Hash,
        caller: Caller {
            account: account.clone(),
            async_by_default: false,
        },
        replace: false,
    };
    match accounts.put_new_login(&new).await? {
        LoginChange::Made => Ok(()),
        LoginChange::IsThere(_) | LoginChange::NoKey => Err(PageFailure::NotAllowed(format!(
            "The name {name} is taken; names are the whole stack's, so choose another one."
        ))),
    }
}

fn address(console: &Console, id: &AccountId) -> String {
    link::with_query(
        &format!("{}/account", console.base()),
        &[("account", &id.0)],
    )
}
