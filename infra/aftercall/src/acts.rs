//! Every act is recorded: who, what, when and why, before it is done, and what came of it after. What only
//! looks is not.

use cloud::act::audit::AuditRecord;
use cloud::{Clock, Random};
use jiff::tz::TimeZone;

use crate::access::{self, Access};
use crate::arguments::{AccountVerb, Arguments, AuditVerb, ClientVerb, Noun, UserVerb};
use crate::backend_arguments::BackendVerb;
use crate::call_arguments::CallVerb;
use crate::failure::CommandFailure;
use crate::maintenance_arguments::{MaintenanceArguments, MaintenanceCommand};
use crate::output::{Output, Record};
use crate::unknown_arguments::UnknownVerb;

/// What a command does to what: no secrets, no addresses of people.
pub(crate) struct RecordedAct {
    name: &'static str,
    target: String,
    /// Whether it can be rehearsed.
    pub(crate) rehearses: bool,
}

impl RecordedAct {
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
pub(crate) fn act(noun: &Noun) -> Option<RecordedAct> {
    match noun {
        Noun::Accounts(verb) => of_accounts(verb),
        Noun::Users(UserVerb::Create { account, name, .. }) => {
            RecordedAct::of("users create", &[account, name])
        }
        Noun::Clients(ClientVerb::Create { account, id, .. }) => {
            RecordedAct::of("clients create", &[account, id.as_deref().unwrap_or("")])
        }
        Noun::Clients(ClientVerb::Async { id, switch }) => {
            RecordedAct::of("clients async", &[id, switch.word()])
        }
        Noun::Backends(BackendVerb::Create { name, .. }) => {
            RecordedAct::of("backends create", &[name])
        }
        Noun::Backends(BackendVerb::Rotate { name, .. }) => {
            RecordedAct::of("backends rotate", &[name])
        }
        Noun::Calls(verb) => of_calls(verb),
        Noun::Maintenance(said) => of_maintenance(said),
        Noun::Unknown(UnknownVerb::Resend { act }) => {
            RecordedAct::of("unknown resend", &[&act.account, &act.request])
        }
        Noun::Unknown(UnknownVerb::Settle { act, fate }) => {
            RecordedAct::of("unknown settle", &[&act.account, &act.request, fate.word()])
        }
        Noun::Backends(BackendVerb::List | BackendVerb::Show { .. })
        | Noun::Mails(_)
        | Noun::Unknown(UnknownVerb::List { .. })
        | Noun::Audit(_)
        | Noun::Completions { .. }
        | Noun::Man
        | Noun::Unpack { .. } => None,
    }
}

fn of_maintenance(said: &MaintenanceArguments) -> Option<RecordedAct> {
    let backend = said.backend.as_deref().unwrap_or("");
    match (said.switch, said.from, said.to) {
        (Some(MaintenanceCommand::Show), _, _) => None,
        (Some(switch), _, _) => RecordedAct::of("maintenance", &[switch.word(), backend]),
        (None, Some(from), Some(to)) => {
            let (from, to) = (from.to_string(), to.to_string());
            RecordedAct::of("maintenance", &["from", &from, "to", &to, backend])
        }
        (None, _, _) => None,
    }
}

fn of_accounts(verb: &AccountVerb) -> Option<RecordedAct> {
    match verb {
        AccountVerb::Create { id, .. } => RecordedAct::rehearsable("accounts create", &[id]),
        AccountVerb::Async { id, switch } => {
            RecordedAct::rehearsable("accounts async", &[id, switch.word()])
        }
        AccountVerb::Strict { id, switch } => {
            RecordedAct::rehearsable("accounts strict", &[id, switch.word()])
        }
        AccountVerb::Owns { id, children } => {
            RecordedAct::rehearsable("accounts owns", &[id, &children.join(" ")])
        }
        AccountVerb::Secret { id } => RecordedAct::rehearsable("accounts secret", &[id]),
        AccountVerb::Order { id, .. } => RecordedAct::rehearsable("accounts order", &[id]),
        AccountVerb::Rate { id, rate, .. } => {
            RecordedAct::rehearsable("accounts rate", &[id, rate])
        }
        AccountVerb::Backend { id, backend } => {
            RecordedAct::rehearsable("accounts backend", &[id, backend])
        }
        AccountVerb::SafeToRepeat { id, what } => {
            RecordedAct::rehearsable("accounts safe-to-repeat", &[id, &what.join(" ")])
        }
        AccountVerb::Limit { id, calls } => {
            RecordedAct::rehearsable("accounts limit", &[id, calls])
        }
        AccountVerb::List | AccountVerb::Show { .. } => None,
    }
}

fn of_calls(verb: &CallVerb) -> Option<RecordedAct> {
    match verb {
        CallVerb::Cancel { account, id } => {
            RecordedAct::rehearsable("calls cancel", &[account, id])
        }
        CallVerb::Reschedule {
            account,
            request,
            to,
        } => RecordedAct::rehearsable("calls reschedule", &[account, request, to]),
        CallVerb::Resubmit {
            account,
            id,
            target,
            ..
        } => RecordedAct::rehearsable("calls resubmit", &[account, id, "as", target]),
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
    act: &RecordedAct,
) -> Result<AuditRecord, CommandFailure> {
    let record = AuditRecord {
        id: Random::system().guid(),
        at: Clock::system().now(),
        who: access::who(arguments).await?,
        act: act.name.to_owned(),
        target: act.target.clone(),
        reason: arguments.why().to_owned(),
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
