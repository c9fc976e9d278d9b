//! Addresses outside AWS for tests: requests to them are kept, and their answers are planned.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::LocalClock;
use crate::held;

/// A request to an address outside AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CapturedCallback {
    pub url: String,
    pub method: String,
    /// By names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// The fields of the body, if it is a form.
    pub form: Vec<(String, String)>,
    pub at: Timestamp,
}

impl CapturedCallback {
    /// The header of this name, in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// The form's field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }
}

/// The answer of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackAnswer {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
        /// By tokio's clock, which tests may pause.
        after: Duration,
    },
    /// Connection refused.
    ConnectionFails,
    /// The request arrives, but no answer ever comes.
    NoAnswer,
}

impl CallbackAnswer {
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: String::new(),
            after: Duration::ZERO,
        }
    }

    /// With this body; no effect without an answer.
    pub fn with_body(mut self, text: &str) -> Self {
        if let Self::Answer { body, .. } = &mut self {
            text.clone_into(body);
        }
        self
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Adds a Retry-After.
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with_header("retry-after", &seconds.to_string())
    }

    pub fn late_by(mut self, delay: Duration) -> Self {
        if let Self::Answer { after, .. } = &mut self {
            *after = delay;
        }
        self
    }
}

type Answerer = Box<dyn FnMut(&CapturedCallback) -> Option<CallbackAnswer> + Send>;

/// All that was sent outside. Clones share it.
#[derive(Clone)]
pub struct Callbacks {
    sink: Arc<Mutex<Sink>>,
    clock: LocalClock,
}

#[derive(Default)]
struct Sink {
    callbacks: Vec<CapturedCallback>,
    next: BTreeMap<String, VecDeque<CallbackAnswer>>,
    always: BTreeMap<String, CallbackAnswer>,
    answerers: Vec<Answerer>,
}

impl Callbacks {
    pub(crate) fn new(clock: LocalClock) -> Self {
        Self {
            sink: Arc::default(),
            clock,
        }
    }

    /// All that was sent, in its order.
    pub fn callbacks(&self) -> Vec<CapturedCallback> {
        held(&self.sink).callbacks.clone()
    }

    /// Plans the answer to the next request to this address; called several times, the answers to
    /// as many requests.
    pub fn answer_next(&self, url: &str, answer: CallbackAnswer) {
        held(&self.sink)
            .next
            .entry(url.to_owned())
            .or_default()
            .push_back(answer);
    }

    /// The answer to every further request to this address. Without a plan it is 200.
    pub fn answer_always(&self, url: &str, answer: CallbackAnswer) {
        held(&self.sink).always.insert(url.to_owned(), answer);
    }

    /// A function that answers before any other plan; if it returns none, the plan answers.
    pub fn answer_by(
        &self,
        answer: impl FnMut(&CapturedCallback) -> Option<CallbackAnswer> + Send + 'static,
    ) {
        held(&self.sink).answerers.push(Box::new(answer));
    }

    /// Keeps a request and returns its answer.
    pub(crate) fn take(&self, request: &Request<Bytes>) -> CallbackAnswer {
        let callback = callback_of(request, self.clock.now());
        let mut sink = held(&self.sink);
        let answer = sink.answer(&callback);
        // Nobody received it.
        if answer != CallbackAnswer::ConnectionFails {
            sink.callbacks.push(callback);
        }
        answer
    }
}

impl Sink {
    fn answer(&mut self, callback: &CapturedCallback) -> CallbackAnswer {
        if let Some(answer) = self
            .answerers
            .iter_mut()
            .find_map(|answer| answer(callback))
        {
            return answer;
        }
        let next = self
            .next
            .get_mut(&callback.url)
            .and_then(VecDeque::pop_front);
        next.or_else(|| self.always.get(&callback.url).cloned())
            .unwrap_or_else(|| CallbackAnswer::status(200))
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callbacks({})", held(&self.sink).callbacks.len())
    }
}

fn callback_of(request: &Request<Bytes>, at: Timestamp) -> CapturedCallback {
    let is_form = request.headers().get("content-type").is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let form = match is_form {
        true => url::form_urlencoded::parse(request.body())
            .into_owned()
            .collect(),
        false => Vec::new(),
    };
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = request.headers().iter();
    CapturedCallback {
        url: request.uri().to_string(),
        method: request.method().to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: String::from_utf8_lossy(request.body()).into_owned(),
        form,
        at,
    }
}

/// The answer as a response; a status or header that cannot be one is left out.
pub(crate) fn response(status: u16, headers: &[(String, String)], body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let allowed: HeaderMap = headers
        .iter()
        .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
        .collect::<Vec<(http::HeaderName, HeaderValue)>>()
        .into_iter()
        .collect();
    *response.headers_mut() = allowed;
    response
}
