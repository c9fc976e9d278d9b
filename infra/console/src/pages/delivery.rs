//! How a reply stands and what its attempts came to, in words.

use calls::{Reply, ReplyState, SubjectKind};
use cloud::read::replies::{DeliveryState, ReplyId, shown_receiver};
use cloud::records::reply_record::ReplyRecord;

use crate::link;
use crate::markup::ShownTime;
use crate::pages::state_class::{BAD, GOOD, PLAIN, WAITS};
use crate::pages::timeline::{TimelineLine, class_of, result};

/// A reply in a list.
pub(crate) struct ReplyRow {
    pub id: String,
    pub since: ShownTime,
    pub conversation: String,
    pub conversation_href: String,
    pub href: String,
    pub sequence: u32,
    pub subject: &'static str,
    pub receiver: String,
    pub state: &'static str,
    pub class: &'static str,
    pub next: Option<ShownTime>,
    pub attempts: usize,
    pub last: String,
}

impl ReplyRow {
    pub(crate) fn of(base: &str, record: &ReplyRecord) -> Self {
        let reply = &record.reply;
        let id = ReplyId::of(reply).to_string();
        let state = DeliveryState::of(reply);
        let name = record.conversation_id.as_ref().map(|name| name.as_str());
        let values = [("account", record.account.0.as_str()), ("id", &id)];
        let last = reply.attempts.last();
        Self {
            since: ShownTime(reply.pending_since),
            conversation: name.unwrap_or(&reply.request_id.0).to_owned(),
            conversation_href: link::conversation(base, &record.conversation),
            href: link::with_query(&format!("{base}/reply"), &values),
            sequence: reply.sequence.get(),
            subject: subject(reply.subject),
            receiver: shown_receiver(reply),
            state: state.name(),
            class: class(state),
            next: next_attempt(reply),
            attempts: reply.attempts.len(),
            last: last.map_or_else(String::new, |last| result(&last.result)),
            id,
        }
    }
}

pub(crate) const fn subject(subject: SubjectKind) -> &'static str {
    match subject {
        SubjectKind::Call => "about the call",
        SubjectKind::Conversation => "about the conversation",
    }
}

pub(crate) const fn class(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => PLAIN,
        DeliveryState::Retrying => WAITS,
        DeliveryState::Delivered => GOOD,
        DeliveryState::GivenUp => BAD,
    }
}

pub(crate) fn next_attempt(reply: &Reply) -> Option<ShownTime> {
    match reply.state {
        ReplyState::Pending(at) => Some(ShownTime(at)),
        ReplyState::Delivered | ReplyState::GivenUp => None,
    }
}

/// Each attempt, and what there is to come.
pub(crate) fn lines(record: &ReplyRecord) -> Vec<TimelineLine> {
    let reply = &record.reply;
    let attempts = reply.attempts.iter();
    let mut lines: Vec<TimelineLine> = attempts
        .map(|attempt| {
            let (class, text) = (class_of(&attempt.result), result(&attempt.result));
            TimelineLine::new(attempt.at, class, text)
        })
        .collect();
    match reply.state {
        ReplyState::Pending(at) => lines.push(TimelineLine::new(at, WAITS, "The next attempt")),
        ReplyState::GivenUp => {
            let at = reply
                .attempts
                .last()
                .map_or(reply.pending_since, |last| last.at);
            lines.push(TimelineLine::new(at, BAD, "Given up"));
        }
        ReplyState::Delivered => {}
    }
    lines
}
