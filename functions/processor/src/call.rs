//! One call: whether its turn has come. Carrying it out is for its backend.

use calls::{Call, Progress};
use jiff::Timestamp;

/// What the options of a call say about now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallTurn {
    Now,
    WaitsUntil(Timestamp),
    Expired,
}

/// Never before its ScheduledTime, never begun after its RequestExpirationTime. What was begun in
/// time is finished: part of its effects is there already.
pub fn turn(call: &Call, progress: Progress, now: Timestamp) -> CallTurn {
    if progress.chunks > 0 || progress.begun.is_some() {
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
