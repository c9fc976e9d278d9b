//! What scripts rely on of the local server beside the product's own routes: files of the bucket, and texts
//! and calls by voice that went out.

use std::net::SocketAddr;

use journeys::{Story, a_caller, call};
use local::callback_log::CallbackLog;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

struct LocalServer {
    address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The world of a caller, served on a port of this machine.
async fn serves(caller: &Story) -> LocalServer {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = local::site::listen(anywhere).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let log = CallbackLog::new(caller.local().clone());
    let stack = caller.stack.clone();
    let serving = tokio::spawn(local::site::serve(stack, log, listener, false)).abort_handle();
    LocalServer { address, serving }
}

/// A status and a body.
struct Heard {
    status: String,
    head: String,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

impl LocalServer {
    async fn asks(&self, request: &str, body: &[u8]) -> Heard {
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let whole = [head.as_bytes(), body].concat();
        stream.write_all(&whole).await.expect("it is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = answer.split_off(end.expect("a head") + 4);
        let head = String::from_utf8(answer).expect("text");
        Heard {
            status: head[9..12].to_owned(),
            head,
            body,
        }
    }
}

#[tokio::test]
async fn files_are_put_listed_and_fetched_by_their_keys() {
    let caller = a_caller().await;
    let server = serves(&caller).await;
    let empty = server.asks("GET /_local/bucket/", b"").await;
    assert_eq!((empty.status.as_str(), empty.json()), ("200", json!([])));
    let content = b"Key,City\r\nann,\xff\x00 Z\xc3\xbcrich\r\n";
    for (key, written) in [
        ("import/a.csv", "import/a.csv"),
        ("import/b c.csv", "import/b%20c.csv"),
    ] {
        let put = server
            .asks(&format!("PUT /_local/bucket/{written}"), content)
            .await;
        assert_eq!(put.status, "204", "{key}");
        let got = server
            .asks(&format!("GET /_local/bucket/{written}"), b"")
            .await;
        assert_eq!(got.status, "200");
        assert_eq!(got.body, content, "byte by byte");
        assert!(
            got.head
                .to_lowercase()
                .contains("content-type: application/octet-stream")
        );
    }
    let other = server
        .asks("PUT /_local/bucket/import/a.csv", b"other")
        .await;
    assert_eq!(other.status, "204");
    let got = server.asks("GET /_local/bucket/import/a.csv", b"").await;
    assert_eq!(got.body, b"other");
    let all = server.asks("GET /_local/bucket/", b"").await;
    assert_eq!(all.json(), json!(["import/a.csv", "import/b c.csv"]));
    let missing = server
        .asks("GET /_local/bucket/import/nothing.csv", b"")
        .await;
    assert_eq!(missing.status, "404");
    for elsewhere in ["extract/a.csv", "calls/x", "a.csv"] {
        let refused = server
            .asks(&format!("PUT /_local/bucket/{elsewhere}"), b"x")
            .await;
        assert_eq!(refused.status, "403", "{elsewhere}");
    }
}

/// What an extract writes and what a text says are there as soon as they are.
#[tokio::test]
async fn an_extract_is_fetched_and_texts_are_listed_in_their_order() {
    let mut caller = a_caller().await;
    let server = serves(&caller).await;
    let nothing = server.asks("GET /_local/texts", b"").await;
    assert_eq!(
        (nothing.status.as_str(), nothing.json()),
        ("200", json!([]))
    );
    let definitions = r#"<Objects xsi:type="SMSTriggeredSendDefinition"><CustomerKey>code</CustomerKey></Objects>"#;
    let voice = r#"<Objects xsi:type="VoiceTriggeredSendDefinition"><CustomerKey>code</CustomerKey></Objects>"#;
    caller.does(call().creating(definitions)).await;
    caller.does(call().creating(voice)).await;
    for (kind, words) in [("SMS", "Hi \u{1f600}"), ("Voice", "Hello")] {
        let send = format!(
            r#"<Objects xsi:type="{kind}TriggeredSend"><{kind}TriggeredSendDefinition><CustomerKey>code</CustomerKey></{kind}TriggeredSendDefinition><Subscriber><SubscriberKey>ann</SubscriberKey></Subscriber><Message>{words}</Message><Number>436601234567</Number></Objects>"#
        );
        caller.queues(call().creating(send)).await;
        caller.settles().await;
    }
    let texts = server.asks("GET /_local/texts", b"").await.json();
    let said = |text: &Value| {
        let of = |name: &str| text[name].as_str().unwrap_or("-").to_owned();
        ["kind", "to", "from", "text"].map(of)
    };
    let said: Vec<[String; 4]> = texts.as_array().expect("a list").iter().map(said).collect();
    let number = "+436601234567";
    let (sms, voice) = (local::names::TEXT_SENDER, local::names::VOICE_SENDER);
    assert_eq!(
        said,
        [
            ["text", number, sms, "Hi \u{1f600}"],
            ["voice", number, voice, "Hello"]
        ]
    );
    let properties = "<PartnerProperties><Name>StartDate</Name><Value>1/1/2026</Value></PartnerProperties><PartnerProperties><Name>OutputFileName</Name><Value>all.csv</Value></PartnerProperties>";
    let extract =
        format!(r#"<Definition xsi:type="DataExtractActivity">{properties}</Definition>"#);
    caller.queues(call().performing("start", extract)).await;
    caller.settles().await;
    let keys = server.asks("GET /_local/bucket/", b"").await.json();
    assert_eq!(keys, json!(["extract/1001/all.csv"]));
    let file = server
        .asks("GET /_local/bucket/extract/1001/all.csv", b"")
        .await;
    assert!(file.body.starts_with(b"RequestID,ConversationID"));
}
