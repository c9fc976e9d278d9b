//! How long a run keeps its place, and which calls go to lanes of their account, so that large
//! calls and long conversations of one account do not hold the places that other accounts need.

use calls::{Call, Conversation};
use cloud::aws::lanes::RunLane;
use jiff::{SignedDuration, Timestamp};

/// After this time a run goes on in a lane of its account, whatever it carries out.
const SLICE: SignedDuration = SignedDuration::from_secs(5);

/// After this time a run gives way to the others of its lane.
const LONG_SLICE: SignedDuration = SignedDuration::from_secs(15);

/// A call of more objects takes long: it needs three transactions or more.
const MANY_OBJECTS: u32 = 200;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// When the invocation has to be done, replies included.
    pub(crate) deadline: Timestamp,
    /// When the run gives its place to others.
    pub(crate) ends: Timestamp,
    /// Whether the run may begin where it is: it is in a lane, or has been in one.
    is_long: bool,
}

impl Slice {
    /// `has_waited`: the run has left its lane to wait. A second message to the same lane would be
    /// dropped as a repeat.
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

    /// Whether a call, and what is behind it in its conversation, waits in a lane until it is
    /// carried out. A call in its account's queue shares the one place of that queue.
    pub(crate) fn is_too_short_for(self, conversation: &Conversation, call: &Call) -> bool {
        let takes_long = call.objects > MANY_OBJECTS || RunLane::of(conversation) != RunLane::Own;
        takes_long && !self.is_long && conversation.queue().is_none()
    }
}
