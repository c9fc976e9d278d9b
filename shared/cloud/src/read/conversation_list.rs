//! Conversations of an account by the time at which they were opened, or those that failed by the time at
//! which they did, page by page, without a scan.
//!
//! An account has twenty parts in the index, eight in that of failures, which are read side by side and merged by time. Then the
//! headers are read, since only they say how a conversation stands. What a page looks at is bounded
//! by [`EXAMINED_MAX`], however few of it the filter admits: such a page may be empty and have a next.

use std::collections::HashMap;

use calls::{AccountId, BackendName, QueuePriority, SequenceCode};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
pub use crate::aws::table::ListOrder;
use crate::aws::table::{Key, ListIndex, Table};
use crate::by_account::{Gathering, failed_shares, part};
use crate::error::Error;
pub use crate::read::parts::ListCursor;
use crate::read::parts::{EntryOfShare, IndexEntries, IndexPart, PartsQuery};
use crate::read::state::ConversationState;
use crate::records::conversation_record::ConversationRecord;
use crate::records::load::load_call;

/// Conversations that are asked for in one go by those who go through a whole list.
pub const LISTED_AT_ONCE: usize = 100;

/// Most entries that a page looks at: a second of work, and less than a thousandth of a dollar.
pub(crate) const EXAMINED_MAX: usize = 2_000;

/// Lists the conversations of a table of calls.
#[derive(Clone)]
pub struct ConversationList {
    pub(crate) calls: Table,
}

/// Which conversations are listed, and in which order.
#[derive(Clone, Debug)]
pub struct ListQuery {
    pub account: AccountId,
    pub by: ListedBy,
    /// From one time to another, both included.
    pub from: Timestamp,
    pub to: Timestamp,
    /// How long before that a conversation may have been opened.
    pub look_back: LookBack,
    pub order: ListOrder,
    pub filter: ConversationFilter,
}

/// Which index a list is read from: what its times are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedBy {
    /// When a conversation was opened.
    Opened,
    /// When it failed: only failures are listed, however many others there are.
    Failed,
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
    /// What carries its first call out. Where that call lies apart from its header it is read, too.
    pub backend: Option<BackendFilter>,
}

/// Which backend is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendFilter {
    BuiltIn,
    Forwarded(BackendName),
}

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
        let parts = query.parts();
        loop {
            let IndexEntries { entries, are_last } = parts.entries(&self.calls, &cursor).await?;
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
            if are_last {
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
        let keys = entries.iter().map(|it| it.entry.key.clone());
        // Replies and mails are listed among the failures, too.
        let keys: Vec<Key> = keys.filter(ConversationRecord::is_at).collect();
        let mut headers = HashMap::new();
        for item in self.calls.get_many(&keys).await? {
            let header = ConversationRecord::from_keyed_item(item)?;
            headers.insert(header.key.0.clone(), header);
        }
        for found in entries {
            if page.conversations.len() >= size {
                return Ok(true);
            }
            cursor.pass(&found);
            // One that is not there has expired since.
            let header = headers.remove(&found.entry.key.pk);
            let header = header
                .filter(|_| ConversationRecord::is_at(&found.entry.key))
                .filter(|header| query.admits(header));
            let Some(record) = header else { continue };
            if self.is_of_backend(query, &record).await? {
                let behind = cursor.clone();
                page.conversations
                    .push(ListedConversation { record, behind });
            }
        }
        Ok(page.conversations.len() >= size)
    }

    async fn is_of_backend(
        &self,
        query: &ListQuery,
        header: &ConversationRecord,
    ) -> Result<bool, Error> {
        let Some(wanted) = &query.filter.backend else {
            return Ok(true);
        };
        let first = load_call(&self.calls, header, SequenceCode::FIRST).await?;
        Ok(
            first.is_some_and(|first| match (wanted, &first.call.backend) {
                (BackendFilter::BuiltIn, None) => true,
                (BackendFilter::Forwarded(wanted), Some(backend)) => wanted == backend,
                (BackendFilter::BuiltIn, Some(_)) | (BackendFilter::Forwarded(_), None) => false,
            }),
        )
    }
}

/// The parts of what failed of an account within a time.
pub(crate) fn failed_parts(
    account: &AccountId,
    (from, to): (Timestamp, Timestamp),
    order: ListOrder,
) -> PartsQuery {
    let parts = failed_shares().map(|share| IndexPart {
        share,
        name: part(account, share),
        from,
    });
    PartsQuery {
        index: ListIndex::Failed,
        parts: parts.collect(),
        to,
        order,
    }
}

impl ListQuery {
    fn parts(&self) -> PartsQuery {
        match self.by {
            ListedBy::Opened => self.parts_of_opened(),
            ListedBy::Failed => failed_parts(&self.account, (self.from, self.to), self.order),
        }
    }

    fn parts_of_opened(&self) -> PartsQuery {
        let parts = [Gathering::Quick, Gathering::Long].into_iter();
        let parts = parts.flat_map(|gathering| {
            let from = self.begin_for(gathering);
            gathering.shares().map(move |share| IndexPart {
                share,
                name: part(&self.account, share),
                from,
            })
        });
        PartsQuery {
            index: ListIndex::Account,
            parts: parts.collect(),
            to: self.to,
            order: self.order,
        }
    }

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
        // Of one that ended well, the reply that lies with it may have failed.
        let is_listed = match self.by {
            ListedBy::Opened => has_calls,
            ListedBy::Failed => state.is_failure(),
        };
        is_listed
            && (filter.states.is_empty() || filter.states.contains(&state))
            && filter.priority.is_none_or(|it| it == conversation.priority)
            && filter.name_prefix.as_ref().is_none_or(is_named)
    }
}
