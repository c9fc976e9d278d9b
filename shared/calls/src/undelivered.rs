//! First replies that a conversation's header answers for. Whoever carries out its calls posts the
//! replies to them in order; that they were delivered is written by the next commit of the header,
//! and until then the header says which of them may not have been.

use serde::{Deserialize, Serialize};

use crate::call::SequenceCode;

/// Most calls in whose replies the header is behind: as many are posted again after a crash.
pub const UNDELIVERED_MAX: u32 = 10;

/// Calls, from the first to the last, whose first replies may not have been delivered. Not each of
/// them has such a reply: what was committed with a call says that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Undelivered {
    pub first: SequenceCode,
    pub last: SequenceCode,
}

impl Undelivered {
    pub fn covers(self, sequence: SequenceCode) -> bool {
        (self.first..=self.last).contains(&sequence)
    }
}
