//! Replies that lie beside the outcome they tell of, and wake-ups for replies that go together.

use calls::{ConversationKey, SequenceCode};
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, days, mail_to, minutes, part, post_to, seconds, subscriber};
use local::names::REPLIES_QUEUE;
use local::{AwsRequest, CallbackAnswer, InjectedFault};

/// The kinds of records that hold a reply, in the order of their keys.
fn holders(caller: &Story) -> Vec<String> {
    let records = caller.records();
    let holding = records.iter().filter(|record| record.has("reply"));
    let mut kinds: Vec<String> = holding.map(|record| record.kind().to_owned()).collect();
    kinds.sort();
    kinds
}

fn is_of_replies(aws_request: &AwsRequest) -> bool {
    aws_request.operation == "SendMessageBatch"
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_delivered_at_once_has_no_record() {
    let mut caller = a_caller().await;
    caller.queues(part("c", 1, 2).calling_back(ADDRESS)).await;
    caller.queues(part("c", 2, 2)).await;
    caller.settles().await;
    assert_eq!(holders(&caller), [""; 0]);
    assert_eq!(caller.replies().len(), 1);
    let records = caller.records();
    let answering = records.iter().filter(|record| record.has("undelivered"));
    assert_eq!(answering.count(), 0, "the header answers for none any more");
    assert_eq!(caller.outcomes("c").await.len(), 2, "both can be read");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reply_whose_first_attempt_failed_has_a_record_of_its_own() {
    let mut caller = a_caller().await;
    let busy = CallbackAnswer::status(503);
    caller.local().callbacks().answer_next(ADDRESS, busy);
    for number in 1..=3 {
        caller
            .queues(part("c", number, 3).calling_back(ADDRESS))
            .await;
    }
    caller.settles().await;
    assert_eq!(holders(&caller), ["REPLY"]);
    caller.passes(seconds(7)).await;
    let mut replies = caller.replies();
    replies.sort();
    assert_eq!(
        replies,
        ["done 1 OK", "done 1 OK", "done 2 OK", "done 3 OK"]
    );
    assert!(caller.due().is_empty());
}

/// The notifier posts it, so that somebody has to find it.
#[tokio::test(start_paused = true)]
async fn the_only_reply_that_the_run_does_not_post_lies_with_its_outcome() {
    let mut caller = a_caller().await;
    let mail = mail_to("ann@example.com");
    caller.queues(part("c", 1, 2).replying_to(mail)).await;
    caller.queues(part("c", 2, 2)).await;
    caller.settles().await;
    assert_eq!(holders(&caller), ["OUTCOME"]);
    assert_eq!(caller.mails().len(), 1);
    assert_eq!(caller.outcomes("c").await.len(), 2, "both can be read");
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn several_replies_lie_in_records_of_their_own() {
    let end = || post_to(ADDRESS).when("OnConversationComplete");
    let large = (0..60).fold(part("large", 1, 1), |call, number| {
        call.and(subscriber(&format!("person-{number}")))
    });
    for (call, replies) in [
        (
            part("two", 1, 1)
                .replying_to(post_to(ADDRESS))
                .replying_to(post_to(ADDRESS)),
            2,
        ),
        (part("end", 1, 1).replying_to(end()), 1),
        (large.replying_to(mail_to("ann@example.com")), 1),
    ] {
        let mut caller = a_caller().await;
        caller.queues(call).await;
        caller.settles().await;
        assert_eq!(holders(&caller), vec!["REPLY"; replies]);
        assert_eq!(caller.replies().len() + caller.mails().len(), replies);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retried_reply_has_its_results_each_time() {
    let mut caller = a_caller().await;
    for status in [500, 503] {
        caller
            .local()
            .callbacks()
            .answer_next(ADDRESS, CallbackAnswer::status(status));
    }
    let replies = post_to(ADDRESS).with_results();
    caller.queues(part("c", 1, 1).replying_to(replies)).await;
    caller.passes(minutes(6)).await;
    let callbacks = caller.callbacks();
    assert_eq!(callbacks.len(), 3);
    let said = |number: usize| {
        callbacks[number]
            .field("ResultDetailXML")
            .unwrap_or_default()
    };
    assert!(
        said(0).contains("<StatusCode>OK</StatusCode>"),
        "{}",
        said(0)
    );
    assert_eq!(said(0), said(1));
    assert_eq!(said(0), said(2));
    assert!(caller.due().is_empty(), "and never again");
}

#[tokio::test(start_paused = true)]
async fn a_reply_with_a_lost_wake_up_is_sent_within_two_minutes() {
    let mut caller = a_caller().await;
    caller
        .local()
        .faults()
        .when(is_of_replies, InjectedFault::LoseRequest);
    // The first attempt fails, so that somebody has to be woken for the next.
    caller
        .local()
        .callbacks()
        .answer_next(ADDRESS, CallbackAnswer::status(500));
    caller.queues(part("c", 1, 1).calling_back(ADDRESS)).await;
    caller.settles().await;
    assert_eq!(caller.replies(), ["done 1 OK"]);
    caller.local().faults().clear();
    caller.passes(minutes(2)).await;
    assert_eq!(caller.replies(), ["done 1 OK", "done 1 OK"]);
    assert!(caller.due().is_empty());
}

/// A receiver that is down for long: the results wait as long as the reply does, and no longer.
#[tokio::test(start_paused = true)]
async fn results_are_there_for_thirty_days_whatever_becomes_of_the_reply() {
    let mut caller = a_caller().await;
    caller
        .local()
        .callbacks()
        .answer_next(ADDRESS, CallbackAnswer::status(500));
    caller.queues(part("c", 1, 1).calling_back(ADDRESS)).await;
    caller.passes(seconds(10)).await;
    assert_eq!(caller.replies().len(), 2);
    caller.passes(days(30) - minutes(1)).await;
    assert_eq!(caller.outcomes("c").await.len(), 1);
    caller.passes(minutes(2)).await;
    assert!(caller.outcomes("c").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failing_reply_delays_no_earlier_reply() {
    let mut caller = a_caller().await;
    for number in 1..=3 {
        caller
            .queues(part("c", number, 3).calling_back(ADDRESS))
            .await;
    }
    // Each call that is carried out reads its objects in one such request.
    let mut read = 0;
    caller.local().faults().by(move |_, aws_request| {
        if aws_request.operation != "BatchGetItem" {
            return None;
        }
        read += 1;
        (read > 2).then_some(InjectedFault::Throttle)
    });
    caller.settles().await;
    assert_eq!(caller.replies(), ["done 1 OK", "done 2 OK"]);
    caller.local().faults().clear();
    caller.passes(minutes(10)).await;
    let all = ["done 1 OK", "done 2 OK", "done 3 OK"];
    assert_eq!(caller.replies(), all);
}

/// The wake-ups of a run go in one request; should it be lost, each is found by itself.
#[tokio::test(start_paused = true)]
async fn replies_of_a_run_that_were_lost_together_are_all_found() {
    let mut caller = a_caller().await;
    caller
        .local()
        .faults()
        .when(is_of_replies, InjectedFault::LoseRequest);
    // A mail is the notifier's, and so are the replies behind it.
    let mail = mail_to("ann@example.com");
    caller.queues(part("c", 1, 4).replying_to(mail)).await;
    for number in 2..=4 {
        caller
            .queues(part("c", number, 4).calling_back(ADDRESS))
            .await;
    }
    caller.settles().await;
    assert_eq!(caller.outcomes("c").await.len(), 4);
    assert!(caller.replies().is_empty() && caller.mails().is_empty());
    caller.local().faults().clear();
    caller.passes(minutes(3)).await;
    assert_eq!(caller.mails().len(), 1);
    let all = ["done 2 OK", "done 3 OK", "done 4 OK"];
    let mut replies = caller.replies();
    replies.sort();
    assert_eq!(replies, all);
}

/// Whoever goes on with a conversation wakes the notifier for what an earlier run has left, each time:
/// a queue that took the second wake-up for a repeat of the first would leave it to the timekeeper.
#[tokio::test(start_paused = true)]
async fn a_reply_that_was_left_is_woken_for_each_time_it_is_found() {
    let mut caller = a_caller().await;
    let faults = caller.local().faults();
    faults.when(is_of_replies, InjectedFault::LoseRequest);
    let mail = mail_to("ann@example.com");
    caller.queues(part("c", 1, 2).replying_to(mail)).await;
    caller.queues(part("c", 2, 2)).await;
    caller.settles().await;
    caller.local().faults().clear();
    let records = caller.records();
    let header = records.iter().find(|it| it.kind() == "CONVERSATION");
    let key = ConversationKey(header.expect("a header").text("pk").to_owned());
    let next = SequenceCode::new(2).expect("a number");
    // The run that wrote it may still be at it; then its lease is over.
    for (found, waits) in [seconds(1), minutes(2), seconds(1), seconds(1)]
        .iter()
        .enumerate()
    {
        let cloud = &caller.stack.cloud;
        let left = cloud.pending_replies(&key, next).await.expect("an answer");
        assert_eq!(left.len(), 1);
        cloud.send_reply_wake_ups(&left).await;
        assert_eq!(caller.local().sqs().depth(REPLIES_QUEUE), found + 1);
        caller.local().clock().advance(*waits);
    }
    caller.passes(minutes(2)).await;
    assert_eq!(caller.mails().len(), 1, "and it goes out once");
}
