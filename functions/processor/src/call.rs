//! One call: whether its turn has come. Its backend carries it out.

use calls::{Call, Progress};
use jiff::Timestamp;

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
