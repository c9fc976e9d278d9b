//! Who may call: every shape that credentials come in, and what is said to those who may not.

use std::collections::BTreeMap;

use aws_smithy_types::retry::RetryConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloud::accounts::Login;
use ingest::{Request, Response};
use journeys::story::BEGINNING;
use journeys::{Answer, Story, a_caller, minutes, seconds};
use local::{Counts, Service};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const LOGIN_FAILED: &str = "q0:Security 12 Login Failed";

/// A caller with a user and an API client, both `shop` with the password `open sesame`, and the user
/// `digest` with the same password.
async fn a_known_caller() -> Story {
    let caller = a_caller().await;
    let accounts = &caller.stack.cloud.accounts;
    for login in [Login::User, Login::Client] {
        accounts
            .put_login(login, "shop", "open sesame", &caller.known_as())
            .await
            .expect("a login");
    }
    let is_made = accounts
        .put_digest_user("digest", "open sesame", &caller.known_as())
        .await;
    assert!(is_made.expect("a user"));
    caller
}

/// Asks for the version, with this in the header.
fn envelope(header: &str) -> Vec<u8> {
    format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>{header}</s:Header><s:Body><VersionInfoRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/></s:Body></s:Envelope>"#
    )
    .into_bytes()
}

async fn says(caller: &Story, header: &str) -> Answer {
    caller.posts(envelope(header), BTreeMap::new()).await
}

#[track_caller]
fn is_let_in(answer: &Answer, header: &str) {
    assert_eq!(answer.payload().name, "VersionInfoResponseMsg", "{header}");
}

fn is_refused(answer: &Answer, header: &str) {
    assert_eq!(answer.http_status, 500, "{header}");
    assert_eq!(answer.said(), LOGIN_FAILED, "{header}");
}

fn username_token(inside: &str) -> String {
    format!(
        r#"<w:Security xmlns:w="{SECURITY}"><w:UsernameToken>{inside}</w:UsernameToken></w:Security>"#
    )
}

fn text(user: &str, password: &str) -> String {
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

/// A UsernameToken with PasswordDigest, made from that password.
fn digest(user: &str, password: &str, nonce: &[u8], created: &str) -> String {
    let mut hasher = Sha1::new();
    hasher.update(nonce);
    hasher.update(created);
    hasher.update(password);
    let digest = STANDARD.encode(hasher.finalize());
    let nonce = STANDARD.encode(nonce);
    username_token(&format!(
        r#"<w:Username>{user}</w:Username><w:Password Type="{PROFILE}#PasswordDigest">{digest}</w:Password><w:Nonce>{nonce}</w:Nonce><u:Created xmlns:u="urn:u">{created}</u:Created>"#
    ))
}

fn good_digest(nonce: &[u8]) -> String {
    digest("digest", "open sesame", nonce, BEGINNING)
}

#[tokio::test(start_paused = true)]
async fn s07_a_digest_lets_in_once() {
    let caller = a_known_caller().await;
    let good = good_digest(b"first");
    is_let_in(&says(&caller, &good).await, &good);
    is_refused(&says(&caller, &good).await, "sent again");
    is_refused(
        &says(&caller.at_another_function(), &good).await,
        "sent again to another function",
    );
    let another = good_digest(b"second");
    is_let_in(&says(&caller, &another).await, &another);
    // The nonce again, in a digest of its own: it was used, whatever it is made into.
    let respelt = digest("digest", "open sesame", b"second", "2026-03-02T09:00:01Z");
    is_refused(&says(&caller, &respelt).await, &respelt);
    caller.local().clock().advance(minutes(11));
    let late = digest("digest", "open sesame", b"second", "2026-03-02T09:11:00Z");
    is_let_in(&says(&caller, &late).await, "long enough ago");
}

#[tokio::test(start_paused = true)]
async fn s07_a_digest_that_proves_nothing_is_refused_and_writes_nothing() {
    let caller = a_known_caller().await;
    let without = |element: &str| {
        let whole = good_digest(b"n");
        let (before, rest) = whole
            .split_once(&format!("<{element}"))
            .expect("it is there");
        let (_, after) = rest.split_once(&format!("</{element}>")).expect("it ends");
        format!("{before}{after}")
    };
    let at = |created: &str| digest("digest", "open sesame", b"n", created);
    let mark = caller.local().usage().counts();
    for bad in [
        digest("digest", "wrong", b"n", BEGINNING),
        digest("digest", "", b"n", BEGINNING),
        digest("nobody", "open sesame", b"n", BEGINNING),
        // Whose password is a hash has no digest, even if it is the right one.
        digest("shop", "open sesame", b"n", BEGINNING),
        digest("digest", "open sesame", b"", BEGINNING),
        digest("digest", "open sesame", &[7; 200], BEGINNING),
        without("w:Nonce"),
        without("u:Created"),
        at("2026-03-02T08:54:59Z"),
        at("2026-03-02T09:05:01Z"),
        at("yesterday"),
        at("2026-03-02T03:00:00"),
        good_digest(b"n").replace("</w:Password>", "AAAA</w:Password>"),
        good_digest(b"n").replace("<w:Nonce>", "<w:Nonce>%"),
    ] {
        is_refused(&says(&caller, &bad).await, &bad);
    }
    let used = caller.local().usage().since(&mark);
    assert_eq!(writes(&used), 0.0, "{used}");
    assert_eq!(used.used(Service::Kms, "Decrypt").requests, 1.0);
    for good in [
        digest("digest", "open sesame", b"a", "2026-03-02T08:55:00Z"),
        digest("digest", "open sesame", b"b", "2026-03-02T09:05:00Z"),
        digest("digest", "open sesame", b"c", "2026-03-02T04:00:00-05:00"),
        digest("digest", "open sesame", b"d", "2026-03-02T09:00:00"),
    ] {
        is_let_in(&says(&caller, &good).await, &good);
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_is_opened_once_in_some_minutes_and_a_new_one_at_once() {
    let caller = a_known_caller().await;
    let opened = || {
        caller
            .local()
            .usage()
            .counts()
            .used(Service::Kms, "Decrypt")
    };
    assert_eq!(opened().requests, 0.0, "no key is asked for before it must");
    for nonce in 0..10 {
        let good = good_digest(&[nonce]);
        is_let_in(&says(&caller, &good).await, &good);
    }
    assert_eq!(opened().requests, 1.0);
    let is_made = caller
        .stack
        .cloud
        .accounts
        .put_digest_user("digest", "changed", &caller.known_as())
        .await;
    assert!(is_made.expect("a user"));
    let changed = digest("digest", "changed", b"changed", BEGINNING);
    is_let_in(&says(&caller, &changed).await, &changed);
    is_refused(&says(&caller, &good_digest(b"old")).await, "the old one");
    assert_eq!(opened().requests, 2.0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_no_second_use_of_a_nonce() {
    let caller = a_known_caller().await;
    caller.local().faults().once(
        |aws_request| aws_request.operation == "PutItem",
        local::InjectedFault::LoseAnswer,
    );
    let good = good_digest(b"n");
    is_let_in(&says(&caller, &good).await, &good);
    is_refused(&says(&caller, &good).await, "sent again");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_out_of_reach_is_no_failed_login() {
    let caller = a_known_caller().await;
    caller.local().faults().by(|_, aws_request| {
        (aws_request.service == Service::Kms).then_some(local::InjectedFault::LoseRequest)
    });
    let refused = says(&caller, &good_digest(b"n")).await;
    assert_eq!(refused.http_status, 500);
    assert!(
        refused
            .said()
            .starts_with("soap:Server 1 The request could not be taken in"),
        "{}",
        refused.said()
    );
    let other = text("shop", "open sesame");
    is_let_in(&says(&caller, &other).await, "whose password is a hash");
    caller.local().faults().clear();
    let good = good_digest(b"n");
    is_let_in(&says(&caller, &good).await, "the nonce was not used up");
}

#[tokio::test(start_paused = true)]
async fn a_set_without_a_key_lets_no_digest_in_and_makes_no_such_user() {
    let mut caller = a_known_caller().await;
    let settings = cloud::Settings {
        password_key: None,
        ..caller.stack.cloud.settings.clone()
    };
    let local = caller.local().clone();
    caller.stack = local::Stack::with_settings(
        local.clone(),
        settings,
        local.http_connector(),
        caller.stack.cloud.random.clone(),
        RetryConfig::standard(),
    );
    is_refused(&says(&caller, &good_digest(b"n")).await, "a digest");
    is_refused(
        &says(&caller, &text("digest", "open sesame")).await,
        "the text",
    );
    let other = text("shop", "open sesame");
    is_let_in(&says(&caller, &other).await, "whose password is a hash");
    let accounts = &caller.stack.cloud.accounts;
    let is_made = accounts
        .put_digest_user("new", "x", &caller.known_as())
        .await;
    assert!(!is_made.expect("it is said"));
}

#[tokio::test(start_paused = true)]
async fn encrypted_passwords_are_stored_nowhere_in_plain_text() {
    let caller = a_known_caller().await;
    let records = journeys::record::accounts_table(caller.local());
    let of = |name: &str| {
        let found = records
            .iter()
            .find(|record| record.text("name") == name && record.kind() == "USER");
        found.expect("a user").clone()
    };
    let hash = of("shop").text("secret_hash").to_owned();
    assert_eq!(hash.len(), 64, "SHA-256: {hash}");
    assert_eq!(of("digest").text("secret_hash"), "");
    for record in &records {
        let shown = format!("{record:?}");
        assert!(!shown.contains("sesame"), "{shown}");
        assert!(!shown.contains(&STANDARD.encode("open sesame")), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_password_of_another_user_is_refused() {
    let caller = a_known_caller().await;
    let is_made = caller
        .stack
        .cloud
        .accounts
        .put_digest_user("other", "unknown", &caller.known_as())
        .await;
    assert!(is_made.expect("a user"));
    let records = journeys::record::accounts_table(caller.local());
    let of = |name: &str| {
        let found = records.iter().find(|record| record.text("name") == name);
        found.expect("a user").json().clone()
    };
    let mut moved = of("other");
    moved["sealed_password"] = of("digest")["sealed_password"].clone();
    journeys::record::put_account_record(caller.local(), &moved);
    for header in [
        digest("other", "open sesame", b"n", BEGINNING),
        text("other", "open sesame"),
    ] {
        let refused = says(&caller, &header).await;
        assert_eq!(refused.http_status, 500);
        assert!(
            refused.said().starts_with("soap:Server 1 "),
            "{}",
            refused.said()
        );
    }
}

/// DynamoDB's writes, and whatever else leaves something behind.
fn writes(used: &Counts) -> f64 {
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

async fn post(caller: &Story, path: &str, body: &str) -> Response {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    };
    caller.asks(request).await
}

#[track_caller]
fn json_of(response: &Response) -> Value {
    let is_json = response
        .headers
        .contains(&("content-type", "application/json".to_owned()));
    assert!(is_json, "{response:?}");
    serde_json::from_str(&response.body).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn a_token_is_got_by_json_or_form_and_used_until_it_expires() {
    let caller = a_known_caller().await;
    let as_json = json!({
        "grant_type": "client_credentials", "client_id": "shop", "client_secret": "open sesame",
        "account_id": 1001, "scope": "email_read",
    });
    let form = "grant_type=client_credentials&client_id=shop&client_secret=open+sesame";
    for (path, body) in [
        ("/v2/token", as_json.to_string()),
        ("/V2/Token/", as_json.to_string()),
        ("/prefix/v2/token", form.to_owned()),
        ("/v2/token", form.to_owned()),
    ] {
        let answer = post(&caller, path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let no_store = ("cache-control", "no-store".to_owned());
        assert!(answer.headers.contains(&no_store));
        let answer = json_of(&answer);
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 1_079);
        assert_eq!(
            answer["soap_instance_url"],
            "https://aftercall.example.net/"
        );
        assert_eq!(
            answer["rest_instance_url"],
            "https://aftercall.example.net/"
        );
        let token = answer["access_token"].as_str().expect("a token");
        assert!(token.len() <= 512);
        let header = format!("<fueloauth>{token}</fueloauth>");
        is_let_in(&says(&caller, &header).await, &header);
    }
    let answer = json_of(&post(&caller, "/v2/token", form).await);
    let header = format!(
        "<fueloauth>{}</fueloauth>",
        answer["access_token"].as_str().expect("a token")
    );
    caller.local().clock().advance(seconds(1_079));
    is_let_in(&says(&caller, &header).await, "its last second");
    caller.local().clock().advance(seconds(1));
    let expired = says(&caller, &header).await;
    assert_eq!(expired.http_status, 500);
    assert_eq!(expired.said(), "q0:Security Token Expired");
    let elsewhere = says(&caller.at_another_function(), &header).await;
    assert_eq!(elsewhere.said(), "q0:Security Token Expired");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_request_has_the_originals_words() {
    let caller = a_known_caller().await;
    let ask = |field: &str, value: &str| {
        let mut body = json!({
            "grant_type": "client_credentials", "client_id": "shop", "client_secret": "open sesame",
        });
        body[field] = value.into();
        body.to_string()
    };
    let invalid_client = "Client authentication failed. Make sure that the client ID and client \
                          secret are valid and that the package is installed and enabled.";
    for (body, status, error, description) in [
        (
            ask("client_secret", "x"),
            401,
            "invalid_client",
            invalid_client,
        ),
        (ask("client_id", "x"), 401, "invalid_client", invalid_client),
        (
            ask("grant_type", "password"),
            400,
            "unsupported_grant_type",
            "grant_type must be client_credentials, not password",
        ),
        (
            "{}".to_owned(),
            400,
            "invalid_request",
            "grant_type is missing",
        ),
        (
            String::new(),
            400,
            "invalid_request",
            "grant_type is missing",
        ),
        (
            r#"{"grant_type":"client_credentials"}"#.to_owned(),
            400,
            "invalid_request",
            "client_id and client_secret are needed",
        ),
    ] {
        let answer = post(&caller, "/v2/token", &body).await;
        assert_eq!(answer.status, status, "{body}");
        let expected = json!({
            "error": error,
            "error_description": description,
            "error_uri": "https://aftercall.example.net/errors",
        });
        assert_eq!(json_of(&answer), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn legacy_clients_get_their_token_and_their_endpoint() {
    let caller = a_known_caller().await;
    let right = json!({ "clientId": "shop", "clientSecret": "open sesame" }).to_string();
    let plain = json_of(&post(&caller, "/v1/requestToken", &right).await);
    assert_eq!(plain["expiresIn"], 1_079);
    assert!(plain.get("legacyToken").is_none());
    let legacy = json_of(&post(&caller, "/v1/requestToken?legacy=1", &right).await);
    let token = legacy["legacyToken"].as_str().expect("a token");
    let header = format!(
        r#"{}<oAuth xmlns="http://exacttarget.com"><oAuthToken xmlns="">{token}</oAuthToken></oAuth>"#,
        text("*", "*")
    );
    is_let_in(&says(&caller, &header).await, &header);
    for (body, status, message) in [
        (
            json!({ "clientId": "shop", "clientSecret": "x" }),
            401,
            "Unauthorized",
        ),
        (json!({}), 400, "clientId and clientSecret are needed"),
    ] {
        let answer = post(&caller, "/v1/requestToken", &body.to_string()).await;
        assert_eq!(answer.status, status);
        let expected = json!({ "message": message, "errorcode": 1, "documentation": "" });
        assert_eq!(json_of(&answer), expected);
    }
    let token = plain["accessToken"].as_str().expect("a token");
    let endpoint = |bearer: Option<String>| {
        let headers = bearer.map(|bearer| ("authorization".to_owned(), bearer));
        Request {
            method: "GET".to_owned(),
            path: "/platform/v1/endpoints/soap".to_owned(),
            headers: headers.into_iter().collect(),
            ..Request::default()
        }
    };
    let found = caller.asks(endpoint(Some(format!("Bearer {token}")))).await;
    assert_eq!(
        json_of(&found),
        json!({ "url": "https://aftercall.example.net/Service.asmx" })
    );
    for bad in [
        None,
        Some("Bearer x".to_owned()),
        Some(format!("Basic {token}")),
        Some(token.to_owned()),
    ] {
        let refused = caller.asks(endpoint(bad)).await;
        assert_eq!(refused.status, 401);
        let expected = json!({ "documentation": "", "errorcode": 0, "message": "Not Authorized" });
        assert_eq!(json_of(&refused), expected);
    }
}
