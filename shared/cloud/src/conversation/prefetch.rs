//! What a run of a conversation reads, several records in one request: the header with calls, and
//! calls before their turn.
//!
//! Calls can be read early because only a new ScheduledTime changes them, and that changes the
//! header, too: after a conflict they are read again. Objects change at any time, so they are read
//! when the call's turn has come, see [`crate::objects_table`].

use std::collections::BTreeMap;

use calls::{Call, ConversationKey, SequenceCode};

use crate::Cloud;
use crate::error::Error;
use crate::records::call_record::{CallRecord, PackedBody, missing_call};
use crate::records::conversation_record::ConversationRecord;
use crate::records::load::{HeaderWithCalls, load_header_with_calls, load_next_calls};

/// Calls that are read with the header: all those of most conversations, the last ones of a longer
/// conversation.
const WITH_HEADER: i32 = 3;

/// Calls that are read in one request after that: two or three read units, where each alone would
/// take one.
const CALLS_AT_ONCE: u32 = 10;

/// Calls of a conversation that were read and have not had their turn.
#[derive(Debug, Default)]
pub struct Prefetched(BTreeMap<SequenceCode, CallRecord>);

/// A conversation at the beginning of a run.
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
    /// A conversation at the beginning of a run; `None`: there is no such conversation.
    pub async fn begin_run(&self, key: &ConversationKey) -> Result<Option<RunStart>, Error> {
        let loaded = load_header_with_calls(&self.calls, key, WITH_HEADER).await?;
        Ok(loaded.map(|HeaderWithCalls { header, calls }| {
            let mut prefetched = Prefetched::default();
            prefetched.put(calls);
            RunStart { header, prefetched }
        }))
    }

    /// The call that is next.
    pub async fn next_call(
        &self,
        prefetched: &mut Prefetched,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<NextCall, Error> {
        prefetched.0.retain(|read, _| *read >= sequence);
        if !prefetched.0.contains_key(&sequence) {
            let calls = load_next_calls(&self.calls, header, sequence, CALLS_AT_ONCE).await?;
            prefetched.put(calls);
        }
        let record = prefetched.0.get(&sequence);
        let record = record.ok_or_else(|| missing_call(&header.key, sequence))?;
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
        let record = self.require_call(header, sequence).await?;
        Ok(record.call.into_value())
    }
}

impl Prefetched {
    fn put(&mut self, records: Vec<CallRecord>) {
        let records = records.into_iter();
        self.0
            .extend(records.map(|record| (record.call.place.sequence(), record)));
    }

    /// After a conflict: a call that waits may have been given another time.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}
