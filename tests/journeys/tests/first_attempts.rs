//! Who makes the first attempt at a reply: the run that carried out the call, unless that could
//! hold up others or bring replies out of order.

use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, days, mail_to, minutes, part, post_to, seconds, subscriber};
use local::{Asked, CallbackAnswer, Fault, Service};

/// Sent to the queue of replies, from a run.
fn is_of_replies(asked: &Asked) -> bool {
    asked.operation == "SendMessageBatch"
}

/// How many requests a story has made that wake the notifier.
fn wakes(caller: &Story) -> f64 {
    let counts = caller.local().tally().counts();
    let sent = counts
        .operations()
        .filter(|(service, operation, _)| {
            *service == Service::Sqs && *operation == "SendMessageBatch"
        })
        .map(|(_, _, used)| used.requests);
    sent.sum()
}

fn answers_after(caller: &Story, time: Duration) {
    let late = CallbackAnswer::status(200).late_by(time);
    caller.local().callbacks().answer_next(ADDRESS, late);
}

async fn calls_back(caller: &mut Story, key: &str) {
    caller
        .queues(call().creating(subscriber(key)).calling_back(ADDRESS))
        .await;
    caller.settles().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_posts_what_it_owes_without_a_message() {
    let mut caller = a_caller().await;
    for number in [3, 1, 2] {
        caller
            .queues(part("c", number, 3).calling_back(ADDRESS))
            .await;
    }
    caller.settles().await;
    assert_eq!(caller.told(), ["done 1 OK", "done 2 OK", "done 3 OK"]);
    assert!(wakes(&caller) < 1.0);
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_receiver_hangs_is_left_to_the_notifier_for_ten_minutes() {
    let mut caller = a_caller().await;
    answers_after(&caller, Duration::from_millis(1_500));
    calls_back(&mut caller, "slow").await;
    assert!(wakes(&caller) < 1.0, "nobody knew that it is slow");
    calls_back(&mut caller, "again").await;
    assert!((wakes(&caller) - 1.0).abs() < 0.1);
    caller.passes(minutes(11)).await;
    calls_back(&mut caller, "later").await;
    assert!((wakes(&caller) - 1.0).abs() < 0.1);
    assert_eq!(caller.told().len(), 3, "each is told once");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_are_carried_out_while_a_receiver_hangs() {
    let mut caller = a_caller().await;
    answers_after(&caller, Duration::from_secs(14));
    for number in 1..=20 {
        caller
            .queues(part("c", number, 20).calling_back(ADDRESS))
            .await;
    }
    let began = tokio::time::Instant::now();
    caller.settles().await;
    assert!(
        began.elapsed() < Duration::from_secs(16),
        "nobody waits for it twice"
    );
    assert_eq!(caller.outcomes("c").await.len(), 20);
    let all: Vec<String> = (1..=20).map(|number| format!("done {number} OK")).collect();
    assert_eq!(caller.told(), all, "in order, each once");
    assert!((wakes(&caller) - 2.0).abs() < 0.1, "ten at once");
}

/// A mail is the notifier's, and what comes after it must not overtake it.
#[tokio::test(start_paused = true)]
async fn what_comes_after_a_reply_by_mail_does_not_overtake_it() {
    let mut caller = a_caller().await;
    caller
        .queues(part("c", 1, 4).telling(mail_to("ann@example.com")))
        .await;
    for number in 2..=4 {
        caller
            .queues(part("c", number, 4).calling_back(ADDRESS))
            .await;
    }
    caller.local().faults().when(is_of_replies, Fault::Throttle);
    caller.settles().await;
    assert!(caller.told().is_empty());
    caller.local().faults().clear();
    caller.passes(minutes(3)).await;
    assert_eq!(caller.mails().len(), 1);
    let mut told = caller.told();
    told.sort();
    assert_eq!(told, ["done 2 OK", "done 3 OK", "done 4 OK"]);
}

/// A later run does not know whether the earlier ones have told everything.
#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_where_another_stopped_leaves_its_replies_to_the_notifier() {
    let mut caller = a_caller().await;
    let later = caller.now() + minutes(2);
    caller.queues(part("c", 1, 2).calling_back(ADDRESS)).await;
    let second = part("c", 2, 2).calling_back(ADDRESS).at(later);
    caller.queues(second).await;
    caller.settles().await;
    assert_eq!(caller.told(), ["done 1 OK"]);
    assert!(wakes(&caller) < 1.0);
    caller.passes(minutes(3)).await;
    assert_eq!(caller.told(), ["done 1 OK", "done 2 OK"]);
    assert!((wakes(&caller) - 1.0).abs() < 0.1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_was_refused_is_tried_again_after_five_seconds() {
    let mut caller = a_caller().await;
    let busy = CallbackAnswer::status(503);
    caller.local().callbacks().answer_next(ADDRESS, busy);
    for number in 1..=2 {
        caller
            .queues(part("c", number, 2).calling_back(ADDRESS))
            .await;
    }
    caller.settles().await;
    caller.passes(seconds(7)).await;
    let told = caller.told();
    assert_eq!(told, ["done 1 OK", "done 2 OK", "done 1 OK"]);
    let callbacks = caller.callbacks();
    let id = |number: usize| callbacks[number].header("webhook-id").map(str::to_owned);
    assert_eq!(id(0), id(2), "the receiver can tell the repeat");
    assert!(caller.due().is_empty());
}

/// The answer to the commit is lost: the notifier looks, and has nothing to do.
#[tokio::test(start_paused = true)]
async fn an_attempt_whose_commit_nobody_heard_of_is_not_made_again() {
    let mut caller = Story::with_retries(RetryConfig::disabled()).await;
    let mut puts = 0;
    caller.local().faults().by(move |_, asked| {
        let of_reply = asked.operation == "PutItem" && asked.json["Item"]["outcome"].is_object();
        puts += u32::from(of_reply);
        (of_reply && puts == 1).then_some(Fault::LoseAnswer)
    });
    caller
        .queues(call().creating(subscriber("ann")).telling(post_to(ADDRESS)))
        .await;
    caller.settles().await;
    caller.passes(days(1)).await;
    assert_eq!(caller.told().len(), 1);
    assert!(caller.due().is_empty());
}
