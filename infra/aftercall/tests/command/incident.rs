//! A receiver that is down, a call that fails, messages that nobody takes: found and mended with the command.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use local::stack::LOCAL_WEBHOOK_SECRET;
use serde_json::Value;

use super::{Server, post};

/// A call of account `local` that creates a subscriber and is told of to that address.
pub(super) fn envelope(key: &str, receiver: &str) -> String {
    format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header><w:Security><w:UsernameToken><w:Username>local</w:Username><w:Password>local</w:Password></w:UsernameToken></w:Security></s:Header><s:Body><CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{receiver}</ResponseAddress></SendResponseTo><RequestType>Asynchronous</RequestType></Options><Objects xsi:type="Subscriber"><SubscriberKey>{key}</SubscriberKey><EmailAddress>{key}@example.com</EmailAddress></Objects></CreateRequest></s:Body></s:Envelope>"#
    )
}

pub(super) fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// Until a list has so many, which takes less than a minute.
pub(super) async fn has(server: &Server, words: &str, count: usize) -> Value {
    for _ in 0..600 {
        let list = server.says(words).await;
        if length(&list) == count {
            return list;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{words}: {}", server.says(words).await);
}

pub(super) async fn advance(server: &Server, seconds: u32) {
    let host = server.url.trim_start_matches("http://").to_owned();
    let request = format!(
        "POST /_local/clock/advance?seconds={seconds} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
    );
    let answer = exchange(host, request).await;
    assert!(answer.contains(" 20"), "{answer}");
}

async fn exchange(host: String, request: String) -> String {
    let exchange = move || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = tokio::task::spawn_blocking(exchange).await;
    answer.expect("no panic").expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn a_receiver_that_was_down_gets_its_replies() {
    let server = Server::start().await;
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let receiver = format!("http://127.0.0.1:{port}/cb");
    for key in ["ann", "bob", "ann"] {
        let answer = post(&server.url, &envelope(key, &receiver)).await;
        assert!(answer.contains("<OverallStatus>OK"), "{answer}");
    }
    let failing = has(&server, "replies list local", 3).await;
    assert_eq!(failing[0]["state"], "retrying", "{failing}");
    assert_eq!(failing[0]["receiver"], receiver.as_str());
    let id = failing[0]["id"].as_str().unwrap_or_default().to_owned();
    let shown = server.says(&format!("replies show local {id}")).await;
    let log = shown["log"][0].as_str().unwrap_or_default().to_owned();
    assert!(log.ends_with("refused: nobody listens there"), "{shown}");
    let elsewhere = "replies list local --receiver https://elsewhere.example/";
    assert_eq!(length(&server.says(elsewhere).await), 0);
    let failed = server.says("conversations list local --failed").await;
    assert_eq!(
        (length(&failed), &failed[0]["state"]),
        (1, &"failed".into())
    );
    let request = failed[0]["request"].as_str().unwrap_or_default().to_owned();
    let whole = server
        .says(&format!("conversations show local {request}"))
        .await;
    assert_eq!(length(&whole["replies"]), 1, "{whole}");
    assert!(length(&whole["timeline"]) >= 4, "{whole}");
    let of_it = server
        .says(&format!("replies list local --conversation {request}"))
        .await;
    assert_eq!(length(&of_it), 1);

    server.refuses("replies resend-all local", 2, "--yes").await;
    server
        .refuses("replies show local msg_1", 2, "webhook-id")
        .await;
    let nobody = "replies show local msg_0f0e0d0c0b0a09080706050403020100_0";
    server.refuses(nobody, 3, "no reply").await;
    let backwards =
        "--yes replies resend-all local --from 2027-01-01T00:00:00Z --to 2026-01-01T00:00:00Z";
    server.refuses(backwards, 2, "is after").await;
    let rehearsed = server.says("--dry-run replies resend-all local").await;
    assert_eq!(rehearsed["would_be_resent"], 3, "{rehearsed}");

    let mut listener = std::process::Command::new(env!("CARGO_BIN_EXE_aftercall"));
    listener.args(["replies", "listen", "--count", "3", "--listen"]);
    listener.arg(format!("127.0.0.1:{port}"));
    listener.env("WEBHOOK_SECRET", LOCAL_WEBHOOK_SECRET);
    let listener = listener.stdout(Stdio::piped()).spawn().expect("it runs");
    let done = server
        .says("--yes --reason ticket-8 replies resend-all local --rate 100")
        .await;
    // Some may just be attempted by themselves.
    let sent = |name: &str| done[name].as_u64().unwrap_or(0);
    assert_eq!(sent("resent") + sent("under_way"), 3, "{done}");
    advance(&server, 600).await;
    let output = tokio::task::spawn_blocking(|| listener.wait_with_output());
    let output = output.await.expect("no panic").expect("it ended");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for line in &lines[1..] {
        let callback: Value = serde_json::from_str(line).expect("JSON");
        let signature = callback["signature"].as_str().unwrap_or_default();
        assert!(signature.starts_with("right"), "{callback}");
        assert!(callback["fields"]["RequestID"].is_string(), "{callback}");
    }
    has(&server, "replies list local", 0).await;
    has(&server, "replies list local --state delivered", 3).await;
    let audit = server.says("audit list").await;
    assert_eq!(audit[0]["act"], "replies resend-all", "{audit}");
    assert_eq!(audit[0]["reason"], "ticket-8");
}

/// Answers every request on a port of its own with 503 and a text.
fn refusing(text: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut bytes = [0; 8_192];
            let _read = stream.read(&mut bytes);
            let answer = format!("HTTP/1.1 503 Down\r\nConnection: close\r\n\r\n{text}");
            let _written = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://us:s3cr3t@{address}/cb")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_says_is_shown_with_its_reply() {
    let server = Server::start().await;
    let receiver = refusing("closed for stocktaking, said s3cr3t");
    let answer = post(&server.url, &envelope("ann", &receiver)).await;
    assert!(answer.contains("<OverallStatus>OK"), "{answer}");
    let failing = has(&server, "replies list local", 1).await;
    assert_eq!(failing[0]["last"], "HTTP 503", "{failing}");
    let id = failing[0]["id"].as_str().unwrap_or_default().to_owned();
    let shown = server.says(&format!("replies show local {id}")).await;
    let said = "closed for stocktaking, said (not shown)";
    assert_eq!(shown["answer"], said, "{shown}");
    let log = shown["log"][0].as_str().unwrap_or_default().to_owned();
    assert!(log.ends_with(&format!("HTTP 503: {said}")), "{shown}");
    let calls = server.says("calls list local").await;
    let request = calls[0]["request"].as_str().unwrap_or_default().to_owned();
    let whole = server
        .says(&format!("conversations show local {request}"))
        .await;
    assert_eq!(whole["replies"][0]["answer"], said, "{whole}");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn a_person_and_an_account_are_expunged() {
    let server = Server::start().await;
    let nobody = "http://127.0.0.1:9/cb";
    for key in ["ann", "bob"] {
        post(&server.url, &envelope(key, nobody)).await;
    }
    has(&server, "replies list local", 2).await;
    server
        .refuses("expunge person local --key ann", 2, "--yes")
        .await;
    server
        .refuses("--yes expunge person local", 2, "--key")
        .await;
    server
        .refuses("--yes expunge person nobody --key ann", 3, "no account")
        .await;
    let rehearsed = server
        .says("--dry-run expunge person local --address ann@example.com")
        .await;
    assert_eq!(
        rehearsed["left_waiting"], 2,
        "its reply is due: {rehearsed}"
    );
    // Until the replies are given up.
    advance(&server, 5 * 86_400).await;
    has(
        &server,
        "replies list local --state given-up --from 2020-01-01T00:00:00Z",
        2,
    )
    .await;
    let done = server
        .says("--yes --reason ticket-1 expunge person local --address ann@example.com")
        .await;
    assert_eq!(done["result"], "all is gone", "{done}");
    assert_eq!(done["calls"], 1, "{done}");
    let audit = server.says("audit list").await;
    let lines: Vec<&Value> = audit.as_array().into_iter().flatten().collect();
    let line = lines.iter().find(|line| line["act"] == "expunge person");
    let target = line.map(|line| line["target"].to_string());
    assert!(target.is_some_and(|it| !it.contains("ann")), "{audit}");

    server
        .says("accounts create 7001 Shop --owned-by local")
        .await;
    server.says("users create 7001 u --password p").await;
    server
        .refuses("--yes accounts delete 7001", 5, "accounts disable")
        .await;
    server
        .refuses("--yes expunge account 7001", 5, "accounts disable")
        .await;
    server.says("accounts disable 7001").await;
    let rehearsed = server.says("--dry-run accounts delete 7001").await;
    assert_eq!(rehearsed["logins"], 1, "{rehearsed}");
    server.says("accounts show 7001").await;
    server.says("--yes accounts delete 7001").await;
    server.refuses("accounts show 7001", 3, "no account").await;
    server.refuses("users show u", 3, "no user").await;
    let owns = server.says("accounts show local").await["owns"].clone();
    assert_eq!(length(&owns), 0, "{owns}");
    server
        .refuses("--yes accounts delete 7001", 3, "no account")
        .await;
    server.says("accounts disable local").await;
    let gone = server.says("--yes expunge account local").await;
    assert_eq!(gone["result"], "all is gone", "{gone}");
    server.refuses("accounts show local", 3, "no account").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_checked() {
    let server = Server::start().await;
    // The example of Standard Webhooks.
    let words = "replies verify --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw --id \
                 msg_p5jXN8AQM9LWM0D4loKWxJek --timestamp 1614265330 --signature \
                 v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let checked = async |body: &str| {
        let output = server.run_with(words, body).await;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr)
    };
    let (code, why) = checked(r#"{"test": 2432232314}"#).await;
    assert!(
        code == Some(5) && why.contains("the signature is right"),
        "{why}"
    );
    let (code, why) = checked(r#"{"test": 2432232315}"#).await;
    assert!(code == Some(5) && why.contains("not of this body"), "{why}");
}

/// A wake-up of a conversation that nobody knows, as SQS takes it.
async fn send(server: &Server, queue: &str, number: u32) {
    let body = serde_json::json!({
        "QueueUrl": format!("{}/000000000000/{queue}", server.url),
        "MessageBody": format!(r#"{{"conversation":"7a{number}","step":1}}"#),
        "MessageGroupId": format!("group-{number}"),
        "MessageDeduplicationId": format!("once-{number}"),
    });
    let (host, body) = (
        server.url.trim_start_matches("http://").to_owned(),
        body.to_string(),
    );
    let request = format!(
        "POST / HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: \
         AmazonSQS.SendMessage\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(host, request).await;
    assert!(answer.contains("MessageId"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_redriven_and_dropped() {
    let server = Server::start().await;
    assert_eq!(length(&server.says("dead list").await), 0);
    let dead = local::names::dead_letter_queue(local::names::LOW_QUEUE);
    for number in 0..3 {
        send(&server, &dead, number).await;
    }
    let status = server.says("status").await;
    let low = status.as_array().into_iter().flatten();
    let low = low.into_iter().find(|line| line["what"] == "queue low");
    assert_eq!(
        low.map(|line| &line["more"]["dead"]),
        Some(&3.into()),
        "{status}"
    );
    let letters = server.says("dead list").await;
    assert_eq!(length(&letters), 3, "{letters}");
    assert_eq!(letters[0]["state"], "not there any more");
    assert_eq!(
        length(&server.says("dead list").await),
        3,
        "they were put back"
    );
    let rehearsed = server.says("--dry-run dead drop --queue low").await;
    assert_eq!(rehearsed[0]["result"], "would be deleted");
    server.refuses("dead drop", 2, "--yes").await;
    let message = letters[0]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let dropped = server
        .says(&format!("--yes dead drop --message {message}"))
        .await;
    assert_eq!(length(&dropped), 1);
    server
        .refuses(
            &format!("dead redrive --message {message}"),
            3,
            "no dead letter",
        )
        .await;
    assert_eq!(
        length(&server.says("dead redrive --account nobody").await),
        0
    );
    let redriven = server.says("dead redrive --queue low").await;
    assert_eq!(
        (length(&redriven), &redriven[0]["result"]),
        (2, &"sent to its queue".into())
    );
    assert_eq!(length(&server.says("dead list").await), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn logins_and_accounts_are_taken_out_of_use_and_given_new_secrets() {
    use cloud::accounts::Login;
    let server = Server::start().await;
    server.says("clients create local shop --secret old").await;
    let listed = server.says("clients list --account local").await;
    let names: Vec<&Value> = listed.as_array().into_iter().flatten().collect();
    assert!(names.iter().any(|it| it["client_id"] == "shop"), "{listed}");
    assert_eq!(
        length(&server.says("clients list --account nobody").await),
        0
    );
    let rotated = server.says("clients rotate shop --overlap 1h").await;
    let secret = rotated["client_secret"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(rotated["previous_secret_until"].is_string(), "{rotated}");
    for secret in ["old", secret.as_str()] {
        let of = server.logs_in(Login::Client, "shop", secret).await;
        assert_eq!(of.as_deref(), Some("local"), "{secret}");
    }
    server
        .refuses("clients rotate shop --overlap 1y", 2, "24h")
        .await;
    server
        .refuses("clients rotate nobody", 3, "no API client")
        .await;
    server
        .refuses("users rotate local-digest", 5, "PasswordDigest")
        .await;
    let shown = server.says("--dry-run clients disable shop").await;
    assert_eq!(shown["disabled"], true);
    assert_eq!(server.says("clients show shop").await["disabled"], false);
    server.says("clients disable shop").await;
    assert_eq!(server.says("clients show shop").await["disabled"], true);
    server.refuses("clients delete shop", 2, "--yes").await;
    server.says("--yes clients delete shop").await;
    server
        .refuses("clients show shop", 3, "no API client")
        .await;

    let rotated = server.says("accounts rotate local --overlap 24h").await;
    assert!(
        rotated["webhook_secret"]
            .as_str()
            .is_some_and(|it| it.starts_with("whsec_"))
    );
    assert!(rotated["previous_secret_until"].is_string(), "{rotated}");
    server.says("accounts create 7001 Shop").await;
    server.says("users create 7001 u --password p").await;
    let rehearsed = server.says("--dry-run accounts disable 7001").await;
    assert_eq!(
        (&rehearsed["disabled"], &rehearsed["logins"]),
        (&true.into(), &1.into())
    );
    assert_eq!(server.says("accounts show 7001").await["disabled"], false);
    server.says("accounts disable 7001").await;
    assert_eq!(server.logs_in(Login::User, "u", "p").await, None);
    server.says("accounts enable 7001").await;
    assert_eq!(
        server.logs_in(Login::User, "u", "p").await.as_deref(),
        Some("7001")
    );
    server
        .refuses("accounts disable nobody", 3, "no account")
        .await;
    assert_eq!(length(&server.says("tokens list local").await), 0);
    assert_eq!(server.says("tokens delete local").await["deleted"], 0);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told to its end")]
async fn an_account_is_paused_and_resumed_and_the_doctor_says_so() {
    let server = Server::start().await;
    server.refuses("pause", 2, "--account").await;
    server
        .refuses("pause --account nobody", 3, "no account")
        .await;
    server.refuses("pause --backend nobody", 3, "nobody").await;
    let rehearsed = server.says("--dry-run pause --account local").await;
    assert_eq!(rehearsed["result"], "would be paused");
    let paused = server
        .says("--reason ticket-9 pause --account local --priority low")
        .await;
    assert_eq!(paused["result"], "paused", "{paused}");
    let again = server.says("pause --account local --priority low").await;
    assert_eq!(again["result"], "was paused before");
    let of = |list: &Value, what: &str| {
        let lines = list.as_array().into_iter().flatten();
        lines.into_iter().find(|line| line["what"] == what).cloned()
    };
    let status = server.says("status").await;
    let line = of(&status, "paused account local priority Low");
    assert_eq!(
        line.map(|line| line["more"].clone()),
        Some("ticket-9".into()),
        "{status}"
    );
    let receiver = "--account local --receiver https://us:pw@shop.example:8443/cb";
    server
        .refuses("pause --receiver https://shop.example/", 2, "--account")
        .await;
    let backwards =
        format!("pause {receiver} --from 2027-01-01T00:00:00Z --to 2026-12-31T00:00:00Z");
    server.refuses(&backwards, 2, "it ends before").await;
    let paused = server
        .says(&format!("pause {receiver} --reason ticket-3"))
        .await;
    assert_eq!(paused["result"], "paused", "{paused}");
    assert_eq!(
        paused["what"],
        "account local receiver https://shop.example:8443"
    );
    let status = server.says("status").await;
    let line = of(
        &status,
        "paused account local receiver https://shop.example:8443",
    );
    assert!(
        line.is_some_and(|line| line.to_string().contains("ticket-3")),
        "{status}"
    );
    let resumed = server.says(&format!("resume {receiver}")).await;
    assert_eq!(resumed["result"], "goes on within a quarter of an hour");
    let again = server.says(&format!("resume {receiver}")).await;
    assert_eq!(again["result"], "is not paused");
    let window = "pause --priority low --from 2026-12-05T04:00:00Z --to 2126-12-05T08:00:00Z";
    assert_eq!(server.says(window).await["result"], "paused");
    assert_eq!(server.says(window).await["result"], "was paused before");
    server.says("resume --priority low").await;
    let doctor = format!(
        "doctor --url {0}/ --callback {0}/_local/callbacks --callback http://127.0.0.1:9/",
        server.url
    );
    let found = server.says(&doctor).await;
    let state = |what: &str| of(&found, what).map(|line| line["state"].clone());
    assert_eq!(state("maintenance"), Some("warning".into()), "{found}");
    assert_eq!(state("calls table"), Some("OK".into()), "{found}");
    assert_eq!(state("front door"), Some("OK".into()), "{found}");
    assert_eq!(
        state("callback http://127.0.0.1:9/"),
        Some("failed".into()),
        "{found}"
    );
    assert_eq!(
        state("drift from the template"),
        Some("unknown".into()),
        "{found}"
    );
    assert!(state("SES").is_some_and(|it| it != "unknown"), "{found}");
    let resumed = server.says("resume --account local --priority low").await;
    assert_eq!(resumed["result"], "goes on within a minute or two");
    let again = server.says("resume --account local --priority low").await;
    assert_eq!(again["result"], "is not paused");
}
