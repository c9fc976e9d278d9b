//! A call that somebody tries from a page: made of a form, and sent through the front door like any other.

use std::collections::BTreeMap;

use operator_console::local_pages::TriedCall;
use operator_console::{PageFailure, PostedForm};
use soap::{Element, Identity};

use crate::site_state::Site;

/// Most calls that one form sends.
const CALLS_MAX: usize = 50;

/// Most objects of a call that are made by themselves.
const OBJECTS_MAX: usize = 200;

/// Options that stand in the form under their own names and hold text.
const TEXT_OPTIONS: [&str; 6] = [
    "RequestType",
    "ConversationID",
    "CallsInConversation",
    "ScheduledTime",
    "RequestExpirationTime",
    "QueuePriority",
];

/// What of a SendResponseTo is ticked.
const TICKED: [&str; 3] = ["IncludeResults", "IncludeObjects", "OnlyIncludeBase"];

/// What a form asks for.
pub(crate) struct TestCall {
    method: &'static str,
    conversation_id: String,
    /// One per part that is sent: its SequenceCode and its envelope.
    envelopes: Vec<(String, String)>,
}

impl TestCall {
    /// By what its page is found: the ConversationID, or what was answered.
    pub(crate) fn id_of(&self, tried: &[TriedCall]) -> Option<String> {
        if !self.conversation_id.is_empty() {
            return Some(self.conversation_id.clone());
        }
        let answer = &tried.first()?.answer;
        let (_, behind) = answer.split_once("<RequestID>")?;
        let (id, _) = behind.split_once('<')?;
        Some(id.to_owned())
    }
}

pub(crate) fn of(form: &PostedForm) -> Result<TestCall, PageFailure> {
    let method = match form.text("method") {
        "Update" => "Update",
        "Delete" => "Delete",
        _ => "Create",
    };
    let identity = Identity::Password {
        username: form.needed("user")?,
        password: form.needed("password")?,
    };
    let parts = parts(form.text("SequenceCode"))?;
    let envelopes = parts.into_iter().map(|sequence| {
        let payload = payload(form, method, &sequence)?;
        Ok((sequence, soap::write_forwarded(identity, &payload)))
    });
    Ok(TestCall {
        method,
        conversation_id: form.text("ConversationID").to_owned(),
        envelopes: envelopes.collect::<Result<_, PageFailure>>()?,
    })
}

/// `2`, `3,1,2` or `1-3`; nothing is one call without a SequenceCode.
fn parts(text: &str) -> Result<Vec<String>, PageFailure> {
    let range = text.split_once('-').and_then(|(first, last)| {
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        Some(
            (first..=last)
                .take(CALLS_MAX + 1)
                .map(|it| it.to_string())
                .collect(),
        )
    });
    let listed = || text.split(',').map(|part| part.trim().to_owned()).collect();
    let parts: Vec<String> = range.unwrap_or_else(listed);
    match (1..=CALLS_MAX).contains(&parts.len()) {
        true => Ok(parts),
        false => Err(PageFailure::Wrong(format!(
            "At most {CALLS_MAX} calls at once."
        ))),
    }
}

fn payload(form: &PostedForm, method: &str, sequence: &str) -> Result<String, PageFailure> {
    let root = format!("{method}Request");
    let mut request = Element::new(&root).with(options(form, sequence));
    let xml = form.text("xml").trim();
    if xml.is_empty() {
        let count = form
            .text("objects")
            .parse()
            .unwrap_or(1)
            .clamp(1, OBJECTS_MAX);
        let objects =
            (1..=count).map(|number| subscriber(form.text("subscriber"), sequence, number));
        request.children.extend(objects);
        return Ok(soap::canonical(&request));
    }
    // As it was written: the front door says what is wrong with it.
    let written = soap::canonical(&request);
    let end = format!("</{root}>");
    let before = written.strip_suffix(&end);
    let before =
        before.ok_or_else(|| PageFailure::Wrong("The call cannot be written.".to_owned()))?;
    Ok(format!("{before}{xml}{end}"))
}

fn options(form: &PostedForm, sequence: &str) -> Element {
    let mut options = Element::new("Options");
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            options.children.push(Element::of(name, text));
        }
    };
    for name in TEXT_OPTIONS {
        add(name, form.text(name));
    }
    add("SequenceCode", sequence);
    if !form.text("ResponseType").is_empty() {
        let mut response = Element::new("SendResponseTo");
        for name in ["ResponseType", "ResponseAddress", "RespondWhen"] {
            response.children.push(Element::of(name, form.text(name)));
        }
        for name in TICKED.into_iter().filter(|name| form.is_ticked(name)) {
            response.children.push(Element::of(name, "true"));
        }
        options.children.push(response);
    }
    if !form.text("SaveAction").is_empty() {
        let save = Element::new("SaveOption")
            .with(Element::of("PropertyName", "*"))
            .with(Element::of("SaveAction", form.text("SaveAction")));
        options
            .children
            .push(Element::new("SaveOptions").with(save));
    }
    options
}

fn subscriber(prefix: &str, sequence: &str, number: usize) -> Element {
    let key = match sequence {
        "" => format!("{prefix}-{number}"),
        sequence => format!("{prefix}-{sequence}-{number}"),
    };
    Element::new("Objects")
        .typed("Subscriber")
        .with(Element::of("EmailAddress", format!("{key}@example.com")))
        .with(Element::of("SubscriberKey", key))
}

/// One after the other, as a client does that waits for each answer.
pub(crate) async fn sent(site: &Site, call: &TestCall) -> Vec<TriedCall> {
    let mut tried = Vec::new();
    for (sequence, envelope) in &call.envelopes {
        let headers = [
            ("content-type", "text/xml; charset=utf-8".to_owned()),
            ("soapaction", format!("\"{}\"", call.method)),
            ("host", "localhost".to_owned()),
        ];
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let request = ingest::Request {
            method: "POST".to_owned(),
            path: "/Service.asmx".to_owned(),
            query: String::new(),
            headers: headers.collect::<BTreeMap<_, _>>(),
            body: envelope.clone().into_bytes(),
            origin: "http://localhost".to_owned(),
            api_id: String::new(),
            source: String::new(),
        };
        let answered = site.answered(call.method, request).await;
        let (status, answer) = match answered {
            Some(answer) => (answer.status, answer.body),
            None => (500, String::new()),
        };
        tried.push(TriedCall {
            sequence: sequence.clone(),
            status,
            answer,
            request: without_password(envelope),
        });
    }
    tried
}

/// It stands in the form, and need not stand on the next page.
fn without_password(envelope: &str) -> String {
    let around = |text: &str| {
        let (before, rest) = text.split_once("<wsse:Password>")?;
        let (_, after) = rest.split_once("</wsse:Password>")?;
        Some(format!("{before}<wsse:Password>…</wsse:Password>{after}"))
    };
    around(envelope).unwrap_or_default()
}
