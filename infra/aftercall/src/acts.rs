//! Every act is recorded: who, what, when and why, before it is done, and what came of it after. What only
//! looks is not.

use cloud::act::audit::AuditRecord;
use cloud::{Clock, Random};
use jiff::tz::TimeZone;

use crate::access::{self, Access};
use crate::account_arguments::AccountVerb;
use crate::arguments::{Arguments, AuditVerb, ClientVerb, Noun, UserVerb};
use crate::backend_arguments::BackendVerb;
use crate::call_arguments::CallVerb;
use crate::dead_arguments::DeadVerb;
use crate::expunge_arguments::ExpungeVerb;
use crate::failure::CommandFailure;
use crate::login_arguments::{LoginAct, TokenVerb};
use crate::maintenance_arguments::{MaintenanceArguments, MaintenanceCommand};
use crate::output::{Output, Record};
use crate::pause_arguments::PauseArguments;
use crate::reply_arguments::ReplyVerb;
use crate::unknown_arguments::UnknownVerb;

/// Digits of a hash by which a person is told apart from others.
const PERSON_DIGITS: usize = 12;

/// What a command does to what: no secrets, no addresses of people.
pub(crate) struct RecordedAct {
    name: &'static str,
    target: String,
    /// Whether it can be rehearsed.
    pub(crate) rehearses: bool,
}

impl RecordedAct {
    fn of(name: &'static str, target: &[&str]) -> Option<Self> {
        let target = target.join(" ").trim_end().to_owned();
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
        Noun::Users(verb) => of_users(verb),
        Noun::Clients(verb) => of_clients(verb),
        Noun::Tokens(TokenVerb::Delete { account }) => {
            RecordedAct::rehearsable("tokens delete", &[account])
        }
        Noun::Pause(wanted) => {
            RecordedAct::rehearsable("pause", &[&wanted.what.target(), &time_of(wanted)])
        }
        Noun::Resume(wanted) => RecordedAct::rehearsable("resume", &[&wanted.target()]),
        Noun::Replies(verb) => of_replies(verb),
        Noun::Dead(DeadVerb::Redrive { wanted }) => {
            RecordedAct::rehearsable("dead redrive", &[&wanted.target()])
        }
        Noun::Dead(DeadVerb::Drop { wanted }) => {
            RecordedAct::rehearsable("dead drop", &[&wanted.target()])
        }
        Noun::Backends(BackendVerb::Create(said)) => {
            RecordedAct::of("backends create", &[&said.name])
        }
        Noun::Backends(BackendVerb::Rotate { name, .. }) => {
            RecordedAct::of("backends rotate", &[name])
        }
        Noun::Expunge(verb) => of_expunge(verb),
        Noun::Calls(verb) => of_calls(verb),
        Noun::Maintenance(said) => of_maintenance(said),
        Noun::Unknown(UnknownVerb::Resend { act }) => {
            RecordedAct::of("unknown resend", &[&act.account, &act.request])
        }
        Noun::Unknown(UnknownVerb::Settle { act, fate }) => {
            RecordedAct::of("unknown settle", &[&act.account, &act.request, fate.word()])
        }
        Noun::Backends(BackendVerb::List | BackendVerb::Show { .. })
        | Noun::Status
        | Noun::Doctor(_)
        | Noun::Tokens(TokenVerb::List { .. })
        | Noun::Conversations(_)
        | Noun::Dead(DeadVerb::List { .. })
        | Noun::Mails(_)
        | Noun::Unknown(UnknownVerb::List { .. })
        | Noun::Audit(_)
        | Noun::Console(_)
        | Noun::Completions { .. }
        | Noun::Man
        | Noun::Unpack { .. } => None,
    }
}

/// Until when, if somebody has said so.
fn time_of(wanted: &PauseArguments) -> String {
    let said = |name: &str, at: Option<jiff::Timestamp>| at.map(|at| format!("{name} {at}"));
    let times = [said("from", wanted.from), said("to", wanted.to)];
    times.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn of_users(verb: &UserVerb) -> Option<RecordedAct> {
    let names = [
        "users disable",
        "users enable",
        "users delete",
        "users rotate",
    ];
    match verb {
        UserVerb::Create { account, name, .. } => RecordedAct::of("users create", &[account, name]),
        UserVerb::Act(act) => of_login(act, names),
    }
}

fn of_clients(verb: &ClientVerb) -> Option<RecordedAct> {
    let names = [
        "clients disable",
        "clients enable",
        "clients delete",
        "clients rotate",
    ];
    match verb {
        ClientVerb::Create { account, id, .. } => {
            RecordedAct::of("clients create", &[account, id.as_deref().unwrap_or("")])
        }
        ClientVerb::Async { id, switch } => RecordedAct::of("clients async", &[id, switch.word()]),
        ClientVerb::Order { id, .. } => RecordedAct::of("clients order", &[id]),
        ClientVerb::Rate(said) => RecordedAct::of("clients rate", &[&said.id, &said.rate]),
        ClientVerb::Act(act) => of_login(act, names),
    }
}

fn of_login(act: &LoginAct, names: [&'static str; 4]) -> Option<RecordedAct> {
    let [disable, enable, delete, rotate] = names;
    let (name, target) = match act {
        LoginAct::Disable { name } => (disable, name),
        LoginAct::Enable { name } => (enable, name),
        LoginAct::Delete { name } => (delete, name),
        LoginAct::Rotate { name, .. } => (rotate, name),
        LoginAct::List { .. } | LoginAct::Show { .. } => return None,
    };
    RecordedAct::rehearsable(name, &[target])
}

fn of_replies(verb: &ReplyVerb) -> Option<RecordedAct> {
    match verb {
        ReplyVerb::Resend(name) => {
            RecordedAct::rehearsable("replies resend", &[&name.account, &name.id])
        }
        ReplyVerb::ResendAll { list, rate } => {
            let time =
                |at: Option<jiff::Timestamp>| at.map_or_else(String::new, |at| at.to_string());
            let range = format!("from {} to {}", time(list.from), time(list.to));
            let rate = format!("{rate}/s");
            RecordedAct::rehearsable("replies resend-all", &[&list.account, &range, &rate])
        }
        ReplyVerb::List(_)
        | ReplyVerb::Show(_)
        | ReplyVerb::Verify(_)
        | ReplyVerb::Listen { .. } => None,
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
        AccountVerb::Rate(said) => {
            RecordedAct::rehearsable("accounts rate", &[&said.id, &said.rate])
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
        AccountVerb::Rotate { id, .. } => RecordedAct::rehearsable("accounts rotate", &[id]),
        AccountVerb::Disable { id } => RecordedAct::rehearsable("accounts disable", &[id]),
        AccountVerb::Enable { id } => RecordedAct::rehearsable("accounts enable", &[id]),
        AccountVerb::Delete { id } => RecordedAct::rehearsable("accounts delete", &[id]),
        AccountVerb::List | AccountVerb::Show { .. } => None,
    }
}

/// A person is not named: a hash says whether two acts were about the same one.
fn of_expunge(verb: &ExpungeVerb) -> Option<RecordedAct> {
    match verb {
        ExpungeVerb::Account { account } => RecordedAct::rehearsable("expunge account", &[account]),
        ExpungeVerb::Person {
            account,
            key,
            address,
        } => {
            let name = key.as_deref().or(address.as_deref()).unwrap_or_default();
            let hash = calls::hex(&calls::hash_parts(&["person", &name.to_lowercase()]));
            let digits: String = hash.chars().take(PERSON_DIGITS).collect();
            RecordedAct::rehearsable("expunge person", &[account, &digits])
        }
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
