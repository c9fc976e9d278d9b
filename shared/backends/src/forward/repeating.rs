//! Whether a call of unknown fate is sent once more, and what is said of one that was. Pure.
//!
//! Only what its account has declared safe to repeat, and only so often. Where the first copy may still
//! be carried out, a later call could land before it: then only calls outside any order are repeated.

use calls::{Call, Conversation, Method, OverallStatus, Progress};
use jiff::SignedDuration;
use soap::{CallAnswer, ObjectResult};

use super::judge::Fate;

/// Most repetitions of a call, or of a piece of one: what the protocol's own documentation advises.
const REPEATS_MAX: u32 = 3;

/// Before the first repetition; before each further one twice as long.
const PAUSE_FIRST: SignedDuration = SignedDuration::from_secs(2);

/// Codes of objects that are not there to be deleted.
const NOT_THERE: [u32; 5] = [12_015, 13_000, 13_004, 43_010, 310_002];

/// How long to wait before a call of unknown fate is sent again; `None`: it is not.
pub(super) fn repeated_after(
    call: &Call,
    conversation: &Conversation,
    progress: Progress,
    fate: Fate,
) -> Option<SignedDuration> {
    let has_order = call.conversation_id.is_some() || conversation.queue_place.is_some();
    let is_in_order = match fate {
        Fate::Over => true,
        Fate::MayStillHappen => !has_order,
    };
    let may = call.safe_to_repeat && is_in_order && progress.repeats < REPEATS_MAX;
    may.then(|| PAUSE_FIRST * (1 << progress.repeats.min(REPEATS_MAX)))
}

/// The answer to a repeated Delete: what is not there any more was deleted the first time.
pub(super) fn read_as_repeated(method: Method, answer: CallAnswer) -> CallAnswer {
    if method != Method::Delete {
        return answer;
    }
    let results: Vec<ObjectResult> = answer.results.into_iter().map(as_deleted).collect();
    let failed = results.iter().filter(|result| !result.ok).count();
    let overall_status = match failed {
        0 => OverallStatus::Ok,
        _ => answer.overall_status,
    };
    CallAnswer {
        overall_status,
        results,
    }
}

fn as_deleted(mut result: ObjectResult) -> ObjectResult {
    if result.ok || !is_not_there(&result) {
        return result;
    }
    result.ok = true;
    result.error_code = None;
    result.status_message = format!(
        "Deleted by the first of two sendings: {}",
        result.status_message
    );
    if let Some(received) = &mut result.received {
        received.children.retain(|child| child.name != "ErrorCode");
        for child in &mut received.children {
            match child.name.as_str() {
                "StatusCode" => "OK".clone_into(&mut child.text),
                "StatusMessage" => child.text.clone_from(&result.status_message),
                _ => {}
            }
        }
    }
    result
}

fn is_not_there(result: &ObjectResult) -> bool {
    let text = result.status_message.to_lowercase();
    let says = ["not found", "does not exist", "notfound"];
    result
        .error_code
        .is_some_and(|code| NOT_THERE.contains(&code))
        || says.iter().any(|it| text.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(code: u32, text: &str) -> ObjectResult {
        ObjectResult {
            error_code: Some(code),
            status_message: text.to_owned(),
            ..ObjectResult::default()
        }
    }

    #[test]
    fn what_is_not_there_was_deleted_and_other_errors_stay() {
        let read = |method, results: Vec<ObjectResult>| {
            let answer = CallAnswer {
                overall_status: OverallStatus::Error,
                results,
            };
            let read = read_as_repeated(method, answer);
            let ok: Vec<bool> = read.results.iter().map(|it| it.ok).collect();
            (read.overall_status, ok)
        };
        let gone = || result(310_002, "x");
        let said = || result(2, "Primary key 'a' does not exist.");
        let other = || result(13_002, "Exception during delete");
        assert_eq!(
            read(Method::Delete, vec![gone(), said()]),
            (OverallStatus::Ok, vec![true, true])
        );
        assert_eq!(
            read(Method::Delete, vec![gone(), other()]),
            (OverallStatus::Error, vec![true, false])
        );
        assert_eq!(
            read(Method::Update, vec![gone()]),
            (OverallStatus::Error, vec![false])
        );
    }
}
