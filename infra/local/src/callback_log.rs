//! Callbacks as they really went out, with what the receiver said: for whoever looks at
//! `/_local/callbacks`. None goes out before what it tells of is on the disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde::Serialize;

use crate::{LocalCloud, held};

/// Most attempts that are remembered.
const ATTEMPTS_MAX: usize = 10_000;

/// One attempt at one callback.
#[derive(Clone, Debug, Serialize)]
pub struct Posted {
    pub url: String,
    pub method: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    /// The form's fields.
    pub fields: BTreeMap<String, String>,
    /// What the receiver answered; absent: nothing.
    pub status: Option<u16>,
    pub at: String,
}

/// Posts for real, and remembers.
#[derive(Clone, Debug)]
pub struct CallbackLog {
    inner: SharedHttpConnector,
    local: LocalCloud,
    posted: Arc<Mutex<VecDeque<Posted>>>,
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

    pub fn posted(&self) -> Vec<Posted> {
        held(&self.posted).iter().cloned().collect()
    }

    fn remember(&self, posted: Posted) {
        let mut all = held(&self.posted);
        if all.len() >= ATTEMPTS_MAX {
            all.pop_front();
        }
        all.push_back(posted);
    }
}

impl HttpConnector for CallbackLog {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request
            .body()
            .bytes()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let body = body.unwrap_or_default();
        let mut posted = Posted {
            url: request.uri().to_owned(),
            method: request.method().to_owned(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            fields: url::form_urlencoded::parse(body.as_bytes())
                .into_owned()
                .collect(),
            body,
            status: None,
            at: self.local.clock().now().to_string(),
        };
        let callback_log = self.clone();
        HttpConnectorFuture::new(async move {
            let durable = callback_log.local.durable().await;
            durable.map_err(|error| ConnectorError::other(error.into(), None))?;
            let answered = callback_log.inner.call(request).await;
            posted.status = answered
                .as_ref()
                .ok()
                .map(|answer| answer.status().as_u16());
            callback_log.remember(posted);
            answered
        })
    }
}
