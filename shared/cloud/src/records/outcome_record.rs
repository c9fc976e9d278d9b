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
//! call alone lies in its conversation's header where it fits, see [`crate::records::embedded_call`].

use calls::{Call, ConversationKey, Digest, Method, Outcome, RequestId, SequenceCode};
use jiff::{SignedDuration, Timestamp};
use objects::UnitResult;
use serde::de::DeserializeOwned;
use soap::ObjectResult;

use crate::Cloud;
use crate::aws::large_bodies::LargeBodies;
use crate::aws::table::{Key, Range, Table};
use crate::error::Error;
use crate::records::call_record::{BODY_BYTES_MAX, CallRecord};
use crate::records::compression::{compress, decompress};
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::{Item, ItemReader, ItemWriter};
use crate::records::reply_record::{ReplyLocation, ReplyRecord};

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
    Here(Vec<u8>),
    InBucket(String),
}

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
        let compressed = compress(text);
        if compressed.len() <= BODY_BYTES_MAX {
            return Ok(Self::Here(compressed));
        }
        let Digest(digest) = Digest::of(&compressed);
        let name = format!("results/{conversation}/{sequence}-{digest}");
        bodies.put(&name, compressed).await?;
        Ok(Self::InBucket(name))
    }

    fn write(&self, writing: ItemWriter) -> ItemWriter {
        match self {
            Self::None => writing,
            Self::Here(compressed) => writing.bytes("results", compressed),
            Self::InBucket(name) => writing.text("results_at", name),
        }
    }

    fn read(item: &ItemReader) -> Self {
        match (item.maybe_text("results_at"), item.bytes("results")) {
            (Some(name), _) => Self::InBucket(name.to_owned()),
            (None, []) => Self::None,
            (None, compressed) => Self::Here(compressed.to_vec()),
        }
    }

    /// Wherever they lie; `None`: there are none that could be read.
    async fn load<T: DeserializeOwned>(&self, bodies: &LargeBodies) -> Result<Option<T>, Error> {
        let text = match self {
            Self::None => None,
            Self::Here(compressed) => decompress(compressed),
            Self::InBucket(name) => {
                let compressed = bodies.get(name).await?;
                decompress(&compressed.ok_or_else(|| Error::Missing(name.clone()))?)
            }
        };
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

fn outcome_sort(sequence: SequenceCode) -> String {
    format!("OUTCOME#{:010}", sequence.get())
}

fn chunk_prefix(sequence: SequenceCode) -> String {
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

    pub(crate) fn to_item(&self, results_kept: SignedDuration) -> Item {
        let writing = ItemWriter::new(Self::key(&self.conversation, self.sequence));
        self.write(writing)
            .expires(Some(self.outcome.ended_at + results_kept))
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

    /// One result per object. Those of a call that was not carried out are made of the call: `call`, if
    /// it is in hand.
    pub async fn object_results(
        &self,
        cloud: &Cloud,
        call: Option<&CallRecord>,
    ) -> Result<Vec<ObjectResult>, Error> {
        if self.results == Results::None {
            return cloud.results_of_unrun(self, call).await;
        }
        let results = self.results.load(&cloud.large_bodies).await?;
        results.ok_or_else(|| Error::Unreadable {
            sk: outcome_sort(self.sequence),
            attribute: "results",
        })
    }

    /// How the calls of a conversation ended, as far as it is stored: from one on, in order, at most
    /// `limit`. Beside them where the rest begins, if there is more to look at.
    pub(crate) async fn stored_from(
        table: &Table,
        header: &ConversationRecord,
        first: SequenceCode,
        limit: i32,
    ) -> Result<(Vec<Self>, Option<SequenceCode>), Error> {
        let conversation = &header.key;
        if let Some(end) = &header.only.end {
            let there = (end.outcome.sequence >= first).then(|| end.outcome.clone());
            return Ok((there.into_iter().collect(), None));
        }
        let last = format!("OUTCOME#{:010}", u32::MAX);
        let first = outcome_sort(first);
        let range = Range::Between(&first, &last);
        let page = table.query(&conversation.0, range, limit, None).await?;
        let records = page
            .items
            .into_iter()
            .map(|item| Self::from_item(conversation.clone(), item))
            .collect::<Result<Vec<_>, _>>()?;
        let last = records.last().map(|record| record.sequence);
        let rest = page.next.and(last).map(SequenceCode::next);
        Ok((records, rest))
    }

    /// The outcome of a call whose conversation has ended before its turn, and that closing has not
    /// written yet: word for word what it will write.
    pub fn to_be_written(header: &ConversationRecord, call: &Call) -> Option<Self> {
        let outcome = header
            .conversation
            .outcome_of_unrun(call.place.sequence())?;
        let key = header.key.clone();
        Some(Self::of(key, call, outcome, Results::None))
    }
}

impl Cloud {
    /// What the committed chunks of a call came to, in order.
    pub async fn chunk_results(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Vec<UnitResult>, Error> {
        let prefix = chunk_prefix(sequence);
        let mut results = Vec::new();
        let mut start = None;
        loop {
            let range = Range::Prefix(&prefix);
            let page = self
                .calls
                .query(&conversation.0, range, 500, start.as_ref())
                .await?;
            for item in page.items {
                let item = ItemReader(item);
                let chunk: Option<Vec<UnitResult>> =
                    Results::read(&item).load(&self.large_bodies).await?;
                results.extend(chunk.ok_or_else(|| item.unreadable("results"))?);
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(results),
            }
        }
    }

    /// How one call ended, if it has, and its results are still kept.
    pub async fn outcome(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
        now: Timestamp,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let record = match &header.only.end {
            Some(end) => Some(end.outcome.clone()),
            None => self.outcome_apart(&header.key, sequence).await?,
        };
        Ok(record.filter(|record| self.is_kept(record, now)))
    }

    /// The outcome that a reply tells of, as long as its results are kept.
    pub async fn outcome_told(
        &self,
        reply: &ReplyRecord,
        now: Timestamp,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let record = match &reply.kept {
            ReplyLocation::InHeader(header) => {
                header.only.end.as_ref().map(|end| end.outcome.clone())
            }
            ReplyLocation::WithOutcome(outcome) => Some(outcome.as_ref().clone()),
            ReplyLocation::Apart => {
                self.outcome_apart(&reply.conversation, reply.reply.sequence)
                    .await?
            }
        };
        Ok(record.filter(|record| self.is_kept(record, now)))
    }

    async fn outcome_apart(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let key = OutcomeRecord::key(conversation, sequence);
        let item = self.calls.get(&key).await?;
        item.map(|item| OutcomeRecord::from_item(conversation.clone(), item))
            .transpose()
    }

    /// How the calls of a conversation ended, from one on, in order; at most `limit`. Beside them
    /// where the rest begins, if there is more to look at.
    pub async fn outcomes_from(
        &self,
        header: &ConversationRecord,
        first: SequenceCode,
        limit: i32,
        now: Timestamp,
    ) -> Result<(Vec<OutcomeRecord>, Option<SequenceCode>), Error> {
        let found = OutcomeRecord::stored_from(&self.calls, header, first, limit).await?;
        // Where the rest begins is known before those are left out that are kept no longer: a page
        // may hold nothing else.
        let (mut records, rest) = found;
        records.retain(|record| self.is_kept(record, now));
        Ok((records, rest))
    }

    /// The table's TTL takes records late; what is promised is exact.
    fn is_kept(&self, record: &OutcomeRecord, now: Timestamp) -> bool {
        record.outcome.ended_at + self.results_kept() >= now
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
            Results::Here(compress("[]")),
            Results::InBucket("results/r".to_owned()),
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
