//! An earlier version that meets records of a later one: it leaves them alone.

use journeys::record::put_call_record;
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, hours, minutes, subscriber};
use serde_json::{Value, json};

fn header(caller: &Story) -> Value {
    let records = caller.records();
    let header = records.iter().find(|it| it.kind() == "CONVERSATION");
    header.expect("a conversation").json().clone()
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_later_version_is_neither_carried_out_nor_failed() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    let request_id = caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.passes(minutes(10)).await;
    let known = header(&caller);
    let mut later = known.clone();
    later["layout"] = json!({ "N": "3" });
    put_call_record(caller.local(), &later);
    caller.goes_into_maintenance(false).await;
    // Long enough for every delivery of every wake-up, and for the timekeeper to come by 600 times.
    caller.passes(hours(10)).await;
    assert_eq!(header(&caller), later, "nothing of it was changed");
    assert!(caller.stored().is_empty() && caller.replies().is_empty());
    // The later version is back.
    put_call_record(caller.local(), &known);
    caller.passes(minutes(2)).await;
    assert_eq!(caller.state(&request_id).await, "Complete");
    assert_eq!(caller.replies(), ["done OK"]);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_record_delays_no_other_conversation() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    caller.queues(call().creating(subscriber("ann"))).await;
    caller.passes(minutes(10)).await;
    let mut later = header(&caller);
    later["layout"] = json!({ "N": "3" });
    put_call_record(caller.local(), &later);
    for number in 0..9 {
        let key = format!("ben-{number}");
        caller.queues(call().creating(subscriber(&key))).await;
    }
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(3)).await;
    assert_eq!(caller.stored().len(), 9);
}
