//! Large things: as many objects as there may be, and bodies as long as they may be.

use std::collections::BTreeMap;

use journeys::look::{Look, simple};
use journeys::record::put_call_record;
use journeys::story::ADDRESS;
use journeys::{Call, Node, Story, a_caller, attribute, call, look_for, minutes, part, subscriber};
use local::names::BODIES_BUCKET;
use serde_json::json;

/// The platform's limit for a request, less head-room.
const ENVELOPE_BYTES_MAX: usize = 5_000_000;

#[tokio::test(start_paused = true)]
async fn a_call_may_have_32766_objects() {
    let mut caller = a_caller().await;
    let all = (0..32_766)
        .map(|number| subscriber(&format!("s{number:05}")))
        .collect();
    let sent = caller
        .queues(call().doing("Create", all).calling_back(ADDRESS))
        .await;
    caller.passes(minutes(10)).await;
    assert_eq!(caller.state(&sent).await, "Complete");
    assert_eq!(caller.replies(), ["done OK"]);
    assert_eq!(caller.stored().len(), 32_766);
    let look = look_for("ResultItem").by("RequestID", &sent);
    let pages = all_pages(&mut caller, look, "OrdinalID StatusCode").await;
    let lines = pages.concat();
    assert_eq!(lines.len(), 32_766);
    assert_eq!(lines.last().map(String::as_str), Some("32765 OK"));
    let message = message_of(&mut caller, &sent).await;
    assert_eq!(
        message.line(&["OverallStatusCode", "StatusMessage", "ResultDetailXML"]),
        "OK ResultDetailXML is left out, it is too long for an answer: retrieve ResultItem, which \
         has the result of each object"
    );
}

/// What there is of these properties, page by page.
async fn all_pages(caller: &mut Story, look: Look, properties: &str) -> Vec<Vec<String>> {
    let look = look.of(properties);
    let mut page = caller.retrieves(look.clone()).await;
    let mut pages = vec![page.lines(properties)];
    while page.status == "MoreDataAvailable" {
        let next = look.clone().continuing(&page.request_id);
        page = caller.retrieves(next).await;
        pages.push(page.lines(properties));
    }
    assert_eq!(page.status, "OK");
    pages
}

async fn message_of(caller: &mut Story, request_id: &str) -> Node {
    let look = look_for("ResultMessage").of("OverallStatusCode StatusMessage ResultDetailXML");
    let mut found = caller.retrieves(look.by("RequestID", request_id)).await;
    found.rows.pop().expect("a message")
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_where_an_answer_can_carry_no_more() {
    let mut caller = a_caller().await;
    let keys: Vec<String> = (0..40).map(|number| format!("s{number:02}")).collect();
    for some in keys.chunks(20) {
        let text = noise(200_000);
        let objects = some.iter().map(|key| attribute(key, "Notes", &text));
        caller.does(call().doing("Create", objects.collect())).await;
    }
    let properties = "SubscriberKey Attributes.Name Attributes.Value";
    let named: Vec<&str> = keys.iter().map(String::as_str).collect();
    let by_key = simple("SubscriberKey", "IN", &named);
    let by_status = simple("Status", "equals", &["Active"]);
    for filter in [by_key, by_status] {
        let look = look_for("Subscriber").filtered(&filter);
        let pages = all_pages(&mut caller, look, properties).await;
        let full = pages.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(full, [24, 16], "as many as go into 5 MB, and the rest");
        let mut found: Vec<String> = pages.concat();
        found.sort();
        assert!(
            found
                .iter()
                .zip(&keys)
                .all(|(row, key)| row.starts_with(key))
        );
    }
}

/// Twenty-two subscribers of 4.4 MB, which take half as much again in the JSON of a function's
/// answer.
fn broken_lines() -> Call {
    let text = "x\n".repeat(100_000);
    let objects = (0..22).map(|number| attribute(&format!("s{number}"), "Notes", &text));
    call().doing("Create", objects.collect())
}

#[tokio::test(start_paused = true)]
async fn an_answer_leaves_out_the_objects_that_it_cannot_carry() {
    let mut caller = a_caller().await;
    let answer = caller.does(broken_lines()).await;
    check_without_objects(&answer.results());

    let mut caller = a_caller().await;
    let sent = caller.queues(broken_lines()).await;
    caller.settles().await;
    let message = message_of(&mut caller, &sent).await;
    assert_eq!(message.line(&["OverallStatusCode", "StatusMessage"]), "OK");
    let detail = Node::read(message.at("ResultDetailXML"));
    check_without_objects(&detail.all("Results").collect::<Vec<_>>());
}

#[track_caller]
fn check_without_objects(results: &[&Node]) {
    assert_eq!(results.len(), 22);
    let last = results[21].line(&["StatusCode", "StatusMessage", "OrdinalID"]);
    assert_eq!(last, "OK Created Subscriber. 21");
    assert!(
        results
            .iter()
            .all(|result| result.child("Object").is_none())
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_very_many_objects_is_said_as_often_as_an_answer_can_carry() {
    let mut caller = a_caller().await;
    let all = (0..32_767).map(|_| subscriber("ann")).collect();
    let answer = caller.sends(call().doing("Create", all)).await;
    assert_eq!(answer.error_code(), 218);
    let results = answer.results().len();
    assert!((20_000..32_767).contains(&results), "{results}");
    let fewer = (0..10_000).map(|_| subscriber("ann")).collect();
    let fewer = call().doing("Create", fewer);
    let answer = caller
        .sends(fewer.with("ConversationID", "x".repeat(256)))
        .await;
    assert_eq!((answer.error_code(), answer.results().len()), (212, 10_000));
}

/// Text that no compression makes much shorter, and always the same.
fn noise(bytes: usize) -> String {
    let mut state: u64 = 88_172_645_463_325_252;
    let reply_mail = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
                [usize::from(state.to_le_bytes()[7] & 63)],
        )
    };
    (0..bytes).map(reply_mail).collect()
}

/// A call whose objects have so many bytes together, each no more than a record holds.
fn long(bytes: usize) -> Call {
    let text = noise(bytes);
    let pieces = text.as_bytes().chunks(200_000).enumerate();
    let objects = pieces.map(|(number, piece)| {
        let piece = std::str::from_utf8(piece).expect("plain letters");
        attribute(&format!("s{number}"), "Notes", piece)
    });
    call().doing("Create", objects.collect())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_no_record_holds_goes_to_the_bucket() {
    let mut caller = a_caller().await;
    let sent = caller.queues(long(4_900_000).calling_back(ADDRESS)).await;
    assert!(
        !caller.local().s3().keys(BODIES_BUCKET).is_empty(),
        "it lies in the bucket"
    );
    caller.settles().await;
    assert_eq!(caller.state(&sent).await, "Complete");
    let notes = look_for("Subscriber")
        .of("Attributes")
        .by("SubscriberKey", "s3");
    let notes = caller.retrieves(notes).await;
    assert_eq!(
        notes.rows[0].at("Attributes.Value"),
        &noise(800_000)[600_000..]
    );
}

/// The table gives no more than a megabyte at once: all calls of this conversation come in one
/// answer, their outcomes in several.
#[tokio::test(start_paused = true)]
async fn request_states_are_answered_however_long_the_results_are() {
    let mut caller = a_caller().await;
    for sequence in 1..=5 {
        caller.queues(part("c", sequence, 5)).await;
    }
    caller.settles().await;
    let results = json!({ "B": "A".repeat(400_000) });
    for record in caller.records() {
        if record.kind() == "OUTCOME" {
            let mut long = record.json().clone();
            long["results"] = results.clone();
            put_call_record(caller.local(), &long);
        }
    }
    assert_eq!(caller.states("c").await, ["Complete"; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let mut caller = a_caller().await;
    let payload = |padding: usize| {
        let padding = "x".repeat(padding);
        format!(
            r#"<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><RequestType>Asynchronous</RequestType></Options><!--{padding}--><Objects xsi:type="Subscriber"><EmailAddress>a@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Objects></CreateRequest>"#
        )
    };
    let fits = ENVELOPE_BYTES_MAX - caller.envelope(&payload(0)).len();
    let answer = caller.sends_payload(&payload(fits), BTreeMap::new()).await;
    assert!(answer.is_queued(), "{}", answer.said());
    let answer = caller
        .sends_payload(&payload(fits + 1), BTreeMap::new())
        .await;
    assert_eq!(answer.http_status, 500);
    assert_eq!(
        answer.said(),
        "soap:Client The request has 5000001 bytes; at most 5000000 are accepted. Split it into several"
    );
}
