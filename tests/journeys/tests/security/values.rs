//! X11 to X14: values that readers could understand differently, and bodies that are too large.

use journeys::{Node, part};

use super::{API, a_door, fault_of, post, text_of, with_header};

#[tokio::test(start_paused = true)]
async fn x11_a_value_in_pieces_is_one_value_everywhere() {
    let mut door = a_door().await;
    let address = "https://client.example.com/<!-- x -->do<![CDATA[ne]]>?a=1&amp;b=&#50;";
    let options = format!(
        "<ConversationID>conv<!-- -->-<![CDATA[4]]><?x?>2</ConversationID>\
         <SendResponseTo><ResponseType>HTTP<!-- -->Post</ResponseType>\
         <ResponseAddress>{address}</ResponseAddress>\
         <RespondWhen>OnCallComplete</RespondWhen></SendResponseTo>"
    );
    let call = door.create(&format!(
        "<Options>{options}<RequestType>Asynchronous</RequestType></Options>\
         <Objects xsi:type=\"Subscriber\"><EmailAddress>ann@<!-- @evil.example -->example.com</EmailAddress>\
         <SubscriberKey>a<![CDATA[nn]]></SubscriberKey></Objects>"
    ));
    let answer = door.takes(call).await;
    assert_eq!(text_of(&answer, "OverallStatus"), "OK", "{}", answer.body);
    door.caller.settles().await;
    assert_eq!(door.caller.outcomes("conv-42").await.len(), 1);
    let callbacks = door.caller.callbacks();
    let [callback] = &callbacks[..] else {
        panic!("one callback expected: {callbacks:?}");
    };
    assert_eq!(callback.url, "https://client.example.com/done?a=1&b=2");
    assert_eq!(callback.field("ConversationID"), Some("conv-42"));
    let look = journeys::look_for("Subscriber")
        .of("EmailAddress")
        .by("SubscriberKey", "ann");
    let found = door.caller.retrieves(look).await;
    assert_eq!(found.lines("EmailAddress"), ["ann@example.com"]);
    // The same call in plain spelling is the same call.
    let plain = part("conv-42", 1, 1);
    assert_eq!(
        door.caller.sends(plain).await.error_code(),
        211,
        "its content differs"
    );
}

#[tokio::test(start_paused = true)]
async fn x12_types_and_nil_cannot_lie() {
    let door = a_door().await;
    for (objects, expected) in [
        (
            "<Objects xsi:type=\"x:List\" xmlns:x=\"urn:x\"/>",
            "names no type",
        ),
        ("<Objects xsi:type=\"y:List\"/>", "names no type"),
        ("<Objects xsi:type=\"a b\"/>", "names no type"),
        ("<Objects xsi:nil=\"maybe\"/>", "not true or false"),
        (
            "<Objects xsi:nil=\"true\">a</Objects>",
            "and yet has content",
        ),
        (
            "<Objects xsi:nil=\"1\"><A/></Objects>",
            "and yet has content",
        ),
        ("<Objects>a<A/></Objects>", "both text and elements"),
        (
            "<x:Objects xmlns:x=\"urn:x\"/>",
            "'Objects' is not in the namespace",
        ),
        (
            "<Objects><x:ID xmlns:x=\"urn:x\">1</x:ID></Objects>",
            "'ID' is not in the namespace",
        ),
    ] {
        door.turns_away(door.create(objects), expected).await;
    }
    // A type that is none of ours is named, object by object, and nothing is kept.
    for lie in ["Object", "APIObject", "CreateOptions", "string", "Nonsense"] {
        let call = door.create(&format!("<Options/><Objects xsi:type=\"{lie}\"/>"));
        let answer = door.keeps_nothing_of(&post(call)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(
            text_of(&answer, "OverallStatus"),
            "Error",
            "{lie}: {}",
            answer.body
        );
    }
    // Blanks around a value that is no text do not count; a nil one is not there.
    for good in [
        "<ConversationID>c1</ConversationID><SequenceCode> 1\n</SequenceCode><CallsInConversation>\t1</CallsInConversation>",
        "<ConversationID>c2</ConversationID><SequenceCode xsi:nil=\"true\"/><CallsInConversation xsi:nil=\"1\"/>",
    ] {
        let answer = door.takes(door.queued(good)).await;
        assert_eq!(text_of(&answer, "OverallStatus"), "OK", "{}", answer.body);
    }
}

const NO_NUMBERS: [&str; 12] = [
    "1e0",
    "1.0",
    "0x1",
    "NaN",
    "INF",
    "-",
    "+",
    "",
    "1 1",
    "\u{661}",
    "99999999999999999999",
    "1\u{a0}",
];

const NO_DATES: [&str; 10] = [
    "",
    "2026-03-02T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-03-02 10:00:00",
    "2026-03-02T10:00:00+15:00",
    "02/03/2026",
    "now",
    "2026-3-2T10:00:00",
    "2026-03-02T24:00:01Z",
    "99999-01-01T00:00:00Z",
];

/// The second of two calls, if the number says so.
fn of_two(number: &str) -> String {
    format!(
        "<ConversationID>c</ConversationID><SequenceCode>{number}</SequenceCode>\
         <CallsInConversation>2</CallsInConversation>"
    )
}

fn at(date: &str) -> String {
    format!("<ScheduledTime>{date}</ScheduledTime>")
}

#[tokio::test(start_paused = true)]
async fn x13_numbers_and_dates_are_what_the_schema_says() {
    let door = a_door().await;
    let numbers = NO_NUMBERS.map(|number| (of_two(number), "expected a whole number"));
    let dates = NO_DATES.map(|date| (at(date), "expected a date and time"));
    for (options, expected) in numbers.into_iter().chain(dates) {
        let answer = door.keeps_nothing_of(&post(door.queued(&options))).await;
        let fault = fault_of(&answer);
        assert!(fault.contains(expected), "{options}: {fault}");
    }
    let numbers = ["0", "-1", "3", "2147483648"].map(|number| (of_two(number), "205"));
    let dates = [
        "9999-12-01T23:59:59Z",
        "2027-03-03T09:00:00Z",
        "2026-04-01T03:00:01",
    ];
    let dates = dates.map(|date| (at(date), "226"));
    for (options, code) in numbers.into_iter().chain(dates) {
        let answer = door.keeps_nothing_of(&post(door.queued(&options))).await;
        assert_eq!(
            text_of(&answer, "ErrorCode"),
            code,
            "{options}: {}",
            answer.body
        );
    }
    // Other spellings of good values.
    let one_of_one = "<ConversationID>g1</ConversationID><SequenceCode>+1</SequenceCode>\
                      <CallsInConversation>01</CallsInConversation>";
    let dates = ["2026-03-02T03:00:00", "2026-03-02T24:00:00Z"].map(at);
    for options in dates.iter().map(String::as_str).chain([one_of_one]) {
        let answer = door.takes(door.queued(options)).await;
        assert_eq!(
            text_of(&answer, "OverallStatus"),
            "OK",
            "{options}: {}",
            answer.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn x14_a_large_body_is_refused_by_its_size() {
    let door = a_door().await;
    let of_size = |bytes: usize| {
        let frame = door.create("<Objects xsi:type=\"List\"><ListName>a</ListName><Description></Description></Objects>");
        frame.replace(
            "<Description></Description>",
            &format!(
                "<Description>{}</Description>",
                "x".repeat(bytes - frame.len())
            ),
        )
    };
    for bytes in [5_000_001, 6 << 20, 10 << 20] {
        let expected = format!("The request has {bytes} bytes; at most 5000000 are accepted");
        door.turns_away(of_size(bytes), &expected).await;
    }
    for bytes in [1 << 20, 5_000_000] {
        let answer = door.answer(&post(of_size(bytes))).await;
        assert_eq!(answer.status, 200, "{}", &answer.body[..500]);
    }
    // Packed bodies are not unpacked, so that a small one cannot become a large one.
    for encoding in ["gzip", "deflate", "br", "x-gzip, identity"] {
        let compressed = with_header(
            post(b"\x1f\x8b\x08\0\0\0\0\0".to_vec()),
            "content-encoding",
            encoding,
        );
        door.turns_away_request(
            compressed,
            format!("Content-Encoding '{encoding}' is not supported"),
        )
        .await;
    }
    for encoding in ["identity", "Identity", " IDENTITY ", ""] {
        let plain = with_header(
            post(door.create("<Objects xsi:type=\"List\"/>")),
            "content-encoding",
            encoding,
        );
        let answer = door.answer(&plain).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(Node::read(&answer.body).child("Body").is_some());
        assert!(answer.body.contains(API));
    }
}
