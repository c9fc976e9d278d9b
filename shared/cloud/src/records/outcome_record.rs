//! How a call ended, and its results.
//!
//! | pk                      | sk                            | written by                 | read by             |
//! |-------------------------|-------------------------------|----------------------------|---------------------|
//! | key of the conversation | `OUTCOME#0000000001`          | processor, with the effect; processor, notifier and timekeeper, for the reply that lies there | retrieval, notifier, timekeeper |
//! | key of the conversation | `RESULTS#0000000001#00000001` | processor, with the effect | processor           |
//!
//! The outcome holds one result per object. A call that is carried out in chunks leaves the results
//! of each chunk in a record of its own as well, so that whoever takes over can go on. A call's only
//! reply lies with its outcome where both are small, see [`crate::records::reply_record`]; the outcome of a
//! call alone lies in its conversation's header where it fits, see [`crate::records`].

use calls::{Call, ConversationKey, Digest, Method, Outcome, RequestId, SequenceCode};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use crate::aws::large_bodies::LargeBodies;
use crate::aws::table::Key;
use crate::error::Error;
use crate::records::call_record::STORED_BYTES_MAX;
use crate::records::compression::{compress, decompress, pack_measured, unpacked_bytes};
use crate::records::item::{Item, ItemReader, ItemWriter};

/// How a call ended, as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeRecord {
    pub conversation: ConversationKey,
    pub sequence: SequenceCode,
    pub request_id: RequestId,
    pub method: Method,
    pub object_type: String,
    /// How many objects the call has.
    pub objects: u32,
    pub outcome: Outcome,
    pub results: Results,
}

/// Where the results of a call lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Results {
    /// It was not carried out.
    None,
    /// Packed.
    Inline(Vec<u8>),
    InBucket {
        name: String,
        /// Unpacked.
        bytes: usize,
    },
}

/// Shorter results are small however well they are packed: four bytes more would take a write unit of
/// some calls.
const WORTH_MEASURING: usize = 4_000;

impl Results {
    /// Packs them, and puts large ones into the bucket. Their name there is made from what they
    /// are: whoever decides the same call once more, otherwise, and comes too late to commit it,
    /// does not write over those that were committed.
    pub(crate) async fn keep(
        bodies: &LargeBodies,
        conversation: &ConversationKey,
        sequence: SequenceCode,
        text: &str,
    ) -> Result<Self, Error> {
        let compressed = match text.len() < WORTH_MEASURING {
            true => compress(text),
            false => pack_measured(text),
        };
        if compressed.len() <= STORED_BYTES_MAX {
            return Ok(Self::Inline(compressed));
        }
        let Digest(digest) = Digest::of(&compressed);
        let name = format!("results/{conversation}/{sequence}-{digest}");
        bodies.put(&name, compressed).await?;
        let bytes = text.len();
        Ok(Self::InBucket { name, bytes })
    }

    /// How long they are unpacked; `None`: nobody has measured it.
    pub fn unpacked_bytes(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Inline(compressed) => Some(unpacked_bytes(compressed)),
            Self::InBucket { bytes, .. } => Some(*bytes),
        }
    }

    fn write(&self, writing: ItemWriter) -> ItemWriter {
        match self {
            Self::None => writing,
            Self::Inline(compressed) => writing.bytes("results", compressed),
            Self::InBucket { name, bytes } => writing
                .text("results_at", name)
                .number("results_bytes", *bytes),
        }
    }

    pub(crate) fn read(item: &ItemReader) -> Self {
        match (item.maybe_text("results_at"), item.bytes("results")) {
            (Some(name), _) => Self::InBucket {
                name: name.to_owned(),
                bytes: item.maybe_number("results_bytes").unwrap_or(usize::MAX),
            },
            (None, []) => Self::None,
            (None, compressed) => Self::Inline(compressed.to_vec()),
        }
    }

    /// Wherever they lie; `None`: there are none that could be read.
    pub(crate) async fn load<T: DeserializeOwned>(
        &self,
        bodies: &LargeBodies,
    ) -> Result<Option<T>, Error> {
        let text = match self {
            Self::None => None,
            Self::Inline(compressed) => decompress(compressed),
            Self::InBucket { name, .. } => {
                let compressed = bodies.get(name).await?;
                decompress(&compressed.ok_or_else(|| Error::Missing(name.clone()))?)
            }
        };
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

/// Behind all outcomes of a conversation, in the order of their sort keys.
pub(in crate::records) const LAST_OUTCOME: &str = "OUTCOME$";

pub(crate) fn outcome_sort(sequence: SequenceCode) -> String {
    format!("OUTCOME#{:010}", sequence.get())
}

pub(crate) fn chunk_prefix(sequence: SequenceCode) -> String {
    format!("RESULTS#{:010}#", sequence.get())
}

/// The record of one chunk's results.
pub(crate) fn chunk_item(
    conversation: &ConversationKey,
    sequence: SequenceCode,
    chunk: u32,
    results: &Results,
    expires: Timestamp,
) -> Item {
    let sort = format!("{}{chunk:08}", chunk_prefix(sequence));
    let writing = ItemWriter::new(Key::new(&conversation.0, sort));
    results.write(writing).expires(Some(expires)).done()
}

impl OutcomeRecord {
    pub(crate) fn is_at(key: &Key) -> bool {
        key.sk.starts_with("OUTCOME#")
    }

    pub(crate) fn key(conversation: &ConversationKey, sequence: SequenceCode) -> Key {
        Key::new(&conversation.0, outcome_sort(sequence))
    }

    pub(crate) fn to_item(&self, results_retention: SignedDuration) -> Item {
        let writing = ItemWriter::new(Self::key(&self.conversation, self.sequence));
        self.write(writing)
            .expires(Some(self.outcome.ended_at + results_retention))
            .done()
    }

    /// All but key and expiry.
    pub(crate) fn write(&self, writing: ItemWriter) -> ItemWriter {
        let writing = writing
            .number("sequence", self.sequence)
            .text("request_id", &self.request_id.0)
            .text("method", self.method.name())
            .text("object_type", &self.object_type)
            .number("objects", self.objects);
        self.write_beside_call(writing)
    }

    /// Without what the call beside it says.
    pub(crate) fn write_beside_call(&self, writing: ItemWriter) -> ItemWriter {
        self.results.write(writing.json("outcome", &self.outcome))
    }

    pub(crate) fn from_item(conversation: ConversationKey, item: Item) -> Result<Self, Error> {
        Self::read(conversation, &ItemReader(item))
    }

    pub(crate) fn read(conversation: ConversationKey, item: &ItemReader) -> Result<Self, Error> {
        let method = [
            Method::Create,
            Method::Update,
            Method::Delete,
            Method::Perform,
        ]
        .into_iter()
        .find(|method| Some(method.name()) == item.maybe_text("method"))
        .ok_or_else(|| item.unreadable("method"))?;
        Ok(Self {
            conversation,
            sequence: SequenceCode::new(item.number("sequence")?)
                .ok_or_else(|| item.unreadable("sequence"))?,
            request_id: RequestId(item.text("request_id")?.to_owned()),
            method,
            object_type: item.text("object_type")?.to_owned(),
            objects: item.number("objects")?,
            outcome: item.json("outcome")?,
            results: Results::read(item),
        })
    }

    pub(crate) fn read_beside_call(
        call: &Call,
        conversation: ConversationKey,
        item: &ItemReader,
    ) -> Result<Self, Error> {
        let outcome = item.json("outcome")?;
        Ok(Self::of(conversation, call, outcome, Results::read(item)))
    }

    /// How a call ended.
    pub(crate) fn of(
        conversation: ConversationKey,
        call: &Call,
        outcome: Outcome,
        results: Results,
    ) -> Self {
        Self {
            conversation,
            sequence: call.place.sequence(),
            request_id: call.request_id.clone(),
            method: call.method,
            object_type: call.object_type.clone(),
            objects: call.objects,
            outcome,
            results,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::{Ended, OverallStatus};

    #[test]
    fn a_record_comes_back_as_it_was() {
        for results in [
            Results::None,
            Results::Inline(compress("[]")),
            Results::InBucket {
                name: "results/r".to_owned(),
                bytes: 1_000_000,
            },
        ] {
            let record = OutcomeRecord {
                conversation: ConversationKey("c".to_owned()),
                sequence: SequenceCode::FIRST,
                request_id: RequestId("r".to_owned()),
                method: Method::Delete,
                object_type: "List".to_owned(),
                objects: 3,
                outcome: Outcome {
                    how: Ended::Expired,
                    overall_status: OverallStatus::Error,
                    status_message: "late".to_owned(),
                    error_code: Some(7),
                    ended_at: Timestamp::UNIX_EPOCH,
                },
                results,
            };
            let item = record.to_item(SignedDuration::ZERO);
            let read = OutcomeRecord::from_item(record.conversation.clone(), item);
            assert_eq!(read.expect("readable"), record);
        }
    }
}
