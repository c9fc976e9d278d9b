//! Connections to SES, and whether a failed request certainly never left.

use std::error::Error;
use std::io;

use aws_sdk_sesv2::error::SdkError;
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::aws::clients;

/// Without an open connection.
pub(crate) fn new() -> SharedHttpClient {
    clients::new_https_client()
}

/// Whether certainly no byte of the request was sent: it could not be built, its host has no
/// address, or there was no connection (refused, timed out, no TLS). After any other error it may
/// have arrived.
pub(crate) fn was_not_sent<E>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .is_some_and(|error| was_not_connected(error)),
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) | SdkError::ServiceError(_) => false,
        // A kind of error that a later SDK may add: treated as unknown.
        _ => false,
    }
}

fn was_not_connected(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let is_connect = error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        let is_refused = error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if is_connect || is_refused || error.is::<ResolveDnsError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
    use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
    use aws_types::SdkConfig;
    use aws_types::region::Region;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use crate::aws::mail::{Mail, MailConnections, MailService, SendMailResult};
    use crate::error::Error;

    fn service_at(endpoint: &str, connections: MailConnections) -> MailService {
        let credentials = Credentials::from_keys("id", "secret", None);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(crate::outbound::callback::https_client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .endpoint_url(endpoint)
            .build();
        MailService::new(&config, "a@example.com", "", connections)
    }

    fn a_mail() -> Mail {
        Mail {
            to: "b@example.com".to_owned(),
            ..Mail::default()
        }
    }

    /// The result of a mail to a service at that endpoint, over real connections.
    async fn sent_to(endpoint: &str) -> Error {
        let service = service_at(endpoint, MailConnections::Configured);
        service.send(&a_mail()).await.expect_err("nobody is there")
    }

    /// Answers all requests on each connection and keeps it open. Returns how many it accepted.
    async fn a_mail_service() -> (u16, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let taken = Arc::new(AtomicU32::new(0));
        let counted = taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer_all(stream));
            }
        });
        (port, taken)
    }

    async fn answer_all(mut stream: TcpStream) {
        let mut seen = Vec::new();
        let mut bytes = vec![0; 65_536];
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            seen.extend_from_slice(&bytes[..read]);
            let text = String::from_utf8_lossy(&seen).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
            if body.len() < length.unwrap_or(0) {
                continue;
            }
            seen.clear();
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{\"MessageId\":\"m-1\"}";
            stream.write_all(answer.as_bytes()).await.expect("written");
        }
    }

    /// A function is frozen between invocations, and does not notice when a connection dies.
    #[tokio::test]
    async fn no_connection_outlives_the_invocation_that_made_it() {
        let (port, taken) = a_mail_service().await;
        let endpoint = format!("http://127.0.0.1:{port}");
        let service = service_at(&endpoint, MailConnections::New);
        for invocation in 1..=3 {
            let session = service.session();
            for _ in 0..4 {
                let sent = session.send(&a_mail()).await.expect("an answer");
                assert!(matches!(sent, SendMailResult::Taken));
            }
            assert_eq!(taken.load(Ordering::SeqCst), invocation);
        }
    }

    /// Accepts one connection, reads for a moment, answers, and closes it.
    async fn a_server_that_says(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut bytes = vec![0; 65_536];
            let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut bytes));
            assert!(
                read.await.is_ok_and(|read| read.is_ok()),
                "it says something"
            );
            stream.write_all(answer).await.expect("it is written");
        });
        port
    }

    #[tokio::test]
    async fn a_request_without_a_connection_was_not_sent() {
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            listener.local_addr().expect("an address").port()
        };
        let no_tls = a_server_that_says(b"HTTP/1.1 400 This is no TLS\r\n\r\n").await;
        for endpoint in [
            format!("http://127.0.0.1:{closed}"),
            "http://nobody.invalid".to_owned(),
            format!("https://127.0.0.1:{no_tls}"),
        ] {
            let error = sent_to(&endpoint).await;
            assert!(
                matches!(error, Error::MailNotSent(_)),
                "{endpoint}: {error:?}"
            );
            assert!(error.was_refused());
        }
    }

    #[tokio::test]
    async fn what_was_sent_and_not_answered_may_have_arrived() {
        for answer in [&b""[..], b"HTTP/1.1 2"] {
            let port = a_server_that_says(answer).await;
            let error = sent_to(&format!("http://127.0.0.1:{port}")).await;
            assert!(matches!(error, Error::Mail(_)), "{error:?}");
            assert!(!error.was_refused());
        }
    }
}
