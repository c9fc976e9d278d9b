//! What the result of a triggered send holds, and how a send names its definition.

use journeys::story::ADDRESS;
use journeys::{a_caller, call, post_to};

const DEFINITION: &str = r#"<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>t</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>s</Subject><TextBody>x</TextBody></Email></Objects>"#;

#[tokio::test(start_paused = true)]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from its beginning to its end"
)]
async fn a_triggered_send_comes_back_with_its_subscribers() {
    let mut caller = a_caller().await;
    caller.does(call().creating(DEFINITION)).await;
    let to = |number: u32, address: &str| {
        format!(
            "<Subscribers><CorrelationID>sub-{number}</CorrelationID><EmailAddress>{address}</EmailAddress><SubscriberKey>k{number}</SubscriberKey></Subscribers>"
        )
    };
    // More than one unit of work takes.
    let mut subscribers: String = (0..20).map(|number| to(number, "a@example.com")).collect();
    subscribers.push_str(&to(20, "nobody"));
    let send = format!(
        r#"<Objects xsi:type="TriggeredSend"><CorrelationID>send</CorrelationID><TriggeredSendDefinition><CustomerKey>t</CustomerKey></TriggeredSendDefinition>{subscribers}</Objects>"#
    );
    let replies = |objects: bool| {
        let to = post_to(ADDRESS).with_results();
        if objects { to.with_objects() } else { to }
    };
    let sent = call()
        .creating(send.clone())
        .replying_to(replies(true))
        .replying_to(replies(false));
    caller.queues(sent).await;
    caller.settles().await;
    let mut details: Vec<String> = caller
        .callbacks()
        .iter()
        .map(|callback| {
            callback
                .field("ResultDetailXML")
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    // The two are told beside one another.
    details.sort_by_key(|detail| std::cmp::Reverse(detail.len()));
    let [whole, none] = details.as_slice() else {
        panic!("two callbacks: {details:?}");
    };
    assert!(
        whole.contains(r#"<Object xsi:type="TriggeredSend">"#),
        "{whole}"
    );
    for number in 0..=20 {
        assert!(whole.contains(&format!("<CorrelationID>sub-{number}</CorrelationID>")));
    }
    assert!(
        whole.contains("<CorrelationID>send</CorrelationID>"),
        "{whole}"
    );
    assert!(
        !none.contains("<Object ") && !none.contains("<Object>"),
        "{none}"
    );
    // The one who failed is told of either way.
    for detail in &details {
        assert_eq!(
            detail.matches("<SubscriberFailures>").count(),
            1,
            "{detail}"
        );
        assert!(
            detail.contains("<CorrelationID>sub-20</CorrelationID>"),
            "{detail}"
        );
    }
    let at_once = caller.does(call().creating(send)).await;
    assert!(
        at_once
            .body
            .contains("<CorrelationID>sub-7</CorrelationID>"),
        "{}",
        at_once.body
    );
}

#[tokio::test(start_paused = true)]
async fn a_send_names_its_definition_by_any_of_its_keys() {
    let mut caller = a_caller().await;
    let definition = DEFINITION.replacen(
        "<CustomerKey>",
        "<PartnerKey>partner</PartnerKey><CustomerKey>",
        1,
    );
    let made = caller.does(call().creating(definition)).await;
    let result = made.results()[0];
    let keys = [
        "<CustomerKey>t</CustomerKey>".to_owned(),
        "<PartnerKey>partner</PartnerKey>".to_owned(),
        format!("<ID>{}</ID>", result.at("NewID")),
        format!("<ObjectID>{}</ObjectID>", result.at("NewObjectID")),
    ];
    for key in &keys {
        let send = format!(
            r#"<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition>{key}</TriggeredSendDefinition><Subscribers><EmailAddress>a@example.com</EmailAddress><SubscriberKey>a</SubscriberKey></Subscribers></Objects>"#
        );
        let request = caller.queues(call().creating(send)).await;
        caller.settles().await;
        assert_eq!(caller.outcome(&request).await, "OK", "{key}");
    }
    assert_eq!(caller.mails().len(), keys.len());
}
