//! Calls outside conversations: sent again under an Idempotency-Key; and calls that do not say how
//! they are to be carried out.

use journeys::story::ADDRESS;
use journeys::{Call, Story, a_caller, call, days, hours, part, seconds, subscriber};

fn make(name: &str) -> Call {
    call().creating(subscriber(name)).calling_back(ADDRESS)
}

#[tokio::test(start_paused = true)]
async fn the_same_key_gets_the_same_answer_and_the_call_runs_once() {
    let mut caller = a_caller().await;
    let sent = caller.queues(make("ann").keyed("k-1")).await;
    assert_eq!(caller.queues(make("ann").keyed("k-1")).await, sent);
    caller.settles().await;
    caller.passes(days(1) - seconds(1)).await;
    assert_eq!(
        caller.queues(make("ann").keyed("k-1")).await,
        sent,
        "within 24 hours"
    );
    caller.passes(hours(1)).await;
    assert_eq!(caller.replies(), ["done OK"]);
    assert_eq!(caller.stored(), ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_a_call_is_another_call() {
    let mut caller = a_caller().await;
    let sent = caller.queues(make("ann")).await;
    assert_ne!(caller.queues(make("ann")).await, sent);
    caller.settles().await;
    let mut replies = caller.replies();
    replies.sort();
    assert_eq!(replies, ["done Error 12014", "done OK"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_free_again_after_a_day() {
    let mut caller = a_caller().await;
    let sent = caller.queues(make("ann").keyed("k-1")).await;
    caller.passes(days(1) + seconds(1)).await;
    let other = caller.queues(make("bob").keyed("k-1")).await;
    assert_ne!(other, sent);
    assert_eq!(caller.queues(make("bob").keyed("k-1")).await, other);
    caller.settles().await;
    assert_eq!(caller.stored(), ["ann", "bob"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_stands_for_one_content() {
    let mut caller = a_caller().await;
    caller.queues(make("ann").keyed("k-1")).await;
    let answer = caller.sends(make("bob").keyed("k-1")).await;
    assert_eq!(answer.http_status, 500);
    let said = answer.said();
    assert!(
        said.starts_with("soap:Client The Idempotency-Key header was used"),
        "{said}"
    );
    caller.settles().await;
    assert_eq!(caller.stored(), ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_has_bounds() {
    let mut caller = a_caller().await;
    // The last one is what is left of a key that is no UTF-8.
    for key in [String::new(), "k".repeat(256), "r\u{fffd}sum".to_owned()] {
        let answer = caller.sends(make("ann").keyed(&key)).await;
        let said = answer.said();
        assert!(
            said.starts_with("soap:Client The Idempotency-Key header must have"),
            "{said}"
        );
    }
    caller
        .queues(make("ann").keyed(&"\u{e9}".repeat(255)))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_carried_out_at_once_has_no_key() {
    let mut caller = a_caller().await;
    let now = call().creating(subscriber("ann")).at_once();
    let explicit = now.clone().with("RequestType", "Synchronous");
    for call in [&now, &explicit] {
        let answer = caller.sends(call.clone().keyed("k-1")).await;
        assert_eq!(answer.http_status, 500);
        let said = answer.said();
        assert!(
            said.starts_with("soap:Client The Idempotency-Key header is for asynchronous calls"),
            "{said}"
        );
    }
    assert!(caller.stored().is_empty(), "it was not carried out");
    caller.does(now).await;
}

#[tokio::test(start_paused = true)]
async fn keys_belong_to_their_account_and_to_calls_outside_conversations() {
    let mut caller = a_caller().await;
    let mut other = caller.another_caller("1002").await;
    let own = caller.queues(make("ann").keyed("k-1")).await;
    let others = other.queues(make("bob").keyed("k-1")).await;
    assert_ne!(own, others);
    let one = caller.queues(part("c", 1, 2).keyed("k-1")).await;
    let two = caller.queues(part("c", 2, 2).keyed("k-1")).await;
    assert_ne!(one, two, "a conversation has means of its own");
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_default_needs_no_request_type() {
    let mut client = a_caller().await;
    client.is_async_by_default().await;
    need_not_say_so(client).await;
    let mut account = a_caller().await;
    account.account_is_async_by_default().await;
    need_not_say_so(account).await;
}

async fn need_not_say_so(mut caller: Story) {
    caller.queues(make("ann").without("RequestType")).await;
    caller.queues(part("c", 1, 1).without("RequestType")).await;
    let now = make("bob")
        .without("RequestType")
        .with("RequestType", "Synchronous");
    let answer = caller.sends(now).await;
    assert_eq!(answer.said(), "OK Created Subscriber.");
    caller.settles().await;
    assert_eq!(caller.stored(), ["ann", "bob", "c-1"]);
}
