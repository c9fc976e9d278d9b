//! Callbacks as they were posted, with the receiver's answer, for `/_local/callbacks`. No callback
//! goes out before what it is about is on the disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde::Serialize;
use tokio::time::Instant;

use crate::{LocalCloud, held};

/// Most attempts that are kept.
const ATTEMPTS_MAX: usize = 10_000;

/// Most bytes of attempts that are kept: the callback of a call of 32,766 objects has 15 MB, and it
/// is kept both as it was posted and by its fields.
const REMEMBERED_BYTES_MAX: usize = 128_000_000;

/// One attempt at one callback.
#[derive(Clone, Debug, Serialize)]
pub struct PostedCallback {
    pub url: String,
    pub method: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// The form's fields.
    pub fields: BTreeMap<String, String>,
    /// The receiver's answer; absent: none.
    pub status: Option<u16>,
    /// Why there is no answer.
    pub cause: Option<String>,
    pub at: String,
    /// From the beginning of the attempt to its answer, or to its end without one.
    pub took_ms: u64,
}

/// Posts for real, and keeps the attempt.
#[derive(Clone, Debug)]
pub struct CallbackLog {
    inner: SharedHttpConnector,
    local: LocalCloud,
    posted: Arc<Mutex<PostedCallbacks>>,
}

/// The latest attempts, the last of them in any case, and how many bytes they have.
#[derive(Debug, Default)]
struct PostedCallbacks {
    attempts: VecDeque<PostedCallback>,
    bytes: usize,
}

impl PostedCallbacks {
    fn push(&mut self, posted: PostedCallback) {
        self.bytes += posted.bytes();
        self.attempts.push_back(posted);
        while self.attempts.len() > ATTEMPTS_MAX
            || (self.bytes > REMEMBERED_BYTES_MAX && self.attempts.len() > 1)
        {
            let oldest = self.attempts.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
    }
}

impl PostedCallback {
    /// Bytes in memory, except a few hundred.
    fn bytes(&self) -> usize {
        let pairs = self.headers.iter().chain(&self.fields);
        let pairs: usize = pairs.map(|(name, value)| name.len() + value.len()).sum();
        self.url.len() + self.body.len() + pairs
    }
}

impl CallbackLog {
    pub fn new(local: LocalCloud) -> Self {
        Self {
            inner: cloud::outbound::callback::guarded_connector(true),
            local,
            posted: Arc::default(),
        }
    }

    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    pub fn posted(&self) -> Vec<PostedCallback> {
        held(&self.posted).attempts.iter().cloned().collect()
    }

    pub(crate) fn empty(&self) {
        *held(&self.posted) = PostedCallbacks::default();
    }

    fn remember(&self, posted: PostedCallback) {
        held(&self.posted).push(posted);
    }
}

/// A header as it is shown. User and password of an address are sent, and never shown.
fn shown(name: &str, value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, _)) if name.eq_ignore_ascii_case("authorization") => {
            format!("{scheme} (not shown)")
        }
        Some(_) | None => value.to_owned(),
    }
}

impl HttpConnector for CallbackLog {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request
            .body()
            .bytes()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let body = body.unwrap_or_default();
        let posted = PostedCallback {
            url: request.uri().to_owned(),
            method: request.method().to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), shown(name, value)))
                .collect(),
            fields: url::form_urlencoded::parse(body.as_bytes())
                .into_owned()
                .collect(),
            body,
            status: None,
            cause: None,
            at: self.local.clock().now().to_string(),
            took_ms: 0,
        };
        let callback_log = self.clone();
        HttpConnectorFuture::new(async move {
            let durable = callback_log.local.durable().await;
            durable.map_err(|error| ConnectorError::other(error.into(), None))?;
            let attempt = AttemptUnderWay::begin(&callback_log, posted);
            let answered = callback_log.inner.call(request).await;
            match &answered {
                Ok(answer) => attempt.end(|posted| posted.status = Some(answer.status().as_u16())),
                Err(error) => attempt.end(|posted| posted.cause = Some(in_full(error))),
            }
            answered
        })
    }
}

/// An attempt in progress. Whoever waits for its answer gives up by dropping it.
struct AttemptUnderWay<'a> {
    callback_log: &'a CallbackLog,
    began: Instant,
    posted: Option<PostedCallback>,
}

impl<'a> AttemptUnderWay<'a> {
    fn begin(callback_log: &'a CallbackLog, posted: PostedCallback) -> Self {
        Self {
            callback_log,
            began: Instant::now(),
            posted: Some(posted),
        }
    }

    fn end(mut self, found: impl FnOnce(&mut PostedCallback)) {
        self.remember(found);
    }

    fn remember(&mut self, found: impl FnOnce(&mut PostedCallback)) {
        if let Some(mut posted) = self.posted.take() {
            let took = self.began.elapsed().as_millis();
            posted.took_ms = u64::try_from(took).unwrap_or(u64::MAX);
            found(&mut posted);
            self.callback_log.remember(posted);
        }
    }
}

impl Drop for AttemptUnderWay<'_> {
    fn drop(&mut self) {
        self.remember(|posted| {
            let waited = posted.took_ms;
            posted.cause = Some(format!("timed out: no answer within {waited} ms"));
        });
    }
}

fn in_full(error: &ConnectorError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ATTEMPTS_MAX, PostedCallback, PostedCallbacks, REMEMBERED_BYTES_MAX, shown};

    fn posted(body: &str) -> PostedCallback {
        PostedCallback {
            url: "http://127.0.0.1:1/".to_owned(),
            method: "POST".to_owned(),
            headers: [("a".to_owned(), "b".to_owned())].into(),
            fields: [("ResultDetailXML".to_owned(), body.to_owned())].into(),
            body: body.to_owned(),
            status: None,
            cause: None,
            at: String::new(),
            took_ms: 0,
        }
    }

    #[test]
    fn the_latest_callbacks_are_remembered_within_so_many_bytes() {
        let mut callbacks = PostedCallbacks::default();
        let large = "x".repeat(15_500_000);
        for number in 0..40 {
            let mut one = posted(&large);
            one.at = number.to_string();
            callbacks.push(one);
        }
        assert_eq!(callbacks.attempts.len(), REMEMBERED_BYTES_MAX / 31_000_000);
        let latest = callbacks.attempts.back().map(|one| one.at.as_str());
        assert_eq!(latest, Some("39"));
        assert!(callbacks.bytes <= REMEMBERED_BYTES_MAX);

        for _ in 0..ATTEMPTS_MAX + 5 {
            callbacks.push(posted("small"));
        }
        assert_eq!(callbacks.attempts.len(), ATTEMPTS_MAX);
        let counted: usize = callbacks.attempts.iter().map(PostedCallback::bytes).sum();
        assert_eq!(
            callbacks.bytes, counted,
            "what is let go is no longer counted"
        );
    }

    #[test]
    fn one_that_is_larger_than_all_that_may_be_is_remembered_alone() {
        let mut callbacks = PostedCallbacks::default();
        callbacks.push(posted("small"));
        callbacks.push(posted(&"x".repeat(REMEMBERED_BYTES_MAX)));
        assert_eq!(callbacks.attempts.len(), 1);
        assert!(callbacks.bytes > REMEMBERED_BYTES_MAX);
    }

    #[test]
    fn credentials_are_not_shown_but_that_there_are_some_is() {
        assert_eq!(
            shown("authorization", "Basic dXM6czNjcjN0"),
            "Basic (not shown)"
        );
        assert_eq!(shown("user-agent", "Aftercall 1"), "Aftercall 1");
    }
}
