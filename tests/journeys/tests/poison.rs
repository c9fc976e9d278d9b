//! What comes again and what is given up: only a call that invocations die with is failed, and its
//! neighbours go on.

use aws_smithy_types::retry::RetryConfig;
use journeys::record::put_call_record;
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, minutes, seconds, subscriber};
use local::faults::InjectedFault;
use local::names::{MEDIUM_QUEUE, QUEUES};
use local::{AwsRequest, Service};
use serde_json::json;

/// Whoever stores this subscriber dies of it.
fn stores_poison(aws_request: &AwsRequest) -> bool {
    aws_request.operation == "TransactWriteItems"
        && aws_request.json.to_string().contains("\"poison\"")
}

fn deaths(caller: &Story) -> usize {
    let journal = caller.local().faults().journal();
    let died =
        |entry: &&local::faults::JournalEntry| entry.fault == Some(InjectedFault::AbortBefore);
    journal.iter().filter(died).count()
}

#[track_caller]
fn nothing_is_given_up_by_queues(caller: &Story) {
    for queue in QUEUES {
        let dead = caller.local().sqs().dead_letters(queue);
        assert!(dead.is_empty(), "{queue}: {dead:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_kills_four_times_is_failed_and_its_nine_neighbours_go_on() {
    let mut caller = a_caller().await;
    let names = ["a", "b", "c", "d", "poison", "f", "g", "h", "i", "j"];
    let mut sent = Vec::new();
    for name in names {
        let call = call().creating(subscriber(name)).calling_back(ADDRESS);
        sent.push((name, caller.queues(call).await));
    }
    caller
        .local()
        .faults()
        .when(stores_poison, InjectedFault::AbortBefore);
    caller.passes(minutes(4)).await;
    for (name, request_id) in sent.iter().filter(|(name, _)| *name != "poison") {
        assert_eq!(caller.state(request_id).await, "Complete", "{name}");
    }
    caller.passes(minutes(4)).await;
    assert_eq!(deaths(&caller), 4);
    let (_, poison) = &sent[4];
    assert_eq!(caller.state(poison).await, "Error");
    let outcome = caller.outcome(poison).await;
    let expected = "Error 2 Exception occurred during [Create] ErrorID: ";
    assert!(outcome.starts_with(expected), "{outcome}");
    assert!(outcome.contains("given up"), "{outcome}");
    assert_eq!(caller.replies().len(), names.len());
    assert!(!caller.stored().contains(&"poison".to_owned()));
    nothing_is_given_up_by_queues(&caller);
    assert!(caller.due().is_empty(), "{:?}", caller.due());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_killed_three_times_may_still_end_well() {
    let mut caller = a_caller().await;
    let sent = caller.queues(call().creating(subscriber("poison"))).await;
    let mut left = 3;
    caller.local().faults().by(move |_, aws_request| {
        let dies = stores_poison(aws_request) && left > 0;
        left -= usize::from(dies);
        dies.then_some(InjectedFault::AbortBefore)
    });
    caller.passes(minutes(6)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
    assert_eq!(deaths(&caller), 3);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_of_ten_minutes_fails_nobody() {
    let table_alone = |aws_request: &AwsRequest| aws_request.service == Service::DynamoDb;
    let queues_too =
        |aws_request: &AwsRequest| matches!(aws_request.service, Service::DynamoDb | Service::Sqs);
    let both: [fn(&AwsRequest) -> bool; 2] = [table_alone, queues_too];
    for throttled in both {
        let mut caller = a_caller().await;
        let mut sent = Vec::new();
        for number in 0..12 {
            let call = call().creating(subscriber(&format!("s{number}")));
            sent.push(caller.queues(call.calling_back(ADDRESS)).await);
        }
        caller
            .local()
            .faults()
            .when(throttled, InjectedFault::Throttle);
        caller.passes(minutes(10)).await;
        assert!(caller.stored().is_empty() && caller.replies().is_empty());
        caller.local().faults().clear();
        caller.passes(minutes(2)).await;
        for request_id in &sent {
            assert_eq!(caller.state(request_id).await, "Complete");
        }
        assert_eq!(caller.replies(), vec!["done OK"; 12]);
        nothing_is_given_up_by_queues(&caller);
    }
}

/// Half of all requests do not come through, whatever they are: some runs write down that they begin
/// and do not come to taking it back.
#[tokio::test(start_paused = true)]
async fn ten_minutes_of_every_second_request_fail_nobody() {
    let mut caller = Story::with_retries(RetryConfig::disabled()).await;
    let sent = caller.queues(call().creating(subscriber("ann"))).await;
    let stores = |aws_request: &AwsRequest| aws_request.operation == "TransactWriteItems";
    caller
        .local()
        .faults()
        .when(stores, InjectedFault::Throttle);
    let is_odd = |number: u64, aws_request: &AwsRequest| {
        number % 2 == 1 && aws_request.service != Service::Callback
    };
    caller.local().faults().by(move |number, aws_request| {
        is_odd(number, aws_request).then_some(InjectedFault::Throttle)
    });
    caller.passes(minutes(10)).await;
    caller.local().faults().clear();
    caller.passes(minutes(2)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
    nothing_is_given_up_by_queues(&caller);
}

/// An older program beside a newer one, for as long as a deployment takes that is rolled back.
#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_yet_fails_nobody() {
    let mut caller = a_caller().await;
    let sent = caller.queues(call().creating(subscriber("ann"))).await;
    let records = caller.records();
    let header = records
        .iter()
        .find(|record| record.kind() == "CONVERSATION");
    let header = header.expect("a header").json().clone();
    let mut newer = header.clone();
    newer["phase"] = json!({ "S": "{\"Hibernating\":7}" });
    put_call_record(caller.local(), &newer);
    caller.passes(minutes(20)).await;
    nothing_is_given_up_by_queues(&caller);
    put_call_record(caller.local(), &header);
    caller.passes(minutes(2)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
    assert_eq!(caller.stored(), ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_back_comes_again_after_a_second_and_then_after_twice_as_long() {
    let mut caller = Story::with_retries(RetryConfig::disabled()).await;
    let sent = caller.queues(call().creating(subscriber("ann"))).await;
    let stores = |aws_request: &AwsRequest| aws_request.operation == "TransactWriteItems";
    caller
        .local()
        .faults()
        .when(stores, InjectedFault::Throttle);
    let received = |caller: &Story| caller.local().sqs().messages(MEDIUM_QUEUE)[0].receive_count;
    for (second, times) in [(0, 1), (1, 2), (2, 3), (4, 4), (8, 5)] {
        caller.passes(seconds(second)).await;
        let received = received(&caller);
        // A pause is between half of the longest and all of it.
        assert!(
            (times..=times + 1).contains(&received),
            "{second} s: {received}"
        );
    }
    caller.passes(minutes(30)).await;
    let received = received(&caller);
    assert!(
        (1..25).contains(&received),
        "a new message in its place: {received}"
    );
    caller.local().faults().clear();
    caller.passes(minutes(1)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
    nothing_is_given_up_by_queues(&caller);
}
