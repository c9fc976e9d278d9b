//! Faults, crashes and the world outside AWS.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_types::retry::RetryConfig;
use local::names::CALLS_TABLE;
use local::{CallbackAnswer, InjectedFault};

use crate::{cloud, dynamodb, key, queue_url};

#[tokio::test(start_paused = true)]
async fn lost_requests_and_answers_look_alike_to_the_caller() {
    let cloud = cloud();
    let client = dynamodb(&cloud);
    let put = |pk: &str| {
        client
            .put_item()
            .table_name(CALLS_TABLE)
            .set_item(Some(key(pk)))
            .send()
    };
    cloud.faults().at(1, InjectedFault::LoseRequest);
    cloud.faults().at(2, InjectedFault::LoseAnswer);
    assert!(matches!(put("A").await, Err(SdkError::DispatchFailure(_))));
    assert!(matches!(
        put("B").await,
        Err(SdkError::DispatchFailure(_) | SdkError::TimeoutError(_))
    ));
    let count = client
        .scan()
        .table_name(CALLS_TABLE)
        .send()
        .await
        .expect("a scan")
        .count();
    assert_eq!(count, 1);
    cloud.faults().next(InjectedFault::Throttle);
    let error = put("C").await.expect_err("throttled").into_service_error();
    assert!(error.is_throttling_exception(), "{error:?}");
    cloud.faults().once(
        |aws_request| aws_request.operation == "PutItem",
        InjectedFault::Conflict,
    );
    let error = put("C").await.expect_err("a conflict").into_service_error();
    assert!(error.is_transaction_conflict_exception(), "{error:?}");
    put("C").await.expect("a put");
    let journal = cloud.faults().journal();
    let journal: Vec<_> = journal.iter().map(ToString::to_string).collect();
    assert_eq!(
        journal[0],
        "1 DynamoDB PutItem aftercall-calls A/S [LoseRequest]"
    );
    assert_eq!(cloud.faults().requests_made(), 6);
}

#[tokio::test(start_paused = true)]
async fn throttling_is_tried_again_by_the_sdk() {
    let cloud = cloud();
    cloud.faults().at(1, InjectedFault::Throttle);
    cloud.faults().at(2, InjectedFault::LoseRequest);
    let config = cloud.sdk_config(RetryConfig::standard().with_max_attempts(3));
    let client = aws_sdk_sqs::Client::new(&config);
    let send = client
        .send_message()
        .queue_url(queue_url())
        .message_group_id("a");
    send.message_body("x")
        .send()
        .await
        .expect("the third attempt");
    assert_eq!(cloud.faults().requests_made(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_crash_ends_everything_until_the_restart() {
    let cloud = cloud();
    let config = cloud.sdk_config(RetryConfig::standard());
    let client = aws_sdk_dynamodb::Client::new(&config);
    let put = |pk: &str| {
        client
            .put_item()
            .table_name(CALLS_TABLE)
            .set_item(Some(key(pk)))
            .send()
    };
    cloud.faults().crash_after(2);
    put("A").await.expect("a put");
    assert!(put("B").await.is_err());
    assert!(put("C").await.is_err());
    assert!(cloud.faults().crashed());
    cloud.faults().restart();
    let count = client
        .scan()
        .table_name(CALLS_TABLE)
        .send()
        .await
        .expect("a scan")
        .count();
    assert_eq!(
        count, 2,
        "B happened although nobody heard of it; C did not"
    );
    assert_eq!(cloud.faults().requests_made(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_goes_outside_is_kept_and_answered_as_planned() {
    let cloud = cloud();
    let url = "https://client.example/cb";
    cloud
        .callbacks()
        .answer_next(url, CallbackAnswer::status(503).retry_after(30));
    cloud
        .callbacks()
        .answer_next(url, CallbackAnswer::ConnectionFails);
    cloud.callbacks().answer_next(
        url,
        CallbackAnswer::status(200).late_by(Duration::from_secs(9)),
    );
    let post = || {
        let request = http::Request::post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(aws_smithy_types::body::SdkBody::from("id=1&text=a+b"))
            .expect("a request");
        cloud
            .http_connector()
            .call(request.try_into().expect("a request"))
    };
    let answer = post().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(answer.headers().get("retry-after"), Some("30"));
    assert!(post().await.is_err());
    let before = tokio::time::Instant::now();
    assert_eq!(post().await.expect("an answer").status().as_u16(), 200);
    assert_eq!(before.elapsed(), Duration::from_secs(9));
    let callbacks = cloud.callbacks().callbacks();
    assert_eq!(
        callbacks.len(),
        2,
        "nobody saw the one whose connection failed"
    );
    assert_eq!(callbacks[0].field("text"), Some("a b"));
    assert_eq!(
        (callbacks[0].url.as_str(), callbacks[0].at),
        (url, cloud.clock().now())
    );
}
