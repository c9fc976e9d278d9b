//! Every RespondWhen against every end, and the schedule of attempts.

use super::*;

const NOW: &str = "2026-11-20T10:00:00Z";

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

fn subscription(respond_when: RespondWhen) -> Subscription {
    Subscription {
        response_type: AsyncResponseType::HttpPost,
        address: "https://client.example/cb".to_owned(),
        respond_when,
        include_results: false,
        include_objects: false,
        only_include_base: false,
    }
}

const EVERY: [RespondWhen; 7] = [
    RespondWhen::Never,
    RespondWhen::OnError,
    RespondWhen::Always,
    RespondWhen::OnConversationError,
    RespondWhen::OnConversationComplete,
    RespondWhen::OnCallComplete,
    RespondWhen::OnExpired,
];

fn outcome(how: Ended, overall_status: OverallStatus) -> Outcome {
    Outcome {
        how,
        overall_status,
        status_message: String::new(),
        error_code: None,
        ended_at: now(),
    }
}

#[test]
fn call_replies_follow_respond_when() {
    use OverallStatus::{Error, HasErrors, Ok};
    check_call(
        Ended::CarriedOut,
        Ok,
        &[RespondWhen::Always, RespondWhen::OnCallComplete],
    );
    for status in [HasErrors, Error] {
        let expected = [
            RespondWhen::OnError,
            RespondWhen::Always,
            RespondWhen::OnCallComplete,
        ];
        check_call(Ended::CarriedOut, status, &expected);
        check_call(Ended::NotProcessed, status, &expected);
        check_call(Ended::Cancelled, status, &expected);
    }
    check_call(
        Ended::Expired,
        Error,
        &[
            RespondWhen::OnError,
            RespondWhen::Always,
            RespondWhen::OnCallComplete,
            RespondWhen::OnExpired,
        ],
    );
}

#[track_caller]
fn check_call(how: Ended, status: OverallStatus, expected: &[RespondWhen]) {
    let outcome = outcome(how, status);
    let moments = moments_of(ReplySubject::Call(&outcome));
    assert_eq!(moments, expected);
}

fn moments_of(subject: ReplySubject<'_>) -> Vec<RespondWhen> {
    let subscriptions = EVERY.map(subscription);
    let context = ReplyContext {
        request_id: &RequestId("r-1".to_owned()),
        sequence: SequenceCode::FIRST,
        subscriptions: &subscriptions,
        subject,
        now: now(),
    };
    context
        .replies()
        .iter()
        .map(|reply| reply.subscription.respond_when)
        .collect()
}

#[test]
fn conversation_replies_follow_respond_when() {
    let good = moments_of(ReplySubject::Conversation(&EndReason::Complete));
    assert_eq!(good, [RespondWhen::OnConversationComplete]);
    for bad in [
        EndReason::TimedOut,
        EndReason::Invalidated { error_code: 214 },
        EndReason::Cancelled {
            from: SequenceCode::FIRST,
        },
    ] {
        let moments = moments_of(ReplySubject::Conversation(&bad));
        assert_eq!(
            moments,
            [
                RespondWhen::OnConversationError,
                RespondWhen::OnConversationComplete
            ]
        );
    }
}

#[test]
fn a_conversation_has_the_status_of_the_call_that_ended_it() {
    let subscriptions = [subscription(RespondWhen::OnConversationComplete)];
    let said = |end_reason: &EndReason| {
        let context = ReplyContext {
            request_id: &RequestId("r-1".to_owned()),
            sequence: SequenceCode::FIRST,
            subscriptions: &subscriptions,
            subject: ReplySubject::Conversation(end_reason),
            now: now(),
        };
        let reply = context.replies().remove(0);
        (reply.overall_status, reply.error_code)
    };
    let failed = |overall_status| EndReason::Failed {
        by: SequenceCode::FIRST,
        request_id: RequestId("r-1".to_owned()),
        overall_status,
        error_code: Some(12_014),
        message: String::new(),
    };
    assert_eq!(said(&EndReason::Complete), (OverallStatus::Ok, None));
    for status in [OverallStatus::HasErrors, OverallStatus::Error] {
        assert_eq!(said(&failed(status)), (status, Some(12_014)));
    }
    assert_eq!(
        said(&EndReason::TimedOut),
        (OverallStatus::Error, Some(203))
    );
    let from = SequenceCode::FIRST;
    let cancelled = said(&EndReason::Cancelled { from });
    assert_eq!(cancelled, (OverallStatus::Error, Some(204)));
}

#[test]
fn response_type_none_gets_no_reply() {
    let mut silent = subscription(RespondWhen::Always);
    silent.response_type = AsyncResponseType::None;
    let outcome = outcome(Ended::CarriedOut, OverallStatus::Ok);
    let context = ReplyContext {
        request_id: &RequestId("r-1".to_owned()),
        sequence: SequenceCode::FIRST,
        subscriptions: &[silent],
        subject: ReplySubject::Call(&outcome),
        now: now(),
    };
    assert_eq!(context.replies(), []);
}

fn a_reply() -> Reply {
    let outcome = outcome(Ended::CarriedOut, OverallStatus::Ok);
    let context = ReplyContext {
        request_id: &RequestId("0e1f-2".to_owned()),
        sequence: SequenceCode::FIRST,
        subscriptions: &[subscription(RespondWhen::Always)],
        subject: ReplySubject::Call(&outcome),
        now: now(),
    };
    context.replies().remove(0)
}

#[test]
fn attempts_follow_the_schedule_and_end() {
    let mut reply = a_reply();
    let id = reply.id();
    let mut at = now();
    for wait in &WAITS[1..] {
        reply = reply.attempted(DeliveryResult::Unreachable, at);
        let ReplyState::Pending(next) = reply.state else {
            panic!("still owed")
        };
        let waited = next.duration_since(at);
        assert!(
            waited >= *wait && waited <= *wait + *wait / 10,
            "{waited:?} is near {wait:?}"
        );
        at = next;
    }
    let reply = reply.attempted(DeliveryResult::TimedOut, at);
    assert_eq!(reply.state, ReplyState::GivenUp);
    assert_eq!(reply.attempts.len(), WAITS.len());
    assert_eq!(reply.id(), id, "the id is stable over attempts");
}

#[test]
fn the_delivery_result_decides_the_next_attempt() {
    let status = |status, retry_after_s| DeliveryResult::Status {
        status,
        retry_after_s,
    };
    check_result(DeliveryResult::Taken, "delivered");
    check_result(status(410, None), "given up");
    check_result(DeliveryResult::Rejected, "given up");
    check_result(DeliveryResult::Forbidden, "given up");
    check_result(DeliveryResult::GivenUp, "given up");
    check_result(status(302, None), "in 5 s");
    check_result(status(500, Some(1)), "in 5 s");
    check_result(status(429, Some(120)), "in 120 s");
    check_result(status(503, Some(u32::MAX)), "in 86400 s");
}

#[track_caller]
fn check_result(result: DeliveryResult, expected: &str) {
    let said = match a_reply().attempted(result, now()).state {
        ReplyState::Delivered => "delivered".to_owned(),
        ReplyState::GivenUp => "given up".to_owned(),
        ReplyState::Pending(at) => format!("in {} s", at.duration_since(now()).as_secs()),
    };
    assert_eq!(said, expected);
}

#[test]
fn who_sends_a_reply_again_begins_its_waits_anew_and_keeps_its_log() {
    let mut reply = a_reply();
    for _ in 0..WAITS.len() {
        reply = reply.attempted(DeliveryResult::TimedOut, now());
    }
    assert!(reply.state == ReplyState::GivenUp && reply.is_failing() && !reply.is_round_fresh());
    let id = reply.id();
    let again = reply.resent(now());
    assert!(again.is_round_fresh() && again.is_failing());
    assert_eq!((again.state, again.id()), (ReplyState::Pending(now()), id));
    let failed = again.clone().attempted(DeliveryResult::TimedOut, now());
    let ReplyState::Pending(next) = failed.state else {
        panic!("{failed:?}");
    };
    assert!(next.duration_since(now()) < SignedDuration::from_secs(6));
    assert_eq!(failed.attempts.len(), WAITS.len() + 1);
    let delivered = again.attempted(DeliveryResult::Taken, now());
    assert!(!delivered.is_failing());
    let once_more = delivered.resent(now());
    assert!(!once_more.is_failing(), "it was delivered before");
    assert_eq!(once_more.attempts.len(), WAITS.len(), "the log is bounded");
}

#[test]
fn an_id_is_made_of_the_request_and_the_number() {
    assert_eq!(a_reply().id(), "msg_0e1f2_0");
}

#[test]
fn waits_differ_between_replies_by_up_to_a_tenth() {
    let mut later = SignedDuration::ZERO;
    for number in 0..40 {
        let mut reply = a_reply();
        reply.number = number;
        let ReplyState::Pending(next) = reply.attempted(DeliveryResult::Unreachable, now()).state
        else {
            panic!("still owed")
        };
        let jitter = next.duration_since(now()) - WAITS[1];
        assert!(jitter <= WAITS[1] / 10, "{jitter:?}");
        later = later.max(jitter);
    }
    assert!(later > WAITS[1] / 20, "{later:?} is hardly any");
}

#[test]
fn only_some_wait_for_the_end_of_the_conversation() {
    let mut waiting = Vec::new();
    for when in EVERY {
        let mut one = subscription(when);
        if is_for_the_end(&one) {
            waiting.push(when);
        }
        one.response_type = AsyncResponseType::None;
        assert!(!is_for_the_end(&one), "nobody is told");
    }
    let expected = [
        RespondWhen::OnConversationError,
        RespondWhen::OnConversationComplete,
    ];
    assert_eq!(waiting, expected);
}
