//! The thirteen operations of the port type: each answers, and what is not supported is said with
//! the original's codes and words, never with a bare fault.

use std::collections::BTreeMap;

use journeys::{Answer, Node, Story, a_caller, call, subscriber};

async fn sent(caller: &mut Story, root: &str, inside: &str) -> Answer {
    let payload =
        format!(r#"<{root} xmlns="http://exacttarget.com/wsdl/partnerAPI">{inside}</{root}>"#);
    caller.sends_payload(&payload, BTreeMap::new()).await
}

fn object(element: &str, type_name: &str) -> String {
    format!(r#"<{element} xsi:type="{type_name}"><CustomerKey>k</CustomerKey></{element}>"#)
}

/// Root of the answer, OverallStatus, and code and text of the first result.
fn summary(answer: &Answer) -> String {
    let payload = answer.payload();
    let results = match payload.child("Results") {
        Some(list) if list.child("Result").is_some() => list.all("Result").collect(),
        _ => answer.results(),
    };
    let first = results.first().copied().cloned().unwrap_or_default();
    let said = first.line(&["ErrorCode", "StatusMessage"]);
    format!("{} {} {said}", payload.name, answer.overall_status())
        .trim_end()
        .to_owned()
}

/// Root of the request, what is in it, and what is answered.
#[expect(
    clippy::too_many_lines,
    reason = "a table: one entry for each operation"
)]
fn operations() -> Vec<(&'static str, String, &'static str)> {
    let subscriber =
        r#"<Objects xsi:type="Subscriber"><SubscriberKey>ann</SubscriberKey></Objects>"#;
    let retrieve = "<ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties>";
    vec![
        (
            "CreateRequest",
            subscriber.to_owned(),
            "CreateResponse Error 12014 The subscriber is already on the list",
        ),
        (
            "RetrieveRequestMsg",
            format!("<RetrieveRequest>{retrieve}</RetrieveRequest>"),
            "RetrieveResponseMsg OK",
        ),
        (
            "UpdateRequest",
            subscriber.to_owned(),
            "UpdateResponse OK Updated Subscriber.",
        ),
        (
            "QueryRequestMsg",
            format!(r#"<QueryRequest><Query><Object>{retrieve}</Object></Query></QueryRequest>"#),
            "QueryResponseMsg OK",
        ),
        (
            "DefinitionRequestMsg",
            "<DescribeRequests><ObjectDefinitionRequest><ObjectType>List</ObjectType></ObjectDefinitionRequest></DescribeRequests>".to_owned(),
            "DefinitionResponseMsg",
        ),
        (
            "ExecuteRequestMsg",
            "<Requests><Name>LogUnsubEvent</Name></Requests>".to_owned(),
            "ExecuteResponseMsg Error 8 This operation does not support the APIObject of type [LogUnsubEvent]",
        ),
        (
            "PerformRequestMsg",
            format!("<Action>start</Action><Definitions>{}</Definitions>", object("Definition", "Subscriber")),
            "PerformResponseMsg Error 100 The Perform method is not supported for the Subscriber object",
        ),
        (
            "ConfigureRequestMsg",
            format!("<Action>Create</Action><Configurations>{}</Configurations>", object("Configuration", "PropertyDefinition")),
            "ConfigureResponseMsg Error 5 Cannot perform Configure on objects of type PropertyDefinition",
        ),
        (
            "ScheduleRequestMsg",
            format!("<Action>start</Action><Interactions>{}</Interactions>", object("Interaction", "Subscriber")),
            "ScheduleResponseMsg Error 105 The Schedule method is not supported for the Subscriber object",
        ),
        (
            "VersionInfoRequestMsg",
            "<IncludeVersionHistory>true</IncludeVersionHistory>".to_owned(),
            "VersionInfoResponseMsg",
        ),
        ("SystemStatusRequestMsg", String::new(), "SystemStatusResponseMsg OK System Status Retrieved"),
        (
            "DeleteRequest",
            subscriber.to_owned(),
            "DeleteResponse OK Subscriber deleted",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_operation_answers() {
    let mut caller = a_caller().await;
    caller.does(call().creating(subscriber("ann"))).await;
    for (root, inside, expected) in operations() {
        let answer = sent(&mut caller, root, &inside).await;
        assert_eq!(answer.http_status, 200, "{root}: {}", answer.body);
        assert_eq!(summary(&answer), expected);
        assert_eq!(answer.payload().all("RequestID").count(), 1, "{root}");
    }
    let extract = sent(
        &mut caller,
        "ExtractRequestMsg",
        "<Requests><ID>unknown</ID></Requests>",
    )
    .await;
    assert_eq!(extract.http_status, 200, "{}", extract.body);
    assert_eq!(extract.overall_status(), "Error");
    assert!(
        (31_000..32_000).contains(&extract.error_code()),
        "{}",
        extract.body
    );
}

/// Root of the request, the object's type, and what is said of it.
const UNSUPPORTED: [(&str, &str, &str); 10] = [
    (
        "CreateRequest",
        "Nothing",
        "8 This operation does not support the APIObject of type [Nothing]",
    ),
    (
        "UpdateRequest",
        "Nothing",
        "8 This operation does not support the APIObject of type [Nothing]",
    ),
    (
        "DeleteRequest",
        "Nothing",
        "8 This operation does not support the APIObject of type [Nothing]",
    ),
    // Names of types are case-sensitive.
    (
        "CreateRequest",
        "subscriber",
        "8 This operation does not support the APIObject of type [subscriber]",
    ),
    (
        "CreateRequest",
        "ResultItem",
        "5 Cannot perform Create on objects of type ResultItem",
    ),
    (
        "UpdateRequest",
        "ResultMessage",
        "5 Cannot perform Update on objects of type ResultMessage",
    ),
    (
        "DeleteRequest",
        "AsyncRequestResult",
        "5 Cannot perform Delete on objects of type AsyncRequestResult",
    ),
    (
        "CreateRequest",
        "ScheduledRequest",
        "5 Cannot perform Create on objects of type ScheduledRequest",
    ),
    (
        "UpdateRequest",
        "ScheduledConversation",
        "5 Cannot perform Update on objects of type ScheduledConversation",
    ),
    (
        "UpdateRequest",
        "TriggeredSend",
        "5 Cannot perform Update on objects of type TriggeredSend",
    ),
];

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_supported_has_the_originals_code() {
    let mut caller = a_caller().await;
    for (root, type_name, expected) in UNSUPPORTED {
        let answer = sent(&mut caller, root, &object("Objects", type_name)).await;
        let said = answer.results()[0].line(&["ErrorCode", "StatusMessage"]);
        assert_eq!((answer.http_status, said.as_str()), (200, expected));
        let options = "<Options><RequestType>Asynchronous</RequestType></Options>";
        let later = sent(
            &mut caller,
            root,
            &format!("{options}{}", object("Objects", type_name)),
        )
        .await;
        // At the door the name that is meant may be said, too.
        let said = later.said();
        assert!(said.starts_with(&format!("Error {expected}")), "{said}");
    }
    for (root, list, item) in [
        ("ScheduleRequestMsg", "Interactions", "Interaction"),
        ("ConfigureRequestMsg", "Configurations", "Configuration"),
    ] {
        let two = object(item, "Subscriber") + &object(item, "List");
        let answer = sent(&mut caller, root, &format!("<{list}>{two}</{list}>")).await;
        let results = answer.payload().child("Results").expect("results");
        assert_eq!(results.all("Result").count(), 2, "one for each");
        let none = sent(&mut caller, root, "").await;
        assert!(
            summary(&none).contains("6 No object specified"),
            "{}",
            none.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_operation_is_a_fault_with_the_originals_words() {
    let mut caller = a_caller().await;
    let unknown = sent(&mut caller, "UnknownRequest", "").await;
    assert_eq!(unknown.http_status, 500);
    assert_eq!(
        unknown.said(),
        "soap:Client 'UnknownRequest' is not a request of this service"
    );
    let payload = r#"<VersionInfoRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/>"#;
    let action = |action: &str| BTreeMap::from([("soapaction".to_owned(), action.to_owned())]);
    let other = caller.sends_payload(payload, action("\"Test\"")).await;
    assert_eq!(
        other.said(),
        "soap:Client Server did not recognize the value of HTTP Header SOAPAction: Test. The SOAPAction \
         is 'Test' and the Body is a VersionInfo: send one of both otherwise"
    );
    for good in ["\"VersionInfo\"", "VersionInfo", "", "\"\""] {
        let answer = caller.sends_payload(payload, action(good)).await;
        assert_eq!(answer.payload().name, "VersionInfoResponseMsg", "{good}");
    }
}

/// The properties that Describe tells of a type, with their types.
async fn described(caller: &mut Story, types: &[&str]) -> Vec<Node> {
    let request = |name: &&str| {
        format!(
            "<ObjectDefinitionRequest><ObjectType>{name}</ObjectType></ObjectDefinitionRequest>"
        )
    };
    let requests: String = types.iter().map(request).collect();
    let inside = format!("<DescribeRequests>{requests}</DescribeRequests>");
    let answer = sent(caller, "DefinitionRequestMsg", &inside).await;
    assert_eq!(
        answer.payload().name,
        "DefinitionResponseMsg",
        "{}",
        answer.body
    );
    answer.payload().all("ObjectDefinition").cloned().collect()
}

fn properties(definition: &Node) -> Vec<String> {
    let properties = definition.all("Properties");
    properties
        .map(|property| property.line(&["Name", "DataType"]))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_type_is_described_with_all_that_it_inherits() {
    let mut caller = a_caller().await;
    for (type_name, count, first, last) in [
        ("Template", 29, "Client ClientID", "PreHeader String"),
        ("Send", 50, "Client ClientID", "SuppressionLists Array"),
        (
            "BusinessUnit",
            52,
            "Client ClientID",
            "MasterUnsubscribeBehavior UnsubscribeBehaviorEnum",
        ),
        ("PrivateDomain", 11, "Client ClientID", "ObjectState String"),
    ] {
        let definitions = described(&mut caller, &[type_name]).await;
        let found = properties(&definitions[0]);
        assert_eq!(found.len(), count, "{type_name}");
        assert_eq!(
            (found[0].as_str(), found[count - 1].as_str()),
            (first, last)
        );
    }
}

/// Each built-in object, and a property of its own.
const BUILT_IN: [(&str, &str); 16] = [
    ("Subscriber", "EmailAddress String"),
    ("List", "ListName String"),
    ("DataExtension", "IsSendable Boolean"),
    ("DataExtensionField", "IsPrimaryKey Boolean"),
    ("DataExtensionObject", "Name String"),
    (
        "TriggeredSendDefinition",
        "TriggeredSendStatus TriggeredSendStatusEnum",
    ),
    (
        "TriggeredSend",
        "TriggeredSendDefinition TriggeredSendDefinition",
    ),
    ("EmailSendDefinition", "EmailSubject String"),
    ("ImportDefinition", "FileSpec String"),
    ("SMSTriggeredSend", "Message String"),
    ("VoiceTriggeredSend", "TransferNumber String"),
    ("ResultItem", "OrdinalID Int32"),
    ("ResultMessage", "ResultDetailXML String"),
    ("AsyncRequestResult", "CompleteDate DateTime"),
    ("ScheduledRequest", "RequestID String"),
    ("ScheduledConversation", "ConversationID String"),
];

#[tokio::test(start_paused = true)]
async fn every_built_in_object_is_described() {
    let mut caller = a_caller().await;
    for (type_name, own) in BUILT_IN {
        let [definition] = described(&mut caller, &[type_name])
            .await
            .try_into()
            .expect("one");
        assert_eq!(definition.at("ObjectType"), type_name);
        let found = properties(&definition);
        assert!(
            found.contains(&own.to_owned()),
            "{type_name} {own}: {found:?}"
        );
        for base in [
            "CustomerKey String",
            "ObjectID String",
            "CorrelationID String",
            "CreatedDate DateTime",
        ] {
            assert!(
                found.contains(&base.to_owned()),
                "{type_name} {base}: {found:?}"
            );
        }
        for property in definition.all("Properties") {
            assert_eq!(
                property.line(&["IsUpdatable", "IsRetrievable"]),
                "true true"
            );
        }
    }
    let several = described(&mut caller, &["List", "Nothing", "Subscriber"]).await;
    let names: Vec<&str> = several
        .iter()
        .map(|definition| definition.at("ObjectType"))
        .collect();
    assert_eq!(names, ["List", "Nothing", "Subscriber"]);
    assert!(properties(&several[1]).is_empty(), "nothing is known of it");
    assert!(described(&mut caller, &[]).await.is_empty());
}
