//! Requests to backends: guarded like callbacks, with connections that are reused as long as they
//! are certain to be good.
//!
//! The result of a request is one of three, on which everything depends: it certainly never reached
//! the backend, it was answered, or its fate is unknown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use calls::BackendName;
use jiff::{SignedDuration, Timestamp};
use soap::CallbackAddress;

use crate::outbound::callback::{check_address, guarded_connector_within};

/// Largest answer that is read: a function itself answers with at most 6 MB.
pub const ANSWER_BYTES_MAX: usize = 6_000_000;

/// The text for a larger answer.
pub const ANSWER_TOO_LARGE: &str = "the answer is too large";

/// Longest wait for a connection. Without a connection nothing was sent, which must be
/// distinguished from a missing answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A connection that was idle for so long is not reused: the backend may have closed it, and a
/// frozen environment does not notice.
const IDLE_MAX: SignedDuration = SignedDuration::from_secs(4);

/// One request. It has credentials, and is never shown.
pub struct ForwardPost<'a> {
    pub url: &'a str,
    pub content_type: &'a str,
    pub soap_action: Option<&'a str>,
    pub body: String,
    pub timeout: Duration,
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendResponse {
    Answered {
        status: u16,
        retry_after_s: Option<u32>,
        body: Vec<u8>,
    },
    /// It certainly never left.
    NotSent(&'static str),
    /// It may have arrived, and no complete answer came.
    NoAnswer(&'static str),
}

/// A backend's access token, as cached by an environment.
#[derive(Clone)]
pub struct CachedToken {
    pub token: String,
    /// When it is to be renewed.
    pub until: Timestamp,
    /// When it ends.
    pub good_until: Timestamp,
}

/// The tokens of all backends. Fetching one holds the lock, so that others wait for it.
pub type BackendTokens = Arc<tokio::sync::Mutex<HashMap<BackendName, CachedToken>>>;

/// The HTTP client for backends. Clones share its connections.
#[derive(Clone)]
pub struct BackendClient {
    connections: BackendConnections,
}

#[derive(Clone)]
enum BackendConnections {
    /// One from outside, as in the local cloud.
    Borrowed(SharedHttpConnector),
    Own {
        allow_private: bool,
        idle: Arc<Mutex<Option<CachedConnector>>>,
    },
}

struct CachedConnector {
    connector: SharedHttpConnector,
    used_at: Timestamp,
}

impl BackendClient {
    pub(crate) fn through(connector: SharedHttpConnector) -> Self {
        Self {
            connections: BackendConnections::Borrowed(connector),
        }
    }

    /// With connections of its own, to public addresses only, unless private ones are allowed.
    pub fn guarded(allow_private: bool) -> Self {
        Self {
            connections: BackendConnections::Own {
                allow_private,
                idle: Arc::default(),
            },
        }
    }

    fn connector(&self, now: Timestamp) -> SharedHttpConnector {
        match &self.connections {
            BackendConnections::Borrowed(connector) => connector.clone(),
            BackendConnections::Own {
                allow_private,
                idle,
            } => {
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                let is_fresh =
                    |idle: &CachedConnector| now.duration_since(idle.used_at).abs() < IDLE_MAX;
                let connector = match idle.take().filter(is_fresh) {
                    Some(idle) => idle.connector,
                    None => {
                        let settings = HttpConnectorSettings::builder();
                        let settings = settings.connect_timeout(CONNECT_MAX).build();
                        guarded_connector_within(*allow_private, settings)
                    }
                };
                *idle = Some(CachedConnector {
                    connector: connector.clone(),
                    used_at: now,
                });
                connector
            }
        }
    }

    /// Sends one request, without retries.
    pub async fn post(&self, post: ForwardPost<'_>, now: Timestamp) -> BackendResponse {
        // A name is checked when it is resolved; a literal IP address is never resolved, so it is
        // checked here.
        if matches!(
            self.connections,
            BackendConnections::Own {
                allow_private: false,
                ..
            }
        ) && !is_public(post.url)
        {
            return BackendResponse::NotSent("its address is not a public one");
        }
        let timeout = post.timeout;
        let Some(request) = request_of(post) else {
            return BackendResponse::NotSent("no request can be made of its address");
        };
        let connector = self.connector(now);
        let exchange = async {
            match connector.call(request).await {
                Ok(answer) => read(answer).await,
                Err(error) if was_not_sent(&error) => BackendResponse::NotSent("no connection"),
                Err(error) if error.is_timeout() => BackendResponse::NoAnswer("no answer in time"),
                Err(_) => BackendResponse::NoAnswer("the connection broke"),
            }
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(posted) => posted,
            Err(_) => BackendResponse::NoAnswer("no answer in time"),
        }
    }
}

/// Https, and a public address or a name.
fn is_public(url: &str) -> bool {
    let address = CallbackAddress::parse(url);
    address.is_some_and(|address| check_address(&address, false).is_ok())
}

fn request_of(post: ForwardPost<'_>) -> Option<HttpRequest> {
    let length = post.body.len();
    let mut request = HttpRequest::new(SdkBody::from(post.body));
    request.set_method("POST").ok()?;
    request.set_uri(post.url).ok()?;
    let headers = request.headers_mut();
    headers.insert("content-type", post.content_type.to_owned());
    headers.insert("content-length", length.to_string());
    headers.insert("accept-encoding", "identity");
    headers.insert("user-agent", "Aftercall");
    if let Some(action) = post.soap_action {
        headers.insert("soapaction", format!("\"{action}\""));
    }
    Some(request)
}

async fn read(answer: HttpResponse) -> BackendResponse {
    let status = answer.status().as_u16();
    let retry_after_s = answer.headers().get("retry-after");
    let retry_after_s = retry_after_s.and_then(|after| after.trim().parse().ok());
    let mut stream = ByteStream::new(answer.into_body());
    let mut body = Vec::new();
    loop {
        match stream.next().await {
            None => break,
            Some(Ok(bytes)) if body.len() + bytes.len() > ANSWER_BYTES_MAX => {
                return BackendResponse::NoAnswer(ANSWER_TOO_LARGE);
            }
            Some(Ok(bytes)) => body.extend_from_slice(&bytes),
            Some(Err(_)) => return BackendResponse::NoAnswer("the answer broke off"),
        }
    }
    BackendResponse::Answered {
        status,
        retry_after_s,
        body,
    }
}

/// Whether no connection was made.
fn was_not_sent(error: &ConnectorError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>()
            && error.is_connect()
        {
            return true;
        }
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return true;
        }
        if error.is::<ResolveDnsError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A backend that answers every request, and counts its connections.
    async fn backend() -> (String, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let opened = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&opened);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut bytes = [0; 4_096];
                    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (format!("http://{address}/Service.asmx"), opened)
    }

    async fn ask(client: &BackendClient, url: &str, second: i64) -> BackendResponse {
        let post = ForwardPost {
            url,
            content_type: "text/xml",
            soap_action: Some("Create"),
            body: "x".to_owned(),
            timeout: Duration::from_secs(5),
        };
        let now = Timestamp::from_second(second).expect("a time");
        client.post(post, now).await
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_as_long_as_it_is_certain_to_be_good() {
        let (url, opened) = backend().await;
        let client = BackendClient::guarded(true);
        for second in [0, 1, 4] {
            let answer = ask(&client, &url, second).await;
            assert!(matches!(
                answer,
                BackendResponse::Answered { status: 200, .. }
            ));
        }
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        // The environment was frozen, so it has not noticed whether the connection was closed.
        let answer = ask(&client, &url, 9).await;
        assert!(matches!(answer, BackendResponse::Answered { .. }));
        assert_eq!(opened.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_backend_at_a_private_address_is_reached_only_where_that_is_allowed() {
        let (url, opened) = backend().await;
        let answer = ask(&BackendClient::guarded(false), &url, 0).await;
        assert!(matches!(answer, BackendResponse::NotSent(_)), "{answer:?}");
        assert_eq!(opened.load(Ordering::SeqCst), 0);
    }
}
