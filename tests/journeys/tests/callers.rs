//! Who is let in: tokens, user names and passwords in each shape that clients send.

use std::collections::BTreeMap;

use cloud::accounts::{DigestUserStored, Login};
use journeys::story::BEGINNING;
use journeys::{Answer, Story, a_caller};
use local::{Counts, Service};
use serde_json::json;

use crate::access_tokens::post;
use crate::password_digests::digest;

pub(crate) const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub(crate) const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const LOGIN_FAILED: &str = "q0:Security 12 Login Failed";

/// A caller with a user and an API client, both `shop` with the password `open sesame`, and the user
/// `digest` with the same password.
pub(crate) async fn a_known_caller() -> Story {
    let caller = a_caller().await;
    let accounts = &caller.stack.cloud.accounts;
    for login in [Login::User, Login::Client] {
        accounts
            .put_login(login, "shop", "open sesame", &caller.known_as())
            .await
            .expect("a login");
    }
    let stored = accounts
        .put_digest_user("digest", "open sesame", &caller.known_as())
        .await;
    assert_eq!(stored.expect("a user"), DigestUserStored::Stored);
    caller
}

/// Asks for the version, with this in the header.
fn envelope(header: &str) -> Vec<u8> {
    format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>{header}</s:Header><s:Body><VersionInfoRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/></s:Body></s:Envelope>"#
    )
    .into_bytes()
}

pub(crate) async fn says(caller: &Story, header: &str) -> Answer {
    caller.posts(envelope(header), BTreeMap::new()).await
}

#[track_caller]
pub(crate) fn is_let_in(answer: &Answer, header: &str) {
    assert_eq!(answer.payload().name, "VersionInfoResponseMsg", "{header}");
}

pub(crate) fn is_refused(answer: &Answer, header: &str) {
    assert_eq!(answer.http_status, 500, "{header}");
    assert_eq!(answer.said(), LOGIN_FAILED, "{header}");
}

pub(crate) fn username_token(inside: &str) -> String {
    format!(
        r#"<w:Security xmlns:w="{SECURITY}"><w:UsernameToken>{inside}</w:UsernameToken></w:Security>"#
    )
}

pub(crate) fn text(user: &str, password: &str) -> String {
    username_token(&format!(
        "<w:Username>{user}</w:Username><w:Password>{password}</w:Password>"
    ))
}

#[tokio::test(start_paused = true)]
async fn tokens_come_in_each_shape() {
    let caller = a_known_caller().await;
    let token = caller.token().to_owned();
    let dummy = text("*", "*");
    for good in [
        format!(r#"<fueloauth xmlns="http://exacttarget.com">{token}</fueloauth>"#),
        format!(r#"<o:fueloauth xmlns:o="http://exacttarget.com">{token}</o:fueloauth>"#),
        format!(r#"<fueloauth xmlns="">{token}</fueloauth>"#),
        format!("<fueloauth><![CDATA[{token}]]></fueloauth>"),
        format!(
            r#"{dummy}<oAuth xmlns="http://exacttarget.com"><oAuthToken xmlns="">{token}</oAuthToken></oAuth>"#
        ),
        format!(
            r#"<oAuth xmlns="http://exacttarget.com"><oAuthToken>{token}</oAuthToken></oAuth>{dummy}"#
        ),
    ] {
        is_let_in(&says(&caller, &good).await, &good);
    }
    for bad in [
        String::new(),
        dummy,
        "<fueloauth/>".to_owned(),
        "<fueloauth>another</fueloauth>".to_owned(),
        format!(r#"<x:fueloauth xmlns:x="urn:other">{token}</x:fueloauth>"#),
        format!("<fueloauth>{}</fueloauth>", token.to_lowercase()),
    ] {
        is_refused(&says(&caller, &bad).await, &bad);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_login_names_its_reason_in_the_detail() {
    const NOTHING: &str = "The envelope holds no credentials. Its Header must have a wsse:Security with a UsernameToken, or a fueloauth with a token of /v2/token";
    const IN_HTTP: &str = "The envelope holds no credentials, and the HTTP header Authorization is not read here. Put the token into a fueloauth of the envelope's Header";
    const UNKNOWN: &str = "The token in fueloauth is not one of this service. Ask for one at /v2/token of the same address";
    const USER: &str = "There is no such user with such a password";
    let caller = a_known_caller().await;
    let bearer = format!("Bearer {}", caller.token());
    let unknown = "<fueloauth>nobody's</fueloauth>";
    for (header, authorization, why) in [
        ("", None, NOTHING),
        (&text("*", "*"), None, NOTHING),
        ("", Some(bearer.as_str()), IN_HTTP),
        ("", Some("Basic c2hvcDpvcGVuIHNlc2FtZQ=="), IN_HTTP),
        (unknown, None, UNKNOWN),
        // A good token in HTTP does not make up for a bad one in the envelope, which is read.
        (unknown, Some(bearer.as_str()), UNKNOWN),
        (&text("shop", "wrong"), None, USER),
        (&text("nobody", "open sesame"), None, USER),
    ] {
        let headers = authorization.map(|value| ("authorization".to_owned(), value.to_owned()));
        let headers = headers.into_iter().collect();
        let answer = caller.posts(envelope(header), headers).await;
        is_refused(&answer, header);
        let message = answer.payload().at("detail.apifault.Message");
        assert_eq!(message, why, "{header} {authorization:?}");
        assert!(!answer.body.contains(caller.token()), "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn passwords_come_in_each_shape() {
    let caller = a_known_caller().await;
    let user = "<w:Username>shop</w:Username>";
    for good in [
        text("shop", "open sesame"),
        text("shop", "<![CDATA[open sesame]]>"),
        text("\n shop\n", "\n<![CDATA[open]]> sesame\n"),
        username_token(&format!(
            r#"{user}<w:Password Type="{PROFILE}#PasswordText">open sesame</w:Password>"#
        )),
        username_token(&format!(
            r#"{user}<w:Password Type="">open sesame</w:Password><w:Nonce>AAEC</w:Nonce>"#
        )),
        text("digest", "open sesame"),
    ] {
        for _ in 0..2 {
            is_let_in(&says(&caller, &good).await, &good);
        }
    }
    for bad in [
        text("shop", "Open Sesame"),
        text("shop", ""),
        text("Shop", "open sesame"),
        text("nobody", "open sesame"),
        text("digest", "wrong"),
        text("digest", ""),
        text("*", "*"),
        username_token(user),
        username_token(""),
    ] {
        is_refused(&says(&caller, &bad).await, &bad);
    }
    let odd = username_token(&format!(
        r#"{user}<w:Password Type="urn:kerberos">open sesame</w:Password>"#
    ));
    let odd = says(&caller, &odd).await.said();
    assert_eq!(
        odd,
        "q0:Security Password Type 'urn:kerberos' is not supported"
    );
}

/// DynamoDB's writes, and whatever else leaves something behind.
pub(crate) fn writes(used: &Counts) -> f64 {
    let operations = used.operations();
    let writing = operations.filter(|(_, operation, _)| {
        !matches!(*operation, "GetItem" | "BatchGetItem" | "Query" | "Decrypt")
    });
    writing.map(|(_, _, used)| used.requests).sum()
}

#[tokio::test(start_paused = true)]
async fn strangers_cost_an_invocation_and_a_look_and_no_write() {
    let mut caller = a_known_caller().await;
    // Where calls are counted, too.
    caller.is_limited_to(5).await;
    for (header, reads) in [
        (String::new(), 0.0),
        ("<fueloauth>another</fueloauth>".to_owned(), 1.0),
        (text("nobody", "x"), 1.0),
        (text("shop", "x"), 1.0),
        (text("*", "*"), 0.0),
        (digest("nobody", "x", b"n", BEGINNING), 1.0),
        (digest("shop", "open sesame", b"n", BEGINNING), 1.0),
        (digest("digest", "x", b"n", BEGINNING), 1.0),
        (digest("digest", "x", b"n", "2026-03-02T08:00:00Z"), 0.0),
        ("<no".to_owned(), 0.0),
    ] {
        for _ in 0..3 {
            let mark = caller.local().usage().counts();
            assert_eq!(says(&caller, &header).await.http_status, 500);
            let used = caller.local().usage().since(&mark);
            assert_eq!(writes(&used), 0.0, "{header}\n{used}");
            let looks = used.used(Service::DynamoDb, "GetItem").requests;
            assert!(looks <= reads, "{header}\n{used}");
            assert_eq!(used.http_requests, 1.0);
        }
    }
    for path in ["/v2/token", "/v1/requestToken"] {
        let mark = caller.local().usage().counts();
        let wrong = json!({ "grant_type": "client_credentials", "client_id": "shop", "client_secret": "x", "clientId": "shop", "clientSecret": "x" });
        assert_eq!(post(&caller, path, &wrong.to_string()).await.status, 401);
        let used = caller.local().usage().since(&mark);
        assert_eq!(
            (writes(&used), used.used_of(Service::DynamoDb).requests),
            (0.0, 1.0)
        );
    }
}

// Tokens --------------------------------------------------------------------------------------------
