//! The parts of an index read side by side and merged by time, page by page.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::table::{
    BATCH_GET_MAX, Key, ListEntries, ListEntry, ListIndex, ListOrder, PartQuery, Table,
};
use crate::error::Error;
use crate::records::conversation_record::ConversationRecord;

/// Entries of a part that are read in one request: those of all parts are what one batch of records
/// takes, and somewhat more.
const OF_PART: i32 = 12;

/// Where a list goes on: per part the last entry that has been looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListCursor(BTreeMap<char, ListPosition>);

/// An entry, as short as it can be said: its time and key. Its part says the rest; a header is known by
/// its partition alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ListPosition(i64, String);

/// An entry, and the share of its part.
#[derive(Debug)]
pub(crate) struct EntryOfShare {
    pub(crate) share: char,
    pub(crate) entry: ListEntry,
}

/// The next entries over all parts.
pub(crate) struct IndexEntries {
    pub(crate) entries: Vec<EntryOfShare>,
    /// Behind them there is nothing.
    pub(crate) are_last: bool,
}

/// A part of the index, and from when on it is wanted.
pub(crate) struct IndexPart {
    pub(crate) share: char,
    pub(crate) name: String,
    pub(crate) from: Timestamp,
}

/// What of an index is read.
pub(crate) struct PartsQuery {
    pub(crate) index: ListIndex,
    pub(crate) parts: Vec<IndexPart>,
    pub(crate) to: Timestamp,
    pub(crate) order: ListOrder,
}

impl ListCursor {
    /// An entry has been looked at.
    pub(crate) fn pass(&mut self, entry: &EntryOfShare) {
        let position = ListPosition::of(&entry.entry);
        self.0.insert(entry.share, position);
    }
}

impl PartsQuery {
    /// The next entries over all parts, in order; at most a batch of records.
    pub(crate) async fn entries(
        &self,
        table: &Table,
        cursor: &ListCursor,
    ) -> Result<IndexEntries, Error> {
        let reading = self.parts.iter().map(|part| self.of(table, part, cursor));
        let mut entries = Vec::new();
        // Behind the last one of a part that goes on, nothing is known of that part.
        let mut known_to: Option<Timestamp> = None;
        let first = |one: Timestamp, other: Timestamp| match self.order {
            ListOrder::OldestFirst => one.min(other),
            ListOrder::NewestFirst => one.max(other),
        };
        let mut is_whole = true;
        for (share, found) in try_join_all(reading).await? {
            is_whole &= !found.is_cut_off;
            if let Some(last) = found.entries.last().filter(|_| found.is_cut_off) {
                let last = last.at;
                known_to = Some(known_to.map_or(last, |known_to| first(known_to, last)));
            }
            let shared = |entry| EntryOfShare { share, entry };
            entries.extend(found.entries.into_iter().map(shared));
        }
        // Stable: those of one part keep their order among those of one time.
        entries.sort_by(|one, other| {
            let oldest_first = one.entry.at.cmp(&other.entry.at);
            match self.order {
                ListOrder::OldestFirst => oldest_first,
                ListOrder::NewestFirst => oldest_first.reverse(),
            }
        });
        let is_known = |at: Timestamp| known_to.is_none_or(|known_to| first(at, known_to) == at);
        let count = entries.partition_point(|it| is_known(it.entry.at));
        let all = entries.len();
        entries.truncate(count.min(BATCH_GET_MAX));
        Ok(IndexEntries {
            are_last: is_whole && entries.len() == all,
            entries,
        })
    }

    async fn of(
        &self,
        table: &Table,
        part: &IndexPart,
        cursor: &ListCursor,
    ) -> Result<(char, ListEntries), Error> {
        let behind = cursor.0.get(&part.share).and_then(ListPosition::entry);
        let wanted = PartQuery {
            index: self.index,
            part: &part.name,
            from: part.from,
            to: self.to,
            order: self.order,
            behind: behind.as_ref(),
            limit: OF_PART,
        };
        Ok((part.share, table.of_part(&wanted).await?))
    }
}

impl ListPosition {
    fn of(entry: &ListEntry) -> Self {
        let Key { pk, sk } = &entry.key;
        let key = match ConversationRecord::is_at(&entry.key) {
            true => pk.clone(),
            // Partition keys are hexadecimal.
            false => format!("{pk} {sk}"),
        };
        Self(entry.at.as_millisecond(), key)
    }

    fn entry(&self) -> Option<ListEntry> {
        let key = match self.1.split_once(' ') {
            Some((pk, sk)) => Key::new(pk, sk),
            None => ConversationRecord::table_key(&calls::ConversationKey(self.1.clone())),
        };
        Some(ListEntry {
            key,
            at: Timestamp::from_millisecond(self.0).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_as_the_entry_that_it_was() {
        for (pk, sk) in [("7a", "CONVERSATION"), ("7a", "REPLY#0000000001#00")] {
            let entry = ListEntry {
                key: Key::new(pk, sk),
                at: Timestamp::from_millisecond(7).expect("a time"),
            };
            assert_eq!(ListPosition::of(&entry).entry(), Some(entry));
        }
    }
}
