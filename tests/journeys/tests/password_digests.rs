//! PasswordDigest: a nonce is good once, and passwords are stored encrypted.

use aws_smithy_types::retry::RetryConfig;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloud::accounts::DigestUserStored;
use journeys::minutes;
use journeys::story::BEGINNING;
use local::Service;
use sha1::{Digest, Sha1};

use crate::callers::{
    PROFILE, a_known_caller, is_let_in, is_refused, says, text, username_token, writes,
};

/// A UsernameToken with PasswordDigest, made from that password.
pub(crate) fn digest(user: &str, password: &str, nonce: &[u8], created: &str) -> String {
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
    let stored = caller
        .stack
        .cloud
        .accounts
        .put_digest_user("digest", "changed", &caller.known_as())
        .await;
    assert_eq!(stored.expect("a user"), DigestUserStored::Stored);
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
    let stored = accounts
        .put_digest_user("new", "x", &caller.known_as())
        .await;
    assert_eq!(stored.expect("an answer"), DigestUserStored::NoKey);
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
    let stored = caller
        .stack
        .cloud
        .accounts
        .put_digest_user("other", "unknown", &caller.known_as())
        .await;
    assert_eq!(stored.expect("a user"), DigestUserStored::Stored);
    let records = journeys::record::accounts_table(caller.local());
    let of = |name: &str| {
        let found = records.iter().find(|record| record.text("name") == name);
        found.expect("a user").json().clone()
    };
    let mut moved = of("other");
    moved["encrypted_password"] = of("digest")["encrypted_password"].clone();
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
