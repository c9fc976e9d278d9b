//! What real clients send, read by us. The envelopes in `tests/envelopes` were captured from the
//! unmodified libraries they are named after (`postman-12` and `java` are written by hand after
//! what those send); beside each stands how it has to be read.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use soap::{CallRequest, Credentials, Operation, PasswordDigest, RetrieveRequest};

const XML_11: Option<&str> = Some("text/xml; charset=utf-8");
const XML_12: Option<&str> = Some("application/soap+xml; charset=utf-8");

#[test]
fn python_clients() {
    check("zeep", XML_11, Some("\"Create\""));
    check("zeep-digest", XML_11, Some("\"Create\""));
    check("suds-password", XML_11, Some("\"Create\""));
    check("suds-legacy-token", XML_11, Some("\"Create\""));
}

#[test]
fn node_clients() {
    check("fuel-soap", Some("text/xml"), Some("Create"));
    check("fuel-soap-list", Some("text/xml"), Some("Create"));
    check("fuel-soap-retrieve", Some("text/xml"), Some("Retrieve"));
    check("fuel-soap-perform", Some("text/xml"), Some("Perform"));
    check("node-soap", XML_11, Some("\"Create\""));
    check(
        "node-soap-12",
        Some("application/soap+xml; charset=utf-8; action=\"Create\""),
        None,
    );
    check("strong-soap", XML_11, Some("\"Create\""));
    check("strong-soap-12", XML_12, None);
}

#[test]
fn hand_written_requests() {
    check("postman-12", Some("text/xml"), None);
    check("java", XML_11, Some("\"Create\""));
}

#[track_caller]
fn check(name: &str, content_type: Option<&str>, soap_action: Option<&str>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/envelopes");
    let bytes = fs::read(folder.join(format!("{name}.xml"))).expect("an envelope");
    let expected = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap_or_default();
    let found = reading(&bytes, content_type, soap_action);
    assert_eq!(found, expected, "{name}.txt");
}

/// Everything that is read out of an envelope, a line each.
fn reading(bytes: &[u8], content_type: Option<&str>, soap_action: Option<&str>) -> String {
    let envelope = soap::read_envelope(bytes, content_type).expect("a good envelope");
    let action = envelope.action.as_deref();
    let operation =
        soap::take_operation(envelope.body.clone(), soap_action, action).expect("an operation");
    let mut text = String::new();
    let mut line = |key: &str, value: &str| writeln!(text, "{key}: {value}").expect("memory");
    line("version", &format!("{:?}", envelope.version));
    line("credentials", &credentials(envelope.credentials.as_ref()));
    line(
        "message id",
        envelope.message_id.as_deref().unwrap_or("none"),
    );
    line("action", action.unwrap_or("none"));
    line("operation", operation.name());
    if let Operation::Call(call) = &operation {
        call_lines(call, &mut line);
    }
    if let Operation::Retrieve(retrieve) = &operation {
        retrieve_lines(retrieve, &mut line);
    }
    line("canonical", &soap::canonical(&envelope.body));
    text
}

fn credentials(credentials: Option<&Credentials>) -> String {
    match credentials {
        None => "none".to_owned(),
        Some(Credentials::Token(token)) => format!("token {token}"),
        Some(Credentials::Password { username, password }) => {
            format!("user {username}, password {password}")
        }
        Some(Credentials::Digest(PasswordDigest {
            username,
            digest,
            nonce,
            created,
        })) => {
            format!("user {username}, digest {digest}, nonce {nonce}, created {created}")
        }
    }
}

fn call_lines(call: &CallRequest, line: &mut impl FnMut(&str, &str)) {
    line("request type", &format!("{:?}", call.request_type));
    match call.place() {
        Ok(soap::NamedPlace {
            conversation_id,
            place,
        }) => {
            let conversation = conversation_id.map(|conversation| conversation.to_string());
            line("conversation", conversation.as_deref().unwrap_or("none"));
            line(
                "place",
                &format!("{} of {}", place.sequence(), place.calls_in_conversation()),
            );
        }
        Err(refusal) => line("place", &refusal.to_string()),
    }
    line("priority", call.options.queue_priority.name());
    for subscription in &call.options.subscriptions {
        line("reply", &format!("{subscription:?}"));
    }
    for option in &call.options.save_options {
        line("save", &format!("{option:?}"));
    }
    line("perform", call.action.as_deref().unwrap_or("none"));
    line(
        "refused",
        &call
            .check(false)
            .err()
            .map_or("no".to_owned(), |refusal| refusal.to_string()),
    );
    for object in &call.objects {
        line("object", object.type_name.as_deref().unwrap_or("untyped"));
    }
}

fn retrieve_lines(retrieve: &RetrieveRequest, line: &mut impl FnMut(&str, &str)) {
    line("object type", &retrieve.object_type);
    line("properties", &retrieve.properties.join(" "));
    line("filter", &format!("{:?}", retrieve.filter));
}
