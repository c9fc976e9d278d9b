//! The service itself: its status and version, what its objects look like, and the operations that
//! it knows of and does not offer.

use cloud::{Cloud, Trouble};
use jiff::Timestamp;
use soap::{
    ConfigureRequest, DescribeRequest, ExecuteRequest, ExtractRequest, RequestResult,
    ScheduleRequest, SystemStatus, Version,
};

/// When this version was made: `VersionDate`.
const VERSION_DATE: &str = "2026-11-21T00:00:00Z";

/// GetSystemStatus.
pub async fn status(cloud: &Cloud) -> Result<String, Trouble> {
    let status = if cloud.accounts.maintenance().await? {
        SystemStatus::InMaintenance
    } else {
        SystemStatus::Ok
    };
    Ok(soap::write_system_status(status, &cloud.chance.guid()))
}

/// VersionInfo.
pub fn version(cloud: &Cloud, _include_history: bool) -> String {
    let date = VERSION_DATE.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        date,
        notes: "Aftercall, an asynchronous server for SOAP API calls",
    };
    soap::write_version_info(&version, &[], &cloud.chance.guid())
}

/// Describe.
pub fn describe(cloud: &Cloud, request: &DescribeRequest) -> String {
    soap::write_definitions(&request.object_types, &cloud.chance.guid())
}

/// Extract is not offered: one error per request.
pub fn extract(cloud: &Cloud, request: &ExtractRequest) -> String {
    let results = not_offered(request.extracts.len(), 31_000, "Extract");
    soap::write_extracted(&results, &cloud.chance.guid())
}

/// Execute is not offered: one error per request.
pub fn execute(cloud: &Cloud, request: &ExecuteRequest) -> String {
    let results = not_offered(request.requests.len(), 8, "Execute");
    soap::write_executed(&results, &cloud.chance.guid())
}

/// Schedule is not offered: one error per object. ScheduledTime defers a call.
pub fn schedule(cloud: &Cloud, request: &ScheduleRequest) -> String {
    let results = not_offered(request.interactions.len(), 5, "Schedule");
    soap::write_scheduled(&results, &cloud.chance.guid())
}

/// Configure is not offered: one error per object.
pub fn configure(cloud: &Cloud, request: &ConfigureRequest) -> String {
    let results = not_offered(request.configurations.len(), 5, "Configure");
    soap::write_configured(&results, &cloud.chance.guid())
}

fn not_offered(requests: usize, error_code: u32, operation: &str) -> Vec<RequestResult> {
    let result = RequestResult {
        ok: false,
        status_message: format!("This operation does not support the request: {operation}"),
        error_code: Some(error_code),
        request_id: None,
        object: None,
    };
    vec![result; requests.max(1)]
}
