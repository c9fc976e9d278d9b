//! What a step needs to know of the header that it was decided on.

use calls::{ConversationKey, QueuePriority};
use jiff::Timestamp;

use crate::aws::lanes::RunLane;
use crate::records::conversation_record::ConversationRecord;
use crate::records::embedded_call::EmbeddedCall;

/// What a step needs to know of the header it was decided on.
#[derive(Clone, Debug)]
pub(crate) struct PreviousHeader {
    /// 0: there is none.
    pub(crate) version: u64,
    pub(crate) priority: QueuePriority,
    pub(crate) only: EmbeddedCall,
    pub(crate) queue: Option<ConversationKey>,
    pub(crate) lane: RunLane,
    pub(crate) calls_kept: u32,
    pub(crate) opened_at: Timestamp,
    pub(crate) failed_at: Option<Timestamp>,
}

impl PreviousHeader {
    pub(crate) fn of(header: &ConversationRecord) -> Self {
        Self {
            version: header.version,
            priority: header.conversation.priority,
            only: header.only.clone(),
            queue: header.conversation.queue(),
            lane: RunLane::of(&header.conversation),
            calls_kept: header.calls_kept,
            opened_at: header.opened_at,
            failed_at: header.failed_at,
        }
    }

    /// No header yet; it comes with what of its only call lies in it.
    pub(crate) fn nothing(only: EmbeddedCall, now: Timestamp) -> Self {
        Self {
            version: 0,
            priority: QueuePriority::default(),
            only,
            queue: None,
            lane: RunLane::Own,
            calls_kept: 0,
            opened_at: now,
            failed_at: None,
        }
    }
}
