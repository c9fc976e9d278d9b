//! What a message on the replies queue says, and in which lane it waits.

use calls::{ConversationKey, SequenceCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::lanes::Lane;

/// What a message on the replies queue says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyWakeUp {
    pub conversation: ConversationKey,
    pub sequence: SequenceCode,
    pub what: ReplyTarget,
    #[serde(default, skip_serializing_if = "Lane::is_conversation")]
    pub lane: Lane,
    /// Version of the record that it is for.
    pub step: u64,
    /// In ms, of one that is sent because an earlier one may have been lost or in vain: the queue would
    /// take it for a repeat of that one, and drop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<i64>,
}

/// Step of a wake-up for a reply that somebody else may hold: no record has this version.
const NOT_HANDED_ON: u64 = 0;

impl ReplyWakeUp {
    /// In the lane of its conversation, where each of them begins.
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

    /// The same once more.
    #[must_use]
    pub(crate) fn again(self, now: Timestamp) -> Self {
        Self {
            again_at: Some(now.as_millisecond()),
            ..self
        }
    }

    /// For whoever must not be taken for one to whom the reply was handed on.
    #[must_use]
    pub(crate) fn not_handed_on(self) -> Self {
        Self {
            step: NOT_HANDED_ON,
            ..self
        }
    }

    /// For the reply that is kept with the header of a call alone.
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
    /// The reply to the call's SendResponseTo of that number.
    Reply(u32),
    /// The reply that is kept with the outcome it tells of.
    OutcomeReply,
    /// The reply that is kept with the header of a call alone.
    EmbeddedReply,
    /// Its triggered mails.
    Mails,
}

/// What a message on the replies queue says, read.
pub fn read_reply_wake_up(body: &str) -> Result<ReplyWakeUp, serde_json::Error> {
    serde_json::from_str(body)
}
