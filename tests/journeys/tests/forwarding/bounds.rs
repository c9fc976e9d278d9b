//! What a caller who waits may have to wait for, and what is held meanwhile; how often calls are sent.

use std::time::Duration;

use cloud::accounts::backends::BackendSettings;
use journeys::backend::{Does, settings};
use journeys::{a_caller, look_for, minutes, seconds};

use super::{a_forwarding_caller, one};

/// An answer to a Retrieve with a name of so many bytes.
fn answer_of(bytes: usize) -> &'static str {
    let name = "x".repeat(bytes);
    let answer = format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body><RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>OK</OverallStatus><RequestID>r</RequestID><Results xsi:type="List"><ListName>{name}</ListName></Results></RetrieveResponseMsg></s:Body></s:Envelope>"#
    );
    Box::leak(answer.into_boxed_str())
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_large_is_a_fault_that_says_what_to_do() {
    for (bytes, passes) in [(4_900_000, true), (5_100_000, false), (6_100_000, false)] {
        let (mut caller, backend) = a_forwarding_caller().await;
        backend.does(Does::Says(200, answer_of(bytes)));
        let answer = caller.sends(one("now").at_once()).await;
        match passes {
            true => assert_eq!(answer.http_status, 200, "{bytes}"),
            false => {
                assert_eq!(answer.http_status, 500, "{bytes}");
                let said = answer.said();
                assert!(
                    said.contains("13") && said.contains("smaller BatchSize"),
                    "{said}"
                );
            }
        }
        assert_eq!(backend.log().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_front_door() {
    let mut caller = a_caller().await;
    let settings = BackendSettings {
        timeout_s: 25,
        ..settings()
    };
    let backend = caller.forwards_as(&settings).await;
    backend.does(Does::AndHangs);
    let began = tokio::time::Instant::now();
    let answer = caller.sends(one("now").at_once()).await;
    let waited = began.elapsed();
    assert!(waited <= Duration::from_millis(24_500), "{waited:?}");
    assert_eq!(answer.http_status, 500);
    let said = answer.said();
    assert!(said.contains("may have been carried out"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_passed_call_takes_two_requests_to_aws_at_most() {
    let (mut caller, backend) = a_forwarding_caller().await;
    caller.sends(one("warm").at_once()).await;
    let faults = caller.local().faults().clone();
    for number in 0..5 {
        caller.passes(seconds(5)).await;
        let before = faults.requests_made();
        let answer = caller.sends(one(&format!("k{number}")).at_once()).await;
        assert_eq!(answer.overall_status(), "OK");
        let made = faults.requests_made() - before;
        assert!(made <= 2, "{made} requests");
    }
    let look = look_for("Subscriber")
        .of("SubscriberKey")
        .by("SubscriberKey", "x");
    caller.passes(seconds(5)).await;
    let before = faults.requests_made();
    caller.retrieves(look).await;
    assert!(faults.requests_made() - before <= 2);
    assert_eq!(backend.log().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn calls_are_sent_as_often_as_the_backend_is_said_to_take() {
    let mut caller = a_caller().await;
    let settings = BackendSettings {
        per_second: Some(1),
        ..settings()
    };
    let backend = caller.forwards_as(&settings).await;
    for number in 0..20 {
        caller.queues(one(&format!("k{number}"))).await;
    }
    caller.settles().await;
    let at_once = backend.log().len();
    assert!(at_once <= 2, "{at_once} at once");
    caller.passes(seconds(10)).await;
    let soon = backend.log().len();
    assert!((5..=13).contains(&soon), "{soon} within ten seconds");
    caller.passes(minutes(3)).await;
    assert_eq!(backend.log().len(), 20);
}

/// What an environment of ingest has, less what it takes by itself.
const ROOM_BYTES: u64 = 150 << 20;

#[test]
fn an_answer_is_read_and_written_within_the_memory_of_a_function() {
    let small = "<a/>".repeat(390_000);
    let large = format!("<a>{}</a>", "x".repeat(5_800_000));
    for inner in [small, large] {
        let answer = format!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r xmlns="http://exacttarget.com/wsdl/partnerAPI">{inner}</r></s:Body></s:Envelope>"#
        );
        let mut written = 0;
        let counted = allocation_counter::measure(|| {
            let read = soap::read_backend_answer(answer.as_bytes());
            if let Ok(soap::BackendAnswer::Payload(payload)) = read {
                written = soap::canonical(&payload).len();
            }
        });
        assert!(written > 1_000_000, "{written}");
        let most = counted.bytes_max;
        assert!(most <= ROOM_BYTES, "{most} bytes at most");
    }
}
