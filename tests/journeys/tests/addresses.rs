//! Addresses as people type them, and as they are sent to.

use std::io;
use std::sync::{Arc, Mutex};

use journeys::{Call, a_caller, call, look_for, mail_to, minutes, post_to, subscriber};
use local::CallbackAnswer;
use tracing::level_filters::LevelFilter;

#[tokio::test(start_paused = true)]
async fn a_callback_goes_to_the_address_as_a_uri() {
    for (typed, posted) in [
        (
            "https://b\u{fc}cher.example.com/cb",
            "https://xn--bcher-kva.example.com/cb",
        ),
        (
            "https://client.example.com/r\u{fc}ckruf?t=\"q\"",
            "https://client.example.com/r%C3%BCckruf?t=%22q%22",
        ),
        (
            "https://client.example.com/cb?t=%22q%22#top",
            "https://client.example.com/cb?t=%22q%22",
        ),
    ] {
        let mut caller = a_caller().await;
        caller
            .queues(call().creating(subscriber("ann")).calling_back(typed))
            .await;
        caller.settles().await;
        let urls: Vec<String> = caller.callbacks().into_iter().map(|it| it.url).collect();
        assert_eq!(urls, [posted], "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn user_and_password_of_an_address_are_sent_as_a_header_and_shown_nowhere() {
    let mut caller = a_caller().await;
    let address = "https://us%40er:s3cr3t@client.example.com/cb";
    let id = caller
        .queues(call().creating(subscriber("ann")).calling_back(address))
        .await;
    caller.settles().await;
    let callbacks = caller.callbacks();
    assert_eq!(callbacks.len(), 1);
    assert_eq!(callbacks[0].url, "https://client.example.com/cb");
    assert_eq!(
        callbacks[0].header("authorization"),
        Some("Basic dXNAZXI6czNjcjN0")
    );
    assert!(!callbacks[0].body.contains("s3cr3t"));
    assert_eq!(caller.state(&id).await, "Complete");
}

const PASSWORD: &str = "s3cr3t";

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

/// Whether a text holds the password, as it is or as it is sent.
fn names_secret(text: &str) -> bool {
    text.contains(PASSWORD) || text.contains("dXNAZXI6czNjcjN0")
}

#[tokio::test(start_paused = true)]
async fn the_password_of_an_address_is_in_no_answer_mail_or_log_line_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let lines = cloud::logs::json_lines(LevelFilter::TRACE, move || writer.clone());
    let writing = tracing::subscriber::set_default(lines);
    let mut caller = a_caller().await;
    let address = format!("https://us%40er:{PASSWORD}@client.example.com/cb");
    let send = |call: Call| {
        call.replying_to(post_to(&address).with_results().with_objects())
            .replying_to(mail_to("ops@example.com").with_results())
    };
    // One receiver that has trouble: its attempts are told of, and tried again.
    caller
        .local()
        .callbacks()
        .answer_next("https://client.example.com/cb", CallbackAnswer::status(503));
    let id = caller
        .queues(send(call().creating(subscriber("ann"))))
        .await;
    caller.settles().await;
    caller.passes(minutes(1)).await;
    assert_eq!(caller.callbacks().len(), 2);
    let mut shown = vec![caller.state(&id).await, caller.outcome(&id).await];
    for look in [
        look_for("ResultMessage").of("RequestID ResultDetailXML StatusMessage OverallStatusCode"),
        look_for("ResultItem").of("RequestID StatusMessage CorrelationID"),
        look_for("AsyncRequestResult").of("RequestID Status CallMessage"),
    ] {
        shown.push(format!(
            "{:?}",
            caller.retrieves(look.by("RequestID", &id)).await
        ));
    }
    shown.extend(caller.callbacks().into_iter().map(|posted| posted.body));
    shown.extend(caller.mails().into_iter().map(|mail| format!("{mail:?}")));
    // Refused: the address is named, and not what it holds.
    for bad in [
        format!("http://us%40er:{PASSWORD}@client.example.com/cb"),
        format!("https://us%40er:{PASSWORD}@127.0.0.1/cb"),
        format!("https://us%40er:{PASSWORD}@client.example.com:70000/cb"),
        format!("https://us%40er:{PASSWORD}@/cb"),
    ] {
        let answer = caller
            .sends(call().creating(subscriber("ann")).calling_back(&bad))
            .await;
        assert_eq!(answer.error_code(), 227, "{}", answer.body);
        shown.push(answer.body);
    }
    drop(writing);
    for text in shown {
        assert!(!names_secret(&text), "{text}");
    }
    let log = String::from_utf8(log.0.lock().expect("whole").clone()).expect("text");
    assert!(log.contains("DEBUG"), "it was written at every level");
    let reply_to = log.lines().find(|line| names_secret(line));
    assert_eq!(reply_to, None);
}

#[tokio::test(start_paused = true)]
async fn results_are_mailed_to_the_punycode_of_an_international_domain() {
    let mut caller = a_caller().await;
    let reply_to = mail_to("ann@b\u{fc}cher.example");
    caller
        .queues(call().creating(subscriber("ann")).replying_to(reply_to))
        .await;
    caller.settles().await;
    let mails = caller.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ann@xn--bcher-kva.example"]);
}

#[tokio::test(start_paused = true)]
async fn a_mail_without_a_name_has_no_empty_one() {
    let mut caller = a_caller().await;
    let definition = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>t</CustomerKey><FromAddress>Shop &lt;shop@example.com&gt;</FromAddress><ReplyToAddress>ann@example.com</ReplyToAddress><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>S</Subject><TextBody>x</TextBody></Email></Objects>"#;
    caller.does(call().at_once().creating(definition)).await;
    let send = r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>t</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>a@b&#252;cher.example</EmailAddress><SubscriberKey>k</SubscriberKey></Subscribers></Objects>"#;
    caller.does(call().at_once().creating(send)).await;
    let reply_to = mail_to("ops@example.com");
    caller
        .queues(call().creating(subscriber("ann")).replying_to(reply_to))
        .await;
    caller.settles().await;
    let mut lines: Vec<String> = caller
        .mails()
        .iter()
        .flat_map(|mail| {
            let raw = mail.raw.clone().unwrap_or_default();
            raw.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|line| {
            ["From:", "To:", "Reply-To:"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "From: \"Shop\" <shop@example.com>",
            "From: <aftercall@localhost.example>",
            "Reply-To: <ann@example.com>",
            "To: <a@xn--bcher-kva.example>",
            "To: <ops@example.com>",
        ]
    );
}
