//! The answers to Create, Update, Delete and Perform: one result per object, in the order and with
//! the elements of the WSDL.
//!
//! The same text is what a reply carries as ResultDetailXML and a mail as `Results.xml`.

use calls::{Method, Refusal};

use crate::answer::{PAYLOAD_BYTES_MAX, carried_bytes};
use crate::element::Element;
use crate::objects::{self, ObjectDetail};
use crate::payload;
use crate::result::{Detail, FieldError, ObjectResult, SubscriberFailure};
use crate::write::Writer;

/// The answer's root element.
pub const fn response_name(method: Method) -> &'static str {
    match method {
        Method::Create => "CreateResponse",
        Method::Update => "UpdateResponse",
        Method::Delete => "DeleteResponse",
        Method::Perform => "PerformResponseMsg",
    }
}

/// The payload with the results of a call that has been carried out. `overall_status` is `OK`,
/// `Error` or `Has Errors`.
pub fn write_results(
    method: Method,
    results: &[ObjectResult],
    request_id: Option<&str>,
    overall_status: &str,
    detail: ObjectDetail,
) -> String {
    let count = results.len();
    write_response(method, count, request_id, overall_status, |writer, at| {
        let ordinal = ordinal(&results[at], at);
        write_result(writer, method, &results[at], ordinal, detail);
    })
}

/// The same for an answer that has to fit into [`PAYLOAD_BYTES_MAX`]: if it does not, without the
/// objects, which the caller has, and if that is still too long, with codes and numbers alone. A
/// call that was carried out must be answered.
pub fn write_results_that_fit(
    method: Method,
    results: &[ObjectResult],
    request_id: Option<&str>,
    overall_status: &str,
) -> String {
    let written = [ObjectDetail::Whole, ObjectDetail::Correlation]
        .into_iter()
        .map(|detail| write_results(method, results, request_id, overall_status, detail))
        .find(|payload| carried_bytes(payload) <= PAYLOAD_BYTES_MAX);
    let count = results.len();
    written.unwrap_or_else(|| {
        write_response(method, count, request_id, overall_status, |writer, at| {
            // By its CorrelationID, which goes with the words.
            let ordinal = ordinal(&results[at], at);
            let bare = without_words(&results[at]);
            write_result(writer, method, &bare, ordinal, ObjectDetail::None);
        })
    })
}

fn without_words(result: &ObjectResult) -> ObjectResult {
    ObjectResult {
        ok: result.ok,
        error_code: result.error_code,
        new_id: result.new_id,
        ..ObjectResult::default()
    }
}

/// The payload for a call that is kept and will be carried out later: `OK`, `Queued` for each of
/// its objects.
pub fn write_queued(method: Method, objects: usize, request_id: &str) -> String {
    let queued = ObjectResult {
        ok: true,
        status_message: "Queued".to_owned(),
        ..Default::default()
    };
    write_alike(method, objects, &queued, Some(request_id), "OK")
}

/// The payload for a call that is refused: the refusal for each of its objects, and once for a call
/// without objects.
pub fn write_refused(
    method: Method,
    objects: usize,
    refusal: &Refusal,
    request_id: Option<&str>,
) -> String {
    let refused = ObjectResult {
        ok: false,
        status_message: refusal.to_string(),
        error_code: Some(refusal.error_code()),
        ..Default::default()
    };
    write_alike(method, objects.max(1), &refused, request_id, "Error")
}

/// The same result for each object, for as many as fit into an answer: the others say no more.
fn write_alike(
    method: Method,
    objects: usize,
    result: &ObjectResult,
    request_id: Option<&str>,
    overall_status: &str,
) -> String {
    write_response(method, objects, request_id, overall_status, |writer, at| {
        if writer.bytes() < PAYLOAD_BYTES_MAX {
            let ordinal = ordinal(result, at);
            write_result(writer, method, result, ordinal, ObjectDetail::None);
        }
    })
}

fn write_response(
    method: Method,
    results: usize,
    request_id: Option<&str>,
    overall_status: &str,
    mut write_one: impl FnMut(&mut Writer, usize),
) -> String {
    /// What a plain result takes, to save most of the growing.
    const RESULT_BYTES: usize = 160;
    let name = response_name(method);
    let mut writer = Writer::with_capacity(512 + results * RESULT_BYTES);
    writer.open_root(name, None, false);
    match method {
        Method::Create | Method::Update | Method::Delete => {
            (0..results).for_each(|at| write_one(&mut writer, at));
            writer.leaf_if("RequestID", request_id);
            writer.leaf("OverallStatus", overall_status);
        }
        Method::Perform => {
            writer.open("Results");
            (0..results).for_each(|at| write_one(&mut writer, at));
            writer.close("Results");
            writer.leaf("OverallStatus", overall_status);
            writer.empty("OverallStatusMessage", None, false);
            writer.leaf_if("RequestID", request_id);
        }
    }
    writer.close(name);
    writer.finish()
}

/// The element's `xsi:type`, where it is not the one that its place implies.
fn result_type(method: Method, result: &ObjectResult) -> Option<&'static str> {
    match (&result.detail, method) {
        (Detail::TriggeredSend { .. }, Method::Create) => Some("TriggeredSendCreateResult"),
        (Detail::DataExtension { .. }, Method::Create) => Some("DataExtensionCreateResult"),
        (Detail::DataExtension { .. }, Method::Update) => Some("DataExtensionUpdateResult"),
        (Detail::DataExtension { .. }, Method::Delete) => Some("DataExtensionDeleteResult"),
        (
            Detail::Plain
            | Detail::Task { .. }
            | Detail::TriggeredSend { .. }
            | Detail::DataExtension { .. },
            _,
        ) => None,
    }
}

fn write_result(
    writer: &mut Writer,
    method: Method,
    result: &ObjectResult,
    ordinal: i64,
    detail: ObjectDetail,
) {
    let name = if method == Method::Perform {
        "Result"
    } else {
        "Results"
    };
    if let Some(received) = &result.received {
        return write_received(writer, name, received, detail);
    }
    writer.open_typed(name, result_type(method, result));
    writer.leaf("StatusCode", if result.ok { "OK" } else { "Error" });
    writer.leaf("StatusMessage", &result.status_message);
    writer.number("OrdinalID", ordinal);
    if let Some(code) = result.error_code {
        writer.number("ErrorCode", code);
    }
    if method == Method::Create {
        writer.number("NewID", result.new_id.unwrap_or(0));
        writer.leaf_if("NewObjectID", result.new_object_id.as_deref());
    }
    write_result_object(writer, method, result, detail);
    if method == Method::Perform {
        write_task(writer, result);
    }
    write_detail(writer, method, &result.detail);
    writer.close(name);
}

/// What a backend gave, as it gave it, with as much of its object as is asked for.
fn write_received(writer: &mut Writer, name: &str, received: &Element, detail: ObjectDetail) {
    writer.open_typed(name, received.type_name.as_deref());
    for child in &received.children {
        match (child.name.as_str(), detail) {
            ("Object", ObjectDetail::None) => {}
            ("Object", ObjectDetail::Correlation | ObjectDetail::Base) => {
                objects::write_object(writer, child, "Object", ObjectDetail::Base);
            }
            (_, _) => payload::write_element(writer, child, &child.name),
        }
    }
    writer.close(name);
}

/// The object's place in the call, or its CorrelationID where that is a number.
fn ordinal(result: &ObjectResult, at: usize) -> i64 {
    let correlation = result
        .correlation_id
        .as_deref()
        .and_then(|text| text.parse::<i32>().ok());
    correlation.map_or(i64::try_from(at).unwrap_or(i64::MAX), i64::from)
}

/// The object, if it is asked for, and with it the caller's CorrelationID, which has no other place in
/// a result. Of most methods no result is without an object, be it one that holds nothing else.
fn write_result_object(
    writer: &mut Writer,
    method: Method,
    result: &ObjectResult,
    detail: ObjectDetail,
) {
    let correlation = result
        .correlation_id
        .as_deref()
        .filter(|text| !text.is_empty());
    // An element that is not an object of the protocol is refused by its name, and cannot be
    // returned under it.
    let stand_in = || Element {
        type_name: Some(result.object_type.clone()).filter(|name| objects::is_object(name)),
        ..Element::new("Object")
    };
    let is_known = |object: &Element| object.type_name.as_deref().is_none_or(objects::is_object);
    let shows_objects = !matches!(detail, ObjectDetail::None | ObjectDetail::Correlation);
    let object = result
        .object
        .as_ref()
        .filter(|object| shows_objects && is_known(object));
    let is_missing = |object: &Element| object.child("CorrelationID").is_none();
    match (object, correlation) {
        (Some(object), Some(correlation)) if is_missing(object) => {
            let object = object
                .clone()
                .with(Element::of("CorrelationID", correlation));
            objects::write_object(writer, &object, "Object", detail);
        }
        (Some(object), _) => objects::write_object(writer, object, "Object", detail),
        // The only one of the four whose result may be without an object.
        (None, _) if detail == ObjectDetail::None && method == Method::Create => {}
        (None, Some(correlation)) => {
            let object = stand_in().with(Element::of("CorrelationID", correlation));
            objects::write_object(writer, &object, "Object", ObjectDetail::Base);
        }
        (None, None) => match method {
            Method::Create => {}
            Method::Update | Method::Delete => writer.empty("Object", None, false),
            Method::Perform => {
                objects::write_object(writer, &stand_in(), "Object", ObjectDetail::Base);
            }
        },
    }
}

/// Every PerformResult has a Task; where none was started it repeats the result's status.
fn write_task(writer: &mut Writer, result: &ObjectResult) {
    writer.open("Task");
    writer.leaf("StatusCode", if result.ok { "OK" } else { "Error" });
    writer.leaf(
        "StatusMessage",
        if result.ok {
            "OK"
        } else {
            &result.status_message
        },
    );
    if let Detail::Task {
        id,
        interaction_object_id,
    } = &result.detail
    {
        writer.leaf("ID", id);
        writer.leaf_if("InteractionObjectID", interaction_object_id.as_deref());
    }
    writer.close("Task");
}

fn write_detail(writer: &mut Writer, method: Method, detail: &Detail) {
    match detail {
        Detail::TriggeredSend { failures } if method == Method::Create => {
            failures
                .iter()
                .for_each(|failure| write_failure(writer, failure));
        }
        Detail::DataExtension {
            error_message,
            key_errors,
            value_errors,
        } if method != Method::Perform => {
            writer.leaf_if("ErrorMessage", error_message.as_deref());
            write_field_errors(writer, "KeyErrors", "KeyError", key_errors);
            if method != Method::Delete {
                write_field_errors(writer, "ValueErrors", "ValueError", value_errors);
            }
        }
        Detail::Plain
        | Detail::Task { .. }
        | Detail::TriggeredSend { .. }
        | Detail::DataExtension { .. } => {}
    }
}

fn write_failure(writer: &mut Writer, failure: &SubscriberFailure) {
    writer.open("SubscriberFailures");
    objects::write_object(
        writer,
        &failure.subscriber,
        "Subscriber",
        ObjectDetail::Whole,
    );
    writer.leaf("ErrorCode", &failure.error_code);
    writer.leaf("ErrorDescription", &failure.error_description);
    writer.number("Ordinal", failure.ordinal);
    writer.close("SubscriberFailures");
}

fn write_field_errors(writer: &mut Writer, list: &str, item: &str, errors: &[FieldError]) {
    if errors.is_empty() {
        return;
    }
    writer.open(list);
    for error in errors {
        writer.open(item);
        writer.leaf("Name", &error.name);
        writer.number("ErrorCode", error.error_code);
        writer.leaf("ErrorMessage", &error.error_message);
        writer.close(item);
    }
    writer.close(list);
}
