//! An answer of every kind, for the validator: each of the thirteen operations, each fault, in both
//! versions of SOAP. What is in them is told elsewhere; here they have to be what they are.

use std::collections::BTreeMap;

use ingest::{Request, Response};
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

async fn got(caller: &Story, path: &str, query: &str) -> Response {
    request_of(caller, "GET", path, query).await
}

async fn request_of(caller: &Story, method: &str, path: &str, query: &str) -> Response {
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..Request::default()
    };
    caller.asks(request).await
}

async fn wsdl(caller: &Story) -> Response {
    let answer = got(caller, "/etframework.wsdl", "").await;
    assert!(answer.body.contains("<wsdl:definitions"), "{}", answer.body);
    answer
}

#[tokio::test(start_paused = true)]
async fn what_describes_the_service_is_where_the_original_has_it() {
    let caller = a_caller().await;
    let expected = wsdl(&caller).await;
    assert!(
        expected
            .body
            .contains("location=\"https://aftercall.example.net/Service.asmx\"")
    );
    let modified = expected
        .headers
        .iter()
        .find(|(name, _)| *name == "last-modified");
    let (_, modified) = modified.expect("the header");
    assert_eq!(modified, "Sat, 28 Nov 2026 00:00:00 GMT");
    for (path, query) in [
        ("/ETFramework.wsdl", ""),
        ("/Service.asmx", "WSDL"),
        ("/service.asmx", "wsdl"),
    ] {
        assert_eq!(got(&caller, path, query).await, expected, "{path}?{query}");
    }
    let schema = got(&caller, "/ETFrameworkFault.xsd", "").await;
    assert_eq!(schema.status, 200);
    let schema = journeys::Node::read(&schema.body);
    assert_eq!((schema.name.as_str(), schema.children.len()), ("schema", 1));
}

#[tokio::test(start_paused = true)]
async fn a_head_is_that_of_the_answer_without_the_answer() {
    let caller = a_caller().await;
    for (path, query) in [
        ("/etframework.wsdl", ""),
        ("/Service.asmx", "wsdl"),
        ("/ETFrameworkFault.xsd", ""),
        ("/Service.asmx", ""),
        ("/data/v1/async/x/status", ""),
        ("/nothing", ""),
    ] {
        let whole = got(&caller, path, query).await;
        let head = request_of(&caller, "HEAD", path, query).await;
        let length = whole.body.len().to_string();
        let expected = Response {
            body: String::new(),
            ..whole.with_header("content-length", &length)
        };
        assert_eq!(head, expected, "{path}?{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_wsdl_is_put_beside_the_answers() {
    let caller = a_caller().await;
    journeys::kept_answers::keep_wsdl(&wsdl(&caller).await);
}

/// Types that are derived from another, by name; those of objects are among them.
async fn derived_types(caller: &Story) -> Vec<String> {
    let wsdl = wsdl(caller).await.body;
    let types = wsdl.split("<xsd:complexType name=\"").skip(1);
    let derived = types.filter_map(|text| {
        let (name, behind) = text.split_once('"')?;
        behind
            .starts_with("><xsd:complexContent>")
            .then(|| name.to_owned())
    });
    let derived: Vec<String> = derived.collect();
    assert!(derived.len() > 149, "{derived:?}");
    derived
}

/// What is wrong or missing in so many ways that it could make an answer wrong, too.
const ODDITIES: &str = "<CustomerKey>k</CustomerKey><ID xsi:nil=\"true\"/><Client xsi:type=\"Nonsense\"/>\
    <Attributes xsi:type=\"List\"/><Attributes><Name>n</Name></Attributes><Keys><Key/></Keys>\
    <FieldMaps><FieldMap><SourceName>s</SourceName></FieldMap></FieldMaps><Notification/>\
    <AutoGenerateDestination/><GlobalUnsubscribeCategory/><PartnerProperties/><Nonsense/>\
    <SourceOrdinal>1</SourceOrdinal><SourceName>s</SourceName><Recurrence/><Subscription/>\
    <Data><Whatever><It>is</It></Whatever></Data><DataFilter><Nonsense/></DataFilter>";

/// A caller may leave everything out of an object that it sends, and put anything in; what it gets
/// back is an object of that type all the same.
#[tokio::test(start_paused = true)]
async fn objects_come_back_whole_however_little_was_sent_of_them() {
    let caller = a_caller().await;
    let derived = derived_types(&caller).await;
    let derived: Vec<&str> = derived.iter().map(String::as_str).collect();
    for (types, inside) in [
        (derived.as_slice(), ""),
        (derived.as_slice(), "<CorrelationID>$</CorrelationID>"),
        (derived.as_slice(), ODDITIES),
    ] {
        let objects = |element: &str| {
            let numbered = types.iter().enumerate();
            let objects = numbered.map(|(number, name)| {
                let inside = inside.replace('$', &number.to_string());
                format!("<{element} xsi:type=\"{name}\">{inside}</{element}>")
            });
            objects.collect::<String>()
        };
        for name in ["CreateRequest", "UpdateRequest", "DeleteRequest"] {
            let request = payload(name, &format!("<Options/>{}", objects("Objects")));
            let answer = sends(&caller, &caller.envelope(&request), SOAP_11).await;
            assert_eq!(answer.results().len(), types.len(), "{}", answer.body);
        }
        let definitions = objects("Definition");
        let perform = format!("<Action>start</Action><Definitions>{definitions}</Definitions>");
        let request = payload("PerformRequestMsg", &perform);
        let answer = sends(&caller, &caller.envelope(&request), SOAP_11).await;
        assert_eq!(answer.results().len(), types.len(), "{}", answer.body);
    }
}
