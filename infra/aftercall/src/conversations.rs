//! `aftercall calls`: what was queued, by account and day, and what became of it.

use calls::{AccountId, ConversationId, QueuePriority, SequenceCode};
use cloud::Clock;
use cloud::read::conversation::ReadCall;
use cloud::read::conversation_list::{
    ConversationFilter, ConversationList, ListCursor, ListOrder, ListQuery, LookBack,
};
use cloud::read::state::{ConversationState, state_of_call};
use cloud::records::conversation_record::ConversationRecord;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::arguments::{CallList, CallVerb, StateArgument};
use crate::failure::CommandFailure;
use crate::output::{Output, Record};

pub(crate) async fn carry_out(
    conversations: &ConversationList,
    clock: &Clock,
    verb: &CallVerb,
) -> Result<Output, CommandFailure> {
    match verb {
        CallVerb::List(wanted) => list(conversations, clock, wanted).await,
        CallVerb::Show { account, id, limit } => {
            show(conversations, clock, account, id, *limit).await
        }
    }
}

async fn list(
    conversations: &ConversationList,
    clock: &Clock,
    wanted: &CallList,
) -> Result<Output, CommandFailure> {
    let now = clock.now();
    let (from, to) = match (wanted.day, wanted.from) {
        (_, Some(from)) => (from, wanted.to.unwrap_or(now)),
        (Some(day), None) => bounds(day)?,
        (None, None) => bounds(TimeZone::UTC.to_datetime(now).date())?,
    };
    let query = ListQuery {
        account: AccountId(wanted.account.clone()),
        from,
        to,
        look_back: LookBack::Nothing,
        order: ListOrder::NewestFirst,
        filter: ConversationFilter {
            states: wanted.state.iter().copied().map(state).collect(),
            priority: wanted.priority.map(QueuePriority::from),
            name_prefix: wanted.prefix.clone(),
        },
    };
    let mut found = Vec::new();
    let mut cursor = ListCursor::default();
    while found.len() < wanted.limit {
        let remaining = wanted.limit - found.len();
        let page = conversations.page(&query, cursor, remaining).await?;
        found.extend(page.conversations.iter().map(|it| listed(&it.record)));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    Ok(Output::List(found))
}

/// The first and the last millisecond of a day.
fn bounds(day: Date) -> Result<(Timestamp, Timestamp), CommandFailure> {
    let begin = |day: Date| day.to_zoned(TimeZone::UTC).map(|begin| begin.timestamp());
    let both = begin(day).and_then(|from| Ok((from, begin(day.tomorrow()?)?)));
    let (from, to) =
        both.map_err(|error| CommandFailure::Usage(format!("--day {day}: {error}")))?;
    Ok((from, to - SignedDuration::from_millis(1)))
}

fn listed(record: &ConversationRecord) -> Record {
    let conversation = &record.conversation;
    let (reason, code) = match &conversation.phase {
        calls::Phase::Ended(end)
        | calls::Phase::Closing {
            end_reason: end, ..
        } => (Some(end.message()), end.error_code()),
        calls::Phase::Gathering | calls::Phase::Running(_) => (None, None),
    };
    let name = conversation.conversation_id.as_ref();
    // A call alone that lies in its header is named by its RequestID.
    let request_id = record
        .only
        .call
        .as_ref()
        .map(|it| it.call.request_id.0.clone());
    let reason = reason.filter(|reason| !reason.is_empty());
    Record::of("opened", second(record.opened_at))
        .and("conversation", maybe(name.map(ConversationId::as_str)))
        .and("request", maybe(request_id))
        .and("state", ConversationState::of(conversation).name())
        .and("priority", conversation.priority.name())
        .and("calls", conversation.calls_in_conversation.get())
        .and("arrived", conversation.arrived.count())
        .and("code", maybe(code))
        .and("reason", maybe(reason))
}

async fn show(
    conversations: &ConversationList,
    clock: &Clock,
    account: &str,
    id: &str,
    limit: usize,
) -> Result<Output, CommandFailure> {
    let account = AccountId(account.to_owned());
    let Some(header) = conversations.find(&account, id).await? else {
        return Err(CommandFailure::NotFound(format!(
            "account {} has no conversation and no call of the id {id}, or none that is still kept",
            account.0
        )));
    };
    let now = clock.now();
    let mut shown = Vec::new();
    let mut first = Some(SequenceCode::FIRST);
    while let Some(from) = first {
        let Some(read) = conversations.calls_from(&header.key, from).await? else {
            break;
        };
        first = read.next.filter(|_| shown.len() + read.calls.len() < limit);
        let calls = read.calls.iter();
        shown.extend(calls.map(|call| one_call(&read.header, call, now)));
    }
    shown.truncate(limit);
    Ok(Output::List(shown))
}

fn one_call(header: &ConversationRecord, read: &ReadCall, now: Timestamp) -> Record {
    let call = &read.call;
    let sequence = call.place.sequence();
    let outcome = read.outcome.as_ref();
    let state = state_of_call(header, sequence, call, outcome, now);
    let outcome = outcome.map(|record| &record.outcome);
    let message = outcome.map(|outcome| outcome.status_message.clone());
    Record::of("sequence", sequence.get())
        .and("request", call.request_id.0.as_str())
        .and("method", call.method.name())
        .and("type", call.object_type.as_str())
        .and("objects", call.objects)
        .and("arrived", second(call.arrived_at))
        .and("scheduled", maybe(call.options.scheduled_time.map(second)))
        .and("state", state.unwrap_or("Expired record"))
        .and(
            "status",
            maybe(outcome.map(|outcome| outcome.overall_status.text())),
        )
        .and(
            "code",
            maybe(outcome.and_then(|outcome| outcome.error_code)),
        )
        .and(
            "message",
            maybe(message.filter(|message| !message.is_empty())),
        )
        .and(
            "ended",
            maybe(outcome.map(|outcome| second(outcome.ended_at))),
        )
}

/// As people read it, to the millisecond.
fn second(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn maybe(value: Option<impl Into<Value>>) -> Value {
    value.map_or(Value::Null, Into::into)
}

fn state(argument: StateArgument) -> ConversationState {
    match argument {
        StateArgument::Gathering => ConversationState::Gathering,
        StateArgument::Running => ConversationState::Running,
        StateArgument::Parked => ConversationState::Parked,
        StateArgument::Complete => ConversationState::Complete,
        StateArgument::Failed => ConversationState::Failed,
        StateArgument::TimedOut => ConversationState::TimedOut,
        StateArgument::Invalidated => ConversationState::Invalidated,
        StateArgument::Cancelled => ConversationState::Cancelled,
    }
}
