//! The life of a conversation, through one door: what comes in which order, and what is said.

use super::*;
use crate::call::{AccountId, ConversationId, Digest, Method, RequestId};
use crate::lifecycle::Cancelled;
use crate::options::Options;
use crate::outcome::{Ended, Outcome, OverallStatus};
use crate::{RespondWhen, Subscription};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn call(sequence: i64, calls: i64) -> Call {
    Call {
        request_id: RequestId(format!("r-{sequence}")),
        account: AccountId("1".to_owned()),
        conversation_id: Some(ConversationId::parse("c").expect("a name")),
        place: Place::parse(sequence, calls).expect("a place"),
        method: Method::Create,
        options: Options::default(),
        digest: Digest("d".to_owned()),
        objects: 1,
        object_type: "Subscriber".to_owned(),
        arrived_at: at(0),
        backend: None,
        safe_to_repeat: false,
        resubmitted_from: None,
    }
}

/// What happens, word by word: `1/3` a part arrives, `1/3!` with other content than before, `ok`
/// and `err` end the next call, `+300` seconds pass, `look` the timekeeper comes, `cancel`.
#[track_caller]
fn check(happenings: &str, expected: &str) {
    let mut seen: Vec<i64> = Vec::new();
    let mut header: Option<Conversation> = None;
    let mut said = Vec::new();
    let mut time = 0;
    for happening in happenings.split_whitespace() {
        if let Some(seconds) = happening.strip_prefix('+') {
            time += seconds.parse::<i64>().expect("seconds");
            continue;
        }
        let (step, answer) = happen(happening, header.clone(), &mut seen, at(time));
        said.push(answer);
        if let Some(conversation) = step {
            header = Some(conversation);
        }
    }
    let header = header.expect("something came");
    assert_eq!(
        format!("{}, then {}", said.join(" "), phase(&header)),
        expected
    );
    assert_eq!(
        header.due == Due::Never,
        matches!(header.phase, Phase::Ended(_)),
        "whoever has work to do is looked at again: {header:?}"
    );
}

fn happen(
    happening: &str,
    header: Option<Conversation>,
    seen: &mut Vec<i64>,
    now: Timestamp,
) -> (Option<Conversation>, String) {
    match happening {
        "ok" | "err" => {
            let overall_status = if happening == "ok" {
                OverallStatus::Ok
            } else {
                OverallStatus::HasErrors
            };
            let outcome = Outcome {
                how: Ended::CarriedOut,
                overall_status,
                status_message: "no".to_owned(),
                error_code: Some(12_014),
                ended_at: now,
            };
            let next =
                header
                    .expect("running")
                    .call_ended(&RequestId("r".to_owned()), &outcome, now);
            (Some(next), happening.to_owned())
        }
        "look" => {
            let step = header.expect("there").look(now);
            (step.conversation, format!("look{:?}", step.actions))
        }
        "cancel" => {
            let step = header.expect("there").cancel(now);
            (step.conversation, format!("{:?}", step.answer))
        }
        "closed" => {
            let conversation = header.expect("there");
            let last = conversation.unclosed().last().expect("unclosed");
            (Some(conversation.closed_through(last)), "closed".to_owned())
        }
        part => arrive(part, header, seen, now),
    }
}

fn arrive(
    part: &str,
    header: Option<Conversation>,
    seen: &mut Vec<i64>,
    now: Timestamp,
) -> (Option<Conversation>, String) {
    let other = part.ends_with('!');
    let (sequence, calls) = part
        .trim_end_matches('!')
        .split_once('/')
        .expect("sequence/calls");
    let (sequence, calls): (i64, i64) = (
        sequence.parse().expect("number"),
        calls.parse().expect("number"),
    );
    let call = call(sequence, calls);
    let step = match header {
        None => Conversation::open(&call, now),
        Some(conversation) => {
            let before = if !seen.contains(&sequence) {
                Seen::Never
            } else if other {
                Seen::OtherContent
            } else {
                Seen::SameContent
            };
            conversation.join(&call, before, now)
        }
    };
    let answer = match step.answer {
        Joined::Accepted => {
            seen.push(sequence);
            if step.actions.is_empty() {
                "ok".to_owned()
            } else {
                "ok+wake".to_owned()
            }
        }
        Joined::Repeated => "again".to_owned(),
        Joined::Refused(refusal) => refusal.error_code().to_string(),
    };
    (step.conversation, answer)
}

fn phase(conversation: &Conversation) -> String {
    let end_reason = |end_reason: &EndReason| match end_reason {
        EndReason::Complete => "complete".to_owned(),
        EndReason::Failed { by, .. } => format!("failed by {by}"),
        EndReason::TimedOut => "timed out".to_owned(),
        EndReason::Invalidated { error_code } => format!("invalidated {error_code}"),
        EndReason::Cancelled { from } => format!("cancelled from {from}"),
    };
    match &conversation.phase {
        Phase::Gathering => "gathering".to_owned(),
        Phase::Running(progress) => format!("running {}", progress.next),
        Phase::Closing {
            end_reason: by,
            step,
            ..
        } => {
            let left: Vec<_> = conversation
                .unclosed()
                .map(|code| code.to_string())
                .collect();
            let step = match step {
                ClosingStep::Outcomes => "closing",
                ClosingStep::LastReplies => "telling of",
            };
            format!("{step} {} ({})", end_reason(by), left.join(" "))
        }
        Phase::Ended(by) => end_reason(by),
    }
}

#[test]
fn calls_may_arrive_in_any_order() {
    check("1/1", "ok+wake, then running 1");
    check("3/3 1/3 2/3", "ok ok ok+wake, then running 1");
    check(
        "3/3 1/3 2/3 ok ok ok",
        "ok ok ok+wake ok ok ok, then complete",
    );
}

#[test]
fn nothing_runs_before_all_are_there() {
    check("1/3 2/3", "ok ok, then gathering");
}

#[test]
fn a_resent_part_is_answered_again() {
    check("1/2 1/2", "ok again, then gathering");
    check("1/2 2/2 1/2", "ok ok+wake again, then running 1");
    check("1/1 ok 1/1", "ok+wake ok again, then complete");
    check(
        "1/2 2/2 err 2/2",
        "ok ok+wake err again, then closing failed by 1 (2)",
    );
}

#[test]
fn other_content_while_gathering_invalidates() {
    check(
        "1/3 1/3! 2/3",
        "ok 214 213, then closing invalidated 214 (1)",
    );
    check(
        "1/3 1/3! 1/3",
        "ok 214 213, then closing invalidated 214 (1)",
    );
    check(
        "1/3 2/4 3/3",
        "ok 200 213, then closing invalidated 200 (1)",
    );
    check(
        "1/3 1/4! 3/3",
        "ok 200 213, then closing invalidated 200 (1)",
    );
}

#[test]
fn a_closed_conversation_takes_no_more() {
    check("1/1 1/1!", "ok+wake 215, then running 1");
    check("1/2 2/2 3/3", "ok ok+wake 215, then running 1");
    check("1/1 ok 1/1!", "ok+wake ok 211, then complete");
    check("1/1 err 1/1!", "ok+wake err 211, then failed by 1");
    check(
        "1/2 2/2 err closed 2/2!",
        "ok ok+wake err closed 211, then failed by 1",
    );
}

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
fn five_minutes_of_silence_are_allowed_and_no_more() {
    check("1/2 +300 2/2", "ok ok+wake, then running 1");
    check("1/2 +301 2/2 1/2", "ok 203 213, then closing timed out (1)");
    check("1/3 +300 2/3 +300 3/3", "ok ok ok+wake, then running 1");
    check("1/2 +300 look", "ok look[], then gathering");
    check(
        "1/2 +301 look closed 1/2",
        "ok look[WakeUp] closed 213, then timed out",
    );
}

#[test]
fn the_timekeeper_wakes_what_has_work() {
    check("1/1 +60 look", "ok+wake look[WakeUp], then running 1");
    check("1/1 ok look", "ok+wake ok look[], then complete");
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
fn a_conversation_runs_at_its_highest_priority() {
    let mut high = call(2, 2);
    high.options.queue_priority = QueuePriority::High;
    let opened = Conversation::open(&call(1, 2), at(0))
        .conversation
        .expect("opened");
    let joined = opened
        .join(&high, Seen::Never, at(1))
        .conversation
        .expect("joined");
    assert_eq!(joined.priority, QueuePriority::High);
}

#[test]
fn a_call_alone_is_woken_at_its_time() {
    let mut later = call(1, 1);
    later.options.scheduled_time = Some(at(3_600));
    let step = Conversation::open(&later, at(0));
    assert_eq!(step.actions, [Action::WakeUpAt(at(3_600))]);
    assert_eq!(
        step.conversation.map(|opened| opened.due),
        Some(Due::At(at(3_600)))
    );
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

/// What is written of a conversation that has made progress, and nothing else.
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

fn opened(calls: i64) -> Conversation {
    let step = Conversation::open(&call(1, calls), at(0));
    step.conversation.expect("opened")
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
fn whoever_has_work_to_do_is_looked_at_in_time() {
    let minute = Due::At(at(60));
    assert_eq!(opened(2).due, minute, "while gathering");
    assert_eq!(opened(1).due, minute, "while running");
    let gathering = opened(2).look(at(60)).conversation.expect("looked at");
    assert_eq!(
        gathering.due,
        Due::At(at(300) + SignedDuration::from_millis(1))
    );
    let running = opened(1).look(at(60)).conversation.expect("looked at");
    assert_eq!(running.due, Due::At(at(360)));
    let closing = opened(1)
        .park(at(10))
        .cancel(at(10))
        .conversation
        .expect("cancelled");
    assert_eq!(
        closing.due,
        Due::At(at(70)),
        "closing goes on in maintenance"
    );
    let sooner = opened(2).look(at(60)).conversation.expect("looked at");
    let sooner = sooner.cancel(at(70)).conversation.expect("cancelled");
    assert_eq!(
        sooner.due,
        Due::At(at(130)),
        "nearer than the end of the silence"
    );
    let after_cancel = opened(1).cancel(at(30)).conversation.expect("cancelled");
    assert_eq!(
        after_cancel.due, minute,
        "an entry is written only if the time moves nearer"
    );
    let last = call(2, 2);
    let joined = gathering
        .join(&last, Seen::Never, at(100))
        .conversation
        .expect("joined");
    assert_eq!(
        joined.due,
        Due::At(at(160)),
        "what begins to run is looked at a minute later"
    );
}

#[test]
fn an_ended_conversation_is_due_only_while_its_reply_is_pending() {
    let outcome = Outcome {
        how: Ended::CarriedOut,
        overall_status: OverallStatus::Ok,
        status_message: String::new(),
        error_code: None,
        ended_at: at(1),
    };
    let ended = opened(1).call_ended(&RequestId("r".to_owned()), &outcome, at(1));
    assert_eq!(ended.due, Due::Never);
    assert_eq!(ended.clone().look(at(60)), unchanged(()));
    let pending = ended.target_of_reply(Due::At(at(60)), at(1));
    assert_eq!(pending.due, Due::At(at(60)), "as it was");
    let looked = pending.clone().look(at(60));
    assert_eq!(looked.actions, [Action::Reply]);
    let looked = looked.conversation.expect("a change");
    assert_eq!(looked.due, Due::At(at(60) + LOOK_AGAIN_LATER));
    assert_eq!(looked.phase, pending.phase);
    let again = looked.reply_due(Some(at(70)));
    assert_eq!(again.due, Due::At(at(70)));
    assert_eq!(again.reply_due(None).due, Due::Never);
}

#[test]
fn a_reply_is_not_looked_at_before_it_could_be_delivered() {
    let due = |before| opened(1).target_of_reply(before, at(100)).due;
    assert_eq!(due(Due::At(at(130))), Due::At(at(130)));
    assert_eq!(due(Due::At(at(129))), Due::At(at(160)), "too soon");
    assert_eq!(due(Due::Parked(at(300))), Due::At(at(160)));
    assert_eq!(due(Due::Never), Due::At(at(160)));
}

#[test]
fn a_call_whose_time_has_come_is_not_scheduled() {
    let mut due = call(1, 1);
    due.options.scheduled_time = Some(at(0));
    assert_eq!(Conversation::open(&due, at(0)).actions, [Action::WakeUp]);
    let mut later = call(1, 2);
    later.options.scheduled_time = Some(at(3_600));
    let step = opened_with(&call(2, 2)).join(&later, Seen::Never, at(1));
    assert_eq!(step.actions, [Action::WakeUp], "another call may be first");
}

fn opened_with(call: &Call) -> Conversation {
    Conversation::open(call, at(0))
        .conversation
        .expect("opened")
}

#[test]
fn an_arrival_never_sets_the_last_one_back() {
    let conversation = opened(3);
    let conflicts = conversation.join(&call(2, 3), Seen::Never, at(-20));
    let last = conflicts.conversation.expect("joined").last_arrival;
    assert_eq!(last, at(0));
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
