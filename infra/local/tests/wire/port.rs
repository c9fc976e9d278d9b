//! The same cloud for other processes.

use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use cloud::Random;
use local::callback_log::CallbackLog;
use local::names::{CALLS_TABLE, HIGH_QUEUE};
use local::{LocalClock, LocalCloud, Stack, site};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(flavor = "multi_thread")]
async fn other_processes_reach_it_by_a_port() {
    let cloud = LocalCloud::with_tables().expect("a cloud");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(local::port::serve(cloud.clone(), listener));
    let request = |target: &str, body: &str| {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: {target}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        async move {
            let mut stream = tokio::net::TcpStream::connect(address)
                .await
                .expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            answer
        }
    };
    let url = request(
        "AmazonSQS.GetQueueUrl",
        r#"{"QueueName":"aftercall-high.fifo"}"#,
    )
    .await;
    assert!(
        url.contains(&format!("http://{address}/000000000000/{HIGH_QUEUE}")),
        "{url}"
    );
    let tables = request("DynamoDB_20120810.ListTables", "{}").await;
    assert!(
        tables.starts_with("HTTP/1.1 200") && tables.contains(CALLS_TABLE),
        "{tables}"
    );
    let body = format!(r#"{{"QueueUrl":"http://x/1/{HIGH_QUEUE}","WaitTimeSeconds":20}}"#);
    let waiting = tokio::spawn(request("AmazonSQS.ReceiveMessage", &body));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let body = format!(
        r#"{{"QueueUrl":"http://x/1/{HIGH_QUEUE}","MessageBody":"late","MessageGroupId":"a"}}"#
    );
    request("AmazonSQS.SendMessage", &body).await;
    let received = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    let received = received.expect("in time").expect("an answer");
    assert!(received.contains("late"), "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_address_leads_a_browser_to_the_page_and_an_sdk_to_the_cloud() {
    let local = LocalCloud::with_tables_at(LocalClock::running()).expect("a cloud");
    let callback_log = CallbackLog::new(local.clone());
    let connector = callback_log.connector();
    let stack = Stack::new(local, connector, Random::system(), RetryConfig::disabled());
    let listener = site::listen("127.0.0.1:0".parse().expect("an address"));
    let listener = listener.await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(site::serve(stack, callback_log, listener, false));
    let answer = |head: &str, body: &str| {
        let head = format!("{head}host: {address}\r\nconnection: close\r\n\r\n{body}");
        async move {
            let stream = tokio::net::TcpStream::connect(address).await;
            let mut stream = stream.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("a request");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            answer
        }
    };
    let browser = answer("GET / HTTP/1.1\r\n", "").await;
    assert!(browser.starts_with("HTTP/1.1 303"), "{browser}");
    assert!(browser.contains("location: /_local/\r\n"), "{browser}");
    let s3 = "GET / HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 x\r\n";
    let s3 = answer(s3, "").await;
    assert!(!s3.contains("location:"), "{s3}");
    let target = "x-amz-target: DynamoDB_20120810.ListTables";
    let tables = format!("POST / HTTP/1.1\r\n{target}\r\ncontent-length: 2\r\n");
    let tables = answer(&tables, "{}").await;
    assert!(tables.starts_with("HTTP/1.1 200"), "{tables}");
    assert!(tables.contains(CALLS_TABLE), "{tables}");
}
