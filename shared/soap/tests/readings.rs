//! One meaning: however a payload is spelt, it is the same payload, stays the same when it is kept
//! and read again, and no other.

use proptest::prelude::*;

use soap::{CallRequest, Element, Operation};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn read(payload: &str) -> Element {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{payload}</s:Body></s:Envelope>"
    );
    soap::read_envelope(envelope.as_bytes(), None)
        .expect(payload)
        .body
}

fn call(body: &Element) -> CallRequest {
    match soap::take_operation(body.clone(), None, None) {
        Ok(Operation::Call(call)) => call,
        other => panic!("no call: {other:?}"),
    }
}

#[test]
fn spelling_does_not_count() {
    let plain = read(&format!(
        "<CreateRequest xmlns=\"{}\" xmlns:xsi=\"{XSI}\"><Options><ConversationID>a&amp;b c</ConversationID></Options><Objects xsi:type=\"List\"><ListName/></Objects></CreateRequest>",
        soap::API
    ));
    let api = soap::API;
    for spelling in [
        format!(
            "<p:CreateRequest xmlns:p=\"{api}\"><p:Options><p:ConversationID>a<!-- -->&#38;<![CDATA[b ]]>c</p:ConversationID></p:Options><p:Objects i:type='q:List' xmlns:q='{api}' xmlns:i=\"{XSI}\"><p:ListName></p:ListName></p:Objects></p:CreateRequest>"
        ),
        format!(
            "\n<CreateRequest\n xmlns='{api}'>\r\n <?x y?><Options >\t<ConversationID>a<![CDATA[&]]>b c</ConversationID ></Options>\n <!-- <Options/> --><Objects a:type=' List ' xmlns:a='{XSI}' unknown='1'>\n<ListName\t/>\n</Objects>\n</CreateRequest>\n"
        ),
    ] {
        let other = read(&spelling);
        assert_eq!(other, plain);
        assert_eq!(soap::digest(&other), soap::digest(&plain));
    }
}

/// Short text is read in another way than long text and text with references.
#[test]
fn text_is_the_same_text_however_long() {
    for length in 0..140 {
        for (written, meant) in [
            ("", ""),
            ("ü", "ü"),
            ("\u{FEFF}", "\u{FEFF}"),
            (">", ">"),
            ("]]", "]]"),
            ("\n", "\n"),
            ("\r\n", "\n"),
            ("\r", "\n"),
            ("&amp;", "&"),
            ("&#13;", "\r"),
            ("<!-- -->", ""),
            ("<?x?>", ""),
            ("<![CDATA[<&]]>", "<&"),
        ] {
            let text = "t".repeat(length);
            let value = |inside: &str| format!("{text}{inside}{text}{inside}x");
            let read = read(&format!(
                "<A xmlns=\"{}\"><B>{}</B></A>",
                soap::API,
                value(written)
            ));
            assert_eq!(read.text_of("B"), Some(value(meant).as_str()));
        }
    }
}

#[test]
fn content_counts() {
    let with = |value: &str| {
        soap::digest(&read(&format!(
            "<CreateRequest xmlns=\"{}\" xmlns:x=\"{XSI}\"><Options><ConversationID>{value}</ConversationID></Options></CreateRequest>",
            soap::API
        )))
    };
    let values = [
        "a",
        "A",
        " a",
        "a ",
        "a\n",
        "a&#13;",
        "a b",
        "a  b",
        "",
        " ",
        "&lt;a/&gt;",
        "\u{e9}",
        "e\u{301}",
    ];
    for (at, value) in values.iter().enumerate() {
        for other in &values[at + 1..] {
            assert_ne!(with(value), with(other), "{value:?} {other:?}");
        }
    }
}

#[test]
fn line_ends_are_one() {
    let body = read(&format!(
        "<CreateRequest xmlns=\"{}\"><A>a\r\nb\rc\nd<![CDATA[\r\n]]>&#13;</A></CreateRequest>",
        soap::API
    ));
    assert_eq!(body.text_of("A"), Some("a\nb\nc\nd\n\r"));
    assert_eq!(soap::read_canonical(&soap::canonical(&body)), Ok(body));
}

#[test]
fn strays_of_the_instance_namespace_are_left_out() {
    let body = read(&format!(
        "<CreateRequest xmlns=\"{}\" xmlns:xsi=\"{XSI}\"><Objects xsi:type=\"List\"/><Objects>\n <xsi:type>List</xsi:type>\n</Objects></CreateRequest>",
        soap::API
    ));
    assert_eq!(call(&body).objects.len(), 1);
    assert!(!soap::canonical(&body).contains(">List<"));
}

/// Text as callers write it, and as they had better not.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        Just('<'),
        Just('>'),
        Just('&'),
        Just('"'),
        Just('\''),
        Just(']'),
        Just('\r'),
        Just('\n'),
        Just('\t'),
        Just(' '),
        Just('\u{FFFD}'),
        Just('\u{FEFF}'),
        Just('\u{10FFFF}'),
        Just('\u{85}'),
        Just('\u{2028}'),
        proptest::char::range('a', 'z'),
        proptest::char::range('\u{A0}', '\u{D7FF}'),
    ];
    proptest::collection::vec(character, 0..12)
        .prop_map(|characters| characters.into_iter().collect())
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z_\u{e9}][A-Za-z0-9_.\u{b7}-]{0,8}"
}

fn element() -> impl Strategy<Value = Element> {
    let leaf = (name(), proptest::option::of(name()), any::<bool>(), text()).prop_map(
        |(name, type_name, nil, text)| Element {
            name,
            type_name,
            nil,
            text: if nil { String::new() } else { text },
            children: Vec::new(),
        },
    );
    leaf.prop_recursive(4, 40, 6, |inner| {
        (
            name(),
            proptest::option::of(name()),
            proptest::collection::vec(inner, 1..6),
        )
            .prop_map(|(name, type_name, children)| Element {
                name,
                type_name,
                children,
                ..Element::default()
            })
    })
}

proptest! {
    #[test]
    fn what_is_kept_is_what_came(element in element()) {
        let kept = soap::canonical(&element);
        prop_assert_eq!(soap::read_canonical(&kept), Ok(element.clone()));
        prop_assert_eq!(read(&kept), element);
    }

    #[test]
    fn a_kept_call_is_the_same_call(objects in proptest::collection::vec(element(), 0..4), id in text()) {
        let mut body = Element::new("CreateRequest");
        body.children.push(Element::new("Options").with(Element::of("ConversationID", id)));
        for object in objects {
            body.children.push(Element { name: "Objects".to_owned(), ..object });
        }
        let kept = soap::read_canonical(&soap::canonical(&body)).expect("readable");
        prop_assert_eq!(call(&kept), call(&body));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(soap::read_envelope(&bytes, None));
        drop(soap::well_formed(&bytes));
    }

    #[test]
    fn no_markup_makes_the_reader_panic(text in "[<>/&;:!?'\"=\\[\\]a-d \\-\u{e9}\u{FEFF}]{0,60}") {
        drop(soap::well_formed(format!("<a>{text}</a>").as_bytes()));
        drop(soap::well_formed(text.as_bytes()));
        drop(soap::read_canonical(&text));
    }

    #[test]
    fn a_date_that_can_be_read_is_written_the_same(text in "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,11})?(Z|[+-][01][0-9]:[0-6][0-9])?|[0-9TZ:.+-]{0,30}") {
        if let Some(at) = soap::read_date_time(&text) {
            prop_assert_eq!(soap::read_date_time(&soap::write_date_time(at)), Some(at));
        }
    }
}
