//! Which requests the server takes at all: those that name this machine in `Host` and were not sent
//! by another site's page, with a body that is whole and within its bound.
//!
//! Nobody's signature is looked at here, so whatever a browser on this machine can be made to send
//! must be refused by what it says of where it comes from.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;

/// A request whose body takes longer is given up: who sends a byte a minute holds a connection.
pub const BODY_WITHIN: Duration = Duration::from_secs(60);

/// Who can reach the address that the server listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only loopback names are accepted: a name of somebody else's that leads here is refused.
    ThisMachine,
    /// The user has accepted that other machines reach it, by any name.
    Network,
}

impl Reach {
    /// By the address that is listened on.
    pub fn of(address: IpAddr) -> Self {
        match address.is_loopback() {
            true => Self::ThisMachine,
            false => Self::Network,
        }
    }
}

/// A request that is refused before anything is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    status: StatusCode,
    reason: &'static str,
}

impl RefusedRequest {
    const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }
}

impl IntoResponse for RefusedRequest {
    fn into_response(self) -> Response {
        // The rest of the request is not read, so no other request can follow on the connection.
        let close = [(header::CONNECTION, "close")];
        (self.status, close, self.reason).into_response()
    }
}

/// Lets a request in, or says why not. A layer of every route.
pub async fn admit(State(reach): State<Reach>, request: Request, next: Next) -> Response {
    match check(reach, &request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

fn check(reach: Reach, request: &Request) -> Result<(), RefusedRequest> {
    let host = host(request.headers())?;
    let named = request.uri().authority();
    if reach == Reach::ThisMachine && ![Some(&host), named].into_iter().flatten().all(is_loopback) {
        return Err(RefusedRequest::new(
            StatusCode::FORBIDDEN,
            "This server answers to loopback names alone: use localhost or 127.0.0.1 in the URL.\n",
        ));
    }
    if comes_from_elsewhere(request, &host) {
        return Err(RefusedRequest::new(
            StatusCode::FORBIDDEN,
            "Another site asks for this. Only pages of this server and programs may.\n",
        ));
    }
    Ok(())
}

/// The one that HTTP/1.1 demands.
fn host(headers: &HeaderMap) -> Result<Authority, RefusedRequest> {
    const WRONG: RefusedRequest = RefusedRequest::new(
        StatusCode::BAD_REQUEST,
        "A request needs one Host header that names a host.\n",
    );
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(WRONG);
    };
    let host = host.to_str().ok().filter(|host| !host.contains('@'));
    host.and_then(|host| host.parse().ok()).ok_or(WRONG)
}

/// `localhost` and all names below it (a bucket's, say), and loopback addresses.
fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().to_ascii_lowercase();
    let name = host.strip_suffix('.').unwrap_or(&host);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether a browser says that a page of another origin made this request. A link that is followed
/// from elsewhere does not count: it only reads, and leads to a page of this server.
fn comes_from_elsewhere(request: &Request, host: &Authority) -> bool {
    let headers = request.headers();
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(origin) = text(&header::ORIGIN) {
        let own = format!("http://{host}");
        return !origin.eq_ignore_ascii_case(&own);
    }
    let fetch = |name| text(&HeaderName::from_static(name));
    match fetch("sec-fetch-site") {
        None | Some("same-origin" | "none") => false,
        Some(_) => {
            let follows_a_link = fetch("sec-fetch-mode") == Some("navigate")
                && fetch("sec-fetch-dest") == Some("document")
                && matches!(*request.method(), Method::GET | Method::HEAD);
            !follows_a_link
        }
    }
}

const TOO_LARGE: RefusedRequest =
    RefusedRequest::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.\n");

/// All of a body. One that is declared longer than `bytes_max` is refused before any of it is read.
pub async fn whole_body(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, RefusedRequest> {
    let declared = headers.get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| usize::try_from(length).map_or(true, |it| it > bytes_max)) {
        return Err(TOO_LARGE);
    }
    to_bytes(body, bytes_max).await.map_err(|error| {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return TOO_LARGE;
            }
            cause = error.source();
        }
        RefusedRequest::new(
            StatusCode::BAD_REQUEST,
            "The body cannot be read: its chunks are not well-formed, or it breaks off.\n",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(reach: Reach, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        check(reach, &request).map_or_else(|refused| refused.status.as_u16(), |()| 200)
    }

    #[test]
    fn only_loopback_names_are_hosts() {
        let here = |host| checked(Reach::ThisMachine, "/", &[("host", host)]);
        for ours in [
            "localhost",
            "LocalHost:8080",
            "localhost.:8080",
            "aftercall-bodies.localhost:8080",
            "127.0.0.1:8080",
            "127.8.9.10",
            "[::1]:8080",
        ] {
            assert_eq!(here(ours), 200, "{ours}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8080",
            "notlocalhost",
            "192.168.1.5:8080",
            "0.0.0.0:8080",
            "[::]:8080",
            "169.254.169.254",
        ] {
            assert_eq!(here(foreign), 403, "{foreign}");
        }
        for none in ["", "a b", "local@localhost", "http://localhost"] {
            assert_eq!(here(none), 400, "{none}");
        }
        // The whole URL in the first line counts as well.
        let whole = |uri| checked(Reach::ThisMachine, uri, &[("host", "localhost")]);
        assert_eq!(whole("http://127.0.0.1:8080/"), 200);
        assert_eq!(whole("http://evil.example/"), 403);
    }

    #[test]
    fn a_request_has_exactly_one_host() {
        for reach in [Reach::ThisMachine, Reach::Network] {
            assert_eq!(checked(reach, "/", &[]), 400);
            let two = [("host", "localhost"), ("host", "localhost")];
            assert_eq!(checked(reach, "/", &two), 400);
        }
    }

    #[test]
    fn pages_of_other_origins_ask_for_nothing() {
        let with = |headers: &[(&str, &str)]| {
            let all = [&[("host", "localhost:8080")], headers].concat();
            [Reach::ThisMachine, Reach::Network].map(|reach| checked(reach, "/", &all))
        };
        for ours in [
            &[("origin", "http://localhost:8080")][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
        ] {
            assert_eq!(with(ours), [200; 2], "{ours:?}");
        }
        for foreign in [
            &[("origin", "null")][..],
            &[("origin", "https://localhost:8080")],
            &[("origin", "http://localhost:8081")],
            &[("origin", "http://127.0.0.1:8080")],
            &[("sec-fetch-site", "cross-site")],
            &[
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors"),
            ],
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ],
        ] {
            assert_eq!(with(foreign), [403; 2], "{foreign:?}");
        }
    }

    #[test]
    fn who_opens_it_to_the_network_is_reached_by_any_name() {
        let open = |host| checked(Reach::Network, "/", &[("host", host)]);
        assert_eq!(open("aftercall.internal:8080"), 200);
        assert_eq!(open("192.168.1.5"), 200);
    }
}
