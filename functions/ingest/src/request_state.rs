//! The state of one call, at any moment after it was accepted.

use calls::{Call, Phase, SequenceCode};
use cloud::records::conversation_record::ConversationRecord;
use cloud::records::outcome_record::OutcomeRecord;
use jiff::Timestamp;
use soap::{Element, write_date_time};

/// An AsyncRequestResult; `None`: how the call ended is kept no longer. Filtered by either name of
/// an id, so both are there; only what is asked for is answered.
pub fn element(
    header: &ConversationRecord,
    sequence: SequenceCode,
    call: &Call,
    record: Option<&OutcomeRecord>,
    now: Timestamp,
) -> Option<Element> {
    let conversation_id = header
        .conversation
        .conversation_id
        .as_ref()
        .map_or(call.request_id.0.as_str(), |id| id.as_str());
    let status = state(header, sequence, call, record, now)?;
    let mut state = Element::new("Results")
        .typed(objects::CallRecord::Request.type_name())
        .with(Element::of("CreatedDate", write_date_time(call.arrived_at)))
        .with(Element::of("ObjectID", &call.request_id.0))
        .with(Element::of("CustomerKey", conversation_id))
        .with(Element::of("RequestID", &call.request_id.0))
        .with(Element::of("ConversationID", conversation_id))
        .with(Element::of("Status", status));
    if let Some(record) = record {
        let outcome = &record.outcome;
        state.children.extend([
            Element::of("CompleteDate", write_date_time(outcome.ended_at)),
            Element::of("CallStatus", outcome.overall_status.text()),
            Element::of("CallMessage", &outcome.status_message),
        ]);
    }
    Some(state)
}

/// AsyncRequestResult.Status; `None`: how the call ended is kept no longer.
pub fn state(
    header: &ConversationRecord,
    sequence: SequenceCode,
    call: &Call,
    record: Option<&OutcomeRecord>,
    now: Timestamp,
) -> Option<&'static str> {
    match record {
        Some(record) => Some(record.outcome.state()),
        None => state_without_outcome(header, sequence, call, now),
    }
}

/// The same of a call that has not ended, or ended too long ago.
fn state_without_outcome(
    header: &ConversationRecord,
    sequence: SequenceCode,
    call: &Call,
    now: Timestamp,
) -> Option<&'static str> {
    match &header.conversation.phase {
        Phase::Gathering => Some("Gathering"),
        // A call outlives its outcome by half a year, and its turn is over.
        Phase::Running(progress) if sequence < progress.next => None,
        Phase::Running(progress) if progress.next == sequence && progress.done_through > 0 => {
            Some("Processing")
        }
        Phase::Running(_) if call.options.scheduled_time.is_some_and(|at| at > now) => {
            Some("Scheduled")
        }
        Phase::Running(_) => Some("Queued"),
        Phase::Closing { .. } | Phase::Ended(_) => None,
    }
}
