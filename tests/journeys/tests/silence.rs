//! More than five minutes between two parts.

use jiff::SignedDuration;
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, minutes, part, post_to, seconds};

const TIMED_OUT: &str =
    "Async API Timeout. More than 5 minutes passed between two parts of the Conversation";

async fn a_caller_who_has_begun() -> Story {
    let mut caller = a_caller().await;
    let failed = post_to("https://client.example.com/failed").when("OnConversationError");
    let wrong = post_to("https://client.example.com/wrong").when("OnError");
    let done = post_to("https://client.example.com/right").when("OnExpired");
    let first = part("order-1", 1, 2)
        .replying_to(failed)
        .replying_to(wrong)
        .replying_to(done);
    caller.queues(first).await;
    caller
}

#[tokio::test(start_paused = true)]
async fn exactly_five_minutes_are_in_time() {
    let mut caller = a_caller_who_has_begun().await;
    caller.passes(seconds(300)).await;
    caller
        .queues(part("order-1", 2, 2).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    assert_eq!(caller.outcomes("order-1").await, ["1 OK", "2 OK"]);
}

#[tokio::test(start_paused = true)]
async fn the_silence_is_counted_from_the_part_before() {
    let mut caller = a_caller().await;
    for number in 1..=4 {
        caller.queues(part("order-1", number, 4)).await;
        caller.passes(seconds(300)).await;
    }
    assert_eq!(
        caller.outcomes("order-1").await,
        ["1 OK", "2 OK", "3 OK", "4 OK"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_resend_does_not_break_the_silence() {
    let mut caller = a_caller().await;
    let first = part("order-1", 1, 2);
    caller.queues(first.clone()).await;
    caller.passes(seconds(200)).await;
    caller.queues(first).await;
    caller.passes(seconds(101)).await;
    let late = caller.sends(part("order-1", 2, 2)).await;
    assert!([203, 213].contains(&late.error_code()), "{}", late.said());
}

/// The clock moves without anybody coming by, so that the part itself finds that it is late.
#[tokio::test(start_paused = true)]
async fn a_millisecond_more_is_too_late() {
    let mut caller = a_caller_who_has_begun().await;
    caller.settles().await;
    caller
        .local()
        .clock()
        .advance(seconds(300) + SignedDuration::from_millis(1));
    let late = caller.sends(part("order-1", 2, 2)).await;
    assert_eq!(late.said(), format!("Error 203 {TIMED_OUT}"));
    let later = caller.sends(part("order-1", 2, 2)).await;
    assert_eq!(later.error_code(), 213);
    caller.settles().await;
    ended_for_silence(&mut caller).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_conversation_times_out_within_a_minute() {
    let mut caller = a_caller_who_has_begun().await;
    caller.passes(seconds(300)).await;
    assert!(caller.replies().is_empty(), "not before its time");
    caller.passes(seconds(60)).await;
    ended_for_silence(&mut caller).await;
    let callbacks = caller.callbacks();
    assert!(callbacks.iter().all(|callback| {
        let late = callback.at.duration_since(caller.now());
        late > minutes(-1)
    }));
}

async fn ended_for_silence(caller: &mut Story) {
    let mut replies = caller.replies();
    replies.sort();
    assert_eq!(replies, ["failed 1 Error 203", "wrong 1 Error 203"]);
    let outcome = format!("1 Error 203 Not carried out. {TIMED_OUT}");
    assert_eq!(caller.outcomes("order-1").await, [outcome]);
    assert_eq!(caller.states("order-1").await, ["NotProcessed"]);
    assert!(caller.stored().is_empty());
    assert!(caller.due().is_empty());
}
