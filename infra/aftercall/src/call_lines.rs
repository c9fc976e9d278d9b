//! How a call is told, in lists and exports.

use calls::AccountId;
use cloud::read::conversation::ReadCall;
use cloud::read::state::state_of_call;
use cloud::records::conversation_record::ConversationRecord;
use jiff::Timestamp;
use serde_json::Value;

use crate::failure::CommandFailure;
use crate::output::Record;

pub(crate) fn not_found(account: &AccountId, id: &str) -> CommandFailure {
    CommandFailure::NotFound(format!(
        "account {account} has no conversation and no call of the id {id}, or none that is still kept"
    ))
}

pub(crate) fn one_call(header: &ConversationRecord, read: &ReadCall, now: Timestamp) -> Record {
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
pub(crate) fn second(at: Timestamp) -> String {
    format!("{at:.3}")
}

pub(crate) fn maybe(value: Option<impl Into<Value>>) -> Value {
    value.map_or(Value::Null, Into::into)
}
