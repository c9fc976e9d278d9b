//! A call of unknown fate, as people find it, and what they have said of it since.
//!
//! | pk        | sk                                             | written by                                        | read by                |
//! |-----------|------------------------------------------------|---------------------------------------------------|------------------------|
//! | `UNKNOWN` | `<time>#<key of the conversation>#0000000001`  | processor, with the outcome; the operator's command | the operator's command |
//!
//! No other call has one. They lie in one partition, in the order of time: that takes a thousand a
//! second, while a breaker opens after five within a minute. What is said of a call is added here; its
//! outcome, which its caller was told, stays as it is. Expires with the results.

use calls::{AccountId, BackendName, Call, ConversationKey, Outcome, RequestId, SequenceCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// Where all of them lie.
pub(crate) const PARTITION: &str = "UNKNOWN";

/// What a person has found out, or done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It was carried out.
    Done,
    /// It was not.
    NotDone,
    /// It was sent again as this call.
    Resent(RequestId),
    /// It was sent again as what it is: a mail.
    SentAgain,
}

/// Who has said it, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub verdict: Verdict,
    pub by: String,
    pub at: Timestamp,
    pub why: String,
}

/// A call of unknown fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRecord {
    pub conversation: ConversationKey,
    pub version: u64,
    pub about: UnknownFate,
    pub settlement: Option<Settlement>,
    /// Together with the results.
    pub(crate) expires_at: Timestamp,
}

/// Which call it is, and what was told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownFate {
    pub account: AccountId,
    pub request_id: RequestId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    pub sequence: SequenceCode,
    pub method: String,
    pub object_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendName>,
    pub message: String,
    pub ended_at: Timestamp,
}

impl UnknownRecord {
    pub(crate) fn of(
        conversation: &ConversationKey,
        call: &Call,
        outcome: &Outcome,
        expires_at: Timestamp,
    ) -> Self {
        let name = call.conversation_id.as_ref();
        Self {
            conversation: conversation.clone(),
            version: 1,
            about: UnknownFate {
                account: call.account.clone(),
                request_id: call.request_id.clone(),
                conversation_id: name.map(|it| it.as_str().to_owned()),
                sequence: call.place.sequence(),
                method: call.method.name().to_owned(),
                object_type: call.object_type.clone(),
                backend: call.backend.clone(),
                message: outcome.status_message.clone(),
                ended_at: outcome.ended_at,
            },
            settlement: None,
            expires_at,
        }
    }

    /// Fifteen digits, so that the order of the keys is that of time.
    pub(crate) fn key(
        conversation: &ConversationKey,
        sequence: SequenceCode,
        ended_at: Timestamp,
    ) -> Key {
        let time = ended_at.as_millisecond();
        let sort = format!("{time:015}#{conversation}#{:010}", sequence.get());
        Key::new(PARTITION, sort)
    }

    pub(crate) fn to_item(&self) -> Item {
        let about = &self.about;
        let key = Self::key(&self.conversation, about.sequence, about.ended_at);
        let writing = ItemWriter::new(key)
            .number("version", self.version)
            .text("conversation", &self.conversation.0)
            .json("about", about)
            .expires(Some(self.expires_at));
        match &self.settlement {
            Some(settlement) => writing.json("settlement", settlement),
            None => writing,
        }
        .done()
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        Ok(Self {
            conversation: ConversationKey(item.text("conversation")?.to_owned()),
            version: item.number("version")?,
            about: item.json("about")?,
            settlement: match item.has("settlement") {
                true => Some(item.json("settlement")?),
                false => None,
            },
            expires_at: Timestamp::from_second(item.number("expires_at")?)
                .map_err(|_| item.unreadable("expires_at"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        let settlement = |verdict| Settlement {
            verdict,
            by: "ann".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            why: "looked there".to_owned(),
        };
        for settlement in [
            None,
            Some(settlement(Verdict::Done)),
            Some(settlement(Verdict::NotDone)),
            Some(settlement(Verdict::Resent(RequestId("again".to_owned())))),
        ] {
            let record = UnknownRecord {
                conversation: ConversationKey("7a".to_owned()),
                version: 3,
                about: UnknownFate {
                    account: AccountId("1".to_owned()),
                    request_id: RequestId("r".to_owned()),
                    conversation_id: Some("c # \u{e9}".to_owned()),
                    sequence: SequenceCode::FIRST,
                    method: "Create".to_owned(),
                    object_type: "List".to_owned(),
                    backend: BackendName::parse("mc"),
                    message: "Unknown.".to_owned(),
                    ended_at: Timestamp::UNIX_EPOCH,
                },
                settlement,
                expires_at: Timestamp::UNIX_EPOCH,
            };
            let item = record.to_item();
            assert_eq!(UnknownRecord::from_item(item).expect("readable"), record);
        }
    }

    #[test]
    fn keys_are_in_the_order_of_time() {
        let key = |ms| {
            let at = Timestamp::from_millisecond(ms).expect("a time");
            UnknownRecord::key(&ConversationKey("7a".to_owned()), SequenceCode::FIRST, at).sk
        };
        assert!(key(999_999_999_999) < key(1_000_000_000_000));
    }
}
