//! What invocations may hold is bounded by what their environment has, whatever callers send.

use std::collections::BTreeMap;

use journeys::{Story, a_caller, attribute, call, minutes, subscriber};
use local::names::MEDIUM_QUEUE;

/// A call whose one object has so many elements without content.
fn hollow(elements: usize) -> String {
    let elements = "<a/>".repeat(elements);
    format!(
        r#"<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><RequestType>Asynchronous</RequestType></Options><Objects xsi:type="Portfolio"><CustomerKey>k</CustomerKey>{elements}</Objects></CreateRequest>"#
    )
}

async fn queues_hollow(caller: &mut Story, elements: usize) -> String {
    let answer = caller
        .sends_payload(&hollow(elements), BTreeMap::new())
        .await;
    assert!(answer.is_queued(), "{}", answer.said());
    answer.request_id()
}

/// An invocation that held more than there is would have been killed, and its messages be in flight.
#[track_caller]
fn nobody_was_killed(caller: &Story) {
    assert_eq!(caller.local().sqs().in_flight(MEDIUM_QUEUE), 0);
    assert_eq!(caller.local().sqs().depth(MEDIUM_QUEUE), 0);
}

#[tokio::test(start_paused = true)]
async fn ten_calls_of_390_000_elements_in_one_batch_pass() {
    let mut caller = a_caller().await;
    let mut sent = Vec::new();
    for _ in 0..10 {
        sent.push(queues_hollow(&mut caller, 390_000).await);
    }
    caller.settles().await;
    nobody_was_killed(&caller);
    for request_id in sent {
        let outcome = caller.outcome(&request_id).await;
        assert!(
            outcome.starts_with("Error 204 The object is too large"),
            "{outcome}"
        );
    }
}

/// The other end: few elements, and as many bytes as an envelope holds.
#[tokio::test(start_paused = true)]
async fn two_calls_of_five_megabytes_in_one_batch_pass() {
    let mut caller = a_caller().await;
    let notes = "x\n".repeat(100_000);
    let mut sent = Vec::new();
    for of in 0..2 {
        let all = (0..22).map(|number| attribute(&format!("s{of}-{number}"), "Notes", &notes));
        sent.push(caller.queues(call().doing("Create", all.collect())).await);
    }
    caller.settles().await;
    nobody_was_killed(&caller);
    for request_id in sent {
        assert_eq!(caller.state(&request_id).await, "Complete");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_very_many_objects_in_one_batch_pass() {
    let mut caller = a_caller().await;
    let mut sent = Vec::new();
    for of in 0..3 {
        let all = (0..32_766).map(|number| subscriber(&format!("s{of}-{number:05}")));
        let call = call().doing("Create", all.collect());
        sent.push(caller.queues(call).await);
    }
    caller.passes(minutes(2)).await;
    nobody_was_killed(&caller);
    for request_id in sent {
        assert_eq!(caller.state(&request_id).await, "Complete");
    }
}
