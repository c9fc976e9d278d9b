//! What a call says in the logs, which are paid by the byte.

use std::io;
use std::sync::{Arc, Mutex};

use journeys::story::ADDRESS;
use journeys::{a_caller, call, subscriber};
use serde_json::Value;
use tracing::level_filters::LevelFilter;

/// Most bytes that the functions write about a single call with a callback. At $0.50 a GB it is 30
/// cents a million; docs/operating.md says so under "Costs".
const BYTES_MAX: usize = 600;

/// What CloudWatch adds to each line before it counts.
const OF_EACH_LINE: usize = 26;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_callback_says_little() {
    let mut caller = a_caller().await;
    let log = Log::default();
    let writer = log.clone();
    let lines = cloud::logs::json_lines(LevelFilter::INFO, move || writer.clone());
    let writing = tracing::subscriber::set_default(lines);
    let request_id = caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    drop(writing);
    assert_eq!(caller.replies(), ["done OK"]);
    let text = String::from_utf8(log.0.lock().expect("whole").clone()).expect("text");
    let bytes = text.len() + text.lines().count() * OF_EACH_LINE;
    println!("{bytes} bytes\n{text}");
    assert!(bytes <= BYTES_MAX, "{bytes} bytes: {text}");
    let mut of_the_call = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("one object in a line");
        assert!(line["message"].is_string(), "flat: {line}");
        assert!(line["span"].is_null() && line["spans"].is_null(), "{line}");
        of_the_call += usize::from(line["request_id"] == request_id.as_str());
    }
    assert!(of_the_call >= 3, "taken in, carried out, replied: {text}");
}
