//! `aftercall users` and `aftercall clients`: who may log in.

use calls::{QueuePriority, QueueSettings};
use cloud::accounts::login_changes::{LoginChange, NewLogin, SecretStorage};
use cloud::accounts::{Account, Caller, ClientChange, Login};
use cloud::{Clock, Random};

use crate::access::Access;
use crate::accounts::account;
use crate::arguments::{ClientVerb, UserVerb};
use crate::failure::CommandFailure;
use crate::login_acts;
use crate::output::{Output, Record};
use crate::queue_settings;

pub(crate) async fn users(
    access: &Access,
    random: &Random,
    clock: &Clock,
    verb: &UserVerb,
) -> Result<Output, CommandFailure> {
    let (of, name, password, digest, replace) = match verb {
        UserVerb::Create {
            account,
            name,
            password,
            digest,
            replace,
        } => (account, name, password, digest, replace),
        UserVerb::Act(act) => return login_acts::carry_out(access, random, Login::User, act).await,
    };
    let account = open_account(access, clock, of).await?;
    let password = secret(access, random, password.as_deref(), "password")?;
    let new = NewLogin {
        login: Login::User,
        name,
        secret: &password,
        secret_storage: match digest {
            Some(_) => SecretStorage::Encrypted,
            None => SecretStorage::Hash,
        },
        caller: Caller::of(account.id.clone()),
        replace: *replace,
    };
    put(access, &new).await?;
    let record = Record::of("account", account.id.0.as_str());
    let record = record.and("user", name.as_str());
    let record = record.and("password", password.as_str());
    Ok(Output::One(match digest {
        Some(_) => record.and(
            "password_is_kept",
            "encrypted, so that PasswordDigest can be checked: whoever may use the key can read it",
        ),
        None => record,
    }))
}

pub(crate) async fn clients(
    access: &Access,
    random: &Random,
    clock: &Clock,
    verb: &ClientVerb,
) -> Result<Output, CommandFailure> {
    match verb {
        ClientVerb::Create {
            account: of,
            id,
            secret: given,
            replace,
        } => {
            let account = open_account(access, clock, of).await?;
            let secret = secret(access, random, given.as_deref(), "secret")?;
            let id = id.clone().unwrap_or_else(|| random.guid());
            let new = NewLogin {
                login: Login::Client,
                name: &id,
                secret: &secret,
                secret_storage: SecretStorage::Hash,
                caller: Caller::of(account.id.clone()),
                replace: *replace,
            };
            put(access, &new).await?;
            let record = Record::of("account", account.id.0.as_str());
            let record = record.and("client_id", id.as_str());
            Ok(Output::One(record.and("client_secret", secret.as_str())))
        }
        ClientVerb::Act(act) => login_acts::carry_out(access, random, Login::Client, act).await,
        ClientVerb::Async { id, switch } => {
            let on = switch.is_on();
            match access.accounts.set_client_async(id, on).await? {
                ClientChange::Changed => {
                    let record = Record::of("client_id", id.as_str());
                    Ok(Output::One(record.and("async_by_default", on)))
                }
                ClientChange::NoSuchClient => Err(no_client(id)),
            }
        }
        ClientVerb::Order { id, order } => {
            let order = queue_settings::order(*order);
            change_queue(access, id, |settings| settings.order = order).await
        }
        ClientVerb::Rate(said) => {
            let rate = queue_settings::read_rate(&said.rate)?;
            let priority = QueuePriority::from(said.priority);
            change_queue(access, &said.id, |settings| {
                queue_settings::set_rate(settings, priority, rate);
            })
            .await
        }
    }
}

async fn change_queue(
    access: &Access,
    id: &str,
    change: impl FnOnce(&mut QueueSettings),
) -> Result<Output, CommandFailure> {
    let changed = access.accounts.change_client_queue(id, change).await?;
    let settings = changed.ok_or_else(|| no_client(id))?;
    let record = Record::of("client_id", id)
        .and("queue_order", queue_settings::order_name(&settings))
        .and("queue_rates", queue_settings::rates(&settings));
    Ok(Output::One(record))
}

fn no_client(id: &str) -> CommandFailure {
    CommandFailure::NotFound(format!("there is no API client {id}"))
}

/// An account that somebody may log in for.
async fn open_account(access: &Access, clock: &Clock, id: &str) -> Result<Account, CommandFailure> {
    let account = account(access, clock, id).await?;
    match account.is_disabled {
        true => Err(CommandFailure::NotAllowed(format!(
            "account {id} is disabled; `aftercall accounts enable {id}` lets it in again"
        ))),
        false => Ok(account),
    }
}

/// What was given, which only a local server's may be: a command line is kept in histories and
/// shown in lists of processes. Otherwise 256 bits of chance.
fn secret(
    access: &Access,
    random: &Random,
    given: Option<&str>,
    name: &str,
) -> Result<String, CommandFailure> {
    match given {
        None => Ok(random.token()),
        Some(given) if access.is_local => Ok(given.to_owned()),
        Some(_) => Err(CommandFailure::Usage(format!(
            "--{name} is for a local server (--endpoint) only; leave it out, and one is made that \
             nobody can guess"
        ))),
    }
}

async fn put(access: &Access, new: &NewLogin<'_>) -> Result<(), CommandFailure> {
    let name = new.name;
    let kind = match new.login {
        Login::User => "user",
        Login::Client => "API client",
    };
    match access.accounts.put_new_login(new).await? {
        LoginChange::Made => Ok(()),
        LoginChange::IsThere(caller) if caller.account == new.caller.account => {
            Err(CommandFailure::Exists(format!(
                "{kind} {name} is there already, of this account; with --replace it gets the new \
                 secret, and the old one is good for three minutes more at most"
            )))
        }
        LoginChange::IsThere(_) => Err(CommandFailure::Exists(format!(
            "{kind} {name} is there already, of another account; names are the whole stack's, so \
             choose another one"
        ))),
        LoginChange::NoKey => Err(CommandFailure::Usage("--digest needs a KMS key".to_owned())),
    }
}
