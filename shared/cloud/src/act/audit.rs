//! Who did what, when and why.
//!
//! | pk                 | sk                    | written by             | read by  |
//! |--------------------|-----------------------|------------------------|----------|
//! | `AUDIT#2026-11-29` | `<milliseconds>#<id>` | the operator's command | the same |
//!
//! In the table of accounts, of which no function may write these keys. The record is written before
//! the act, and its result after it: one without a result is of an act that was cut off, or is under
//! way. Attributes: `who`, `act`, `target`, `reason`, `result`, `version`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::accounts::Accounts;
use crate::aws::table::{Key, Range};
use crate::error::{Committed, Error};
use crate::records::item::{Item, ItemReader, ItemWriter};

/// How long it is kept: longer than a year, so that two of them can be compared.
pub const AUDIT_KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// Most characters of a result that are kept: what a person reads in a list.
const RESULT_CHARS_MAX: usize = 500;

/// Records that are read in one request.
const AUDIT_PAGE: i32 = 200;

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Told apart from others of the same millisecond.
    pub id: String,
    pub at: Timestamp,
    /// The AWS identity; of a local server the user of the system.
    pub who: String,
    /// What was done: `calls resubmit`, say.
    pub act: String,
    /// To what: ids, never a secret or a person's address.
    pub target: String,
    /// Empty: nobody said.
    pub reason: String,
    /// `None`: it was cut off, or is under way.
    pub result: Option<String>,
}

impl AuditRecord {
    fn key(&self) -> Key {
        let day = TimeZone::UTC.to_datetime(self.at).date();
        let at = self.at.as_millisecond();
        Key::new(partition(day), format!("{at:013}#{}", self.id))
    }

    fn to_item(&self) -> Item {
        let version = match self.result {
            None => 1,
            Some(_) => 2,
        };
        ItemWriter::new(self.key())
            .number("version", version)
            .number("at", self.at.as_millisecond())
            .text("id", &self.id)
            .text("who", &self.who)
            .text("act", &self.act)
            .text("target", &self.target)
            .text("reason", &self.reason)
            .maybe_text("result", self.result.as_deref())
            .expires(Some(self.at + AUDIT_KEPT))
            .done()
    }

    fn from_item(item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        Ok(Self {
            id: item.text("id")?.to_owned(),
            at: item.time("at")?,
            who: item.text("who")?.to_owned(),
            act: item.text("act")?.to_owned(),
            target: item.text("target")?.to_owned(),
            reason: item.text("reason")?.to_owned(),
            result: item.maybe_text("result").map(str::to_owned),
        })
    }
}

fn partition(day: Date) -> String {
    format!("AUDIT#{day}")
}

impl Accounts {
    /// Before the act.
    pub async fn begin_act(&self, record: &AuditRecord) -> Result<(), Error> {
        // If it is there already, the answer to this very request was lost.
        self.table.put_new(record.to_item()).await.map(drop)
    }

    /// After it.
    pub async fn finish_act(&self, begun: AuditRecord, result: &str) -> Result<(), Error> {
        let finished = AuditRecord {
            result: Some(result.chars().take(RESULT_CHARS_MAX).collect()),
            ..begun
        };
        // Nobody else writes it: a conflict is an answer that was lost.
        let put = self.table.put_over(finished.to_item(), Some(1)).await;
        Committed::of(put).map(drop)
    }

    /// What was done on a day (UTC), the last first.
    pub async fn acts_of_day(&self, day: Date, limit: usize) -> Result<Vec<AuditRecord>, Error> {
        let mut found = Vec::new();
        let mut start = None;
        while found.len() < limit {
            // Sort keys begin with a digit.
            let range = Range::Down(":", "0");
            let page = self
                .table
                .query(&partition(day), range, AUDIT_PAGE, start.as_ref())
                .await?;
            for item in page.items {
                found.push(AuditRecord::from_item(item)?);
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_lies_under_its_day() {
        let record = AuditRecord {
            id: "a".to_owned(),
            at: "2026-11-29T23:59:59.999Z".parse().expect("a time"),
            who: "arn:aws:iam::1:user/ann".to_owned(),
            act: "calls cancel".to_owned(),
            target: "7001 order-1".to_owned(),
            reason: String::new(),
            result: Some("done".to_owned()),
        };
        assert_eq!(record.key().pk, "AUDIT#2026-11-29");
        let read = AuditRecord::from_item(record.to_item()).expect("readable");
        assert_eq!(read, record);
    }
}
