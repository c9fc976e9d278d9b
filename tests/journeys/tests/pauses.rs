//! A receiver that a person has paused gets no callback until it goes on, and each once then; a pause of calls
//! ends with its time; whoever dies in between changes nothing of it.

use calls::{AccountId, QueuePriority};
use cloud::act::Run;
use cloud::act::pause::PauseAnswer;
use cloud::outbound::receiver_health::Receiver;
use cloud::outbound::receiver_pause::ReceiverPause;
use cloud::pauses::Pause;
use jiff::{SignedDuration, Timestamp};
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, hours, minutes, part, post_to, seconds, subscriber};
use local::CallbackAnswer;
use local::faults::InjectedFault;

const ELSEWHERE: &str = "https://elsewhere.example.com/cb";

fn receiver() -> Receiver {
    Receiver::of(&AccountId("1001".to_owned()), ADDRESS)
}

async fn pauses(caller: &Story, from: SignedDuration, for_time: SignedDuration) {
    let from = caller.now() + from;
    let pause = ReceiverPause {
        from,
        until: from + for_time,
        reason: "a test".to_owned(),
    };
    let receiver = receiver();
    let paused = caller.cloud().set_receiver_pause(&receiver, Some(&pause));
    paused.await.expect("the table is there");
    // What functions remember of a receiver is over by then.
    caller.passes(seconds(31)).await;
}

async fn resumes(caller: &Story) {
    let receiver = receiver();
    let resumed = caller.cloud().set_receiver_pause(&receiver, None);
    resumed.await.expect("the table is there");
}

fn at(caller: &Story, address: &str) -> usize {
    let callbacks = caller.callbacks();
    callbacks.iter().filter(|it| it.url == address).count()
}

#[tokio::test(start_paused = true)]
async fn a_paused_receiver_gets_nothing_and_all_others_do() {
    let mut caller = a_caller().await;
    caller.is_answered_quickly_at(ADDRESS).await;
    pauses(&caller, seconds(0), hours(24 * 30)).await;
    for name in ["ann", "bob"] {
        let call = call().creating(subscriber(name)).calling_back(ADDRESS);
        caller.queues(call.replying_to(post_to(ELSEWHERE))).await;
    }
    caller.passes(hours(6)).await;
    assert_eq!((at(&caller, ADDRESS), at(&caller, ELSEWHERE)), (0, 2));
    resumes(&caller).await;
    caller.passes(minutes(17)).await;
    assert_eq!((at(&caller, ADDRESS), at(&caller, ELSEWHERE)), (2, 2));
    caller.passes(hours(100)).await;
    assert_eq!(at(&caller, ADDRESS), 2, "each once");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_a_receiver_begins_and_ends_with_its_time_and_no_attempt_is_counted() {
    let mut caller = a_caller().await;
    caller
        .local()
        .callbacks()
        .answer_next(ADDRESS, CallbackAnswer::status(503));
    pauses(&caller, minutes(10), hours(5)).await;
    let made = call().creating(subscriber("ann")).calling_back(ADDRESS);
    caller.queues(made).await;
    caller.passes(minutes(2)).await;
    assert_eq!(at(&caller, ADDRESS), 2, "tried again, before it begins");
    let again = caller.queues(call().creating(subscriber("bob")).calling_back(ADDRESS));
    again.await;
    caller.passes(minutes(5)).await;
    assert_eq!(at(&caller, ADDRESS), 3);
    caller.passes(minutes(10)).await;
    let during = caller.queues(call().creating(subscriber("cat")).calling_back(ADDRESS));
    during.await;
    caller.passes(hours(4)).await;
    assert_eq!(at(&caller, ADDRESS), 3);
    caller.passes(hours(2)).await;
    assert_eq!(at(&caller, ADDRESS), 4, "it is over");
    assert!(caller.due().is_empty());
}

/// Plays it in a world that is cut at one of the requests made while the receiver is paused.
async fn paused(cut: Option<(u64, InjectedFault)>) -> u64 {
    let mut caller = a_caller().await;
    caller.is_answered_quickly_at(ADDRESS).await;
    pauses(&caller, seconds(0), hours(24)).await;
    let faults = caller.local().faults().clone();
    let first = faults.requests_made();
    if let Some((at, fault)) = cut {
        faults.at(first + at, fault);
    }
    caller.sends(part("c", 1, 1).calling_back(ADDRESS)).await;
    caller.passes(minutes(2)).await;
    let made = faults.requests_made() - first;
    caller.restarts();
    caller.queues(part("c", 1, 1).calling_back(ADDRESS)).await;
    caller.passes(hours(1)).await;
    assert_eq!(at(&caller, ADDRESS), 0, "{cut:?}");
    resumes(&caller).await;
    caller.passes(minutes(20)).await;
    assert_eq!(at(&caller, ADDRESS), 1, "{cut:?}");
    assert_eq!(caller.states("c").await, ["Complete"], "{cut:?}");
    caller.passes(hours(2)).await;
    assert!(caller.due().is_empty(), "{cut:?}");
    made
}

#[tokio::test(start_paused = true)]
async fn a_function_that_dies_while_a_receiver_is_paused_sends_nothing_and_loses_nothing() {
    // What the timekeeper asks for each minute is most of it, and the same each time.
    let requests = paused(None).await.min(60);
    for at in 1..=requests {
        for fault in [InjectedFault::CrashBefore, InjectedFault::CrashAfter] {
            paused(Some((at, fault))).await;
        }
    }
}

fn of_low(from: Timestamp, until: Option<Timestamp>) -> Pause {
    Pause {
        account: None,
        priority: Some(QueuePriority::Low),
        since: from,
        until,
        reason: "a release".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_calls_for_a_time_ends_by_itself() {
    let mut caller = a_caller().await;
    let cloud = caller.cloud().clone();
    let from = caller.now() + minutes(10);
    let pause = of_low(from, Some(from + hours(1)));
    for expected in [PauseAnswer::Done, PauseAnswer::Already] {
        let paused = cloud.pause(&cloud.accounts, &pause, Run::Real).await;
        assert_eq!(paused.expect("the table is there"), expected);
    }
    let low = |name: &str| call().creating(subscriber(name)).priority("Low");
    caller.queues(low("ann")).await;
    caller.passes(minutes(5)).await;
    assert_eq!(caller.stored(), ["ann"], "it has not begun");
    caller.passes(minutes(10)).await;
    let held = caller.queues(low("bob")).await;
    caller.passes(minutes(50)).await;
    assert_eq!(caller.state(&held).await, "Queued");
    caller.passes(minutes(10)).await;
    assert_eq!(caller.state(&held).await, "Complete");
    caller.passes(hours(1)).await;
    assert!(caller.due().is_empty());
    let backwards = of_low(from, Some(from));
    let refused = cloud.pause(&cloud.accounts, &backwards, Run::Real).await;
    let refused = refused.expect("the table is there");
    assert!(matches!(refused, PauseAnswer::Refused(_)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_planned_pause_is_taken_back_by_resuming() {
    let mut caller = a_caller().await;
    let cloud = caller.cloud().clone();
    let from = caller.now();
    let pause = of_low(from, Some(from + hours(9)));
    let paused = cloud.pause(&cloud.accounts, &pause, Run::Real).await;
    paused.expect("the table is there");
    let low = call().creating(subscriber("ann")).priority("Low");
    let held = caller.queues(low).await;
    caller.passes(minutes(5)).await;
    assert_eq!(caller.state(&held).await, "Queued");
    let low = of_low(from, None);
    let resumed = cloud.resume(&cloud.accounts, &low, Run::Real);
    assert_eq!(
        resumed.await.expect("the table is there"),
        PauseAnswer::Done
    );
    caller.passes(minutes(3)).await;
    assert_eq!(caller.state(&held).await, "Complete");
}
