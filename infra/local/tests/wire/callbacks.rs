//! Callbacks that really go out, and the list of them.

use std::net::SocketAddr;

use aws_smithy_types::retry::RetryConfig;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cloud::Random;
use cloud::outbound::callback::Post;
use local::callback_log::{CallbackLog, PostedCallback};
use local::stack::LOCAL_WEBHOOK_SECRET;
use local::{LocalClock, LocalCloud, Stack, site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What posts for real, and its list.
fn posting() -> (Stack, CallbackLog) {
    let local = LocalCloud::with_tables_at(LocalClock::running()).expect("a cloud");
    let callback_log = CallbackLog::new(local.clone());
    let connector = callback_log.connector();
    let stack = Stack::new(local, connector, Random::system(), RetryConfig::disabled());
    (stack, callback_log)
}

async fn got(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

async fn post(stack: &Stack, url: &str) {
    let post = Post {
        url,
        id: "msg_1",
        secrets: &[LOCAL_WEBHOOK_SECRET.to_owned()],
        body: "RequestID=1".to_owned(),
    };
    stack.cloud.callback.post(post, stack.cloud.now()).await;
}

/// What the list says of one attempt at this address.
async fn listed(url: &str) -> PostedCallback {
    let (stack, callback_log) = posting();
    post(&stack, url).await;
    let [posted] = callback_log.posted().try_into().expect("one attempt");
    posted
}

/// User and password of an address go out, and stand on no page: neither as they were written nor as
/// they were sent.
#[tokio::test]
async fn credentials_of_an_address_are_sent_and_stand_on_no_page() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = receiver.local_addr().expect("an address");
    let receives = tokio::spawn(async move {
        let (mut connection, _) = receiver.accept().await.expect("a connection");
        let mut got = vec![0; 4_096];
        let bytes = connection.read(&mut got).await.expect("a request");
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        connection.write_all(answer).await.expect("an answer");
        String::from_utf8_lossy(&got[..bytes]).into_owned()
    });
    let (stack, callback_log) = posting();
    let url = format!("http://shop:s3cr3t-word@{address}/done");
    post(&stack, &url).await;
    let encoded = BASE64_STANDARD.encode("shop:s3cr3t-word");
    let received = receives.await.expect("a receiver");
    assert!(received.contains(&format!("Basic {encoded}")), "{received}");
    let listener = site::listen("127.0.0.1:0".parse().expect("an address")).await;
    let listener = listener.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(site::serve(stack, callback_log, listener, false));
    for path in ["/_local/sent", "/_local/callbacks"] {
        let shown = got(at, path).await;
        assert!(shown.contains(&address.to_string()), "{shown}");
        for secret in ["s3cr3t-word", encoded.as_str()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

/// Time stands still until nothing else is to be done, and then goes on to what is waited for.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_nobody_answers_is_listed_with_its_cause_and_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await;
    let silent = silent.expect("a port");
    let address = silent.local_addr().expect("an address");
    let posted = listed(&format!("http://{address}/done")).await;
    assert_eq!((posted.status, posted.took_ms), (None, 15_000));
    let cause = posted.cause.expect("a cause");
    assert_eq!(cause, "timed out: no answer within 15000 ms");
    assert!(posted.at.parse::<jiff::Timestamp>().is_ok());
    assert_eq!(posted.fields["RequestID"], "1");
}

#[tokio::test]
async fn an_attempt_at_a_closed_port_is_listed_with_its_cause() {
    let closed = TcpListener::bind("127.0.0.1:0").await;
    let address = closed.expect("a port").local_addr().expect("an address");
    let posted = listed(&format!("http://{address}/done")).await;
    assert_eq!(posted.status, None);
    let cause = posted.cause.expect("a cause").to_lowercase();
    assert!(cause.contains("refused"), "{cause}");
}
