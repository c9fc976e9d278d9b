//! Retrieve of stored objects: what filters find, and which properties are answered.

use journeys::look::{both, simple};
use journeys::{Call, Story, a_caller, attribute, call, hours, look_for, subscriber};

pub(crate) fn make(name: &str) -> Call {
    call().creating(subscriber(name))
}

async fn a_caller_with_subscribers() -> Story {
    let mut caller = a_caller().await;
    let with_status = |name: &str, status: &str| {
        let status = format!("<Status>{status}</Status></Objects>");
        subscriber(name).replace("</Objects>", &status)
    };
    let all = call()
        .creating(with_status("ann", "Active"))
        .and(with_status("bob", "Unsubscribed"))
        .and(with_status("cid", "Held"))
        .and(with_status("dan", "Active"))
        .and(attribute("eve", "City", "Rome"));
    caller.does(all).await;
    caller
}

/// The keys of the subscribers that a filter admits.
pub(crate) async fn found(caller: &mut Story, filter: &str) -> String {
    let look = look_for("Subscriber").of("SubscriberKey").filtered(filter);
    let mut keys = caller.retrieves(look).await.lines("SubscriberKey");
    keys.sort();
    keys.join(" ")
}

#[tokio::test(start_paused = true)]
async fn simple_filters_find() {
    let mut caller = a_caller_with_subscribers().await;
    let key = "SubscriberKey";
    for (property, operator, values, expected) in [
        (key, "equals", &["ann"][..], "ann"),
        (key, "equals", &["nobody"], ""),
        (key, "notEquals", &["ann"], "bob cid dan eve"),
        (key, "IN", &["ann", "eve", "nobody"], "ann eve"),
        (key, "greaterThan", &["cid"], "dan eve"),
        (key, "greaterThanOrEqual", &["cid"], "cid dan eve"),
        (key, "lessThan", &["cid"], "ann bob"),
        (key, "lessThanOrEqual", &["cid"], "ann bob cid"),
        (key, "between", &["bob", "dan"], "bob cid dan"),
        ("EmailAddress", "like", &["n@ex"], "ann dan"),
        ("Status", "equals", &["Active"], "ann dan eve"),
        ("Status", "notEquals", &["Active"], "bob cid"),
        ("UnsubscribedDate", "isNull", &[], "ann cid dan eve"),
        ("UnsubscribedDate", "isNotNull", &[], "bob"),
    ] {
        let filter = simple(property, operator, values);
        assert_eq!(
            found(&mut caller, &filter).await,
            expected,
            "{property} {operator} {values:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn complex_filters_find() {
    let mut caller = a_caller_with_subscribers().await;
    let active = simple("Status", "equals", &["Active"]);
    let held = simple("Status", "equals", &["Held"]);
    let late = simple("SubscriberKey", "greaterThan", &["b"]);
    let ann = simple("SubscriberKey", "equals", &["ann"]);
    for (filter, expected) in [
        (both(&active, "AND", &late), "dan eve"),
        (both(&active, "OR", &held), "ann cid dan eve"),
        (both(&ann, "AND", &held), ""),
        (both(&ann, "AND", &active), "ann"),
        (
            both(&both(&active, "OR", &held), "AND", &late),
            "cid dan eve",
        ),
        (both(&late, "AND", &both(&ann, "OR", &held)), "cid"),
    ] {
        assert_eq!(found(&mut caller, &filter).await, expected, "{filter}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_named_is_answered() {
    let mut caller = a_caller_with_subscribers().await;
    let look = look_for("Subscriber")
        .of("EmailAddress Status")
        .by("SubscriberKey", "ann");
    let found = caller.retrieves(look).await;
    assert_eq!(
        found.lines("EmailAddress Status SubscriberKey"),
        ["ann@example.com Active"]
    );
    let look = look_for("Nothing").of("ID").by("ID", "1");
    let status = caller.retrieves(look).await.status;
    assert_eq!(
        status,
        "Error: Unable to find a handler for object type: Nothing. Object types are \
         case-sensitive, check spelling."
    );
}

#[tokio::test(start_paused = true)]
async fn dates_are_compared_as_times() {
    let mut caller = a_caller().await;
    for name in ["nine", "ten", "eleven"] {
        caller.does(make(name)).await;
        caller.passes(hours(1)).await;
    }
    let dated = |operator: &str, times: &[&str]| {
        let times: String = times
            .iter()
            .map(|time| format!("<DateValue>{time}</DateValue>"))
            .collect();
        simple("CreatedDate", operator, &[]).replace("</FILTER>", &format!("{times}</FILTER>"))
    };
    let ten = "2026-03-02T10:00:00Z";
    // The same instant, as the service's own time without zone, and elsewhere.
    for same in [ten, "2026-03-02T04:00:00", "2026-03-02T12:00:00+02:00"] {
        for (operator, expected) in [
            ("equals", "ten"),
            ("notEquals", "eleven nine"),
            ("greaterThan", "eleven"),
            ("greaterThanOrEqual", "eleven ten"),
            ("lessThan", "nine"),
            ("lessThanOrEqual", "nine ten"),
        ] {
            let found_dated = found(&mut caller, &dated(operator, &[same])).await;
            assert_eq!(found_dated, expected, "{operator} {same}");
            let by_value = simple("CreatedDate", operator, &[same]);
            assert_eq!(
                found(&mut caller, &by_value).await,
                expected,
                "{operator} {same}"
            );
        }
    }
    let between = dated("between", &["2026-03-02T09:30:00Z", "2026-03-02T11:00:00Z"]);
    assert_eq!(found(&mut caller, &between).await, "eleven ten");
    let since = dated("between", &[ten, "9999-12-31T23:59:59Z"]);
    assert_eq!(found(&mut caller, &since).await, "eleven ten");
    let several = dated("IN", &["2026-03-02T09:00:00Z", "2026-03-02T11:00:00Z"]);
    assert_eq!(found(&mut caller, &several).await, "eleven nine");
}

#[tokio::test(start_paused = true)]
async fn a_complex_filter_has_as_many_operands_as_it_likes() {
    let mut caller = a_caller_with_subscribers().await;
    let key = |key: &str| simple("SubscriberKey", "equals", &[key]);
    let operand = |part: &str| {
        part.replace("<FILTER", "<Operand")
            .replace("</FILTER>", "</Operand>")
    };
    let more = |parts: &[String]| {
        let operands: String = parts.iter().map(|part| operand(part)).collect();
        format!("<AdditionalOperands>{operands}</AdditionalOperands></FILTER>")
    };
    let filter = both(&key("ann"), "OR", &key("bob"));
    let four = filter.replace("</FILTER>", &more(&[key("eve"), key("cid")]));
    assert_eq!(found(&mut caller, &four).await, "ann bob cid eve");
    let active = simple("Status", "equals", &["Active"]);
    let late = simple("SubscriberKey", "greaterThan", &["b"]);
    let early = simple("SubscriberKey", "lessThan", &["e"]);
    let three = both(&active, "AND", &late).replace("</FILTER>", &more(&[early]));
    assert_eq!(found(&mut caller, &three).await, "dan");
    let mut deep = key("ann");
    for _ in 0..12 {
        deep = both(&key("ann"), "AND", &deep);
    }
    assert_eq!(found(&mut caller, &deep).await, "ann");
}

#[tokio::test(start_paused = true)]
async fn properties_reach_in_with_dots() {
    let mut caller = a_caller_with_subscribers().await;
    let eve = |properties: &str| {
        look_for("Subscriber")
            .of(properties)
            .by("SubscriberKey", "eve")
    };
    // An attribute is none without its value.
    let found = caller.retrieves(eve("Attributes.Name")).await;
    assert_eq!(
        found.lines("Attributes.Name Attributes.Value EmailAddress"),
        ["City Rome"]
    );
    let found = caller.retrieves(eve("Attributes EmailAddress")).await;
    let all = "Attributes.Name Attributes.Value EmailAddress";
    assert_eq!(found.lines(all), ["City Rome eve@example.com"]);
    let found = caller.retrieves(eve("Client.ID SubscriberKey")).await;
    assert_eq!(found.lines("SubscriberKey"), ["eve"]);
}

#[tokio::test(start_paused = true)]
async fn a_property_that_no_such_object_has_is_named() {
    let mut caller = a_caller_with_subscribers().await;
    for (object_type, properties, unknown) in [
        ("Subscriber", "SubscriberKey Bogus", "Bogus"),
        (
            "Subscriber",
            "Bogus Client.ID Client.Bogus subscriberkey",
            "Bogus, Client.Bogus, subscriberkey",
        ),
        ("Subscriber", "EmailAddress.Bogus", "EmailAddress.Bogus"),
        ("List", "ListName Bogus", "Bogus"),
        ("ListSubscriber", "ListID Bogus", "Bogus"),
        ("TriggeredSendDefinition", "Bogus", "Bogus"),
        (
            "DataExtensionField",
            "Name DataExtension.CustomerKey Bogus",
            "Bogus",
        ),
        (
            "ImportDefinition",
            "DestinationObject.Fields Bogus",
            "Bogus",
        ),
        ("ResultItem", "OrdinalID Bogus", "Bogus"),
        ("ResultMessage", "Bogus", "Bogus"),
        (
            "AsyncRequestResult",
            "RequestID ConversationID Status Bogus",
            "Bogus",
        ),
    ] {
        let look = look_for(object_type).of(properties).by("RequestID", "x");
        let found = caller.retrieves(look).await;
        let expected = format!(
            "Error: The Request Property(s) {unknown} do not match with the fields of {object_type} retrieve"
        );
        assert_eq!(found.status, expected);
        assert!(found.rows.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_property_that_no_such_object_can_be_found_by_is_named() {
    let mut caller = a_caller_with_subscribers().await;
    let known = simple("CustomerKey", "equals", &["ann"]);
    for (object_type, property) in [
        ("Subscriber", "Bogus"),
        ("Subscriber", "subscriberkey"),
        ("Subscriber", "Client.Bogus"),
        ("List", "SubscriberKey"),
        ("ListSubscriber", "EmailAddress"),
        ("TriggeredSendDefinition", "Bogus"),
        ("DataExtensionField", "DataExtension.Bogus"),
        ("ResultItem", "Bogus"),
        ("ResultMessage", "CorrelationId"),
        ("AsyncRequestResult", "Bogus"),
        ("Automation", "Bogus"),
        ("PrivateDomain", "Name"),
    ] {
        let unknown = simple(property, "isNull", &[]);
        let deep = both(&known, "AND", &both(&known, "OR", &unknown));
        for filter in [unknown.clone(), deep] {
            let look = look_for(object_type).of("CustomerKey").filtered(&filter);
            let found = caller.retrieves(look).await;
            let expected =
                format!("Error: The Filter Property '{property}' is not a retrievable property.");
            assert_eq!(found.status, expected, "{object_type}");
            assert!(found.rows.is_empty());
        }
    }
    let look = look_for("Automation")
        .of("AutomationTasks")
        .by("Status", "x");
    assert_eq!(caller.retrieves(look).await.status, "OK");
    let look = look_for("AsyncRequestResult").of("Status");
    let look = look.by("ConversationID", "x");
    assert_eq!(caller.retrieves(look).await.status, "OK");
}
