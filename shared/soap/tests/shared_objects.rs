//! Objects that are written once and referred to are read as if they stood in each place.

use soap::Element;

const API: &str = soap::API;

fn read(payload: &str) -> Result<Element, String> {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:enc=\"http://www.w3.org/2003/05/soap-encoding\"><s:Body>\
         <CreateRequest xmlns=\"{API}\"><Options/>{payload}</CreateRequest></s:Body></s:Envelope>"
    );
    let read = soap::read_envelope(envelope.as_bytes(), None);
    read.map(|envelope| envelope.body)
        .map_err(|fault| fault.text)
}

/// Both are the same request.
#[track_caller]
fn check(shared: &str, written_out: &str) {
    let shared = read(shared).expect("a request");
    let written_out = read(written_out).expect("a request");
    assert_eq!(shared, written_out);
    assert_eq!(soap::digest(&shared), soap::digest(&written_out));
}

#[track_caller]
fn refused(shared: &str, because: &str) {
    let text = read(shared).expect_err("a fault");
    assert!(text.contains(because), "{text}");
}

const LIST: &str = "<CustomerKey>news</CustomerKey><Status>Active</Status>";

#[test]
fn a_shared_object_counts_in_every_place() {
    let written_out = format!(
        "<Objects xsi:type=\"Subscriber\"><Lists>{LIST}</Lists></Objects>\
         <Objects xsi:type=\"Subscriber\"><Lists>{LIST}</Lists></Objects>"
    );
    for (id, href) in [
        ("id=\"ref1\"", "href=\"#ref1\""),
        ("enc:id=\"ref1\"", "enc:ref=\"#ref1\""),
        ("enc:id=\"ref1\"", "enc:ref=\"ref1\""),
    ] {
        let first =
            format!("<Objects xsi:type=\"Subscriber\"><Lists {id}>{LIST}</Lists></Objects>");
        let second = format!("<Objects xsi:type=\"Subscriber\"><Lists {href}/></Objects>");
        check(&format!("{first}{second}"), &written_out);
        check(&format!("{second}{first}"), &written_out);
    }
    // Whole objects, with their type; objects within shared ones; text alone.
    check(
        "<Objects id=\"a\" xsi:type=\"List\"><ListName id=\"n\">x</ListName><Description href=\"#n\"/></Objects><Objects href=\"#a\"></Objects>",
        &"<Objects xsi:type=\"List\"><ListName>x</ListName><Description>x</Description></Objects>"
            .repeat(2),
    );
}

#[test]
fn what_says_nothing_of_others_is_left_alone() {
    check(
        "<Objects id=\"a\"><Name>x</Name></Objects><Objects id=\"a\"/>",
        "<Objects><Name>x</Name></Objects><Objects/>",
    );
    // An element that is left out takes its id with it, and no number.
    check(
        "<Objects><a id=\"gone\"><xsi:type>x</xsi:type></a><Name id=\"n\">x</Name><Key href=\"#n\"/></Objects>",
        "<Objects><Name>x</Name><Key>x</Key></Objects>",
    );
}

#[test]
fn a_reference_that_leads_nowhere_is_refused() {
    refused("<Objects href=\"#a\"/>", "'#a' leads nowhere");
    refused("<Objects href=\"a\"/>", "'a' leads out of the request");
    for outwards in ["http://example.com/x", "cid:part", ""] {
        refused(
            &format!("<Objects id=\"a\"/><Objects href=\"{outwards}\"/>"),
            "leads out of the request",
        );
    }
    refused(
        "<Objects id=\"a\"/><Objects id=\"a\"/><Objects href=\"#a\"/>",
        "'#a' is ambiguous",
    );
    refused(
        "<Objects id=\"a\"/><Objects href=\"#a\">x</Objects>",
        "and content of its own",
    );
    refused(
        "<Objects><a id=\"gone\"><xsi:type>x</xsi:type></a><Key href=\"#gone\"/></Objects>",
        "'#gone' leads nowhere",
    );
}

#[test]
fn a_circle_is_refused() {
    refused(
        "<Objects id=\"a\"><Child href=\"#a\"/></Objects>",
        "'#a' leads in a circle",
    );
    refused("<Objects id=\"a\" href=\"#a\"/>", "leads in a circle");
    refused(
        "<Objects id=\"a\"><Child href=\"#b\"/></Objects><Objects id=\"b\"><Child href=\"#a\"/></Objects>",
        "leads in a circle",
    );
}

/// A few hundred bytes that would be a billion elements.
#[test]
fn references_do_not_grow_without_bound() {
    let mut doubling = "<Objects id=\"a0\"><x>x</x></Objects>".to_owned();
    for level in 1..40 {
        let reference = format!("<x href=\"#a{}\"/>", level - 1);
        doubling += &format!(
            "<Objects id=\"a{level}\">{}</Objects>",
            reference.repeat(10)
        );
    }
    refused(&doubling, "the request is too large");
    let long = "x".repeat(100_000);
    let many = format!(
        "<Objects id=\"a\">{long}</Objects>{}",
        "<Objects href=\"#a\"/>".repeat(60)
    );
    refused(&many, "the request is too large");
    // One that refers to one that refers to one, and so on.
    let chain: String = (0..50_000)
        .map(|link| format!("<x id=\"c{link}\" href=\"#c{}\"/>", link + 1))
        .collect();
    let end = "<x id=\"c50000\">v</x>";
    refused(
        &format!("<Objects>{chain}{end}</Objects>"),
        "the request is too large",
    );
}

/// Half of a large request may be ids, and the other half references to them.
#[test]
fn many_references_are_read_in_reasonable_time() {
    let shared: String = (0..40_000)
        .map(|number| format!("<x id=\"i{number}\">v</x><y href=\"#i{number}\"/>"))
        .collect();
    let read = read(&format!("<Objects>{shared}</Objects>")).expect("a request");
    assert_eq!(read.children[1].children.len(), 80_000);
    assert!(
        read.children[1]
            .children
            .iter()
            .all(|child| child.text == "v")
    );
}
