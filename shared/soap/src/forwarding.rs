//! Calls as they are sent to another endpoint of the protocol, and its answers.
//!
//! Requests are strict: SOAP 1.1, one namespace, the canonical spelling of the objects. Answers are
//! read liberally: local names matter, prefixes and namespaces do not. But a text that is not an
//! envelope, or that answers something else, is not accepted as an answer.

use calls::{Method, OverallStatus};

use crate::element::Element;
use crate::fault::Fault;
use crate::namespaces::{OAUTH, SCHEMA_INSTANCE, SECURITY, SOAP_11, SOAP_12};
use crate::result::ObjectResult;
use crate::results::response_name;
use crate::write::Writer;
use crate::xml::{Expanded, Piece, walk};

/// Options that are carried out here and have no meaning for a synchronous call.
const CARRIED_OUT_HERE: [&str; 9] = [
    "RequestType",
    "ConversationID",
    "SequenceCode",
    "CallsInConversation",
    "ScheduledTime",
    "RequestExpirationTime",
    "SendResponseTo",
    "QueuePriority",
    "Priority",
];

/// Longest text of a backend that is stored as a status message.
const MESSAGE_CHARS_MAX: usize = 500;

/// The login of the request.
#[derive(Clone, Copy)]
pub enum Identity<'a> {
    Password {
        username: &'a str,
        password: &'a str,
    },
    Token(&'a str),
}

/// The whole request with a payload.
pub fn write_forwarded(identity: Identity<'_>, payload: &str) -> String {
    let mut writer = Writer::with_capacity(payload.len() + 1024);
    writer.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope");
    writer.attribute("xmlns:soap", SOAP_11);
    writer.raw("><soap:Header>");
    match identity {
        Identity::Token(token) => {
            writer.raw("<fueloauth");
            writer.attribute("xmlns", OAUTH);
            writer.raw(">");
            writer.text(token);
            writer.close("fueloauth");
        }
        Identity::Password { username, password } => {
            writer.raw("<wsse:Security");
            writer.attribute("xmlns:wsse", SECURITY);
            writer.raw("><wsse:UsernameToken>");
            writer.leaf("wsse:Username", username);
            writer.leaf("wsse:Password", password);
            writer.raw("</wsse:UsernameToken></wsse:Security>");
        }
    }
    writer.raw("</soap:Header><soap:Body>");
    writer.raw(payload);
    writer.raw("</soap:Body></soap:Envelope>");
    writer.finish()
}

/// The payload of a call without the options that are carried out here. Everything else is
/// unchanged.
#[must_use]
pub fn without_own_options(mut body: Element) -> Element {
    let options = body.children.iter_mut().filter(|it| it.name == "Options");
    for options in options {
        let is_theirs = |child: &Element| !CARRIED_OUT_HERE.contains(&child.name.as_str());
        options.children.retain(is_theirs);
    }
    body
}

/// The same payload with some of its objects: those from `first` on, at most `count`.
#[must_use]
pub fn piece_of(body: &Element, method: Method, first: usize, count: usize) -> Element {
    let mut number = 0;
    let mut taken = |child: &Element, name: &str| {
        if child.name != name {
            return true;
        }
        number += 1;
        (first..first + count).contains(&(number - 1))
    };
    let shell = |element: &Element, children: Vec<Element>| Element {
        name: element.name.clone(),
        type_name: element.type_name.clone(),
        nil: element.nil,
        text: element.text.clone(),
        children,
    };
    let children = body.children.iter();
    let children = match method {
        Method::Create | Method::Update | Method::Delete => children
            .filter(|child| taken(child, "Objects"))
            .cloned()
            .collect(),
        Method::Perform => children
            .map(|child| match child.name.as_str() {
                "Definitions" => {
                    let within = child.children.iter();
                    let within = within.filter(|inner| taken(inner, "Definition"));
                    shell(child, within.cloned().collect())
                }
                _ => child.clone(),
            })
            .collect(),
    };
    shell(body, children)
}

/// The top-level objects of a call's payload.
pub fn objects_in(body: &Element, method: Method) -> impl Iterator<Item = &Element> {
    let (within, name) = match method {
        Method::Create | Method::Update | Method::Delete => (Some(body), "Objects"),
        Method::Perform => (body.child("Definitions"), "Definition"),
    };
    within.into_iter().flat_map(move |within| within.all(name))
}

/// The answer of another endpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum BackendAnswer {
    Payload(Element),
    Fault(BackendFault),
}

/// A fault of another endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendFault {
    /// The local name of its code: `Client`, `Server`, `Security`.
    pub code: String,
    pub text: String,
    /// The protocol's own code, in its detail.
    pub api_code: Option<u32>,
}

/// Reads an answer; a text that is not one is refused.
pub fn read_backend_answer(bytes: &[u8]) -> Result<BackendAnswer, Fault> {
    let root = tree(bytes)?;
    let no_answer = || Fault::client("the answer holds no SOAP Body");
    let root = root
        .filter(|root| root.name == "Envelope" && root.is_soap)
        .ok_or_else(no_answer)?;
    let mut bodies = root.children.into_iter().filter(|it| it.name == "Body");
    let body = bodies.next().ok_or_else(no_answer)?;
    let mut payloads = body.children.into_iter();
    let payload = payloads.next().ok_or_else(no_answer)?;
    if bodies.next().is_some() || payloads.next().is_some() {
        return Err(Fault::client("the answer holds more than one payload"));
    }
    if payload.name == "Fault" && payload.is_soap {
        return Ok(BackendAnswer::Fault(fault_in(&payload)));
    }
    Ok(BackendAnswer::Payload(payload.into_element()))
}

/// An element of an answer.
#[derive(Default)]
struct Node {
    name: String,
    is_soap: bool,
    type_name: Option<String>,
    nil: bool,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn start(name: Expanded, attributes: Vec<(Expanded, String)>) -> Self {
        let mut node = Self {
            is_soap: name.namespace == SOAP_11 || name.namespace == SOAP_12,
            name: name.local,
            ..Self::default()
        };
        for (attribute, value) in attributes {
            if attribute.namespace != SCHEMA_INSTANCE {
                continue;
            }
            match attribute.local.as_str() {
                "type" => {
                    let local = value.rsplit(':').next().unwrap_or_default().trim();
                    node.type_name = Some(local.to_owned());
                }
                "nil" => node.nil = matches!(value.trim(), "true" | "1"),
                _ => {}
            }
        }
        node
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Depth is bounded by the reader.
    fn into_element(self) -> Element {
        let text = match self.children.is_empty() {
            true => self.text,
            false => String::new(),
        };
        Element {
            name: self.name,
            type_name: self.type_name,
            nil: self.nil,
            text,
            children: self.children.into_iter().map(Self::into_element).collect(),
        }
    }
}

/// Written while it is read, so that an answer of six megabytes is not held twice.
fn tree(bytes: &[u8]) -> Result<Option<Node>, Fault> {
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    walk(bytes, |piece| match piece {
        Piece::Start(name, attributes) => open.push(Node::start(name, attributes)),
        Piece::Text(text) => {
            if let Some(node) = open.last_mut() {
                node.text.push_str(&text);
            }
        }
        Piece::End => {
            let Some(mut node) = open.pop() else {
                return;
            };
            node.children.shrink_to_fit();
            match open.last_mut() {
                Some(parent) => parent.children.push(node),
                None => root = Some(node),
            }
        }
    })?;
    Ok(root)
}

fn fault_in(fault: &Node) -> BackendFault {
    let local = |code: &str| code.rsplit(':').next().unwrap_or_default().to_owned();
    let detail = fault.child("detail").or_else(|| fault.child("Detail"));
    let api = detail.and_then(|detail| detail.child("apifault"));
    let api_code = text_of(api.and_then(|api| api.child("Code"))).parse().ok();
    match fault.child("faultcode") {
        Some(code) => BackendFault {
            code: local(code.text.trim()),
            text: shortened(text_of(fault.child("faultstring"))),
            api_code,
        },
        // SOAP 1.2: the innermost code is the most specific one.
        None => {
            let code = fault.child("Code");
            let inner = code.and_then(|code| code.child("Subcode")).or(code);
            let value = inner.and_then(|inner| inner.child("Value"));
            let reason = fault.child("Reason");
            let code = match local(text_of(value)).as_str() {
                "Sender" => "Client".to_owned(),
                "Receiver" => "Server".to_owned(),
                other => other.to_owned(),
            };
            BackendFault {
                code,
                text: shortened(text_of(reason.and_then(|reason| reason.child("Text")))),
                api_code,
            }
        }
    }
}

fn text_of(node: Option<&Node>) -> &str {
    node.map(|node| node.text.trim()).unwrap_or_default()
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// The outcome of a call, or of a piece of one.
#[derive(Clone, Debug, PartialEq)]
pub struct CallAnswer {
    pub overall_status: OverallStatus,
    pub results: Vec<ObjectResult>,
}

/// Reads the results of a call. `None`: it is the answer to another request, or incomplete.
/// `objects`: how many were sent, from `first` on.
pub fn read_results(
    method: Method,
    payload: &Element,
    first: usize,
    objects: usize,
) -> Option<CallAnswer> {
    if payload.name != response_name(method) {
        return None;
    }
    let received: Vec<&Element> = match method {
        Method::Create | Method::Update | Method::Delete => payload.all("Results").collect(),
        Method::Perform => payload.child("Results")?.all("Result").collect(),
    };
    let said = payload.text_of("OverallStatus")?;
    let results: Vec<ObjectResult> = received
        .into_iter()
        .enumerate()
        .map(|(at, result)| read_result(result, at, first))
        .collect();
    let failed = results.iter().filter(|result| !result.ok).count();
    let overall_status = match said {
        // Every object must have a result, otherwise the fate of the others is unknown.
        "OK" if results.len() != objects => return None,
        "OK" => OverallStatus::of(results.len(), failed),
        "Has Errors" => OverallStatus::HasErrors,
        _ => OverallStatus::Error,
    };
    Some(CallAnswer {
        overall_status,
        results,
    })
}

fn read_result(received: &Element, at: usize, first: usize) -> ObjectResult {
    let object = received.child("Object");
    let mut received = received.clone();
    // In a piece, they are counted from its own first object.
    for child in &mut received.children {
        if child.name == "OrdinalID" && child.text.parse() == Ok(at) {
            child.text = (first + at).to_string();
        }
    }
    let number = |name: &str| received.text_of(name).and_then(|text| text.parse().ok());
    ObjectResult {
        ok: received.text_of("StatusCode") == Some("OK"),
        status_message: shortened(received.text_of("StatusMessage").unwrap_or_default()),
        error_code: number("ErrorCode"),
        object_type: object
            .and_then(|object| object.type_name.clone())
            .unwrap_or_default(),
        correlation_id: object
            .and_then(|object| object.text_of("CorrelationID"))
            .map(str::to_owned),
        received: Some(Box::new(received)),
        ..ObjectResult::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{canonical, read_canonical};

    fn payload(inner: &str) -> Element {
        let text = format!(
            "<CreateRequest xmlns='http://exacttarget.com/wsdl/partnerAPI' \
             xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>{inner}</CreateRequest>"
        );
        read_canonical(&text).expect("a payload")
    }

    #[test]
    fn what_is_carried_out_here_is_cut_and_all_else_stays() {
        let ours: String = CARRIED_OUT_HERE
            .iter()
            .map(|name| format!("<{name}>1</{name}>"))
            .collect();
        let theirs = "<Client><ID>1</ID></Client><SaveOptions><SaveOption><PropertyName>*</PropertyName>\
                      <SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions>";
        let object = "<Objects xsi:type='Subscriber'><Priority> a </Priority><X/></Objects>";
        let sent = payload(&format!("<Options>{ours}{theirs}</Options>{object}"));
        let left = payload(&format!("<Options>{theirs}</Options>{object}"));
        assert_eq!(canonical(&without_own_options(sent)), canonical(&left));
    }

    #[test]
    fn pieces_together_are_the_whole() {
        let object = |number: u32| format!("<Objects><ID>{number}</ID></Objects>");
        let objects: String = (0..5).map(object).collect();
        let body = payload(&format!("<Options/>{objects}"));
        let ids = |piece: &Element| -> Vec<String> {
            let objects = objects_in(piece, Method::Create);
            objects
                .filter_map(|it| it.text_of("ID").map(str::to_owned))
                .collect()
        };
        let piece = |first| piece_of(&body, Method::Create, first, 2);
        assert_eq!(ids(&piece(0)), ["0", "1"]);
        assert_eq!(ids(&piece(2)), ["2", "3"]);
        assert_eq!(ids(&piece(4)), ["4"]);
        assert!(piece(4).child("Options").is_some());
        assert_eq!(piece_of(&body, Method::Create, 0, 5), body);
    }

    #[test]
    fn what_is_sent_is_an_envelope_that_the_door_reads() {
        let payload = canonical(&payload("<Objects/>"));
        for (identity, expected) in [
            (
                Identity::Token("t<"),
                crate::Credentials::Token("t<".to_owned()),
            ),
            (
                Identity::Password {
                    username: "u&",
                    password: "p<",
                },
                crate::Credentials::Password {
                    username: "u&".to_owned(),
                    password: "p<".to_owned(),
                },
            ),
        ] {
            let sent = write_forwarded(identity, &payload);
            let read = crate::read_envelope(sent.as_bytes(), None).expect("an envelope");
            assert_eq!(read.credentials, Some(expected));
            assert_eq!(canonical(&read.body), payload);
        }
    }

    fn results(status: &str, results: &str) -> Element {
        let text = format!(
            "<e:Envelope xmlns:e='{SOAP_12}' xmlns:x='{SCHEMA_INSTANCE}'><e:Body><r:CreateResponse \
             xmlns:r='urn:any'>{results}<r:OverallStatus>{status}</r:OverallStatus></r:CreateResponse>\
             </e:Body></e:Envelope>"
        );
        match read_backend_answer(text.as_bytes()) {
            Ok(BackendAnswer::Payload(payload)) => payload,
            other => panic!("{other:?}"),
        }
    }

    const DONE: &str = "<r:Results x:type='r:T'><StatusCode>OK</StatusCode><OrdinalID>0</OrdinalID>\
                        <Unheard><Of>x</Of></Unheard></r:Results>";
    const FAILED: &str =
        "<r:Results><StatusCode>Error</StatusCode><ErrorCode>5</ErrorCode></r:Results>";

    #[test]
    fn answers_are_read_liberally_and_judged_strictly() {
        let read = |status: &str, text: &str, objects| {
            let answer = read_results(Method::Create, &results(status, text), 10, objects);
            answer.map(|answer| (answer.overall_status, answer.results.len()))
        };
        assert_eq!(read("OK", DONE, 1), Some((OverallStatus::Ok, 1)));
        assert_eq!(read("OK", DONE, 2), None, "nothing is known of the other");
        assert_eq!(read("OK", FAILED, 1), Some((OverallStatus::Error, 1)));
        assert_eq!(read("Error", FAILED, 9), Some((OverallStatus::Error, 1)));
        let other = results("OK", DONE);
        assert_eq!(read_results(Method::Delete, &other, 0, 1), None);
    }

    #[test]
    fn what_nobody_knows_is_kept_and_ordinals_go_on() {
        let answer = read_results(Method::Create, &results("OK", DONE), 10, 1);
        let result = answer.expect("an answer").results.remove(0);
        let written = crate::write_results(
            Method::Create,
            &[result],
            None,
            "OK",
            crate::ObjectDetail::Whole,
        );
        for kept in [
            "<Unheard><Of>x</Of></Unheard>",
            "<OrdinalID>10</OrdinalID>",
            "xsi:type=\"T\"",
        ] {
            assert!(written.contains(kept), "{written}");
        }
    }
}
