//! Mails, texts and calls by voice of an account, page by page, without a scan.
//!
//! The mails of a call are listed by the time at which they were ordered; what failed or is unknown is
//! listed by the time at which it became so, and found without going through all others. A page of either
//! is a query of each part of the index and a batch of records or two; what it looks at is bounded.

use std::collections::BTreeMap;

use calls::AccountId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Cloud;
use crate::aws::table::{BATCH_GET_MAX, Key, ListIndex, ListOrder};
use crate::by_account::{mail_shares, part};
use crate::error::Error;
use crate::read::conversation_list::{EXAMINED_MAX, failed_parts};
use crate::read::parts::{EntryOfShare, IndexEntries, IndexPart, ListCursor, PartsQuery};
use crate::records::mail_record::{MailRecord, MailState, MailsRecord};

/// How a mail stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedMailState {
    /// To be sent.
    Pending,
    /// Handed over, and not answered for yet.
    Sending,
    Sent,
    Failed,
    Unknown,
}

/// Which mails are listed.
#[derive(Clone, Debug)]
pub struct MailQuery {
    pub account: AccountId,
    /// When they were ordered, or if only failures are asked for, when they failed: both included.
    pub from: Timestamp,
    pub to: Timestamp,
    pub order: ListOrder,
    /// One of these; none: any. Failed and unknown alone are found without going through all others.
    pub states: Vec<ListedMailState>,
}

/// A mail, and the time that it is listed by.
#[derive(Clone, Debug)]
pub struct ListedMail {
    pub record: MailRecord,
    pub at: Timestamp,
}

/// Some mails.
#[derive(Debug, Default)]
pub struct MailPage {
    pub mails: Vec<ListedMail>,
    /// Where to go on, if there may be more.
    pub next: Option<MailCursor>,
}

/// Where a list of mails goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailCursor {
    calls: ListCursor,
    /// Within the mails of a call, which has more than a page took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<WithinCall>,
}

/// Which mail of a call comes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct WithinCall {
    key: String,
    number: u32,
}

/// A mail that is to be looked at.
struct WantedMail {
    key: Key,
    ordered_at: Timestamp,
    /// Behind it the list goes on here.
    behind: MailCursor,
}

/// The mails that are looked at next.
struct NextMails {
    wanted: Vec<WantedMail>,
    /// Whether they are all of the calls that were looked at.
    are_all: bool,
}

impl ListedMailState {
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Sending,
        Self::Sent,
        Self::Failed,
        Self::Unknown,
    ];

    pub const fn of(state: MailState) -> Self {
        match state {
            MailState::Pending => Self::Pending,
            MailState::Sending(_) => Self::Sending,
            MailState::Sent(_) => Self::Sent,
            MailState::Failed => Self::Failed,
            MailState::Unknown => Self::Unknown,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is listed among what failed.
    const fn is_failure(self) -> bool {
        match self {
            Self::Failed | Self::Unknown => true,
            Self::Pending | Self::Sending | Self::Sent => false,
        }
    }

    /// Whether there may be such mails of a call that nobody looks at any more.
    const fn is_final(self) -> bool {
        match self {
            Self::Sent | Self::Failed | Self::Unknown => true,
            Self::Pending | Self::Sending => false,
        }
    }
}

impl MailQuery {
    fn admits(&self, record: &MailRecord) -> bool {
        let state = ListedMailState::of(record.state);
        self.states.is_empty() || self.states.contains(&state)
    }

    fn is_of_failures(&self) -> bool {
        !self.states.is_empty() && self.states.iter().all(|state| state.is_failure())
    }

    fn is_of_open(&self) -> bool {
        !self.states.is_empty() && !self.states.iter().any(|state| state.is_final())
    }

    fn parts(&self) -> PartsQuery {
        let parts = mail_shares().map(|share| IndexPart {
            share,
            name: part(&self.account, share),
            from: self.from,
        });
        PartsQuery {
            index: ListIndex::Account,
            parts: parts.collect(),
            to: self.to,
            order: self.order,
        }
    }

    /// The mails of a call, as far as they may be asked for, from where the cursor is on.
    fn wanted_of(
        &self,
        mails: &MailsRecord,
        entry: &EntryOfShare,
        cursor: &MailCursor,
    ) -> Vec<WantedMail> {
        let key = cursor_key(&entry.entry.key);
        let begun = cursor.within.as_ref().filter(|within| within.key == key);
        let first = match (begun, self.is_of_open()) {
            (Some(within), _) => within.number,
            (None, true) if mails.due.is_none() => mails.count,
            (None, true) => mails.done_through,
            (None, false) => 0,
        };
        let mut behind_all = cursor.calls.clone();
        behind_all.pass(entry);
        let wanted = |number: u32| {
            let is_last = number + 1 == mails.count;
            let calls = if is_last { &behind_all } else { &cursor.calls };
            WantedMail {
                key: MailRecord::key_at(&mails.conversation, mails.sequence, number),
                ordered_at: mails.ordered_at,
                behind: MailCursor {
                    calls: calls.clone(),
                    within: (!is_last).then(|| WithinCall {
                        key: key.clone(),
                        number: number + 1,
                    }),
                },
            }
        };
        let most = u32::try_from(BATCH_GET_MAX).unwrap_or(u32::MAX);
        let last = mails.count.min(first.saturating_add(most));
        (first..last).map(wanted).collect()
    }
}

impl Cloud {
    /// At most `size` of them, from where the cursor is on.
    pub async fn mail_page(
        &self,
        query: &MailQuery,
        cursor: MailCursor,
        size: usize,
    ) -> Result<MailPage, Error> {
        match query.is_of_failures() {
            true => self.failed_mails(query, cursor, size).await,
            false => self.ordered_mails(query, cursor, size).await,
        }
    }

    async fn failed_mails(
        &self,
        query: &MailQuery,
        mut cursor: MailCursor,
        size: usize,
    ) -> Result<MailPage, Error> {
        let parts = failed_parts(&query.account, (query.from, query.to), query.order);
        let mut page = MailPage::default();
        let mut examined = 0;
        loop {
            let found = parts.entries(&self.calls, &cursor.calls).await?;
            let IndexEntries { entries, are_last } = found;
            if entries.is_empty() {
                return Ok(page);
            }
            examined += entries.len();
            let keys = entries.iter().map(|it| it.entry.key.clone());
            let keys: Vec<Key> = keys.filter(MailRecord::is_at).collect();
            let mut found = self.mails_at(&keys).await?;
            for entry in entries {
                if page.mails.len() >= size {
                    page.next = Some(cursor);
                    return Ok(page);
                }
                cursor.calls.pass(&entry);
                let record = found.remove(&cursor_key(&entry.entry.key));
                let at = entry.entry.at;
                let record = record.filter(|record| query.admits(record));
                page.mails
                    .extend(record.map(|record| ListedMail { record, at }));
            }
            if examined >= EXAMINED_MAX {
                page.next = Some(cursor);
                return Ok(page);
            }
            if are_last {
                return Ok(page);
            }
        }
    }

    async fn ordered_mails(
        &self,
        query: &MailQuery,
        mut cursor: MailCursor,
        size: usize,
    ) -> Result<MailPage, Error> {
        let parts = query.parts();
        let mut page = MailPage::default();
        let mut examined = 0;
        while page.mails.len() < size && examined < EXAMINED_MAX {
            let found = parts.entries(&self.calls, &cursor.calls).await?;
            let IndexEntries { entries, are_last } = found;
            if entries.is_empty() {
                return Ok(page);
            }
            examined += entries.len();
            let next = self.next_mails(query, &entries, &mut cursor).await?;
            let (wanted, is_end) = (next.wanted, are_last && next.are_all);
            let keys: Vec<Key> = wanted.iter().map(|it| it.key.clone()).collect();
            let mut found = self.mails_at(&keys).await?;
            examined += keys.len();
            for WantedMail {
                key,
                ordered_at: at,
                behind,
            } in wanted
            {
                if page.mails.len() >= size {
                    break;
                }
                cursor = behind;
                // One that is not there has expired since.
                let record = found.remove(&cursor_key(&key));
                let record = record.filter(|record| query.admits(record));
                page.mails
                    .extend(record.map(|record| ListedMail { record, at }));
            }
            if is_end && page.mails.len() < size {
                return Ok(page);
            }
        }
        page.next = Some(cursor);
        Ok(page)
    }

    /// The next mails of these calls, a batch at most; the cursor passes calls that have none.
    async fn next_mails(
        &self,
        query: &MailQuery,
        entries: &[EntryOfShare],
        cursor: &mut MailCursor,
    ) -> Result<NextMails, Error> {
        let keys: Vec<Key> = entries.iter().map(|it| it.entry.key.clone()).collect();
        let mut calls = BTreeMap::new();
        for item in self.calls.get_many(&keys).await? {
            let mails = MailsRecord::from_item(item)?;
            calls.insert(cursor_key(&mails.key()), mails);
        }
        let mut wanted: Vec<WantedMail> = Vec::new();
        let mut at = cursor.clone();
        let mut is_cut_off = false;
        for entry in entries {
            let mails = calls.get(&cursor_key(&entry.entry.key));
            let of_call = mails.map(|mails| query.wanted_of(mails, entry, &at));
            let of_call = of_call.unwrap_or_default();
            match of_call.last() {
                Some(last) => {
                    at = last.behind.clone();
                    wanted.extend(of_call);
                }
                None => {
                    at.calls.pass(entry);
                    // Of what comes before the first mail nothing else says that it was passed.
                    match wanted.last_mut() {
                        Some(before) => before.behind = at.clone(),
                        None => *cursor = at.clone(),
                    }
                }
            }
            // One call has more than a batch, or all together do.
            if at.within.is_some() || wanted.len() >= BATCH_GET_MAX {
                is_cut_off = true;
                break;
            }
        }
        let are_all = !is_cut_off && wanted.len() <= BATCH_GET_MAX;
        wanted.truncate(BATCH_GET_MAX);
        Ok(NextMails { wanted, are_all })
    }

    async fn mails_at(&self, keys: &[Key]) -> Result<BTreeMap<String, MailRecord>, Error> {
        let mut found = BTreeMap::new();
        if keys.is_empty() {
            return Ok(found);
        }
        for item in self.calls.get_many(keys).await? {
            let record = MailRecord::from_item(item)?;
            found.insert(cursor_key(&record.key()), record);
        }
        Ok(found)
    }
}

fn cursor_key(key: &Key) -> String {
    format!("{} {}", key.pk, key.sk)
}
