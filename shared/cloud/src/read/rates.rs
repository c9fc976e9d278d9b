//! What the functions have counted over time, minute by minute, from where their metrics are kept:
//! CloudWatch, or the memory of a local server.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::aws::cloudwatch::CloudWatch;
pub use crate::aws::cloudwatch::MetricsOutOfReach;
use crate::metrics::Metric;

/// What one point counts: the shortest time that the functions' metrics are kept by.
pub const PERIOD: SignedDuration = SignedDuration::from_mins(1);

/// The metrics of one stack. Clones share their connection.
#[derive(Clone, Debug)]
pub struct StackMetrics {
    cloudwatch: CloudWatch,
    namespace: String,
}

/// How often something was counted in each minute, the earliest first.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSeries {
    pub metric: Metric,
    pub points: Vec<(Timestamp, f64)>,
}

impl StackMetrics {
    /// `stack`: its name, which the namespace ends with.
    pub fn of_stack(config: &aws_types::SdkConfig, stack: &str) -> Self {
        Self {
            cloudwatch: CloudWatch::new(config),
            namespace: namespace(stack),
        }
    }

    /// One request, paid by the metric. Minutes in which nothing was counted are zero, and so is the
    /// last or the last but one while CloudWatch has not got it yet.
    pub async fn by_minute(
        &self,
        metrics: &[Metric],
        minutes: i64,
        now: Timestamp,
    ) -> Result<Vec<MetricSeries>, MetricsOutOfReach> {
        let to = whole_minutes(now);
        let from = to - PERIOD.as_secs() * minutes;
        let ids: Vec<String> = (0..metrics.len())
            .map(|number| format!("m{number}"))
            .collect();
        let queries = metrics.iter().zip(&ids);
        let queries: Vec<Value> = queries
            .map(|(metric, id)| self.query(*metric, id))
            .collect();
        let requested = json!({
            "StartTime": from,
            "EndTime": to,
            "ScanBy": "TimestampAscending",
            "MetricDataQueries": queries,
        });
        let answer = self.cloudwatch.metric_data(&requested, now).await?;
        let found = answer["MetricDataResults"].as_array();
        let found = found.map_or(&[][..], Vec::as_slice);
        let series = |(metric, id): (&Metric, &String)| MetricSeries {
            metric: *metric,
            points: points(found.iter().filter(|it| it["Id"] == *id), from, to),
        };
        Ok(metrics.iter().zip(&ids).map(series).collect())
    }

    fn query(&self, metric: Metric, id: &str) -> Value {
        json!({
            "Id": id,
            "MetricStat": {
                "Metric": { "Namespace": self.namespace, "MetricName": metric.name() },
                "Period": PERIOD.as_secs(),
                "Stat": "Sum",
            },
        })
    }
}

/// Where the functions of a stack write their metrics.
pub fn namespace(stack: &str) -> String {
    format!("Aftercall/{stack}")
}

/// The second at which the minute began that is not over.
fn whole_minutes(now: Timestamp) -> i64 {
    now.as_second().div_euclid(PERIOD.as_secs()) * PERIOD.as_secs()
}

fn points<'a>(found: impl Iterator<Item = &'a Value>, from: i64, to: i64) -> Vec<(Timestamp, f64)> {
    let mut counted = BTreeMap::new();
    for result in found {
        let list = |name: &str| result[name].as_array().into_iter().flatten();
        for (at, value) in list("Timestamps").zip(list("Values")) {
            if let (Some(at), Some(value)) = (second(at), value.as_f64()) {
                counted.insert(at, value);
            }
        }
    }
    let minutes = (from..to).step_by(usize::try_from(PERIOD.as_secs()).unwrap_or(1));
    let point = |at: i64| {
        let value = counted.get(&at).copied().unwrap_or_default();
        Some((Timestamp::from_second(at).ok()?, value))
    };
    minutes.filter_map(point).collect()
}

/// Seconds of an instant, which may be written with a fraction.
fn second(at: &Value) -> Option<i64> {
    if let Some(whole) = at.as_i64() {
        return Some(whole);
    }
    let duration = SignedDuration::try_from_secs_f64(at.as_f64()?);
    duration.ok().map(|it| it.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_without_a_value_are_zero_and_those_of_others_are_left_out() {
        let answered = json!({ "Timestamps": [1200, 1320.0, 7200], "Values": [3, 4.5, 9.0] });
        let points = points([answered].iter(), 1140, 1380);
        let shown: Vec<(i64, f64)> = points.iter().map(|it| (it.0.as_second(), it.1)).collect();
        assert_eq!(shown, [(1140, 0.0), (1200, 3.0), (1260, 0.0), (1320, 4.5)]);
    }

    #[test]
    fn only_minutes_that_are_over_are_read() {
        let now: Timestamp = "2026-11-29T10:15:59Z".parse().expect("a time");
        let begun: Timestamp = "2026-11-29T10:15:00Z".parse().expect("a time");
        assert_eq!(whole_minutes(now), begun.as_second());
    }
}
