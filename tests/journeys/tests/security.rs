//! What is tried against the server, by the numbers of a list: X (XML), S (SOAP), H (HTTP),
//! T (tenants and the cloud). Each test says with its number what it tries; whatever it is, the
//! answer is clear, nothing is kept of it, and AWS is asked for next to nothing.
//!
//! Some have their tests where the rest of their subject is: S7 with the other ways to log in
//! (`callers.rs`), H3 with the reading of API Gateway's events (`functions/ingest/src/gateway.rs`),
//! H6 with the other limits (`limits.rs`), T2 and T4 with the template (`tests/lanes/template/check.py`),
//! T8 with the rules of the house (`tests/tidy/dependencies.rs`).
//!
//! How much memory and how many instructions the worst of it costs is counted elsewhere: in
//! `shared/soap/tests/bounded.rs` and by `tests/measure/instructions`.

mod documents;
mod http;
mod listener;
mod messages;
mod tenants;
mod values;

use std::collections::BTreeMap;

use ingest::{Request, Response};
use journeys::{Node, Story, a_caller, kept_answers};
use local::{Counts, Service};

pub(crate) const API: &str = "http://exacttarget.com/wsdl/partnerAPI";
pub(crate) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Longest fault: some lines, and at most a line of what the caller sent.
const FAULT_BYTES_MAX: usize = 2_500;

pub(crate) struct Door {
    pub(crate) caller: Story,
}

/// A door with a caller whom it knows.
pub(crate) async fn a_door() -> Door {
    Door {
        caller: a_caller().await,
    }
}

/// A POST of SOAP.
pub(crate) fn post(body: impl Into<Vec<u8>>) -> Request {
    Request {
        method: "POST".to_owned(),
        path: "/Service.asmx".to_owned(),
        headers: BTreeMap::from([("content-type".to_owned(), "text/xml".to_owned())]),
        body: body.into(),
        origin: "https://aftercall.example.net".to_owned(),
        ..Request::default()
    }
}

pub(crate) fn with_header(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.insert(name.to_owned(), value.to_owned());
    request
}

impl Door {
    pub(crate) async fn answer(&self, request: &Request) -> Response {
        let answer = ingest::answer(&self.caller.stack.cloud, request).await;
        kept_answers::keep(&answer);
        answer
    }

    /// The answer, and what AWS was asked for.
    pub(crate) async fn counted(&self, request: &Request) -> (Response, Counts) {
        let usage = self.caller.local().usage().clone();
        let mark = usage.counts();
        let answer = self.answer(request).await;
        (answer, usage.since(&mark))
    }

    /// An envelope of this caller around the inside of a CreateRequest.
    pub(crate) fn create(&self, inside: &str) -> String {
        self.caller.envelope(&format!(
            "<CreateRequest xmlns=\"{API}\">{inside}</CreateRequest>"
        ))
    }

    /// An asynchronous call of this caller, with more options.
    pub(crate) fn queued(&self, options: &str) -> String {
        self.create(&format!(
            "<Options>{options}<RequestType>Asynchronous</RequestType></Options>\
             <Objects xsi:type=\"Subscriber\"><EmailAddress>ann@example.com</EmailAddress>\
             <SubscriberKey>ann</SubscriberKey></Objects>"
        ))
    }

    /// It is turned away as it is read: a Client fault that says so, before AWS is asked for
    /// anything.
    #[track_caller]
    pub(crate) fn turns_away(
        &self,
        body: impl Into<Vec<u8>>,
        expected: &str,
    ) -> impl Future<Output = ()> {
        self.turns_away_request(post(body), expected.to_owned())
    }

    pub(crate) async fn turns_away_request(&self, request: Request, expected: String) {
        let (answer, used) = self.counted(&request).await;
        let shown = String::from_utf8_lossy(&request.body[..request.body.len().min(200)]);
        let fault = fault_of(&answer);
        assert!(fault.contains(&expected), "{fault:?} to {shown}");
        assert!(
            fault.starts_with("Client ") || fault.starts_with("Sender "),
            "{fault:?} to {shown}"
        );
        assert_eq!(
            used,
            Counts::default(),
            "AWS was asked for something: {shown}"
        );
    }

    /// It is not carried out, whatever is said; nothing is kept of it.
    pub(crate) async fn keeps_nothing_of(&self, request: &Request) -> Response {
        let (answer, used) = self.counted(request).await;
        let shown = String::from_utf8_lossy(&request.body[..request.body.len().min(1_000)]);
        assert!(!has_written(&used), "{used}\n{shown}");
        answer
    }

    /// It is a call like any other.
    pub(crate) async fn takes(&self, body: impl Into<Vec<u8>>) -> Response {
        let answer = self.answer(&post(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
}

/// Whether anything was stored, queued or scheduled.
pub(crate) fn has_written(used: &Counts) -> bool {
    let writes = used.used_of(Service::DynamoDb);
    let others = [Service::Sqs, Service::Scheduler, Service::S3, Service::Ses];
    writes.table_writes > 0.0
        || others
            .iter()
            .any(|service| used.used_of(*service).requests > 0.0)
}

/// Code and text of a fault; the rest of its form is checked.
#[track_caller]
pub(crate) fn fault_of(answer: &Response) -> String {
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(
        answer.body.len() < FAULT_BYTES_MAX,
        "a fault of {} bytes",
        answer.body.len()
    );
    let envelope = Node::read(&answer.body);
    let fault = envelope.child("Body").and_then(|body| body.child("Fault"));
    let fault = fault.unwrap_or_else(|| panic!("no Fault in {}", answer.body));
    let (code, text) = match fault.child("Code") {
        Some(_) => (fault.at("Code.Value"), fault.at("Reason.Text")),
        None => (fault.at("faultcode"), fault.at("faultstring")),
    };
    let code = code.rsplit(':').next().unwrap_or_default();
    format!("{code} {text}")
}

/// The text of the first element of that name.
pub(crate) fn text_of(answer: &Response, name: &str) -> String {
    fn find<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
        if node.name == name {
            return Some(node);
        }
        node.children.iter().find_map(|child| find(child, name))
    }
    find(&Node::read(&answer.body), name)
        .map(|node| node.text.clone())
        .unwrap_or_default()
}
