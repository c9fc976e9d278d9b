//! What replies, Retrieve and REST say of one call agrees, at every moment.

use std::collections::BTreeMap;

use ingest::Request;
use journeys::story::ADDRESS;
use journeys::{
    Call, Story, a_caller, call, look_for, minutes, part, post_to, seconds, subscriber,
};
use serde_json::Value;

const END: &str = "https://client.example.com/end";

/// A subscriber with a CorrelationID.
fn correlated(key: &str, correlation: &str) -> String {
    let start = r#"<Objects xsi:type="Subscriber">"#;
    subscriber(key).replacen(
        start,
        &format!("{start}<CorrelationID>{correlation}</CorrelationID>"),
        1,
    )
}

async fn rest(story: &Story, request: &str, what: &str) -> Value {
    let bearer = format!("Bearer {}", story.token());
    let request = Request {
        method: "GET".to_owned(),
        path: format!("/data/v1/async/{request}/{what}"),
        headers: BTreeMap::from([("authorization".to_owned(), bearer)]),
        ..Request::default()
    };
    let response = story.asks(request).await;
    assert_eq!(response.status, 200, "{}", response.body);
    serde_json::from_str(&response.body).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn end_replies_are_sent_after_every_call_has_its_outcome() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("taken"))).await;
    let count = 150;
    for number in 1..=count {
        let key = match number {
            2 => "taken".to_owned(),
            other => format!("s{other}"),
        };
        let mut part = part("long", number, count)
            .calling_back(ADDRESS)
            .creating(subscriber(&key));
        if [1, 2, 70, count].contains(&number) {
            part = part.replying_to(post_to(END).when("OnConversationComplete"));
        }
        caller.queues(part).await;
    }
    caller.settles().await;
    let replies = caller.replies();
    let mut expected = vec!["done 1 OK".to_owned(), "done 2 Error 12014".to_owned()];
    expected.extend((3..=count).map(|number| format!("done {number} Error 213")));
    expected.extend([1, 2, 70, count].map(|number| format!("end {number} Error 12014")));
    assert_eq!(replies, expected);
}

/// An invalidated conversation whose closing has not been begun, and the RequestIDs of its calls.
async fn a_broken_conversation() -> (Story, Vec<String>) {
    let mut caller = a_caller().await;
    let mut requests = Vec::new();
    for number in [1, 2] {
        let part = part("broken", number, 3)
            .creating(correlated(&format!("a{number}"), &format!("c-{number}")))
            .and(r#"<Objects xsi:type="List"><ListName>l</ListName></Objects>"#);
        requests.push(caller.queues(part).await);
    }
    let other_total = part("broken", 3, 4);
    assert_eq!(caller.sends(other_total).await.error_code(), 200);
    (caller, requests)
}

#[tokio::test(start_paused = true)]
async fn a_final_state_has_its_outcome_whatever_is_still_to_be_written() {
    let (mut caller, requests) = a_broken_conversation().await;
    let states = "Status CallStatus CompleteDate CallMessage";
    let messages = "RequestID OverallStatusCode ErrorCode CreatedDate ResultDetailXML";
    let items = "RequestID StatusCode ErrorCode CorrelationID RequestObjectType CreatedDate";
    let looks = || {
        [
            look_for("AsyncRequestResult").of(states),
            look_for("ResultMessage").of(messages),
            look_for("ResultItem").of(items),
        ]
        .map(|look| {
            [
                look.clone().by("ConversationID", "broken"),
                look.by("RequestID", ""),
            ]
        })
    };
    let mut seen: Vec<Vec<String>> = Vec::new();
    for round in 0..3 {
        let mut all = Vec::new();
        for ([by_conversation, by_request], properties) in
            looks().into_iter().zip([states, messages, items])
        {
            let found = caller.retrieves(by_conversation).await.lines(properties);
            let mut one_by_one = Vec::new();
            for request in &requests {
                let look = by_request.clone().by("RequestID", request);
                one_by_one.extend(caller.retrieves(look).await.lines(properties));
            }
            assert_eq!(found, one_by_one, "{properties}");
            all.extend(found);
        }
        for request in &requests {
            all.push(rest(&caller, request, "status").await["status"].to_string());
            all.push(rest(&caller, request, "results").await["items"].to_string());
        }
        seen.push(all);
        match round {
            0 => caller.local().clock().advance(seconds(7)),
            _ => caller.settles().await,
        }
    }
    assert_eq!(seen[0], seen[1], "before closing, as time goes by");
    assert_eq!(seen[1], seen[2], "once all is written");
    let first = &seen[0];
    assert!(
        first[0].starts_with("NotProcessed Error 2026-03-02T"),
        "{first:?}"
    );
    assert_eq!(first.len(), 2 + 2 + 4 + 4, "{first:?}");
    assert!(first[4].contains("Error 200 c-1 Subscriber"), "{first:?}");
    assert!(first[5].contains("Error 200 List"), "{first:?}");
}

/// What ResultItem, the callback and its ResultDetailXML say of a call that was not carried out.
#[track_caller]
fn check(items: &[String], details: &[String], code: &str) {
    assert_eq!(
        items,
        [
            format!("Error {code} first Subscriber"),
            format!("Error {code} List")
        ]
    );
    for detail in details {
        assert_eq!(detail.matches("<Results").count(), 2, "{detail}");
        assert_eq!(
            detail
                .matches(&format!("<ErrorCode>{code}</ErrorCode>"))
                .count(),
            2
        );
        assert!(
            detail.contains("<CorrelationID>first</CorrelationID>"),
            "{detail}"
        );
        assert!(
            detail.contains("<SubscriberKey>ann</SubscriberKey>"),
            "{detail}"
        );
        assert!(detail.contains("<ListName>news</ListName>"), "{detail}");
    }
}

/// A call of two objects that wants to be told all.
fn telling_all(call: Call) -> Call {
    let all = post_to(ADDRESS)
        .when("Always")
        .with_results()
        .with_objects();
    call.creating(correlated("ann", "first"))
        .and(r#"<Objects xsi:type="List"><ListName>news</ListName></Objects>"#)
        .replying_to(all)
}

async fn items_and_details(caller: &mut Story, request: &str) -> (Vec<String>, Vec<String>) {
    let properties = "StatusCode ErrorCode CorrelationID RequestObjectType";
    let look = look_for("ResultItem")
        .of(properties)
        .by("RequestID", request);
    let items = caller.retrieves(look).await.lines(properties);
    let look = look_for("ResultMessage")
        .of("ResultDetailXML")
        .by("RequestID", request);
    let mut details = caller.retrieves(look).await.lines("ResultDetailXML");
    let replies = caller.callbacks();
    let of_call = replies
        .iter()
        .filter(|callback| callback.field("RequestID") == Some(request));
    details.extend(of_call.map(|callback| {
        callback
            .field("ResultDetailXML")
            .unwrap_or_default()
            .to_owned()
    }));
    assert_eq!(details.len(), 2, "by Retrieve and by callback");
    (items, details)
}

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_comes_back_with_its_objects() {
    for conversation in [None, Some("c")] {
        let mut caller = a_caller().await;
        let later = match conversation {
            None => call(),
            Some(name) => part(name, 1, 1),
        };
        let request = caller
            .queues(telling_all(later.at("2026-03-02T10:00:00Z")))
            .await;
        let delete = format!(
            r#"<Objects xsi:type="ScheduledRequest"><RequestID>{request}</RequestID></Objects>"#
        );
        caller.does(call().deleting(delete)).await;
        caller.passes(minutes(5)).await;
        assert_eq!(caller.state(&request).await, "Cancelled");
        let (items, details) = items_and_details(&mut caller, &request).await;
        check(&items, &details, "204");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_comes_back_with_its_objects() {
    for conversation in [None, Some("c")] {
        let mut caller = a_caller().await;
        caller.goes_into_maintenance(true).await;
        let short = match conversation {
            None => call(),
            Some(name) => part(name, 1, 1),
        };
        let request = caller
            .queues(telling_all(short.until("2026-03-02T09:05:00Z")))
            .await;
        caller.passes(minutes(10)).await;
        caller.goes_into_maintenance(false).await;
        caller.passes(minutes(5)).await;
        assert_eq!(caller.state(&request).await, "Expired");
        let (items, details) = items_and_details(&mut caller, &request).await;
        check(&items, &details, "228");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_processed_or_timed_out_comes_back_with_its_objects() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("taken"))).await;
    caller
        .queues(part("failed", 1, 2).creating(subscriber("taken")))
        .await;
    let not_processed = caller.queues(telling_all(part("failed", 2, 2))).await;
    let timed_out = caller.queues(telling_all(part("silent", 1, 2))).await;
    caller.passes(minutes(10)).await;
    for (request, code) in [(not_processed, "213"), (timed_out, "203")] {
        assert_eq!(caller.state(&request).await, "NotProcessed");
        let (items, details) = items_and_details(&mut caller, &request).await;
        check(&items, &details, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_about_a_conversation_has_the_status_of_the_call_that_ended_it() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("taken"))).await;
    let end = || {
        post_to(END)
            .when("OnConversationComplete")
            .with_results()
            .with_objects()
    };
    let first = part("partly", 1, 3)
        .creating(subscriber("fine"))
        .replying_to(end());
    caller.queues(first).await;
    let second = part("partly", 2, 3)
        .creating(subscriber("taken"))
        .and(subscriber("fresh"))
        .replying_to(end());
    caller.queues(second).await;
    caller.queues(part("partly", 3, 3)).await;
    caller.settles().await;
    assert_eq!(
        caller.replies(),
        ["end 1 Has Errors 12014", "end 2 Has Errors 12014"]
    );
    // The results are those of the call whose option it is.
    let details: Vec<String> = caller
        .callbacks()
        .iter()
        .map(|callback| {
            callback
                .field("ResultDetailXML")
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert!(details[0].contains("fine") && details[0].contains("<OverallStatus>OK<"));
    assert!(details[1].contains("taken") && details[1].contains("<OverallStatus>Has Errors<"));
}

#[tokio::test(start_paused = true)]
async fn a_conversation_does_not_cancel_itself_once_it_has_begun() {
    let mut caller = a_caller().await;
    let itself = r#"<Objects xsi:type="ScheduledConversation"><ConversationID>own</ConversationID></Objects>"#;
    caller.queues(part("own", 1, 2).deleting(itself)).await;
    caller.queues(part("own", 2, 2)).await;
    caller.passes(minutes(2)).await;
    assert_eq!(caller.states("own").await, ["Error", "NotProcessed"]);
    let outcomes = caller.outcomes("own").await;
    assert!(outcomes[0].starts_with("1 Error 222"), "{outcomes:?}");
    assert!(outcomes[1].starts_with("2 Error 213"), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn without_include_objects_there_is_no_object() {
    let mut caller = a_caller().await;
    let replies = call()
        .creating(correlated("ann", "mine"))
        .and(correlated("bob", "41"))
        .replying_to(post_to(ADDRESS).with_results());
    let request = caller.queues(replies).await;
    caller.settles().await;
    let callbacks = caller.callbacks();
    let detail = callbacks[0].field("ResultDetailXML").unwrap_or_default();
    assert_eq!(detail.matches("<Results").count(), 2, "{detail}");
    assert!(!detail.contains("<Object"), "{detail}");
    // A number comes back in place of the index; any CorrelationID with the ResultItem.
    assert!(detail.contains("<OrdinalID>41</OrdinalID>"), "{detail}");
    let look = look_for("ResultItem")
        .of("CorrelationID")
        .by("RequestID", &request);
    assert_eq!(
        caller.retrieves(look).await.lines("CorrelationID"),
        ["mine", "41"]
    );
}
