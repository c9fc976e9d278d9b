//! The metrics that the functions write, read as CloudWatch would read them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cloud::metrics::Metrics;
use serde_json::Value;

/// As in a stack of the usual name, so that its bytes are those that are paid.
const NAMESPACE: &str = "Aftercall/aftercall";

/// The lines so far. Clones share them.
#[derive(Clone, Default)]
pub struct MetricLines(Arc<Mutex<Vec<String>>>);

impl MetricLines {
    /// Metrics that are written here.
    pub(crate) fn metrics(&self) -> Metrics {
        let lines = self.clone();
        Metrics::written_by(NAMESPACE, move |line| {
            lines.0.lock().expect("whole").push(line.to_owned());
        })
    }

    /// Takes the lines that were written since.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("whole"))
    }

    /// Takes them as sums: by the metric's name, with its dimension's value behind it. Of times, and
    /// of what is counted anew each minute, the last.
    pub fn totals(&self) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        for line in self.take() {
            for (name, value) in values(&line) {
                let is_level = ["OldestDue", "Waiting", "Backends"]
                    .iter()
                    .any(|it| name.starts_with(it));
                let total = totals.entry(name).or_default();
                *total = if is_level { value } else { *total + value };
            }
        }
        totals
    }

    /// The same, one in a line.
    pub fn counted(&self) -> Vec<String> {
        let totals = self.totals().into_iter();
        totals
            .map(|(name, value)| format!("{name} {value}"))
            .collect()
    }
}

/// What a line is worth, by the rules of the embedded metric format.
fn values(line: &str) -> Vec<(String, u64)> {
    let line: Value = serde_json::from_str(line).expect("JSON");
    let about = &line["_aws"];
    assert!(
        about["Timestamp"]
            .as_i64()
            .is_some_and(|ms| ms > 1_000_000_000_000)
    );
    let mut values = Vec::new();
    for directive in about["CloudWatchMetrics"].as_array().expect("directives") {
        assert_eq!(directive["Namespace"], NAMESPACE);
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for dimensions in directive["Dimensions"].as_array().expect("dimension sets") {
            let dimensions = dimensions.as_array().expect("a dimension set");
            let of: String = dimensions
                .iter()
                .map(|name| {
                    line[name.as_str().expect("a name")]
                        .as_str()
                        .expect("a member")
                })
                .map(|value| format!(" of {value}"))
                .collect();
            for metric in metrics {
                let name = metric["Name"].as_str().expect("a name");
                let value = line[name].as_u64().expect("a member");
                values.push((format!("{name}{of}"), value));
            }
        }
    }
    assert!(!values.is_empty(), "a line for nothing: {line}");
    values
}
