//! How long what is kept of a call lasts: with its results, and never less long than it waits.

use journeys::backend::{Does, settings};
use journeys::story::ADDRESS;
use journeys::{
    Call, Story, a_caller, attribute, call, hours, look_for, minutes, part, subscriber,
};
use local::Service;
use local::names::BODIES_BUCKET;
use local::s3::EXPIRES_DAYS;

use crate::large::noise;

/// Days that results are kept, in these stories.
const RESULTS_DAYS: i64 = 30;

/// The kinds of records of the calls table once AWS has deleted what has expired.
fn left(caller: &Story) -> Vec<String> {
    caller.local().dynamodb().sweep_expired().expect("a sweep");
    let records = caller.records();
    let mut kinds: Vec<String> = records
        .iter()
        .map(|record| record.kind().to_owned())
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn days_pass(caller: &Story, days: i64) {
    caller.local().clock().advance(hours(24 * days));
}

async fn carried_out() -> Story {
    let mut caller = a_caller().await;
    for number in [1, 2, 3] {
        caller
            .queues(part("c", number, 3).calling_back(ADDRESS))
            .await;
    }
    // Too large for its header.
    let large = "x".repeat(3_000);
    let large = format!(
        "<Objects xsi:type=\"List\"><ListName>news</ListName><Description>{large}</Description></Objects>"
    );
    caller.queues(call().creating(large)).await;
    caller
        .queues(call().creating(subscriber("ann")).calling_back(ADDRESS))
        .await;
    caller.settles().await;
    caller
}

#[tokio::test(start_paused = true)]
async fn calls_and_pointers_expire_with_their_results() {
    let mut caller = carried_out().await;
    days_pass(&caller, RESULTS_DAYS - 1);
    assert_eq!(caller.outcomes("c").await.len(), 3);
    assert!(left(&caller).contains(&"CALL".to_owned()));
    // A week for calls that wait, and a week in which a reply may be tried.
    days_pass(&caller, 9);
    assert_eq!(left(&caller), ["CONVERSATION"]);
}

/// However long ago: the ConversationID is used once.
#[tokio::test(start_paused = true)]
async fn a_conversation_id_stays_used_for_ever() {
    let mut caller = carried_out().await;
    days_pass(&caller, 4_000);
    assert_eq!(left(&caller), ["CONVERSATION"]);
    let again = caller.sends(part("c", 1, 3)).await;
    assert!(!again.is_queued(), "{}", again.said());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_200_days_through_maintenance_is_carried_out() {
    let mut caller = a_caller().await;
    // One is parked by its run, one by the timekeeper.
    caller.goes_into_maintenance(true).await;
    for number in [1, 2, 3] {
        caller
            .queues(part("by-its-run", number, 3).calling_back(ADDRESS))
            .await;
    }
    caller.settles().await;
    for number in [2, 1] {
        caller.queues(part("by-the-timekeeper", number, 2)).await;
    }
    caller.queues_are_lost();
    caller.passes(minutes(5)).await;
    let alone = caller.queues(call().creating(subscriber("ann"))).await;
    caller.passes(minutes(5)).await;
    days_pass(&caller, 200);
    assert!(
        left(&caller).contains(&"CALL".to_owned()),
        "{:?}",
        left(&caller)
    );
    caller.goes_into_maintenance(false).await;
    caller.passes(hours(1)).await;
    assert_eq!(caller.states("by-its-run").await, ["Complete"; 3]);
    assert_eq!(caller.states("by-the-timekeeper").await, ["Complete"; 2]);
    assert_eq!(caller.state(&alone).await, "Complete");
    // And then they are kept no longer than others.
    days_pass(&caller, RESULTS_DAYS + 8);
    assert_eq!(left(&caller), ["CONVERSATION"]);
}

/// Its time is a month ahead, and the calls behind it have none of their own.
#[tokio::test(start_paused = true)]
async fn calls_behind_a_deferred_one_wait_as_long() {
    let mut caller = a_caller().await;
    caller.keeps_results(1);
    caller
        .queues(part("c", 1, 2).at("2026-03-30T09:00:00Z"))
        .await;
    caller.queues(part("c", 2, 2)).await;
    caller.settles().await;
    for _ in 0..28 {
        days_pass(&caller, 1);
        left(&caller);
    }
    caller.passes(hours(1)).await;
    assert_eq!(caller.states("c").await, ["Complete"; 2]);
    days_pass(&caller, 9);
    assert_eq!(left(&caller), ["CONVERSATION"]);
}

/// What fails while it waits is given an end like any other, and that goes with its results, too.
#[tokio::test(start_paused = true)]
async fn skipped_calls_expire_too() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    for number in [1, 2] {
        caller.queues(part("c", number, 2)).await;
    }
    caller.settles().await;
    let delete =
        r#"<Objects xsi:type="ScheduledConversation"><ConversationID>c</ConversationID></Objects>"#;
    caller.goes_into_maintenance(false).await;
    caller.sends(call().at_once().deleting(delete)).await;
    caller.passes(hours(1)).await;
    days_pass(&caller, RESULTS_DAYS + 8);
    assert_eq!(left(&caller), ["CONVERSATION"]);
}

/// What waiting costs: a write for each call to keep it, one to let it go, in maintenance alone.
#[tokio::test(start_paused = true)]
async fn only_calls_that_wait_cost_further_writes() {
    let updates = |caller: &Story| {
        let used = caller
            .local()
            .usage()
            .counts()
            .used(Service::DynamoDb, "UpdateItem");
        used.table_writes
    };
    // How quickly its receiver answers is known from the beginning.
    let set_up = updates(&a_caller().await);
    let further = |caller: &Story| updates(caller) - set_up;
    let caller = carried_out().await;
    assert!(further(&caller).abs() < 1e-9, "usual calls cost none");
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    for number in [1, 2, 3] {
        caller.queues(part("c", number, 3)).await;
    }
    caller.settles().await;
    let used = further(&caller);
    assert!((used - 3.0).abs() < 1e-9, "{used}");
    caller.goes_into_maintenance(false).await;
    caller.passes(hours(1)).await;
    let used = further(&caller);
    assert!((used - 6.0).abs() < 1e-9, "{used}");
}

/// With a body that its record cannot hold, however it is deflated.
fn large(call: Call, whose: &str) -> Call {
    let all = [1, 2, 3].map(|number| {
        let name = format!("{whose}-{number}");
        attribute(&name, "Notes", &noise(300_000))
    });
    call.doing("Create", all.to_vec())
}

/// Bodies of calls in the bucket once AWS has deleted what has expired.
fn bodies_left(caller: &Story) -> usize {
    let s3 = caller.local().s3();
    s3.sweep_expired(BODIES_BUCKET);
    let keys = s3.keys(BODIES_BUCKET);
    keys.iter().filter(|key| key.starts_with("calls/")).count()
}

#[tokio::test(start_paused = true)]
async fn a_body_in_the_bucket_lasts_as_long_as_its_call_waits() {
    let mut caller = a_caller().await;
    caller.goes_into_maintenance(true).await;
    caller.queues(large(part("c", 1, 2), "part")).await;
    // Sent again, its body is kept once more, and no record ever points there.
    caller.queues(large(part("c", 1, 2), "part")).await;
    caller.queues(part("c", 2, 2)).await;
    let alone = caller.queues(large(call(), "alone")).await;
    caller.passes(minutes(5)).await;
    assert_eq!(bodies_left(&caller), 3);
    days_pass(&caller, EXPIRES_DAYS + 20);
    assert_eq!(bodies_left(&caller), 2, "what nothing points at is gone");
    left(&caller);
    caller.goes_into_maintenance(false).await;
    caller.passes(hours(1)).await;
    assert_eq!(caller.states("c").await, ["Complete"; 2]);
    assert_eq!(caller.state(&alone).await, "Complete");
    // And then it lasts as long as those of other calls.
    days_pass(&caller, EXPIRES_DAYS - 1);
    assert_eq!(bodies_left(&caller), 2);
    days_pass(&caller, 1);
    assert_eq!(bodies_left(&caller), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_in_the_bucket_costs_no_further_request_where_nothing_waits() {
    let mut caller = a_caller().await;
    caller.queues(large(call(), "alone")).await;
    caller.settles().await;
    let used = caller.local().usage().counts();
    let requests = used
        .operations()
        .filter(|(service, ..)| *service == Service::S3);
    let kinds: Vec<&str> = requests.map(|(_, operation, _)| operation).collect();
    assert_eq!(kinds, ["GetObject", "PutObject"]);
}

/// Its backend goes down in the middle of a call: what is done of it lasts until it goes on.
#[tokio::test(start_paused = true)]
async fn what_a_call_has_done_in_part_lasts_as_long_as_it_waits() {
    let mut caller = a_caller().await;
    let settings = cloud::accounts::backends::BackendSettings {
        objects_per_call: 2,
        ..settings()
    };
    let backend = caller.forwards_as(&settings).await;
    backend.does(Does::Down);
    backend.does_next(&[Does::Well]);
    let all = (1..=5).map(|number| subscriber(&format!("s{number}")));
    let request_id = caller.queues(call().doing("Create", all.collect())).await;
    caller.passes(minutes(5)).await;
    assert_eq!(backend.keys(), ["s1", "s2"]);
    for _ in 0..2 {
        days_pass(&caller, RESULTS_DAYS);
        left(&caller);
    }
    backend.does(Does::Well);
    caller.passes(hours(1)).await;
    assert_eq!(backend.keys(), ["s1", "s2", "s3", "s4", "s5"]);
    let look = look_for("ResultItem").of("OrdinalID StatusCode");
    let found = caller.retrieves(look.by("RequestID", &request_id)).await;
    let expected = ["0 OK", "1 OK", "2 OK", "3 OK", "4 OK"];
    assert_eq!(found.lines("OrdinalID StatusCode"), expected);
    days_pass(&caller, RESULTS_DAYS + 8);
    let left = left(&caller);
    assert!(!left.contains(&"RESULTS".to_owned()), "no longer: {left:?}");
}
