//! What a run reads ahead: calls several at a time, however large they are.

use journeys::{a_caller, minutes, part, record, subscriber};
use local::Service;

/// Text that does not pack well.
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed;
    let reply_mail = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).expect("a letter"))
    };
    (0..length).map(reply_mail).collect()
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_conversation_are_read_ten_at_a_time() {
    let mut caller = a_caller().await;
    for number in 1..=25 {
        caller.queues(part("c", number, 25)).await;
    }
    let usage = caller.local().usage().clone();
    let mark = usage.counts();
    caller.settles().await;
    let used = usage.since(&mark);
    // The header with 23 to 25; then 1 to 10, 11 to 20, 21 to 25.
    let queries: Vec<_> = used
        .operations()
        .filter(|(service, operation, _)| *service == Service::DynamoDb && *operation == "Query")
        .map(|(_, _, used)| used.requests)
        .collect();
    assert_eq!(queries, [4.0]);
    assert_eq!(caller.states("c").await, vec!["Complete"; 25]);
}

/// Of calls of some 300 KB each an answer of the table holds three.
#[tokio::test(start_paused = true)]
async fn large_calls_are_carried_out_in_their_order_too() {
    let mut caller = a_caller().await;
    let large = |number: u64, half: u64| {
        let attribute = |nth| {
            let text = noise(number * 10_000 + half * 1_000 + nth, 250);
            format!("<Attributes><Name>n{nth}</Name><Value>{text}</Value></Attributes>")
        };
        let attributes: String = (0..900).map(attribute).collect();
        let end = "<SubscriberKey>";
        subscriber(&format!("person-{number}-{half}")).replace(end, &format!("{attributes}{end}"))
    };
    for number in [4, 2, 5, 1, 6, 3] {
        let sequence = i64::try_from(number).expect("a number");
        let call = part("c", sequence, 6).doing("Create", vec![large(number, 0), large(number, 1)]);
        caller.queues(call).await;
    }
    caller.settles().await;
    let outcomes = caller.outcomes("c").await;
    assert!(outcomes.len() == 6, "{outcomes:?}");
    assert!(
        caller.stored().iter().any(|key| key.contains("person-6-1")),
        "the last one, too: {outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_damaged_call_does_not_hold_up_those_before_it() {
    // With the header, and behind it.
    for (damaged, calls) in [(3, 3), (8, 12)] {
        let mut caller = a_caller().await;
        caller.goes_into_maintenance(true).await;
        for number in 1..=calls {
            caller.queues(part("c", number, calls)).await;
        }
        let records = caller.records();
        let sort = format!("CALL#{damaged:010}");
        let record = records.iter().find(|record| record.text("sk") == sort);
        let mut item = record.expect("the call").json().clone();
        // Says that it is deflated, and is not.
        item["call"]["B"] = "AQ==".into();
        record::put_call_record(caller.local(), &item);
        caller.goes_into_maintenance(false).await;
        caller.passes(minutes(5)).await;
        let before = usize::try_from(damaged - 1).expect("a number");
        assert_eq!(caller.stored().len(), before, "of {calls}");
    }
}
