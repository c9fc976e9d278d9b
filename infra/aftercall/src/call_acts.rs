//! `aftercall calls cancel`, `reschedule` and `resubmit`: what is done about calls.

use calls::{AccountId, ConversationId, RequestId};
use cloud::Cloud;
use cloud::act::Run;
use cloud::act::cancel::CancelAnswer;
use cloud::act::reschedule::RescheduleAnswer;
use cloud::act::resubmit::{Resubmission, ResubmitAnswer, ResubmittedCall};
use jiff::Timestamp;
use serde_json::Value;

use crate::call_arguments::CallVerb;
use crate::call_lines::not_found;
use crate::failure::CommandFailure;
use crate::output::{Output, Record};

/// Most parts that are named where they are missing.
const MISSING_NAMED_MAX: usize = 20;

pub(crate) async fn carry_out(
    cloud: &Cloud,
    verb: &CallVerb,
    run: Run,
) -> Result<Output, CommandFailure> {
    match verb {
        CallVerb::Cancel { account, id } => cancel(cloud, account, id, run).await,
        CallVerb::Reschedule {
            account,
            request,
            to,
        } => reschedule(cloud, account, request, to, run).await,
        CallVerb::Resubmit {
            account,
            id,
            target,
            with_failed,
            without_missing,
        } => {
            let (account, target) = (AccountId(account.clone()), conversation_id(target)?);
            let wanted = Resubmission {
                account: &account,
                source: id,
                target: &target,
                with_failed: *with_failed,
                without_missing: *without_missing,
            };
            resubmit(cloud, &wanted, run).await
        }
        // Looked at, see `conversations`.
        CallVerb::List(_)
        | CallVerb::Show { .. }
        | CallVerb::Watch { .. }
        | CallVerb::Export { .. } => Ok(Output::Written),
    }
}

async fn cancel(
    cloud: &Cloud,
    account: &str,
    id: &str,
    run: Run,
) -> Result<Output, CommandFailure> {
    let answer = cloud
        .cancel_by_hand(&AccountId(account.to_owned()), id, run)
        .await?;
    let cancelled = |calls: u32, what: &str| {
        let record = Record::of("account", account).and("id", id);
        Ok(Output::One(record.and("calls", calls).and("result", what)))
    };
    match (answer, run) {
        (CancelAnswer::Cancelled { calls }, Run::Real) => cancelled(calls, "cancelled"),
        (CancelAnswer::Cancelled { calls }, Run::Rehearsed) => {
            cancelled(calls, "would be cancelled")
        }
        (CancelAnswer::Already, _) => cancelled(0, "was cancelled before"),
        (CancelAnswer::TooLate(state), _) => Err(CommandFailure::NotAllowed(format!(
            "{id} is {} and its next call has begun or all have ended: it is too late to cancel it",
            state.name()
        ))),
        (CancelAnswer::PartOf(conversation), _) => Err(part_of(id, &conversation)),
        (CancelAnswer::Unknown, _) => Err(not_found(&AccountId(account.to_owned()), id)),
    }
}

async fn reschedule(
    cloud: &Cloud,
    account: &str,
    request: &str,
    to: &str,
    run: Run,
) -> Result<Output, CommandFailure> {
    let at: Option<Timestamp> = match to {
        "now" => None,
        time => Some(time.parse().map_err(|error| {
            CommandFailure::Usage(format!(
                "--to is a time like 2026-12-24T18:00:00Z, or now, not {time}: {error}"
            ))
        })?),
    };
    let request_id = RequestId(request.to_owned());
    let answer = cloud
        .reschedule_by_hand(&AccountId(account.to_owned()), &request_id, at, run)
        .await?;
    let time = |at: Option<Timestamp>| at.map_or_else(|| "now".into(), |at| format!("{at}"));
    match answer {
        RescheduleAnswer::Rescheduled { before } => {
            let record = Record::of("account", account).and("request", request);
            let record = record.and("before", time(before)).and("to", time(at));
            Ok(Output::One(record.and(
                "result",
                match run {
                    Run::Real => "rescheduled",
                    Run::Rehearsed => "would be rescheduled",
                },
            )))
        }
        RescheduleAnswer::TooLate => Err(CommandFailure::NotAllowed(format!(
            "the call {request} has begun, has ended, or stands in its account's queue: it is too late"
        ))),
        RescheduleAnswer::Refused(refusal) => Err(CommandFailure::Usage(format!(
            "{} ({refusal})",
            refusal.error_code()
        ))),
        RescheduleAnswer::Unknown => Err(CommandFailure::NotFound(format!(
            "account {account} has no call {request}, or none that is still kept; name it by its \
             RequestID, which `aftercall calls show {account} CONVERSATIONID` shows"
        ))),
    }
}

async fn resubmit(
    cloud: &Cloud,
    wanted: &Resubmission<'_>,
    run: Run,
) -> Result<Output, CommandFailure> {
    let (account, id, target) = (&wanted.account.0, wanted.source, wanted.target);
    let not_allowed = |text: String| Err(CommandFailure::NotAllowed(text));
    match cloud.resubmit(wanted, run).await? {
        ResubmitAnswer::Done(calls) => Ok(submitted(
            &calls,
            match run {
                Run::Real => "submitted",
                Run::Rehearsed => "would be submitted",
            },
        )),
        ResubmitAnswer::Already(calls) => Ok(submitted(&calls, "was submitted before")),
        ResubmitAnswer::Unknown => Err(not_found(wanted.account, id)),
        ResubmitAnswer::PartOf(conversation) => Err(part_of(id, &conversation)),
        ResubmitAnswer::NotEnded(state) => not_allowed(format!(
            "{id} is {}: it may still be carried out. Wait for its end, or cancel it first",
            state.name()
        )),
        ResubmitAnswer::NothingLeft => not_allowed(format!(
            "all calls of {id} were carried out; --with-failed submits those that failed"
        )),
        ResubmitAnswer::PartsMissing(missing) => {
            let named = missing
                .iter()
                .take(MISSING_NAMED_MAX)
                .map(ToString::to_string);
            let named = named.collect::<Vec<_>>().join(", ");
            not_allowed(format!(
                "{} parts of {id} never came ({named}{}); --without-missing submits the others \
                 without them",
                missing.len(),
                if missing.len() > MISSING_NAMED_MAX {
                    ", ..."
                } else {
                    ""
                }
            ))
        }
        ResubmitAnswer::FateUnknown(request_id) => not_allowed(format!(
            "nobody knows what became of the call {request_id} at its backend; find that out first"
        )),
        ResubmitAnswer::NotKept(sequence) => not_allowed(format!(
            "call {sequence} of {id}, or what became of it, is not kept any more: its caller must \
             send it again"
        )),
        ResubmitAnswer::NameTaken => Err(CommandFailure::Exists(format!(
            "account {account} has used the ConversationID {target} for something else, or with \
             other options; choose another one"
        ))),
    }
}

/// As it is named on the command line.
fn conversation_id(text: &str) -> Result<ConversationId, CommandFailure> {
    let id = ConversationId::parse(text);
    id.map_err(|refusal| CommandFailure::Usage(format!("--as {text}: {refusal}")))
}

fn submitted(calls: &[ResubmittedCall], result: &str) -> Output {
    let call = |call: &ResubmittedCall| {
        let at = call.scheduled.map(|at| format!("{at:.3}"));
        Record::of("from", call.from.get())
            .and("from_request", call.from_request.0.as_str())
            .and("sequence", call.to.get())
            .and("request", call.to_request.0.as_str())
            .and("scheduled", at.map_or(Value::Null, Value::from))
            .and("result", result)
    };
    Output::List(calls.iter().map(call).collect())
}

fn part_of(id: &str, conversation: &ConversationId) -> CommandFailure {
    CommandFailure::NotAllowed(format!(
        "{id} is a part of the conversation {conversation}: name that"
    ))
}
