//! What a record says of a reply, wherever it lies, and the replies that a header answers for.

use calls::ConversationKey;

use crate::Cloud;
use crate::aws::table::{Key, key_of};
use crate::error::Error;
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::Item;
use crate::records::reply_record::ReplyRecord;

/// What a record says of a reply.
pub(super) enum FoundReply {
    /// It lies there: in a record of its own, with its outcome, or in a header.
    Stored(Box<ReplyRecord>),
    /// The record of an outcome whose reply the header answers for.
    ByHeader(Item),
    None,
}

pub(super) fn read(item: Item) -> Result<FoundReply, Error> {
    let Some(key) = key_of(&item) else {
        return Ok(FoundReply::None);
    };
    let stored = if ConversationRecord::is_at(&key) {
        ReplyRecord::of_header(ConversationRecord::from_keyed_item(item)?)
    } else if ReplyRecord::has_first_reply(&item) {
        return Ok(FoundReply::ByHeader(item));
    } else if ReplyRecord::is_at(&key) {
        ReplyRecord::from_item(&key, item)?
    } else {
        None
    };
    Ok(stored.map_or(FoundReply::None, |record| {
        FoundReply::Stored(Box::new(record))
    }))
}

impl Cloud {
    /// The replies that a header answers for, or has answered for, by the outcomes that were read before
    /// it; those that have records of their own are as these say.
    pub(super) async fn replies_by_header(
        &self,
        key: &ConversationKey,
        outcomes: Vec<Item>,
    ) -> Result<Vec<ReplyRecord>, Error> {
        if outcomes.is_empty() {
            return Ok(Vec::new());
        }
        // In this order: a reply is in the header from the commit of its outcome on, and has a record
        // before the header answers for it no longer.
        let Some(header) = self.conversation_record(key).await? else {
            return Ok(Vec::new());
        };
        let mut replies = Vec::new();
        for item in outcomes {
            replies.extend(ReplyRecord::of_outcome(&header, item)?);
        }
        let keys: Vec<Key> = replies.iter().map(ReplyRecord::key_apart).collect();
        for item in self.calls.get_many(&keys).await? {
            let FoundReply::Stored(apart) = read(item)? else {
                continue;
            };
            let same = |it: &&mut ReplyRecord| it.key_apart() == apart.key_apart();
            if let Some(reply) = replies.iter_mut().find(same) {
                *reply = *apart;
            }
        }
        Ok(replies)
    }
}
