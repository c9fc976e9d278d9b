//! Delete of ScheduledRequest and ScheduledConversation.

use journeys::story::ADDRESS;
use journeys::{a_caller, call, minutes, part, post_to, subscriber};

use crate::time::{lines, make};

fn scheduled_request(request_id: &str) -> String {
    let id = format!("<RequestID>{request_id}</RequestID>");
    format!(r#"<Objects xsi:type="ScheduledRequest">{id}</Objects>"#)
}

fn scheduled_conversation(name: &str) -> String {
    let id = format!("<ConversationID>{name}</ConversationID>");
    format!(r#"<Objects xsi:type="ScheduledConversation">{id}</Objects>"#)
}

const NOT_FOUND: &str = "Error 220 AsyncAPI_Item_Not_Found";
const TOO_LATE: &str = "Error 222 AsyncAPI_Invalid_Status_To_Delete_Item";

/// Its wake-up is held in the queue until its second, and keeps any other waiting.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_held_is_ended_as_soon_as_it_is_cancelled() {
    let mut caller = a_caller().await;
    let soon = make("ann").at("2026-03-02T09:04:00Z");
    let sent = caller.queues(soon.calling_back(ADDRESS)).await;
    caller.passes(minutes(1)).await;
    let delete = call().deleting(scheduled_request(&sent));
    let answer = caller.does(delete).await;
    assert_eq!(lines(&answer), ["OK Deleted 0"]);
    caller.settles().await;
    assert!(caller.now().to_string().starts_with("2026-03-02T09:01"));
    let outcome = caller.outcome(&sent).await;
    assert!(outcome.starts_with("Error 204 Cancelled"), "{outcome}");
    assert_eq!(caller.replies().len(), 1);
    caller.passes(minutes(10)).await;
    assert_eq!(caller.replies().len(), 1, "told once");
    assert_eq!(caller.stored(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_call_can_be_cancelled() {
    let mut caller = a_caller().await;
    let half_past = "2026-03-02T09:30:00Z";
    let alone = caller.queues(make("alone").at(half_past)).await;
    let kept = caller.queues(make("kept").at(half_past)).await;
    caller.queues(part("order-1", 1, 2).at(half_past)).await;
    caller.queues(part("order-1", 2, 2)).await;
    caller.passes(minutes(20)).await;
    let both = call()
        .deleting(scheduled_request(&alone))
        .and(scheduled_conversation("order-1"));
    let answer = caller.does(both.clone()).await;
    assert_eq!(lines(&answer), ["OK Deleted 0", "OK Deleted 1"]);
    caller.settles().await;
    assert_eq!(caller.state(&alone).await, "Cancelled");
    assert_eq!(caller.states("order-1").await, ["Cancelled", "Cancelled"]);
    assert_eq!(
        lines(&caller.does(both).await),
        ["OK Deleted 0", "OK Deleted 1"],
        "again"
    );
    caller.passes(minutes(20)).await;
    assert_eq!(caller.state(&kept).await, "Complete");
    assert_eq!(caller.stored(), ["kept"]);
    assert_eq!(
        caller.outcome(&alone).await,
        "Error 204 Cancelled by its caller"
    );
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_that_ran_or_never_existed_cannot_be_cancelled() {
    let mut caller = a_caller().await;
    let done = caller.queues(make("done")).await;
    caller.queues(part("order-1", 1, 1)).await;
    caller
        .queues(part("order-2", 1, 2).at("2026-03-02T09:30:00Z"))
        .await;
    let second = caller.queues(part("order-2", 2, 2)).await;
    caller.settles().await;
    let mut other = caller.another_caller("1002").await;
    let others = other.queues(make("other").at("2026-03-02T09:30:00Z")).await;
    let call = call()
        .deleting(scheduled_request(&done))
        .and(scheduled_conversation("order-1"))
        .and(scheduled_request("6f0c2f6e-0000-4000-8000-000000000000"))
        .and(scheduled_conversation("order-3"))
        .and(scheduled_request(&others))
        .and(scheduled_request(&second));
    let answer = caller.sends(call.at_once()).await;
    let part_of = "Error 204 AsyncAPI_Error. The request is part of a conversation: delete the \
                   ScheduledConversation 5";
    assert_eq!(
        lines(&answer),
        [
            format!("{TOO_LATE} 0"),
            format!("{TOO_LATE} 1"),
            format!("{NOT_FOUND} 2"),
            format!("{NOT_FOUND} 3"),
            format!("{NOT_FOUND} 4"),
            part_of.to_owned(),
        ]
    );
    caller.passes(minutes(31)).await;
    assert_eq!(
        other.state(&others).await,
        "Complete",
        "another account's is left alone"
    );
    assert_eq!(caller.states("order-2").await, ["Complete", "Complete"]);
}

#[tokio::test(start_paused = true)]
async fn cancelling_can_be_asynchronous() {
    let mut caller = a_caller().await;
    let alone = caller
        .queues(make("alone").at("2026-03-02T09:30:00Z"))
        .await;
    let delete = call()
        .deleting(scheduled_request(&alone))
        .and(scheduled_conversation("order-3"));
    let deleting = caller.queues(delete.calling_back(ADDRESS)).await;
    caller.settles().await;
    assert_eq!(caller.state(&alone).await, "Cancelled");
    assert_eq!(
        caller.outcome(&deleting).await,
        "Has Errors 220 AsyncAPI_Item_Not_Found"
    );
    caller.passes(minutes(60)).await;
    assert!(caller.stored().is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_that_ran_stay_when_the_rest_is_cancelled() {
    let mut caller = a_caller().await;
    let conversation = post_to("https://client.example.com/conversation");
    let first = part("order-1", 1, 3).replying_to(conversation.when("OnConversationComplete"));
    caller.queues(first).await;
    caller
        .queues(part("order-1", 2, 3).at("2026-03-02T09:30:00Z"))
        .await;
    caller.queues(part("order-1", 3, 3)).await;
    caller.settles().await;
    caller
        .does(call().deleting(scheduled_conversation("order-1")))
        .await;
    caller.passes(minutes(40)).await;
    assert_eq!(
        caller.states("order-1").await,
        ["Complete", "Cancelled", "Cancelled"]
    );
    assert_eq!(caller.stored(), ["order-1-1"]);
    assert_eq!(caller.replies(), ["conversation 1 Error 204"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_after_its_conversation_was_cancelled_is_refused() {
    let mut caller = a_caller().await;
    let first = caller.queues(part("order-1", 1, 3)).await;
    caller.queues(part("order-1", 3, 3)).await;
    caller
        .does(call().deleting(scheduled_conversation("order-1")))
        .await;
    // At once, and when all that the end brings with it is done.
    for _ in 0..2 {
        let late = caller.sends(part("order-1", 2, 3)).await;
        assert_eq!(
            late.said(),
            "Error 211 Invalid ConversationID. ConversationID has already been used"
        );
        let other = caller
            .sends(part("order-1", 1, 3).creating(subscriber("other")))
            .await;
        assert_eq!(other.error_code(), 211);
        let again = caller.sends(part("order-1", 1, 3)).await;
        assert!(again.is_queued(), "{}", again.said());
        assert_eq!(again.request_id(), first, "the first answer again");
        caller.settles().await;
    }
    assert_eq!(caller.states("order-1").await, ["Cancelled", "Cancelled"]);
    caller.passes(minutes(10)).await;
    assert!(caller.stored().is_empty());
    assert!(caller.due().is_empty());
}
