//! The ResultMessage of a call.

use cloud::records::call_record::CallRecord;
use cloud::records::outcome_record::OutcomeRecord;
use cloud::{Cloud, Error};
use soap::{Element, ObjectDetail, ObjectResult, PAYLOAD_BYTES_MAX, write_date_time};

/// The StatusMessage if the answer has no room for ResultDetailXML.
const NO_ROOM: &str = "ResultDetailXML is left out, it is too long for an answer: \
                       retrieve ResultItem, which has the result of each object";

/// The element, without what only the conversation knows.
pub async fn element(
    cloud: &Cloud,
    record: &OutcomeRecord,
    call: Option<&CallRecord>,
    conversation_id: &str,
    with_detail: bool,
) -> Result<Element, Error> {
    let outcome = &record.outcome;
    let status = outcome.overall_status.text();
    let mut message = outcome.status_message.clone();
    let mut detail = None;
    if with_detail {
        detail = detail_xml(record, &record.object_results(cloud, call).await?);
        if detail.is_none() {
            message = with_no_room(&message);
        }
    }
    let mut element = Element::new("Results")
        .typed(objects::CallView::Message.type_name())
        .with(Element::of(
            "CreatedDate",
            write_date_time(outcome.ended_at),
        ))
        .with(Element::of("RequestID", &record.request_id.0))
        .with(Element::of("ConversationID", conversation_id))
        .with(Element::of("OverallStatusCode", status))
        .with(Element::of("StatusCode", status))
        .with(Element::of("StatusMessage", message));
    if let Some(code) = outcome.error_code {
        element = element.with(Element::of("ErrorCode", code.to_string()));
    }
    element = element
        .with(Element::of("RequestType", "Asynchronous"))
        .with(Element::of("ResultType", "Asynchronous"));
    if with_detail {
        element = element.with(Element::of("ResultDetailXML", detail.unwrap_or_default()));
    }
    Ok(element.with(Element::of("SequenceCode", record.sequence.to_string())))
}

/// The method's response element with the results, and without the objects if the answer has no
/// room for them. `None`: there is no room for the results either.
fn detail_xml(record: &OutcomeRecord, results: &[ObjectResult]) -> Option<String> {
    if results.is_empty() {
        return Some(String::new());
    }
    let request_id = Some(record.request_id.0.as_str());
    let status = record.outcome.overall_status.text();
    [ObjectDetail::Whole, ObjectDetail::Correlation]
        .into_iter()
        .map(|detail| soap::write_results(record.method, results, request_id, status, detail))
        .find(|xml| soap::carried_bytes_as_text(xml) <= PAYLOAD_BYTES_MAX)
}

fn with_no_room(status_message: &str) -> String {
    match status_message {
        "" => NO_ROOM.to_owned(),
        said => format!("{said}. {NO_ROOM}"),
    }
}
