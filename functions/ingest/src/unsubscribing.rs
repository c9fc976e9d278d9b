//! `/unsubscribe/TOKEN`: the link in mails by which a reader unsubscribes with one click (RFC
//! 8058).
//!
//! A mail program posts to it without a login and without another question to its user; the
//! signature of the token is the login. A person who opens the link gets a page with a button that
//! posts. A GET changes nothing and reads nothing: programs that scan mails follow every link.

use cloud::aws::mail::ONE_CLICK;
use cloud::outbound::unsubscribe_link::UnsubscribeToken;
use cloud::{Cloud, Error};
use objects::MailEvent;
use tracing::info;

use crate::http::{Request, Response};
use crate::rest;

/// Largest body: mail programs send a form of one field.
const BODY_BYTES_MAX: usize = 16 << 10;

/// The page may contain a form and nothing else.
const PAGE_POLICY: &str =
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Unsubscribe</title></head>
<body><form method="post"><p>Do you want no more mails of this kind?</p>
<input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form></body></html>
"#;

const DONE: &str = "You are unsubscribed.\n";

/// The token in the path of such a link. Its case matters, unlike that of other paths.
pub fn token_in(path: &str) -> Option<&str> {
    const BEGINNING: &str = "/unsubscribe/";
    let at = path.to_ascii_lowercase().rfind(BEGINNING)?;
    let token = path.get(at + BEGINNING.len()..)?;
    (!token.is_empty() && !token.contains('/')).then_some(token)
}

pub async fn answer(cloud: &Cloud, request: &Request, token: &str, method: &str) -> Response {
    let answer = match method {
        "GET" => page(),
        "POST" => posted(cloud, request, token).await,
        _ => Response::text(405, "Use POST here.\n").with_header("allow", "GET, HEAD, POST"),
    };
    answer
        .with_header("cache-control", "no-store")
        .with_header("referrer-policy", "no-referrer")
}

/// The same for every token, so that it does not show whether a token is valid.
fn page() -> Response {
    Response::new(200, "text/html; charset=utf-8", PAGE.to_owned())
        .with_header("content-security-policy", PAGE_POLICY)
}

async fn posted(cloud: &Cloud, request: &Request, token: &str) -> Response {
    if request.body.len() > BODY_BYTES_MAX {
        return Response::text(413, "The body is too large.\n");
    }
    if !is_one_click(&request.body) {
        let message = format!("The body must be the form {ONE_CLICK}.\n");
        return Response::text(400, &message);
    }
    match unsubscribe(cloud, token).await {
        Ok(true) => Response::text(200, DONE),
        Ok(false) => Response::text(
            404,
            "This link is not valid. Please answer the mail and ask not to get more.\n",
        ),
        Err(error) => rest::unavailable(&error),
    }
}

/// The only field, as a form of either kind.
fn is_one_click(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let in_form = || {
        url::form_urlencoded::parse(body)
            .any(|(name, value)| name == "List-Unsubscribe" && value.trim() == "One-Click")
    };
    // In multipart/form-data, the name of the field comes before its value.
    let in_parts = || {
        text.split_once("name=\"List-Unsubscribe\"")
            .and_then(|(_, rest)| rest.split_once("\r\n\r\n"))
            .is_some_and(|(_, value)| value.lines().next().unwrap_or_default() == "One-Click")
    };
    in_form() || in_parts()
}

/// `false`: the account in the token has not signed it. Unsubscribing again adds no event.
async fn unsubscribe(cloud: &Cloud, token: &str) -> Result<bool, Error> {
    let Some(token) = UnsubscribeToken::read(token) else {
        return Ok(false);
    };
    let now = cloud.now();
    let account = cloud
        .accounts
        .account(&token.recipient.account, now)
        .await?;
    // Secrets that were replaced long ago are accepted, too: the mail may be read late.
    let is_signed = account.is_some_and(|account| {
        let previous = account.previous_secret.as_ref();
        token.is_signed_with(&account.webhook_secret)
            || previous.is_some_and(|previous| token.is_signed_with(&previous.secret))
    });
    if !is_signed {
        return Ok(false);
    }
    let event = MailEvent::Unsubscribed(now);
    cloud.track(&token.recipient, &token.tag, &event).await?;
    info!(tag = %token.tag, "reader unsubscribed");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_known_by_its_end_and_its_token_keeps_its_case() {
        assert_eq!(token_in("/unsubscribe/aB.c"), Some("aB.c"));
        assert_eq!(token_in("/prod/Unsubscribe/aB.c"), Some("aB.c"));
        for other in [
            "/unsubscribe/",
            "/unsubscribe",
            "/unsubscribe/a/b",
            "/Service.asmx",
        ] {
            assert_eq!(token_in(other), None, "{other}");
        }
    }

    #[test]
    fn the_form_may_be_urlencoded_or_multipart() {
        let parts = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        for good in [ONE_CLICK, "a=b&List-Unsubscribe=One%2DClick", parts] {
            assert!(is_one_click(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "List-Unsubscribe",
            "List-Unsubscribe=One-Clicks",
            "x=One-Click",
        ] {
            assert!(!is_one_click(bad.as_bytes()), "{bad}");
        }
    }
}
