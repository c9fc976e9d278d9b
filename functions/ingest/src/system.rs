//! The service itself: its status and version, the description of its objects, and the operations
//! that it knows but does not offer.

use calls::Readiness;
use cloud::{Cloud, Error};
use jiff::Timestamp;
use soap::{
    ConfigureRequest, DescribeRequest, Element, ExecuteRequest, RequestResult, SystemStatus,
    Version,
};

use crate::caller::Caller;
use crate::forwarded;

/// The date of this version: `VersionDate`.
const VERSION_DATE: &str = "2026-11-28T00:00:00Z";

fn version_date() -> Timestamp {
    VERSION_DATE.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The same for HTTP: the WSDL changes only with the version.
pub fn last_modified() -> String {
    version_date()
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

/// GetSystemStatus: of the server, and of the backend of the caller's account.
pub async fn status(cloud: &Cloud, caller: &Caller) -> Result<String, Error> {
    let status = if cloud.in_maintenance().await? {
        SystemStatus::InMaintenance
    } else {
        match forwarded::backend_of(cloud, caller).await? {
            None => SystemStatus::Ok,
            Some(to) => match cloud.breaker(&to.name).await?.readiness(cloud.now()) {
                Readiness::Ready => SystemStatus::Ok,
                Readiness::InMaintenance => SystemStatus::InMaintenance,
                Readiness::OutOfService => SystemStatus::UnplannedOutage,
            },
        }
    };
    Ok(soap::write_system_status(status, &cloud.random.guid()))
}

/// VersionInfo.
pub fn version(cloud: &Cloud, _include_history: bool) -> String {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        date: version_date(),
        notes: "Aftercall, an asynchronous server for SOAP API calls",
    };
    soap::write_version_info(&version, &[], &cloud.random.guid())
}

/// Describe.
pub fn describe(cloud: &Cloud, request: &DescribeRequest) -> String {
    soap::write_definitions(&request.object_types, &cloud.random.guid())
}

/// Execute is not offered: one error per request.
pub fn execute(cloud: &Cloud, request: &ExecuteRequest) -> String {
    let requests = request.requests.iter();
    let results = refused(
        requests.map(|request| {
            let name = &request.name;
            format!("This operation does not support the APIObject of type [{name}]")
        }),
        8,
    );
    soap::write_executed(&results, &cloud.random.guid())
}

/// Configure is not offered: one error per object.
pub fn configure(cloud: &Cloud, request: &ConfigureRequest) -> String {
    let types = request.configurations.iter().map(type_of);
    let results = refused(
        types.map(|name| format!("Cannot perform Configure on objects of type {name}")),
        5,
    );
    soap::write_configured(&results, &cloud.random.guid())
}

pub(crate) fn type_of(object: &Element) -> &str {
    object.type_name.as_deref().unwrap_or("APIObject")
}

/// A result for each request. An answer to no request has one, too, since strict clients require
/// it.
pub(crate) fn refused(
    messages: impl Iterator<Item = String>,
    error_code: u32,
) -> Vec<RequestResult> {
    let refused = |status_message| RequestResult {
        ok: false,
        status_message,
        error_code: Some(error_code),
        ..RequestResult::default()
    };
    let mut results: Vec<RequestResult> = messages.map(refused).collect();
    if results.is_empty() {
        results.push(RequestResult {
            error_code: Some(6),
            ..refused("No object specified. A request must hold at least one object".to_owned())
        });
    }
    results
}
