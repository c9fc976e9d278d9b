//! What is checked at the door: the options and objects of calls, and which code each mistake has.

use soap::{Element, Operation};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A CreateRequest with these Options and one List, as asynchronous as `options` says.
fn body(options: &str, objects: &str) -> Element {
    let text = format!(
        "<CreateRequest xmlns=\"{}\" xmlns:xsi=\"{XSI}\"><Options>{options}</Options>{objects}</CreateRequest>",
        soap::API
    );
    soap::read_canonical(&text).expect(&text)
}

const LIST: &str = "<Objects xsi:type=\"List\"/>";

/// `ok`, the code of the refusal, or the text of the fault.
fn judge(body: &Element, allow_http: bool) -> String {
    let call = match soap::take_operation(body.clone(), None, None) {
        Ok(Operation::Call(call)) => call,
        Ok(other) => return other.name().to_owned(),
        Err(fault) => return fault.text,
    };
    match call.check(allow_http).and_then(|()| call.place()) {
        Ok(soap::NamedPlace {
            conversation_id,
            place,
        }) => match conversation_id {
            None => "ok".to_owned(),
            Some(conversation) => {
                format!(
                    "{conversation} {}/{}",
                    place.sequence(),
                    place.calls_in_conversation()
                )
            }
        },
        Err(refusal) => refusal.error_code().to_string(),
    }
}

#[track_caller]
fn check(options: &str, expected: &str) {
    assert_eq!(judge(&body(options, LIST), false), expected, "{options}");
}

/// The same of an asynchronous call.
#[track_caller]
fn check_async(options: &str, expected: &str) {
    check(
        &format!("<RequestType>Asynchronous</RequestType>{options}"),
        expected,
    );
}

#[track_caller]
fn check_objects(objects: &str, expected: &str) {
    let options = "<RequestType>Asynchronous</RequestType>";
    assert_eq!(judge(&body(options, objects), false), expected, "{objects}");
}

#[test]
fn places_follow_the_rules_of_conversations() {
    let part = |id: &str, sequence: &str, calls: &str| {
        let element = |name: &str, value: &str| match value {
            "-" => String::new(),
            _ => format!("<{name}>{value}</{name}>"),
        };
        element("ConversationID", id)
            + &element("SequenceCode", sequence)
            + &element("CallsInConversation", calls)
    };
    for (id, sequence, calls, expected) in [
        ("-", "-", "-", "ok"),
        ("a", "-", "-", "a 1/1"),
        ("a", "2", "3", "a 2/3"),
        (" a ", " +2 ", "03", " a  2/3"),
        ("a", "-", "3", "202"),
        ("a", "1", "-", "208"),
        ("-", "1", "3", "207"),
        ("-", "1", "-", "207"),
        ("", "1", "3", "207"),
        ("", "-", "-", "207"),
        ("a", "0", "3", "205"),
        ("a", "4", "3", "205"),
        ("a", "-1", "3", "205"),
        ("a", "2147483648", "3", "205"),
        ("a", "1", "0", "206"),
        ("a", "1", "10001", "206"),
    ] {
        check_async(&part(id, sequence, calls), expected);
    }
    check(&part("a", "1", "1"), "209");
    check(&part("-", "1", "-"), "209");
    check(&part("", "-", "-"), "209");
    check_async(&part(&"x".repeat(256), "1", "1"), "212");
    check(
        "<RequestExpirationTime>2026-11-20T10:00:00Z</RequestExpirationTime>",
        "231",
    );
    check_async(
        "<RequestExpirationTime>2026-11-20T10:00:00Z</RequestExpirationTime>",
        "ok",
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    for (option, expected) in [
        (
            "<SequenceCode>abc</SequenceCode>",
            "Element 'SequenceCode' is 'abc', expected a whole number",
        ),
        (
            "<SequenceCode>1e0</SequenceCode>",
            "Element 'SequenceCode' is '1e0', expected a whole number",
        ),
        (
            "<SequenceCode></SequenceCode>",
            "Element 'SequenceCode' is '', expected a whole number",
        ),
        (
            "<SequenceCode>99999999999999999999</SequenceCode>",
            "Element 'SequenceCode' is '99999999999999999999', expected a whole number",
        ),
        (
            "<SequenceCode><A/></SequenceCode>",
            "Element 'SequenceCode' must hold text, not elements",
        ),
        (
            "<ConversationID>a</ConversationID><ConversationID>b</ConversationID>",
            "More than one 'ConversationID' in the request",
        ),
        (
            "<RequestType>asynchronous</RequestType>",
            "Element 'RequestType' is 'asynchronous', expected one of Synchronous, Asynchronous",
        ),
        (
            "<QueuePriority>Urgent</QueuePriority>",
            "Element 'QueuePriority' is 'Urgent', expected one of Low, Medium, High",
        ),
        (
            "<ScheduledTime>tomorrow</ScheduledTime>",
            "Element 'ScheduledTime' is 'tomorrow', expected a date and time like 2026-11-20T10:00:00Z",
        ),
        (
            "<Priority>200</Priority>",
            "Element 'Priority' is '200', expected a number from -128 to 127",
        ),
        (
            "<SendResponseTo><ResponseType>Fax</ResponseType></SendResponseTo>",
            "Element 'ResponseType' is 'Fax', expected one of None, email, FTP, HTTPPost",
        ),
        (
            "<SaveOptions><SaveOption><PropertyName>*</PropertyName></SaveOption></SaveOptions>",
            "A SaveOption needs a PropertyName and a SaveAction",
        ),
    ] {
        check(option, expected);
    }
}

#[test]
fn options_may_be_nil_or_new_but_not_ambiguous() {
    check(
        "<SendResponseTo><ResponseAddress>https://a.example</ResponseAddress></SendResponseTo>",
        "A SendResponseTo needs a ResponseType",
    );
    check(
        "<SequenceCode xsi:nil=\"true\"/><Novelty><A/></Novelty>",
        "ok",
    );
    let two = body("", "").with(Element::new("Options"));
    assert_eq!(judge(&two, false), "More than one 'Options' in the request");
}

fn reply(kind: &str, address: &str) -> String {
    format!(
        "<SendResponseTo><ResponseType>{kind}</ResponseType><ResponseAddress>{address}</ResponseAddress></SendResponseTo>"
    )
}

#[test]
fn addresses_are_checked_by_their_kind() {
    for (kind, address, expected) in [
        ("HTTPPost", "https://client.example/cb?a=b", "ok"),
        ("HTTPPost", " HTTPS://client.example ", "ok"),
        ("HTTPPost", "http://client.example/cb", "227"),
        ("HTTPPost", "ftp://client.example/cb", "227"),
        ("HTTPPost", "https:///cb", "227"),
        ("HTTPPost", "https://a b/", "227"),
        ("HTTPPost", "https://a\\b/", "227"),
        ("HTTPPost", "client.example", "227"),
        ("HTTPPost", "", "204"),
        ("email", "", "204"),
        ("FTP", "ftp://x", "204"),
        ("None", "", "ok"),
        ("None", "whatever", "ok"),
        ("email", "a.b+c@mail.example.com", "ok"),
        ("email", "a@b.c\u{e9}", "ok"),
        ("email", "nobody", "204"),
        ("email", "a@b", "204"),
        ("email", "a@b@c.de", "204"),
        ("email", "a@b.de,c@d.de", "204"),
        ("email", "A &lt;a@b.de&gt;", "204"),
        ("email", "a@b.de&#13;&#10;Bcc: c@d.de", "204"),
        ("email", "a@[127.0.0.1]", "204"),
        ("email", "a@1.2.3.4", "204"),
        ("email", ".a@b.de", "204"),
        ("email", "a..b@b.de", "204"),
        ("email", "a@-b.de", "204"),
        ("email", "a@b..de", "204"),
    ] {
        check_async(&reply(kind, address), expected);
    }
    let plain_http = body(&reply("HTTPPost", "http://127.0.0.1:8080/cb"), LIST);
    assert_eq!(judge(&plain_http, true), "ok");
    check_async(&reply("None", "").repeat(10), "ok");
    check_async(&reply("None", "").repeat(11), "204");
    check_async("<SendResponseTo/>", "ok");
}

#[test]
fn objects_need_a_type_and_distinct_correlation_ids() {
    let with_correlation = |id: &str| {
        format!("<Objects xsi:type=\"List\"><CorrelationID>{id}</CorrelationID></Objects>")
    };
    check_objects("", "6");
    check_objects("<Objects/>", "6");
    check_objects("<Objects xsi:nil=\"true\"/>", "6");
    check_objects(
        &(LIST.to_owned() + "<Objects><ListName>a</ListName></Objects>"),
        "6",
    );
    check_objects(&(with_correlation("a") + &with_correlation("b")), "ok");
    check_objects(&(with_correlation("a") + &with_correlation("a")), "204");
    check_objects(&(with_correlation("") + &with_correlation("")), "ok");
    check_objects(&LIST.repeat(32_766), "ok");
    check_objects(&LIST.repeat(32_767), "218");
}

#[test]
fn headers_may_only_agree_with_the_body() {
    let body = body("", LIST);
    let read = |soap_action: Option<&str>, wsa_action: Option<&str>| match soap::take_operation(
        body.clone(),
        soap_action,
        wsa_action,
    ) {
        Ok(operation) => operation.name().to_owned(),
        Err(fault) => fault.text,
    };
    for good in [
        None,
        Some(""),
        Some("\"\""),
        Some("Create"),
        Some("\"Create\""),
        Some(" Create "),
    ] {
        assert_eq!(read(good, None), "Create");
        assert_eq!(read(None, good), "Create");
    }
    let expected = |of: &str| {
        format!(
            "Server did not recognize the value of HTTP Header SOAPAction: Delete. The {of} is 'Delete' \
             and the Body is a Create: send one of both otherwise"
        )
    };
    assert_eq!(read(Some("\"Delete\""), None), expected("SOAPAction"));
    assert_eq!(read(Some("Create"), Some("Delete")), expected("wsa:Action"));
    let fault = soap::take_operation(Element::new("CreateResponse"), None, None);
    assert_eq!(
        fault.expect_err("a fault").text,
        "'CreateResponse' is not a request of this service"
    );
}
