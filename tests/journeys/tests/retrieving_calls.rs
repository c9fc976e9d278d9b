//! Retrieve of calls: their states and results, by the ids that they have.

use journeys::look::{both, simple};
use journeys::{Story, a_caller, call, hours, look_for, part, subscriber};
use local::faults::InjectedFault;

use crate::retrieving::make;

#[tokio::test(start_paused = true)]
async fn request_states_are_answered_at_every_moment() {
    let mut caller = a_caller().await;
    let late = caller.queues(make("late").at("2026-03-02T10:00:00Z")).await;
    caller.queues(part("c", 1, 2)).await;
    caller
        .queues(
            make("cancelled")
                .with("ConversationID", "d")
                .at("2026-03-02T11:00:00Z"),
        )
        .await;
    assert_eq!(caller.states("c").await, ["Gathering"]);
    caller
        .queues(part("c", 2, 2).creating(subscriber("c-1")))
        .await;
    assert_eq!(caller.states("c").await, ["Queued", "Queued"]);
    caller.settles().await;
    assert_eq!(caller.states("c").await, ["Complete", "Error"]);
    assert_eq!(caller.state(&late).await, "Scheduled");
    caller.passes(hours(1)).await;
    assert_eq!(caller.state(&late).await, "Complete");
    let delete =
        r#"<Objects xsi:type="ScheduledConversation"><ConversationID>d</ConversationID></Objects>"#;
    caller.does(call().deleting(delete)).await;
    caller.settles().await;
    assert_eq!(caller.states("d").await, ["Cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_half_done_is_processing() {
    let mut caller = a_caller().await;
    let objects = (0..200)
        .map(|number| subscriber(&format!("s{number}")))
        .collect();
    let sent = caller.queues(call().doing("Create", objects)).await;
    let mut transactions = 0;
    caller.local().faults().by(move |_, aws_request| {
        transactions += u32::from(aws_request.operation == "TransactWriteItems");
        (aws_request.operation == "TransactWriteItems" && transactions > 1)
            .then_some(InjectedFault::LoseRequest)
    });
    caller.settles().await;
    assert_eq!(caller.state(&sent).await, "Processing");
    assert_eq!(caller.outcome(&sent).await, "", "no result yet");
    caller.local().faults().clear();
    caller.passes(hours(1)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
    assert_eq!(caller.stored().len(), 200);
}

#[tokio::test(start_paused = true)]
async fn results_are_found_by_either_id_property() {
    let mut caller = a_caller().await;
    let one = caller.queues(part("c", 1, 2)).await;
    let two = caller.queues(part("c", 2, 2)).await;
    let alone = caller.queues(make("alone")).await;
    caller.settles().await;
    let properties = "ObjectID CustomerKey Status CallStatus CompleteDate";
    let now = "2026-03-02T09:00:00Z";
    let ended = |id: &str, name: &str| format!("{id} {name} Complete OK {now}");
    let look = |name: &str, value: &str| {
        look_for("AsyncRequestResult")
            .of(properties)
            .by(name, value)
    };
    for name in ["ObjectID", "RequestID"] {
        let found = caller.retrieves(look(name, &one)).await;
        assert_eq!(found.lines(properties), [ended(&one, "c")]);
        let found = caller.retrieves(look(name, &one.to_uppercase())).await;
        assert_eq!(found.rows.len(), 1, "some clients write GUIDs in capitals");
    }
    for name in ["CustomerKey", "ConversationID"] {
        let found = caller.retrieves(look(name, "c")).await;
        assert_eq!(
            found.lines(properties),
            [ended(&one, "c"), ended(&two, "c")]
        );
    }
    let several = simple("RequestID", "IN", &[&alone, &two]);
    let found = caller
        .retrieves(
            look_for("AsyncRequestResult")
                .of("ObjectID")
                .filtered(&several),
        )
        .await;
    assert_eq!(found.lines("ObjectID"), [alone, two]);
}

const RESULTS: [&str; 3] = ["ResultMessage", "ResultItem", "AsyncRequestResult"];

/// How many results of each kind a filter finds.
async fn counts(caller: &mut Story, filter: &str) -> [usize; 3] {
    let mut counts = [0; 3];
    for (count, object_type) in counts.iter_mut().zip(RESULTS) {
        let look = look_for(object_type).of("RequestID").filtered(filter);
        *count = caller.retrieves(look).await.rows.len();
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn a_known_id_is_found_once_however_it_is_written() {
    let mut caller = a_caller().await;
    let alone = caller.queues(make("ann")).await;
    let one = caller.queues(part("c", 1, 2)).await;
    caller.queues(part("c", 2, 2)).await;
    caller.queues(part(" c", 1, 1)).await;
    caller.settles().await;
    for id in [&alone, &one] {
        let pretty = format!("\n    {id}\n  ");
        let capitals = format!("\t{} ", id.to_uppercase());
        for filter in [
            simple("RequestID", "equals", &[&pretty]),
            simple("RequestID", "IN", &[id, id, id]),
            simple("RequestID", "IN", &[id, &pretty, &capitals]),
        ] {
            assert_eq!(counts(&mut caller, &filter).await, [1; 3], "{filter}");
        }
    }
    let both_of_them = simple("RequestID", "IN", &[&alone, "nothing", &one, &alone]);
    assert_eq!(counts(&mut caller, &both_of_them).await, [2; 3]);
    let twice = simple("ConversationID", "IN", &["c", "c"]);
    assert_eq!(counts(&mut caller, &twice).await, [2; 3]);
    // Blanks are a part of the names that callers give.
    let other = simple("ConversationID", "equals", &[" c"]);
    assert_eq!(counts(&mut caller, &other).await, [1; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_call_and_its_conversation_can_be_named_together() {
    let mut caller = a_caller().await;
    let alone = caller.queues(make("ann")).await;
    let one = caller.queues(part("c", 1, 1)).await;
    caller.settles().await;
    for (request, conversation, expected) in [
        (&alone, alone.as_str(), 1),
        (&one, "c", 1),
        (&alone, "c", 0),
        (&one, &alone, 0),
    ] {
        let request = simple("RequestID", "equals", &[request]);
        let conversation = simple("ConversationID", "equals", &[conversation]);
        let filter = both(&request, "AND", &conversation);
        let found = counts(&mut caller, &filter).await;
        assert_eq!(found, [expected; 3], "{filter}");
        let filter = both(&conversation, "AND", &request);
        let found = counts(&mut caller, &filter).await;
        assert_eq!(found, [expected; 3], "{filter}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_never_seen_gives_nothing() {
    let mut caller = a_caller().await;
    for object_type in RESULTS {
        for name in ["RequestID", "ConversationID"] {
            for id in ["6f0c2f6e-0000-4000-8000-000000000000", "nothing", ""] {
                let look = look_for(object_type).of("RequestID").by(name, id);
                let found = caller.retrieves(look).await;
                assert_eq!(
                    (found.status.as_str(), found.rows.len()),
                    ("OK", 0),
                    "{name} {id}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_account_sees_nothing() {
    let mut caller = a_caller().await;
    let alone = caller.queues(make("ann")).await;
    let named = caller.queues(part("c", 1, 1)).await;
    caller.queues(part("d", 1, 2)).await;
    caller.settles().await;
    let mut other = caller.another_caller("1002").await;
    for object_type in RESULTS {
        for (name, id) in [
            ("RequestID", alone.as_str()),
            ("RequestID", &named),
            ("ConversationID", "c"),
            ("ConversationID", "d"),
            ("ConversationID", &alone),
        ] {
            let look = look_for(object_type).of("RequestID").by(name, id);
            assert!(
                other.retrieves(look.clone()).await.rows.is_empty(),
                "{object_type} {name}"
            );
            let own = caller.retrieves(look).await.rows.len();
            let is_gathering = id == "d" && object_type != "AsyncRequestResult";
            assert_eq!(own, usize::from(!is_gathering));
        }
    }
    let look = look_for("Subscriber").of("SubscriberKey");
    assert!(other.retrieves(look).await.rows.is_empty());
}
