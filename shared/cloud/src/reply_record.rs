//! One reply: owed by the commit that ended its call, until it is delivered or given up.
//!
//! | pk                      | sk                             | written by                      | read by              |
//! |-------------------------|--------------------------------|---------------------------------|----------------------|
//! | key of the conversation | `REPLY#0000000001#00`          | processor, then notifier        | notifier, timekeeper |
//!
//! The one reply to a call alone lies in its conversation's header where it fits, see
//! [`crate::only_call`].

use calls::{AccountId, ConversationId, ConversationKey, Reply, ReplyState, SequenceCode};
use jiff::{SignedDuration, Timestamp};

use crate::item::{Item, Reading, Writing, due_shard};
use crate::standing::Standing;
use crate::table::{Key, Table};
use crate::trouble::Trouble;

/// When a reply whose wake-up was lost is looked at again.
pub const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyRecord {
    pub conversation: ConversationKey,
    pub account: AccountId,
    pub conversation_id: Option<ConversationId>,
    pub version: u64,
    pub reply: Reply,
    pub kept: Kept,
}

/// Where a reply lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In a record of its own.
    Apart,
    /// In the header of a call alone, see [`crate::only_call`].
    InHeader(Box<Standing>),
}

pub(crate) fn reply_key(
    conversation: &ConversationKey,
    sequence: SequenceCode,
    number: u32,
) -> Key {
    Key::new(
        &conversation.0,
        format!("REPLY#{:010}#{number:02}", sequence.get()),
    )
}

impl ReplyRecord {
    pub fn is_at(key: &Key) -> bool {
        key.sk.starts_with("REPLY#")
    }

    pub(crate) fn key(&self) -> Key {
        reply_key(&self.conversation, self.reply.sequence, self.reply.number)
    }

    /// `due`: when somebody must look at it again, if it is still owed.
    pub(crate) fn to_item(&self, due: Timestamp, expires: Timestamp) -> Item {
        let writing = Writing::new(self.key())
            .number("version", self.version)
            .text("account", &self.account.0)
            .maybe_text(
                "conversation_id",
                self.conversation_id.as_ref().map(ConversationId::as_str),
            )
            .json("reply", &self.reply)
            .expires(Some(expires));
        match self.reply.state {
            ReplyState::Owed(_) => writing.due(&due_shard(&self.conversation), due),
            ReplyState::Delivered | ReplyState::GivenUp => writing,
        }
        .done()
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Trouble> {
        let item = Reading(item);
        let conversation_id = item
            .maybe_text("conversation_id")
            .map(ConversationId::parse)
            .transpose()
            .map_err(|_| item.unreadable("conversation_id"))?;
        Ok(Self {
            conversation: ConversationKey(item.text("pk")?.to_owned()),
            account: AccountId(item.text("account")?.to_owned()),
            conversation_id,
            version: item.number("version")?,
            reply: item.json("reply")?,
            kept: Kept::Apart,
        })
    }

    /// The reply that is kept with a header, if one is.
    pub(crate) fn of_header(standing: Standing) -> Option<Self> {
        let reply = standing.only.as_ref()?.reply.clone()?;
        Some(Self {
            conversation: standing.key.clone(),
            account: standing.conversation.account.clone(),
            conversation_id: standing.conversation.conversation_id.clone(),
            version: standing.version,
            reply,
            kept: Kept::InHeader(Box::new(standing)),
        })
    }

    pub(crate) async fn load(table: &Table, key: &Key) -> Result<Option<Self>, Trouble> {
        table.get(key).await?.map(Self::from_item).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::{
        About, AsyncResponseType, Attempt, Found, OverallStatus, RequestId, RespondWhen,
        Subscription,
    };

    #[test]
    fn a_record_comes_back_as_it_was() {
        for state in [
            ReplyState::Owed(Timestamp::UNIX_EPOCH),
            ReplyState::Delivered,
            ReplyState::GivenUp,
        ] {
            let record = ReplyRecord {
                conversation: ConversationKey("c".to_owned()),
                account: AccountId("1".to_owned()),
                conversation_id: ConversationId::parse("a # b").ok(),
                version: 3,
                kept: Kept::Apart,
                reply: Reply {
                    request_id: RequestId("r".to_owned()),
                    sequence: SequenceCode::FIRST,
                    number: 1,
                    about: About::Conversation,
                    subscription: Subscription {
                        response_type: AsyncResponseType::Email,
                        address: "a@example.com".to_owned(),
                        respond_when: RespondWhen::OnConversationError,
                        include_results: true,
                        include_objects: false,
                        only_include_base: true,
                    },
                    overall_status: OverallStatus::HasErrors,
                    status_message: "no".to_owned(),
                    error_code: Some(1),
                    owed_since: Timestamp::UNIX_EPOCH,
                    attempts: vec![Attempt {
                        at: Timestamp::UNIX_EPOCH,
                        found: Found::Status {
                            status: 503,
                            retry_after_s: Some(9),
                        },
                    }],
                    state,
                },
            };
            let item = record.to_item(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
            assert_eq!(
                item.contains_key("due_at"),
                matches!(state, ReplyState::Owed(_))
            );
            assert_eq!(ReplyRecord::from_item(item).expect("readable"), record);
        }
    }
}
