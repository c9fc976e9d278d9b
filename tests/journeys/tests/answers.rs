//! An answer of every kind, for the validator: each of the thirteen operations, each fault, in both
//! versions of SOAP. What is in them is told elsewhere; here they have to be what they are.

use std::collections::BTreeMap;

use ingest::Request;
use journeys::{Story, a_caller};

const API: &str = "http://exacttarget.com/wsdl/partnerAPI";
const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// Requests: their name, what is in them, and what they are answered with.
const REQUESTS: [(&str, &str, &str); 18] = [
    (
        "CreateRequest",
        "<Options/><Objects xsi:type=\"Subscriber\"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Objects>",
        "CreateResponse",
    ),
    (
        "UpdateRequest",
        "<Options/><Objects xsi:type=\"Subscriber\"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Objects>",
        "UpdateResponse",
    ),
    (
        "DeleteRequest",
        "<Options/><Objects xsi:type=\"Subscriber\"><EmailAddress>ann@example.com</EmailAddress><SubscriberKey>ann</SubscriberKey></Objects>",
        "DeleteResponse",
    ),
    (
        "CreateRequest",
        "<Options/><Objects xsi:type=\"Asset\"/>",
        "CreateResponse",
    ),
    (
        "CreateRequest",
        "<Options/><Objects xsi:type=\"Nonsense\"><CorrelationID>7</CorrelationID></Objects>",
        "CreateResponse",
    ),
    (
        "PerformRequestMsg",
        "<Action>start</Action><Definitions><Definition xsi:type=\"TriggeredSendDefinition\"><CustomerKey>k</CustomerKey></Definition></Definitions>",
        "PerformResponseMsg",
    ),
    (
        "PerformRequestMsg",
        "<Action>start</Action><Definitions><Definition xsi:type=\"Nonsense\"/></Definitions>",
        "PerformResponseMsg",
    ),
    (
        "RetrieveRequestMsg",
        "<RetrieveRequest><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties></RetrieveRequest>",
        "RetrieveResponseMsg",
    ),
    (
        "DefinitionRequestMsg",
        "<DescribeRequests><ObjectDefinitionRequest><ObjectType>Subscriber</ObjectType></ObjectDefinitionRequest><ObjectDefinitionRequest><ObjectType>Nonsense</ObjectType></ObjectDefinitionRequest></DescribeRequests>",
        "DefinitionResponseMsg",
    ),
    (
        "SystemStatusRequestMsg",
        "<Options/>",
        "SystemStatusResponseMsg",
    ),
    (
        "VersionInfoRequestMsg",
        "<IncludeVersionHistory>true</IncludeVersionHistory>",
        "VersionInfoResponseMsg",
    ),
    (
        "ExtractRequestMsg",
        "<Requests><ID>x</ID></Requests>",
        "ExtractResponseMsg",
    ),
    (
        "ExecuteRequestMsg",
        "<Requests><Name>x</Name></Requests>",
        "ExecuteResponseMsg",
    ),
    (
        "QueryRequestMsg",
        "<QueryRequest><Query><Object><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties></Object></Query></QueryRequest>",
        "QueryResponseMsg",
    ),
    (
        "ScheduleRequestMsg",
        "<Options/><Action>start</Action><Schedule/><Interactions><Interaction xsi:type=\"EmailSendDefinition\"><CustomerKey>k</CustomerKey></Interaction></Interactions>",
        "ScheduleResponseMsg",
    ),
    (
        "ConfigureRequestMsg",
        "<Options/><Action>create</Action><Configurations><Configuration xsi:type=\"PropertyDefinition\"/></Configurations>",
        "ConfigureResponseMsg",
    ),
    ("NonsenseRequest", "", "Fault"),
    ("CreateRequest", "<Options/><Options/>", "Fault"),
];

fn payload(name: &str, inside: &str) -> String {
    format!("<{name} xmlns=\"{API}\">{inside}</{name}>")
}

async fn sends(caller: &Story, envelope: &str, version: &str) -> journeys::Answer {
    let envelope = envelope.replace(SOAP_11, version);
    caller.posts(envelope.into_bytes(), BTreeMap::new()).await
}

#[tokio::test(start_paused = true)]
async fn every_operation_answers_in_both_versions() {
    for version in [SOAP_11, SOAP_12] {
        let caller = a_caller().await;
        for (name, inside, expected) in REQUESTS {
            let request = payload(name, inside);
            let answer = sends(&caller, &caller.envelope(&request), version).await;
            assert_eq!(
                answer.payload().name,
                expected,
                "{request}: {}",
                answer.body
            );
            assert!(answer.body.contains(version), "{}", answer.body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_one_in_both_versions() {
    for version in [SOAP_11, SOAP_12] {
        let caller = a_caller().await;
        let good = caller.envelope(&payload(REQUESTS[0].0, REQUESTS[0].1));
        let must = "<soap:Header><x:Sign xmlns:x=\"urn:x\" soap:mustUnderstand=\"1\"/>";
        for envelope in [
            "<a/>".to_owned(),
            good.replace("</soap:Envelope>", ""),
            good.replace("fueloauth", "nobody"),
            good.replace("<soap:Header>", must),
            good.replace(SOAP_11, "urn:other"),
        ] {
            let answer = sends(&caller, &envelope, version).await;
            assert_eq!(answer.payload().name, "Fault", "{}", answer.body);
        }
        caller.goes_into_maintenance(true).await;
        let answer = sends(&caller, &good, version).await;
        assert_eq!(answer.payload().name, "Fault", "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn the_wsdl_is_put_beside_the_answers() {
    let caller = a_caller().await;
    let request = Request {
        method: "GET".to_owned(),
        path: "/etframework.wsdl".to_owned(),
        origin: "https://aftercall.example.net".to_owned(),
        ..Request::default()
    };
    let answer = ingest::answer(&caller.set.cloud, &request).await;
    assert!(answer.body.contains("<wsdl:definitions"), "{}", answer.body);
    journeys::kept_answers::keep_wsdl(&answer);
}
