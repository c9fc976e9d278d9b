//! Three queues, each with its own functions: a flood of one never delays another.

use jiff::SignedDuration;
use journeys::{Call, Story, a_caller, call, part, subscriber};
use local::names::{HIGH_QUEUE, LOW_QUEUE, MEDIUM_QUEUE};
use local::stack::EventSource;

/// What one batch takes in this world.
const BATCH_TIME: SignedDuration = SignedDuration::from_millis(100);

fn make(name: &str, priority: &str) -> Call {
    call().creating(subscriber(name)).priority(priority)
}

/// Each queue has a function of its own, which takes a batch at a time.
async fn one_round(caller: &Story) {
    for event_source in EventSource::ALL {
        caller.stack.deliver(event_source).await;
    }
    caller.local().clock().advance(BATCH_TIME);
}

/// How long calls of a priority wait while others are under way.
async fn waits(caller: &mut Story, name: &str, priority: &str) -> SignedDuration {
    let sent = caller.queues(make(name, priority)).await;
    let began = caller.now();
    while caller.state(&sent).await != "Complete" {
        one_round(caller).await;
    }
    caller.now().duration_since(began)
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_low_does_not_delay_high() {
    let mut caller = a_caller().await;
    let quiet = waits(&mut caller, "quiet", "High").await;
    for number in 0..5_000 {
        caller.queues(make(&format!("flood-{number}"), "Low")).await;
    }
    let mut worst = SignedDuration::ZERO;
    for number in 0..20 {
        worst = worst.max(waits(&mut caller, &format!("high-{number}"), "High").await);
        let medium = waits(&mut caller, &format!("medium-{number}"), "Medium").await;
        worst = worst.max(medium);
    }
    assert!(
        caller.local().sqs().depth(LOW_QUEUE) > 4_000,
        "the flood is still there"
    );
    assert_eq!(worst, quiet);
}

/// How many conversations wait in the three queues.
fn waiting(caller: &Story) -> [usize; 3] {
    [HIGH_QUEUE, MEDIUM_QUEUE, LOW_QUEUE].map(|queue| caller.local().sqs().depth(queue))
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_where_it_asks_to() {
    let mut caller = a_caller().await;
    caller.queues(make("low", "Low")).await;
    assert_eq!(waiting(&caller), [0, 0, 1]);
    caller.queues(make("medium", "Medium")).await;
    caller.queues(call().creating(subscriber("default"))).await;
    assert_eq!(waiting(&caller), [0, 2, 1]);
    caller.queues(make("high", "High")).await;
    assert_eq!(waiting(&caller), [1, 2, 1]);
    caller.settles().await;
    assert_eq!(caller.stored(), ["default", "high", "low", "medium"]);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_runs_at_the_highest_priority_of_its_parts() {
    for order in [[1, 2, 3], [3, 2, 1], [2, 1, 3]] {
        let mut caller = a_caller().await;
        for number in order {
            let priority = if number == 2 { "High" } else { "Low" };
            caller.queues(part("c", number, 3).priority(priority)).await;
        }
        assert_eq!(waiting(&caller), [1, 0, 0]);
    }
}
