//! What a run of a conversation reads, several records in one request: its header together with
//! calls, and calls ahead of their turn.
//!
//! Calls can be read ahead because they never change. The objects can, so they are read when the
//! call's turn has come, see [`crate::objects_table`].

use std::collections::BTreeMap;

use calls::{Call, ConversationKey, SequenceCode};

use crate::Cloud;
use crate::aws::table::Range;
use crate::error::Error;
use crate::records::call_record::{CallRecord, PackedBody, call_key};
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::{Item, ItemReader};

/// Calls that are read with the header: those of most conversations. Of a longer one they are the
/// last.
const WITH_HEADER: i32 = 3;

/// Calls that are read in one request after that: two or three units of reading, where each alone
/// would take one.
const CALLS_AT_ONCE: u32 = 10;

/// Calls of a conversation that were read and have not had their turn.
#[derive(Debug, Default)]
pub struct Prefetched(BTreeMap<SequenceCode, CallRecord>);

/// A conversation as a run begins with it.
#[derive(Debug)]
pub struct RunStart {
    pub header: ConversationRecord,
    pub prefetched: Prefetched,
}

/// The call whose turn it is, with its body as it is stored.
pub struct NextCall {
    pub call: Call,
    pub body: PackedBody,
}

impl Cloud {
    /// A conversation as a run begins with it; `None`: it is not there.
    pub async fn begin_run(&self, key: &ConversationKey) -> Result<Option<RunStart>, Error> {
        let header = ConversationRecord::table_key(key);
        // The header comes after its calls, so that it is read first from behind.
        let range = Range::Down(&header.sk, "CALL#");
        let page = self
            .calls
            .query(&key.0, range, 1 + WITH_HEADER, None)
            .await?;
        let mut items = page.items.into_iter();
        let Some(first) = items.next().map(ItemReader) else {
            return Ok(None);
        };
        // Calls that were kept and never counted have no header.
        if first.text("sk")? != header.sk {
            return Ok(None);
        }
        let header = ConversationRecord::from_item(key.clone(), first.0)?;
        let mut prefetched = Prefetched::default();
        prefetched.put_readable(items);
        Ok(Some(RunStart { header, prefetched }))
    }

    /// The call that is next.
    pub async fn next_call(
        &self,
        prefetched: &mut Prefetched,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<NextCall, Error> {
        if let Some(record) = &header.only.call {
            let body = record.packed_body(&self.large_bodies).await?;
            return Ok(NextCall {
                call: Call::clone(&record.call),
                body,
            });
        }
        let key = &header.key;
        prefetched.0.retain(|read, _| *read >= sequence);
        if !prefetched.0.contains_key(&sequence) {
            let first = call_key(key, sequence).sk;
            let last = sequence.get().saturating_add(CALLS_AT_ONCE - 1);
            let last = SequenceCode::new(last)
                .map_or_else(|| first.clone(), |last| call_key(key, last).sk);
            let range = Range::Between(&first, &last);
            let limit = i32::try_from(CALLS_AT_ONCE).unwrap_or(i32::MAX);
            let page = self.calls.query(&key.0, range, limit, None).await?;
            let mut items = page.items.into_iter();
            if let Some(item) = items.next() {
                prefetched.put(CallRecord::from_item(item)?);
            }
            prefetched.put_readable(items);
        }
        let record = prefetched.0.get(&sequence);
        let record = record.ok_or_else(|| Error::Missing(format!("CALL#{sequence} of {key}")))?;
        let body = record.packed_body(&self.large_bodies).await?;
        Ok(NextCall {
            call: Call::clone(&record.call),
            body,
        })
    }

    /// The call that is next, without its body.
    pub async fn call_in_turn(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<Call, Error> {
        let record = self.call_record(header, sequence).await?;
        let record =
            record.ok_or_else(|| Error::Missing(format!("CALL#{sequence} of {}", header.key)))?;
        Ok(record.call.into_value())
    }
}

impl Prefetched {
    fn put(&mut self, record: CallRecord) {
        self.0.insert(record.call.place.sequence(), record);
    }

    /// Without a damaged one, which is read once more when its turn has come: those before it can
    /// do without it.
    fn put_readable(&mut self, items: impl Iterator<Item = Item>) {
        let records = items.filter_map(|item| CallRecord::from_item(item).ok());
        records.for_each(|record| self.put(record));
    }
}
