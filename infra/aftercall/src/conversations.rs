//! `aftercall calls`: what was queued, by account and day, and what became of it.

use std::time::Duration;

use calls::{AccountId, BackendName, ConversationId, QueuePriority, SequenceCode};
use cloud::Clock;
use cloud::read::conversation_list::{
    BackendFilter, ConversationFilter, ConversationList, ListCursor, ListOrder, ListQuery,
    ListedBy, LookBack,
};
use cloud::read::state::ConversationState;
use cloud::read::unknown::Settlements;
use cloud::records::conversation_record::ConversationRecord;
use cloud::records::unknown_record::{Settlement, Verdict};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::call_arguments::{CallList, CallVerb, StateArgument};
use crate::call_lines::{maybe, not_found, one_call, second};
use crate::export::export;
use crate::failure::CommandFailure;
use crate::output::{Format, Output, Record};
use crate::unknown::word;
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
        CallVerb::List(wanted) => list(conversations, clock.now(), &Wanted::any(wanted)).await?,
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
            let query = query(&Wanted::any(wanted), now)?;
            let limit = wanted.limit.unwrap_or(usize::MAX);
            export(conversations, &query, limit, *format, now).await?;
            Output::Written
        }
        CallVerb::Cancel { .. } | CallVerb::Reschedule { .. } | CallVerb::Resubmit { .. } => {
            return Ok(None);
        }
    }))
}

/// A list, and what `aftercall conversations` may say of it besides.
pub(crate) struct Wanted<'a> {
    list: &'a CallList,
    by: ListedBy,
    backend: Option<BackendFilter>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn of(
        list: &'a CallList,
        failed: bool,
        backend: Option<&str>,
    ) -> Result<Self, CommandFailure> {
        let backend = match backend {
            None => None,
            Some("built-in") => Some(BackendFilter::BuiltIn),
            Some(name) => {
                let parsed = BackendName::parse(name).ok_or_else(|| {
                    CommandFailure::Usage(format!("{name} is not the name of a backend"))
                })?;
                Some(BackendFilter::Forwarded(parsed))
            }
        };
        let by = match failed {
            true => ListedBy::Failed,
            false => ListedBy::Opened,
        };
        Ok(Self { list, by, backend })
    }

    fn any(list: &'a CallList) -> Self {
        Self {
            list,
            by: ListedBy::Opened,
            backend: None,
        }
    }
}

fn query(wanted: &Wanted<'_>, now: Timestamp) -> Result<ListQuery, CommandFailure> {
    let Wanted {
        list: wanted,
        by,
        backend,
    } = wanted;
    let (from, to) = match (wanted.day, wanted.from) {
        (_, Some(from)) => (from, wanted.to.unwrap_or(now)),
        (Some(day), None) => bounds(day)?,
        (None, None) => bounds(TimeZone::UTC.to_datetime(now).date())?,
    };
    Ok(ListQuery {
        account: AccountId(wanted.account.clone()),
        by: *by,
        from,
        to,
        look_back: LookBack::Nothing,
        order: ListOrder::NewestFirst,
        filter: ConversationFilter {
            states: wanted.state.iter().copied().map(state).collect(),
            priority: wanted.priority.map(QueuePriority::from),
            name_prefix: wanted.prefix.clone(),
            backend: backend.clone(),
        },
    })
}

pub(crate) async fn list(
    conversations: &ConversationList,
    now: Timestamp,
    wanted: &Wanted<'_>,
) -> Result<Output, CommandFailure> {
    let query = query(wanted, now)?;
    let limit = wanted.list.limit.unwrap_or(LISTED_MAX);
    let mut found: Vec<ConversationRecord> = Vec::new();
    let mut cursor = ListCursor::default();
    while found.len() < limit {
        let remaining = limit - found.len();
        let page = conversations.page(&query, cursor, remaining).await?;
        found.extend(page.conversations.into_iter().map(|it| it.record));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    // No call ends before its conversation is opened.
    let settlements = match found.iter().any(has_failed) {
        true => conversations.settlements(query.from).await?,
        false => Settlements::new(),
    };
    let lines = found.iter().map(|record| listed(record, &settlements));
    Ok(Output::List(lines.collect()))
}

fn has_failed(record: &ConversationRecord) -> bool {
    ConversationState::of(&record.conversation) == ConversationState::Failed
}

/// The first and the last millisecond of a day.
fn bounds(day: Date) -> Result<(Timestamp, Timestamp), CommandFailure> {
    let begin = |day: Date| day.to_zoned(TimeZone::UTC).map(|begin| begin.timestamp());
    let both = begin(day).and_then(|from| Ok((from, begin(day.tomorrow()?)?)));
    let (from, to) =
        both.map_err(|error| CommandFailure::Usage(format!("--day {day}: {error}")))?;
    Ok((from, to - SignedDuration::from_millis(1)))
}

/// What was said of the call of unknown fate that a conversation failed by.
fn settled(record: &ConversationRecord, settlements: &Settlements) -> Option<&'static str> {
    let from = (record.key.clone(), SequenceCode::FIRST);
    let (_, settlement) = settlements
        .range(from..)
        .next()
        .filter(|((key, _), _)| *key == record.key)?;
    Some(word(&settlement.verdict))
}

pub(crate) fn listed(record: &ConversationRecord, settlements: &Settlements) -> Record {
    let conversation = &record.conversation;
    let (reason, code) = match &conversation.phase {
        calls::Phase::Ended(end)
        | calls::Phase::Closing {
            end_reason: end, ..
        } => (Some(end.message()), end.error_code()),
        calls::Phase::Gathering | calls::Phase::Running(_) => (None, None),
    };
    let name = conversation.conversation_id.as_ref();
    let request_id = record.call_at_hand().map(|call| call.request_id.0.clone());
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
        .and("settled", maybe(settled(record, settlements)))
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
        for call in &read.calls {
            let said = conversations.settlement_of(&header.key, call.outcome.as_ref());
            let said = said.await?;
            let line = one_call(&read.header, call, now)
                .and("settled", maybe(said.as_ref().map(|it| word(&it.verdict))))
                .and("resent_as", maybe(said.as_ref().and_then(resent_as)));
            shown.push(line);
        }
    }
    shown.truncate(limit);
    Ok(Output::List(shown))
}

/// The call that it was sent again as.
fn resent_as(settlement: &Settlement) -> Option<&str> {
    match &settlement.verdict {
        Verdict::Resent(request_id) => Some(request_id.0.as_str()),
        Verdict::Done | Verdict::NotDone | Verdict::SentAgain => None,
    }
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
