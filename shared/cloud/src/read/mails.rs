//! Triggered mails, texts and calls by voice by what became of them, without a scan.
//!
//! Those of unknown fate have a list of their own ([`crate::conversation::unknown_mails`]). Those that have not
//! left stand in the index of what is due, with the mails of their call. Those that failed are told of by the
//! account's NotSentEvents.

use std::collections::BTreeSet;

use calls::AccountId;
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::{DueEntry, Key, Range};
use crate::due::shards;
use crate::error::Error;
use crate::records::mail_record::{MailRecord, MailState, MailTag, MailsRecord};

/// Entries of the index that are read in one request.
const DUE_PAGE: i32 = 250;

/// Mails of a call, or events, that are read in one request.
const MAILS_PAGE: i32 = 100;

impl Cloud {
    /// Mails that have not left, at most so many: a request for each part of the index, and two for each
    /// call with such mails.
    pub async fn pending_mails(
        &self,
        account: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<MailRecord>, Error> {
        let mut found = Vec::new();
        for shard in shards() {
            let mut last: Option<DueEntry> = None;
            loop {
                let page = self
                    .calls
                    .due_behind(&shard, Timestamp::MAX, DUE_PAGE, last.as_ref())
                    .await?;
                let entries = page.iter().filter(|entry| MailsRecord::is_at(&entry.key));
                for entry in entries {
                    let mails = MailsRecord::load(&self.calls, &entry.key).await?;
                    let is_of = |mails: &MailsRecord| {
                        account.is_none_or(|account| *account == mails.account)
                    };
                    if let Some(mails) = mails.filter(is_of) {
                        self.pending_of_call(&mails, limit, &mut found).await?;
                    }
                    if found.len() >= limit {
                        return Ok(found);
                    }
                }
                last = page.into_iter().next_back();
                if last.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn pending_of_call(
        &self,
        mails: &MailsRecord,
        limit: usize,
        found: &mut Vec<MailRecord>,
    ) -> Result<(), Error> {
        let mut first = mails.done_through + 1;
        while found.len() < limit {
            let page = self.mails_from(mails, first, MAILS_PAGE).await?;
            let Some(last) = page.last() else { break };
            first = last.number + 1;
            let is_open = |mail: &MailRecord| match mail.state {
                MailState::Pending | MailState::Sending(_) => true,
                MailState::Sent(_) | MailState::Failed | MailState::Unknown => false,
            };
            found.extend(page.into_iter().filter(is_open));
        }
        found.truncate(limit);
        Ok(())
    }

    /// Mails of an account that will never be taken, the latest first, at most so many: a request for each
    /// hundred events of what was not sent, and one for each mail. Needs the table of objects.
    pub async fn failed_mails(
        &self,
        account: &AccountId,
        limit: usize,
    ) -> Result<Vec<MailRecord>, Error> {
        let [_, not_sent, _, _] = objects::event_partitions(account);
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut start: Option<Key> = None;
        loop {
            // Sort keys begin with the digits of a time.
            let range = Range::Down(":", "0");
            let page = self
                .objects
                .query(&not_sent, range, MAILS_PAGE, start.as_ref());
            let page = page.await?;
            for item in &page.items {
                let key = crate::aws::table::key_of(item);
                let sort = key.map(|key| key.sk).unwrap_or_default();
                let tag = sort.split_once('#').map_or("", |(_, tag)| tag);
                let Some(tag) = MailTag::parse(tag).filter(|_| seen.insert(tag.to_owned())) else {
                    continue;
                };
                let mail = self.mail_tagged(&tag).await?;
                found.extend(mail.filter(|mail| mail.state == MailState::Failed));
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}
