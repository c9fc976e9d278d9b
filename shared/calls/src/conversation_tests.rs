//! The life of a conversation, through one door: what comes in which order, and what is said.

use super::*;
use crate::call::{AccountId, ConversationId, Digest, Method, RequestId};
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
    }
}

/// What happens, word by word: `1/3` a part arrives, `1/3!` with other content than before, `ok`
/// and `err` end the next call, `+300` seconds pass, `look` the timekeeper comes, `cancel`.
#[track_caller]
fn check(happenings: &str, expected: &str) {
    let mut seen: Vec<i64> = Vec::new();
    let mut standing: Option<Conversation> = None;
    let mut said = Vec::new();
    let mut time = 0;
    for happening in happenings.split_whitespace() {
        if let Some(seconds) = happening.strip_prefix('+') {
            time += seconds.parse::<i64>().expect("seconds");
            continue;
        }
        let (step, answer) = happen(happening, standing.clone(), &mut seen, at(time));
        said.push(answer);
        if let Some(conversation) = step {
            standing = Some(conversation);
        }
    }
    let standing = standing.expect("something came");
    assert_eq!(
        format!("{}, then {}", said.join(" "), phase(&standing)),
        expected
    );
    assert_eq!(
        standing.due == Due::Never,
        matches!(standing.phase, Phase::Ended(_)),
        "whoever has work to do is looked at again: {standing:?}"
    );
}

fn happen(
    happening: &str,
    standing: Option<Conversation>,
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
                standing
                    .expect("running")
                    .call_ended(&RequestId("r".to_owned()), &outcome, now);
            (Some(next), happening.to_owned())
        }
        "look" => {
            let step = standing.expect("there").look(now);
            (step.conversation, format!("look{:?}", step.owed))
        }
        "cancel" => {
            let step = standing.expect("there").cancel(now);
            (step.conversation, format!("{:?}", step.answer))
        }
        "closed" => {
            let conversation = standing.expect("there");
            let last = conversation.unclosed().last().expect("unclosed");
            (Some(conversation.closed_through(last)), "closed".to_owned())
        }
        part => {
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
            let step = match standing {
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
                    if step.owed.is_empty() {
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
    }
}

fn phase(conversation: &Conversation) -> String {
    let ending = |ending: &Ending| match ending {
        Ending::Complete => "complete".to_owned(),
        Ending::Failed { by, .. } => format!("failed by {by}"),
        Ending::TimedOut => "timed out".to_owned(),
        Ending::Invalidated { error_code } => format!("invalidated {error_code}"),
        Ending::Cancelled { from } => format!("cancelled from {from}"),
    };
    match &conversation.phase {
        Phase::Gathering => "gathering".to_owned(),
        Phase::Running(progress) => format!("running {}", progress.next),
        Phase::Closing { ending: by, .. } => {
            let left: Vec<_> = conversation
                .unclosed()
                .map(|code| code.to_string())
                .collect();
            format!("closing {} ({})", ending(by), left.join(" "))
        }
        Phase::Ended(by) => ending(by),
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
        "ok look[Wake] closed 213, then timed out",
    );
}

#[test]
fn the_timekeeper_wakes_what_has_work() {
    check("1/1 +60 look", "ok+wake look[Wake], then running 1");
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
fn the_end_is_told_to_those_who_asked() {
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
    assert_eq!(phase(&closing), "closing complete (1)");
    let ended = closing.closed_through(SequenceCode::FIRST);
    assert_eq!(phase(&ended), "complete");
    assert_eq!(ended.due, Due::Never);
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
    assert_eq!(step.owed, [Owed::WakeAt(at(3_600))]);
    assert_eq!(
        step.conversation.map(|opened| opened.due),
        Some(Due::At(at(3_600)))
    );
}

#[test]
fn the_unrun_are_told_why() {
    let opened = Conversation::open(&call(1, 2), at(0))
        .conversation
        .expect("opened");
    let late = opened.look(at(301)).conversation.expect("timed out");
    let outcome = late
        .outcome_of_unrun(SequenceCode::FIRST, at(301))
        .expect("an outcome");
    assert_eq!(
        (outcome.how, outcome.error_code),
        (Ended::NotProcessed, Some(203))
    );
}
