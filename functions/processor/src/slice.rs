//! How long a run keeps its place, and what goes to its account's lanes: one account's large calls and
//! long conversations do not hold the places that others need.

use calls::{Call, Conversation};
use cloud::aws::lanes::RunLane;
use jiff::{SignedDuration, Timestamp};

/// After this a run goes on in a lane of its account, whatever it is about.
const SLICE: SignedDuration = SignedDuration::from_secs(5);

/// After this it gives way to the others of its lane.
const LONG_SLICE: SignedDuration = SignedDuration::from_secs(15);

/// A call of more objects takes long: that are three transactions or more.
const MANY_OBJECTS: u32 = 200;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// When the invocation has to be done, replies included.
    pub(crate) deadline: Timestamp,
    /// When the run leaves its place to others.
    pub(crate) ends: Timestamp,
    /// Whether it does not go to a lane before it begins: it is in one, or has been.
    is_long: bool,
}

impl Slice {
    /// `has_waited`: it has left its lane to wait. Sent there again, it would be taken for a repeat.
    pub(crate) fn of(
        lane: &RunLane,
        has_waited: bool,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        let (is_long, slice) = match lane {
            RunLane::Own | RunLane::Flood | RunLane::Deferred { .. } => (has_waited, SLICE),
            RunLane::Long { .. } => (true, LONG_SLICE),
        };
        Self {
            deadline,
            ends: deadline.min(now + slice),
            is_long,
        }
    }

    /// Whether a call waits in a lane until it is carried out, and what is behind it in its
    /// conversation. What stands in its account's queue has one place for all of it.
    pub(crate) fn is_too_short_for(self, conversation: &Conversation, call: &Call) -> bool {
        let takes_long = call.objects > MANY_OBJECTS || RunLane::of(conversation) != RunLane::Own;
        takes_long && !self.is_long && conversation.queue().is_none()
    }
}
