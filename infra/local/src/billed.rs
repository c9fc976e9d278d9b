//! What a request is billed by, where that is a number in it.

use serde_json::Value;

/// Of a mail.
pub(crate) fn recipients(request: &Value) -> f64 {
    let lists = ["ToAddresses", "CcAddresses", "BccAddresses"];
    let lists = lists
        .iter()
        .filter_map(|name| request["Destination"][name].as_array());
    // One mail is billed even where its addresses are in the mail itself.
    lists.flatten().map(|_| 1.0).sum::<f64>().max(1.0)
}

/// Of a look at metrics.
pub(crate) fn queried_metrics(request: &Value) -> f64 {
    let queries = request["MetricDataQueries"].as_array();
    queries.into_iter().flatten().map(|_| 1.0).sum()
}
