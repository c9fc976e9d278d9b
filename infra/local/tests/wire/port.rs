//! The same cloud for other processes.

use std::time::Duration;

use local::LocalCloud;
use local::names::{CALLS_TABLE, HIGH_QUEUE};
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
