//! Calls that are looked for without an id: by their time and how they stand.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use journeys::look::{both, simple};
use journeys::{Story, a_caller, call, days, hours, look_for, minutes, part, subscriber};

/// What a Retrieve by that filter finds, page by page of so many.
async fn found(caller: &mut Story, kind: &str, of: &str, filter: &str, size: u32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut look = look_for(kind).of(of).filtered(filter).in_pages_of(size);
    loop {
        let page = caller.retrieves(look.clone()).await;
        assert!(page.rows.len() <= size as usize, "{} rows", page.rows.len());
        lines.extend(page.lines(of));
        match page.status.as_str() {
            "OK" => return lines,
            "MoreDataAvailable" => look = look.continuing(&page.request_id),
            other => panic!("{other}"),
        }
    }
}

fn between(from: Timestamp, to: Timestamp) -> String {
    simple(
        "CreatedDate",
        "between",
        &[&from.to_string(), &to.to_string()],
    )
}

/// Calls over three days: alone and in conversations, good ones and bad ones, some that wait.
async fn three_days(caller: &mut Story) -> BTreeMap<String, Timestamp> {
    let mut arrived = BTreeMap::new();
    for day in 0..3 {
        for number in 0..20 {
            let key = format!("{day}-{number}");
            let made = match number % 5 {
                // There is no such subscriber.
                4 => call().deleting(subscriber(&key)),
                3 => call().creating(subscriber(&key)).at(caller.now() + days(9)),
                _ => call().creating(subscriber(&key)),
            };
            arrived.insert(caller.queues(made).await, caller.now());
        }
        // Takes 76 minutes to gather: longer than those that are looked for an hour back.
        for number in 1..=20 {
            let made = part(&format!("long-{day}"), number, 20);
            arrived.insert(caller.queues(made).await, caller.now());
            caller.passes(minutes(4)).await;
        }
        for number in 1..=3 {
            let made = part(&format!("short-{day}"), number, 3);
            arrived.insert(caller.queues(made).await, caller.now());
        }
        caller.passes(hours(22)).await;
    }
    caller.settles().await;
    arrived
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_time_are_found_without_an_id_each_once() {
    let mut caller = a_caller().await;
    let mut other = caller.another_caller("9").await;
    let arrived = three_days(&mut caller).await;
    let began = *arrived.values().min().expect("calls");
    let theirs = other.queues(call().creating(subscriber("x"))).await;
    let windows = [
        (began, began + days(4)),
        (began, began),
        (began + SignedDuration::from_mins(30), began + minutes(50)),
        (began + minutes(70), began + days(1)),
        (began + hours(23), began + hours(24)),
        (began + days(5), began + days(6)),
    ];
    for (from, to) in windows {
        for size in [7, 2_500] {
            let kind = "AsyncRequestResult";
            let mut listed = found(&mut caller, kind, "ObjectID", &between(from, to), size).await;
            listed.sort();
            let is_within = |(_, at): &(&String, &Timestamp)| (from..=to).contains(*at);
            let expected: Vec<&String> =
                arrived.iter().filter(is_within).map(|(id, _)| id).collect();
            assert_eq!(
                listed.iter().collect::<Vec<_>>(),
                expected,
                "{from} {to} {size}"
            );
        }
    }
    let all = simple("CreatedDate", "greaterThan", &["2020-01-01T00:00:00Z"]);
    let listed = found(&mut other, "AsyncRequestResult", "ObjectID", &all, 5).await;
    assert_eq!(listed, [theirs], "nobody else's");
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_day_that_did_not_complete_are_found() {
    let mut caller = a_caller().await;
    three_days(&mut caller).await;
    let all = simple("CreatedDate", "greaterThan", &["2020-01-01T00:00:00Z"]);
    for (status, expected) in [("Error", 12), ("Scheduled", 12), ("Gathering", 0)] {
        let filter = both(&all, "AND", &simple("Status", "equals", &[status]));
        let listed = found(&mut caller, "AsyncRequestResult", "Status", &filter, 5).await;
        assert_eq!(listed, vec![status; expected]);
    }
    let incomplete = both(&all, "AND", &simple("Status", "notEquals", &["Complete"]));
    let listed = found(
        &mut caller,
        "AsyncRequestResult",
        "Status",
        &incomplete,
        100,
    )
    .await;
    assert_eq!(listed.len(), 24);
    let failed = both(&all, "AND", &simple("StatusCode", "equals", &["Error"]));
    for kind in ["ResultMessage", "ResultItem"] {
        let listed = found(&mut caller, kind, "StatusCode", &failed, 5).await;
        assert_eq!(listed, vec!["Error"; 12], "{kind}");
    }
    let named = both(
        &all,
        "AND",
        &simple("ConversationID", "beginsWith", &["long-"]),
    );
    let listed = found(&mut caller, "ResultMessage", "ConversationID", &named, 11).await;
    assert_eq!(listed.len(), 60);
}

/// A result is created when its call ends.
#[tokio::test(start_paused = true)]
async fn results_are_found_by_the_time_at_which_their_calls_ended() {
    let mut caller = a_caller().await;
    let at = caller.now() + hours(20);
    let deferred = caller
        .queues(call().creating(subscriber("ann")).at(at))
        .await;
    caller.passes(hours(21)).await;
    let window = between(at - minutes(1), at + minutes(2));
    let listed = found(&mut caller, "ResultMessage", "RequestID", &window, 5).await;
    assert_eq!(listed, [deferred.as_str()]);
    let before = between(at - hours(20), at - minutes(1));
    let listed = found(&mut caller, "ResultMessage", "RequestID", &before, 5).await;
    assert!(listed.is_empty(), "{listed:?}");
    let listed = found(&mut caller, "AsyncRequestResult", "ObjectID", &before, 5).await;
    assert_eq!(listed, [deferred.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn a_query_without_a_first_date_names_the_filter_it_needs() {
    let mut caller = a_caller().await;
    for filter in [
        simple("Status", "equals", &["Error"]),
        simple("CreatedDate", "lessThan", &["2026-11-20T00:00:00Z"]),
        simple("CreatedDate", "greaterThan", &["yesterday"]),
    ] {
        let look = look_for("AsyncRequestResult")
            .of("RequestID")
            .filtered(&filter);
        let status = caller.retrieves(look).await.status;
        assert!(status.contains("CreatedDate"), "{filter}: {status}");
    }
}
