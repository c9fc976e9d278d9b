//! CloudWatch's metrics: what the functions count, summed by the minute and kept for a day in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use cloud::aws::stack::LOCAL_STACK;
use cloud::metrics::Metrics;
use cloud::read::rates::namespace;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws_request::AwsRequest;
use crate::failure::WireFailure;
use crate::held;

const MINUTE_S: i64 = 60;

/// What is older than this, when something new comes, is forgotten.
const KEPT_S: i64 = 24 * 3_600;

/// Sums by the second that their minute begins with, and by metric. Clones share them.
#[derive(Clone, Default)]
pub struct RecordedMetrics(Arc<Mutex<BTreeMap<i64, BTreeMap<String, f64>>>>);

impl fmt::Debug for RecordedMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecordedMetrics")
    }
}

/// A request; a member that is not read here is not built.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetMetricData {
    start_time: i64,
    end_time: i64,
    scan_by: String,
    metric_data_queries: Vec<MetricDataQuery>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricDataQuery {
    id: String,
    metric_stat: MetricStat,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricStat {
    metric: NamedMetric,
    period: i64,
    stat: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NamedMetric {
    namespace: String,
    metric_name: String,
}

impl RecordedMetrics {
    /// What functions count by, so that it is kept here.
    pub fn metrics(&self) -> Metrics {
        let recorded = self.clone();
        Metrics::written_by(&namespace(LOCAL_STACK), move |line| recorded.take(line))
    }

    /// A line of the embedded metric format. Values by a dimension are left out: nobody asks for them.
    fn take(&self, line: &str) {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let Some(ms) = line["_aws"]["Timestamp"].as_i64() else {
            return;
        };
        let minute = ms.div_euclid(1_000 * MINUTE_S) * MINUTE_S;
        let mut kept = held(&self.0);
        let counted = kept.entry(minute).or_default();
        for directive in members(&line["_aws"]["CloudWatchMetrics"]) {
            if !members(&directive["Dimensions"]).any(|set| members(set).next().is_none()) {
                continue;
            }
            for metric in members(&directive["Metrics"]) {
                let name = metric["Name"].as_str().unwrap_or_default();
                let value = line[name].as_f64().unwrap_or_default();
                *counted.entry(name.to_owned()).or_default() += value;
            }
        }
        kept.retain(|at, _| *at > minute - KEPT_S);
    }

    /// Answers one request of AWS's JSON protocol.
    pub(crate) fn answer(&self, aws_request: &AwsRequest) -> Result<Value, WireFailure> {
        if aws_request.operation != "GetMetricData" {
            let operation = &aws_request.operation;
            return Err(WireFailure::not_built(format!("CloudWatch {operation}")));
        }
        let read = GetMetricData::deserialize(&aws_request.json);
        let unreadable = |error| WireFailure::unreadable(&aws_request.operation, &error);
        let requested = read.map_err(unreadable)?;
        let is_known = |query: &MetricDataQuery| {
            query.metric_stat.stat == "Sum" && query.metric_stat.period == MINUTE_S
        };
        if requested.scan_by != "TimestampAscending"
            || !requested.metric_data_queries.iter().all(is_known)
        {
            return Err(WireFailure::not_built(
                "other than sums by the minute, the earliest first",
            ));
        }
        let queries = requested.metric_data_queries.iter();
        let results: Vec<Value> = queries
            .map(|query| self.series(&requested, query))
            .collect();
        Ok(json!({ "MetricDataResults": results, "Messages": [] }))
    }

    fn series(&self, requested: &GetMetricData, query: &MetricDataQuery) -> Value {
        let NamedMetric {
            namespace: of,
            metric_name,
        } = &query.metric_stat.metric;
        let kept = held(&self.0);
        let within = kept.range(requested.start_time..requested.end_time);
        let found = within.filter_map(|(at, counted)| Some((*at, *counted.get(metric_name)?)));
        let found: Vec<(i64, f64)> = found.filter(|_| *of == namespace(LOCAL_STACK)).collect();
        let (at, values): (Vec<i64>, Vec<f64>) = found.into_iter().unzip();
        json!({
            "Id": query.id,
            "Label": metric_name,
            "Timestamps": at,
            "Values": values,
            "StatusCode": "Complete",
        })
    }
}

fn members(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use cloud::metrics::{Function, Metric};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_functions_count_is_summed_by_the_minute() {
        let recorded = RecordedMetrics::default();
        let metrics = recorded.metrics();
        for (second, calls) in [(59, 1), (60, 2), (119, 3), (120, 4)] {
            let at = Timestamp::from_second(1_800_000_000 + second).expect("a time");
            metrics.add(Metric::Accepted, calls);
            metrics.refused(214);
            metrics.end_invocation(Function::Ingest, at);
        }
        let requested = |name: &str| {
            let json = json!({
                "StartTime": 1_800_000_000, "EndTime": 1_800_000_120, "ScanBy": "TimestampAscending",
                "MetricDataQueries": [{ "Id": "m0", "MetricStat": {
                    "Metric": { "Namespace": "Aftercall/aftercall", "MetricName": name },
                    "Period": 60, "Stat": "Sum",
                }}],
            });
            let aws_request = AwsRequest {
                service: crate::Service::CloudWatch,
                operation: "GetMetricData".to_owned(),
                resource: String::new(),
                key: String::new(),
                json,
            };
            let answer = recorded.answer(&aws_request).expect("it is answered");
            answer["MetricDataResults"][0]["Values"].clone()
        };
        assert_eq!(requested("Accepted"), json!([1.0, 5.0]));
        assert_eq!(requested("Refused"), json!([1.0, 2.0]));
        // By a dimension alone.
        assert_eq!(requested("ColdStarts"), json!([]));
    }
}
