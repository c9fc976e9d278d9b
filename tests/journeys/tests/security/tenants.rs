//! T1, T3, T5, T6, T7, T9: accounts beside one another in one warm function, and what is left of a
//! call. T2 and T4 (roles, encryption) are asserted of the template by `tests/lanes/template`, T8
//! (dependencies) by `deny.toml`.

use std::sync::{Arc, Mutex};

use calls::AccountId;
use cloud::accounts::{Caller, Login};
use journeys::{Call, Story, a_caller, call, look_for, part, subscriber};
use local::{Counts, Service};

use super::{API, Door, SOAP, a_door, fault_of, has_written, post};

/// Callers of two accounts, and calls of the first that nobody else may see.
async fn two_callers() -> (Story, Story, String) {
    let mut ann = a_caller().await;
    let bob = ann.another_caller("2002").await;
    let request = ann.queues(part("orders", 1, 1)).await;
    ann.settles().await;
    (ann, bob, request)
}

#[tokio::test(start_paused = true)]
async fn t01_another_accounts_calls_are_as_if_they_were_not() {
    let (mut ann, mut bob, request) = two_callers().await;
    for object in ["ResultItem", "ResultMessage", "AsyncRequestResult"] {
        for (name, value) in [
            ("RequestID", request.as_str()),
            ("ConversationID", "orders"),
        ] {
            let property = if object == "AsyncRequestResult" {
                "Status"
            } else {
                "StatusCode"
            };
            let look = || look_for(object).of(property).by(name, value);
            assert!(
                !ann.retrieves(look()).await.lines(property).is_empty(),
                "{object}"
            );
            let unknown = look_for(object)
                .of(property)
                .by(name, "00000000-0000-4000-8000-000000000000");
            let (theirs, none) = (bob.retrieves(look()).await, bob.retrieves(unknown).await);
            assert_eq!(
                theirs.lines(property),
                none.lines(property),
                "{object} by {name}"
            );
            assert!(theirs.lines(property).is_empty());
        }
    }
    // The same name is another conversation in another account.
    bob.queues(part("orders", 1, 1)).await;
    bob.settles().await;
    assert_eq!(bob.outcomes("orders").await.len(), 1);
    assert_eq!(ann.outcomes("orders").await.len(), 1);
    // Stored objects, too; and nobody acts for an account that is not theirs.
    let look = || look_for("Subscriber").of("SubscriberKey");
    bob.does(call().creating(subscriber("bobs"))).await;
    assert!(
        !ann.retrieves(look())
            .await
            .lines("SubscriberKey")
            .contains(&"bobs".to_owned())
    );
    let acting = call()
        .creating(subscriber("x"))
        .with("Client", "<ID>1001</ID>");
    assert_eq!(bob.sends(acting).await.error_code(), 4);
    let cancel = format!(
        "<Objects xsi:type=\"ScheduledRequest\"><RequestID>{request}</RequestID></Objects>"
    );
    let cancelled = bob.sends(call().deleting(cancel).at_once()).await;
    assert_eq!(cancelled.error_code(), 220, "{}", cancelled.body);
}

#[tokio::test(start_paused = true)]
async fn t03_no_secret_is_stored_or_logged() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.subscriber());
    let door = a_door().await;
    let secret = "Hunter2&amp;Co";
    let caller = Caller::of(AccountId("1001".to_owned()));
    let accounts = &door.caller.stack.cloud.accounts;
    accounts
        .put_login(Login::User, "ann", "Hunter2&Co", &caller)
        .await
        .expect("a login");
    for good in [secret, "wrong-Hunter2"] {
        let call = with_password("ann", good, &door.queued(""));
        let answer = door.answer(&post(call)).await;
        assert_eq!(answer.status == 200, good == secret, "{}", answer.body);
    }
    door.takes(door.queued("")).await;
    door.caller.settles().await;
    let token = token_of(&door);
    let kept = everything_kept(&door);
    assert!(kept.contains("SubscriberKey"), "bodies are read: {kept}");
    let logged = log.text();
    assert!(logged.contains("call was carried out"), "{logged}");
    for word in ["Hunter2", token.as_str(), "UsernameToken"] {
        assert!(!kept.contains(word), "{word} is stored");
        assert!(!logged.contains(word), "{word} is logged");
    }
    // It signs, so it has to be kept; it is never written down elsewhere.
    assert!(!logged.contains(journeys::story::SECRET));
}

#[tokio::test(start_paused = true)]
async fn t05_nothing_writes_lines_into_the_log() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.subscriber());
    let door = a_door().await;
    let evil = "a&#10;2026 ERROR forged&#13;&#27;[31mred\u{2028}x";
    let options = format!(
        "<ConversationID>{evil}</ConversationID><SendResponseTo><ResponseType>HTTPPost</ResponseType>\
         <ResponseAddress>https://client.example.com/{}</ResponseAddress>\
         <RespondWhen>OnCallComplete</RespondWhen></SendResponseTo>",
        "forged"
    );
    let escape_free = options.replace("&#27;", "");
    let answer = door.answer(&post(door.queued(&options))).await;
    assert!(
        fault_of(&answer).contains("not well-formed"),
        "XML itself forbids ESC"
    );
    door.takes(door.queued(&escape_free)).await;
    door.caller.settles().await;
    door.caller.passes(journeys::minutes(10)).await;
    let logged = log.text();
    assert!(logged.contains("call was carried out"), "{logged}");
    assert!(
        !logged.contains("forged") && !logged.contains('\u{1b}'),
        "{logged}"
    );
}

#[tokio::test(start_paused = true)]
async fn t06_strangers_cost_next_to_nothing() {
    let door = a_door().await;
    let nobody = door.queued("").replace(&token_of(&door), "unknown");
    let stranger = with_password("nobody", "x", &door.queued(""));
    let without = format!(
        "<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><CreateRequest xmlns=\"{API}\"/></s:Body></s:Envelope>"
    );
    let mut most = 0.0_f64;
    for (request, reads) in [
        (post(""), 0.0),
        (post("x".repeat(1_000_000)), 0.0),
        (post(without), 0.0),
        (post(nobody), 1.0),
        (post(stranger), 1.0),
        (
            path(
                "/v2/token",
                "{\"grant_type\":\"client_credentials\",\"client_id\":\"a\",\"client_secret\":\"b\"}",
            ),
            1.0,
        ),
        (
            path(
                "/v1/requestToken",
                "{\"clientId\":\"a\",\"clientSecret\":\"b\"}",
            ),
            1.0,
        ),
        (path("/nowhere", ""), 0.0),
    ] {
        let (answer, used) = door.counted(&request).await;
        assert_ne!(answer.status, 200, "{}", answer.body);
        assert!(!has_written(&used), "{used}");
        assert_eq!(requests(&used), reads, "{}: {used}", answer.body);
        most = most.max(used.used_of(Service::DynamoDb).table_reads);
    }
    assert!(most <= 1.0, "{most} read units");
}

#[tokio::test(start_paused = true)]
async fn t07_a_warm_function_keeps_callers_apart() {
    let (mut ann, mut bob, _) = two_callers().await;
    for round in 0..5 {
        let key = format!("k{round}");
        ann.does(call().creating(subscriber(&format!("ann-{key}"))))
            .await;
        bob.does(call().creating(subscriber(&format!("bob-{key}"))))
            .await;
        ann.queues(part(&key, 1, 1)).await;
        bob.queues(part(&key, 1, 1)).await;
    }
    ann.settles().await;
    for (story, other) in [(&mut ann, "bob"), (&mut bob, "ann")] {
        let found = story
            .retrieves(look_for("Subscriber").of("SubscriberKey"))
            .await;
        let keys = found.lines("SubscriberKey");
        assert!(keys.len() >= 10, "{keys:?}");
        assert!(keys.iter().all(|key| !key.starts_with(other)), "{keys:?}");
    }
    // A password that was verified a moment ago is that user's alone.
    let door = Door { caller: ann };
    let accounts = &door.caller.stack.cloud.accounts;
    for (name, account) in [("ann", "1001"), ("bob", "2002")] {
        let caller = Caller::of(AccountId(account.to_owned()));
        let password = format!("password of {name}");
        accounts
            .put_login(Login::User, name, &password, &caller)
            .await
            .expect("a login");
        let call = with_password(name, &password, &door.queued(""));
        assert_eq!(door.answer(&post(call)).await.status, 200);
    }
    for (name, password) in [
        ("ann", "password of bob"),
        ("bob", "password of ann"),
        ("ann", ""),
    ] {
        let call = with_password(name, password, &door.queued(""));
        let answer = door.keeps_nothing_of(&post(call)).await;
        assert_eq!(fault_of(&answer), "Security Login Failed");
    }
}

#[tokio::test(start_paused = true)]
async fn t09_content_goes_when_its_time_is_up() {
    let mut caller = a_caller().await;
    let with_reply = |call: Call| call.calling_back(journeys::story::ADDRESS);
    caller.queues(with_reply(part("c", 1, 1))).await;
    // Two replies lie in records of their own.
    caller
        .queues(with_reply(with_reply(part("two", 1, 1))))
        .await;
    caller
        .queues(with_reply(call().creating(subscriber("alone"))))
        .await;
    caller.settles().await;
    let records = caller.records();
    let with_content: Vec<_> = records
        .iter()
        .filter(|record| {
            ["CALL", "OUTCOME", "REPLY", "RESULTS"].contains(&record.kind())
                || record.has("outcome")
                || record.has("call")
        })
        .collect();
    // Two of `c`, four of `two`, and the header of the call alone.
    assert_eq!(with_content.len(), 7, "{records:?}");
    for record in with_content {
        assert!(record.number("expires_at") > 0, "{record:?}");
    }
    // What stays for good says only that the name was used.
    let headers = records
        .iter()
        .filter(|record| record.kind() == "CONVERSATION" && record.number("expires_at") == 0);
    for header in headers {
        assert!(
            !format!("{header:?}").contains("SubscriberKey"),
            "{header:?}"
        );
    }
}

fn path(path: &str, body: &str) -> ingest::Request {
    ingest::Request {
        path: path.to_owned(),
        ..post(body)
    }
}

fn requests(used: &Counts) -> f64 {
    used.operations().map(|(_, _, used)| used.requests).sum()
}

/// The same envelope by a user with a password, not by a token.
fn with_password(user: &str, password: &str, envelope: &str) -> String {
    const SECURITY: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let (head, rest) = envelope.split_once("<soap:Header>").expect("a Header");
    let (_, body) = rest.split_once("</soap:Header>").expect("its end");
    format!(
        "{head}<soap:Header><w:Security xmlns:w=\"{SECURITY}\"><w:UsernameToken><w:Username>{user}</w:Username>\
         <w:Password>{password}</w:Password></w:UsernameToken></w:Security></soap:Header>{body}"
    )
}

fn token_of(door: &Door) -> String {
    let envelope = door.caller.envelope("");
    let (_, rest) = envelope.split_once("exacttarget.com\">").expect("a token");
    rest.split('<').next().expect("a token").to_owned()
}

/// All that lies in the tables and in the bucket, what is packed unpacked.
fn everything_kept(door: &Door) -> String {
    use base64::Engine;
    let local = door.caller.local();
    let mut kept = String::new();
    let mut decompress = |bytes: &[u8]| {
        kept.push_str(&cloud::decompress(bytes).unwrap_or_default());
        kept.push_str(&String::from_utf8_lossy(bytes));
    };
    for record in journeys::record::everything(local) {
        let text = record.json().to_string();
        decompress(text.as_bytes());
        for word in text.split('"') {
            if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(word) {
                decompress(&bytes);
            }
        }
    }
    let s3 = local.s3();
    for key in s3.keys(local::names::BODIES_BUCKET) {
        if let Some(object) = s3.object(local::names::BODIES_BUCKET, &key) {
            decompress(&object);
        }
    }
    kept
}

/// What is logged at all, as it would be written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + 'static {
        let log = self.clone();
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || log.clone())
            .finish()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("a log")).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
