//! What is sent and not read: named in the answer's head, kept with the call, refused for accounts
//! that are strict.

use std::collections::BTreeMap;

use ingest::{Request, Response};
use journeys::{Story, a_caller};

const TYPO: &str = "<RequestType>Asynchronous</RequestType><ScheduleTime>2026-03-03T09:00:00Z</ScheduleTime><ConversationId>c</ConversationId>";

async fn sends(caller: &Story, request: &str) -> Response {
    let headers = BTreeMap::from([("content-type".to_owned(), "text/xml".to_owned())]);
    let request = Request {
        method: "POST".to_owned(),
        path: "/Service.asmx".to_owned(),
        body: caller.envelope(request).into_bytes(),
        headers,
        ..Request::default()
    };
    caller.asks(request).await
}

fn create(attributes: &str, options: &str) -> String {
    format!(
        r#"<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options{attributes}>{options}</Options><Objects xsi:type="Subscriber"><SubscriberKey>ann</SubscriberKey><EmailAddress>ann@example.com</EmailAddress></Objects></CreateRequest>"#
    )
}

fn warnings(answer: &Response) -> Vec<&str> {
    let headers = answer.headers.iter();
    let warnings = headers.filter(|(name, _)| *name == "aftercall-warning");
    warnings.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_misspelt_option_is_named_with_the_one_that_is_meant() {
    let caller = a_caller().await;
    let answer = sends(&caller, &create("", TYPO)).await;
    assert!(answer.body.contains("Queued"), "{}", answer.body);
    assert_eq!(
        warnings(&answer),
        [
            "\"Element 'ScheduleTime' of Options is not read. Is ScheduledTime meant?\"",
            "\"Element 'ConversationId' of Options is not read. Is ConversationID meant?\"",
        ]
    );
    let good = "<RequestType>Asynchronous</RequestType>";
    let answer = sends(&caller, &create("", good)).await;
    assert!(warnings(&answer).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_attribute_where_an_element_is_meant_is_named() {
    let caller = a_caller().await;
    let answer = sends(&caller, &create(" RequestType=\"Asynchronous\"", "")).await;
    assert!(
        answer.body.contains("Created Subscriber"),
        "{}",
        answer.body
    );
    assert_eq!(
        warnings(&answer),
        [
            "\"Attribute 'RequestType' of Options is not read. An element RequestType inside it is meant\""
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_counts_for_later_is_named_in_a_call_for_now() {
    let caller = a_caller().await;
    let options = "<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>https://c.example.com/cb</ResponseAddress></SendResponseTo><QueuePriority>High</QueuePriority>";
    let answer = sends(&caller, &create("", options)).await;
    assert!(
        answer.body.contains("Created Subscriber"),
        "{}",
        answer.body
    );
    assert_eq!(
        warnings(&answer),
        [
            "\"SendResponseTo is not read in a synchronous call. It counts with RequestType Asynchronous\"",
            "\"QueuePriority is not read in a synchronous call. It counts with RequestType Asynchronous\"",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_strict_account_is_refused_instead() {
    let mut caller = a_caller().await;
    caller.account_is_strict().await;
    for request in [
        create("", TYPO),
        create(" RequestType=\"Asynchronous\"", ""),
        create("", "<QueuePriority>High</QueuePriority>"),
    ] {
        let before = caller.records().len();
        let answer = sends(&caller, &request).await;
        assert!(answer.body.contains("<ErrorCode>204<"), "{}", answer.body);
        assert!(
            answer.body.contains("This account is strict"),
            "{}",
            answer.body
        );
        assert_eq!(caller.records().len(), before, "nothing of it is kept");
        assert!(!warnings(&answer).is_empty(), "and what it is, too");
    }
    let good = "<RequestType>Asynchronous</RequestType>";
    let answer = sends(&caller, &create("", good)).await;
    assert!(answer.body.contains("Queued"), "{}", answer.body);
}
