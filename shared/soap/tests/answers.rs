//! What goes out, word for word: clients look names up as strings and insist on the WSDL's order.

use calls::{Method, Refusal};
use soap::{Answering, Element, Fault, ObjectDetail, ObjectResult, SoapVersion};

const ID: &str = "46a1b17e-2c60-4d2f-8a1e-0c5d3f2b1a00";

/// The payload without its root's declarations, so that a test shows only what it is about.
fn bare(payload: &str) -> String {
    let declarations = format!(
        " xmlns=\"{}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
        soap::API
    );
    payload.replacen(&declarations, "", 1)
}

fn subscriber() -> Element {
    Element::new("Objects")
        .typed("Subscriber")
        .with(Element::of("SubscriberKey", "k1"))
        .with(
            Element::new("Attributes")
                .with(Element::of("Value", "<b>"))
                .with(Element::of("Name", "n")),
        )
        .with(Element::of("EmailAddress", "a@example.com"))
        .with(Element::of("Unheard", "x"))
        .with(Element::of("ID", "7"))
}

fn created(correlation_id: Option<&str>) -> ObjectResult {
    ObjectResult {
        ok: true,
        status_message: "Created Subscriber.".to_owned(),
        object_type: "Subscriber".to_owned(),
        correlation_id: correlation_id.map(str::to_owned),
        new_id: Some(7),
        object: Some(subscriber()),
        ..ObjectResult::default()
    }
}

#[track_caller]
fn check_create(result: &ObjectResult, detail: ObjectDetail, expected: &str) {
    let payload = soap::write_results(
        Method::Create,
        std::slice::from_ref(result),
        Some(ID),
        "OK",
        detail,
    );
    let expected = format!(
        "<CreateResponse><Results>{expected}</Results><RequestID>{ID}</RequestID><OverallStatus>OK</OverallStatus></CreateResponse>"
    );
    assert_eq!(bare(&payload), expected);
}

const STATUS: &str = "<StatusCode>OK</StatusCode><StatusMessage>Created Subscriber.</StatusMessage><OrdinalID>0</OrdinalID><NewID>7</NewID>";

#[test]
fn objects_come_back_in_the_order_of_the_schema() {
    let whole = "<Object xsi:type=\"Subscriber\"><PartnerKey xsi:nil=\"true\" /><ID>7</ID><ObjectID xsi:nil=\"true\" /><EmailAddress>a@example.com</EmailAddress><Attributes><Name>n</Name><Value>&lt;b&gt;</Value></Attributes><SubscriberKey>k1</SubscriberKey></Object>";
    check_create(
        &created(None),
        ObjectDetail::Whole,
        &format!("{STATUS}{whole}"),
    );
    let base = "<Object xsi:type=\"Subscriber\"><PartnerKey xsi:nil=\"true\" /><ID>7</ID><ObjectID xsi:nil=\"true\" /></Object>";
    check_create(
        &created(None),
        ObjectDetail::Base,
        &format!("{STATUS}{base}"),
    );
    check_create(&created(None), ObjectDetail::None, STATUS);
}

#[test]
fn a_correlation_id_takes_the_place_of_the_index() {
    let object = "<Object xsi:type=\"Subscriber\"><PartnerKey xsi:nil=\"true\" /><ObjectID xsi:nil=\"true\" /><CorrelationID>c</CorrelationID></Object>";
    check_create(
        &created(Some("c")),
        ObjectDetail::Correlation,
        &format!("{STATUS}{object}"),
    );
    check_create(&created(Some("c")), ObjectDetail::None, STATUS);
    let numbered = format!("{STATUS}{object}")
        .replace(">c<", ">42<")
        .replace("<OrdinalID>0<", "<OrdinalID>42<");
    check_create(&created(Some("42")), ObjectDetail::Correlation, &numbered);
    let number = STATUS.replace("<OrdinalID>0<", "<OrdinalID>42<");
    check_create(&created(Some("42")), ObjectDetail::None, &number);
    let in_object = "<ObjectID xsi:nil=\"true\" /><CorrelationID>c</CorrelationID><EmailAddress>";
    let payload = soap::write_results(
        Method::Create,
        &[created(Some("c"))],
        None,
        "OK",
        ObjectDetail::Whole,
    );
    assert!(payload.contains(in_object), "{payload}");
    assert!(!payload.contains("RequestID"), "{payload}");
}

/// Longest that a Lambda function may answer, as JSON, less an envelope. AWS's figure.
const ANSWER_BYTES_MAX: usize = 6_291_556 - 3_000;

#[test]
fn what_was_done_to_very_many_objects_fits_into_an_answer() {
    let failed = ObjectResult {
        ok: false,
        status_message: "Why it is so, in \"very\" many words. ".repeat(8),
        error_code: Some(310_007),
        ..created(None)
    };
    let bare = "<StatusCode>Error</StatusCode><StatusMessage /><OrdinalID>32765</OrdinalID><ErrorCode>310007</ErrorCode>";
    for (method, last) in [
        (
            Method::Create,
            format!("{bare}<NewID>7</NewID></Results><RequestID>"),
        ),
        (
            Method::Update,
            format!("{bare}<Object /></Results><RequestID>"),
        ),
        (
            Method::Perform,
            format!(
                "{bare}<Object /><Task><StatusCode>Error</StatusCode><StatusMessage /></Task></Result></Results>"
            ),
        ),
    ] {
        let results = vec![failed.clone(); 32_766];
        let payload = soap::write_results_that_fit(method, &results, Some(ID), "Has Errors");
        assert!(payload.contains(&last), "{last}");
        assert!(
            soap::carried_bytes(&payload) < ANSWER_BYTES_MAX,
            "{method:?}"
        );
    }
}

#[test]
fn an_answer_has_as_much_of_its_results_as_it_can_carry() {
    let with_objects = |bytes: usize| ObjectResult {
        object: Some(subscriber().with(Element::of("CustomerKey", "\n".repeat(bytes)))),
        ..created(Some("9"))
    };
    for (bytes, has_object) in [(2_400_000, true), (2_500_000, false)] {
        let results = [with_objects(bytes)];
        let payload = soap::write_results_that_fit(Method::Create, &results, None, "OK");
        assert!(payload.contains("<StatusMessage>Created Subscriber.</StatusMessage>"));
        assert_eq!(payload.contains("<SubscriberKey>"), has_object);
        assert!(payload.contains("<CorrelationID>9</CorrelationID>"));
    }
}

#[test]
fn what_a_function_answers_with_is_counted_as_its_json_has_it() {
    for (text, json) in [
        ("", ""),
        ("plain <b>\u{e9}</b>", "plain <b>\u{e9}</b>"),
        ("\"a\" \\ \t\n", r#"\"a\" \\ \t\n"#),
    ] {
        assert_eq!(soap::carried_bytes(text), json.len(), "{text}");
    }
    assert_eq!(
        soap::carried_bytes_as_text("<a b=\"&amp;\">"),
        "&lt;a b=\\\"&amp;amp;\\\"&gt;".len()
    );
}

#[test]
fn a_queued_call_says_so_for_each_object() {
    assert_eq!(
        bare(&soap::write_queued(Method::Create, 2, ID)),
        format!(
            "<CreateResponse><Results><StatusCode>OK</StatusCode><StatusMessage>Queued</StatusMessage><OrdinalID>0</OrdinalID><NewID>0</NewID></Results><Results><StatusCode>OK</StatusCode><StatusMessage>Queued</StatusMessage><OrdinalID>1</OrdinalID><NewID>0</NewID></Results><RequestID>{ID}</RequestID><OverallStatus>OK</OverallStatus></CreateResponse>"
        )
    );
    assert_eq!(
        bare(&soap::write_queued(Method::Perform, 1, ID)),
        format!(
            "<PerformResponseMsg><Results><Result><StatusCode>OK</StatusCode><StatusMessage>Queued</StatusMessage><OrdinalID>0</OrdinalID><Object /><Task><StatusCode>OK</StatusCode><StatusMessage>OK</StatusMessage></Task></Result></Results><OverallStatus>OK</OverallStatus><OverallStatusMessage /><RequestID>{ID}</RequestID></PerformResponseMsg>"
        )
    );
}

#[test]
fn a_refused_call_has_at_least_one_result() {
    let expected = "<DeleteResponse><Results><StatusCode>Error</StatusCode><StatusMessage>Conversation is closed and cannot accept more parts</StatusMessage><OrdinalID>0</OrdinalID><ErrorCode>215</ErrorCode><Object /></Results><OverallStatus>Error</OverallStatus></DeleteResponse>";
    for objects in [0, 1] {
        let payload =
            soap::write_refused(Method::Delete, objects, &Refusal::ConversationClosed, None);
        assert_eq!(bare(&payload), expected);
    }
}

#[test]
fn retrieved_objects_say_their_type() {
    let item = Element::new("anything")
        .typed("ResultItem")
        .with(Element::of("StatusCode", "OK"))
        .with(Element::of("CorrelationID", "c"))
        .with(Element::of("RequestID", ID));
    let open = Element::new("Results")
        .typed("Automation")
        .with(Element::of("Name", "n"))
        .with(Element::of("CustomerKey", "k"));
    assert_eq!(
        bare(&soap::write_retrieved(
            "OK",
            ID,
            &soap::write_selected(&[item, open])
        )),
        format!(
            "<RetrieveResponseMsg><OverallStatus>OK</OverallStatus><RequestID>{ID}</RequestID><Results xsi:type=\"ResultItem\"><PartnerKey xsi:nil=\"true\" /><ObjectID xsi:nil=\"true\" /><CorrelationID>c</CorrelationID><RequestID>{ID}</RequestID><StatusCode>OK</StatusCode><StatusMessage /></Results><Results xsi:type=\"Automation\"><PartnerKey xsi:nil=\"true\" /><ObjectID xsi:nil=\"true\" /><CustomerKey>k</CustomerKey><Name>n</Name></Results></RetrieveResponseMsg>"
        )
    );
}

/// What is in the one retrieved object, of the type and with the children.
#[track_caller]
fn check_written(type_name: &str, children: &str, expected: &str) {
    let object = soap::read_canonical(&format!(
        "<Objects xmlns=\"{}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{type_name}\">{children}</Objects>",
        soap::API
    ));
    let written = soap::write_selected(&[object.expect("an object")]);
    let nil = "<PartnerKey xsi:nil=\"true\" /><ObjectID xsi:nil=\"true\" />";
    let expected = format!("<Results xsi:type=\"{type_name}\">{nil}{expected}</Results>");
    assert!(written.contains(&expected), "{written}\nhas no {expected}");
}

#[test]
fn what_a_type_is_not_without_is_there_be_it_unset() {
    check_written("ScheduledRequest", "", "<RequestID />");
    check_written(
        "TriggeredSend",
        "<Attributes><Name>n</Name></Attributes>",
        "<TriggeredSendDefinition /><Subscribers /><Attributes><Name>n</Name><Value /></Attributes>",
    );
    check_written(
        "GlobalUnsubscribeCategory",
        "<Name>n</Name>",
        "<Name>n</Name><IgnorableByPartners>false</IgnorableByPartners><Ignore>false</Ignore>",
    );
    check_written(
        "ImportDefinition",
        "<Notification><ResponseAddress>a</ResponseAddress></Notification>",
        "<Notification><ResponseType>None</ResponseType><ResponseAddress>a</ResponseAddress></Notification>",
    );
}

#[test]
fn what_is_nil_where_nothing_may_be_is_absent() {
    check_written("Subscriber", "<Status xsi:nil=\"true\"/>", "");
    check_written(
        "ResultItem",
        "<StatusCode xsi:nil=\"true\"/>",
        "<StatusCode /><StatusMessage />",
    );
}

#[test]
fn what_the_type_does_not_allow_is_absent() {
    let elements_in_text = "<RequestID><Nonsense/></RequestID>";
    check_written("ScheduledRequest", elements_in_text, "<RequestID />");
    let one = "<Attributes><Attribute><Name>a</Name></Attribute></Attributes>";
    check_written("Asset", &format!("{one}<Attributes />"), one);
    check_written(
        "ImportDefinitionFieldMap",
        "<SourceOrdinal>1</SourceOrdinal><SourceName>s</SourceName>",
        "<SourceOrdinal>1</SourceOrdinal><DestinationName />",
    );
    check_written(
        "ImportDefinitionFieldMap",
        "",
        "<SourceName /><DestinationName />",
    );
}

#[test]
fn nothing_is_of_an_abstract_type() {
    let daily = "<Recurrence xsi:type=\"DailyRecurrence\" />";
    for inside in [
        "",
        "<Recurrence />",
        "<Recurrence xsi:type=\"Recurrence\" />",
    ] {
        check_written("ScheduleDefinition", inside, daily);
    }
    let weekly =
        "<Recurrence xsi:type=\"WeeklyRecurrence\"><WeekInterval>2</WeekInterval></Recurrence>";
    check_written("ScheduleDefinition", weekly, weekly);
}

#[test]
fn where_anything_may_be_everything_comes_back() {
    let data = "<Data><Whatever><It>is</It></Whatever></Data>";
    check_written("Asset", data, data);
}

#[test]
fn a_type_that_does_not_belong_there_is_not_named() {
    for type_name in ["Nonsense", "List", "Options"] {
        check_written(
            "TriggeredSend",
            &format!(
                "<TriggeredSendDefinition/><Subscribers xsi:type=\"{type_name}\"><SubscriberKey>k</SubscriberKey></Subscribers>"
            ),
            "<TriggeredSendDefinition /><Subscribers><SubscriberKey>k</SubscriberKey></Subscribers>",
        );
    }
}

#[test]
fn only_the_base_of_an_object_is_still_an_object_of_its_type() {
    let cancelled = ObjectResult {
        object: Some(
            Element::new("Objects")
                .typed("ScheduledRequest")
                .with(Element::of("RequestID", ID)),
        ),
        ..ObjectResult::default()
    };
    let payload = soap::write_results(Method::Delete, &[cancelled], None, "OK", ObjectDetail::Base);
    assert!(
        payload.contains(&format!("<RequestID>{ID}</RequestID>")),
        "{payload}"
    );
}

fn answering(version: SoapVersion) -> Answering<'static> {
    Answering {
        version,
        relates_to: Some("urn:uuid:1"),
        message_id: ID,
        now: jiff::Timestamp::UNIX_EPOCH,
        url: "https://example.com/Service.asmx",
    }
}

#[test]
fn envelopes_have_the_literal_prefix_and_the_headers() {
    let answer = soap::envelope(&answering(SoapVersion::Soap11), "CreateResponse", "<a/>");
    for expected in [
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"",
        "<wsa:Action>CreateResponse</wsa:Action><wsa:MessageID>urn:uuid:46a1b17e-2c60-4d2f-8a1e-0c5d3f2b1a00</wsa:MessageID><wsa:RelatesTo>urn:uuid:1</wsa:RelatesTo>",
        "<wsu:Created>1970-01-01T00:00:00Z</wsu:Created><wsu:Expires>1970-01-01T00:05:00Z</wsu:Expires>",
        "</soap:Header><soap:Body><a/></soap:Body></soap:Envelope>",
    ] {
        assert!(answer.contains(expected), "{answer}");
    }
    let answer = soap::envelope(&answering(SoapVersion::Soap12), "CreateResponse", "<a/>");
    assert!(
        answer.contains("<soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"")
    );
    assert!(soap::well_formed(answer.as_bytes()).is_ok());
}

#[track_caller]
fn check_fault(version: SoapVersion, fault: &Fault, expected: &str) {
    let answer = soap::write_fault(&answering(version), fault);
    assert!(soap::well_formed(answer.as_bytes()).is_ok());
    let (_, body) = answer.split_once("<soap:Body>").expect("a body");
    assert_eq!(
        body,
        format!("<soap:Fault>{expected}</soap:Fault></soap:Body></soap:Envelope>")
    );
}

#[test]
fn faults_look_as_their_readers_expect() {
    check_fault(
        SoapVersion::Soap11,
        &Fault::security("Token Expired"),
        "<faultcode xmlns:q0=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">q0:Security</faultcode><faultstring>Token Expired</faultstring><faultactor>https://example.com/Service.asmx</faultactor>",
    );
    check_fault(
        SoapVersion::Soap11,
        &Fault::server(17, "Rate Limited"),
        "<faultcode>soap:Server</faultcode><faultstring>Rate Limited</faultstring><faultactor>https://example.com/Service.asmx</faultactor><detail><apifault xmlns=\"urn:fault.partner.exacttarget.com\"><Code>17</Code><Message>Rate Limited</Message></apifault></detail>",
    );
    check_fault(
        SoapVersion::Soap11,
        &Fault::client("a < b"),
        "<faultcode>soap:Client</faultcode><faultstring>a &lt; b</faultstring><detail />",
    );
    check_fault(
        SoapVersion::Soap12,
        &Fault::client("no"),
        "<soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang=\"en\">no</soap:Text></soap:Reason>",
    );
    check_fault(
        SoapVersion::Soap12,
        &Fault::security("Login Failed"),
        "<soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode><soap:Value xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">wsse:Security</soap:Value></soap:Subcode></soap:Code><soap:Reason><soap:Text xml:lang=\"en\">Login Failed</soap:Text></soap:Reason><soap:Role>https://example.com/Service.asmx</soap:Role>",
    );
}

#[test]
fn faults_are_written_in_the_version_that_was_meant() {
    let guess = SoapVersion::guess;
    let soap12 = b"<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"><";
    assert_eq!(guess(soap12, Some("text/xml")), SoapVersion::Soap12);
    assert_eq!(
        guess(b"<", Some("application/soap+xml; charset=utf-8")),
        SoapVersion::Soap12
    );
    assert_eq!(guess(b"<", Some("text/xml")), SoapVersion::Soap11);
    assert_eq!(guess(b"", None), SoapVersion::Soap11);
}

#[test]
fn the_wsdl_is_well_formed_and_ours() {
    let wsdl = soap::wsdl("https://example.com/Service.asmx?a=\"&b");
    assert!(soap::well_formed(wsdl.as_bytes()).is_ok());
    assert!(
        wsdl.contains(
            "<soap:address location=\"https://example.com/Service.asmx?a=&quot;&amp;b\"/>"
        )
    );
    assert_eq!(wsdl.matches("<soap:operation soapAction=").count(), 13);
    assert!(!wsdl.contains("schemaLocation"));
    assert!(soap::well_formed(soap::fault_schema().as_bytes()).is_ok());
    for expected in [
        "<xsd:element name=\"RequestExpirationTime\" type=\"xsd:dateTime\" minOccurs=\"0\"/></xsd:sequence>",
        "<xsd:enumeration value=\"OnExpired\"/>",
        "<xsd:complexType name=\"Options\" abstract=\"true\">",
        "<xsd:choice><xsd:element name=\"SourceName\" type=\"xsd:string\"/><xsd:element name=\"SourceOrdinal\" type=\"xsd:int\"/></xsd:choice>",
        "<xsd:element name=\"PartnerKey\" type=\"xsd:string\" minOccurs=\"0\" nillable=\"true\"/>",
    ] {
        assert!(wsdl.contains(expected), "{expected}");
    }
}
