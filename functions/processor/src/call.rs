//! One call: whether its turn has come, or never will. Its backend carries it out.

use calls::{Call, Ended, Outcome, OverallStatus, Progress};
use cloud::conversation::commit::CallEnd;
use cloud::objects_table::Chunk;
use jiff::Timestamp;

/// The protocol's code of a RequestExpirationTime that has passed.
const EXPIRED: u32 = 228;

/// What the options of a call say at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallTurn {
    Now,
    WaitsUntil(Timestamp),
    Expired,
}

/// A call never begins before its ScheduledTime or after its RequestExpirationTime. One that was
/// begun in time is finished, because part of its effects is committed already.
pub fn turn(call: &Call, progress: Progress, now: Timestamp) -> CallTurn {
    if progress.chunks > 0 || progress.may_be_out() {
        return CallTurn::Now;
    }
    if let Some(at) = call.options.scheduled_time.filter(|at| *at > now) {
        return CallTurn::WaitsUntil(at);
    }
    if call.options.expires_at.is_some_and(|at| at <= now) {
        return CallTurn::Expired;
    }
    CallTurn::Now
}

/// The end of a call that has expired.
pub(crate) fn expired(call: &Call, now: Timestamp) -> CallEnd<'_> {
    let outcome = Outcome {
        how: Ended::Expired,
        overall_status: OverallStatus::Error,
        status_message:
            "Expired. RequestExpirationTime had passed when the turn of the request came".to_owned(),
        error_code: Some(EXPIRED),
        ended_at: now,
    };
    CallEnd {
        call,
        outcome,
        results: None,
        chunk: Chunk::of_results(Vec::new()),
        mails_before: 0,
    }
}
