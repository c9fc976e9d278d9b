//! One conversation: how it stands, its parts, its calls, and what happened to it.

use std::fmt::Write;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::conversation::SILENCE_MAX;
use calls::{Conversation, Due, Phase, SequenceCode};
use cloud::read::conversation::{ReadCall, ReadCalls};
use cloud::read::state::{ConversationState, state_of_call};
use cloud::records::conversation_record::ConversationRecord;
use jiff::Timestamp;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::{Countdown, ShownTime};
use crate::page_query::PageQuery;
use crate::pages::conversation_row::{end_reason, name_of};
use crate::pages::state_class;
use crate::pages::timeline::{self, TimelineLine};
use crate::shell::{Shell, Tab, page};

/// Calls on a page.
const CALLS_SHOWN: usize = 250;

/// More parts than these are not drawn one by one.
const PARTS_DRAWN_MAX: u32 = 300;

/// Most ranges of missing parts that are named.
const MISSING_RANGES_MAX: usize = 20;

/// One part as a small square.
pub(crate) struct PartMark {
    pub number: u32,
    pub class: &'static str,
    pub title: &'static str,
}

/// One call in the table of a conversation.
pub(crate) struct CallRow {
    pub sequence: u32,
    pub href: String,
    pub request_id: String,
    pub method: &'static str,
    pub object_type: String,
    pub objects: u32,
    pub state: &'static str,
    pub class: &'static str,
    pub arrived: ShownTime,
    pub scheduled: Option<ShownTime>,
    pub ended: Option<ShownTime>,
    pub message: String,
}

#[derive(Template)]
#[template(path = "conversation.html")]
struct ConversationPage {
    shell: Shell,
    key: String,
    id: String,
    account: String,
    account_href: String,
    state: &'static str,
    class: &'static str,
    priority: &'static str,
    opened: ShownTime,
    last_arrival: ShownTime,
    silence: Option<Countdown>,
    reason: Option<String>,
    code: Option<u32>,
    waits: Option<String>,
    progress: Option<String>,
    due: Option<ShownTime>,
    arrived: u32,
    expected: u32,
    missing: String,
    parts: Vec<PartMark>,
    calls: Vec<CallRow>,
    events: Vec<TimelineLine>,
    next: Option<String>,
    here: String,
    is_over: bool,
    resubmit_as: String,
    now: String,
}

pub(crate) async fn conversation(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let (key, first) = (query.key()?, query.sequence("from")?);
    let not_there = || {
        let text = "There is no such conversation, or it is not kept any more.";
        PageFailure::NotFound(text.to_owned())
    };
    if first > SequenceCode::FIRST {
        let list = console.cloud().conversation_list();
        let read = list.calls_from(&key, first).await?;
        let read = read.ok_or_else(not_there)?;
        return page(&filled(&console, &read, first, Vec::new()));
    }
    let whole = console
        .cloud()
        .whole_conversation(&key, CALLS_SHOWN)
        .await?;
    let whole = whole.ok_or_else(not_there)?;
    let events = timeline::lines(&whole);
    let last = whole.calls.last().map(|it| it.call.place.sequence());
    let read = ReadCalls {
        next: last.filter(|_| !whole.is_complete).map(SequenceCode::next),
        header: whole.header,
        calls: whole.calls,
    };
    page(&filled(&console, &read, first, events))
}

fn filled(
    console: &Console,
    read: &ReadCalls,
    first: SequenceCode,
    events: Vec<TimelineLine>,
) -> ConversationPage {
    let (header, now) = (&read.header, console.now());
    let conversation = &header.conversation;
    let state = ConversationState::of(conversation);
    let id = id_of(header, &read.calls);
    let reason = end_reason(header);
    let calls = read.calls.iter();
    let account = conversation.account.0.clone();
    let values = [("account", account.as_str())];
    ConversationPage {
        shell: console.shell(Tab::Calls, &format!("Conversation {id}")),
        key: header.key.0.clone(),
        account_href: link::with_query(&format!("{}/account", console.base()), &values),
        state: state.name(),
        class: state_class::of_conversation(state),
        priority: conversation.priority.name(),
        opened: ShownTime(header.opened_at),
        last_arrival: ShownTime(conversation.last_arrival),
        silence: silence(conversation, now),
        reason: reason.map(calls::EndReason::message),
        code: reason.and_then(calls::EndReason::error_code),
        waits: waits(conversation),
        progress: progress(conversation),
        due: match conversation.due {
            Due::At(at) => Some(ShownTime(at)),
            Due::Parked(_) | Due::Held(_) | Due::Never => None,
        },
        arrived: conversation.arrived.count(),
        expected: conversation.calls_in_conversation.get(),
        missing: missing(conversation),
        parts: parts(conversation),
        calls: calls.map(|call| row(console, header, call, now)).collect(),
        events,
        next: read.next.map(|next| page_from(console, header, next)),
        here: page_from(console, header, first),
        is_over: matches!(conversation.phase, Phase::Closing { .. } | Phase::Ended(_)),
        resubmit_as: format!("{id}-again"),
        now: format!("{now:.3}"),
        account,
        id,
    }
}

fn page_from(console: &Console, header: &ConversationRecord, first: SequenceCode) -> String {
    let path = format!("{}/conversation", console.base());
    let from = match first {
        SequenceCode::FIRST => String::new(),
        first => first.to_string(),
    };
    link::with_query(&path, &[("key", header.key.0.as_str()), ("from", &from)])
}

/// What acts call it by: a large call alone lies apart from its header, and says it itself.
fn id_of(header: &ConversationRecord, calls: &[ReadCall]) -> String {
    match (&header.conversation.conversation_id, calls) {
        (None, [only]) => only.call.request_id.0.clone(),
        _ => name_of(header),
    }
}

/// While parts are missing, each must come within five minutes of the one before.
fn silence(conversation: &Conversation, now: Timestamp) -> Option<Countdown> {
    matches!(conversation.phase, Phase::Gathering).then(|| Countdown {
        until: conversation.last_arrival + SILENCE_MAX,
        now,
    })
}

fn waits(conversation: &Conversation) -> Option<String> {
    match conversation.due {
        Due::Parked(_) => Some("It waits for the end of maintenance.".to_owned()),
        Due::Held(_) => {
            let backend = conversation.waits_for.as_ref();
            let backend = backend.map_or("its backend", |name| name.as_str());
            Some(format!("It waits for {backend} to be ready."))
        }
        Due::At(_) | Due::Never => None,
    }
}

fn progress(conversation: &Conversation) -> Option<String> {
    let Phase::Running(progress) = &conversation.phase else {
        return None;
    };
    let mut text = format!("call {}", progress.next);
    if progress.done_through > 0 {
        // Writing to a string does not fail.
        let _written = write!(text, ", {} objects done", progress.done_through);
    }
    if let Some(begun) = progress.begun {
        let _written = write!(text, ", sent to its backend, known by {:.0}", begun.until);
    }
    Some(text)
}

/// `2, 5-9`: a conversation may lack thousands.
fn missing(conversation: &Conversation) -> String {
    let all = (1..=conversation.calls_in_conversation.get()).filter_map(SequenceCode::new);
    let lacking = all.filter(|sequence| !conversation.arrived.contains(*sequence));
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in lacking.map(SequenceCode::get) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            Some(_) | None => ranges.push((number, number)),
        }
    }
    let named = ranges.iter().take(MISSING_RANGES_MAX);
    let named = named.map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    let mut named = named.collect::<Vec<_>>().join(", ");
    if ranges.len() > MISSING_RANGES_MAX {
        named.push_str(", …");
    }
    named
}

fn parts(conversation: &Conversation) -> Vec<PartMark> {
    let expected = conversation.calls_in_conversation.get();
    if expected == 1 || expected > PARTS_DRAWN_MAX {
        return Vec::new();
    }
    let mark = |number: u32| {
        let sequence = SequenceCode::new(number);
        let is_there = sequence.is_some_and(|it| conversation.arrived.contains(it));
        let (class, title) = match (&conversation.phase, is_there) {
            (_, false) => ("missing", "missing"),
            (Phase::Running(progress), true) if number < progress.next.get() => ("good", "done"),
            (Phase::Closing { end_reason, .. } | Phase::Ended(end_reason), true) => {
                ended(end_reason, number)
            }
            (Phase::Gathering | Phase::Running(_), true) => ("there", "there"),
        };
        PartMark {
            number,
            class,
            title,
        }
    };
    (1..=expected).map(mark).collect()
}

fn ended(end_reason: &calls::EndReason, number: u32) -> (&'static str, &'static str) {
    match end_reason {
        calls::EndReason::Complete => ("good", "done"),
        calls::EndReason::Failed { by, .. } if number < by.get() => ("good", "done"),
        calls::EndReason::Failed { by, .. } if number == by.get() => ("bad", "failed"),
        calls::EndReason::Cancelled { from } if number < from.get() => ("good", "done"),
        calls::EndReason::Failed { .. }
        | calls::EndReason::Cancelled { .. }
        | calls::EndReason::TimedOut
        | calls::EndReason::Invalidated { .. } => ("there", "not carried out"),
    }
}

fn row(console: &Console, header: &ConversationRecord, read: &ReadCall, now: Timestamp) -> CallRow {
    let call = &read.call;
    let sequence = call.place.sequence();
    let state = state_of_call(header, sequence, call, read.outcome.as_ref(), now);
    let state = state.unwrap_or("not kept any more");
    let outcome = read.outcome.as_ref().map(|record| &record.outcome);
    let code = outcome.and_then(|outcome| outcome.error_code);
    let message = outcome.map_or("", |outcome| outcome.status_message.as_str());
    CallRow {
        sequence: sequence.get(),
        href: link::call(console.base(), &header.key, sequence),
        request_id: call.request_id.0.clone(),
        method: call.method.name(),
        object_type: call.object_type.clone(),
        objects: call.objects,
        state,
        class: state_class::of_call(state),
        arrived: ShownTime(call.arrived_at),
        scheduled: call.options.scheduled_time.map(ShownTime),
        ended: outcome.map(|outcome| ShownTime(outcome.ended_at)),
        message: match code {
            Some(code) => format!("{code}: {message}"),
            None => message.to_owned(),
        },
    }
}
