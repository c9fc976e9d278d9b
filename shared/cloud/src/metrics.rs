//! What a function counts of its work, written once at the end of an invocation as a line of
//! CloudWatch's embedded metric format: CloudWatch makes metrics of it, and nobody is called for it.
//!
//! A line holds only what was counted, since it is paid by the byte; an invocation in which nothing
//! was counted writes none. What AWS counts by itself (units of the tables, messages that wait in
//! the queues, invocations and their duration) is not counted again: the dashboard of
//! `template.yaml` reads it where it is.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use calls::QueuePriority;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What is counted. The name is the metric's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Calls that were taken in for later.
    Accepted,
    /// Calls that were refused at the door; also by their code, as the dimension `Code`.
    Refused,
    /// Requests that came too soon: fault 17.
    RateLimited,
    /// Requests whose credentials were missing or not good.
    LoginsFailed,
    /// Calls whose turn came and that were carried out, whatever came of it.
    CarriedOut,
    /// Those of them that did not end with `OK`.
    CallsFailed,
    /// Calls that ended without having been carried out: expired, cancelled, not processed.
    NotCarriedOut,
    /// Forwarded calls of which nobody knows what became.
    CallsUnknown,
    /// Conversations that were ended by silence.
    SilenceTimeouts,
    /// Conversations that wait for the end of maintenance or for a backend, of each priority.
    WaitingHigh,
    WaitingMedium,
    WaitingLow,
    /// How long the oldest conversation has been due that nobody goes on with, of each priority.
    OldestDueHigh,
    OldestDueMedium,
    OldestDueLow,
    /// Backends that calls wait for.
    BackendsNotReady,
    RepliesDelivered,
    /// Attempts that failed and are made again.
    RepliesFailed,
    RepliesGivenUp,
    MailsSent,
    MailsFailed,
    /// Not taken by their service, which is asked again later.
    MailsPutOff,
    MailsUnknown,
    MailsBounced,
    MailsComplained,
    /// Texts and calls by voice.
    TextsSent,
    /// What they are paid by.
    TextParts,
    TextsFailed,
    TextsPutOff,
    TextsUnknown,
    /// Processes that were started; by function, as the dimension `Function`.
    ColdStarts,
}

impl Metric {
    /// Conversations of a priority that are held back.
    pub const fn waiting(priority: QueuePriority) -> Self {
        match priority {
            QueuePriority::High => Self::WaitingHigh,
            QueuePriority::Medium => Self::WaitingMedium,
            QueuePriority::Low => Self::WaitingLow,
        }
    }

    /// Seconds that the oldest of a priority has been due.
    pub const fn oldest_due(priority: QueuePriority) -> Self {
        match priority {
            QueuePriority::High => Self::OldestDueHigh,
            QueuePriority::Medium => Self::OldestDueMedium,
            QueuePriority::Low => Self::OldestDueLow,
        }
    }

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    fn definition(self) -> Value {
        let is_time = [
            Self::OldestDueHigh,
            Self::OldestDueMedium,
            Self::OldestDueLow,
        ];
        match is_time.contains(&self) {
            true => json!({ "Name": self.name(), "Unit": "Seconds" }),
            false => json!({ "Name": self.name() }),
        }
    }
}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Ingest,
    Processor,
    Notifier,
    Timekeeper,
}

impl Function {
    const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Processor => "processor",
            Self::Notifier => "notifier",
            Self::Timekeeper => "timekeeper",
        }
    }
}

#[derive(Default)]
struct MetricCounts {
    values: BTreeMap<Metric, u64>,
    /// Refused calls by their code.
    refused: BTreeMap<u32, u64>,
    /// An invocation of this process has ended before.
    is_warm: bool,
}

/// What was counted since the last line. Clones share it.
#[derive(Clone)]
pub struct Metrics {
    /// Empty: nothing is counted.
    namespace: Arc<str>,
    counted: Arc<Mutex<MetricCounts>>,
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Metrics {
    /// Writes to the standard output, where Lambda finds it. An empty namespace: there are none.
    pub fn new(namespace: &str) -> Self {
        Self::written_by(namespace, |line| {
            if let Err(error) = writeln!(std::io::stdout().lock(), "{line}") {
                tracing::debug!(%error, "metrics could not be written");
            }
        })
    }

    /// The same where somebody else takes the lines.
    pub fn written_by(namespace: &str, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            namespace: namespace.into(),
            counted: Arc::default(),
            write: Arc::new(write),
        }
    }

    /// Whether anything is counted: what takes requests of its own is not looked at otherwise.
    pub fn are_on(&self) -> bool {
        !self.namespace.is_empty()
    }

    pub fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    pub fn count_all(&self, metrics: impl IntoIterator<Item = Metric>) {
        metrics.into_iter().for_each(|metric| self.count(metric));
    }

    pub fn add(&self, metric: Metric, number: u64) {
        if self.are_on() && number > 0 {
            *self.counted().values.entry(metric).or_default() += number;
        }
    }

    /// Keeps the highest value of the invocation.
    pub fn highest(&self, metric: Metric, value: u64) {
        if self.are_on() && value > 0 {
            let mut counted = self.counted();
            let highest = counted.values.entry(metric).or_default();
            *highest = value.max(*highest);
        }
    }

    /// A call was refused with this code.
    pub fn refused(&self, error_code: u32) {
        if self.are_on() {
            *self.counted().refused.entry(error_code).or_default() += 1;
        }
    }

    /// Writes what was counted, and begins anew. A line for each code of refusal beyond the first.
    pub fn end_invocation(&self, function: Function, now: Timestamp) {
        if !self.are_on() {
            return;
        }
        let (values, refused, is_cold) = {
            let mut counted = self.counted();
            let is_cold = !std::mem::replace(&mut counted.is_warm, true);
            let values = std::mem::take(&mut counted.values);
            (values, std::mem::take(&mut counted.refused), is_cold)
        };
        let mut refused = refused.into_iter();
        let mut line = MetricLine::of(&self.namespace, now);
        line.plain(&values);
        if is_cold {
            line.cold(function);
        }
        if let Some((code, number)) = refused.next() {
            line.refused(code, number);
        }
        line.write(&*self.write);
        for (code, number) in refused {
            let mut line = MetricLine::of(&self.namespace, now);
            line.refused(code, number);
            line.write(&*self.write);
        }
    }

    fn counted(&self) -> MutexGuard<'_, MetricCounts> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line in the making.
struct MetricLine<'a> {
    namespace: &'a str,
    now: Timestamp,
    definitions: Vec<Value>,
    values: Map<String, Value>,
}

impl<'a> MetricLine<'a> {
    fn of(namespace: &'a str, now: Timestamp) -> Self {
        Self {
            namespace,
            now,
            definitions: Vec::new(),
            values: Map::new(),
        }
    }

    /// Metrics without a dimension.
    fn plain(&mut self, values: &BTreeMap<Metric, u64>) {
        if values.is_empty() {
            return;
        }
        let metrics = values.keys().map(|metric| metric.definition()).collect();
        self.define(json!([[]]), metrics);
        for (metric, value) in values {
            self.values.insert(metric.name(), json!(value));
        }
    }

    /// Processes that were started, of a function.
    fn cold(&mut self, function: Function) {
        self.define(json!([["Function"]]), vec![Metric::ColdStarts.definition()]);
        self.values.insert(Metric::ColdStarts.name(), json!(1));
        self.values
            .insert("Function".to_owned(), json!(function.name()));
    }

    /// Refused calls with one code; also part of their sum over all codes.
    fn refused(&mut self, code: u32, number: u64) {
        self.define(json!([[], ["Code"]]), vec![Metric::Refused.definition()]);
        self.values.insert(Metric::Refused.name(), json!(number));
        self.values
            .insert("Code".to_owned(), json!(code.to_string()));
    }

    fn define(&mut self, dimensions: Value, metrics: Vec<Value>) {
        self.definitions.push(json!({
            "Namespace": self.namespace,
            "Dimensions": dimensions,
            "Metrics": metrics,
        }));
    }

    fn write(mut self, write: &(dyn Fn(&str) + Send + Sync)) {
        if self.definitions.is_empty() {
            return;
        }
        let about = json!({
            "Timestamp": self.now.as_millisecond(),
            "CloudWatchMetrics": self.definitions,
        });
        self.values.insert("_aws".to_owned(), about);
        write(&Value::Object(self.values).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(namespace: &str) -> (Metrics, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&lines);
        let write = move |line: &str| taken.lock().expect("whole").push(line.to_owned());
        (Metrics::written_by(namespace, write), lines)
    }

    fn at() -> Timestamp {
        Timestamp::from_millisecond(1_772_442_000_123).expect("a time")
    }

    fn taken(lines: &Arc<Mutex<Vec<String>>>) -> Vec<String> {
        std::mem::take(&mut *lines.lock().expect("whole"))
    }

    #[test]
    fn an_invocation_is_one_line_of_what_was_counted() {
        let (metrics, lines) = captured("Aftercall/a");
        metrics.end_invocation(Function::Processor, at());
        let first = r#"{"ColdStarts":1,"Function":"processor","_aws":{"CloudWatchMetrics":[{"Dimensions":[["Function"]],"Metrics":[{"Name":"ColdStarts"}],"Namespace":"Aftercall/a"}],"Timestamp":1772442000123}}"#;
        assert_eq!(taken(&lines), [first]);
        for _ in 0..10 {
            metrics.count(Metric::CarriedOut);
        }
        metrics.highest(Metric::oldest_due(QueuePriority::Low), 7);
        metrics.highest(Metric::oldest_due(QueuePriority::Low), 3);
        metrics.end_invocation(Function::Processor, at());
        let second = r#"{"CarriedOut":10,"OldestDueLow":7,"_aws":{"CloudWatchMetrics":[{"Dimensions":[[]],"Metrics":[{"Name":"CarriedOut"},{"Name":"OldestDueLow","Unit":"Seconds"}],"Namespace":"Aftercall/a"}],"Timestamp":1772442000123}}"#;
        assert_eq!(taken(&lines), [second]);
        metrics.end_invocation(Function::Processor, at());
        assert_eq!(taken(&lines), Vec::<String>::new(), "nothing was counted");
    }

    #[test]
    fn refusals_are_counted_together_and_by_their_code() {
        let (metrics, lines) = captured("Aftercall/a");
        metrics.end_invocation(Function::Ingest, at());
        taken(&lines);
        for code in [214, 200, 214] {
            metrics.refused(code);
        }
        metrics.end_invocation(Function::Ingest, at());
        let read = |line: &String| -> Value { serde_json::from_str(line).expect("JSON") };
        let lines: Vec<Value> = taken(&lines).iter().map(read).collect();
        let counted: Vec<_> = lines
            .iter()
            .map(|it| (&it["Code"], &it["Refused"]))
            .collect();
        let (first, second) = ((&json!("200"), &json!(1)), (&json!("214"), &json!(2)));
        assert_eq!(counted, [first, second]);
        for line in &lines {
            let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
            assert_eq!(dimensions, &json!([[], ["Code"]]));
        }
    }

    #[test]
    fn without_a_namespace_there_are_none() {
        let (metrics, lines) = captured("");
        metrics.count(Metric::Accepted);
        metrics.refused(214);
        metrics.end_invocation(Function::Ingest, at());
        assert!(taken(&lines).is_empty() && !metrics.are_on());
    }
}
