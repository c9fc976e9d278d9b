//! Calls outside any conversation, of an account or an API client that has them carried out as they were
//! accepted, or only so often.

use std::collections::BTreeMap;

use calls::{QueueOrder, QueuePriority, QueueRate, QueueSettings, RatePeriod};
use journeys::{Call, Story, a_caller, attribute, call, minutes, seconds, subscriber};

async fn a_caller_in_order() -> Story {
    let mut caller = a_caller().await;
    caller.has_its_calls_in_order().await;
    caller
}

fn alone(number: u32) -> Call {
    call().calling_back(&format!("https://client.example.com/n{number}"))
}

fn numbered(number: u32) -> Call {
    alone(number).creating(subscriber(&format!("s{number}")))
}

/// Each creates or deletes one subscriber in turn, so that it fails in any other order.
fn in_turn(number: u32) -> Call {
    match number % 2 {
        0 => alone(number).creating(attribute("ann", "Step", "x")),
        _ => alone(number).deleting(subscriber("ann")),
    }
}

fn all_well(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    let line = |number| format!("n{number} OK");
    numbers.into_iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn queued_calls_run_as_they_were_accepted() {
    let mut caller = a_caller_in_order().await;
    for number in 0..40 {
        caller.queues(in_turn(number)).await;
    }
    caller.settles().await;
    assert_eq!(caller.replies(), all_well(0..40));
    caller.passes(minutes(10)).await;
    assert!(caller.due().is_empty(), "{:?}", caller.due());
}

#[tokio::test(start_paused = true)]
async fn queued_calls_keep_their_order_after_maintenance() {
    let mut caller = a_caller_in_order().await;
    caller.goes_into_maintenance(true).await;
    for number in 0..20 {
        caller.queues(in_turn(number)).await;
    }
    caller.passes(minutes(30)).await;
    for number in 20..40 {
        caller.queues(in_turn(number)).await;
    }
    assert!(caller.replies().is_empty());
    caller.goes_into_maintenance(false).await;
    caller.passes(seconds(60)).await;
    assert_eq!(caller.replies(), all_well(0..40));
}

#[tokio::test(start_paused = true)]
async fn queued_calls_keep_their_order_when_queues_lose_messages() {
    let mut caller = a_caller_in_order().await;
    for number in 0..20 {
        caller.queues(in_turn(number)).await;
    }
    caller.queues_are_lost();
    caller.passes(minutes(3)).await;
    assert_eq!(caller.replies(), all_well(0..20));
}

#[tokio::test(start_paused = true)]
async fn a_failed_queued_call_does_not_delay_the_next() {
    let mut caller = a_caller_in_order().await;
    caller.queues(numbered(0)).await;
    caller.queues(alone(1).deleting(subscriber("nobody"))).await;
    caller.queues(numbered(2)).await;
    caller.settles().await;
    let replies = caller.replies();
    assert_eq!(replies.len(), 3, "{replies:?}");
    assert!(replies[1].starts_with("n1 Error"), "{replies:?}");
    assert_eq!(
        (replies[0].as_str(), replies[2].as_str()),
        ("n0 OK", "n2 OK")
    );
}

#[tokio::test(start_paused = true)]
async fn a_deferred_call_joins_the_queue_when_it_is_due() {
    let mut caller = a_caller_in_order().await;
    caller.queues(numbered(0).at("2026-03-02T09:10:00Z")).await;
    caller.queues(numbered(1)).await;
    caller.settles().await;
    assert_eq!(
        caller.replies(),
        all_well([1]),
        "it does not hold up others"
    );
    caller.passes(minutes(5)).await;
    caller.goes_into_maintenance(true).await;
    caller.queues(numbered(2)).await;
    caller.passes(minutes(10)).await;
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(2)).await;
    assert_eq!(
        caller.replies(),
        all_well([1, 0, 2]),
        "it was accepted before"
    );
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_priority_has_an_order_of_its_own() {
    let mut caller = a_caller_in_order().await;
    caller.goes_into_maintenance(true).await;
    for number in 0..10 {
        let priority = ["Low", "High"][usize::from(number >= 5)];
        caller.queues(numbered(number).priority(priority)).await;
    }
    caller.passes(minutes(2)).await;
    caller.goes_into_maintenance(false).await;
    caller.passes(seconds(60)).await;
    assert_eq!(caller.replies(), all_well((5..10).chain(0..5)));
}

#[tokio::test(start_paused = true)]
async fn a_rate_bounds_how_often_they_are_begun() {
    let mut caller = a_caller().await;
    let twice_a_minute = QueueRate {
        calls: 2,
        per: RatePeriod::Minute,
    };
    let settings = QueueSettings {
        order: QueueOrder::Unordered,
        rates: BTreeMap::from([(QueuePriority::Low, twice_a_minute)]),
    };
    caller.queues_as(settings).await;
    for number in 0..24 {
        caller.queues(numbered(number).priority("Low")).await;
    }
    caller.queues(numbered(99)).await;
    caller.passes(seconds(5)).await;
    assert_eq!(
        caller.replies().len(),
        2,
        "one of Low, and the other: {:?}",
        caller.replies()
    );
    let mut begun = 1;
    for _ in 0..8 {
        caller.passes(minutes(1)).await;
        let low = caller.replies().len() - 1;
        assert!((1..=3).contains(&(low - begun)), "{begun}, then {low}");
        begun = low;
    }
    caller.passes(minutes(5)).await;
    let low: Vec<String> = caller
        .replies()
        .into_iter()
        .filter(|it| it != "n99 OK")
        .collect();
    assert_eq!(low, all_well(0..24));
    for queue in local::names::QUEUES {
        assert!(
            caller.local().sqs().dead_letters(queue).is_empty(),
            "{queue}"
        );
    }
}

/// What is released is woken High first, and as it was accepted.
#[tokio::test(start_paused = true)]
async fn after_maintenance_high_goes_first() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    for number in 0..60 {
        caller.queues(numbered(number).priority("Low")).await;
        caller.local().clock().advance(seconds(1));
    }
    for number in 60..70 {
        caller.queues(numbered(number).priority("High")).await;
    }
    caller.passes(minutes(2)).await;
    caller.goes_into_maintenance(false).await;
    let before = caller.local().faults().journal().len();
    caller
        .stack
        .functions
        .tick()
        .await
        .expect("nothing is in its way");
    let journal = caller.local().faults().journal();
    let woken = journal.iter().skip(before);
    let woken = woken.filter(|entry| entry.operation == "SendMessage");
    let queues: Vec<String> = woken.map(|entry| entry.resource.clone()).collect();
    assert_eq!(queues.len(), 70, "{queues:?}");
    let high = queues.iter().take(10).all(|queue| queue.contains("high"));
    let low = queues.iter().skip(10).all(|queue| queue.contains("low"));
    assert!(high && low, "{queues:?}");
    caller.settles().await;
    assert_eq!(caller.replies().len(), 70);
}

/// A caller through an API client whose calls alone are in order, and one of the same account by itself.
async fn a_client_in_order() -> (Story, Story) {
    let mut client = a_caller().await;
    let other = client.another_caller(&client.account_id()).await;
    client.has_the_calls_of_a_client_in_order("app").await;
    (client, other)
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_client_keep_their_order_after_maintenance() {
    let (mut client, mut other) = a_client_in_order().await;
    client.goes_into_maintenance(true).await;
    for number in 0..20 {
        client.queues(in_turn(number)).await;
    }
    client.passes(minutes(30)).await;
    for number in 20..40 {
        client.queues(in_turn(number)).await;
        other.queues(numbered(100 + number)).await;
    }
    client.goes_into_maintenance(false).await;
    client.passes(seconds(60)).await;
    let (of_client, of_other): (Vec<_>, Vec<_>) = client
        .replies()
        .into_iter()
        .partition(|reply| !reply.starts_with("n1") || reply.len() < "n100 OK".len());
    assert_eq!(of_client, all_well(0..40));
    assert_eq!(of_other.len(), 20, "{of_other:?}");
    client.passes(minutes(10)).await;
    assert!(client.due().is_empty(), "{:?}", client.due());
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_client_keep_their_order_when_queues_lose_messages() {
    let (mut client, _) = a_client_in_order().await;
    for number in 0..20 {
        client.queues(in_turn(number)).await;
    }
    client.queues_are_lost();
    client.passes(minutes(3)).await;
    assert_eq!(client.replies(), all_well(0..20));
}

/// What is set of one client does not hold up the rest of its account.
#[tokio::test(start_paused = true)]
async fn a_rate_of_a_client_bounds_its_calls_and_no_others() {
    let mut client = a_caller().await;
    let mut other = client.another_caller(&client.account_id()).await;
    let rate = QueueRate {
        calls: 2,
        per: RatePeriod::Minute,
    };
    let settings = QueueSettings {
        order: QueueOrder::Unordered,
        rates: BTreeMap::from([(QueuePriority::Medium, rate)]),
    };
    client.calls_through_a_client("app", settings).await;
    for number in 0..10 {
        client.queues(numbered(number)).await;
        other.queues(numbered(100 + number)).await;
    }
    client.passes(seconds(5)).await;
    assert_eq!(client.replies().len(), 1 + 10, "{:?}", client.replies());
    client.passes(minutes(2)).await;
    let begun = client.replies().len() - 10;
    assert!((3..=6).contains(&begun), "{begun}");
    client.passes(minutes(6)).await;
    assert_eq!(client.replies().len(), 20);
}

/// An account's order is that of all its calls, whichever client they come through.
#[tokio::test(start_paused = true)]
async fn the_order_of_an_account_comes_before_that_of_its_client() {
    let (mut client, mut other) = a_client_in_order().await;
    other.has_its_calls_in_order().await;
    client.goes_into_maintenance(true).await;
    for number in 0..20 {
        let caller = if number % 2 == 0 {
            &mut client
        } else {
            &mut other
        };
        caller.queues(in_turn(number)).await;
    }
    client.passes(minutes(2)).await;
    client.goes_into_maintenance(false).await;
    client.passes(seconds(60)).await;
    assert_eq!(client.replies(), all_well(0..20));
}
