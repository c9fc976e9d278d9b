//! The content of a message on the replies queue, and its lane.

use calls::{ConversationKey, SequenceCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::lanes::Lane;

/// The content of a message on the replies queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyWakeUp {
    pub conversation: ConversationKey,
    pub sequence: SequenceCode,
    pub what: ReplyTarget,
    #[serde(default, skip_serializing_if = "Lane::is_conversation")]
    pub lane: Lane,
    /// The version of the record that it is for.
    pub step: u64,
    /// A time in ms, in a message that is sent because an earlier one may have been lost: without
    /// it, the queue would drop it as a duplicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<i64>,
}

/// The step of a wake-up for a reply that may be leased to another holder: no record has this
/// version.
const NOT_HANDED_ON: u64 = 0;

impl ReplyWakeUp {
    /// The lane of its conversation, where all begin.
    pub(crate) fn new(
        conversation: &ConversationKey,
        sequence: SequenceCode,
        what: ReplyTarget,
        step: u64,
    ) -> Self {
        Self {
            conversation: conversation.clone(),
            sequence,
            what,
            lane: Lane::Conversation,
            step,
            again_at: None,
        }
    }

    /// The same wake-up as a different message.
    #[must_use]
    pub(crate) fn again(self, now: Timestamp) -> Self {
        Self {
            again_at: Some(now.as_millisecond()),
            ..self
        }
    }

    /// For a sender that does not hold the reply.
    #[must_use]
    pub(crate) fn not_handed_on(self) -> Self {
        Self {
            step: NOT_HANDED_ON,
            ..self
        }
    }

    /// For the reply in the header of a call alone.
    pub(crate) fn for_call_alone(conversation: &ConversationKey, step: u64) -> Self {
        Self::new(
            conversation,
            SequenceCode::FIRST,
            ReplyTarget::EmbeddedReply,
            step,
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplyTarget {
    /// The reply for the call's SendResponseTo with that number.
    Reply(u32),
    /// The reply that is stored with its outcome.
    OutcomeReply,
    /// The reply that is stored with the header of a call alone.
    EmbeddedReply,
    /// Its triggered mails.
    Mails,
}

/// Parses the content of a message on the replies queue.
pub fn read_reply_wake_up(body: &str) -> Result<ReplyWakeUp, serde_json::Error> {
    serde_json::from_str(body)
}
