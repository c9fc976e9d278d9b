//! Whole answers, as files in `tests/snapshots` for reviewers: clients look names up as strings, and
//! need the order of the WSDL. A test fails if an answer differs. `INSTA_UPDATE=always cargo test -p soap
//! --test snapshots` writes the files again, and `git diff` shows what has changed.

use calls::Method;
use soap::{
    Answering, Detail, Element, Fault, FieldError, ObjectDetail, ObjectResult, SoapVersion,
    SubscriberFailure,
};

const ID: &str = "46a1b17e-2c60-4d2f-8a1e-0c5d3f2b1a00";

/// One tag a line. No answer has a line break between two tags, so this hides no difference.
#[track_caller]
fn check(name: &str, markup: &str) {
    assert!(soap::well_formed(markup.as_bytes()).is_ok(), "{markup}");
    assert!(!markup.contains(">\n<"), "{markup}");
    insta::assert_snapshot!(name, markup.replace("><", ">\n<"));
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

#[test]
fn a_created_object() {
    let created = ObjectResult {
        ok: true,
        status_message: "Created Subscriber.".to_owned(),
        object_type: "Subscriber".to_owned(),
        correlation_id: Some("c".to_owned()),
        new_id: Some(7),
        object: Some(subscriber()),
        ..ObjectResult::default()
    };
    let results = [created];
    for (name, detail) in [
        ("created_whole", ObjectDetail::Whole),
        ("created_base", ObjectDetail::Base),
        ("created_correlation", ObjectDetail::Correlation),
        ("created_none", ObjectDetail::None),
    ] {
        let payload = soap::write_results(Method::Create, &results, Some(ID), "OK", detail);
        check(name, &payload);
    }
}

#[test]
fn typed_results_end_with_what_they_add() {
    let failure = SubscriberFailure {
        subscriber: Element::new("Subscribers")
            .typed("Subscriber")
            .with(Element::of("SubscriberKey", "k1")),
        error_code: "TriggeredSendSubscriberProcessingError".to_owned(),
        error_description: "Error Code: 5".to_owned(),
        ordinal: 3,
    };
    let send = ObjectResult {
        detail: Detail::TriggeredSend {
            failures: vec![failure],
        },
        ..ObjectResult::default()
    };
    let payload = soap::write_results(Method::Create, &[send], None, "Error", ObjectDetail::Whole);
    check("triggered_send_failed", &payload);
    let error = FieldError {
        name: "Age".to_owned(),
        error_code: 310_007,
        error_message: "no".to_owned(),
    };
    let row = ObjectResult {
        detail: Detail::DataExtension {
            error_message: None,
            key_errors: vec![error],
            value_errors: Vec::new(),
        },
        ..ObjectResult::default()
    };
    let payload = soap::write_results(Method::Update, &[row], None, "Error", ObjectDetail::None);
    check("row_refused", &payload);
}

#[test]
fn status_version_and_description() {
    let status = soap::write_system_status(soap::SystemStatus::InMaintenance, ID);
    check("system_status", &status);
    let version = soap::Version {
        version: "1",
        date: jiff::Timestamp::UNIX_EPOCH,
        notes: "first",
    };
    check("version", &soap::write_version_info(&version, &[], ID));
    let types = ["ScheduledRequest".to_owned(), "Nonsense".to_owned()];
    check("description", &soap::write_definitions(&types, ID));
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
fn envelopes_and_faults() {
    for (version, suffix) in [(SoapVersion::Soap11, "11"), (SoapVersion::Soap12, "12")] {
        let envelope = soap::envelope(&answering(version), "CreateResponse", "<a/>");
        check(&format!("envelope_{suffix}"), &envelope);
        for (name, fault) in [
            ("client", Fault::client("a < b")),
            ("security", Fault::security("Token Expired")),
            ("server", Fault::server(17, "Rate Limited")),
        ] {
            let answer = soap::write_fault(&answering(version), &fault);
            check(&format!("fault_{name}_{suffix}"), &answer);
        }
    }
}

/// The whole element of the WSDL that has this tag and name.
fn definition<'w>(wsdl: &'w str, tag: &str, name: &str) -> &'w str {
    let start = format!("<{tag} name=\"{name}\"");
    let rest = &wsdl[wsdl.find(&start).expect(name)..];
    let (open, close) = (format!("<{tag} "), format!("</{tag}>"));
    let bare = format!("<{tag}>");
    let mut depth = 0;
    for (at, _) in rest.match_indices('<') {
        let here = &rest[at..];
        let end = here.find('>').expect("a tag ends");
        let is_empty = here[..end].ends_with('/');
        if (here.starts_with(&open) || here.starts_with(&bare)) && !is_empty {
            depth += 1;
        } else if here.starts_with(&close) {
            depth -= 1;
            if depth == 0 {
                return &rest[..=at + end];
            }
        }
    }
    panic!("{name} has no end")
}

/// The parts of the WSDL that describe the four methods of a call. The types of objects are in
/// `shared/soap/model`, word for word.
#[test]
fn the_description_of_a_call() {
    let wsdl = soap::wsdl("https://example.com/Service.asmx");
    let parts = [
        ("xsd:element", "CreateRequest"),
        ("xsd:complexType", "Options"),
        ("xsd:complexType", "AsyncResponse"),
        ("xsd:simpleType", "RespondWhen"),
    ];
    let parts = parts.map(|(tag, name)| definition(&wsdl, tag, name));
    for part in parts {
        let prefixed = part.replacen('>', " xmlns:xsd=\"urn:xsd\">", 1);
        assert!(soap::well_formed(prefixed.as_bytes()).is_ok(), "{part}");
    }
    insta::assert_snapshot!("wsdl_of_a_call", parts.join("\n\n").replace("><", ">\n<"));
}
