//! Backends that are logged in to as a secret of Secrets Manager says, whose owner rotates it there; and
//! the backend that a deployment names, for which nobody gives a command.

use std::sync::{Arc, Mutex};

use cloud::accounts::backends::DeployedBackend;
use journeys::backend::{BACKEND_SECRET, Backend, Does, backend_name, settings_by_secret};
use journeys::{Story, a_caller, hours, minutes, seconds};
use local::{AwsRequest, CallbackAnswer, CapturedCallback, InjectedFault, Service};

use super::one;

const FIRST: &str = r#"{"username":"u","password":"first-s3cret"}"#;
const SECOND: &str = r#"{"username":"u","password":"second-s3cret"}"#;

fn reads(caller: &Story) -> f64 {
    let used = caller.local().usage().counts();
    used.used(Service::SecretsManager, "GetSecretValue")
        .requests
}

async fn by_secret() -> (Story, Backend) {
    let mut caller = a_caller().await;
    let backend = caller.forwards_by_secret(FIRST, None).await;
    backend.lets_in("first-s3cret");
    (caller, backend)
}

#[tokio::test(start_paused = true)]
async fn a_backend_is_logged_in_to_as_its_secret_says() {
    let (mut caller, backend) = by_secret().await;
    let sent = caller.queues(one("a")).await;
    caller.settles().await;
    assert_eq!(caller.outcome(&sent).await, "OK");
    assert_eq!(backend.keys(), ["a"]);
    for record in caller.records() {
        assert!(!format!("{record:?}").contains("s3cret"), "{record:?}");
    }
    // Others in the same ten minutes are not asked for it.
    for number in 0..5 {
        caller.passes(minutes(1)).await;
        caller.queues(one(&format!("k{number}"))).await;
        caller.settles().await;
    }
    assert_eq!(reads(&caller), 1.0);
    assert_eq!(backend.log().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_rotated_is_read_again_when_the_backend_refuses_the_old_one() {
    let (mut caller, backend) = by_secret().await;
    caller.queues(one("a")).await;
    caller.settles().await;
    caller.passes(minutes(2)).await;
    caller.local().secrets().put(BACKEND_SECRET, SECOND);
    backend.lets_in("second-s3cret");
    let queued = caller.queues(one("b")).await;
    caller.settles().await;
    assert_eq!(caller.outcome(&queued).await, "OK", "it did not wait");
    assert_eq!(reads(&caller), 2.0);
    let passwords: Vec<bool> = backend
        .log()
        .iter()
        .map(|it| it.body.contains("second-s3cret"))
        .collect();
    assert_eq!(passwords, [false, false, true]);
    let passed = caller.sends(one("c").at_once()).await;
    assert_eq!(passed.overall_status(), "OK");
    assert_eq!(reads(&caller), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_wrong_is_read_again_at_most_every_ten_seconds() {
    let (mut caller, backend) = by_secret().await;
    caller.queues(one("a")).await;
    caller.settles().await;
    backend.lets_in("another");
    caller.passes(seconds(11)).await;
    for _ in 0..20 {
        let answer = caller.sends(one("b").at_once()).await;
        assert_eq!(answer.http_status, 500);
    }
    assert_eq!(reads(&caller), 2.0);
    let waiting = caller.queues(one("c")).await;
    caller.passes(minutes(5)).await;
    assert_eq!(caller.state(&waiting).await, "Queued");
    caller.local().secrets().put(BACKEND_SECRET, SECOND);
    backend.lets_in("second-s3cret");
    caller.passes(minutes(3)).await;
    assert_eq!(caller.outcome(&waiting).await, "OK");
}

#[tokio::test(start_paused = true)]
async fn calls_wait_while_a_secret_cannot_be_read() {
    for is_readable in [false, true] {
        let mut caller = a_caller().await;
        let backend = caller.forwards_by_secret("no login", None).await;
        if !is_readable {
            let asked = |aws_request: &AwsRequest| aws_request.service == Service::SecretsManager;
            caller
                .local()
                .faults()
                .by(move |_, aws_request| asked(aws_request).then_some(InjectedFault::Refuse(500)));
        }
        let sent = caller.queues(one("a")).await;
        caller.passes(hours(1)).await;
        assert!(backend.log().is_empty());
        assert_eq!(caller.state(&sent).await, "Queued");
        for queue in local::names::QUEUES {
            assert!(caller.local().sqs().dead_letters(queue).is_empty());
        }
        caller.local().faults().clear();
        caller.local().secrets().put(BACKEND_SECRET, FIRST);
        caller.passes(minutes(20)).await;
        assert_eq!(caller.outcome(&sent).await, "OK");
        assert_eq!(backend.keys(), ["a"]);
    }
}

const TOKENS: &str = "https://auth.example.com/v2/token";

/// Token requests that were let in, and all that there were.
#[derive(Clone, Copy, Default)]
struct Asked {
    good: u32,
    all: u32,
}

/// Lets in whoever has that secret, and gives out tokens that are good for so long.
fn gives_tokens(caller: &Story, backend: &Backend, secret: &str, asked: &Arc<Mutex<Asked>>) {
    let (answering, secret) = (backend.clone(), secret.to_owned());
    let asked = Arc::clone(asked);
    let answer = move |request: &CapturedCallback| {
        if request.url != TOKENS {
            return answering.answers(request);
        }
        let mut asked = asked.lock().expect("nobody panicked");
        asked.all += 1;
        if !request.body.contains(&secret) {
            return Some(CallbackAnswer::status(401).with_body(r#"{"error":"invalid_client"}"#));
        }
        asked.good += 1;
        let body = format!(
            r#"{{"access_token":"token-{}","expires_in":1080}}"#,
            asked.good
        );
        Some(CallbackAnswer::status(200).with_body(&body))
    };
    caller.local().callbacks().answer_by(answer);
}

#[tokio::test(start_paused = true)]
async fn an_api_client_whose_secret_was_rotated_gets_its_next_token_with_the_new_one() {
    let client = |secret: &str| {
        format!(r#"{{"client_id":"c","client_secret":"{secret}","account_id":"7001"}}"#)
    };
    let mut caller = a_caller().await;
    let secret = client("first-s3cret");
    let backend = caller.forwards_by_secret(&secret, Some(TOKENS)).await;
    let asked = Arc::default();
    gives_tokens(&caller, &backend, "first-s3cret", &asked);
    caller.queues(one("a")).await;
    caller.settles().await;
    caller
        .local()
        .secrets()
        .put(BACKEND_SECRET, &client("second-s3cret"));
    gives_tokens(&caller, &backend, "second-s3cret", &asked);
    // The token ends, and the secret in hand is read once more before another is fetched.
    backend.does_next(&[Does::TokenExpired]);
    caller.passes(minutes(1)).await;
    let sent = caller.queues(one("b")).await;
    caller.settles().await;
    assert_eq!(caller.outcome(&sent).await, "OK");
    let seen = *asked.lock().expect("nobody panicked");
    assert_eq!((seen.good, seen.all), (2, 3));
    assert!(backend.log()[2].body.contains("token-2"));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_names_its_backend_needs_no_command() {
    let mut caller = a_caller().await;
    let backend = caller.answers_as_backend();
    backend.lets_in("first-s3cret");
    caller.local().secrets().put(BACKEND_SECRET, FIRST);
    let mut settings = settings_by_secret(None);
    let deployed = |settings: &cloud::accounts::backends::BackendSettings| DeployedBackend {
        name: backend_name(),
        settings: settings.clone(),
    };
    caller.is_deployed_with(&deployed(&settings));
    // Calls that come before the first minute wait for it.
    let first = caller.queues(one("a")).await;
    caller.settles().await;
    assert!(backend.log().is_empty());
    caller.passes(minutes(3)).await;
    assert_eq!(caller.outcome(&first).await, "OK");
    assert!(caller.stored().is_empty(), "nothing is built in about it");
    // What the next deployment says holds from then on.
    settings.clients = vec![calls::AccountId("7009".to_owned())];
    caller.is_deployed_with(&deployed(&settings));
    caller.passes(minutes(1)).await;
    let name = backend_name();
    let kept = caller.cloud().accounts.backend_settings(&name);
    assert_eq!(kept.await.expect("the table answers"), Some(settings));
    let named = one("b").with("Client", "<ID>7009</ID>".to_owned());
    assert!(caller.sends(named).await.is_queued());
    // An account may have the built-in objects all the same.
    caller.has_backend(None).await;
    caller.queues(one("ours")).await;
    caller.settles().await;
    assert_eq!(caller.stored(), ["ours"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_safe_at_a_backend_is_repeated_whoever_calls() {
    let mut caller = a_caller().await;
    let settings = cloud::accounts::backends::BackendSettings {
        safe_to_repeat: vec![calls::SafeToRepeat::parse("Create/Subscriber").expect("one")],
        ..journeys::backend::settings()
    };
    let backend = caller.forwards_as(&settings).await;
    backend.does_next(&[Does::Fault(2)]);
    let sent = caller.queues(one("a")).await;
    caller.passes(minutes(5)).await;
    assert_eq!(backend.keys(), ["a", "a"]);
    assert_eq!(caller.outcome(&sent).await, "OK");
}
