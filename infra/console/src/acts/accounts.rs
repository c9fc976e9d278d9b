//! Accounts, what is set of them, and who may log in.

use axum::extract::State;
use axum::response::Response;
use calls::{AccountId, CALLS_PER_SECOND_MAX, QueueOrder};
use cloud::Random;
use cloud::accounts::Account;
use cloud::accounts::account_changes::AccountCreation;
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
    if accounts.create_account(new).await? == AccountCreation::IdTaken {
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

pub(crate) fn address(console: &Console, id: &AccountId) -> String {
    link::with_query(
        &format!("{}/account", console.base()),
        &[("account", &id.0)],
    )
}

/// Nobody may log in for it any more, or all may again.
pub(crate) async fn switch(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let id = form.account()?;
    let (is_disabled, name) = match form.text("what") {
        "disable" => (true, "accounts disable"),
        "enable" => (false, "accounts enable"),
        _ => return Err(PageFailure::Wrong("Say enable or disable.".to_owned())),
    };
    let act = ConsoleAct {
        name,
        target: id.to_string(),
        form: &form,
    };
    let doing = async {
        let accounts = &console.cloud().accounts;
        let switched = accounts.switch_account(&id, is_disabled, Run::Real).await?;
        switched.ok_or_else(|| PageFailure::NotFound(format!("There is no account {id}.")))
    };
    let switched = recorded(&console, act, doing).await?;
    let report = ActReport::said(format!(
        "{} users and API clients are switched, {} tokens taken back; it holds within three minutes.",
        switched.logins, switched.tokens
    ));
    report
        .then(address(&console, &id), "The account")
        .page(&console, Tab::Accounts, Run::Real)
}
