//! Callbacks that really go out, and the list of them.

use aws_smithy_types::retry::RetryConfig;
use cloud::Random;
use cloud::outbound::callback::Post;
use local::callback_log::{CallbackLog, PostedCallback};
use local::stack::LOCAL_WEBHOOK_SECRET;
use local::{LocalClock, LocalCloud, Stack};

/// What the list says of one attempt at this address.
async fn listed(url: &str) -> PostedCallback {
    let local = LocalCloud::with_tables_at(LocalClock::running()).expect("a cloud");
    let callback_log = CallbackLog::new(local.clone());
    let connector = callback_log.connector();
    let stack = Stack::new(local, connector, Random::system(), RetryConfig::disabled());
    let post = Post {
        url,
        id: "msg_1",
        secret: LOCAL_WEBHOOK_SECRET,
        body: "RequestID=1".to_owned(),
    };
    stack.cloud.callback.post(post, stack.cloud.now()).await;
    let [posted] = callback_log.posted().try_into().expect("one attempt");
    posted
}

/// Time stands still until nothing else is to be done, and then goes on to what is waited for.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_nobody_answers_is_listed_with_its_cause_and_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await;
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
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let address = closed.expect("a port").local_addr().expect("an address");
    let posted = listed(&format!("http://{address}/done")).await;
    assert_eq!(posted.status, None);
    let cause = posted.cause.expect("a cause").to_lowercase();
    assert!(cause.contains("refused"), "{cause}");
}
