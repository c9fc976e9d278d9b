//! What a request is billed by, where that is a number in it.

use serde_json::Value;

use crate::aws_request::{AwsRequest, Service};
use crate::usage::Usage;

/// Of a mail.
pub(crate) fn recipients(request: &Value) -> f64 {
    let lists = ["ToAddresses", "CcAddresses", "BccAddresses"];
    let lists = lists
        .iter()
        .filter_map(|name| request["Destination"][name].as_array());
    // One mail is billed even where its addresses are in the mail itself.
    lists.flatten().map(|_| 1.0).sum::<f64>().max(1.0)
}

/// A look at metrics is billed by how many they are.
pub(crate) fn count_queried_metrics(usage: &Usage, aws_request: &AwsRequest) {
    let queries = aws_request.json["MetricDataQueries"].as_array();
    let metrics = queries.into_iter().flatten().map(|_| 1.0).sum();
    usage.count_billed(Service::CloudWatch, &aws_request.operation, metrics);
}
