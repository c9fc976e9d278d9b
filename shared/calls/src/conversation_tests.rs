//! The life of a conversation: which events come in which order, and what is answered and done.

use super::*;
use crate::call::{AccountId, ConversationId, Digest, Method, RequestId};
use crate::lifecycle::Cancelled;
use crate::options::Options;
use crate::outcome::{Ended, Outcome, OverallStatus};
use crate::{RespondWhen, Subscription};

#[path = "conversation_tests/due_tests.rs"]
mod due;
#[path = "conversation_tests/ending_tests.rs"]
mod ending;
#[path = "conversation_tests/gathering_tests.rs"]
mod gathering;

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

fn opened(calls: i64) -> Conversation {
    let step = Conversation::open(&call(1, calls), at(0));
    step.conversation.expect("opened")
}

fn opened_with(call: &Call) -> Conversation {
    Conversation::open(call, at(0))
        .conversation
        .expect("opened")
}
