//! What happened to a conversation, in the order of time.

use cloud::read::conversation::ReadCall;
use cloud::records::conversation_record::ConversationRecord;
use jiff::Timestamp;

use crate::markup::ShownTime;
use crate::pages::state_class::{BAD, GOOD, PLAIN};

/// One thing that happened.
pub(crate) struct TimelineEvent {
    pub at: ShownTime,
    pub class: &'static str,
    pub text: String,
    /// An id or an address that goes with it.
    pub detail: String,
}

impl TimelineEvent {
    pub(crate) fn new(at: Timestamp, class: &'static str, text: impl Into<String>) -> Self {
        Self {
            at: ShownTime(at),
            class,
            text: text.into(),
            detail: String::new(),
        }
    }

    pub(crate) fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Opened, and of each call that it came and how it ended; in no order.
pub(crate) fn of_calls(header: &ConversationRecord, calls: &[ReadCall]) -> Vec<TimelineEvent> {
    let mut events = vec![TimelineEvent::new(header.opened_at, PLAIN, "Opened")];
    for read in calls {
        let call = &read.call;
        let sequence = call.place.sequence();
        let came = format!("Call {sequence} came");
        let came = TimelineEvent::new(call.arrived_at, PLAIN, came);
        events.push(came.about(call.request_id.0.as_str()));
        let Some(record) = &read.outcome else {
            continue;
        };
        let outcome = &record.outcome;
        let (class, mut text) = match outcome.state() {
            "Complete" => (GOOD, format!("Call {sequence} was carried out")),
            state => (BAD, format!("Call {sequence} ended: {state}")),
        };
        if !outcome.status_message.is_empty() {
            text.push_str(": ");
            text.push_str(&outcome.status_message);
        }
        events.push(TimelineEvent::new(outcome.ended_at, class, text));
    }
    events
}

/// The earliest first; those of one time as they were.
pub(crate) fn in_order(mut events: Vec<TimelineEvent>) -> Vec<TimelineEvent> {
    events.sort_by_key(|event| event.at.0);
    events
}
