//! The log of a function: one flat JSON object per line, with the fields of the event only. Lines
//! are paid by the byte, so there are no spans, no module and no time, which CloudWatch adds
//! itself. `template.yaml` derives metrics from some lines.

use std::io;
use std::str::FromStr;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// Begins to write to the standard output, which Lambda collects.
pub fn start() {
    let level = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"));
    let level = level.and_then(|level| LevelFilter::from_str(&level).ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let is_json =
        variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let started = if is_json {
        tracing::subscriber::set_global_default(json_lines(level, io::stdout))
    } else {
        tracing::subscriber::set_global_default(text_lines(level))
    };
    // Another subscriber is set in this process already; then it is used.
    if let Err(already) = started {
        tracing::debug!(%already, "lines are written as before");
    }
}

/// The crates that are logged at the requested level. They log nothing of the content of calls.
/// Other crates may, below WARN: an SDK logs whole requests.
const OWN_CRATES: [&str; 9] = [
    "backends",
    "calls",
    "cloud",
    "ingest",
    "notifier",
    "objects",
    "processor",
    "replies",
    "timekeeper",
];

fn of_own_crates(level: LevelFilter) -> Targets {
    let own = OWN_CRATES.map(|name| (name, level));
    Targets::new()
        .with_targets(own)
        .with_default(level.min(LevelFilter::WARN))
}

/// The format of deployed functions.
pub fn json_lines<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(level)
        .with_writer(writer)
        .finish()
        .with(of_own_crates(level))
}

/// The format for people, under `cargo lambda watch`.
fn text_lines(level: LevelFilter) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_target(false)
        .with_max_level(level)
        .finish()
        .with(of_own_crates(level))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the platform's own variables, which say how it wants its logs"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct CapturedLog(Arc<Mutex<Vec<u8>>>);

    impl io::Write for CapturedLog {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_holds_what_was_said_and_nothing_else() {
        let captured = CapturedLog::default();
        let writer = captured.clone();
        let subscriber = json_lines(LevelFilter::INFO, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("Lambda runtime invoke", requestId = "long and dear");
            let _inside = span.enter();
            tracing::info!(oldest_due_s = 7, part = "a", "looked");
            tracing::debug!("not asked for");
        });
        let written = String::from_utf8(captured.0.lock().expect("whole").clone()).expect("text");
        let expected = r#"{"level":"INFO","message":"looked","oldest_due_s":7,"part":"a"}"#;
        assert_eq!(written, format!("{expected}\n"));
    }
}
