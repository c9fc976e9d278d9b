//! Retrieve page by page: a continuation gives the rest, each result once.

use std::collections::BTreeMap;

use journeys::look::simple;
use journeys::{Story, a_caller, call, days, look_for, part, subscriber};

#[tokio::test(start_paused = true)]
async fn a_query_is_continued_like_a_retrieve() {
    let mut caller = a_caller_with_many(2_600).await;
    let query = |inside: &str| {
        format!(
            r#"<QueryRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><QueryRequest>{inside}</QueryRequest></QueryRequestMsg>"#
        )
    };
    let first = query(
        "<Query><Object><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties></Object></Query>",
    );
    let first = caller.sends_payload(&first, BTreeMap::new()).await;
    assert_eq!(
        (first.overall_status(), first.results().len()),
        ("MoreDataAvailable", 2_500)
    );
    let rest = query(&format!(
        "<ContinueRequest>{}</ContinueRequest>",
        first.request_id()
    ));
    let rest = caller.sends_payload(&rest, BTreeMap::new()).await;
    assert_eq!((rest.overall_status(), rest.results().len()), ("OK", 100));
}

async fn a_caller_with_many(count: usize) -> Story {
    let mut caller = a_caller().await;
    let all = (0..count)
        .map(|number| subscriber(&format!("s{number:05}")))
        .collect();
    let sent = caller.queues(call().doing("Create", all)).await;
    caller.settles().await;
    assert_eq!(caller.state(&sent).await, "Complete");
    caller
}

#[tokio::test(start_paused = true)]
async fn more_than_a_page_is_continued_until_all_is_there() {
    let mut caller = a_caller_with_many(2_600).await;
    let keys: Vec<String> = (0..2_600).map(|number| format!("s{number:05}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let by_keys = look_for("Subscriber").of("SubscriberKey");
    let by_keys = by_keys.filtered(&simple("SubscriberKey", "IN", &keys));
    let first = caller.retrieves(by_keys.clone()).await;
    assert_eq!(
        (first.status.as_str(), first.rows.len()),
        ("MoreDataAvailable", 2_500)
    );
    let rest = caller
        .retrieves(by_keys.continuing(&first.request_id))
        .await;
    assert_eq!((rest.status.as_str(), rest.rows.len()), ("OK", 100));
    assert_eq!(rest.rows[99].at("SubscriberKey"), "s02599");
    let look = look_for("Subscriber").of("SubscriberKey");
    let first = caller.retrieves(look.clone()).await;
    assert_eq!(
        (first.status.as_str(), first.rows.len()),
        ("MoreDataAvailable", 2_500)
    );
    // Some clients repeat what they asked for, others send an empty type.
    let empty = look_for("").continuing(&first.request_id);
    let rest = caller.retrieves(empty).await;
    assert_eq!((rest.status.as_str(), rest.rows.len()), ("OK", 100));
    let again = caller
        .retrieves(look.clone().continuing(&first.request_id))
        .await;
    assert_eq!(
        again.lines("SubscriberKey"),
        rest.lines("SubscriberKey"),
        "asked again"
    );
    let mut keys = [first.lines("SubscriberKey"), rest.lines("SubscriberKey")].concat();
    keys.dedup();
    assert_eq!(keys.len(), 2_600);
    let unknown = caller.retrieves(look.continuing(&rest.request_id)).await;
    assert!(
        unknown
            .status
            .starts_with("Error: There is nothing to continue"),
        "{}",
        unknown.status
    );
    assert!(unknown.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn results_come_in_pages_too() {
    let mut caller = a_caller_with_many(90).await;
    let request_id = caller
        .records()
        .iter()
        .find(|record| !record.text("outcome").is_empty())
        .map(journeys::record::Record::request_id);
    let request_id = request_id.expect("an outcome");
    let look = look_for("ResultItem")
        .of("OrdinalID")
        .by("RequestID", &request_id)
        .in_pages_of(40);
    let mut ordinals = Vec::new();
    let mut page = caller.retrieves(look.clone()).await;
    while page.status == "MoreDataAvailable" {
        assert_eq!(page.rows.len(), 40);
        ordinals.extend(page.lines("OrdinalID"));
        page = caller
            .retrieves(look.clone().continuing(&page.request_id))
            .await;
    }
    ordinals.extend(page.lines("OrdinalID"));
    let expected: Vec<String> = (0..90).map(|number: i32| number.to_string()).collect();
    assert_eq!(ordinals, expected);
}

#[tokio::test(start_paused = true)]
async fn results_behind_expired_ones_are_found() {
    let mut caller = a_caller().await;
    for sequence in 1..=260 {
        caller.queues(part("c", sequence, 261)).await;
    }
    let last = part("c", 261, 261).at("2026-03-12T09:00:00Z");
    caller.queues(last).await;
    caller.passes(days(31)).await;
    assert_eq!(caller.outcomes("c").await, ["261 OK"]);
}

/// Each member once, however many a list has.
#[tokio::test(start_paused = true)]
async fn members_of_a_list_come_page_by_page() {
    const MEMBERS: usize = 2_600;
    let mut caller = a_caller().await;
    let list = r#"<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#;
    let made = caller.does(call().creating(list)).await;
    let id = made.results()[0].line(&["NewID"]);
    let member = |number: usize| {
        format!(
            r#"<Objects xsi:type="Subscriber"><EmailAddress>m{number}@example.com</EmailAddress><SubscriberKey>m{number:04}</SubscriberKey><Lists><CustomerKey>news</CustomerKey></Lists></Objects>"#
        )
    };
    let members = (0..MEMBERS).map(member).collect();
    caller.queues(call().doing("Create", members)).await;
    caller.settles().await;
    let look = || {
        look_for("ListSubscriber")
            .of("SubscriberKey")
            .by("ListID", &id)
    };
    let first = caller.retrieves(look()).await;
    assert_eq!(
        (first.status.as_str(), first.rows.len()),
        ("MoreDataAvailable", 2_500)
    );
    let rest = caller.retrieves(look().continuing(&first.request_id)).await;
    assert_eq!((rest.status.as_str(), rest.rows.len()), ("OK", 100));
    let pages = [first.lines("SubscriberKey"), rest.lines("SubscriberKey")];
    let mut keys = pages.concat();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), MEMBERS);
}
