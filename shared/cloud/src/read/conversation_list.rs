//! Conversations of an account by the time at which they were opened, page by page, without a scan.
//!
//! An account has twenty parts in the index, which are read side by side and merged by time. Then the
//! headers are read, since only they say how a conversation stands. What a page looks at is bounded
//! by [`EXAMINED_MAX`], however few of it the filter admits: such a page may be empty and have a next.

use std::collections::{BTreeMap, HashMap};

use calls::{AccountId, QueuePriority};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Cloud;
pub use crate::aws::table::ListOrder;
use crate::aws::table::{BATCH_GET_MAX, Key, ListEntries, ListEntry, PartQuery, Table};
use crate::by_account::{Gathering, part};
use crate::error::Error;
use crate::read::state::ConversationState;
use crate::records::conversation_record::ConversationRecord;

/// Entries of a part that are read in one request: those of all parts are what one batch of headers
/// takes, and somewhat more.
const OF_PART: i32 = 12;

/// Conversations that are asked for in one go by those who go through a whole list.
pub const LISTED_AT_ONCE: usize = 100;

/// Most conversations that a page looks at: a second of work, and less than a thousandth of a dollar.
const EXAMINED_MAX: usize = 2_000;

/// Lists the conversations of a table of calls.
#[derive(Clone)]
pub struct ConversationList {
    pub(crate) calls: Table,
}

/// Which conversations are listed, and in which order.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub account: AccountId,
    /// From one time to another, both included.
    pub from: Timestamp,
    pub to: Timestamp,
    /// How long before that a conversation may have been opened.
    pub look_back: LookBack,
    pub order: ListOrder,
    pub filter: ConversationFilter,
}

/// How long before the range asked for a conversation may have been opened, to be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookBack {
    /// Those opened within the range alone.
    Nothing,
    /// As long as it takes to find all calls that came within the range, and so much longer.
    CallsAnd(SignedDuration),
}

/// What is asked for besides.
#[derive(Clone, Debug, Default)]
pub struct ConversationFilter {
    /// One of these; none: any.
    pub states: Vec<ConversationState>,
    pub priority: Option<QueuePriority>,
    /// How the ConversationID begins.
    pub name_prefix: Option<String>,
}

/// Where a list goes on: per part the last entry that has been looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListCursor(BTreeMap<char, ListPosition>);

/// An entry, as short as it can be said: its part says the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ListPosition(i64, String);

/// A conversation, and where the list goes on behind it.
#[derive(Clone, Debug)]
pub struct ListedConversation {
    pub record: ConversationRecord,
    pub behind: ListCursor,
}

#[derive(Debug, Default)]
pub struct ListPage {
    pub conversations: Vec<ListedConversation>,
    /// Where to go on, if there may be more.
    pub next: Option<ListCursor>,
}

/// An entry, and the share of its part.
struct EntryOfShare {
    share: char,
    entry: ListEntry,
}

impl Cloud {
    pub fn conversation_list(&self) -> ConversationList {
        ConversationList {
            calls: self.calls.clone(),
        }
    }
}

impl ConversationList {
    /// `name`: of the table of calls.
    pub fn in_table(config: &aws_types::SdkConfig, name: &str) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        Self {
            calls: Table::new(dynamodb, name),
        }
    }

    /// At most `size` of them, from where the cursor is on.
    pub async fn page(
        &self,
        query: &ListQuery,
        mut cursor: ListCursor,
        size: usize,
    ) -> Result<ListPage, Error> {
        let mut page = ListPage::default();
        let mut examined = 0;
        loop {
            let entries = self.entries(query, &cursor).await?;
            if entries.is_empty() {
                return Ok(page);
            }
            examined += entries.len();
            let is_full = self
                .take(query, entries, &mut cursor, &mut page, size)
                .await?;
            if is_full || examined >= EXAMINED_MAX {
                page.next = Some(cursor);
                return Ok(page);
            }
        }
    }

    /// Takes those that the filter admits; `true`: the page is full.
    async fn take(
        &self,
        query: &ListQuery,
        entries: Vec<EntryOfShare>,
        cursor: &mut ListCursor,
        page: &mut ListPage,
        size: usize,
    ) -> Result<bool, Error> {
        let keys: Vec<Key> = entries.iter().map(|it| it.entry.key.clone()).collect();
        let mut headers = HashMap::new();
        for item in self.calls.get_many(&keys).await? {
            let header = ConversationRecord::from_keyed_item(item)?;
            headers.insert(header.key.0.clone(), header);
        }
        for EntryOfShare { share, entry } in entries {
            if page.conversations.len() >= size {
                return Ok(true);
            }
            let place = ListPosition(entry.opened_at.as_millisecond(), entry.key.pk.clone());
            cursor.0.insert(share, place);
            // One that is not there has expired since.
            let header = headers.remove(&entry.key.pk);
            if let Some(record) = header.filter(|header| query.admits(header)) {
                let behind = cursor.clone();
                page.conversations
                    .push(ListedConversation { record, behind });
            }
        }
        Ok(page.conversations.len() >= size)
    }

    /// The next entries over all parts, in order; at most a batch of headers.
    async fn entries(
        &self,
        query: &ListQuery,
        cursor: &ListCursor,
    ) -> Result<Vec<EntryOfShare>, Error> {
        let parts = [Gathering::Quick, Gathering::Long].into_iter();
        let parts = parts.flat_map(|gathering| {
            let from = query.begin_for(gathering);
            let shares = gathering.shares();
            shares.map(move |share| self.of_part(query, share, from, cursor))
        });
        let mut entries = Vec::new();
        // Behind the last one of a part that goes on, nothing is known of that part.
        let mut known_to: Option<Timestamp> = None;
        let first = |one: Timestamp, other: Timestamp| match query.order {
            ListOrder::OldestFirst => one.min(other),
            ListOrder::NewestFirst => one.max(other),
        };
        for (share, found) in try_join_all(parts).await? {
            if let Some(last) = found.entries.last().filter(|_| found.is_cut_off) {
                let last = last.opened_at;
                known_to = Some(known_to.map_or(last, |known_to| first(known_to, last)));
            }
            let shared = |entry| EntryOfShare { share, entry };
            entries.extend(found.entries.into_iter().map(shared));
        }
        // Stable: those of one part keep their order among those of one time.
        entries.sort_by(|one, other| {
            let oldest_first = one.entry.opened_at.cmp(&other.entry.opened_at);
            match query.order {
                ListOrder::OldestFirst => oldest_first,
                ListOrder::NewestFirst => oldest_first.reverse(),
            }
        });
        let is_known = |at: Timestamp| known_to.is_none_or(|known_to| first(at, known_to) == at);
        let count = entries.partition_point(|it| is_known(it.entry.opened_at));
        entries.truncate(count.min(BATCH_GET_MAX));
        Ok(entries)
    }

    async fn of_part(
        &self,
        query: &ListQuery,
        share: char,
        from: Timestamp,
        cursor: &ListCursor,
    ) -> Result<(char, ListEntries), Error> {
        let part = part(&query.account, share);
        let behind = cursor.0.get(&share).and_then(ListPosition::entry);
        let wanted = PartQuery {
            part: &part,
            from,
            to: query.to,
            order: query.order,
            behind: behind.as_ref(),
            limit: OF_PART,
        };
        Ok((share, self.calls.of_part(&wanted).await?))
    }
}

impl ListQuery {
    fn begin_for(&self, gathering: Gathering) -> Timestamp {
        let back = match self.look_back {
            LookBack::Nothing => SignedDuration::ZERO,
            LookBack::CallsAnd(more) => gathering.longest() + more,
        };
        self.from.checked_sub(back).unwrap_or(Timestamp::MIN)
    }

    fn admits(&self, header: &ConversationRecord) -> bool {
        let conversation = &header.conversation;
        let filter = &self.filter;
        let name = conversation.conversation_id.as_ref();
        let is_named =
            |prefix: &String| name.is_some_and(|name| name.as_str().starts_with(prefix.as_str()));
        // Nothing of it came in the range, if its last call came before.
        let has_calls = match self.look_back {
            LookBack::Nothing => true,
            LookBack::CallsAnd(more) => {
                conversation
                    .last_arrival
                    .checked_add(more)
                    .unwrap_or(Timestamp::MAX)
                    >= self.from
            }
        };
        let state = ConversationState::of(conversation);
        has_calls
            && (filter.states.is_empty() || filter.states.contains(&state))
            && filter.priority.is_none_or(|it| it == conversation.priority)
            && filter.name_prefix.as_ref().is_none_or(is_named)
    }
}

impl ListPosition {
    fn entry(&self) -> Option<ListEntry> {
        Some(ListEntry {
            key: ConversationRecord::table_key(&calls::ConversationKey(self.1.clone())),
            opened_at: Timestamp::from_millisecond(self.0).ok()?,
        })
    }
}
