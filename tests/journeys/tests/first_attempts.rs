//! Who makes the first attempt at a reply: the run that carried out the call, unless that could
//! hold up others or bring replies out of order.

use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, days, mail_to, minutes, part, post_to, seconds, subscriber};
use local::{AwsRequest, CallbackAnswer, InjectedFault, Service};

/// Sent to the queue of replies, from a run.
fn is_of_replies(aws_request: &AwsRequest) -> bool {
    aws_request.operation == "SendMessageBatch"
}

/// How many requests a story has made that wake the notifier.
fn wake_ups(caller: &Story) -> f64 {
    let counts = caller.local().usage().counts();
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
async fn a_run_posts_its_replies_without_a_message() {
    let mut caller = a_caller().await;
    for number in [3, 1, 2] {
        caller
            .queues(part("c", number, 3).calling_back(ADDRESS))
            .await;
    }
    caller.settles().await;
    assert_eq!(caller.replies(), ["done 1 OK", "done 2 OK", "done 3 OK"]);
    assert!(wake_ups(&caller) < 1.0);
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn replies_to_a_hanging_receiver_go_to_the_notifier_for_ten_minutes() {
    let mut caller = a_caller().await;
    answers_after(&caller, Duration::from_millis(1_500));
    calls_back(&mut caller, "slow").await;
    assert!(wake_ups(&caller) < 1.0, "nobody knew that it is slow");
    calls_back(&mut caller, "again").await;
    assert!((wake_ups(&caller) - 1.0).abs() < 0.1);
    caller.passes(minutes(11)).await;
    calls_back(&mut caller, "later").await;
    assert!(
        (wake_ups(&caller) - 2.0).abs() < 0.1,
        "nobody knows how it is now"
    );
    calls_back(&mut caller, "at last").await;
    assert!((wake_ups(&caller) - 2.0).abs() < 0.1, "it is quick again");
    assert_eq!(caller.replies().len(), 4, "each is told once");
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
        began.elapsed() < Duration::from_secs(20),
        "nobody waits for it twice"
    );
    assert_eq!(caller.outcomes("c").await.len(), 20);
    let all: Vec<String> = (1..=20).map(|number| format!("done {number} OK")).collect();
    assert_eq!(caller.replies(), all, "in order, each once");
    let sent = wake_ups(&caller);
    assert!((sent - 2.0).abs() < 0.1, "ten at once, not {sent}");
}

/// A mail is the notifier's, and what comes after it must not overtake it.
#[tokio::test(start_paused = true)]
async fn a_reply_does_not_overtake_a_reply_by_mail() {
    let mut caller = a_caller().await;
    caller
        .queues(part("c", 1, 4).replying_to(mail_to("ann@example.com")))
        .await;
    for number in 2..=4 {
        caller
            .queues(part("c", number, 4).calling_back(ADDRESS))
            .await;
    }
    caller
        .local()
        .faults()
        .when(is_of_replies, InjectedFault::Throttle);
    caller.settles().await;
    assert!(caller.replies().is_empty());
    caller.local().faults().clear();
    caller.passes(minutes(3)).await;
    assert_eq!(caller.mails().len(), 1);
    let mut replies = caller.replies();
    replies.sort();
    assert_eq!(replies, ["done 2 OK", "done 3 OK", "done 4 OK"]);
}

/// A later run does not know whether the earlier ones have told everything.
#[tokio::test(start_paused = true)]
async fn a_continued_run_hands_its_replies_to_the_notifier() {
    let mut caller = a_caller().await;
    let later = caller.now() + minutes(2);
    caller.queues(part("c", 1, 2).calling_back(ADDRESS)).await;
    let second = part("c", 2, 2).calling_back(ADDRESS).at(later);
    caller.queues(second).await;
    caller.settles().await;
    assert_eq!(caller.replies(), ["done 1 OK"]);
    assert!(wake_ups(&caller) < 1.0);
    caller.passes(minutes(3)).await;
    assert_eq!(caller.replies(), ["done 1 OK", "done 2 OK"]);
    assert!((wake_ups(&caller) - 1.0).abs() < 0.1);
}

/// Of twelve calls, the process dies with the sixth, its replies not posted.
async fn a_run_dies_in_the_middle() -> Story {
    let mut caller = a_caller().await;
    for number in 1..=12 {
        caller
            .queues(part("c", number, 12).calling_back(ADDRESS))
            .await;
    }
    let is_sixth = |aws_request: &AwsRequest| {
        aws_request.operation == "TransactWriteItems"
            && aws_request.key.contains("OUTCOME#0000000006")
    };
    caller
        .local()
        .faults()
        .once(is_sixth, InjectedFault::CrashAfter);
    caller.settles().await;
    let replies = caller.replies().len();
    assert!(replies < 6, "the sixth was not told: {replies}");
    // A local server that is killed loses its queues; on AWS the message would come again.
    caller.queues_are_lost();
    caller.restarts();
    caller
}

/// Each once, but for those that were posted and not noted when the process died: ten at most, and in
/// order again.
fn each_in_order(caller: &Story) {
    let all: Vec<String> = (1..=12).map(|number| format!("done {number} OK")).collect();
    let replies = caller.replies();
    assert!(replies.len() <= all.len() + 10, "{replies:?}");
    let mut first = replies.clone();
    let mut seen = std::collections::BTreeSet::new();
    first.retain(|reply| seen.insert(reply.clone()));
    assert_eq!(first, all);
    let again = replies.iter().rev().take(all.len().min(replies.len()));
    let again: Vec<String> = again.cloned().collect();
    let distinct: std::collections::BTreeSet<&String> = again.iter().collect();
    assert!(distinct.len() >= again.len() - 10, "{replies:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_after_a_crash_sends_the_pending_replies_first() {
    let mut caller = a_run_dies_in_the_middle().await;
    // Whoever had no answer sends its part again, which wakes the conversation.
    caller.queues(part("c", 12, 12).calling_back(ADDRESS)).await;
    caller.settles().await;
    // Nobody knows whether the run is still at those that it had in hand, until their lease is over.
    caller.passes(minutes(1)).await;
    each_in_order(&caller);
}

#[tokio::test(start_paused = true)]
async fn the_timekeeper_wakes_the_replies_of_a_conversation_in_their_order() {
    let caller = a_run_dies_in_the_middle().await;
    caller.passes(minutes(3)).await;
    each_in_order(&caller);
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
    let replies = caller.replies();
    assert_eq!(replies, ["done 1 OK", "done 2 OK", "done 1 OK"]);
    let callbacks = caller.callbacks();
    let id = |number: usize| callbacks[number].header("webhook-id").map(str::to_owned);
    assert_eq!(id(0), id(2), "the receiver can tell the repeat");
    assert!(caller.due().is_empty());
}

/// The answer to the commit is lost: the notifier looks, and has nothing to do.
#[tokio::test(start_paused = true)]
async fn an_attempt_with_a_lost_commit_answer_is_not_repeated() {
    let mut caller = Story::with_retries(RetryConfig::disabled()).await;
    let mut puts = 0;
    caller.local().faults().by(move |_, aws_request| {
        let of_reply =
            aws_request.operation == "PutItem" && aws_request.json["Item"]["outcome"].is_object();
        puts += u32::from(of_reply);
        (of_reply && puts == 1).then_some(InjectedFault::LoseAnswer)
    });
    caller
        .queues(
            call()
                .creating(subscriber("ann"))
                .replying_to(post_to(ADDRESS)),
        )
        .await;
    caller.settles().await;
    caller.passes(days(1)).await;
    assert_eq!(caller.replies().len(), 1);
    assert!(caller.due().is_empty());
}
