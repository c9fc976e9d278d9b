//! `aftercall calls`: what was queued, by account and day, and what became of it.

use std::time::Duration;

use calls::{AccountId, ConversationId, QueuePriority, SequenceCode};
use cloud::Clock;
use cloud::read::conversation_list::{
    ConversationFilter, ConversationList, ListCursor, ListOrder, ListQuery, LookBack,
};
use cloud::read::state::ConversationState;
use cloud::records::conversation_record::ConversationRecord;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::call_arguments::{CallList, CallVerb, StateArgument};
use crate::call_lines::{maybe, not_found, one_call, second};
use crate::export::export;
use crate::failure::CommandFailure;
use crate::output::{Format, Output, Record};
use crate::watch::watch;

/// Most conversations that are listed, if nothing is said.
const LISTED_MAX: usize = 50;

/// What only looks at calls; `None`: the verb is an act.
pub(crate) async fn look(
    conversations: &ConversationList,
    clock: &Clock,
    format: Format,
    verb: &CallVerb,
) -> Result<Option<Output>, CommandFailure> {
    Ok(Some(match verb {
        CallVerb::List(wanted) => list(conversations, clock, wanted).await?,
        CallVerb::Show { account, id, limit } => {
            show(conversations, clock, account, id, *limit).await?
        }
        CallVerb::Watch { account, id, every } => {
            let every = Duration::from_secs(*every);
            watch(conversations, clock, (account, id), every, format).await?;
            Output::Written
        }
        CallVerb::Export {
            list: wanted,
            format,
        } => {
            let now = clock.now();
            let query = query(wanted, now)?;
            let limit = wanted.limit.unwrap_or(usize::MAX);
            export(conversations, &query, limit, *format, now).await?;
            Output::Written
        }
        CallVerb::Cancel { .. } | CallVerb::Reschedule { .. } | CallVerb::Resubmit { .. } => {
            return Ok(None);
        }
    }))
}

fn query(wanted: &CallList, now: Timestamp) -> Result<ListQuery, CommandFailure> {
    let (from, to) = match (wanted.day, wanted.from) {
        (_, Some(from)) => (from, wanted.to.unwrap_or(now)),
        (Some(day), None) => bounds(day)?,
        (None, None) => bounds(TimeZone::UTC.to_datetime(now).date())?,
    };
    Ok(ListQuery {
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
    })
}

async fn list(
    conversations: &ConversationList,
    clock: &Clock,
    wanted: &CallList,
) -> Result<Output, CommandFailure> {
    let query = query(wanted, clock.now())?;
    let limit = wanted.limit.unwrap_or(LISTED_MAX);
    let mut found = Vec::new();
    let mut cursor = ListCursor::default();
    while found.len() < limit {
        let remaining = limit - found.len();
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
    let request_id = record.request_id_at_hand().map(|id| id.0.clone());
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
        return Err(not_found(&account, id));
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
