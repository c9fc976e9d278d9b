//! The results of a call that was sent again. Pure.

use calls::{Method, OverallStatus};
use soap::{CallAnswer, ObjectResult};

/// Codes of objects that are not there to be deleted.
const NOT_THERE: [u32; 5] = [12_015, 13_000, 13_004, 43_010, 310_002];

/// The result of a repeated Delete: an object that does not exist any more was deleted the first
/// time.
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
