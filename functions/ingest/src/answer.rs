//! The answer to a SOAP operation.

use calls::Refusal;
use cloud::Cloud;
use soap::{CallRequest, Fault};

/// A payload, or a fault.
pub type Answer = Result<String, Fault>;

/// One Results per object, each with the refusal.
pub fn refused(cloud: &Cloud, request: &CallRequest, refusal: &Refusal) -> String {
    cloud.metrics.refused(refusal.error_code());
    soap::write_refused(request.method, request.objects.len().max(1), refusal, None)
}
