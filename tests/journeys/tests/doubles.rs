//! One reply, one attempt under way at a time: nobody is told twice because two of our own functions
//! were at it at once.

use std::time::Duration;

use journeys::running::{Running, a_caller_in_time, by_id, time_passes};
use journeys::story::ADDRESS;
use journeys::{Call, Story, call, minutes, seconds, subscriber};
use local::CallbackAnswer;

/// As many as there were when some were told twice.
const CALLS: usize = 1_500;

fn low(number: usize) -> Call {
    call()
        .creating(subscriber(&format!("person-{number}")))
        .priority("Low")
        .calling_back(ADDRESS)
}

/// Receivers answer so late, as they do.
fn answers_after(caller: &Story, time: Duration) {
    let late = CallbackAnswer::status(200).late_by(time);
    caller.local().callbacks().answer_always(ADDRESS, late);
}

#[track_caller]
fn each_is_replied_to_once(caller: &Story, calls: usize) {
    let posted = by_id(&caller.callbacks());
    let twice: Vec<_> = posted.iter().filter(|(_, times)| times.len() > 1).collect();
    assert!(twice.is_empty(), "{} twice: {twice:?}", twice.len());
    assert_eq!(posted.len(), calls);
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_due_at_one_instant_get_one_reply_each() {
    let mut caller = a_caller_in_time().await;
    answers_after(&caller, Duration::from_millis(80));
    let running = Running::functions_of(&caller);
    let at = caller.now() + minutes(2);
    for number in 0..CALLS {
        caller.queues(low(number).at(at)).await;
    }
    time_passes(minutes(10)).await;
    each_is_replied_to_once(&caller, CALLS);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn calls_after_maintenance_get_one_reply_each() {
    let mut caller = a_caller_in_time().await;
    answers_after(&caller, Duration::from_millis(80));
    let running = Running::functions_of(&caller);
    caller.goes_into_maintenance(true).await;
    for number in 0..CALLS {
        caller.queues(low(number)).await;
    }
    time_passes(minutes(6)).await;
    assert!(caller.callbacks().is_empty());
    caller.goes_into_maintenance(false).await;
    time_passes(minutes(10)).await;
    each_is_replied_to_once(&caller, CALLS);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_flood_get_one_reply_each() {
    let mut caller = a_caller_in_time().await;
    answers_after(&caller, Duration::from_millis(300));
    let running = Running::functions_of(&caller);
    for number in 0..CALLS {
        caller.queues(low(number)).await;
        if number % 100 == 0 {
            time_passes(seconds(1)).await;
        }
    }
    time_passes(minutes(10)).await;
    each_is_replied_to_once(&caller, CALLS);
    drop(running);
}
