//! `aftercall users`, `clients` and `tokens`: list, show, disable, enable, rotate, delete.

use calls::AccountId;
use cloud::accounts::Login;
use cloud::accounts::login_records::{LoginEdit, LoginEdited, LoginRecord};
use cloud::act::Run;
use cloud::{Clock, Random};
use jiff::Timestamp;

use crate::access::Access;
use crate::accounts::account;
use crate::call_lines::{maybe, second};
use crate::failure::CommandFailure;
use crate::login_arguments::{LoginAct, TokenVerb};
use crate::output::{Output, Record};

pub(crate) async fn carry_out(
    access: &Access,
    random: &Random,
    login: Login,
    act: &LoginAct,
) -> Result<Output, CommandFailure> {
    match act {
        LoginAct::List { account } => {
            let account = account.clone().map(AccountId);
            let found = access.accounts.logins(login, account.as_ref()).await?;
            Ok(Output::List(found.iter().map(shown).collect()))
        }
        LoginAct::Show { name } => {
            let found = access.accounts.login_record(login, name).await?;
            let found = found.ok_or_else(|| no_such(login, name))?;
            Ok(Output::One(shown(&found)))
        }
        LoginAct::Disable { name } => edited(access, login, name, LoginEdit::Disable).await,
        LoginAct::Enable { name } => edited(access, login, name, LoginEdit::Enable).await,
        LoginAct::Delete { name } => edited(access, login, name, LoginEdit::Delete).await,
        LoginAct::Rotate { name, overlap } => {
            let secret = random.token();
            let now = Clock::system().now();
            let until = (!overlap.0.is_zero()).then(|| now + overlap.0);
            let edit = LoginEdit::Rotate {
                secret: &secret,
                previous_until: until,
            };
            rotated(access, login, name, edit, &secret).await
        }
    }
}

async fn edited(
    access: &Access,
    login: Login,
    name: &str,
    edit: LoginEdit<'_>,
) -> Result<Output, CommandFailure> {
    let deletes = matches!(edit, LoginEdit::Delete);
    match access
        .accounts
        .edit_login(login, name, edit, access.run)
        .await?
    {
        LoginEdited::Done(record) => {
            let record = shown(&record);
            Ok(Output::One(match (deletes, access.run) {
                (true, Run::Real) => record.and("result", "deleted"),
                (true, Run::Rehearsed) => record.and("result", "would be deleted"),
                (false, _) => record,
            }))
        }
        LoginEdited::Unknown | LoginEdited::IsDigest => Err(no_such(login, name)),
    }
}

async fn rotated(
    access: &Access,
    login: Login,
    name: &str,
    edit: LoginEdit<'_>,
    secret: &str,
) -> Result<Output, CommandFailure> {
    match access
        .accounts
        .edit_login(login, name, edit, access.run)
        .await?
    {
        LoginEdited::Done(record) => {
            let record = shown(&record);
            let title = match login {
                Login::User => "password",
                Login::Client => "client_secret",
            };
            Ok(Output::One(match access.run {
                Run::Real => record.and(title, secret),
                Run::Rehearsed => record,
            }))
        }
        LoginEdited::Unknown => Err(no_such(login, name)),
        LoginEdited::IsDigest => Err(CommandFailure::NotAllowed(format!(
            "the password of {name} is kept encrypted, for PasswordDigest, and two of them cannot be good at \
             once: `aftercall users create ACCOUNT {name} --digest KEY --replace` makes another one"
        ))),
    }
}

fn no_such(login: Login, name: &str) -> CommandFailure {
    CommandFailure::NotFound(match login {
        Login::User => format!("there is no user {name}; `aftercall users list` shows them"),
        Login::Client => {
            format!("there is no API client {name}; `aftercall clients list` shows them")
        }
    })
}

fn shown(record: &LoginRecord) -> Record {
    let title = match record.login {
        Login::User => "user",
        Login::Client => "client_id",
    };
    let now = Clock::system().now();
    let previous: Option<Timestamp> = record.previous_until.filter(|until| *until > now);
    Record::of(title, record.name.as_str())
        .and("account", record.account.0.as_str())
        .and("disabled", record.is_disabled)
        .and("async_by_default", record.async_by_default)
        .and("digest", record.is_digest)
        .and("previous_secret_until", maybe(previous.map(second)))
}

pub(crate) async fn tokens(
    access: &Access,
    clock: &Clock,
    verb: &TokenVerb,
) -> Result<Output, CommandFailure> {
    match verb {
        TokenVerb::List { account: id } => {
            let account = account(access, clock, id).await?;
            let found = access.accounts.tokens_of(&account.id, clock.now()).await?;
            let shown = found.iter().map(|token| {
                Record::of("hash", token.hash.as_str())
                    .and("account", token.account.0.as_str())
                    .and("good_until", second(token.good_until))
            });
            Ok(Output::List(shown.collect()))
        }
        TokenVerb::Delete { account: id } => {
            let account = account(access, clock, id).await?;
            let deleted = access
                .accounts
                .delete_tokens_of(&account.id, access.run)
                .await?;
            let name = match access.run {
                Run::Real => "deleted",
                Run::Rehearsed => "would_be_deleted",
            };
            let record = Record::of("account", id.as_str()).and(name, deleted);
            Ok(Output::One(record))
        }
    }
}
