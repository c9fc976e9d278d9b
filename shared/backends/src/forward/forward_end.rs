//! The end of a forwarded call: its results, and the outcome of the rest.

use calls::{BackendName, Call, Ended, Outcome, OverallStatus};
use jiff::Timestamp;
use objects::UnitResult;
use soap::{Element, ObjectResult};

/// The code of an unknown outcome.
pub const UNKNOWN: u32 = 298;

/// The end of a call, before it is committed.
#[derive(Clone)]
pub(super) struct ForwardEnd {
    pub(super) outcome: Outcome,
    pub(super) results: Option<Vec<ObjectResult>>,
}

/// The call that ends, and when.
#[derive(Clone, Copy)]
pub(super) struct EndContext<'a> {
    pub(super) call: &'a Call,
    pub(super) name: &'a BackendName,
    pub(super) body: &'a Element,
    pub(super) now: Timestamp,
}

impl EndContext<'_> {
    /// With results for all of its objects.
    pub(super) fn answered(self, results: Vec<ObjectResult>, last: OverallStatus) -> ForwardEnd {
        let failed: Vec<&ObjectResult> = results.iter().filter(|result| !result.ok).collect();
        let overall_status = match OverallStatus::of(results.len(), failed.len()) {
            OverallStatus::Ok => last,
            of_results @ (OverallStatus::HasErrors | OverallStatus::Error) => of_results,
        };
        let outcome = Outcome {
            how: Ended::CarriedOut,
            overall_status,
            status_message: failed
                .first()
                .map_or_else(String::new, |first| first.status_message.clone()),
            error_code: failed.iter().find_map(|result| result.error_code),
            ended_at: self.now,
        };
        ForwardEnd {
            outcome,
            results: Some(results),
        }
    }

    /// The fate of the objects after these results is unknown.
    pub(super) fn unknown(self, results: Vec<ObjectResult>, reason: &str) -> ForwardEnd {
        let message = format!(
            "Unknown. The call was sent to the backend {}, and nobody knows what became of it: \
             {reason}. It is not sent again by itself; look there before you send it again",
            self.name
        );
        self.broken_off(results, Ended::Unknown, &message, Some(UNKNOWN))
    }

    /// The backend refused the objects after these results.
    pub(super) fn refused(
        self,
        results: Vec<ObjectResult>,
        message: &str,
        code: Option<u32>,
    ) -> ForwardEnd {
        self.broken_off(results, Ended::CarriedOut, message, code)
    }

    /// The backend answered for fewer objects than were sent, so it is not known where to go on.
    pub(super) fn incomplete(self, results: Vec<ObjectResult>) -> ForwardEnd {
        let failed = results.iter().find(|result| !result.ok);
        let code = failed.and_then(|result| result.error_code);
        let message = match failed {
            Some(failed) => failed.status_message.clone(),
            None => "The backend answered for fewer objects than were sent".to_owned(),
        };
        self.broken_off(results, Ended::CarriedOut, &message, code)
    }

    /// The end of a call that cannot be continued: results that came before are kept.
    fn broken_off(
        self,
        mut results: Vec<ObjectResult>,
        how: Ended,
        message: &str,
        code: Option<u32>,
    ) -> ForwardEnd {
        let outcome = Outcome {
            how,
            overall_status: match results.iter().any(|result| result.ok) {
                true => OverallStatus::HasErrors,
                false => OverallStatus::Error,
            },
            status_message: message.to_owned(),
            error_code: code,
            ended_at: self.now,
        };
        if results.is_empty() && how == Ended::Unknown {
            return ForwardEnd {
                outcome,
                results: None,
            };
        }
        let objects = soap::objects_in(self.body, self.call.method);
        let rest = objects.skip(results.len()).map(|object| ObjectResult {
            status_message: message.to_owned(),
            error_code: code,
            object_type: object.type_name.clone().unwrap_or_default(),
            correlation_id: object.text_of("CorrelationID").map(str::to_owned),
            object: Some(object.clone()),
            ..ObjectResult::default()
        });
        let rest: Vec<ObjectResult> = rest.collect();
        results.extend(rest);
        ForwardEnd {
            outcome,
            results: Some(results),
        }
    }
}

/// The results of pieces that are committed.
pub(super) fn whole(units: Vec<UnitResult>) -> Vec<ObjectResult> {
    let whole = units.into_iter().filter_map(|unit| match unit {
        UnitResult::Whole(result) => Some(*result),
        UnitResult::Sends(_) | UnitResult::Progress(_) | UnitResult::Notes(_) => None,
    });
    whole.collect()
}
