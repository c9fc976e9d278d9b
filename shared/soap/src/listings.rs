//! The answers to all other requests: Retrieve, Describe, GetSystemStatus, VersionInfo and the
//! rest.

use jiff::Timestamp;

use crate::element::Element;
use crate::objects::{self, ObjectDetail};
use crate::payload;
use crate::time;
use crate::write::Writer;

/// The state of the service, for GetSystemStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemStatus {
    Ok,
    UnplannedOutage,
    InMaintenance,
}

impl SystemStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::UnplannedOutage => "UnplannedOutage",
            Self::InMaintenance => "InMaintenance",
        }
    }
}

/// The result of one request of an Extract, Execute, Schedule or Configure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestResult {
    pub ok: bool,
    pub status_message: String,
    pub error_code: Option<u32>,
    /// The RequestID of an Extract's own call.
    pub request_id: Option<String>,
    /// The ID of the Task of a Schedule.
    pub task_id: Option<String>,
    /// The request, to be returned: of an Extract, or a configured object.
    pub object: Option<Element>,
}

/// The payload with retrieved objects, as [`write_selected`] wrote them. `overall_status` is `OK`,
/// `MoreDataAvailable` or `Error: text` (with a colon: one client library splits at it).
pub fn write_retrieved(overall_status: &str, request_id: &str, results: &str) -> String {
    write_objects("RetrieveResponseMsg", overall_status, request_id, results)
}

/// The payload with queried objects; otherwise like [`write_retrieved`].
pub fn write_queried(overall_status: &str, request_id: &str, results: &str) -> String {
    write_objects("QueryResponseMsg", overall_status, request_id, results)
}

/// Objects as the results of a Retrieve or Query: a part of such a payload, whose size is known
/// before it is added.
pub fn write_selected(objects: &[Element]) -> String {
    /// The size of a small object, to avoid most reallocations.
    const OBJECT_BYTES: usize = 256;
    let mut writer = Writer::with_capacity(objects.len() * OBJECT_BYTES);
    for object in objects {
        objects::write_object(&mut writer, object, "Results", ObjectDetail::Whole);
    }
    writer.finish()
}

fn write_objects(root: &str, overall_status: &str, request_id: &str, results: &str) -> String {
    let mut writer = Writer::with_capacity(512 + results.len());
    writer.open_root(root, None, false);
    writer.leaf("OverallStatus", overall_status);
    writer.leaf("RequestID", request_id);
    writer.raw(results);
    writer.close(root);
    writer.finish()
}

/// The payload with the status of the service.
pub fn write_system_status(status: SystemStatus, request_id: &str) -> String {
    let mut writer = Writer::new();
    writer.open_root("SystemStatusResponseMsg", None, false);
    writer.open("Results");
    writer.open("Result");
    writer.leaf("StatusCode", "OK");
    writer.leaf("StatusMessage", "System Status Retrieved");
    writer.leaf("SystemStatus", status.name());
    writer.close("Result");
    writer.close("Results");
    writer.leaf("OverallStatus", "OK");
    writer.empty("OverallStatusMessage", None, false);
    writer.leaf("RequestID", request_id);
    writer.close("SystemStatusResponseMsg");
    writer.finish()
}

/// One version of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    pub version: &'a str,
    pub date: Timestamp,
    pub notes: &'a str,
}

/// The payload with the version of the service, and earlier ones if they are requested.
pub fn write_version_info(
    version: &Version<'_>,
    history: &[Version<'_>],
    request_id: &str,
) -> String {
    let mut writer = Writer::new();
    writer.open_root("VersionInfoResponseMsg", None, false);
    writer.open("VersionInfo");
    write_version(&mut writer, version);
    for earlier in history {
        writer.open("VersionHistory");
        write_version(&mut writer, earlier);
        writer.close("VersionHistory");
    }
    writer.close("VersionInfo");
    writer.leaf("RequestID", request_id);
    writer.close("VersionInfoResponseMsg");
    writer.finish()
}

fn write_version(writer: &mut Writer, version: &Version<'_>) {
    writer.leaf("Version", version.version);
    writer.leaf("VersionDate", &time::write_date_time(version.date));
    writer.leaf("Notes", version.notes);
}

/// The answer to an Extract: a result per request.
pub fn write_extracted(results: &[RequestResult], request_id: &str) -> String {
    let mut writer = Writer::new();
    writer.open_root("ExtractResponseMsg", None, false);
    writer.leaf("OverallStatus", overall(results));
    writer.leaf("RequestID", request_id);
    for (at, result) in results.iter().enumerate() {
        writer.open("Results");
        write_status(&mut writer, result, at);
        writer.leaf_if("RequestID", result.request_id.as_deref());
        if let Some(request) = &result.object {
            payload::write_element(&mut writer, &as_declared(request), "Request");
        }
        writer.close("Results");
    }
    writer.close("ExtractResponseMsg");
    writer.finish()
}

/// A request for an extract with the children of its type, in their order, including those that are
/// required: the answer is valid even if the request was not.
fn as_declared(request: &Element) -> Element {
    const CHILDREN: [&str; 6] = [
        "Client",
        "ID",
        "Options",
        "Parameters",
        "Description",
        "Definition",
    ];
    const REQUIRED: [&str; 2] = ["ID", "Options"];
    let mut declared = Element::new("Request");
    for name in CHILDREN {
        match request.child(name) {
            Some(child) => declared.children.push(child.clone()),
            None if REQUIRED.contains(&name) => declared.children.push(Element::new(name)),
            None => {}
        }
    }
    declared
}

/// The answer to an Execute: a result per request.
pub fn write_executed(results: &[RequestResult], request_id: &str) -> String {
    let mut writer = Writer::new();
    writer.open_root("ExecuteResponseMsg", None, false);
    writer.leaf("OverallStatus", overall(results));
    writer.leaf("RequestID", request_id);
    for (at, result) in results.iter().enumerate() {
        writer.open("Results");
        writer.leaf("StatusCode", if result.ok { "OK" } else { "Error" });
        writer.leaf("StatusMessage", &result.status_message);
        writer.number("OrdinalID", i64::try_from(at).unwrap_or(i64::MAX));
        if let Some(code) = result.error_code {
            writer.number("ErrorCode", code);
        }
        writer.close("Results");
    }
    writer.close("ExecuteResponseMsg");
    writer.finish()
}

/// The answer to a Schedule: a result per interaction.
pub fn write_scheduled(results: &[RequestResult], request_id: &str) -> String {
    write_listed("ScheduleResponseMsg", "ScheduleResult", results, request_id)
}

/// The answer to a Configure: a result per configuration.
pub fn write_configured(results: &[RequestResult], request_id: &str) -> String {
    write_listed(
        "ConfigureResponseMsg",
        "ConfigureResult",
        results,
        request_id,
    )
}

/// `result_type`: the schema's type of each result.
fn write_listed(
    root: &str,
    result_type: &str,
    results: &[RequestResult],
    request_id: &str,
) -> String {
    let mut writer = Writer::new();
    writer.open_root(root, None, false);
    writer.open("Results");
    for (at, result) in results.iter().enumerate() {
        writer.open("Result");
        write_status(&mut writer, result, at);
        match &result.object {
            Some(object) => {
                objects::write_object(&mut writer, object, "Object", ObjectDetail::Whole);
            }
            None => objects::write_required(&mut writer, result_type, "Object"),
        }
        if objects::has_child(result_type, "Task") {
            writer.open("Task");
            writer.leaf("StatusCode", if result.ok { "OK" } else { "Error" });
            let message = if result.ok {
                "OK"
            } else {
                &result.status_message
            };
            writer.leaf("StatusMessage", message);
            writer.leaf_if("ID", result.task_id.as_deref());
            writer.close("Task");
        }
        writer.close("Result");
    }
    writer.close("Results");
    writer.leaf("OverallStatus", overall(results));
    writer.empty("OverallStatusMessage", None, false);
    writer.leaf("RequestID", request_id);
    writer.close(root);
    writer.finish()
}

fn write_status(writer: &mut Writer, result: &RequestResult, at: usize) {
    writer.leaf("StatusCode", if result.ok { "OK" } else { "Error" });
    writer.leaf("StatusMessage", &result.status_message);
    writer.number("OrdinalID", i64::try_from(at).unwrap_or(i64::MAX));
    if let Some(code) = result.error_code {
        writer.number("ErrorCode", code);
    }
}

fn overall(results: &[RequestResult]) -> &'static str {
    let failed = results.iter().filter(|result| !result.ok).count();
    if failed == 0 {
        "OK"
    } else if failed == results.len() {
        "Error"
    } else {
        "Has Errors"
    }
}
