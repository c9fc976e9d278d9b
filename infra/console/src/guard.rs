//! What every request must bring, and what every answer says to the browser.
//!
//! Whose requests are taken at all is decided before, by [`crate::admission`]: `Host` and `Origin`. Here it
//! is whether the browser was let in (the key that `aftercall console` prints), and for everything that
//! does something whether it may, and whether it comes from a form of ours (the token in it).

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::console::{Console, ConsoleAccess};
use crate::failure::PageFailure;
use crate::page_query::PageQuery;
use crate::pages::failed_page;
use crate::posted_form::PostedForm;

/// Largest form: a test call of some hundred objects.
const FORM_BYTES_MAX: usize = 1 << 20;

/// The cookie of a browser that was let in.
const COOKIE: &str = "aftercall-console";

/// Nothing is loaded from elsewhere, nothing that stands in a page is a script or a style, and no other
/// site holds a page of ours in a frame.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// For every answer that does not say otherwise.
fn headers() -> [(HeaderName, &'static str); 8] {
    [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer` a browser says `Origin: null` of our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (header::X_DNS_PREFETCH_CONTROL, "off"),
    ]
}

/// A layer of every route of the console.
pub(crate) async fn guard(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match checked(&console, request).await {
        Ok(request) => next.run(request).await,
        Err(early) => early,
    };
    if let Some(failure) = response.extensions_mut().remove::<PageFailure>() {
        response = failed_page(&console, &failure);
    }
    for (name, value) in headers() {
        let all = response.headers_mut();
        all.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn checked(console: &Console, request: Request) -> Result<Request, Response> {
    if let Some(key) = &console.options.key
        && !has_key(request.headers(), key)
    {
        return Err(enter(console, key, &request));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(request);
    }
    if console.options.access == ConsoleAccess::ReadOnly {
        return Err(PageFailure::ReadOnly.into_response());
    }
    let (mut head, body) = request.into_parts();
    let too_large = |_| PageFailure::Wrong("The form is too large.".to_owned()).into_response();
    let body = to_bytes(body, FORM_BYTES_MAX).await.map_err(too_large)?;
    let form = PostedForm(PageQuery::read(std::str::from_utf8(&body).ok()));
    if !is_same(form.text("token"), &console.token) {
        return Err(PageFailure::Forged.into_response());
    }
    head.extensions.insert(form);
    Ok(Request::from_parts(head, axum::body::Body::empty()))
}

fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn has_key(headers: &HeaderMap, key: &str) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
    pairs.any(|pair| {
        let (name, value) = pair.trim().split_once('=').unwrap_or_default();
        name == COOKIE && is_same(value, key)
    })
}

/// Whoever opens the printed address brings the key in it, and gets it as a cookie.
fn enter(console: &Console, key: &str, request: &Request) -> Response {
    let query = PageQuery::read(request.uri().query());
    if *request.method() != Method::GET || !is_same(query.text("key"), key) {
        let text = "Open the address that `aftercall console` has printed: it lets you in.\n";
        return (StatusCode::UNAUTHORIZED, text).into_response();
    }
    let cookie = format!("{COOKIE}={key}; Path=/; HttpOnly; SameSite=Strict");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::LOCATION, format!("{}/", console.base())),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
