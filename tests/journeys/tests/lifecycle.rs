//! What Lambda does to an invocation that takes too long, takes too much, or dies: in the local cloud
//! as in AWS.

use std::time::Duration;

use journeys::memory::with_memory;
use journeys::{Story, a_caller, attribute, call, minutes, seconds, subscriber};
use local::AwsRequest;
use local::faults::InjectedFault;
use local::names::{HIGH_QUEUE, MEDIUM_QUEUE, RECEIVE_COUNT_MAX, VISIBILITY_SECONDS};

/// What the processor does first with a conversation.
fn begins_run(aws_request: &AwsRequest) -> bool {
    aws_request.operation == "Query" && aws_request.json["ScanIndexForward"] == false
}

async fn with_a_call() -> (Story, String) {
    let mut caller = a_caller().await;
    let sent = caller.queues(call().creating(subscriber("ann"))).await;
    (caller, sent)
}

#[tokio::test(start_paused = true)]
async fn a_hanging_invocation_is_killed_at_its_deadline_and_its_batch_comes_again() {
    let (mut caller, sent) = with_a_call().await;
    let began = caller.now();
    caller
        .local()
        .faults()
        .once(begins_run, InjectedFault::Hang);
    caller.settles().await;
    assert_eq!(caller.now().duration_since(began), seconds(60));
    assert_eq!(caller.local().sqs().in_flight(MEDIUM_QUEUE), 1);
    caller.passes(seconds(VISIBILITY_SECONDS - 61)).await;
    assert_eq!(caller.state(&sent).await, "Queued", "a second before");
    caller.passes(seconds(1)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
    assert_eq!(caller.local().sqs().depth(MEDIUM_QUEUE), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_an_invocation_happens_after_it_was_killed() {
    let mut caller = a_caller().await;
    for name in ["ann", "bob", "cid"] {
        caller.queues(call().creating(subscriber(name))).await;
    }
    let faults = caller.local().faults();
    faults.once(begins_run, InjectedFault::AbortBefore);
    let before = faults.requests_made();
    caller.settles().await;
    assert_eq!(faults.requests_made(), before + 1, "{:?}", faults.journal());
    assert!(caller.stored().is_empty());
    caller.passes(seconds(VISIBILITY_SECONDS)).await;
    assert_eq!(caller.stored(), ["ann", "bob", "cid"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_always_kills_reaches_the_dead_letter_queue() {
    let (caller, _) = with_a_call().await;
    caller.local().faults().when(
        |aws_request| aws_request.resource.ends_with("calls"),
        InjectedFault::AbortAfter,
    );
    let sqs = caller.local().sqs();
    assert_eq!(sqs.messages(MEDIUM_QUEUE).len(), 1);
    for received in 1..=RECEIVE_COUNT_MAX {
        caller.settles().await;
        assert_eq!(sqs.messages(MEDIUM_QUEUE)[0].receive_count, received);
        assert!(sqs.dead_letters(MEDIUM_QUEUE).is_empty());
        caller.local().clock().advance(seconds(VISIBILITY_SECONDS));
    }
    caller.settles().await;
    assert_eq!(sqs.dead_letters(MEDIUM_QUEUE).len(), 1);
    assert!(sqs.dead_letters(HIGH_QUEUE).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_invocation_over_its_memory_is_killed_before_it_commits() {
    let mut caller = a_caller().await;
    caller.lives(with_memory(3_000_000));
    let small = caller.queues(call().creating(subscriber("ann"))).await;
    caller.settles().await;
    assert_eq!(caller.state(&small).await, "Complete");
    let notes = "x".repeat(300_000);
    let objects = (0..8).map(|number| attribute(&format!("s{number}"), "Notes", &notes));
    let large = call().doing("Create", objects.collect());
    let large = caller.queues(large).await;
    caller.settles().await;
    assert_eq!(caller.state(&large).await, "Queued");
    assert_eq!(caller.local().sqs().in_flight(MEDIUM_QUEUE), 1);
    caller.lives(journeys::memory::AS_DEPLOYED);
    caller.passes(minutes(2)).await;
    assert_eq!(caller.state(&large).await, "Complete");
}

#[tokio::test(start_paused = true)]
async fn invocations_run_side_by_side() {
    let (mut caller, sent) = with_a_call().await;
    caller
        .local()
        .faults()
        .once(begins_run, InjectedFault::Hang);
    let urgent = caller.queues(call().creating(subscriber("bob"))).await;
    let driven = local::event_source::drive(&caller.stack, Duration::from_secs(60));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let states = [caller.state(&sent).await, caller.state(&urgent).await];
    assert!(states.contains(&"Queued".to_owned()), "{states:?}");
    tokio::time::sleep(Duration::from_secs(100)).await;
    drop(driven);
    assert_eq!(caller.state(&sent).await, "Complete");
    assert_eq!(caller.state(&urgent).await, "Complete");
}
