//! A caller that never heard our answer sends the same part again.

use journeys::story::ADDRESS;
use journeys::{Call, Story, a_caller, call, minutes, part, seconds, subscriber};

const USED: &str = "Error 211 Invalid ConversationID. ConversationID has already been used";
const FAILED: &str = "Error 213 Conversation is in an error state and is no longer able to accept conversation parts";
const CLOSED: &str = "Error 215 Conversation is closed and cannot accept more parts";
const CHANGED: &str = "Error 200 CallsInConversation don't match previous value in the \
                       Conversation. Conversation has been invalidated";
const TWICE: &str =
    "Error 214 SequenceCode already used for Conversation. Conversation has been invalidated";

fn first() -> Call {
    part("order-1", 1, 2).calling_back(ADDRESS)
}

fn second() -> Call {
    part("order-1", 2, 2).calling_back(ADDRESS)
}

/// The second with other content.
fn other_second() -> Call {
    second().creating(subscriber("somebody-else"))
}

#[tokio::test(start_paused = true)]
async fn the_same_part_gets_the_same_answer_and_runs_once() {
    let mut caller = a_caller().await;
    let sent = caller.queues(first()).await;
    assert_eq!(caller.queues(first()).await, sent, "while gathering");
    let last = caller.queues(second()).await;
    assert_eq!(caller.queues(first()).await, sent, "while running");
    assert_eq!(caller.queues(second()).await, last, "while running");
    caller.settles().await;
    assert_eq!(caller.queues(first()).await, sent, "when complete");
    caller.passes(minutes(60)).await;
    assert_eq!(caller.queues(second()).await, last, "long after");
    caller.passes(minutes(60)).await;
    assert_eq!(caller.stored(), ["order-1-1", "order-1-2"]);
    assert_eq!(caller.replies(), ["done 1 OK", "done 2 OK"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_the_same_in_other_spelling_is_the_same() {
    let mut caller = a_caller().await;
    let sent = caller.queues(first()).await;
    let payload = r#"<p:CreateRequest xmlns:p="http://exacttarget.com/wsdl/partnerAPI" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
        <!-- in other spelling -->
        <p:Options><p:SendResponseTo><p:ResponseType>HTTPPost</p:ResponseType><p:ResponseAddress>https://client.example.com/d<![CDATA[one]]></p:ResponseAddress></p:SendResponseTo>
        <p:ConversationID>order&#45;1</p:ConversationID><p:SequenceCode>1</p:SequenceCode><p:CallsInConversation>2</p:CallsInConversation><p:RequestType>Asynchronous</p:RequestType></p:Options>
        <p:Objects i:type="p:Subscriber"><p:EmailAddress>order11@example.com</p:EmailAddress><p:SubscriberKey>order-1-1</p:SubscriberKey></p:Objects>
        </p:CreateRequest>"#;
    let again = caller.sends_payload(payload, Default::default()).await;
    assert_eq!(
        (again.said().as_str(), again.request_id()),
        ("OK Queued", sent)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_has_passed_gets_its_first_answer_again() {
    let soon = "2026-03-02T09:00:05Z";
    let alone = || call().creating(subscriber("ann")).calling_back(ADDRESS);
    let named = || part("order-1", 1, 1).until(soon);
    let keyed = || alone().until(soon).keyed("k-1");
    let mut caller = a_caller().await;
    let first = [caller.queues(named()).await, caller.queues(keyed()).await];
    caller.settles().await;
    caller.passes(minutes(1)).await;
    let again = [caller.queues(named()).await, caller.queues(keyed()).await];
    assert_eq!(again, first);
    let past = "Error 228 RequestExpirationTime is in the past";
    says(&mut caller, part("order-2", 1, 1).until(soon), past).await;
    says(&mut caller, named().creating(subscriber("bob")), past).await;
    says(&mut caller, alone().until(soon), past).await;
    // Refused, it has not taken its key: corrected, it comes under the same.
    says(&mut caller, alone().until(soon).keyed("k-2"), past).await;
    caller.queues(alone().keyed("k-2")).await;
    caller.settles().await;
    assert_eq!(caller.stored(), ["ann", "order-1-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_call_sent_again_gets_its_first_answer() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    let named = || part("order-1", 1, 1).until("2026-03-02T09:00:05Z");
    let first = caller.queues(named()).await;
    caller.passes(minutes(1)).await;
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(3)).await;
    assert_eq!(caller.state(&first).await, "Expired");
    assert_eq!(caller.queues(named()).await, first);
    caller.settles().await;
    assert_eq!(caller.stored(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn while_gathering_other_content_invalidates() {
    let mut caller = a_caller().await;
    caller.queues(second()).await;
    says(&mut caller, other_second(), TWICE).await;
    is_invalidated(&mut caller, "214", &[second(), other_second(), first()]).await;
}

#[tokio::test(start_paused = true)]
async fn while_gathering_another_total_invalidates() {
    let mut caller = a_caller().await;
    caller.queues(second()).await;
    says(&mut caller, part("order-1", 1, 3), CHANGED).await;
    is_invalidated(
        &mut caller,
        "200",
        &[second(), first(), part("order-1", 1, 3)],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn while_running_only_the_same_parts_are_answered() {
    let mut caller = a_caller().await;
    let one = caller.queues(first()).await;
    let two = caller.queues(second().at("2026-03-02T10:00:00Z")).await;
    caller.settles().await;
    says(&mut caller, other_second(), CLOSED).await;
    says(&mut caller, part("order-1", 3, 3), CLOSED).await;
    says(&mut caller, part("order-1", 1, 1), CLOSED).await;
    assert_eq!(caller.queues(first()).await, one);
    assert_eq!(
        caller.queues(second().at("2026-03-02T10:00:00Z")).await,
        two
    );
    caller.passes(minutes(61)).await;
    assert_eq!(
        caller.outcomes("order-1").await,
        ["1 OK", "2 OK"],
        "nothing harmed it"
    );
}

#[tokio::test(start_paused = true)]
async fn when_complete_only_the_same_parts_are_answered() {
    let mut caller = a_caller().await;
    let one = caller.queues(first()).await;
    let two = caller.queues(second()).await;
    caller.settles().await;
    says(&mut caller, other_second(), USED).await;
    says(&mut caller, part("order-1", 3, 3), USED).await;
    assert_eq!(
        (caller.queues(first()).await, caller.queues(second()).await),
        (one, two)
    );
    assert_eq!(caller.outcomes("order-1").await, ["1 OK", "2 OK"]);
}

#[tokio::test(start_paused = true)]
async fn when_failed_while_running_only_the_same_parts_are_answered() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("order-1-1"))).await;
    let one = caller.queues(first()).await;
    let two = caller.queues(second()).await;
    caller.settles().await;
    assert_eq!(caller.states("order-1").await, ["Error", "NotProcessed"]);
    says(&mut caller, other_second(), USED).await;
    says(&mut caller, part("order-1", 3, 3), USED).await;
    assert_eq!(
        (caller.queues(first()).await, caller.queues(second()).await),
        (one, two)
    );
    caller.passes(minutes(30)).await;
    assert_eq!(caller.stored(), ["order-1-1"]);
}

#[tokio::test(start_paused = true)]
async fn when_timed_out_no_part_is_taken() {
    let mut caller = a_caller().await;
    caller.queues(second()).await;
    caller.passes(minutes(7)).await;
    for part in [second(), first(), other_second()] {
        says(&mut caller, part, FAILED).await;
    }
}

/// Nothing of it is carried out, its calls end with that code, and no part is taken any more.
async fn is_invalidated(caller: &mut Story, code: &str, parts: &[Call]) {
    for _ in 0..2 {
        for part in parts {
            says(caller, part.clone(), FAILED).await;
        }
        caller.passes(seconds(90)).await;
    }
    assert_eq!(caller.states("order-1").await, ["NotProcessed"]);
    assert_eq!(caller.replies(), [format!("done 2 Error {code}")]);
    assert!(caller.stored().is_empty());
    assert!(caller.due().is_empty());
}

async fn says(caller: &mut Story, call: Call, expected: &str) {
    let answer = caller.sends(call).await;
    assert_eq!(answer.http_status, 200);
    match expected {
        // Why it is in that state, and what helps, stands behind.
        FAILED => {
            let why = answer.said().strip_prefix(FAILED).map(str::to_owned);
            let why = why.unwrap_or_else(|| panic!("{}", answer.said()));
            assert!(why.contains("new ConversationID"), "{why}");
        }
        expected => assert_eq!(answer.said(), expected),
    }
}
