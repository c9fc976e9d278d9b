//! Users and API clients: made, taken out of use, given new secrets, deleted.

use axum::extract::State;
use axum::response::Response;
use calls::AccountId;
use cloud::Random;
use cloud::accounts::login_changes::{LoginChange, NewLogin, SecretStorage};
use cloud::accounts::login_records::{LoginEdit, LoginEdited};
use cloud::accounts::{Caller, Login};
use cloud::act::Run;
use jiff::SignedDuration;

use crate::acts::accounts::address;
use crate::acts::{ActReport, ConsoleAct, recorded};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

/// How long the secret before a new one is good: time for its holder to change it.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

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
        caller: Caller::of(account.clone()),
        replace: false,
    };
    match accounts.put_new_login(&new).await? {
        LoginChange::Made => Ok(()),
        LoginChange::IsThere(_) | LoginChange::NoKey => Err(PageFailure::NotAllowed(format!(
            "The name {name} is taken; names are the whole stack's, so choose another one."
        ))),
    }
}

/// One that is there is disabled, enabled, given a new secret or deleted.
pub(crate) async fn change(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (account, name) = (form.account()?, form.needed("name")?);
    let (login, noun) = match form.text("kind") {
        "client" => (Login::Client, "clients"),
        _ => (Login::User, "users"),
    };
    let secret = Random::system().token();
    let (edit, verb) = match form.text("what") {
        "disable" => (LoginEdit::Disable, "disable"),
        "enable" => (LoginEdit::Enable, "enable"),
        "delete" => (LoginEdit::Delete, "delete"),
        "rotate" => {
            let previous_until = Some(console.now() + OVERLAP);
            let secret = &secret;
            (
                LoginEdit::Rotate {
                    secret,
                    previous_until,
                },
                "rotate",
            )
        }
        _ => {
            return Err(PageFailure::Wrong(
                "Say what is to be done with it.".to_owned(),
            ));
        }
    };
    let act = ConsoleAct {
        name: "logins change",
        target: format!("{noun} {verb} {account} {name}"),
        form: &form,
    };
    recorded(
        &console,
        act,
        edited(&console, &account, login, (name, edit)),
    )
    .await?;
    let report = match edit {
        LoginEdit::Rotate { .. } => ActReport {
            heads: vec!["Name", "New password or secret"],
            lines: vec![vec![name.to_owned(), secret.clone()]],
            ..ActReport::said("The secret is shown this once; the old one is good for a day more.")
        },
        LoginEdit::Disable
        | LoginEdit::Enable
        | LoginEdit::Delete
        | LoginEdit::AccountDisabled(_) => ActReport::said("It holds within three minutes."),
    };
    report
        .then(address(&console, &account), "The account")
        .page(&console, Tab::Accounts, Run::Real)
}

async fn edited(
    console: &Console,
    account: &AccountId,
    login: Login,
    (name, edit): (&str, LoginEdit<'_>),
) -> Result<(), PageFailure> {
    let accounts = &console.cloud().accounts;
    let not_there = || PageFailure::NotFound(format!("The account has no {name} that may log in."));
    // Names are the whole stack's: what a form says of the account must be true.
    let found = accounts.login_record(login, name).await?;
    if found.is_none_or(|found| found.account != *account) {
        return Err(not_there());
    }
    match accounts.edit_login(login, name, edit, Run::Real).await? {
        LoginEdited::Done(_) => Ok(()),
        LoginEdited::Unknown => Err(not_there()),
        LoginEdited::IsDigest => Err(PageFailure::NotAllowed(
            "Its password is kept encrypted: make it anew with the command.".to_owned(),
        )),
    }
}
