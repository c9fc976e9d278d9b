//! S1 to S10: envelopes that are XML, and not one clear message of one caller. S7, the replay of a
//! UsernameToken, stands with the digests it is about.

use journeys::{Node, look_for, subscriber};

use super::{API, Door, SOAP, XSI, a_door, fault_of, has_written, post, text_of, with_header};

const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";

fn request(name: &str, key: &str) -> String {
    format!(
        "<{name} xmlns=\"{API}\"><Options/>{}</{name}>",
        subscriber(key)
    )
}

/// The caller's envelope with something before its Body.
fn with_header_entry(door: &Door, entry: &str, payload: &str) -> String {
    let envelope = door.caller.envelope(payload);
    envelope.replace("</soap:Header>", &format!("{entry}</soap:Header>"))
}

fn body_of(envelope: &str) -> String {
    let (_, rest) = envelope.split_once("<soap:Body>").expect("a Body");
    let (body, _) = rest.split_once("</soap:Body>").expect("its end");
    format!("<soap:Body>{body}</soap:Body>")
}

#[tokio::test(start_paused = true)]
async fn s01_an_envelope_has_one_of_everything() {
    let door = a_door().await;
    let good = door.caller.envelope(&request("CreateRequest", "ann"));
    let body = body_of(&good);
    let header = "<soap:Header><fueloauth>other</fueloauth></soap:Header>";
    for (bad, expected) in [
        (good.replace(&body, &body.repeat(2)), "More than one 'Body'"),
        (
            good.replace(&body, &format!("{body}{header}")),
            "More than one 'Header'",
        ),
        (
            good.replace(
                "<CreateRequest",
                &format!("<DeleteRequest xmlns=\"{API}\"/><CreateRequest"),
            ),
            "more than one request",
        ),
        (
            good.replace("<CreateRequest", "text<CreateRequest"),
            "Text stands in Body",
        ),
        (good.replace(&body, "<soap:Body/>"), "holds no request"),
        (good.replace(&body, ""), "has no Body"),
        (
            good.replace(&body, &format!("{body}<x/>")),
            "stands in the Envelope",
        ),
        (
            good.replace("</fueloauth>", "</fueloauth><fueloauth>other</fueloauth>"),
            "More than one 'fueloauth'",
        ),
    ] {
        door.turns_away(bad, expected).await;
    }
    // What only the operation's own reader sees is found once the caller is known, and kept nowhere.
    let options = "<Options><RequestType>Asynchronous</RequestType></Options>";
    for twice in [
        good.replace("<Options/>", &format!("<Options/>{options}")),
        good.replace("<Options/>", &format!("{options}<Options/>")),
    ] {
        let answer = door.keeps_nothing_of(&post(twice)).await;
        assert!(fault_of(&answer).contains("More than one 'Options'"));
    }
    // Body before Header is unusual and means the same.
    let (head, _) = good.split_once("<soap:Header>").expect("a Header");
    let (_, rest) = good.split_once("<soap:Header>").expect("a Header");
    let (header, _) = rest.split_once("</soap:Header>").expect("its end");
    let swapped = format!("{head}{body}<soap:Header>{header}</soap:Header></soap:Envelope>");
    let answer = door.takes(swapped).await;
    assert_eq!(text_of(&answer, "OverallStatus"), "OK", "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn s02_the_action_and_the_body_say_the_same() {
    let door = a_door().await;
    let good = door.caller.envelope(&request("CreateRequest", "ann"));
    for action in [
        "Delete",
        "\"Delete\"",
        "DeleteRequest",
        "http://example.com/Create",
        "\"Cre\u{e4}te\"",
    ] {
        let spoofed = with_header(post(good.as_str()), "soapaction", action);
        let answer = door.keeps_nothing_of(&spoofed).await;
        assert!(fault_of(&answer).contains("SOAPAction"), "{}", answer.body);
    }
    let spoofed = with_header_entry(
        &door,
        &format!("<a:Action xmlns:a=\"{ADDRESSING}\">Delete</a:Action>"),
        &request("CreateRequest", "ann"),
    );
    let answer = door.keeps_nothing_of(&post(spoofed)).await;
    assert!(fault_of(&answer).starts_with("Client"), "{}", answer.body);
    let long = with_header(post(good), "soapaction", &"x".repeat(1_000_000));
    fault_of(&door.keeps_nothing_of(&long).await);
}

#[tokio::test(start_paused = true)]
async fn s03_each_version_is_answered_in_itself() {
    let door = a_door().await;
    let good = door.caller.envelope(&request("CreateRequest", "ann"));
    let soap_12 = good.replace(SOAP, SOAP_12);
    let answer = door.takes(soap_12.clone()).await;
    assert!(
        answer.body.contains(SOAP_12) && !answer.body.contains(SOAP),
        "{}",
        answer.body
    );
    // The envelope decides, whatever the Content-Type says of it.
    let mixed = with_header(
        post(good.as_str()),
        "content-type",
        "application/soap+xml; charset=utf-8",
    );
    let answer = door.answer(&mixed).await;
    assert!(
        answer.body.contains(SOAP) && !answer.body.contains(SOAP_12),
        "{}",
        answer.body
    );
    for other in ["http://www.w3.org/2001/12/soap-envelope", "urn:none", ""] {
        let strange = good
            .replace(SOAP, other)
            .replace("xmlns:soap=\"\"", "xmlns:soap=\"urn:empty\"");
        let answer = door.keeps_nothing_of(&post(strange)).await;
        assert!(
            fault_of(&answer).starts_with("VersionMismatch"),
            "{}",
            answer.body
        );
    }
    // Parts of the one version do not stand in the other.
    let half = soap_12.replace("<soap:Body>", &format!("<soap:Body xmlns:soap=\"{SOAP}\">"));
    door.turns_away(half, "only Header and Body of SOAP 1.2 may")
        .await;
}

#[tokio::test(start_paused = true)]
async fn s04_what_must_be_understood_is_or_is_refused() {
    let door = a_door().await;
    let payload = request("CreateRequest", "ann");
    let with = |attributes: &str| {
        with_header_entry(
            &door,
            &format!("<x:Sign xmlns:x=\"urn:x\" {attributes}/>"),
            &payload,
        )
    };
    for must in [
        "soap:mustUnderstand=\"1\"",
        "soap:mustUnderstand=\"true\"",
        "soap:mustUnderstand=\" 1 \"",
        "soap:mustUnderstand=\"1\" soap:actor=\"\"",
        "soap:mustUnderstand=\"1\" soap:actor=\"http://schemas.xmlsoap.org/soap/actor/next\"",
    ] {
        let answer = door.keeps_nothing_of(&post(with(must))).await;
        let fault = fault_of(&answer);
        assert!(
            fault.starts_with("MustUnderstand") && fault.contains("'Sign'"),
            "{fault}"
        );
    }
    for need_not in [
        "",
        "soap:mustUnderstand=\"0\"",
        "mustUnderstand=\"1\"",
        "soap:mustUnderstand=\"1\" soap:actor=\"urn:somebody-else\"",
    ] {
        door.takes(with(need_not)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn s05_attachments_are_refused_by_name() {
    let door = a_door().await;
    let good = door.caller.envelope(&request("CreateRequest", "ann"));
    let mime = format!("--b\r\nContent-Type: application/xop+xml\r\n\r\n{good}\r\n--b--");
    for kind in [
        "multipart/related; boundary=b; type=\"application/xop+xml\"",
        "Multipart/Related; boundary=b; type=\"text/xml\"",
        "multipart/form-data; boundary=b",
        "application/xop+xml; type=\"application/soap+xml\"",
    ] {
        let request = with_header(post(mime.as_str()), "content-type", kind);
        door.turns_away_request(request, "Attachments and MTOM are not supported".to_owned())
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn s06_a_signature_moves_nothing() {
    let mut door = a_door().await;
    // Signatures are not honoured, so none can vouch for a payload elsewhere: what is carried out is
    // the child of Body, whatever else bears its Id.
    let moved = format!(
        "<w:Security xmlns:w=\"{SECURITY}\" xmlns:u=\"{UTILITY}\"><d:Signature xmlns:d=\"{SIGNATURE}\">\
         <d:SignedInfo><d:Reference URI=\"#body\"/></d:SignedInfo>\
         <d:Object><soap:Body u:Id=\"body\">{}</soap:Body></d:Object></d:Signature></w:Security>",
        request("CreateRequest", "signed")
    );
    let envelope = with_header_entry(&door, &moved, &request("CreateRequest", "executed")).replace(
        "<soap:Body><Create",
        &format!("<soap:Body xmlns:u=\"{UTILITY}\" u:Id=\"body\"><Create"),
    );
    let answer = door.takes(envelope).await;
    assert_eq!(text_of(&answer, "OverallStatus"), "OK", "{}", answer.body);
    let all = look_for("Subscriber").of("SubscriberKey");
    let found = door.caller.retrieves(all).await;
    assert_eq!(found.lines("SubscriberKey"), ["executed"]);
}

#[tokio::test(start_paused = true)]
async fn s08_addressing_leads_nowhere() {
    let door = a_door().await;
    let to = |name: &str| {
        format!(
            "<a:{name} xmlns:a=\"{ADDRESSING}\" soap:mustUnderstand=\"1\"><a:Address>https://evil.example/{name}</a:Address></a:{name}>"
        )
    };
    let entries = ["ReplyTo", "FaultTo", "From", "To"].map(to).concat();
    for payload in [
        request("CreateRequest", "ann"),
        request("NonsenseRequest", "ann"),
    ] {
        door.answer(&post(with_header_entry(&door, &entries, &payload)))
            .await;
        door.caller.settles().await;
    }
    let asynchronous = door.queued("");
    let entry = asynchronous.replace("</soap:Header>", &format!("{entries}</soap:Header>"));
    door.takes(entry).await;
    door.caller.settles().await;
    assert!(door.caller.callbacks().is_empty());
    // A MessageID comes back as RelatesTo, escaped; one of a megabyte does not.
    let id = |text: &str| format!("<a:MessageID xmlns:a=\"{ADDRESSING}\">{text}</a:MessageID>");
    let payload = request("CreateRequest", "bob");
    let answer = door
        .takes(with_header_entry(&door, &id("a&lt;b&gt;&amp;"), &payload))
        .await;
    assert_eq!(text_of(&answer, "RelatesTo"), "a<b>&");
    let long = with_header_entry(&door, &id(&"x".repeat(1_000_000)), &payload);
    door.turns_away(long, "'MessageID' is longer than").await;
}

#[tokio::test(start_paused = true)]
async fn s09_what_is_checked_is_what_is_kept_and_carried_out() {
    let mut door = a_door().await;
    // Two spellings of one element could be read by one and passed over by another: the doubled,
    // the hidden and the misplaced are refused, or mean one thing.
    for (inside, key) in [
        ("<SubscriberKey>a<!-- x -->1</SubscriberKey>", "a1"),
        ("<SubscriberKey><![CDATA[a2]]></SubscriberKey>", "a2"),
        (
            "<!-- <SubscriberKey>no</SubscriberKey> --><SubscriberKey>a3</SubscriberKey>",
            "a3",
        ),
        ("<SubscriberKey>a&#52;</SubscriberKey>", "a4"),
        (
            "<xsi:type>Subscriber</xsi:type><SubscriberKey>a5</SubscriberKey>",
            "a5",
        ),
        (
            "<p:SubscriberKey xmlns:p=\"http://exacttarget.com/wsdl/partnerAPI\">a6</p:SubscriberKey>",
            "a6",
        ),
    ] {
        let call = door.create(&format!(
            "<Options><RequestType>Asynchronous</RequestType></Options>\
             <Objects xsi:type=\"Subscriber\"><EmailAddress>x@example.com</EmailAddress>{inside}</Objects>"
        ));
        let answer = door.takes(call).await;
        assert_eq!(text_of(&answer, "OverallStatus"), "OK", "{}", answer.body);
        door.caller.settles().await;
        let look = look_for("Subscriber")
            .of("SubscriberKey")
            .by("SubscriberKey", key);
        let found = door.caller.retrieves(look).await;
        assert_eq!(found.lines("SubscriberKey"), [key], "{inside}");
        // What a reply would carry, read by another reader.
        let look = look_for("ResultMessage")
            .of("ResultDetailXML")
            .by("RequestID", &text_of(&answer, "RequestID"));
        let detail = door
            .caller
            .retrieves(look)
            .await
            .lines("ResultDetailXML")
            .concat();
        let results = Node::read(&detail).all("Results").count();
        assert_eq!(results, 1, "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn s10_faults_tell_callers_nothing_but_their_own_line() {
    let door = a_door().await;
    let password = "hunter2-and-more";
    let wrong = format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:xsi=\"{XSI}\"><s:Header><w:Security xmlns:w=\"{SECURITY}\"><w:UsernameToken>\
         <w:Username>nobody</w:Username><w:Password>{password}</w:Password></w:UsernameToken></w:Security>\
         </s:Header><s:Body>{}</s:Body></s:Envelope>",
        request("CreateRequest", "ann")
    );
    let answer = door.keeps_nothing_of(&post(wrong.as_str())).await;
    assert_eq!(fault_of(&answer), "Security Login Failed");
    for end in 0..wrong.len() {
        let answer = door.answer(&post(&wrong[..end])).await;
        fault_of(&answer);
        assert!(!answer.body.contains(password), "{}", answer.body);
    }
    let token = door.caller.envelope("<x/>");
    let (_, rest) = token.split_once("exacttarget.com\">").expect("a token");
    let token = rest.split('<').next().expect("a token");
    // Whatever is given back is escaped, and a line of it at most.
    for hostile in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&quot;&gt;&lt;x onload=&quot;",
        "]]&gt;",
        &"y".repeat(100_000),
    ] {
        let call = door.queued(&format!(
            "<ConversationID>c</ConversationID><SequenceCode>{hostile}</SequenceCode><CallsInConversation>1</CallsInConversation>"
        ));
        let (answer, used) = door.counted(&post(call)).await;
        assert!(fault_of(&answer).contains("expected a whole number"));
        assert!(
            !answer.body.contains("<script") && !answer.body.contains("<x "),
            "{}",
            answer.body
        );
        assert!(!answer.body.contains(token));
        assert!(!has_written(&used));
    }
    let error = [
        "panicked",
        "src/",
        ".rs",
        "aws_sdk",
        "DynamoDB",
        "aftercall-",
    ];
    for body in ["", "<", "<a/>", "\u{0}"] {
        let answer = door.answer(&post(body)).await;
        assert!(
            error.iter().all(|word| !answer.body.contains(word)),
            "{}",
            answer.body
        );
    }
}
