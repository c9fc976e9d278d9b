//! Every act is recorded: who, what, when and why, before it is done, and what came of it after. What only
//! looks is not.

use cloud::act::audit::AuditRecord;
use cloud::{Clock, Random};
use jiff::tz::TimeZone;

use crate::access::{self, Access};
use crate::arguments::{
    AccountVerb, Arguments, AuditVerb, BackendVerb, ClientVerb, MaintenanceCommand, Noun, UserVerb,
};
use crate::call_arguments::CallVerb;
use crate::failure::CommandFailure;
use crate::output::{Output, Record};

/// What a command does to what: no secrets, no addresses of people.
pub(crate) struct Act {
    name: &'static str,
    target: String,
    /// Whether it can be rehearsed.
    pub(crate) rehearses: bool,
}

impl Act {
    fn of(name: &'static str, target: &[&str]) -> Option<Self> {
        let target = target.join(" ");
        Some(Self {
            name,
            target,
            rehearses: false,
        })
    }

    fn rehearsable(name: &'static str, target: &[&str]) -> Option<Self> {
        Self::of(name, target).map(|act| Self {
            rehearses: true,
            ..act
        })
    }
}

/// `None`: it only looks.
pub(crate) fn act(noun: &Noun) -> Option<Act> {
    match noun {
        Noun::Accounts(verb) => of_accounts(verb),
        Noun::Users(UserVerb::Create { account, name, .. }) => {
            Act::of("users create", &[account, name])
        }
        Noun::Clients(ClientVerb::Create { account, id, .. }) => {
            Act::of("clients create", &[account, id.as_deref().unwrap_or("")])
        }
        Noun::Clients(ClientVerb::Async { id, switch }) => {
            Act::of("clients async", &[id, switch.word()])
        }
        Noun::Backends(BackendVerb::Create { name, .. }) => Act::of("backends create", &[name]),
        Noun::Backends(BackendVerb::Rotate { name, .. }) => Act::of("backends rotate", &[name]),
        Noun::Calls(verb) => of_calls(verb),
        Noun::Maintenance { switch } => match switch {
            MaintenanceCommand::On => Act::of("maintenance", &["on"]),
            MaintenanceCommand::Off => Act::of("maintenance", &["off"]),
            MaintenanceCommand::Show => None,
        },
        Noun::Backends(BackendVerb::List | BackendVerb::Show { .. })
        | Noun::Mails(_)
        | Noun::Audit(_)
        | Noun::Completions { .. }
        | Noun::Man
        | Noun::Unpack { .. } => None,
    }
}

fn of_accounts(verb: &AccountVerb) -> Option<Act> {
    match verb {
        AccountVerb::Create { id, .. } => Act::rehearsable("accounts create", &[id]),
        AccountVerb::Async { id, switch } => {
            Act::rehearsable("accounts async", &[id, switch.word()])
        }
        AccountVerb::Strict { id, switch } => {
            Act::rehearsable("accounts strict", &[id, switch.word()])
        }
        AccountVerb::Owns { id, children } => {
            Act::rehearsable("accounts owns", &[id, &children.join(" ")])
        }
        AccountVerb::Secret { id } => Act::rehearsable("accounts secret", &[id]),
        AccountVerb::Order { id, .. } => Act::rehearsable("accounts order", &[id]),
        AccountVerb::Rate { id, rate, .. } => Act::rehearsable("accounts rate", &[id, rate]),
        AccountVerb::Backend { id, backend } => {
            Act::rehearsable("accounts backend", &[id, backend])
        }
        AccountVerb::Limit { id, calls } => Act::rehearsable("accounts limit", &[id, calls]),
        AccountVerb::List | AccountVerb::Show { .. } => None,
    }
}

fn of_calls(verb: &CallVerb) -> Option<Act> {
    match verb {
        CallVerb::Cancel { account, id } => Act::rehearsable("calls cancel", &[account, id]),
        CallVerb::Reschedule {
            account,
            request,
            to,
        } => Act::rehearsable("calls reschedule", &[account, request, to]),
        CallVerb::Resubmit {
            account,
            id,
            target,
            ..
        } => Act::rehearsable("calls resubmit", &[account, id, "as", target]),
        CallVerb::List(_)
        | CallVerb::Show { .. }
        | CallVerb::Watch { .. }
        | CallVerb::Export { .. } => None,
    }
}

/// Before the act. If it cannot be recorded, it is not done.
pub(crate) async fn begin(
    arguments: &Arguments,
    access: &Access,
    act: &Act,
) -> Result<AuditRecord, CommandFailure> {
    let record = AuditRecord {
        id: Random::system().guid(),
        at: Clock::system().now(),
        who: access::who(arguments).await?,
        act: act.name.to_owned(),
        target: act.target.clone(),
        reason: arguments.reason.clone(),
        result: None,
    };
    access.accounts.begin_act(&record).await?;
    Ok(record)
}

/// After it. What was done is done, whether or not that can be recorded.
pub(crate) async fn finish(
    access: &Access,
    record: AuditRecord,
    done: &Result<Output, CommandFailure>,
) -> Result<(), CommandFailure> {
    let result = match done {
        Ok(_) => "done".to_owned(),
        Err(failure) => format!("not done: {failure}"),
    };
    Ok(access.accounts.finish_act(record, &result).await?)
}

pub(crate) async fn audit(access: &Access, verb: &AuditVerb) -> Result<Output, CommandFailure> {
    let AuditVerb::List { day, limit } = verb;
    let today = || TimeZone::UTC.to_datetime(Clock::system().now()).date();
    let day = day.unwrap_or_else(today);
    let found = access.accounts.acts_of_day(day, *limit).await?;
    let shown = found.iter().map(|record| {
        Record::of("at", format!("{:.3}", record.at))
            .and("who", record.who.as_str())
            .and("act", record.act.as_str())
            .and("target", record.target.as_str())
            .and("reason", record.reason.as_str())
            .and(
                "result",
                record.result.as_deref().unwrap_or("cut off, or under way"),
            )
    });
    Ok(Output::List(shown.collect()))
}
