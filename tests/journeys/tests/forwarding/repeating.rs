//! What an account has declared safe to repeat is sent again when nobody knows what became of it, and
//! nothing else is.

use journeys::backend::{Backend, Does, backend_name};
use journeys::{Story, a_caller, call, hours, look_for, part, seconds, subscriber};
use local::faults::InjectedFault;

use super::one;

async fn declaring(what: &[&str]) -> (Story, Backend) {
    let mut caller = a_caller().await;
    let backend = caller.forwards().await;
    caller.declares_safe(backend_name(), what).await;
    (caller, backend)
}

const HTML: Does = Does::Says(502, "<html/>");

#[tokio::test(start_paused = true)]
async fn what_is_declared_safe_is_sent_again_until_it_is_answered() {
    for declared in ["Create", "Subscriber", "Create/Subscriber"] {
        let (mut caller, backend) = declaring(&[declared]).await;
        backend.does_next(&[Does::AndHangs, HTML, Does::Fault(2)]);
        let sent = caller.queues(one("a").and(subscriber("b"))).await;
        caller.passes(hours(1)).await;
        assert_eq!(backend.log().len(), 4, "{declared}");
        assert_eq!(caller.outcome(&sent).await, "OK");
        assert!(caller.due().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn after_three_repetitions_it_is_unknown() {
    let (mut caller, backend) = declaring(&["Create"]).await;
    backend.does(Does::Fault(2));
    let sent = caller.queues(one("a")).await;
    caller.passes(hours(1)).await;
    assert_eq!(backend.keys(), ["a", "a", "a", "a"]);
    assert!(
        caller
            .outcome(&sent)
            .await
            .starts_with("Error 298 Unknown.")
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_declared_is_sent_once() {
    let (mut caller, backend) = declaring(&["Delete", "Update/Subscriber", "List"]).await;
    backend.does(Does::Fault(2));
    let sent = caller.queues(one("a")).await;
    caller.passes(hours(1)).await;
    assert_eq!(backend.keys(), ["a"]);
    assert!(caller.outcome(&sent).await.starts_with("Error 298"));
}

#[tokio::test(start_paused = true)]
async fn in_a_conversation_nothing_is_repeated_that_may_still_land() {
    for (does, is_repeated) in [
        (Does::AndHangs, false),
        (HTML, false),
        (Does::Says(200, ""), false),
        (Does::Fault(2), true),
    ] {
        let (mut caller, backend) = declaring(&["Create"]).await;
        backend.does_next(&[does]);
        for number in 1..=2 {
            let part = part("c", number, 2).creating(subscriber(&format!("c{number}")));
            caller.queues(part).await;
        }
        caller.passes(hours(1)).await;
        let outcomes = caller.outcomes("c").await;
        match is_repeated {
            true => {
                assert_eq!(backend.keys(), ["c1", "c1", "c2"]);
                assert_eq!(outcomes, ["1 OK", "2 OK"]);
            }
            false => {
                assert_eq!(backend.keys(), ["c1"], "{does:?}");
                assert!(outcomes[0].starts_with("1 Error 298"), "{outcomes:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_delete_that_finds_nothing_has_deleted() {
    let (mut caller, backend) = declaring(&["Delete"]).await;
    backend.does_next(&[Does::AndHangs, Does::NotThere]);
    let sent = caller.queues(call().deleting(subscriber("a"))).await;
    caller.passes(hours(1)).await;
    assert_eq!(backend.keys(), ["a", "a"]);
    assert_eq!(caller.outcome(&sent).await, "OK");
    let look = look_for("ResultItem")
        .of("StatusCode ErrorCode")
        .by("RequestID", &sent);
    let lines = caller.retrieves(look).await.lines("StatusCode ErrorCode");
    assert_eq!(lines, ["OK"], "{lines:?}");
    backend.does_next(&[Does::NotThere]);
    let first = caller.queues(call().deleting(subscriber("b"))).await;
    caller.settles().await;
    let outcome = caller.outcome(&first).await;
    assert!(outcome.starts_with("Error 12015"), "sent once: {outcome}");
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_not_sent_again_and_may_have_been_done() {
    let (mut caller, backend) = declaring(&["Create"]).await;
    backend.does_next(&[Does::AndHangs, Does::Fault(9)]);
    backend.does(Does::Fault(9));
    let sent = caller.queues(one("a").until("2026-03-02T09:30:00Z")).await;
    caller.passes(hours(2)).await;
    backend.does(Does::Well);
    caller.passes(hours(1)).await;
    let outcome = caller.outcome(&sent).await;
    assert!(outcome.starts_with("Error 298"), "{outcome}");
    assert_eq!(backend.keys(), ["a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_out_is_too_late_to_cancel() {
    let (mut caller, backend) = declaring(&["Create"]).await;
    backend.does_next(&[Does::Fault(2), Does::Fault(9)]);
    backend.does(Does::Fault(9));
    let sent = caller.queues(one("a")).await;
    caller.passes(seconds(90)).await;
    let scheduled =
        format!(r#"<Objects xsi:type="ScheduledRequest"><RequestID>{sent}</RequestID></Objects>"#);
    let deleted = caller.sends(call().deleting(scheduled).at_once()).await;
    assert_eq!(deleted.error_code(), 222, "{}", deleted.said());
}

/// One world: a call that is safe to repeat and one that is not, and the fault at one request.
async fn play(fault: Option<(u64, InjectedFault)>) -> (Vec<String>, Vec<String>, u64) {
    let (mut caller, backend) = declaring(&["Delete"]).await;
    let faults = caller.local().faults().clone();
    let first = faults.requests_made();
    if let Some((at, fault)) = fault {
        faults.at(first + at, fault);
    }
    let mut ids = Vec::new();
    for (number, call) in [call().deleting(subscriber("safe")), one("once")]
        .into_iter()
        .enumerate()
    {
        let call = call.keyed(&format!("key-{number}"));
        let mut answer = caller.sends(call.clone()).await;
        if !answer.is_queued() {
            caller.settles().await;
            caller.restarts();
            answer = caller.sends(call).await;
        }
        ids.push(answer.request_id());
    }
    caller.settles().await;
    caller.restarts();
    let made = faults.requests_made() - first;
    caller.passes(hours(1)).await;
    assert!(caller.due().is_empty(), "nothing is left: {fault:?}");
    let mut outcomes = Vec::new();
    for id in ids {
        outcomes.push(caller.outcome(&id).await);
    }
    (backend.keys(), outcomes, made)
}

#[tokio::test(start_paused = true)]
async fn cut_anywhere_what_is_safe_is_done_and_nothing_else_is_done_twice() {
    let (keys, outcomes, requests) = play(None).await;
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_eq!(outcomes, ["OK", "OK"]);
    let mut repeated = 0;
    for at in 1..=requests {
        for fault in [
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::LoseAnswer,
        ] {
            let (keys, outcomes, _) = play(Some((at, fault))).await;
            let world = format!("{fault:?} at {at}: {keys:?} {outcomes:?}");
            let times = |key: &str| keys.iter().filter(|it| *it == key).count();
            assert_eq!(outcomes[0], "OK", "{world}");
            assert!((1..=2).contains(&times("safe")), "{world}");
            repeated += usize::from(times("safe") == 2);
            match outcomes[1].as_str() {
                "OK" => assert_eq!(times("once"), 1, "{world}"),
                other => {
                    assert!(other.starts_with("Error 298"), "{world}");
                    assert!(times("once") <= 1, "{world}");
                }
            }
        }
    }
    assert!(repeated > 0, "some were cut in flight");
}
