//! Conversations whose next call waits for its ScheduledTime, the soonest first, without a scan.
//!
//! They stand in the index of what is due under the time at which they are looked at again, which is that
//! ScheduledTime. What else is due then (retries of replies, running conversations) stands there too and is
//! passed over: of each part of the index so many entries are looked at and no more.

use std::collections::BTreeMap;

use calls::{Call, ConversationKey, Phase};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::table::{BATCH_GET_MAX, Key, ListEntry, ListIndex, ListOrder, PartQuery};
use crate::due::shards;
use crate::error::Error;
use crate::records::call_record::{CallRecord, call_key};
use crate::records::conversation_record::ConversationRecord;

/// Entries of a part of the index that are looked at.
const OF_SHARD: i32 = 40;

/// Further than any call may be scheduled ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 365);

/// A conversation whose call got another time is due at once, until the timekeeper has looked at it.
const LOOKED_AT_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// A call that waits for its time.
#[derive(Clone, Debug)]
pub struct ScheduledCall {
    pub header: ConversationRecord,
    pub call: Call,
    pub at: Timestamp,
}

/// The soonest of them.
#[derive(Clone, Debug, Default)]
pub struct ScheduledCalls {
    pub calls: Vec<ScheduledCall>,
    /// There may be others that were not looked at.
    pub is_cut_off: bool,
}

impl Cloud {
    /// At most `limit`, of all accounts.
    pub async fn scheduled_calls(&self, limit: usize) -> Result<ScheduledCalls, Error> {
        let now = self.now();
        let mut entries = Vec::new();
        let mut is_cut_off = false;
        let reading = shards().map(|shard| async move { self.due_from(&shard, now).await });
        for of_shard in try_join_all(reading).await? {
            is_cut_off |= of_shard.len() >= usize::try_from(OF_SHARD).unwrap_or(usize::MAX);
            entries.extend(of_shard);
        }
        entries.retain(|entry| ConversationRecord::is_at(&entry.key));
        entries.sort_by_key(|entry| entry.at);
        let mut calls = Vec::new();
        for entries in entries.chunks(BATCH_GET_MAX) {
            let keys: Vec<Key> = entries.iter().map(|entry| entry.key.clone()).collect();
            calls.extend(self.waiting_calls(&keys, now).await?);
            if calls.len() > limit {
                is_cut_off = true;
                break;
            }
        }
        calls.sort_by_key(|call| call.at);
        calls.truncate(limit);
        Ok(ScheduledCalls { calls, is_cut_off })
    }

    /// What is due from then on, the soonest first.
    async fn due_from(&self, shard: &str, from: Timestamp) -> Result<Vec<ListEntry>, Error> {
        let wanted = PartQuery {
            index: ListIndex::Due,
            part: shard,
            from: from - LOOKED_AT_WITHIN,
            to: from + AHEAD,
            order: ListOrder::OldestFirst,
            behind: None,
            limit: OF_SHARD,
        };
        Ok(self.calls.of_part(&wanted).await?.entries)
    }

    /// Those whose next call is not to be carried out yet.
    async fn waiting_calls(
        &self,
        keys: &[Key],
        now: Timestamp,
    ) -> Result<Vec<ScheduledCall>, Error> {
        let mut headers = BTreeMap::new();
        let mut apart = Vec::new();
        let mut found = Vec::new();
        for item in self.calls.get_many(keys).await? {
            let header = ConversationRecord::from_keyed_item(item)?;
            let Phase::Running(progress) = &header.conversation.phase else {
                continue;
            };
            match header.call_at_hand().cloned() {
                Some(call) => found.push((header, call)),
                None => {
                    apart.push(call_key(&header.key, progress.next));
                    headers.insert(header.key.0.clone(), header);
                }
            }
        }
        for item in self.calls.get_many(&apart).await? {
            let call = CallRecord::from_item(item)?.call.into_value();
            let ConversationKey(key) = call.conversation_key();
            if let Some(header) = headers.remove(&key) {
                found.push((header, call));
            }
        }
        let waiting = found.into_iter().filter_map(|(header, call)| {
            let at = call.options.scheduled_time.filter(|at| *at > now)?;
            Some(ScheduledCall { header, call, at })
        });
        Ok(waiting.collect())
    }
}
