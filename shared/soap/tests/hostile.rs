//! What is tried against the server's door: every envelope here is refused, with a fault that says
//! why and gives nothing away.

use soap::{Fault, FaultCode};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const API: &str = soap::API;
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An envelope around the inside of a CreateRequest.
fn create(inside: &str) -> String {
    with_body(&format!(
        "<CreateRequest xmlns=\"{API}\" xmlns:xsi=\"{XSI}\">{inside}</CreateRequest>"
    ))
}

fn with_body(body: &str) -> String {
    with_parts(&format!("<s:Body>{body}</s:Body>"))
}

fn with_parts(parts: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{SOAP}\">{parts}</s:Envelope>")
}

fn refused(envelope: &[u8]) -> Fault {
    soap::read_envelope(envelope, None).expect_err("a fault")
}

/// The envelope is a Client fault whose text holds `expected`.
#[track_caller]
fn check(envelope: &str, expected: &str) {
    let fault = refused(envelope.as_bytes());
    assert_eq!(fault.code, FaultCode::Client, "{fault}");
    assert!(fault.text.contains(expected), "{fault}");
}

#[track_caller]
fn accepts(envelope: &str) {
    let read = soap::read_envelope(envelope.as_bytes(), None);
    assert!(read.is_ok(), "{envelope}: {read:?}");
}

#[test]
fn a_doctype_is_refused_wherever_it_could_stand() {
    let envelope = create("<Objects xsi:type=\"List\"/>");
    for doctype in [
        "<!DOCTYPE s:Envelope>",
        "<!doctype x>",
        "<!-- a --><?b c?><!DOCTYPE x SYSTEM \"http://169.254.169.254/\">",
        "<!DOCTYPE x [<!ENTITY a \"b\"><!ENTITY c \"&a;&a;\">]>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM \"file:///etc/passwd\">%p;]>",
        "<?xml version=\"1.0\"?>\n<!DOCTYPE x>",
    ] {
        check(&format!("{doctype}{envelope}"), "DOCTYPE");
        let utf16: Vec<u8> = format!("\u{FEFF}{doctype}{envelope}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(refused(&utf16).text.contains("DOCTYPE"));
    }
    accepts(&create(
        "<Objects xsi:type=\"List\"><ListName><![CDATA[<!DOCTYPE x>]]></ListName></Objects>",
    ));
}

#[test]
fn only_the_five_entities_and_legal_characters_can_be_referred_to() {
    let value = |text: &str| create(&format!("<Objects><Name>{text}</Name></Objects>"));
    for reference in [
        "&a;",
        "&nbsp;",
        "&LT;",
        "&",
        "& ",
        "&#;",
        "&#x;",
        "&#0;",
        "&#x0;",
        "&#8;",
        "&#xD800;",
        "&#xDFFF;",
        "&#xFFFE;",
        "&#xFFFF;",
        "&#x110000;",
        "&#99999999999999999999;",
        "&#-1;",
        "&#+1;",
        "&#1F;",
        "&#X41;",
        "&#x 41;",
        "&lt",
        "&&lt;",
    ] {
        check(&value(reference), "not well-formed");
        check(
            &create(&format!("<Objects a=\"{reference}\"/>")),
            "not well-formed",
        );
    }
    accepts(&value(
        "&lt;&gt;&amp;&apos;&quot;&#9;&#10;&#13;&#x41;&#x10FFFF;&#00000065;",
    ));
}

#[test]
fn malformed_documents_are_refused() {
    let whole = create("<Objects xsi:type=\"List\"><ListName>a</ListName></Objects>");
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let fault = refused(&whole.as_bytes()[..end]);
        assert_eq!(fault.code, FaultCode::Client);
    }
    for (before, behind) in [
        ("", "x"),
        ("", "<a/>"),
        ("", "<!-- -- -->"),
        ("", "<?xml version=\"1.0\"?>"),
        ("x", ""),
        (" <?xml version=\"1.0\"?>", ""),
        ("<?xml version=\"2.0\"?>", ""),
        ("<?xml encoding=\"utf-8\"?>", ""),
        ("<?xml version='1.0' standalone='maybe'?>", ""),
        ("<?xml version='1.0'encoding='utf-8'?>", ""),
        ("<?XML version='1.0'?>", ""),
        ("<?a:b c?>", ""),
        ("<!-- a --->", ""),
        ("", "&#32;"),
        ("", "<![CDATA[]]>"),
        ("\u{FEFF}\u{FEFF}", ""),
    ] {
        check(&format!("{before}{whole}{behind}"), "not well-formed");
    }
}

#[test]
fn malformed_markup_is_refused() {
    for inside in [
        "<A></B>",
        "<A",
        "<A b=1/>",
        "<A b='1'c='2'/>",
        "<A b/>",
        "<A b='<'/>",
        "< A/>",
        "<A/ >",
        "<A b='1'/ >",
        "<A'/>",
        "<A b=''\"/>",
        "<A></ A>",
        "<A></A b='1'>",
        "</A>",
        "<!-- \u{e9}-\u{e9}-\u{e9}--\u{e9} -->",
        "<!-x-->",
        "<![CDATA]]>",
        "<?a'?b?>",
        "<1/>",
        "<A:/>",
        "<:A/>",
        "<A:B:C/>",
        "]]>",
        "<A>]]></A>",
        "<!ELEMENT A>",
        "<![INCLUDE[]]>",
        "<?xml a?>",
        "<??>",
        "<A\u{1}/>",
        "\u{1}",
        "\u{FFFF}",
        "<A b='1' b='2'/>",
        "<A xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
        "<p:A/>",
        "<A p:b=''/>",
        "<xmlns:A/>",
        "<A xmlns:p=''/>",
        "<A xmlns:xml='u'/>",
        "<A xmlns:xmlns='u'/>",
        "<A xmlns:p='http://www.w3.org/2000/xmlns/'/>",
        "<A xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<A xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<A xmlns:p='a' xmlns:p='b'/>",
        "<A xmlns:p='not a uri'/>",
        "<A xmlns:p='1:a'/>",
        "<A xmlns:p='http://a:b/'/>",
        "<A xmlns:p='http://a/%zz'/>",
        "<A xmlns:p='a#b#c'/>",
    ] {
        check(&create(inside), "not well-formed");
    }
}

#[test]
fn bounds_are_firm() {
    let nested = |depth: usize| "<A>".repeat(depth) + &"</A>".repeat(depth);
    accepts(&create(&nested(soap::DEPTH_MAX - 3)));
    check(&create(&nested(soap::DEPTH_MAX - 2)), "too complex");
    check(&create(&"<A>".repeat(30_000)), "too complex");
    let attributes = |count: usize| -> String {
        let all: String = (0..count).map(|number| format!(" a{number}=''")).collect();
        format!("<A{all}/>")
    };
    accepts(&create(&attributes(soap::ATTRIBUTES_MAX)));
    check(
        &create(&attributes(soap::ATTRIBUTES_MAX + 1)),
        "too complex",
    );
    let declarations: String = (0..100_000)
        .map(|number| format!(" xmlns:p{number}='u'"))
        .collect();
    check(&create(&format!("<A{declarations}/>")), "too complex");
    check(
        &create(&format!("<{}/>", "a".repeat(256))),
        "longer than 255",
    );
    check(
        &create(&format!("<A xmlns:p='{}'/>", "u".repeat(10_000))),
        "too complex",
    );
    check(&create(&"<A/>".repeat(soap::ELEMENTS_MAX)), "too complex");
    let large = " ".repeat(soap::ENVELOPE_BYTES_MAX);
    check(&create(&large), "at most 5000000");
}

#[test]
fn an_encoding_is_what_it_says() {
    let plain = create("<Objects xsi:type=\"List\"><ListName>\u{e9}</ListName></Objects>");
    let declared = |name: &str| format!("<?xml version=\"1.0\" encoding=\"{name}\"?>{plain}");
    let utf16 = |text: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    };
    let read = |bytes: &[u8], content_type: &str| {
        soap::read_envelope(bytes, Some(content_type)).map(|envelope| envelope.body)
    };
    let expected = read(plain.as_bytes(), "text/xml").expect("plain UTF-8");
    for good in [
        declared("UTF-8").into_bytes(),
        format!("\u{FEFF}{}", declared("utf-8")).into_bytes(),
        utf16(&format!("\u{FEFF}{}", declared("UTF-16")), u16::to_le_bytes),
        utf16(&format!("\u{FEFF}{plain}"), u16::to_be_bytes),
        utf16(&declared("utf-16"), u16::to_le_bytes),
        utf16(&declared("utf-16be"), u16::to_be_bytes),
    ] {
        assert_eq!(read(&good, "text/xml"), Ok(expected.clone()));
    }
    assert!(read(plain.as_bytes(), "text/xml; charset=\"UTF-8\"").is_ok());
    for bad in [
        declared("utf-16").into_bytes(),
        declared("iso-8859-1").into_bytes(),
        declared("utf-7").into_bytes(),
        declared("us-ascii").into_bytes(),
        declared("no name!").into_bytes(),
        utf16(&declared("utf-8"), u16::to_le_bytes),
        utf16(
            &format!("\u{FEFF}{}", declared("utf-16be")),
            u16::to_le_bytes,
        ),
        plain.replace('\u{e9}', "\u{0}").into_bytes(),
        [plain.as_bytes(), b"\xFF"].concat(),
        [b"\xFF\xFE\x00\x00", plain.as_bytes()].concat(),
        utf16(&plain, u16::to_le_bytes)[..101].to_vec(),
        plain
            .bytes()
            .flat_map(|byte| {
                if byte == 0xC3 {
                    vec![0xC0, 0xAF]
                } else {
                    vec![byte]
                }
            })
            .collect(),
        b"\x4C\x6F\xA7\x94\x93".to_vec(),
        Vec::new(),
    ] {
        assert!(
            read(&bad, "text/xml").is_err(),
            "{}",
            String::from_utf8_lossy(&bad)
        );
    }
    assert!(read(plain.as_bytes(), "text/xml; charset=utf-16").is_err());
    assert!(read(plain.as_bytes(), "text/xml; charset=iso-8859-1").is_err());
    let mut lone = utf16(&plain, u16::to_le_bytes);
    lone[201] = 0xD8;
    assert!(read(&lone, "text/xml").is_err());
}

#[test]
fn an_envelope_has_one_of_everything() {
    let body = format!("<s:Body><CreateRequest xmlns=\"{API}\"/></s:Body>");
    accepts(&with_parts(&body));
    accepts(&create(
        "<A xmlns:p='urn:a:b' xmlns:q='http://u@h:80/a:b?c:d#e' xmlns:r='../a%20b'/>",
    ));
    accepts(&with_parts(&format!("{body}<s:Header/>")));
    check(
        &with_parts(&format!("{body}{body}")),
        "More than one 'Body'",
    );
    check(
        &with_parts(&format!("<s:Header/>{body}<s:Header/>")),
        "More than one 'Header'",
    );
    check(&with_parts("<s:Header/>"), "no Body");
    check(&with_parts("<s:Body/>"), "no request");
    check(
        &with_parts(&format!("{body}<a/>")),
        "'a' stands in the Envelope",
    );
    check(&with_parts(&format!("x{body}")), "Text");
    check(
        &with_body(&format!("<A xmlns=\"{API}\"/><B xmlns=\"{API}\"/>")),
        "more than one request",
    );
    check(
        &with_body("<m:GetPrice xmlns:m=\"urn:m\"/>"),
        "'GetPrice' is not a request",
    );
    check(&with_body("text"), "Text stands in Body");
    check("<a/>", "Envelope expected");
    let other = with_parts(&body).replace(SOAP, "http://example.com/envelope");
    assert_eq!(refused(other.as_bytes()).code, FaultCode::VersionMismatch);
}

#[test]
fn nothing_gets_in_under_anothers_name() {
    let ok = "<Objects xsi:type=\"List\"/>";
    check(
        &create(&format!("<Options xmlns=\"\"/>{ok}")),
        "'Options' is not in the namespace",
    );
    check(
        &create(&format!("<x:Options xmlns:x=\"urn:x\"/>{ok}")),
        "'Options' is not in the namespace",
    );
    check(&create("<Objects xsi:type=\"a:b:c\"/>"), "names no type");
    check(
        &create("<Objects xsi:type=\"x:List\" xmlns:x=\"urn:x\"/>"),
        "names no type",
    );
    check(&create("<Objects xsi:type=\"y:List\"/>"), "names no type");
    check(&create("<Objects xsi:type=\"\"/>"), "names no type");
    check(&create("<Objects xsi:nil=\"maybe\"/>"), "xsi:nil");
    check(
        &create("<Objects xsi:nil=\"true\">a</Objects>"),
        "and yet has content",
    );
    check(
        &create("<Objects xsi:nil=\"1\"><A/></Objects>"),
        "and yet has content",
    );
    check(
        &create("<Objects>a<A/></Objects>"),
        "both text and elements",
    );
    check(
        &create("<Objects><A/>a</Objects>"),
        "both text and elements",
    );
}

#[test]
fn unknown_headers_that_must_be_understood_are_refused() {
    let body = format!("<s:Body><CreateRequest xmlns=\"{API}\"/></s:Body>");
    let with = |entry: &str| with_parts(&format!("<s:Header>{entry}</s:Header>{body}"));
    let fault = refused(with("<x:Sign xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>").as_bytes());
    assert_eq!(fault.code, FaultCode::MustUnderstand);
    assert!(fault.text.contains("Sign"), "{fault}");
    accepts(&with("<x:Sign xmlns:x=\"urn:x\" s:mustUnderstand=\"0\"/>"));
    accepts(&with("<x:Sign xmlns:x=\"urn:x\" mustUnderstand=\"1\"/>"));
    accepts(&with(
        "<x:Sign xmlns:x=\"urn:x\" s:mustUnderstand=\"1\" s:actor=\"urn:other\"/>",
    ));
    let addressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
    accepts(&with(&format!(
        "<a:To xmlns:a=\"{addressing}\" s:mustUnderstand=\"1\">x</a:To>"
    )));
    check(
        &with(&format!(
            "<a:Action xmlns:a=\"{addressing}\">Create</a:Action><a:Action xmlns:a=\"{addressing}\">Delete</a:Action>"
        )),
        "More than one 'Action'",
    );
    let token = "<fueloauth xmlns=\"http://exacttarget.com\">a</fueloauth>";
    check(
        &with(&format!("{token}<fueloauth>b</fueloauth>")),
        "More than one 'fueloauth'",
    );
}

#[test]
fn content_types_that_wrap_the_envelope_are_named() {
    let envelope = create("<Objects xsi:type=\"List\"/>");
    let read = |content_type: &str| soap::read_envelope(envelope.as_bytes(), Some(content_type));
    for good in [
        "text/xml",
        "TEXT/XML;charset=utf-8",
        "application/soap+xml; action=\"Create\"",
        "application/xml",
    ] {
        assert!(read(good).is_ok(), "{good}");
    }
    for (bad, expected) in [
        ("multipart/related; type=\"application/xop+xml\"", "MTOM"),
        ("application/xop+xml", "MTOM"),
        ("application/json", "'application/json' is not supported"),
    ] {
        let fault = read(bad).expect_err("a fault");
        assert!(fault.text.contains(expected), "{fault}");
    }
}

#[test]
fn faults_and_debug_output_give_no_secret_away() {
    let security =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let header = format!(
        "<s:Header><w:Security xmlns:w=\"{security}\"><w:UsernameToken><w:Username>u</w:Username><w:Password>hunter2</w:Password></w:UsernameToken></w:Security></s:Header>"
    );
    let good = with_parts(&format!(
        "{header}<s:Body><CreateRequest xmlns=\"{API}\"/></s:Body>"
    ));
    let read = soap::read_envelope(good.as_bytes(), None).expect("a good envelope");
    assert!(!format!("{read:?}").contains("hunter2"));
    for end in (1..good.len()).filter(|end| good.is_char_boundary(*end)) {
        assert!(!refused(&good.as_bytes()[..end]).text.contains("hunter2"));
    }
}
