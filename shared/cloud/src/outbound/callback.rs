//! Replies by HTTP POST: signed as Standard Webhooks says, and only to public addresses.
//!
//! An address is checked twice: its text when a call is accepted, and the IP addresses of its name
//! when a reply is posted. The connection is made to the addresses that were checked.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use calls::{AddressRule, DeliveryResult};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use soap::CallbackAddress;
use subtle::ConstantTimeEq;
use url::Host;

use crate::outbound::own_hosts::OwnHosts;
use crate::outbound::public_address::is_public;

/// Longest wait for a receiver's answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) const TLS: Provider = Provider::Rustls(CryptoMode::Ring);

/// The HTTP client of the operator's command for AWS; that of a function is in `aws`.
pub fn https_client() -> SharedHttpClient {
    Builder::new().tls_provider(TLS).build_https()
}

/// The HTTP client for callbacks: connects to public addresses only, unless private ones are
/// allowed. Created with the first callback, since it reads all certificates that the system
/// trusts.
pub fn guarded_connector(allow_private: bool) -> SharedHttpConnector {
    SharedHttpConnector::new(GuardedConnector::new(allow_private))
}

/// The same, created now.
pub(crate) fn guarded_connector_made(allow_private: bool) -> SharedHttpConnector {
    let connector = GuardedConnector::new(allow_private);
    connector.made();
    SharedHttpConnector::new(connector)
}

/// The same for a caller with time limits of its own.
pub(crate) fn guarded_connector_within(
    allow_private: bool,
    settings: HttpConnectorSettings,
) -> SharedHttpConnector {
    let builder = Connector::builder()
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new())
        .tls_provider(TLS);
    SharedHttpConnector::new(builder.build_with_resolver(GuardedResolver { allow_private }))
}

#[derive(Debug)]
struct GuardedConnector {
    allow_private: bool,
    made: OnceLock<Connector>,
}

impl GuardedConnector {
    const fn new(allow_private: bool) -> Self {
        Self {
            allow_private,
            made: OnceLock::new(),
        }
    }

    fn made(&self) -> &Connector {
        self.made.get_or_init(|| {
            let builder = Connector::builder()
                .sleep_impl(TokioSleep::new())
                .tls_provider(TLS);
            builder.build_with_resolver(GuardedResolver {
                allow_private: self.allow_private,
            })
        })
    }
}

impl HttpConnector for GuardedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.made().call(request)
    }
}

/// One reply to be posted.
#[derive(Debug)]
pub struct Post<'a> {
    pub url: &'a str,
    /// `webhook-id`: stable over attempts.
    pub id: &'a str,
    /// The account's secrets, `whsec_…`: while one replaces another, both sign.
    pub secrets: &'a [String],
    /// Form-urlencoded.
    pub body: String,
}

#[derive(Clone)]
pub struct Callback {
    connector: SharedHttpConnector,
    allow_http: bool,
    own: OwnHosts,
}

impl Callback {
    pub(crate) fn new(connector: SharedHttpConnector, allow_http: bool, own: OwnHosts) -> Self {
        Self {
            connector,
            allow_http,
            own,
        }
    }

    /// One attempt. Any answer of the receiver is a result, never an error.
    pub async fn post(&self, post: Post<'_>, now: Timestamp) -> DeliveryResult {
        let Some(address) = CallbackAddress::parse(post.url) else {
            return DeliveryResult::Forbidden;
        };
        if check_address(&address, self.allow_http).is_err() || self.own.are_called_by(post.url) {
            return DeliveryResult::Forbidden;
        }
        let Some(request) = signed_request(&address, post, now) else {
            return DeliveryResult::Forbidden;
        };
        match tokio::time::timeout(TIMEOUT, self.connector.call(request)).await {
            Err(_) => DeliveryResult::TimedOut,
            Ok(Err(error)) if error.is_timeout() => DeliveryResult::TimedOut,
            Ok(Err(error)) if is_forbidden(&error) => DeliveryResult::Forbidden,
            Ok(Err(_)) => DeliveryResult::Unreachable,
            Ok(Ok(answer)) if answer.status().is_success() => DeliveryResult::Taken,
            Ok(Ok(answer)) => DeliveryResult::Status {
                status: answer.status().as_u16(),
                retry_after_s: answer
                    .headers()
                    .get("retry-after")
                    .and_then(|after| seconds_of(after, now)),
            },
        }
    }
}

fn signed_request(
    address: &CallbackAddress,
    post: Post<'_>,
    now: Timestamp,
) -> Option<HttpRequest> {
    let timestamp = now.as_second().to_string();
    let signatures = post.secrets.iter();
    let signatures =
        signatures.map(|secret| sign(secret, post.id, &timestamp, post.body.as_bytes()));
    let signature = signatures.collect::<Option<Vec<_>>>()?.join(" ");
    let mut request = HttpRequest::new(SdkBody::from(post.body.as_str()));
    request.set_method("POST").ok()?;
    request.set_uri(address.shown()).ok()?;
    let headers = request.headers_mut();
    if let Some(both) = address.user_and_password() {
        headers.insert("authorization", format!("Basic {}", STANDARD.encode(both)));
    }
    headers.insert("content-type", "application/x-www-form-urlencoded");
    headers.insert("content-length", post.body.len().to_string());
    headers.insert("user-agent", "Aftercall");
    headers.insert("webhook-id", post.id.to_owned());
    headers.insert("webhook-timestamp", timestamp);
    headers.insert("webhook-signature", signature);
    Some(request)
}

/// The seconds of a Retry-After: a number, or a date in any of HTTP's three forms. A date in the
/// past means no wait.
fn seconds_of(retry_after: &str, now: Timestamp) -> Option<u32> {
    let seconds: i64 = match retry_after.parse() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = httpdate::parse_http_date(retry_after).ok()?;
            let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
            // Whole seconds on both sides, so that the wait is never too short.
            i64::try_from(date).ok()? - now.as_second()
        }
    };
    Some(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

/// How far a callback's timestamp may be from a receiver's clock, as Standard Webhooks recommends.
const TOLERANCE_S: i64 = 5 * 60;

/// The result of verifying a callback's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    Good,
    /// It is valid, and was made so many seconds from now.
    Stale(i64),
    Wrong,
    /// This part of it cannot be read.
    Unreadable(&'static str),
}

/// Verifies a callback as a receiver does: one of the signatures in its header must be made with
/// this secret.
pub fn check_signature(
    secret: &str,
    (id, timestamp): (&str, &str),
    body: &[u8],
    header: &str,
    now: Timestamp,
) -> SignatureCheck {
    let Ok(signed_at) = timestamp.parse::<i64>() else {
        return SignatureCheck::Unreadable("timestamp");
    };
    let Some(expected) = sign(secret, id, timestamp, body) else {
        return SignatureCheck::Unreadable("secret");
    };
    let is_it = |given: &str| bool::from(given.as_bytes().ct_eq(expected.as_bytes()));
    if !header.split(' ').any(is_it) {
        return SignatureCheck::Wrong;
    }
    match now.as_second() - signed_at {
        age_s if age_s.abs() > TOLERANCE_S => SignatureCheck::Stale(age_s),
        _ => SignatureCheck::Good,
    }
}

/// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`.
fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap_or(secret))
        .ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

/// Whether an address may be posted to, according to its text: https, a name or a public address, a
/// port for the web. `allow_http`: the local cloud, where all addresses are allowed.
pub fn check_address(address: &CallbackAddress, allow_http: bool) -> Result<(), AddressRule> {
    if !address.is_web(allow_http) {
        return Err(AddressRule::Https);
    }
    if allow_http {
        return Ok(());
    }
    let url = address.url();
    let is_public_host = match url.host() {
        Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.contains('.') && !name.ends_with(".localhost") && !name.ends_with(".internal")
        }
        None => false,
    };
    let port = url.port_or_known_default();
    let is_served = port.is_some_and(|port| port == 443 || port >= 1024);
    match (is_public_host, is_served) {
        (false, _) => Err(AddressRule::Public),
        (true, false) => Err(AddressRule::Port),
        (true, true) => Ok(()),
    }
}

/// Gives a connection only addresses that are allowed.
#[derive(Clone, Debug)]
struct GuardedResolver {
    allow_private: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that replies may not go to")]
struct ForbiddenAddress;

impl ResolveDns for GuardedResolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0))
                .await
                .map_err(ResolveDnsError::new)?;
            let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            // A name with both private and public addresses is a sign of DNS rebinding: all of its
            // addresses must be allowed.
            if self.allow_private || addresses.iter().all(|address| is_public(*address)) {
                Ok(addresses)
            } else {
                Err(ResolveDnsError::new(ForbiddenAddress))
            }
        })
    }
}

fn is_forbidden(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<ForbiddenAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signature.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }

    #[test]
    fn a_receiver_finds_its_secret_among_two_and_nothing_else_right() {
        let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_bmV3"];
        let of = ("msg_1", "1614265330");
        let signed = |secret| sign(secret, of.0, of.1, b"a=b").expect("a key");
        let header = secrets.map(signed).join(" ");
        let at = |second| Timestamp::from_second(second).expect("a time");
        let check =
            |secret, body: &[u8], second| check_signature(secret, of, body, &header, at(second));
        for secret in secrets {
            assert_eq!(check(secret, b"a=b", 1_614_265_400), SignatureCheck::Good);
        }
        let [first, _] = secrets;
        assert_eq!(check(first, b"a=c", 1_614_265_330), SignatureCheck::Wrong);
        let other = check("whsec_b3RoZXI=", b"a=b", 1_614_265_330);
        assert_eq!(other, SignatureCheck::Wrong);
        assert_eq!(
            check(first, b"a=b", 1_614_266_000),
            SignatureCheck::Stale(670)
        );
        let bad = check("whsec_?", b"a=b", 1_614_265_330);
        assert_eq!(bad, SignatureCheck::Unreadable("secret"));
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        for (retry_after, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("99999999999", Some(u32::MAX)),
            ("Mon, 02 Mar 2026 09:01:30 GMT", Some(90)),
            ("Monday, 02-Mar-26 09:01:30 GMT", Some(90)),
            ("Mon Mar  2 09:01:30 2026", Some(90)),
            ("Mon, 02 Mar 2026 09:00:00 GMT", Some(0)),
            ("Sun, 01 Mar 2026 09:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(u32::MAX)),
            ("2026-03-02T09:01:30Z", None),
            ("soon", None),
            ("", None),
        ] {
            let now = "2026-03-02T09:00:00.4Z".parse().expect("a time");
            assert_eq!(seconds_of(retry_after, now), seconds, "{retry_after}");
        }
    }

    /// `None`: it is allowed; otherwise the rule that it breaks.
    fn rule(address: &str, allow_http: bool) -> Option<AddressRule> {
        match CallbackAddress::parse(address) {
            Some(address) => check_address(&address, allow_http).err(),
            None => Some(AddressRule::Readable),
        }
    }

    #[test]
    fn only_public_https_addresses_may_be_called() {
        for address in [
            "https://client.example.com/cb",
            "https://client.example.com:8443/cb?x=1",
            "https://user:password@client.example.com/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(rule(address, false), None, "{address} may be called");
        }
        for (address, broken) in [
            ("http://client.example.com/", AddressRule::Https),
            ("ftp://client.example.com/", AddressRule::Https),
            ("file:///proc/self/environ", AddressRule::Readable),
            ("https://client.example.com:22/", AddressRule::Port),
            ("https://localhost/", AddressRule::Public),
            ("https://localhost./", AddressRule::Public),
            ("https://metadata.internal/", AddressRule::Public),
            ("https://user@127.0.0.1/", AddressRule::Public),
            ("https://127.0.0.1/", AddressRule::Public),
            ("https://127.1/", AddressRule::Public),
            ("https://0x7f.1/", AddressRule::Public),
            ("https://2130706433/", AddressRule::Public),
            ("https://017700000001/", AddressRule::Public),
            ("https://[::1]/", AddressRule::Public),
            ("https://[::ffff:10.0.0.1]/", AddressRule::Public),
            ("https://\u{2460}\u{2461}7.0.0.1/", AddressRule::Public),
            ("", AddressRule::Readable),
        ] {
            assert_eq!(rule(address, false), Some(broken), "{address}");
        }
        assert_eq!(rule("http://127.0.0.1:9000/cb", true), None);
        assert_eq!(rule("ftp://127.0.0.1/", true), Some(AddressRule::Https));
    }

    #[test]
    fn user_and_password_go_into_a_header_and_not_into_the_request_line() {
        let url = "https://us%40er:secret@client.example.com/r\u{fc}ckruf?t=<q>";
        let address = CallbackAddress::parse(url).expect("an address");
        let post = Post {
            url,
            id: "msg_1",
            secrets: &["whsec_AAAA".to_owned()],
            body: String::new(),
        };
        let request = signed_request(&address, post, Timestamp::UNIX_EPOCH).expect("a request");
        assert_eq!(
            request.uri(),
            "https://client.example.com/r%C3%BCckruf?t=%3Cq%3E"
        );
        let authorization = request.headers().get("authorization");
        assert_eq!(authorization, Some("Basic dXNAZXI6c2VjcmV0"));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_at_connect_time() {
        let callback = Callback {
            connector: guarded_connector(false),
            allow_http: true,
            own: OwnHosts::default(),
        };
        let post = Post {
            url: "http://localhost:9/",
            id: "msg_1",
            secrets: &["whsec_AAAA".to_owned()],
            body: String::new(),
        };
        let found = callback.post(post, Timestamp::UNIX_EPOCH).await;
        assert_eq!(found, DeliveryResult::Forbidden);
    }

    /// Answers every request.
    #[derive(Debug)]
    struct Willing;

    impl HttpConnector for Willing {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let status = 200.try_into().expect("a status");
            let answer = HttpResponse::new(status, SdkBody::empty());
            HttpConnectorFuture::ready(Ok(answer))
        }
    }

    /// A name may have become our own since the call was accepted.
    #[tokio::test]
    async fn our_own_address_is_refused_when_it_is_posted_to() {
        let own = OwnHosts::read("soap.example.com").and_api("abc123");
        let callback = Callback::new(SharedHttpConnector::new(Willing), false, own);
        for (url, expected) in [
            ("https://soap.example.com/cb", DeliveryResult::Forbidden),
            (
                "https://abc123.execute-api.eu-west-1.amazonaws.com/cb",
                DeliveryResult::Forbidden,
            ),
            ("https://client.example.com/cb", DeliveryResult::Taken),
        ] {
            let post = Post {
                url,
                id: "msg_1",
                secrets: &["whsec_AAAA".to_owned()],
                body: String::new(),
            };
            let found = callback.post(post, Timestamp::UNIX_EPOCH).await;
            assert_eq!(found, expected, "{url}");
        }
    }
}
