//! One triggered mail: sent at most once.
//!
//! | pk                      | sk                          | written by                         | read by              |
//! |-------------------------|-----------------------------|------------------------------------|----------------------|
//! | key of the conversation | `MAIL#0000000001#00000001`  | with the effect; notifier          | notifier             |
//! | key of the conversation | `MAILS#0000000001`          | with the outcome; notifier, timekeeper | notifier, timekeeper |
//!
//! The mails of a synchronous call are written by ingest, before the call is answered.
//!
//! The second lists the mails of a call by account and time. A mail that failed or is unknown is
//! listed among the failures, see [`crate::read::mails`].
//!
//! A mail is claimed before the request to the mail service. If the answer is lost, the mail is
//! *unknown* and not sent again automatically: its reader might get it twice.

use calls::conversation::LOOK_AGAIN;
use calls::{AccountId, ConversationKey, SequenceCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::table::{Key, Range, Table};
use crate::by_account::{failed_part_of, mail_part_of};
use crate::error::Error;
use crate::records::compression::{compress, decompress};
use crate::records::item::{Item, ItemReader, ItemWriter, due_shard};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailState {
    Pending,
    /// Claimed at that instant; the result has not been recorded yet.
    Sending(Timestamp),
    Sent(Timestamp),
    /// The mail service has refused it for good.
    Failed,
    /// Claimed, but it is unknown whether it was sent.
    Unknown,
}

/// One mail. Only `objects` reads `order`; here it is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRecord {
    pub conversation: ConversationKey,
    /// Whose call has ordered it.
    pub account: AccountId,
    pub sequence: SequenceCode,
    pub number: u32,
    pub version: u64,
    pub state: MailState,
    /// Why it failed, or why it is unknown whether it was sent.
    pub reason: Option<String>,
    /// When it was last claimed; its events have this time in their keys.
    pub claimed_at: Option<Timestamp>,
    /// When it failed, or became unknown: it is listed among what failed.
    pub failed_at: Option<Timestamp>,
    pub order: String,
}

/// The tag by which events of the mail service name a mail: its key, in characters that SES allows in a
/// tag. It does not contain the recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailTag {
    conversation: ConversationKey,
    sequence: SequenceCode,
    number: u32,
}

impl MailTag {
    /// `None`: this is not the tag of a mail.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let conversation = parts.next()?;
        let is_key = !conversation.is_empty()
            && conversation
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric());
        let tag = Self {
            conversation: ConversationKey(conversation.to_owned()),
            sequence: SequenceCode::new(parts.next()?.parse().ok()?)?,
            number: parts.next()?.parse().ok()?,
        };
        (is_key && parts.next().is_none()).then_some(tag)
    }

    fn key(&self) -> Key {
        MailRecord::key_at(&self.conversation, self.sequence, self.number)
    }
}

impl std::fmt::Display for MailTag {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (conversation, sequence) = (&self.conversation.0, self.sequence.get());
        write!(formatter, "{conversation}_{sequence}_{}", self.number)
    }
}

/// The progress of the mails of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailsRecord {
    pub conversation: ConversationKey,
    pub account: AccountId,
    pub sequence: SequenceCode,
    pub version: u64,
    pub count: u32,
    /// The mails up to this number are done.
    pub done_through: u32,
    /// When the progress was last recorded.
    pub looked_at: Timestamp,
    /// When they were created, by which they are listed.
    pub ordered_at: Timestamp,
    /// When it is due; `None`: all mails are done.
    pub due: Option<Timestamp>,
}

/// Whose mails are written, and how long they are kept.
#[derive(Clone, Copy)]
pub(crate) struct MailOwner<'a> {
    pub(crate) conversation: &'a ConversationKey,
    pub(crate) account: &'a AccountId,
    pub(crate) sequence: SequenceCode,
    pub(crate) expires: Timestamp,
}

pub(crate) fn mail_prefix(sequence: SequenceCode) -> String {
    format!("MAIL#{:010}#", sequence.get())
}

impl MailRecord {
    /// One that is to be sent.
    pub(crate) fn pending(owner: MailOwner<'_>, number: u32, order: String) -> Self {
        Self {
            conversation: owner.conversation.clone(),
            account: owner.account.clone(),
            sequence: owner.sequence,
            number,
            version: 1,
            state: MailState::Pending,
            reason: None,
            claimed_at: None,
            failed_at: None,
            order,
        }
    }

    pub(crate) fn key(&self) -> Key {
        Self::key_at(&self.conversation, self.sequence, self.number)
    }

    pub(crate) fn is_at(key: &Key) -> bool {
        key.sk.starts_with("MAIL#")
    }

    pub(crate) fn key_at(
        conversation: &ConversationKey,
        sequence: SequenceCode,
        number: u32,
    ) -> Key {
        let prefix = mail_prefix(sequence);
        Key::new(&conversation.0, format!("{prefix}{number:08}"))
    }

    /// The same mail in another state.
    pub(crate) fn next(&self, state: MailState, reason: Option<&str>, now: Timestamp) -> Self {
        let claimed_at = match state {
            MailState::Sending(since) => Some(since),
            MailState::Pending | MailState::Sent(_) | MailState::Failed | MailState::Unknown => {
                self.claimed_at
            }
        };
        Self {
            version: self.version + 1,
            state,
            reason: reason.map(str::to_owned),
            claimed_at,
            failed_at: match state {
                MailState::Failed | MailState::Unknown => Some(self.failed_at.unwrap_or(now)),
                MailState::Pending | MailState::Sending(_) | MailState::Sent(_) => None,
            },
            ..self.clone()
        }
    }

    pub fn tag(&self) -> MailTag {
        MailTag {
            conversation: self.conversation.clone(),
            sequence: self.sequence,
            number: self.number,
        }
    }

    /// The mail with that tag; `None`: it has expired.
    pub(crate) async fn load(table: &Table, tag: &MailTag) -> Result<Option<Self>, Error> {
        table
            .get(&tag.key())
            .await?
            .map(Self::from_item)
            .transpose()
    }

    /// Sorts the mails by call, and those of a call in their order.
    pub(crate) fn key_order(&self) -> (&ConversationKey, SequenceCode, u32) {
        (&self.conversation, self.sequence, self.number)
    }

    pub(crate) fn to_item(&self, expires: Timestamp) -> Item {
        ItemWriter::new(self.key())
            .number("version", self.version)
            .text("account", &self.account.0)
            .number("sequence", self.sequence)
            .number("number", self.number)
            .json("state", &self.state)
            .maybe_text("reason", self.reason.as_deref())
            .maybe_text(
                "claimed_at",
                self.claimed_at.map(|at| at.to_string()).as_deref(),
            )
            .bytes("order", &compress(&self.order))
            .failed(
                &failed_part_of(&self.conversation, &self.account),
                self.failed_at,
            )
            .expires(Some(expires))
            .done()
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        Ok(Self {
            conversation: ConversationKey(item.text("pk")?.to_owned()),
            // Those of earlier versions do not say.
            account: AccountId(item.maybe_text("account").unwrap_or_default().to_owned()),
            sequence: SequenceCode::new(item.number("sequence")?)
                .ok_or_else(|| item.unreadable("sequence"))?,
            number: item.number("number")?,
            version: item.number("version")?,
            state: item.json("state")?,
            reason: item.maybe_text("reason").map(str::to_owned),
            claimed_at: item
                .maybe_text("claimed_at")
                .map(|text| text.parse().map_err(|_| item.unreadable("claimed_at")))
                .transpose()?,
            failed_at: item.time("failed_at").ok(),
            order: decompress(item.bytes("order")).ok_or_else(|| item.unreadable("order"))?,
        })
    }

    /// The mails of a call from a number on, in order.
    pub(crate) async fn load_from(
        table: &Table,
        mails: &MailsRecord,
        first: u32,
        limit: i32,
    ) -> Result<Vec<Self>, Error> {
        let prefix = mail_prefix(mails.sequence);
        let (from, to) = (
            format!("{prefix}{first:08}"),
            format!("{prefix}{:08}", u32::MAX),
        );
        let range = Range::Between(&from, &to);
        let page = table
            .query(&mails.conversation.0, range, limit, None)
            .await?;
        page.items.into_iter().map(Self::from_item).collect()
    }
}

impl MailsRecord {
    /// For a call with so many mails, all of them pending.
    pub(crate) fn new(owner: MailOwner<'_>, count: u32, now: Timestamp) -> Self {
        Self {
            conversation: owner.conversation.clone(),
            account: owner.account.clone(),
            sequence: owner.sequence,
            version: 1,
            count,
            done_through: 0,
            looked_at: now,
            ordered_at: now,
            due: Some(now + LOOK_AGAIN),
        }
    }

    pub fn is_at(key: &Key) -> bool {
        key.sk.starts_with("MAILS#")
    }

    pub(crate) fn key(&self) -> Key {
        Self::key_of(&self.conversation, self.sequence)
    }

    pub(crate) fn key_of(conversation: &ConversationKey, sequence: SequenceCode) -> Key {
        Key::new(&conversation.0, format!("MAILS#{:010}", sequence.get()))
    }

    pub(crate) fn to_item(&self, expires: Timestamp) -> Item {
        let writing = ItemWriter::new(self.key())
            .number("version", self.version)
            .text("account", &self.account.0)
            .number("sequence", self.sequence)
            .number("count", self.count)
            .number("done_through", self.done_through)
            .number("looked_at", self.looked_at.as_millisecond())
            .listed(
                &mail_part_of(&self.conversation, &self.account),
                self.ordered_at,
            )
            .expires(Some(expires));
        match self.due {
            Some(due) => writing.due(&due_shard(&self.conversation), due),
            None => writing,
        }
        .done()
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        let looked_at = item.time("looked_at")?;
        Ok(Self {
            conversation: ConversationKey(item.text("pk")?.to_owned()),
            account: AccountId(item.text("account")?.to_owned()),
            sequence: SequenceCode::new(item.number("sequence")?)
                .ok_or_else(|| item.unreadable("sequence"))?,
            version: item.number("version")?,
            count: item.number("count")?,
            done_through: item.number("done_through")?,
            looked_at,
            // Those of earlier versions do not say.
            ordered_at: item.time("opened_at").unwrap_or(looked_at),
            due: item.time("due_at").ok(),
        })
    }

    pub(crate) async fn load(table: &Table, key: &Key) -> Result<Option<Self>, Error> {
        table.get(key).await?.map(Self::from_item).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_leads_to_its_mail_and_nothing_else_is_one() {
        let account = AccountId("1".to_owned());
        let tag = MailTag {
            conversation: ConversationKey::of_queue(&account, calls::QueuePriority::High),
            sequence: SequenceCode::FIRST,
            number: 2_499,
        };
        let text = tag.to_string();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        assert!(text.len() <= 256 && text.bytes().all(is_allowed), "{text}");
        assert_eq!(MailTag::parse(&text), Some(tag));
        for other in [
            "", "a", "a_1", "a_0_1", "a_1_x", "_1_1", "a#b_1_1", "a_1_1_1",
        ] {
            assert_eq!(MailTag::parse(other), None, "{other}");
        }
    }

    #[test]
    fn records_come_back_as_they_were() {
        let at = Timestamp::from_second(1_800_000_000).expect("a time");
        for state in [
            MailState::Pending,
            MailState::Sending(at),
            MailState::Sent(at),
            MailState::Failed,
            MailState::Unknown,
        ] {
            let record = MailRecord {
                conversation: ConversationKey("c".to_owned()),
                account: AccountId("1".to_owned()),
                sequence: SequenceCode::FIRST,
                number: 2_499,
                version: 4,
                state,
                reason: Some("why".to_owned()),
                claimed_at: Some(at),
                failed_at: (state == MailState::Failed).then_some(at),
                order: "{\"to\":\"a@example.com\"}".to_owned(),
            };
            let item = record.to_item(at);
            assert_eq!(
                item.contains_key("failed_share"),
                record.failed_at.is_some()
            );
            assert_eq!(MailRecord::from_item(item).expect("readable"), record);
            let next = |state| record.next(state, None, at).failed_at.is_some();
            assert!(next(MailState::Failed) && next(MailState::Unknown));
            assert!(!next(MailState::Pending) && !next(MailState::Sent(at)));
        }
        let mails = MailsRecord {
            conversation: ConversationKey("c".to_owned()),
            account: AccountId("1".to_owned()),
            sequence: SequenceCode::FIRST,
            version: 1,
            count: 2_500,
            done_through: 7,
            looked_at: at,
            ordered_at: at,
            due: Some(at),
        };
        let done = MailsRecord {
            due: None,
            ..mails.clone()
        };
        for mails in [&mails, &done] {
            let read = MailsRecord::from_item(mails.to_item(at));
            assert_eq!(read.expect("readable"), *mails);
        }
        assert!(MailsRecord::is_at(&mails.key()) && !done.to_item(at).contains_key("due_at"));
    }
}
