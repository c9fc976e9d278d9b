//! Which records last as long as a call waits, and what is written when a call itself changes while it
//! waits.

use calls::Call;
use jiff::{SignedDuration, Timestamp};

use crate::aws::table::Key;
use crate::records::call_record::{Body, CallRecord, call_key};
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::Item;

/// What is kept of a call, beside its header, until its results are gone.
pub(crate) struct RecordsOfCall<'a> {
    /// Records that expire by themselves. A large body that one of them names expires with it.
    pub(crate) keys: Vec<Key>,
    /// The object of the bucket that only the header names.
    pub(crate) large_body: Option<&'a str>,
}

impl ConversationRecord {
    /// The record of a call. A call in its header lasts as long as that, but for a large body.
    pub(crate) fn records_of_call(&self, call: &Call) -> RecordsOfCall<'_> {
        if let Some(record) = &self.embedded.call {
            let large_body = match &record.body {
                Body::InBucket(name) => Some(name.as_str()),
                Body::Inline(_) | Body::None => None,
            };
            return RecordsOfCall {
                keys: Vec::new(),
                large_body,
            };
        }
        RecordsOfCall {
            keys: vec![call_key(&call.conversation_key(), call.place.sequence())],
            large_body: None,
        }
    }
}

/// What is written when a call changes that has not had its turn.
pub(crate) struct ChangedCall {
    /// The header that is committed with it.
    pub(crate) header: Item,
    /// The record of the call, written with the header if it is not in it.
    pub(crate) call: Option<Item>,
}

impl ChangedCall {
    /// `next` is the header that is committed.
    pub(crate) fn of(
        mut next: ConversationRecord,
        record: CallRecord,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Self {
        if next.embedded.call.is_some() {
            next.embedded.call = Some(Box::new(record));
            return Self {
                header: next.to_item(results_retention, now),
                call: None,
            };
        }
        let mut item = record.to_item(results_retention);
        if next.calls_kept > 0 {
            // It lasts as long as the call waits.
            item.remove("expires_at");
        }
        Self {
            header: next.to_item(results_retention, now),
            call: Some(item),
        }
    }
}
