//! `GET /health`: whether calls can be taken in.

use ingest::{Request, Response};
use journeys::{Story, a_caller, seconds};
use local::{AwsRequest, InjectedFault, Service};

async fn health(caller: &Story, method: &str) -> Response {
    let request = Request {
        method: method.to_owned(),
        path: "/health".to_owned(),
        ..Request::default()
    };
    caller.asks(request).await
}

fn requests(caller: &Story) -> f64 {
    caller
        .local()
        .usage()
        .counts()
        .used_of(Service::DynamoDb)
        .requests
}

#[tokio::test(start_paused = true)]
async fn anybody_may_know_that_it_is_well_and_nothing_else() {
    let caller = a_caller().await;
    let answer = health(&caller, "GET").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    let cached = answer
        .headers
        .iter()
        .find(|(name, _)| *name == "cache-control");
    assert_eq!(cached.map(|(_, value)| value.as_str()), Some("no-store"));
    let head = health(&caller, "HEAD").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(health(&caller, "POST").await.status, 405);
}

#[tokio::test(start_paused = true)]
async fn a_process_reads_each_table_once_a_second_at_most() {
    let caller = a_caller().await;
    let before = requests(&caller);
    for _ in 0..100 {
        assert_eq!(health(&caller, "GET").await.status, 200);
    }
    assert!((requests(&caller) - before - 2.0).abs() < 1e-9);
    caller.local().clock().advance(seconds(1));
    health(&caller, "GET").await;
    assert!((requests(&caller) - before - 4.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn it_is_not_well_while_a_table_is_away_and_says_no_more() {
    for table in [local::names::CALLS_TABLE, local::names::ACCOUNTS_TABLE] {
        let caller = a_caller().await;
        assert_eq!(health(&caller, "GET").await.status, 200);
        let is_away = move |request: &AwsRequest| request.resource == table;
        caller
            .local()
            .faults()
            .when(is_away, InjectedFault::Refuse(500));
        caller.local().clock().advance(seconds(2));
        let answer = health(&caller, "GET").await;
        assert_eq!(answer.status, 503, "{table}");
        assert_eq!(answer.body, r#"{"status":"unavailable"}"#);
        caller.local().faults().clear();
        caller.local().clock().advance(seconds(2));
        assert_eq!(health(&caller, "GET").await.status, 200, "{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_does_not_answer_is_not_waited_for_long() {
    let caller = a_caller().await;
    let is_away = |request: &AwsRequest| request.resource == local::names::CALLS_TABLE;
    let late = InjectedFault::Delay(std::time::Duration::from_secs(60));
    caller.local().faults().when(is_away, late);
    let began = tokio::time::Instant::now();
    assert_eq!(health(&caller, "GET").await.status, 503);
    assert!(began.elapsed() <= std::time::Duration::from_secs(4));
}
