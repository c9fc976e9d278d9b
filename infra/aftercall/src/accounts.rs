//! `aftercall accounts`: makes, shows and changes accounts.

use calls::{AccountId, CALLS_PER_SECOND_MAX, QueuePriority};
use cloud::accounts::account_changes::AccountCreation;
use cloud::accounts::{Account, AccountBackend};
use cloud::act::Run;
use cloud::{Clock, Random};
use serde_json::Value;

use crate::access::Access;
use crate::account_arguments::AccountVerb;
use crate::failure::CommandFailure;
use crate::login_arguments::Overlap;
use crate::output::{Output, Record};
use crate::queue_arguments::RateArguments;
use crate::queue_settings;
use crate::safe_to_repeat::declared;

pub(crate) async fn carry_out(
    access: &Access,
    random: &Random,
    clock: &Clock,
    verb: &AccountVerb,
) -> Result<Output, CommandFailure> {
    match verb {
        AccountVerb::Create { id, name, owned_by } => {
            create(access, random, clock, (id, name), owned_by.as_deref()).await
        }
        AccountVerb::List => {
            let accounts = access.accounts.all_accounts().await?;
            Ok(Output::List(accounts.iter().map(shown).collect()))
        }
        AccountVerb::Show { id } => Ok(Output::One(shown(&account(access, clock, id).await?))),
        AccountVerb::Async { id, switch } => {
            change(access, id, |account| {
                account.async_by_default = switch.is_on();
            })
            .await
        }
        AccountVerb::Strict { id, switch } => {
            change(access, id, |account| account.is_strict = switch.is_on()).await
        }
        AccountVerb::Owns { id, children } => {
            for child in children {
                account(access, clock, child).await?;
            }
            let owns: Vec<AccountId> = children.iter().cloned().map(AccountId).collect();
            change(access, id, |account| account.owns.clone_from(&owns)).await
        }
        AccountVerb::Secret { id } => new_secret(access, random, id).await,
        AccountVerb::Rotate { id, overlap } => rotate(access, random, id, *overlap).await,
        AccountVerb::Disable { id } => switch(access, id, true).await,
        AccountVerb::Enable { id } => switch(access, id, false).await,
        // With the calls, see `main`.
        AccountVerb::Delete { .. } => Ok(Output::Written),
        AccountVerb::Order { id, order } => {
            let order = queue_settings::order(*order);
            change(access, id, |account| account.queue.order = order).await
        }
        AccountVerb::Rate(said) => set_rate(access, said).await,
        AccountVerb::Backend { id, backend } => set_backend(access, id, backend).await,
        AccountVerb::SafeToRepeat { id, what } => {
            let declared = declared(what)?;
            change(access, id, |account| {
                account.safe_to_repeat.clone_from(&declared);
            })
            .await
        }
        AccountVerb::Limit { id, calls } => {
            let calls = calls_per_second(calls)?;
            change(access, id, |account| account.calls_per_second = calls).await
        }
    }
}

/// Shown once, and not where nothing is done.
async fn new_secret(access: &Access, random: &Random, id: &str) -> Result<Output, CommandFailure> {
    let secret = random.webhook_secret();
    change(access, id, |account| {
        account.webhook_secret.clone_from(&secret);
    })
    .await?;
    let record = Record::of("account", id);
    Ok(Output::One(match access.run {
        Run::Real => record.and("webhook_secret", secret.as_str()),
        Run::Rehearsed => record,
    }))
}

async fn rotate(
    access: &Access,
    random: &Random,
    id: &str,
    overlap: Overlap,
) -> Result<Output, CommandFailure> {
    let (secret, account) = (random.webhook_secret(), AccountId(id.to_owned()));
    let until = Clock::system().now() + overlap.0;
    if access.run == Run::Rehearsed {
        return change(access, id, |_| {}).await;
    }
    let rotated = access
        .accounts
        .rotate_webhook_secret(&account, &secret, until);
    let rotated = rotated.await?.ok_or_else(|| not_found(&account))?;
    Ok(Output::One(
        shown(&rotated).and("webhook_secret", secret.as_str()),
    ))
}

async fn switch(access: &Access, id: &str, disabled: bool) -> Result<Output, CommandFailure> {
    let account = AccountId(id.to_owned());
    let switched = access
        .accounts
        .switch_account(&account, disabled, access.run);
    let switched = switched.await?.ok_or_else(|| not_found(&account))?;
    let record = shown(&switched.account).and("logins", switched.logins);
    Ok(Output::One(
        record.and("tokens_taken_back", switched.tokens),
    ))
}

/// Of calls that are accepted from now on, within the minutes that functions remember an account.
async fn set_backend(access: &Access, id: &str, backend: &str) -> Result<Output, CommandFailure> {
    let backend = match backend {
        "default" => AccountBackend::AsDeployed,
        AccountBackend::BUILT_IN => AccountBackend::BuiltIn,
        name => AccountBackend::Forward(crate::backends::existing(access, name).await?.0),
    };
    change(access, id, |account| account.backend.clone_from(&backend)).await
}

pub(crate) async fn account(
    access: &Access,
    clock: &Clock,
    id: &str,
) -> Result<Account, CommandFailure> {
    let id = AccountId(id.to_owned());
    let found = access.accounts.account(&id, clock.now()).await?;
    found.ok_or_else(|| not_found(&id))
}

pub(crate) fn not_found(id: &AccountId) -> CommandFailure {
    CommandFailure::NotFound(format!(
        "there is no account {id}; `aftercall accounts list` shows those that are there"
    ))
}

async fn create(
    access: &Access,
    random: &Random,
    clock: &Clock,
    (id, name): (&str, &str),
    owner: Option<&str>,
) -> Result<Output, CommandFailure> {
    if let Some(owner) = owner {
        account(access, clock, owner).await?;
    }
    let new = Account::new(AccountId(id.to_owned()), name, random.webhook_secret());
    if access.run == Run::Rehearsed {
        return match access.accounts.account(&new.id, clock.now()).await? {
            None => Ok(Output::One(shown(&new))),
            Some(_) => Err(is_there(id)),
        };
    }
    match access.accounts.create_account(&new).await? {
        AccountCreation::Created => {}
        AccountCreation::IdTaken => return Err(is_there(id)),
    }
    if let Some(owner) = owner {
        change(access, owner, |account| {
            if !account.owns.contains(&new.id) {
                account.owns.push(new.id.clone());
            }
        })
        .await?;
    }
    let record = shown(&new).and("webhook_secret", new.webhook_secret.as_str());
    Ok(Output::One(record))
}

fn is_there(id: &str) -> CommandFailure {
    CommandFailure::Exists(format!(
        "account {id} is there already; `aftercall accounts show {id}` shows it"
    ))
}

async fn change(
    access: &Access,
    id: &str,
    change: impl Fn(&mut Account),
) -> Result<Output, CommandFailure> {
    let id = AccountId(id.to_owned());
    if access.run == Run::Rehearsed {
        let found = access.accounts.account(&id, Clock::system().now()).await?;
        let mut account = found.ok_or_else(|| not_found(&id))?;
        change(&mut account);
        return Ok(Output::One(shown(&account)));
    }
    let changed = access.accounts.change_account(&id, change).await?;
    let changed = changed.ok_or_else(|| not_found(&id))?;
    Ok(Output::One(shown(&changed)))
}

/// All but its secret, which is shown when it is made.
fn shown(account: &Account) -> Record {
    let owns: Vec<Value> = account.owns.iter().map(|id| id.0.clone().into()).collect();
    let backend = match &account.backend {
        AccountBackend::AsDeployed => "default",
        AccountBackend::BuiltIn => AccountBackend::BUILT_IN,
        AccountBackend::Forward(name) => name.as_str(),
    };
    Record::of("account", account.id.0.as_str())
        .and("name", account.name.as_str())
        .and("disabled", account.is_disabled)
        .and("async_by_default", account.async_by_default)
        .and("strict", account.is_strict)
        .and("owns", owns)
        .and("calls_per_second", limit(account.calls_per_second))
        .and("queue_order", queue_settings::order_name(&account.queue))
        .and("queue_rates", queue_settings::rates(&account.queue))
        .and(
            "previous_secret_until",
            account
                .previous_secret
                .as_ref()
                .map_or(Value::Null, |it| format!("{:.3}", it.until).into()),
        )
        .and("backend", backend)
        .and(
            "safe_to_repeat",
            account
                .safe_to_repeat
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
}

async fn set_rate(access: &Access, said: &RateArguments) -> Result<Output, CommandFailure> {
    let rate = queue_settings::read_rate(&said.rate)?;
    let priority = QueuePriority::from(said.priority);
    change(access, &said.id, |account| {
        queue_settings::set_rate(&mut account.queue, priority, rate);
    })
    .await
}

/// As `accounts limit` is told it.
fn limit(calls_per_second: Option<u32>) -> Value {
    calls_per_second.map_or_else(|| "default".into(), Value::from)
}

fn calls_per_second(text: &str) -> Result<Option<u32>, CommandFailure> {
    if text == "default" {
        return Ok(None);
    }
    let calls: Option<u32> = text.parse().ok();
    let calls = calls.filter(|calls| *calls <= CALLS_PER_SECOND_MAX);
    calls.map(Some).ok_or_else(|| {
        CommandFailure::Usage(format!(
            "a limit is a number up to {CALLS_PER_SECOND_MAX}, or default, not {text}"
        ))
    })
}
