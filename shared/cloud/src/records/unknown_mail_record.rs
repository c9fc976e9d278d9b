//! A mail, a text or a call by voice of unknown fate, as people find it, and what they have said of it
//! since.
//!
//! | pk             | sk                                        | written by                                             | read by                |
//! |----------------|-------------------------------------------|--------------------------------------------------------|------------------------|
//! | `UNKNOWN-MAIL` | `<time>#<key of the conversation>_1_<no>` | notifier, with the mail's state; the operator's command | the operator's command |
//!
//! As those of calls do they lie in one partition, in the order of the times at which they were claimed.
//! What is said of a mail is added here. Expires with the results.

use calls::AccountId;
use jiff::Timestamp;

use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};
use crate::records::mail_record::{MailRecord, MailTag};
use crate::records::unknown_record::Settlement;

/// Where all of them lie.
pub(crate) const PARTITION: &str = "UNKNOWN-MAIL";

/// A mail of unknown fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMailRecord {
    pub tag: MailTag,
    pub version: u64,
    pub account: AccountId,
    /// When it was claimed by whoever did not come back with an answer.
    pub claimed_at: Timestamp,
    pub settlement: Option<Settlement>,
    pub(crate) expires_at: Timestamp,
}

impl UnknownMailRecord {
    /// `None`: nobody has claimed it, so that its fate is known.
    pub(crate) fn of(
        mail: &MailRecord,
        account: &AccountId,
        expires_at: Timestamp,
    ) -> Option<Self> {
        Some(Self {
            tag: mail.tag(),
            version: 1,
            account: account.clone(),
            claimed_at: mail.claimed_at?,
            settlement: None,
            expires_at,
        })
    }

    pub(crate) fn key(tag: &MailTag, claimed_at: Timestamp) -> Key {
        let time = claimed_at.as_millisecond();
        Key::new(PARTITION, format!("{time:015}#{tag}"))
    }

    pub(crate) fn to_item(&self) -> Item {
        let writing = ItemWriter::new(Self::key(&self.tag, self.claimed_at))
            .number("version", self.version)
            .text("mail", self.tag.to_string())
            .text("account", &self.account.0)
            .text("claimed_at", self.claimed_at.to_string())
            .expires(Some(self.expires_at));
        match &self.settlement {
            Some(settlement) => writing.json("settlement", settlement),
            None => writing,
        }
        .done()
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        let claimed_at = item.text("claimed_at")?.parse();
        Ok(Self {
            tag: MailTag::parse(item.text("mail")?).ok_or_else(|| item.unreadable("mail"))?,
            version: item.number("version")?,
            account: AccountId(item.text("account")?.to_owned()),
            claimed_at: claimed_at.map_err(|_| item.unreadable("claimed_at"))?,
            settlement: match item.has("settlement") {
                true => Some(item.json("settlement")?),
                false => None,
            },
            expires_at: Timestamp::from_second(item.number("expires_at")?)
                .map_err(|_| item.unreadable("expires_at"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::unknown_record::Verdict;

    #[test]
    fn a_record_comes_back_as_it_was() {
        for verdict in [None, Some(Verdict::NotDone), Some(Verdict::SentAgain)] {
            let record = UnknownMailRecord {
                tag: MailTag::parse("7a_1_12").expect("a tag"),
                version: 2,
                account: AccountId("1".to_owned()),
                claimed_at: "2026-03-02T09:00:00.123456789Z".parse().expect("a time"),
                settlement: verdict.map(|verdict| Settlement {
                    verdict,
                    by: "ann".to_owned(),
                    at: Timestamp::UNIX_EPOCH,
                    why: "asked them".to_owned(),
                }),
                expires_at: Timestamp::UNIX_EPOCH,
            };
            let read = UnknownMailRecord::from_item(record.to_item());
            assert_eq!(read.expect("readable"), record);
        }
    }
}
