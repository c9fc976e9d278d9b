//! Parts in any order, calls in theirs; what a failure does to the calls behind it.

use journeys::story::ADDRESS;
use journeys::{
    Story, a_caller, attribute, call, days, look_for, minutes, part, post_to, subscriber,
};

/// A part of a conversation of three that wants to be called back when it is done.
fn of_three(number: i64) -> journeys::Call {
    part("order-1", number, 3).calling_back(ADDRESS)
}

#[tokio::test(start_paused = true)]
async fn parts_come_in_any_order_and_run_in_theirs() {
    let mut caller = a_caller().await;
    // Each needs what the one before it did, and fails when it is done twice.
    caller
        .queues(of_three(3).creating(attribute("ann", "Step", "3")))
        .await;
    caller.settles().await;
    caller
        .queues(of_three(1).creating(attribute("ann", "Step", "1")))
        .await;
    caller.passes(minutes(4)).await;
    assert_eq!(caller.states("order-1").await, ["Gathering", "Gathering"]);
    assert!(
        caller.stored().is_empty(),
        "nothing runs before all are there"
    );
    assert!(
        caller.replies().is_empty(),
        "nobody is told before anything has run"
    );
    caller.queues(of_three(2).deleting(subscriber("ann"))).await;
    caller.settles().await;
    assert_eq!(caller.replies(), ["done 1 OK", "done 2 OK", "done 3 OK"]);
    let ann = look_for("Subscriber")
        .of("Attributes")
        .by("SubscriberKey", "ann");
    assert_eq!(caller.retrieves(ann).await.lines("Attributes.Value"), ["3"]);
}

#[tokio::test(start_paused = true)]
async fn message_and_item_tell_the_same() {
    let mut caller = a_caller().await;
    for number in [3, 1, 2] {
        caller.queues(of_three(number)).await;
    }
    let properties = "RequestID ConversationID StatusCode RequestType";
    let messages = look_for("ResultMessage")
        .of(properties)
        .by("ConversationID", "order-1");
    let items = look_for("ResultItem")
        .of(properties)
        .by("ConversationID", "order-1");
    assert!(
        caller.retrieves(messages.clone()).await.rows.is_empty(),
        "not yet"
    );
    assert!(
        caller.retrieves(items.clone()).await.rows.is_empty(),
        "not yet"
    );
    caller.settles().await;
    let messages = caller.retrieves(messages).await.lines(properties);
    assert_eq!(messages.len(), 3);
    assert_eq!(messages, caller.retrieves(items).await.lines(properties));
    let replies = caller.callbacks();
    for (callback, message) in replies.iter().zip(messages) {
        let request_id = callback.field("RequestID").expect("it is named");
        assert_eq!(message, format!("{request_id} order-1 OK Asynchronous"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_stops_those_behind_it() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("taken"))).await;
    let errors = post_to("https://client.example.com/failed").when("OnConversationError");
    caller.queues(of_three(3)).await;
    let second = caller
        .queues(of_three(2).creating(subscriber("taken")))
        .await;
    caller.queues(of_three(1).replying_to(errors)).await;
    caller.settles().await;
    caller.passes(minutes(20)).await;
    let named = format!(
        "Conversation failed at SequenceCode 2 (RequestID {second}): \
         The subscriber is already on the list"
    );
    assert_eq!(
        caller.outcomes("order-1").await,
        [
            "1 OK".to_owned(),
            "2 Error 12014 The subscriber is already on the list".to_owned(),
            format!("3 Error 213 Not carried out. {named}"),
        ]
    );
    assert_eq!(
        caller.states("order-1").await,
        ["Complete", "Error", "NotProcessed"]
    );
    assert_eq!(
        caller.stored(),
        ["order-1-1", "taken"],
        "the third was not carried out"
    );
    let mut replies = caller.replies();
    replies.sort();
    let expected = [
        "done 1 OK",
        "done 2 Error 12014",
        "done 3 Error 213",
        "failed 1 Error 12014",
    ];
    assert_eq!(replies, expected, "and each of it once");
    let callbacks = caller.callbacks();
    let failed = callbacks
        .iter()
        .find(|callback| callback.url.ends_with("/failed"));
    let message = failed.and_then(|callback| callback.field("StatusMessage"));
    assert_eq!(message, Some(named.as_str()));
    assert!(caller.due().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_with_one_bad_object_among_good_ones_stops_those_behind_it() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("taken"))).await;
    caller
        .queues(
            part("order-1", 1, 2)
                .creating(subscriber("ann"))
                .and(subscriber("taken")),
        )
        .await;
    caller.queues(part("order-1", 2, 2)).await;
    caller.settles().await;
    let first = &caller.outcomes("order-1").await[0];
    assert_eq!(
        first,
        "1 Has Errors 12014 The subscriber is already on the list"
    );
    assert_eq!(caller.states("order-1").await, ["Error", "NotProcessed"]);
    assert_eq!(caller.stored(), ["ann", "taken"], "the good one was done");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_can_be_of_one() {
    let mut caller = a_caller().await;
    let named = part("alone", 1, 1).calling_back(ADDRESS);
    caller.queues(named).await;
    let bare = part("bare", 1, 1)
        .without("SequenceCode")
        .without("CallsInConversation");
    caller.queues(bare.calling_back(ADDRESS)).await;
    let unnamed = caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    let mut replies = caller.replies();
    replies.sort();
    assert_eq!(replies, ["done 1 OK", "done 1 OK", "done OK"]);
    assert_eq!(caller.outcomes("alone").await, ["1 OK"]);
    assert_eq!(caller.outcomes("bare").await, ["1 OK"]);
    assert_eq!(caller.outcome(&unnamed).await, "OK");
    assert_eq!(
        caller.outcomes(&unnamed).await,
        ["1 OK"],
        "named by its RequestID"
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_is_used_once_however_long_ago() {
    let mut caller = a_caller().await;
    caller.queues(part("order-1", 1, 1)).await;
    caller.settles().await;
    caller.passes(days(400)).await;
    caller.local().dynamodb().sweep_expired().expect("a sweep");
    assert!(
        caller.outcomes("order-1").await.is_empty(),
        "results are kept for 30 days"
    );
    let other = part("order-1", 1, 1).creating(subscriber("bob"));
    refused_as_used(&mut caller, other).await;
    refused_as_used(&mut caller, part("order-1", 1, 2)).await;
}

async fn refused_as_used(caller: &mut Story, call: journeys::Call) {
    let answer = caller.sends(call).await;
    assert_eq!(
        answer.said(),
        "Error 211 Invalid ConversationID. ConversationID has already been used"
    );
    caller.settles().await;
    assert_eq!(caller.stored(), ["order-1-1"], "nothing is carried out");
}

#[tokio::test(start_paused = true)]
async fn names_are_compared_byte_for_byte() {
    let mut caller = a_caller().await;
    let names = ["a", "A", " a", "a ", "a&b<c>", "a#1", "\u{e9}", "e\u{301}"];
    for (name, number) in names.iter().zip(1..) {
        let part = part(name, 1, 2).creating(subscriber(&format!("s{number}")));
        caller.queues(part).await;
    }
    for name in names {
        assert_eq!(
            caller.states(name).await,
            ["Gathering"],
            "{name:?} is one of its own"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn two_accounts_may_use_the_same_name() {
    let mut one = a_caller().await;
    let mut other = one.another_caller("1002").await;
    one.queues(part("order-1", 1, 2)).await;
    other.queues(part("order-1", 1, 1)).await;
    one.settles().await;
    assert_eq!(one.states("order-1").await, ["Gathering"]);
    assert_eq!(other.states("order-1").await, ["Complete"]);
}
