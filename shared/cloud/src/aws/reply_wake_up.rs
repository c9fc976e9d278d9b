//! What a message on the replies queue says, and in which lane it waits.

use calls::{AccountId, ConversationKey, SequenceCode, hash_parts, hex};
use serde::{Deserialize, Serialize};

/// Lanes of an account for replies to receivers that are slow. With the one for those that nobody
/// knows, a quarter of the 20 places that docs/deploying.md advises for the notifier.
pub const SLOW_LANES: u8 = 4;

/// Where a wake-up for a reply waits. The queue gives the messages of one lane to one invocation at a
/// time: it is their message group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lane {
    /// Its conversation's own.
    #[default]
    Conversation,
    /// That of an account's receivers that nobody knows.
    FirstContact { account: AccountId },
    /// One of an account's for receivers that are slow.
    Slow { account: AccountId, number: u8 },
}

impl Lane {
    fn is_conversation(&self) -> bool {
        *self == Self::Conversation
    }

    pub fn group(&self, conversation: &ConversationKey) -> String {
        // An account's id may be longer than a group's.
        let of = |account: &AccountId| hex(&hash_parts(&["LANE", &account.0]));
        match self {
            Self::Conversation => conversation.0.clone(),
            Self::FirstContact { account } => format!("first-{}", of(account)),
            Self::Slow { account, number } => format!("slow-{number}-{}", of(account)),
        }
    }
}

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
}

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
        }
    }

    /// For the reply that lies in the header of a call alone.
    pub(crate) fn embedded(conversation: &ConversationKey, step: u64) -> Self {
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
