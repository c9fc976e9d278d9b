//! Why a callback was not taken: the cause of a connection that failed, and what a receiver says that
//! refuses.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calls::delivery::ANSWER_BYTES_MAX;
use calls::{DeliveryResult, ReceiverAnswer, UnreachableCause};
use tokio::time::Instant;

/// Longest that is waited for what a receiver says after its status: it comes with it as a rule, and the
/// place of an attempt is worth more.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Instead of what only the receiver's own address knows.
const HIDDEN: &str = "(not shown)";

#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that replies may not go to")]
pub(crate) struct ForbiddenAddress;

/// What an attempt came to that had no answer, and was not too late.
pub(crate) fn cause_of(error: &ConnectorError) -> DeliveryResult {
    let causes: Vec<_> = causes(error).collect();
    if causes.iter().any(|it| it.is::<ForbiddenAddress>()) {
        return DeliveryResult::Forbidden;
    }
    // The innermost is the operating system's own.
    let mut of_io = causes.iter().rev();
    let of_io = of_io.find_map(|it| it.downcast_ref::<io::Error>());
    let of_io = of_io.map(io::Error::kind);
    let cause = if causes.iter().any(|it| it.is::<ResolveDnsError>()) {
        UnreachableCause::Dns
    } else if causes.iter().any(|it| it.is::<rustls::Error>()) {
        UnreachableCause::Tls
    } else {
        match of_io {
            Some(io::ErrorKind::TimedOut) => return DeliveryResult::TimedOut,
            Some(io::ErrorKind::ConnectionRefused) => UnreachableCause::Refused,
            Some(
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::NotConnected
                | io::ErrorKind::UnexpectedEof,
            ) => UnreachableCause::Closed,
            Some(_) | None if was_connected(&causes) => UnreachableCause::Closed,
            Some(_) | None => UnreachableCause::Other,
        }
    };
    DeliveryResult::Unreachable(cause)
}

/// Whether there was a connection, over which no whole answer came.
fn was_connected(causes: &[&(dyn Error + 'static)]) -> bool {
    let mut of_client = causes
        .iter()
        .filter_map(|it| it.downcast_ref::<hyper_util::client::legacy::Error>());
    of_client.any(|error| !error.is_connect())
}

/// An error and what caused it. What an `io::Error` was made of is no source of it, but lies inside.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The beginning of an answer, as far as it comes in time. `secret`: user and password of the address,
/// which a receiver may repeat.
pub(crate) async fn said_by(
    body: SdkBody,
    secret: Option<&[u8]>,
    ends: Instant,
) -> Option<ReceiverAnswer> {
    let mut stream = ByteStream::new(body);
    let mut said = Vec::new();
    let ends = ends.min(Instant::now() + ANSWER_WITHIN);
    // More than is kept, so that a secret at the end is known as one.
    let enough = ANSWER_BYTES_MAX + secret.map_or(0, |secret| 2 * secret.len());
    while said.len() < enough {
        match tokio::time::timeout_at(ends, stream.next()).await {
            Ok(Some(Ok(bytes))) => {
                let room = enough.saturating_sub(said.len());
                said.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
            }
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    match secret {
        Some(secret) => ReceiverAnswer::of(without(secret, &said).as_bytes()),
        None => ReceiverAnswer::of(&said),
    }
}

fn without(secret: &[u8], said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said).into_owned();
    let plain = String::from_utf8_lossy(secret).into_owned();
    let password = plain.split_once(':').map_or("", |(_, password)| password);
    let hidden = [STANDARD.encode(secret), password.to_owned()];
    let hidden = hidden.iter().filter(|text| !text.is_empty());
    hidden.fold(said, |said, text| said.replace(text.as_str(), HIDDEN))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::outbound::callback::{Callback, Post, guarded_connector};
    use crate::outbound::own_hosts::OwnHosts;

    /// What a receiver of one connection does after it has read something.
    async fn receiver(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut bytes = [0; 4_096];
            let _read = stream.read(&mut bytes).await;
            let _written = stream.write_all(answer).await;
        });
        port
    }

    async fn posted_to(url: &str) -> calls::AttemptResult {
        let callback = Callback::new(guarded_connector(true), true, OwnHosts::default());
        let post = Post {
            url,
            id: "msg_1",
            secrets: &["whsec_AAAA".to_owned()],
            body: "a=b".to_owned(),
        };
        callback.post(post, jiff::Timestamp::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn a_connection_that_fails_has_its_cause() {
        let closed = receiver(b"").await;
        let half = receiver(b"HTTP/1.1 503 Serv").await;
        let no_tls = receiver(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let nobody = {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            listener.local_addr().expect("an address").port()
        };
        for (url, cause) in [
            (
                format!("http://127.0.0.1:{closed}/"),
                UnreachableCause::Closed,
            ),
            (
                format!("http://127.0.0.1:{half}/"),
                UnreachableCause::Closed,
            ),
            (
                format!("https://127.0.0.1:{no_tls}/"),
                UnreachableCause::Tls,
            ),
            (
                format!("http://127.0.0.1:{nobody}/"),
                UnreachableCause::Refused,
            ),
        ] {
            let found = posted_to(&url).await;
            assert_eq!(found, DeliveryResult::Unreachable(cause).into(), "{url}");
        }
    }

    #[test]
    fn a_name_that_is_not_resolved_differs_from_one_that_is_forbidden() {
        let of = |inner: Box<dyn Error + Send + Sync>| {
            cause_of(&ConnectorError::io(ResolveDnsError::new(inner).into()))
        };
        let unknown = io::Error::other("Name or service not known");
        let dns = DeliveryResult::Unreachable(UnreachableCause::Dns);
        assert_eq!(of(unknown.into()), dns);
        assert_eq!(of(ForbiddenAddress.into()), DeliveryResult::Forbidden);
        let late = io::Error::from(io::ErrorKind::TimedOut);
        assert_eq!(
            cause_of(&ConnectorError::io(late.into())),
            DeliveryResult::TimedOut
        );
    }

    #[test]
    fn a_certificate_that_nobody_vouches_for_is_a_failure_of_tls() {
        let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, bad));
        let found = cause_of(&ConnectorError::io(wrapped.into()));
        assert_eq!(found, DeliveryResult::Unreachable(UnreachableCause::Tls));
    }

    #[tokio::test]
    async fn what_a_receiver_says_is_kept_without_what_it_repeats() {
        let port = receiver(
            b"HTTP/1.1 503 Down\r\nconnection: close\r\n\r\nno: Basic dXM6czNjcjN0, s3cr3t, us",
        );
        let found = posted_to(&format!("http://us:s3cr3t@127.0.0.1:{}/", port.await)).await;
        let text = found.answer.as_ref().map(ReceiverAnswer::text);
        assert_eq!(text, Some("no: Basic (not shown), (not shown), us"));
        let status = DeliveryResult::Status {
            status: 503,
            retry_after_s: None,
        };
        assert_eq!(found.result, status);
    }

    #[tokio::test]
    async fn who_says_the_rest_slowly_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let said = b"HTTP/1.1 500 No\r\ncontent-length: 50\r\n\r\none moment";
            // Who answers before it is asked speaks no HTTP.
            let mut bytes = [0; 4_096];
            let _read = stream.read(&mut bytes).await;
            let _written = stream.write_all(said).await;
            std::future::pending::<()>().await;
        });
        let began = Instant::now();
        let found = posted_to(&format!("http://127.0.0.1:{port}/")).await;
        let text = found.answer.as_ref().map(ReceiverAnswer::text);
        assert_eq!(text, Some("one moment"));
        assert!(began.elapsed() < ANSWER_WITHIN * 5);
    }
}
