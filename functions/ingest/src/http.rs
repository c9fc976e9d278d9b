//! HTTP requests and answers as plain values, independent of API Gateway.

use std::collections::BTreeMap;

use cloud::{Cloud, OwnHosts};

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// `https://host`, as the client addressed the service; without a slash at the end.
    pub origin: String,
    /// API Gateway's id of the API of this request; empty if there is none.
    pub api_id: String,
    /// The client's IP address according to API Gateway; empty if there is none.
    pub source: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Every known host name of this service.
    pub fn own_hosts(&self, cloud: &Cloud) -> OwnHosts {
        let settings = &cloud.settings;
        let own = settings.own_hosts.clone().and_api(&self.api_id);
        own.and_of(&self.origin).and_of(&settings.public_url)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// The body in a content coding that a header names; sent in place of `body`.
    pub compressed: Option<Vec<u8>>,
}

impl Response {
    pub fn new(status: u16, content_type: &str, body: String) -> Self {
        Self {
            status,
            headers: vec![
                ("content-type", content_type.to_owned()),
                // A browser must not render an answer that may contain a caller's text.
                ("x-content-type-options", "nosniff".to_owned()),
            ],
            body,
            compressed: None,
        }
    }

    /// A body that is already compressed with gzip.
    pub fn compressed(content_type: &str, compressed: Vec<u8>) -> Self {
        let answer = Self::new(200, content_type, String::new());
        let answer = answer.with_header("content-encoding", "gzip");
        Self {
            compressed: Some(compressed),
            ..answer
        }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.to_owned())
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// With `Retry-After`, if the time is known.
    #[must_use]
    pub fn retry_after(self, seconds: Option<i64>) -> Self {
        match seconds {
            Some(seconds) => self.with_header("retry-after", &seconds.to_string()),
            None => self,
        }
    }

    /// The same head without the body, for HEAD. It has the length of the body, or the server would
    /// add that the body is empty.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        let body = std::mem::take(&mut self.body);
        let compressed = self.compressed.take();
        let length = compressed.map_or(body.len(), |compressed| compressed.len());
        self.with_header("content-length", &length.to_string())
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The address of the service, with a slash at the end: clients append to it by plain
/// concatenation.
pub fn base_url(cloud: &Cloud, request: &Request) -> String {
    if cloud.settings.public_url.is_empty() {
        format!("{}/", request.origin)
    } else {
        cloud.settings.public_url.clone()
    }
}

pub fn service_url(cloud: &Cloud, request: &Request) -> String {
    base_url(cloud, request) + "Service.asmx"
}
