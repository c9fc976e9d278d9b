//! What a caller retrieves: stored objects by filters and in pages, and where each call stands.

use std::collections::BTreeMap;

use journeys::look::{both, simple};
use journeys::{
    Call, Story, a_caller, attribute, call, days, hours, look_for, minutes, part, subscriber,
};
use local::faults::InjectedFault;

fn make(name: &str) -> Call {
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
async fn found(caller: &mut Story, filter: &str) -> String {
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

fn row(key: &str, number: &str) -> String {
    let pair = |name: &str, value: &str| format!("<Name>{name}</Name><Value>{value}</Value>");
    format!(
        r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>prices</CustomerKey><Properties><Property>{}</Property><Property>{}</Property></Properties></Objects>"#,
        pair("Article", key),
        pair("Price", number)
    )
}

async fn a_caller_with_prices() -> Story {
    let mut caller = a_caller().await;
    let field = |name: &str, kind: &str, primary: bool| {
        format!(
            "<Field><Name>{name}</Name><FieldType>{kind}</FieldType><IsPrimaryKey>{primary}</IsPrimaryKey><IsRequired>{primary}</IsRequired></Field>"
        )
    };
    let extension = format!(
        r#"<Objects xsi:type="DataExtension"><CustomerKey>prices</CustomerKey><Name>Our prices</Name><Fields>{}{}</Fields></Objects>"#,
        field("Article", "Text", true),
        field("Price", "Number", false)
    );
    caller
        .queues(
            call()
                .with("ConversationID", "c")
                .with("SequenceCode", 1)
                .with("CallsInConversation", 2)
                .creating(extension),
        )
        .await;
    let rows = call()
        .with("ConversationID", "c")
        .with("SequenceCode", 2)
        .with("CallsInConversation", 2);
    caller
        .queues(
            rows.creating(row("apple", "3"))
                .and(row("pear", "10"))
                .and(row("plum", "4")),
        )
        .await;
    caller.passes(minutes(1)).await;
    assert_eq!(caller.outcomes("c").await, ["1 OK", "2 OK"]);
    caller
}

#[tokio::test(start_paused = true)]
async fn rows_are_retrieved_by_the_key_of_their_data_extension() {
    let mut caller = a_caller_with_prices().await;
    for name in ["prices", "Our prices"] {
        let dear = simple("Price", "greaterThan", &["3"]);
        let look = look_for(&format!("DataExtensionObject[{name}]"))
            .of("Article Price")
            .filtered(&dear);
        let found = caller.retrieves(look).await;
        let rows = found.rows.iter().map(|row| {
            let properties = row.child("Properties").expect("a row has properties");
            let pair = |pair: &journeys::Node| format!("{}={}", pair.at("Name"), pair.at("Value"));
            properties
                .all("Property")
                .map(pair)
                .collect::<Vec<_>>()
                .join(" ")
        });
        let mut rows: Vec<String> = rows.collect();
        rows.sort();
        assert_eq!(rows, ["Article=pear Price=10", "Article=plum Price=4"]);
        let unknown =
            look_for(&format!("DataExtensionObject[{name}]")).of("article Cost CustomerKey");
        assert_eq!(
            caller.retrieves(unknown).await.status,
            format!(
                "Error: The Request Property(s) Cost do not match with the fields of DataExtensionObject[{name}] retrieve"
            )
        );
        let unknown = look_for(&format!("DataExtensionObject[{name}]"))
            .of("Article")
            .filtered(&simple("Cost", "greaterThan", &["3"]));
        assert_eq!(
            caller.retrieves(unknown).await.status,
            "Error: The Filter Property 'Cost' is not a retrievable property."
        );
    }
}

/// A few of those that have no meaning of their own here, each with what is nested in it.
#[tokio::test(start_paused = true)]
async fn objects_of_every_type_come_back() {
    let mut caller = a_caller().await;
    for (object_type, inside, path, expected) in [
        (
            "FilterDefinition",
            "<Name>n</Name><DataFilter xsi:type=\"ComplexFilterPart\"><LeftOperand xsi:type=\"SimpleFilterPart\"><Property>City</Property><SimpleOperator>equals</SimpleOperator><Value>Rome</Value></LeftOperand><LogicalOperator>OR</LogicalOperator></DataFilter>",
            "Name DataFilter.LeftOperand.Value",
            "n Rome",
        ),
        (
            "Automation",
            "<AutomationTasks><AutomationTask><Name>step</Name><Activities><Activity><Sequence>2</Sequence></Activity></Activities></AutomationTask></AutomationTasks><Status>3</Status>",
            "AutomationTasks.AutomationTask.Activities.Activity.Sequence Status",
            "2 3",
        ),
        (
            "AccountUser",
            "<UserID>u</UserID><Name>n</Name><Email>a@b.co</Email><Delete>0</Delete><Roles><Role><Name>admin</Name></Role></Roles>",
            "UserID Roles.Role.Name",
            "u admin",
        ),
        (
            "Template",
            "<LayoutHTML>html</LayoutHTML>",
            "LayoutHTML",
            "html",
        ),
        ("Send", "<Subject>s</Subject>", "Subject", "s"),
        (
            "Asset",
            "<Data><email><options>o</options></email></Data>",
            "Data.email.options",
            "o",
        ),
        (
            "ScheduleDefinition",
            "<Recurrence xsi:type=\"WeeklyRecurrence\"><WeekInterval>3</WeekInterval></Recurrence>",
            "Recurrence.WeekInterval",
            "3",
        ),
    ] {
        let object = format!(
            "<Objects xsi:type=\"{object_type}\"><CustomerKey>k</CustomerKey>{inside}</Objects>"
        );
        caller.does(call().at_once().creating(object)).await;
        let names = path.split(' ').map(|path| path.split('.').next());
        let names: Vec<&str> = names.map(Option::unwrap_or_default).collect();
        let look = look_for(object_type).of(&names.join(" "));
        let found = caller.retrieves(look.by("CustomerKey", "k")).await;
        assert_eq!(found.lines(path), [expected], "{object_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_has_its_defaults_and_can_be_deleted_by_its_id() {
    let mut caller = a_caller().await;
    let fields = "<Field><Name>Id</Name><IsPrimaryKey>true</IsPrimaryKey><MaxLength>9</MaxLength></Field>\
        <Field><Name>Born</Name><FieldType>Date</FieldType></Field>\
        <Field><Name>Hat</Name><IsRequired>true</IsRequired></Field>";
    let extension = |fields: &str| {
        format!(
            "<Objects xsi:type=\"DataExtension\"><CustomerKey>k</CustomerKey><Fields>{fields}</Fields></Objects>"
        )
    };
    caller
        .does(call().at_once().creating(extension(fields)))
        .await;
    let all = "Ordinal Name FieldType IsPrimaryKey IsRequired CustomerKey";
    let look = || look_for("DataExtensionField").by("DataExtension.CustomerKey", "k");
    let found = caller
        .retrieves(look().of(&format!("{all} ObjectID")))
        .await;
    assert_eq!(
        found.lines(all),
        [
            "0 Id Text true true [k].[Id]",
            "1 Born Date false false [k].[Born]",
            "2 Hat Text false true [k].[Hat]"
        ]
    );
    let ids = found.lines("ObjectID");
    let again = caller.retrieves(look().of("ObjectID")).await;
    assert_eq!(again.lines("ObjectID"), ids);
    let born = format!("<Field><ObjectID>{}</ObjectID></Field>", ids[1]);
    caller
        .does(call().at_once().deleting(extension(&born)))
        .await;
    let left = caller.retrieves(look().of("Name")).await;
    assert_eq!(left.lines("Name"), ["Id", "Hat"]);
}

/// What follows the members of a list asks for those that changed since it asked last.
#[tokio::test(start_paused = true)]
async fn memberships_have_their_dates() {
    let mut caller = a_caller().await;
    let list = r#"<Objects xsi:type="List"><CustomerKey>news</CustomerKey><ListName>News</ListName></Objects>"#;
    caller.does(call().creating(list)).await;
    let member = |key: &str, status: &str| {
        format!(
            r#"<Objects xsi:type="Subscriber"><SubscriberKey>{key}</SubscriberKey><EmailAddress>{key}@example.com</EmailAddress><Lists><CustomerKey>news</CustomerKey><Status>{status}</Status></Lists></Objects>"#
        )
    };
    for key in ["ann", "bob"] {
        caller.does(call().creating(member(key, "Active"))).await;
    }
    caller.passes(hours(1)).await;
    let since = caller.now();
    caller.passes(hours(1)).await;
    caller
        .does(call().updating(member("bob", "Unsubscribed")))
        .await;
    let changed = format!(
        r#"<FILTER xsi:type="SimpleFilterPart"><Property>ModifiedDate</Property><SimpleOperator>greaterThanOrEqual</SimpleOperator><DateValue>{since}</DateValue></FILTER>"#
    );
    let properties = "SubscriberKey Status";
    let look = look_for("ListSubscriber").of(properties);
    let all = caller.retrieves(look.clone()).await.lines(properties);
    assert_eq!(all, ["ann Active", "bob Unsubscribed"]);
    let found = caller.retrieves(look.filtered(&changed)).await;
    assert_eq!(found.lines(properties), ["bob Unsubscribed"]);
    let created = look_for("ListSubscriber").of("CreatedDate ModifiedDate");
    let dates = caller
        .retrieves(created)
        .await
        .lines("CreatedDate ModifiedDate");
    let [ann, bob] = dates.as_slice() else {
        panic!("two members")
    };
    let same = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(one, other)| one == other)
    };
    assert_eq!((same(ann), same(bob)), (true, false), "{dates:?}");
}

#[tokio::test(start_paused = true)]
async fn memberships_go_with_their_list_and_do_not_come_back_with_it() {
    let mut caller = a_caller().await;
    let list = |name: &str| {
        format!(
            r#"<Objects xsi:type="List"><CustomerKey>{name}</CustomerKey><ListName>{name}</ListName></Objects>"#
        )
    };
    let member = |lists: &str| {
        format!(
            r#"<Objects xsi:type="Subscriber"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey>{lists}</Objects>"#
        )
    };
    let on = |name: &str| format!("<Lists><CustomerKey>{name}</CustomerKey></Lists>");
    caller
        .does(call().creating(list("gone")).and(list("stays")))
        .await;
    let both = on("gone") + &on("stays");
    caller.does(call().creating(member(&both))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [2, 2]);
    caller.does(call().deleting(list("gone"))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [1, 1]);
    caller.does(call().creating(list("gone"))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [1, 1], "it begins anew");
    caller.does(call().updating(member(&on("gone")))).await;
    assert_eq!(lists_of_ann(&mut caller).await, [2, 2]);
}

/// On how many lists the subscriber is, as ListSubscriber and as the Subscriber itself tell.
async fn lists_of_ann(caller: &mut Story) -> [usize; 2] {
    let members = look_for("ListSubscriber")
        .of("ListID Status")
        .by("SubscriberKey", "ann");
    let members = caller.retrieves(members).await;
    let all = caller
        .retrieves(look_for("ListSubscriber").of("ListID"))
        .await;
    assert_eq!(
        members.rows.len(),
        all.rows.len(),
        "by its key and by looking through"
    );
    let subscriber = look_for("Subscriber")
        .of("SubscriberKey Lists")
        .by("SubscriberKey", "ann");
    let subscriber = caller.retrieves(subscriber).await;
    [members.rows.len(), subscriber.rows[0].all("Lists").count()]
}
