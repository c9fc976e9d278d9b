//! Calls that are forwarded: they reach their backend once, wait for it while it is not ready, and are
//! never sent again when nobody knows what became of them. Counted by the backend's own log.

mod bounds;
mod moved_clock;
mod repeating;
mod secrets;
mod shared_limits;
mod unknown;
mod windows;

use journeys::backend::{BACKEND_PASSWORD, BACKEND_USER, Backend, Does, settings};
use journeys::story::ADDRESS;
use journeys::{Story, a_caller, call, hours, look_for, minutes, part, subscriber};
use local::faults::InjectedFault;

async fn a_forwarding_caller() -> (Story, Backend) {
    let mut caller = a_caller().await;
    let backend = caller.forwards().await;
    (caller, backend)
}

fn one(key: &str) -> journeys::Call {
    call().creating(subscriber(key))
}

/// Callbacks to the caller alone, without what its backend was sent.
fn replies(caller: &Story) -> Vec<String> {
    let callbacks = caller.callbacks();
    let to_caller = callbacks.iter().filter(|it| it.url == ADDRESS);
    let said = to_caller.map(|it| it.field("OverallStatusCode").unwrap_or("none").to_owned());
    said.collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_reaches_its_backend_once_as_the_operators_user_and_comes_back_whole() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let sent = caller
        .queues(one("ann").priority("High").calling_back(ADDRESS))
        .await;
    caller.settles().await;
    let log = backend.log();
    assert_eq!(log.len(), 1, "{log:?}");
    let received = &log[0];
    assert_eq!(received.action, "Create");
    assert!(received.body.contains(BACKEND_USER) && received.body.contains(BACKEND_PASSWORD));
    assert!(!received.body.contains(caller.token()));
    for cut in [
        "RequestType",
        "QueuePriority",
        "SendResponseTo",
        "ResponseAddress",
    ] {
        assert!(!received.body.contains(cut), "{cut} in {}", received.body);
    }
    assert_eq!(caller.outcome(&sent).await, "OK");
    assert_eq!(replies(&caller), ["OK"]);
    let look = look_for("ResultMessage")
        .of("ResultDetailXML")
        .by("RequestID", &sent);
    let detail = caller
        .retrieves(look)
        .await
        .lines("ResultDetailXML")
        .join("");
    for kept in [
        "<NewID>4711</NewID>",
        "<Unheard>of ann</Unheard>",
        "Said of ann",
    ] {
        assert!(detail.contains(kept), "{detail}");
    }
    assert!(caller.stored().is_empty(), "nothing is built in about it");
    caller.passes(hours(2)).await;
    assert_eq!(backend.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_backend_refuses_is_the_outcome() {
    let (mut caller, backend) = a_forwarding_caller().await;
    backend.does(Does::Badly);
    caller
        .queues(part("c", 1, 2).creating(subscriber("a")))
        .await;
    caller
        .queues(part("c", 2, 2).creating(subscriber("b")))
        .await;
    caller.settles().await;
    let outcomes = caller.outcomes("c").await;
    assert!(outcomes[0].starts_with("1 Error 12012"), "{outcomes:?}");
    assert_eq!(backend.keys(), ["a"], "the second part is not carried out");
}

#[tokio::test(start_paused = true)]
async fn calls_wait_while_the_backend_is_not_ready_and_go_on_in_their_order() {
    for not_ready in [
        Does::Down,
        Does::Fault(9),
        Does::Fault(10),
        Does::Fault(13),
        Does::Fault(17),
        Does::Fault(12),
        Does::TokenExpired,
        Does::LoginFailed,
        Does::Says(429, ""),
        Does::SaysLater(503, 600),
        Does::Says(404, "<html/>"),
    ] {
        let (mut caller, backend) = a_forwarding_caller().await;
        backend.does(not_ready);
        caller.queues(one("low").priority("Low")).await;
        caller.settles().await;
        let tried = backend.log().len();
        caller.queues(one("medium")).await;
        for number in [2, 1, 3] {
            let part = part("c", number, 3).priority("High");
            caller
                .queues(part.creating(subscriber(&format!("c{number}"))))
                .await;
        }
        caller.queues(one("high").priority("High")).await;
        caller.passes(hours(8)).await;
        assert_eq!(
            backend.log().len(),
            tried,
            "{not_ready:?}: the others wait unsent"
        );
        assert!(backend.probes() > 0 || not_ready == Does::Down);
        assert_eq!(caller.states("c").await, ["Queued", "Queued", "Queued"]);
        backend.does(Does::Well);
        caller.passes(minutes(20)).await;
        let keys: Vec<String> = backend.keys().split_off(tried);
        assert_eq!(keys.len(), 6, "{not_ready:?}: {keys:?}");
        let place = |key: &str| keys.iter().position(|it| it == key).expect("it arrived");
        assert!(place("c1") < place("c2") && place("c2") < place("c3"));
        assert!(place("c1") < place("medium") && place("high") < place("medium"));
        assert!(place("medium") < place("low"), "{keys:?}");
        caller.passes(hours(1)).await;
        assert!(caller.due().is_empty());
        for queue in local::names::QUEUES {
            assert!(caller.local().sqs().dead_letters(queue).is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_unknown_outcome_is_never_sent_again() {
    for unknown in [
        Does::AndHangs,
        Does::Says(200, "<html><body>Sorry</body></html>"),
        Does::Says(200, ""),
        Does::Says(502, ""),
        Does::Says(
            500,
            "<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'>",
        ),
        Does::Fault(2),
        Does::Fault(18003),
        Does::AnswersAnother,
    ] {
        let (mut caller, backend) = a_forwarding_caller().await;
        backend.does_next(&[unknown]);
        caller
            .queues(
                part("c", 1, 2)
                    .creating(subscriber("a"))
                    .calling_back(ADDRESS),
            )
            .await;
        caller
            .queues(part("c", 2, 2).creating(subscriber("b")))
            .await;
        caller.settles().await;
        caller.passes(hours(3)).await;
        assert_eq!(
            backend.keys(),
            ["a"],
            "{unknown:?}: sent once, and nothing behind it"
        );
        let outcomes = caller.outcomes("c").await;
        assert!(
            outcomes[0].starts_with("1 Error 298 Unknown."),
            "{outcomes:?}"
        );
        assert!(outcomes[1].starts_with("2 Error 213"), "{outcomes:?}");
        assert_eq!(replies(&caller), ["Error"]);
        caller.queues(one("later")).await;
        caller.settles().await;
        assert_eq!(backend.keys(), ["a", "later"], "one failure is no outage");
    }
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_of_a_successful_call_is_unknown() {
    let (mut caller, backend) = a_forwarding_caller().await;
    backend.does_next(&[Does::AndAnswersHalf]);
    let sent = caller.queues(one("a").and(subscriber("b"))).await;
    caller.passes(hours(1)).await;
    assert!(caller.outcome(&sent).await.starts_with("Error 298"));
    assert_eq!(backend.keys(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn many_failures_are_an_outage() {
    let (mut caller, backend) = a_forwarding_caller().await;
    backend.does(Does::Says(502, ""));
    for number in 0..9 {
        caller.queues(one(&format!("k{number}"))).await;
        caller.settles().await;
    }
    assert_eq!(backend.log().len(), 5, "the others wait");
    backend.does(Does::Well);
    caller.passes(minutes(5)).await;
    assert_eq!(backend.log().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn large_calls_are_sent_in_pieces_and_stop_at_the_unknown_one() {
    let mut caller = a_caller().await;
    let settings = cloud::accounts::backends::BackendSettings {
        objects_per_call: 2,
        ..settings()
    };
    let backend = caller.forwards_as(&settings).await;
    let five = |name: &str| {
        let first = one(&format!("{name}1"));
        let rest = 2..=5;
        rest.fold(first, |call, it| {
            call.and(subscriber(&format!("{name}{it}")))
        })
    };
    let good = caller.queues(five("a")).await;
    caller.settles().await;
    let sizes: Vec<usize> = backend.log().iter().map(|it| it.keys.len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
    let items = |id: &str| {
        look_for("ResultItem")
            .of("OrdinalID StatusCode")
            .by("RequestID", id)
    };
    let lines = caller
        .retrieves(items(&good))
        .await
        .lines("OrdinalID StatusCode");
    assert_eq!(lines, ["0 OK", "1 OK", "2 OK", "3 OK", "4 OK"]);
    backend.does_next(&[Does::Well, Does::Says(502, "")]);
    let bad = caller.queues(five("b")).await;
    caller.passes(hours(1)).await;
    assert_eq!(backend.keys().split_off(5), ["b1", "b2", "b3", "b4"]);
    let lines = caller
        .retrieves(items(&bad))
        .await
        .lines("OrdinalID StatusCode");
    assert_eq!(lines, ["0 OK", "1 OK", "2 Error", "3 Error", "4 Error"]);
    assert!(caller.outcome(&bad).await.starts_with("Has Errors 298"));
}

#[tokio::test(start_paused = true)]
async fn synchronous_requests_are_passed_through_and_our_own_answered_here() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let answer = caller.sends(one("now").at_once()).await;
    assert_eq!(answer.overall_status(), "OK");
    assert_eq!(answer.results()[0].at("NewID"), "4711");
    assert_eq!(backend.log().len(), 1);
    let look = look_for("Subscriber")
        .of("SubscriberKey")
        .by("SubscriberKey", "x");
    let rows = caller.retrieves(look).await.lines("SubscriberKey");
    assert_eq!(rows, ["of-the-backend"]);
    let sent = caller.queues(one("later").at("2026-03-02T12:00:00Z")).await;
    caller.settles().await;
    assert_eq!(caller.state(&sent).await, "Scheduled");
    let scheduled =
        format!(r#"<Objects xsi:type="ScheduledRequest"><RequestID>{sent}</RequestID></Objects>"#);
    let deleted = caller.sends(call().deleting(scheduled).at_once()).await;
    assert_eq!(deleted.overall_status(), "OK", "{}", deleted.said());
    assert_eq!(caller.state(&sent).await, "Cancelled");
    backend.does(Does::Down);
    let refused = caller.sends(one("now").at_once()).await;
    assert_eq!(refused.http_status, 500);
    assert!(refused.said().contains("13"), "{}", refused.said());
}

#[tokio::test(start_paused = true)]
async fn only_listed_business_units_may_be_named() {
    let (mut caller, backend) = a_forwarding_caller().await;
    let named = |id: &str| one("a").with("Client", format!("<ID>{id}</ID>"));
    assert!(caller.sends(named("7001")).await.is_queued());
    caller.settles().await;
    assert!(
        backend.log()[0].body.contains("<ID>7001</ID>"),
        "it goes on"
    );
    let refused = caller.sends(named("7002")).await;
    assert_eq!(refused.error_code(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_runs_at_the_backend_that_it_was_accepted_for() {
    let (mut caller, backend) = a_forwarding_caller().await;
    caller
        .queues(one("theirs").at("2026-03-02T10:00:00Z"))
        .await;
    caller.has_backend(None).await;
    caller.queues(one("ours").at("2026-03-02T10:00:00Z")).await;
    caller.passes(hours(2)).await;
    assert_eq!(backend.keys(), ["theirs"]);
    assert_eq!(caller.stored(), ["ours"]);
}

#[tokio::test(start_paused = true)]
async fn maintenance_of_ours_holds_forwarded_calls_too() {
    let (mut caller, backend) = a_forwarding_caller().await;
    caller.goes_into_maintenance(true).await;
    caller.queues(one("a")).await;
    caller.passes(hours(2)).await;
    assert!(backend.log().is_empty());
    caller.goes_into_maintenance(false).await;
    caller.passes(minutes(2)).await;
    assert_eq!(backend.keys(), ["a"]);
}

/// One world: three parts, the fault at one request, then everything comes back.
async fn play(fault: Option<(u64, InjectedFault)>) -> (Vec<String>, Vec<String>, u64) {
    let (mut caller, backend) = a_forwarding_caller().await;
    let faults = caller.local().faults().clone();
    let first = faults.requests_made();
    if let Some((at, fault)) = fault {
        faults.at(first + at, fault);
    }
    let mut unanswered = vec![3, 1, 2];
    for _ in 0..2 {
        let mut still = Vec::new();
        for number in unanswered {
            let part = part("c", number, 3).creating(subscriber(&format!("c{number}")));
            if !caller.sends(part).await.is_queued() {
                still.push(number);
            }
        }
        unanswered = still;
        caller.settles().await;
        caller.restarts();
    }
    let made = faults.requests_made() - first;
    caller.passes(hours(1)).await;
    assert!(caller.due().is_empty(), "nothing is left: {fault:?}");
    (backend.keys(), caller.outcomes("c").await, made)
}

#[tokio::test(start_paused = true)]
async fn forwarded_calls_survive_every_cut() {
    let (keys, outcomes, requests) = play(None).await;
    assert_eq!(keys, ["c1", "c2", "c3"]);
    assert_eq!(outcomes, ["1 OK", "2 OK", "3 OK"]);
    let mut unknown = 0;
    for at in 1..=requests {
        for fault in [
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::LoseAnswer,
        ] {
            let (keys, outcomes, _) = play(Some((at, fault))).await;
            let world = format!("{fault:?} at {at}: {keys:?} {outcomes:?}");
            let all = ["c1", "c2", "c3"];
            assert!(
                all.starts_with(&keys.iter().map(String::as_str).collect::<Vec<_>>()),
                "{world}"
            );
            let ended = outcomes.iter().position(|it| !it.ends_with(" OK"));
            match ended {
                None => assert_eq!(keys.len(), 3, "{world}"),
                Some(by) => {
                    unknown += 1;
                    assert!(outcomes[by].contains("Error 298 Unknown."), "{world}");
                    // It was on its way or about to be, and nothing behind it was sent.
                    assert!(keys.len() == by || keys.len() == by + 1, "{world}");
                }
            }
        }
    }
    assert!(
        (3..=18).contains(&unknown),
        "{unknown} unknown: only those that were in flight"
    );
}
