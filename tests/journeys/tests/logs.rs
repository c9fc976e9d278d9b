//! What a call says in the logs, which are paid by the byte, and what no log may hold.

use std::io;
use std::sync::{Arc, Mutex};

use ingest::Request;
use journeys::log_watch::{MARK, sign_in};
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, hours, mail_to, minutes, part, post_to, subscriber};
use local::{CallbackAnswer, MailFault};
use serde_json::Value;
use tracing::level_filters::LevelFilter;

use crate::callers::a_known_caller;

/// Most bytes that the functions write about a single call with a callback that goes well. At $0.50 a GB
/// it is 12 cents a million; docs/operating.md says so under "Costs".
const BYTES_MAX: usize = 240;

/// What CloudWatch adds to each line before it counts.
const OF_EACH_LINE: usize = 26;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what this thread writes from here on, as deployed at that level.
    fn begins(&self, level: LevelFilter) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let lines = cloud::logs::json_lines(level, move || writer.clone());
        tracing::subscriber::set_default(lines)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("whole").clone()).expect("text")
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .expect("one object in a line")
    }
}

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
async fn a_call_with_a_callback_is_one_line() {
    let mut caller = a_caller().await;
    let log = Log::default();
    let writing = log.begins(LevelFilter::INFO);
    let request_id = caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    drop(writing);
    assert_eq!(caller.replies(), ["done OK"]);
    let text = log.text();
    let bytes = text.len() + text.lines().count() * OF_EACH_LINE;
    println!("{bytes} bytes\n{text}");
    assert!(bytes <= BYTES_MAX, "{bytes} bytes: {text}");
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{text}");
    let line = &lines[0];
    assert!(line["message"].is_string(), "flat: {line}");
    assert!(line["span"].is_null() && line["spans"].is_null(), "{line}");
    assert_eq!(line["request_id"], request_id.as_str());
    assert_eq!(line["account"], caller.account_id().as_str());
    assert!(line["waited_ms"].is_number(), "{line}");
    let header = caller
        .records()
        .into_iter()
        .find(|record| record.kind() == "CONVERSATION");
    assert_eq!(line["conversation"], header.expect("a header").text("pk"));
}

/// Each attempt at a reply that fails has one, too, and says of which call it is.
#[tokio::test(start_paused = true)]
async fn what_goes_wrong_says_which_call_it_is_about() {
    let mut caller = a_caller().await;
    let log = Log::default();
    let writing = log.begins(LevelFilter::INFO);
    let callbacks = caller.local().callbacks();
    callbacks.answer_next(ADDRESS, CallbackAnswer::status(503));
    let request_id = caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.passes(minutes(1)).await;
    drop(writing);
    let lines = log.lines();
    let failed = lines
        .iter()
        .filter(|line| line["message"] == "reply failed");
    let failed: Vec<&Value> = failed.collect();
    assert_eq!(failed.len(), 1, "{lines:?}");
    assert_eq!(failed[0]["request_id"], request_id.as_str());
    assert_eq!(failed[0]["account"], caller.account_id().as_str());
    assert!(failed[0]["conversation"].is_string(), "{lines:?}");
}

/// A request that changes nothing.
const VERSION: &str = r#"<VersionInfoRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><IncludeVersionHistory>false</IncludeVersionHistory></VersionInfoRequestMsg>"#;

async fn posts_from(caller: &Story, path: &str, body: String) -> u16 {
    let headers = [("content-type".to_owned(), "text/xml".to_owned())];
    let request = Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: headers.into_iter().collect(),
        body: body.into_bytes(),
        source: "192.0.2.7".to_owned(),
        ..Request::default()
    };
    caller.asks(request).await.status
}

#[tokio::test(start_paused = true)]
async fn a_failed_login_says_where_it_came_from_and_not_who_it_was_to_be() {
    let caller = a_known_caller().await;
    let log = Log::default();
    let writing = log.begins(LevelFilter::INFO);
    let envelope = caller.envelope(VERSION);
    let unknown = envelope.replace(caller.token(), "wrong");
    assert_eq!(posts_from(&caller, "/Service.asmx", unknown).await, 500);
    let nobody = envelope.replace("fueloauth", "nobody");
    assert_eq!(posts_from(&caller, "/Service.asmx", nobody).await, 500);
    let login = format!(
        r#"<w:Security xmlns:w="{}"><w:UsernameToken><w:Username>ann@example.com</w:Username><w:Password>{MARK}</w:Password></w:UsernameToken></w:Security>"#,
        crate::callers::SECURITY
    );
    let token = format!(
        r#"<fueloauth xmlns="http://exacttarget.com">{}</fueloauth>"#,
        caller.token()
    );
    assert!(envelope.contains(&token), "{envelope}");
    let password = envelope.replace(&token, &login);
    assert_eq!(posts_from(&caller, "/Service.asmx", password).await, 500);
    let form = format!("grant_type=client_credentials&client_id=shop&client_secret={MARK}");
    assert_eq!(posts_from(&caller, "/v2/token", form).await, 401);
    drop(writing);
    let lines = log.lines();
    let said: Vec<String> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {} {}",
                line["message"], line["source"], line["credentials"]
            )
        })
        .collect();
    let expected = ["token", "none", "password", "client"]
        .map(|with| format!(r#""login failed" "192.0.2.7" "{with}""#));
    assert_eq!(said, expected);
    assert_eq!(sign_in(&log.text()), None, "{}", log.text());
}

/// At the finest level, along the ways on which something goes wrong: whatever callers sent and whatever
/// services say of it. That the same holds in all other stories is looked at by `log_watch`.
#[tokio::test(start_paused = true)]
async fn no_log_holds_a_body_an_address_of_a_person_or_a_credential() {
    let mut caller = a_known_caller().await;
    let log = Log::default();
    let writing = log.begins(LevelFilter::TRACE);
    let secret_address = format!("https://user:{MARK}@client.example.com/{MARK}");
    let callbacks = caller.local().callbacks();
    callbacks.answer_by(|_| Some(CallbackAnswer::status(500)));
    let marked = journeys::attribute("ann", MARK, MARK);
    let replies = [
        mail_to("caller@example.com"),
        post_to(&secret_address),
        post_to(ADDRESS),
    ];
    let replying = replies
        .into_iter()
        .fold(call().creating(&marked), |call, to| {
            call.replying_to(to.with_results().with_objects())
        });
    caller.queues(replying).await;
    // Refused, unread, repeated, failed.
    caller.sends(call().creating(&marked).at_once()).await;
    caller.sends(call().creating(&marked).keyed(MARK)).await;
    caller.sends(call().creating("<Objects/>")).await;
    caller
        .sends(call().creating(&marked).with("Unknown", MARK))
        .await;
    caller.queues(part("c", 1, 2).creating(&marked)).await;
    caller
        .sends(
            part("c", 1, 2)
                .creating(&marked)
                .calling_back(&secret_address),
        )
        .await;
    // Services that say no, and name who it is about.
    for fault in [
        MailFault::MessageRejected,
        MailFault::SenderNotVerified,
        MailFault::TooManyRequests,
    ] {
        caller.local().ses().set_fault(Some(fault));
        let key = format!("mailed-{fault:?}");
        let replying = call()
            .creating(subscriber(&key))
            .replying_to(mail_to("caller@example.com"));
        caller.queues(replying).await;
        caller.passes(minutes(20)).await;
    }
    caller.local().ses().set_fault(None);
    caller.passes(hours(80)).await;
    drop(writing);
    let text = log.text();
    for said in [
        "call taken in",
        "call was carried out",
        "reply failed",
        "reply given up",
    ] {
        assert!(text.contains(said), "the way led past {said:?}: {text}");
    }
    for line in text.lines() {
        assert_eq!(sign_in(line), None, "{line}");
    }
}

/// What the watch over all stories finds, it finds: a line of each kind is one that fails.
#[test]
fn a_line_that_holds_what_it_must_not_is_found() {
    let log = Log::default();
    let writing = log.begins(LevelFilter::TRACE);
    let body = call().creating(subscriber("ann"));
    tracing::trace!(target: "cloud", ?body, "kept");
    tracing::debug!(target: "ingest", to = "ann@mail.example", "mailed");
    tracing::info!(target: "replies", url = ADDRESS, "posted");
    tracing::warn!(target: "ingest", token = format!("{MARK}Zm9v"), "token unknown");
    tracing::error!(target: "backends", password = "open sesame", "login failed");
    tracing::info!(target: "processor", request_id = "6f0c", "call was carried out");
    // An SDK writes down its requests at these levels, and is not listened to.
    tracing::trace!(target: "aws_smithy_runtime::client", body = "<a>b</a>", "transmitting");
    tracing::debug!(target: "hyper_util::client", url = ADDRESS, "connecting");
    drop(writing);
    let text = log.text();
    let found: Vec<bool> = text.lines().map(|line| sign_in(line).is_some()).collect();
    assert_eq!(found, [true, true, true, true, true, false], "{text}");
}
