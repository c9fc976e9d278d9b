//! Calls that end, and what becomes of those that are not carried out.

use super::*;

#[test]
fn the_first_call_that_is_not_ok_fails_the_conversation() {
    check(
        "1/3 2/3 3/3 ok err",
        "ok ok ok+wake ok err, then closing failed by 2 (3)",
    );
    check(
        "1/3 2/3 3/3 ok ok err",
        "ok ok ok+wake ok ok err, then failed by 3",
    );
    check(
        "1/3 2/3 3/3 err closed",
        "ok ok ok+wake err closed, then failed by 1",
    );
}

#[test]
fn what_has_not_started_can_be_cancelled() {
    check("1/2 cancel", "ok Yes, then closing cancelled from 1 (1)");
    check(
        "1/2 2/2 cancel cancel",
        "ok ok+wake Yes Yes, then closing cancelled from 1 (1 2)",
    );
    check(
        "1/3 2/3 3/3 ok cancel",
        "ok ok ok+wake ok Yes, then closing cancelled from 2 (2 3)",
    );
    check("1/1 ok cancel", "ok+wake ok TooLate, then complete");
    check(
        "1/1 cancel closed 1/1",
        "ok+wake Yes closed again, then cancelled from 1",
    );
    check(
        "1/1 cancel closed 1/1!",
        "ok+wake Yes closed 211, then cancelled from 1",
    );
}

#[test]
fn end_replies_go_to_their_subscribers() {
    let mut first = call(1, 2);
    first.options.subscriptions.push(Subscription {
        response_type: crate::AsyncResponseType::HttpPost,
        address: "https://client.example/".to_owned(),
        respond_when: RespondWhen::OnConversationComplete,
        include_results: false,
        include_objects: false,
        only_include_base: false,
    });
    let opened = Conversation::open(&first, at(0))
        .conversation
        .expect("opened");
    let joined = opened
        .join(&call(2, 2), Seen::Never, at(1))
        .conversation
        .expect("joined");
    let outcome = Outcome {
        how: Ended::CarriedOut,
        overall_status: OverallStatus::Ok,
        status_message: String::new(),
        error_code: None,
        ended_at: at(2),
    };
    let id = RequestId("r".to_owned());
    let closing = joined
        .call_ended(&id, &outcome, at(2))
        .call_ended(&id, &outcome, at(2));
    assert_eq!(phase(&closing), "telling of complete (1)");
    let ended = closing.closed_through(SequenceCode::FIRST);
    assert_eq!(phase(&ended), "complete");
    assert_eq!(ended.due, Due::Never);
}

#[test]
fn end_replies_follow_the_last_outcome() {
    let with_end_reply = |sequence| {
        let mut call = call(sequence, 3);
        call.options.subscriptions.push(Subscription {
            response_type: crate::AsyncResponseType::HttpPost,
            address: "https://client.example/".to_owned(),
            respond_when: RespondWhen::OnConversationError,
            include_results: false,
            include_objects: false,
            only_include_base: false,
        });
        call
    };
    let opened = opened_with(&with_end_reply(1));
    let joined = opened
        .join(&with_end_reply(2), Seen::Never, at(1))
        .conversation;
    let joined = joined.expect("joined");
    let late = joined.look(at(400)).conversation.expect("timed out");
    assert_eq!(phase(&late), "closing timed out (1 2)");
    let second = SequenceCode::FIRST.next();
    let ended_at = |closing: &Conversation| {
        let outcome = closing.outcome_of_skipped(second).expect("an outcome");
        outcome.ended_at
    };
    assert_eq!(ended_at(&late), at(400));
    let half = late.closed_through(SequenceCode::FIRST);
    assert_eq!(phase(&half), "closing timed out (2)");
    assert_eq!(
        ended_at(&half),
        at(400),
        "a time that was told does not move"
    );
    let written = half.closed_through(second);
    assert_eq!(phase(&written), "telling of timed out (1 2)");
    let with_end_reply = written.closed_through(SequenceCode::FIRST);
    assert_eq!(phase(&with_end_reply), "telling of timed out (2)");
    assert_eq!(phase(&with_end_reply.closed_through(second)), "timed out");
}

#[test]
fn skipped_calls_get_the_reason() {
    let opened = Conversation::open(&call(1, 2), at(0))
        .conversation
        .expect("opened");
    let late = opened.look(at(301)).conversation.expect("timed out");
    let outcome = late
        .outcome_of_skipped(SequenceCode::FIRST)
        .expect("an outcome");
    assert_eq!(
        (outcome.how, outcome.error_code),
        (Ended::NotProcessed, Some(203))
    );
}

/// The serialised form of a conversation in progress, and nothing else.
#[test]
fn progress_is_written_only_where_there_is_some() {
    let text = |progress: &Progress| serde_json::to_string(progress).expect("json");
    let mut progress = Progress::at(SequenceCode::FIRST);
    assert_eq!(text(&progress), r#"{"next":1}"#);
    progress.done_through = 61;
    progress.chunks = 1;
    assert_eq!(
        text(&progress),
        r#"{"next":1,"done_through":61,"chunks":1}"#
    );
}

#[test]
fn chunks_are_counted() {
    let conversation = opened(1).chunk_done(61).chunk_done(80);
    let Phase::Running(progress) = conversation.phase else {
        panic!("running")
    };
    assert_eq!((progress.done_through, progress.chunks), (80, 2));
}

#[test]
fn what_has_begun_is_not_cancelled() {
    let step = opened(1).chunk_done(61).cancel(at(1));
    assert_eq!((step.answer, step.conversation), (Cancelled::TooLate, None));
}

#[test]
fn only_skipped_calls_get_their_outcome_from_the_end() {
    let gathered = opened(3)
        .join(&call(2, 3), Seen::Never, at(0))
        .conversation
        .expect("joined");
    let running = gathered
        .join(&call(3, 3), Seen::Never, at(0))
        .conversation
        .expect("joined");
    let outcome = Outcome {
        how: Ended::CarriedOut,
        overall_status: OverallStatus::Error,
        status_message: "no".to_owned(),
        error_code: Some(12_014),
        ended_at: at(1),
    };
    let failed = running.call_ended(&RequestId("r-1".to_owned()), &outcome, at(1));
    let skipped = |number: u32| {
        let sequence = SequenceCode::new(number).expect("not zero");
        failed
            .outcome_of_skipped(sequence)
            .map(|outcome| outcome.status_message)
    };
    let why = "Not carried out. Conversation failed at SequenceCode 1 (RequestID r-1): no";
    assert_eq!(skipped(1), None);
    assert_eq!(skipped(2).as_deref(), Some(why));
    assert_eq!(skipped(3).as_deref(), Some(why));
}

#[test]
fn an_end_says_why() {
    let from = SequenceCode::FIRST;
    assert_eq!(EndReason::Complete.message(), "");
    assert_eq!(
        EndReason::Cancelled { from }.message(),
        "Conversation was cancelled by its caller"
    );
    assert_eq!(
        EndReason::TimedOut.message(),
        Refusal::ConversationTimedOut.to_string()
    );
    let invalidated = |error_code| EndReason::Invalidated { error_code }.message();
    assert_eq!(
        invalidated(200),
        Refusal::CallsInConversationChanged.to_string()
    );
    assert_eq!(invalidated(214), Refusal::SequenceCodeUsed.to_string());
}

#[test]
fn what_was_begun_at_a_backend_stays_begun_until_somebody_says_what_became_of_it() {
    let opened = Conversation::open(&call(1, 1), at(0));
    let running = opened.conversation.expect("opened");
    let begun = Begun {
        until: at(30),
        by: 7,
    };
    let in_progress = |conversation: &Conversation| match conversation.phase {
        Phase::Running(progress) => progress.begun,
        Phase::Gathering | Phase::Closing { .. } | Phase::Ended(_) => None,
    };
    let sent = running.begin(begun);
    assert_eq!(in_progress(&sent), Some(begun));
    let cancelled = sent.clone().cancel(at(1));
    assert_eq!(
        cancelled.answer,
        Cancelled::TooLate,
        "it may be done already"
    );
    let looked = sent.clone().look(at(60)).conversation.expect("woken");
    assert_eq!(in_progress(&looked), Some(begun));
    assert_eq!(in_progress(&sent.clone().chunk_done(50)), None);

    let name = BackendName::parse("mc").expect("a name");
    let held = sent.hold(&name, at(9));
    assert_eq!(in_progress(&held), None, "it certainly did not happen");
    assert_eq!((held.due, &held.waits_for), (Due::Held(at(0)), &Some(name)));
    assert!(held.is_due(at(0)), "as soon as the backend is ready");
    assert_eq!(held.cancel(at(10)).answer, Cancelled::Yes);
}
