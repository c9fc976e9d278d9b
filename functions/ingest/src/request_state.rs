//! The state of one call, at any moment after it was accepted.

use backends::built_in::task_run::TaskReport;
use calls::{Call, SequenceCode};
use cloud::read::state::state_of_call;
use cloud::records::conversation_record::ConversationRecord;
use cloud::records::outcome_record::OutcomeRecord;
use jiff::Timestamp;
use soap::{Element, write_date_time};

/// An AsyncRequestResult; `None`: the outcome is not kept any more. It has both names of an id,
/// since filters may use either; only the requested properties are returned.
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
    // A call that was stored and not answered may be older than its conversation.
    let arrived_at = call.arrived_at.max(header.opened_at);
    let status = state_of_call(header, sequence, call, record, now)?;
    let mut state = Element::new("Results")
        .typed(objects::CallView::Request.type_name())
        .with(Element::of("CreatedDate", write_date_time(arrived_at)))
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

/// With the progress of the tasks of the call: the number of the present one, from 1, and its rows
/// so far.
pub fn with_progress(mut state: Element, progress: TaskReport) -> Element {
    let task = progress.object.saturating_add(1);
    let said = [
        ("Task", task.to_string()),
        ("Rows", progress.rows.to_string()),
    ];
    let said = said.into_iter().map(|(name, value)| {
        let property = Element::new("PartnerProperties").with(Element::of("Name", name));
        property.with(Element::of("Value", value))
    });
    // In the order of the protocol they come before the other elements.
    state.children.splice(0..0, said);
    state
}
