//! Requests in flight to a backend are bounded over all functions, and tokens are shared by them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloud::accounts::backends::{BackendLogin, BackendSettings};
use journeys::backend::{Does, backend_name, settings};
use journeys::{Story, a_caller, minutes, seconds};
use local::{CallbackAnswer, CapturedCallback};

use super::one;

async fn takes(caller: &Story, at_most: u32) -> Option<cloud::backend_slots::BackendSlot> {
    let cloud = caller.cloud();
    let ends = caller.now() + seconds(30);
    let taken = cloud
        .take_backend_slot(&backend_name(), at_most, ends)
        .await;
    taken.expect("the table answers")
}

async fn gives_back(caller: &Story) {
    let given = caller.cloud().give_back_slots(&backend_name()).await;
    given.expect("the table answers");
}

#[tokio::test(start_paused = true)]
async fn slots_are_bounded_over_all_functions_and_held_while_a_request_is_in_flight() {
    let one = a_caller().await;
    let other = one.at_another_function();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(takes(&one, 3).await.expect("a slot"));
    }
    let third = takes(&other, 3).await.expect("a slot");
    assert!(takes(&other, 3).await.is_none() && takes(&one, 3).await.is_none());
    drop(third);
    gives_back(&other).await;
    held.push(takes(&one, 3).await.expect("what the other gave back"));
    assert!(takes(&other, 3).await.is_none());
    held.clear();
    gives_back(&one).await;
    for _ in 0..3 {
        held.push(takes(&other, 3).await.expect("a slot"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_slots_of_a_function_that_died_come_back_by_themselves() {
    let dead = a_caller().await;
    let other = dead.at_another_function();
    let held = takes(&dead, 1).await.expect("a slot");
    assert!(takes(&other, 1).await.is_none());
    other.local().clock().advance(seconds(91));
    assert!(takes(&other, 1).await.is_some());
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_at_a_backend_than_it_takes() {
    let mut caller = a_caller().await;
    let settings = BackendSettings {
        concurrency: Some(2),
        ..settings()
    };
    let backend = caller.forwards_as(&settings).await;
    backend.does(Does::WellAfter(Duration::from_millis(300)));
    for number in 0..10 {
        caller.queues(one(&format!("k{number}"))).await;
    }
    caller.settles().await;
    caller.passes(minutes(5)).await;
    let log = backend.log();
    assert_eq!(log.len(), 10);
    for received in &log {
        let within = log.iter().filter(|it| {
            it.at <= received.at && received.at.duration_since(it.at) < Duration::from_millis(300)
        });
        assert!(within.count() <= 2, "{log:?}");
    }
    assert!(caller.due().is_empty());
}

const TOKENS: &str = "https://auth.example.com/v2/token";

/// A caller whose backend wants tokens, and how many were requested for.
async fn with_tokens() -> (Story, journeys::backend::Backend, Arc<Mutex<u32>>) {
    let mut caller = a_caller().await;
    let login = BackendLogin::Client {
        id: "client".to_owned(),
        token_url: TOKENS.to_owned(),
        account_id: None,
    };
    let settings = BackendSettings {
        login,
        ..settings()
    };
    let backend = caller.forwards_as(&settings).await;
    let requested = Arc::new(Mutex::new(0_u32));
    let counted = Arc::clone(&requested);
    let answering = backend.clone();
    let answer = move |request: &CapturedCallback| {
        if request.url != TOKENS {
            return answering.answers(request);
        }
        let mut requested = counted.lock().expect("nobody panicked");
        *requested += 1;
        let body = format!(r#"{{"access_token":"token-{requested}","expires_in":1080}}"#);
        let answer = CallbackAnswer::status(200).with_body(&body);
        Some(answer.late_by(Duration::from_millis(400)))
    };
    caller.local().callbacks().answer_by(answer);
    (caller, backend, requested)
}

fn count(requested: &Mutex<u32>) -> u32 {
    *requested.lock().expect("nobody panicked")
}

#[tokio::test(start_paused = true)]
async fn one_token_is_fetched_for_all_functions_and_renewed_before_it_ends() {
    let (mut caller, backend, requested) = with_tokens().await;
    caller.queues(one("a")).await;
    caller.settles().await;
    let mut other = caller.at_another_function();
    other.queues(one("b")).await;
    other.settles().await;
    assert_eq!(count(&requested), 1, "the other one has it from the table");
    assert!(backend.log()[1].body.contains("token-1"));
    caller.passes(minutes(17)).await;
    caller.queues(one("c")).await;
    caller.settles().await;
    assert_eq!(count(&requested), 2, "a minute before it ends");
    assert!(backend.log()[2].body.contains("token-2"));
    let stored = caller.records();
    assert!(!stored.is_empty());
    for record in stored {
        assert!(
            !format!("{record:?}").contains("token-2"),
            "it is encrypted"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_expired_is_renewed_once_for_all() {
    let (mut caller, backend, requested) = with_tokens().await;
    caller.queues(one("a")).await;
    caller.settles().await;
    let mut other = caller.at_another_function();
    other.queues(one("b")).await;
    other.settles().await;
    backend.does_next(&[Does::TokenExpired, Does::Well, Does::TokenExpired]);
    caller.queues(one("c")).await;
    caller.settles().await;
    other.queues(one("d")).await;
    other.settles().await;
    assert_eq!(count(&requested), 2, "the other one takes the new one");
    assert_eq!(backend.keys(), ["a", "b", "c", "c", "d", "d"]);
}

/// Two functions that pass calls on at the same instant, each of which needs a token.
async fn both_pass(one_function: &mut Story, other: &mut Story, key: &str) {
    let (first, second) = (format!("{key}1"), format!("{key}2"));
    let (first, second) = tokio::join!(
        one_function.sends(one(&first).at_once()),
        other.sends(one(&second).at_once())
    );
    assert_eq!(
        (first.overall_status(), second.overall_status()),
        ("OK", "OK")
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_functions_that_need_a_token_at_the_same_instant_one_fetches_it() {
    let (mut caller, backend, requested) = with_tokens().await;
    let mut other = caller.at_another_function();
    both_pass(&mut caller, &mut other, "new").await;
    assert_eq!(count(&requested), 1);
    // Two minutes before it ends one renews it, and the other goes on with the old one meanwhile.
    caller.passes(seconds(16 * 60 + 30)).await;
    both_pass(&mut caller, &mut other, "renewed").await;
    assert_eq!(count(&requested), 2);
    backend.does_next(&[Does::TokenExpired, Does::TokenExpired]);
    both_pass(&mut caller, &mut other, "expired").await;
    assert_eq!(count(&requested), 3, "it was refused to both");
}
