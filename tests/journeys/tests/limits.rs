//! How often an account may call: exactly so often, over all functions, and at what price.

use std::collections::BTreeMap;

use cloud::accounts::Login;
use ingest::{Request, Response};
use journeys::{Answer, Story, a_caller, call, look_for, seconds, subscriber};
use local::Service;
use serde_json::json;

const RATE_LIMITED: &str = "soap:Server 17 Rate Limited";

async fn a_caller_limited_to(calls_per_second: u32) -> Story {
    let mut caller = a_caller().await;
    caller.is_limited_to(calls_per_second).await;
    caller
}

/// The HTTP answer to a question about the version.
async fn ask(caller: &Story) -> Response {
    let payload = r#"<VersionInfoRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/>"#;
    let request = Request {
        method: "POST".to_owned(),
        path: "/Service.asmx".to_owned(),
        body: caller.envelope(payload).into_bytes(),
        ..Request::default()
    };
    caller.asks(request).await
}

async fn is_answered(caller: &Story) -> bool {
    let response = ask(caller).await;
    assert!(matches!(response.status, 200 | 500), "{}", response.body);
    response.status == 200
}

fn retry_after(response: &Response) -> Option<&str> {
    let header = response
        .headers
        .iter()
        .find(|(name, _)| *name == "retry-after");
    header.map(|(_, value)| value.as_str())
}

#[tokio::test(start_paused = true)]
async fn h06_calls_over_the_limit_are_refused_with_retry_after() {
    let mut caller = a_caller_limited_to(1).await;
    caller.local().clock().advance(seconds(3));
    for _ in 0..10 {
        assert!(is_answered(&caller).await);
    }
    let response = ask(&caller).await;
    assert_eq!(retry_after(&response), Some("7"));
    let answer = Answer::read(response);
    assert_eq!(
        (answer.http_status, answer.said().as_str()),
        (500, RATE_LIMITED)
    );
    let fault = answer.payload();
    assert_eq!(fault.at("detail.apifault.Message"), "Rate Limited");
    assert_eq!(
        fault.at("faultactor"),
        "https://aftercall.example.net/Service.asmx"
    );
    // Whatever it is that is asked for.
    let refused = caller.sends(call().creating(subscriber("ann"))).await;
    assert_eq!(refused.said(), RATE_LIMITED);
    let look = look_for("Subscriber").of("SubscriberKey");
    assert_eq!(caller.retrieves(look).await.status, "");
    // What the world is made with, which receivers are quick, is none of it.
    let kept = caller.records().into_iter();
    let kept: Vec<_> = kept
        .filter(|record| record.text("health").is_empty())
        .collect();
    assert!(kept.is_empty(), "something of it was kept: {kept:?}");
    caller.local().clock().advance(seconds(7));
    assert!(is_answered(&caller).await);
    caller.queues(call().creating(subscriber("ann"))).await;
}

/// Taking in a call of megabytes keeps a function busy as long as many small ones: an account's share
/// of the door does not depend on what it sends.
#[tokio::test(start_paused = true)]
async fn large_calls_count_as_several_and_other_accounts_are_not_concerned() {
    let mut caller = a_caller_limited_to(10).await;
    let mut quiet = caller.another_caller("2002").await;
    quiet.is_limited_to(10).await;
    let notes = "n".repeat(1_100_000);
    let mut taken = 0;
    for number in 0..100 {
        let large = journeys::attribute(&format!("s-{number}"), "Notes", &notes);
        let answer = caller.sends(call().creating(large)).await;
        if !answer.is_queued() {
            assert_eq!(answer.said(), RATE_LIMITED);
            break;
        }
        taken += 1;
    }
    // A hundred permits, and five for each of more than a million bytes.
    assert_eq!(taken, 20);
    quiet.queues(call().creating(subscriber("ann"))).await;
    caller.local().clock().advance(seconds(10));
    caller.queues(call().creating(subscriber("ann"))).await;
}

#[tokio::test(start_paused = true)]
async fn h06_functions_share_a_limit_and_accounts_do_not() {
    let caller = a_caller_limited_to(3).await;
    let functions: Vec<Story> = (0..7).map(|_| caller.at_another_function()).collect();
    for _ in 0..3 {
        let mut answered = 0;
        for round in 0..40 {
            answered += u32::from(is_answered(&functions[round % functions.len()]).await);
        }
        assert_eq!(answered, 30);
        let other = caller.another_caller("1002").await;
        assert!(is_answered(&other).await, "it has no limit");
        caller.local().clock().advance(seconds(10));
    }
}

#[tokio::test(start_paused = true)]
async fn counting_costs_a_write_for_many_calls_and_nothing_for_what_is_refused() {
    let caller = a_caller_limited_to(100).await;
    let usage = caller.local().usage().clone();
    assert!(is_answered(&caller).await);
    let mark = usage.counts();
    let mut answered = 1;
    while is_answered(&caller).await {
        answered += 1;
    }
    assert_eq!(answered, 1_000);
    let used = usage.since(&mark);
    println!("999 calls, counted\n{used}\n");
    // Before the mark 1, by the pace of a function that has served nobody; then 10, by that of its first
    // call, so that many functions do not lock up the permits of one account; then 40 times 25.
    assert_eq!(used.used_of(Service::DynamoDb).requests, 41.0, "{used}");
    assert_eq!(
        used.used(Service::DynamoDb, "UpdateItem").table_writes,
        41.0
    );
    let mark = usage.counts();
    for _ in 0..100 {
        assert!(!is_answered(&caller).await);
    }
    let used = usage.since(&mark);
    assert_eq!(used.used_of(Service::DynamoDb).requests, 0.0, "{used}");
}

#[tokio::test(start_paused = true)]
async fn no_limit_costs_nothing() {
    let caller = a_caller_limited_to(0).await;
    assert!(is_answered(&caller).await);
    let mark = caller.local().usage().counts();
    for _ in 0..200 {
        assert!(is_answered(&caller).await);
    }
    let used = caller.local().usage().since(&mark);
    assert_eq!(used.used_of(Service::DynamoDb).requests, 0.0, "{used}");
}

#[tokio::test(start_paused = true)]
async fn the_default_limit_holds_for_accounts_without_their_own() {
    let mut caller = a_caller().await;
    caller.stack.cloud.settings.calls_per_second = 2;
    let mut answered = 0;
    while is_answered(&caller).await {
        answered += 1;
    }
    assert_eq!(answered, 20);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_exceed_the_limit() {
    let caller = a_caller_limited_to(2).await;
    caller.local().faults().by(|number, aws_request| {
        (aws_request.operation == "UpdateItem" && number % 3 == 0)
            .then_some(local::InjectedFault::LoseAnswer)
    });
    let mut answered = 0;
    for _ in 0..60 {
        answered += u32::from(is_answered(&caller).await);
    }
    assert!((10..=20).contains(&answered), "{answered}");
}

#[tokio::test(start_paused = true)]
async fn tokens_and_questions_count_like_calls() {
    let caller = a_caller_limited_to(1).await;
    caller
        .stack
        .cloud
        .accounts
        .put_login(Login::Client, "shop", "secret", &caller.known_as())
        .await
        .expect("a client");
    let post = |path: &str| Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        body: json!({
            "grant_type": "client_credentials", "client_id": "shop", "client_secret": "secret",
            "clientId": "shop", "clientSecret": "secret",
        })
        .to_string()
        .into_bytes(),
        ..Request::default()
    };
    let get = |path: &str| {
        let bearer = format!("Bearer {}", caller.token());
        Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: BTreeMap::from([("authorization".to_owned(), bearer)]),
            ..Request::default()
        }
    };
    let all = [
        post("/v2/token"),
        post("/v1/requestToken"),
        get("/platform/v1/endpoints/soap"),
        get("/data/v1/async/6f0c2f6e-0000-4000-8000-000000000000/status"),
    ];
    for number in 0..10 {
        let response = caller.asks(all[number % all.len()].clone()).await;
        assert!(matches!(response.status, 200 | 404), "{}", response.body);
    }
    let mark = caller.local().usage().counts();
    for request in all {
        let response = caller.asks(request).await;
        assert_eq!(response.status, 429, "{}", response.body);
        assert_eq!(retry_after(&response), Some("10"));
        assert!(response.body.contains("Rate Limited"), "{}", response.body);
    }
    let used = caller.local().usage().since(&mark);
    assert_eq!(
        used.used_of(Service::DynamoDb).requests,
        0.0,
        "no token is kept: {used}"
    );
}
