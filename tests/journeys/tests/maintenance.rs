//! One switch: calls are taken in and wait, everything else goes on.

use std::collections::BTreeMap;

use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, hours, look_for, minutes, part, seconds, subscriber};
use local::CallbackAnswer;

async fn system_status(caller: &mut Story) -> String {
    let payload = r#"<SystemStatusRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options/></SystemStatusRequestMsg>"#;
    let answer = caller.sends_payload(payload, BTreeMap::new()).await;
    answer
        .payload()
        .at("Results.Result.SystemStatus")
        .to_owned()
}

#[tokio::test(start_paused = true)]
async fn calls_are_taken_in_and_run_in_order_afterwards() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    for number in [2, 3, 1] {
        caller
            .queues(part("c", number, 3).calling_back(ADDRESS))
            .await;
    }
    let alone = caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.passes(hours(8)).await;
    assert_eq!(caller.states("c").await, ["Queued", "Queued", "Queued"]);
    assert_eq!(caller.state(&alone).await, "Queued");
    assert!(caller.stored().is_empty() && caller.replies().is_empty());
    caller.goes_into_maintenance(false).await;
    caller.passes(seconds(60)).await;
    let replies = caller.replies();
    let of_c: Vec<&String> = replies.iter().filter(|line| *line != "done OK").collect();
    assert_eq!(of_c, ["done 1 OK", "done 2 OK", "done 3 OK"]);
    assert_eq!(replies.len(), 4);
    caller.passes(hours(1)).await;
    assert!(caller.due().is_empty());
    for queue in local::names::QUEUES {
        assert!(
            caller.local().sqs().dead_letters(queue).is_empty(),
            "no delivery was burnt"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stops_between_two_calls_and_goes_on() {
    let mut caller = a_caller().await;
    caller.queues(part("c", 1, 2)).await;
    caller
        .queues(part("c", 2, 2).at("2026-03-02T09:30:00Z"))
        .await;
    caller.settles().await;
    caller.goes_into_maintenance(true).await;
    caller.passes(hours(1)).await;
    assert_eq!(caller.states("c").await, ["Complete", "Queued"]);
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(2)).await;
    assert_eq!(caller.states("c").await, ["Complete", "Complete"]);
    assert_eq!(caller.stored(), ["c-1", "c-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_synchronous_call_is_refused_in_maintenance() {
    let mut caller = a_caller().await;
    assert_eq!(system_status(&mut caller).await, "OK");
    caller.goes_into_maintenance(true).await;
    assert_eq!(system_status(&mut caller).await, "InMaintenance");
    let answer = caller
        .sends(call().creating(subscriber("ann")).at_once())
        .await;
    assert_eq!(answer.http_status, 500);
    let said = answer.said();
    assert!(said.starts_with("soap:Server 9 In Maintenance"), "{said}");
    assert!(caller.stored().is_empty());
    caller.goes_into_maintenance(false).await;
    assert_eq!(system_status(&mut caller).await, "OK");
    caller.does(call().creating(subscriber("ann"))).await;
}

#[tokio::test(start_paused = true)]
async fn replies_and_retrievals_go_on() {
    let mut caller = a_caller().await;
    caller
        .local()
        .callbacks()
        .answer_next(ADDRESS, CallbackAnswer::status(500));
    let sent = caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    assert_eq!(caller.callbacks().len(), 1);
    caller.goes_into_maintenance(true).await;
    caller.passes(minutes(1)).await;
    assert_eq!(caller.callbacks().len(), 2, "tried again");
    assert_eq!(caller.outcome(&sent).await, "OK");
    let look = look_for("Subscriber")
        .of("SubscriberKey")
        .by("SubscriberKey", "ann");
    assert_eq!(caller.retrieves(look).await.rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn conversations_time_out_in_maintenance_too() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    caller.queues(part("c", 1, 2).calling_back(ADDRESS)).await;
    caller.passes(minutes(7)).await;
    assert_eq!(caller.states("c").await, ["NotProcessed"]);
    assert_eq!(caller.replies(), ["done 1 Error 203"]);
}

/// Each part of the index is a request, every minute; one more asks for mails that a definition holds back,
/// and one for what is due at data extensions: half a cent a month each, so that they need not wait a
/// quarter of an hour.
#[tokio::test(start_paused = true)]
async fn the_parked_are_looked_for_only_after_a_maintenance() {
    let caller = a_caller().await;
    let parts = usize::from(cloud::due::SHARDS);
    let others = 2;
    caller.local().clock().advance(minutes(5));
    assert_eq!(parts_looked_through(&caller).await, parts + others);
    caller.goes_into_maintenance(true).await;
    assert_eq!(parts_looked_through(&caller).await, parts + others);
    caller.goes_into_maintenance(false).await;
    assert_eq!(parts_looked_through(&caller).await, 2 * parts + others);
}

async fn parts_looked_through(caller: &Story) -> usize {
    let before = caller.local().faults().journal().len();
    caller.stack.recover().await.expect("nothing is in its way");
    let journal = caller.local().faults().journal();
    let made = journal.iter().skip(before);
    made.filter(|entry| entry.operation == "Query").count()
}
