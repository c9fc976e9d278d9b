//! H4, H5, H7 of the local server, where the HTTP is ours to listen to: bytes over a real connection.

use aws_smithy_types::retry::RetryConfig;
use cloud::Random;
use local::callback_log::CallbackLog;
use local::{LocalClock, LocalCloud, Stack, site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server of its own; its address.
async fn a_server() -> String {
    let clock = LocalClock::running();
    let local = LocalCloud::with_tables_at(clock).expect("a local cloud");
    let callback_log = CallbackLog::new(local.clone());
    let stack = Stack::new(
        local,
        callback_log.connector(),
        Random::system(),
        RetryConfig::disabled(),
    );
    let any = "127.0.0.1:0".parse().expect("an address");
    let listener = site::listen(any).await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    tokio::spawn(site::serve(stack, callback_log, listener, false));
    address
}

/// Sends these bytes, says no more, and hears all that is answered.
async fn answer_to(address: &str, bytes: &str) -> String {
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection
        .write_all(bytes.as_bytes())
        .await
        .expect("it is sent");
    let mut answer = Vec::new();
    // A connection that is reset has said what it said.
    let _ended = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    let lines = answer.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.get(..3)).collect()
}

#[tokio::test]
async fn h04_a_body_has_one_length() {
    let address = a_server().await;
    let post = |headers: &str, rest: &str| {
        format!(
            "POST /Service.asmx HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n{rest}"
        )
    };
    for headers in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 4, 5\r\n",
        "content-length: -1\r\n",
        "content-length: +4\r\n",
        "content-length: 0x4\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "bad header: x\r\n",
    ] {
        let answer = answer_to(&address, &post(headers, "<a/>")).await;
        assert_eq!(statuses(&answer), ["400"], "{headers}: {answer}");
    }
    // With both, the chunks count, and nothing behind them is taken for another request.
    let smuggled = "GET /etframework.wsdl HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let both = post(
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        &format!("4\r\n<a/>\r\n0\r\n\r\n{smuggled}"),
    );
    let answer = answer_to(&address, &both).await;
    assert_eq!(statuses(&answer), ["500"], "{answer}");
    assert!(answer.contains("Envelope expected"), "{answer}");
}

#[tokio::test]
async fn h04_a_body_is_bounded_whatever_it_says_of_itself() {
    let address = a_server().await;
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let endless = format!(
        "POST /Service.asmx HTTP/1.1\r\nhost: {address}\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(12)
    );
    let mut connection = TcpStream::connect(&address).await.expect("a connection");
    let _refused_on_the_way = connection.write_all(endless.as_bytes()).await;
    let mut answer = vec![0; 12];
    connection.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 413");
}

/// Time stands still until nothing else is to be done, and then goes on to what is waited for.
#[tokio::test(start_paused = true)]
async fn h05_a_slow_body_is_given_up() {
    let address = a_server().await;
    let slow = format!(
        "POST /Service.asmx HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n<a"
    );
    let answer = answer_to(&address, &slow).await;
    assert_eq!(statuses(&answer), ["408"], "{answer}");
}

/// Not so much as a head: half a line of it, half of its headers, nothing behind a first request.
#[tokio::test(start_paused = true)]
async fn h05_a_slow_head_is_given_up() {
    let address = a_server().await;
    let request = "GET /etframework.wsdl HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (said, answered) in [
        ("", 0),
        ("POST /Serv", 0),
        (
            "POST /Service.asmx HTTP/1.1\r\nhost: localhost\r\ncontent-le",
            0,
        ),
        (request, 1),
        (&format!("{request}GET /"), 1),
    ] {
        let began = tokio::time::Instant::now();
        let answer = answer_to(&address, said).await;
        assert_eq!(statuses(&answer).len(), answered, "{said}: {answer}");
        let waited = began.elapsed().as_secs();
        assert!((60..70).contains(&waited), "{waited} s for {said}");
    }
}

/// Nothing of it is waited for: who declares too much has not sent it yet.
#[tokio::test]
async fn h04_a_body_that_is_declared_too_large_is_refused_before_it_is_sent() {
    let address = a_server().await;
    for headers in ["", "x-amz-target: DynamoDB_20120810.Scan\r\n"] {
        let declared = format!(
            "POST /Service.asmx HTTP/1.1\r\nhost: {address}\r\ncontent-length: 99999999\r\n{headers}\r\n<a"
        );
        let answer = answer_to(&address, &declared).await;
        assert_eq!(statuses(&answer), ["413"], "{answer}");
    }
}

#[tokio::test]
async fn h04_broken_chunks_are_a_bad_request() {
    let address = a_server().await;
    for chunks in [
        "4\r\n<a/>!\r\n0\r\n\r\n",
        "x\r\n<a/>\r\n0\r\n\r\n",
        "-4\r\n<a/>\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n<a/>\r\n0\r\n\r\n",
    ] {
        for headers in ["", "x-amz-target: DynamoDB_20120810.Scan\r\n"] {
            let answer = answer_to(
                &address,
                &format!(
                    "POST /Service.asmx HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\
                     transfer-encoding: chunked\r\n\r\n{chunks}"
                ),
            )
            .await;
            assert_eq!(statuses(&answer), ["400"], "{chunks}: {answer}");
        }
    }
}

/// A page at a name that its owner makes lead here would otherwise read the account's secret by a
/// Scan, turn the switch, and have anything on this machine called back.
#[tokio::test]
async fn h07_no_route_answers_to_a_foreign_name_or_another_site() {
    let address = a_server().await;
    let scan = "x-amz-target: DynamoDB_20120810.Scan\r\n";
    for (first, headers) in [
        ("POST /", scan),
        ("POST /Service.asmx", ""),
        ("POST /v2/token", ""),
        ("GET /etframework.wsdl", ""),
        ("GET /_local/", ""),
        ("GET /_local/callbacks", ""),
        ("POST /_local/callbacks", ""),
        ("POST /_local/maintenance?on=true", ""),
        ("GET /data/v1/async/x/status", ""),
        ("OPTIONS /Service.asmx", ""),
    ] {
        for (host, status) in [
            ("host: evil.example:8080\r\n", "403"),
            ("host: localhost\r\norigin: http://evil.example\r\n", "403"),
            ("host: localhost\r\nsec-fetch-site: cross-site\r\n", "403"),
            ("", "400"),
            ("host: localhost\r\nhost: localhost\r\n", "400"),
        ] {
            let request = format!(
                "{first} HTTP/1.1\r\n{host}{headers}connection: close\r\ncontent-length: 0\r\n\r\n"
            );
            let answer = answer_to(&address, &request).await;
            assert_eq!(statuses(&answer), [status], "{first} {host}: {answer}");
            assert!(!answer.contains("access-control"), "{answer}");
        }
    }
}

#[tokio::test]
async fn h07_other_machines_are_let_in_on_purpose_alone() {
    let everywhere = "0.0.0.0:0".parse().expect("an address");
    let refused = site::listen(everywhere).await.expect_err("a refusal");
    let refused = format!("{refused:#}");
    assert!(
        refused.contains("reads every secret") && refused.contains("--expose-every-secret"),
        "{refused}"
    );
    assert!(site::listen_on_network(everywhere).await.is_ok());
}

#[tokio::test]
async fn h07_the_page_runs_nothing_and_nobody_else_presses_its_buttons() {
    let address = a_server().await;
    let ask = |first: &str, headers: &str| {
        format!(
            "{first} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n"
        )
    };
    let page = answer_to(&address, &ask("GET /_local/", "")).await;
    assert!(
        page.contains("content-security-policy: default-src 'none'"),
        "{page}"
    );
    let advance = "POST /_local/clock/advance?seconds=1";
    let own = format!("origin: http://{address}\r\n");
    for (headers, status) in [
        ("", "200"),
        (own.as_str(), "200"),
        ("origin: https://evil.example\r\n", "403"),
        ("origin: null\r\n", "403"),
    ] {
        let answer = answer_to(&address, &ask(advance, headers)).await;
        assert_eq!(statuses(&answer), [status], "{headers}: {answer}");
        assert!(!answer.contains("access-control"), "{answer}");
    }
}
