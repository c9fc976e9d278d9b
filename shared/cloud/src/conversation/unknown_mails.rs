//! Mails, texts and calls by voice of unknown fate: listed for people, kept together with what people say
//! of them, and sent once more where a person says so.

use calls::AccountId;
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::{Range, Transaction};
use crate::conversation::unknown::{UNKNOWN_PAGE, UnknownQuery};
use crate::error::{CommitError, Error};
use crate::records::mail_record::{MailRecord, MailState, MailTag, MailsRecord};
use crate::records::unknown_mail_record::{PARTITION, UnknownMailRecord};
use crate::records::unknown_record::Settlement;

/// A mail of unknown fate with what is kept of it.
#[derive(Clone, Debug)]
pub struct UnknownMail {
    pub record: UnknownMailRecord,
    pub mail: MailRecord,
}

impl Cloud {
    /// The newest first. Of what an event has told of since, or what is not kept any more, nothing is
    /// unknown: it is left out.
    pub async fn unknown_mails(&self, query: &UnknownQuery) -> Result<Vec<UnknownMail>, Error> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let range = Range::Down("9", "0");
            let page = self
                .calls
                .query(PARTITION, range, UNKNOWN_PAGE, start.as_ref());
            let page = page.await?;
            for item in page.items {
                let record = UnknownMailRecord::from_item(item)?;
                let account = query.account.as_ref();
                let is_of = account.is_none_or(|it| *it == record.account);
                if !is_of || (record.settlement.is_some() && !query.with_settled) {
                    continue;
                }
                let Some(mail) = self.mail_tagged(&record.tag).await? else {
                    continue;
                };
                if record.settlement.is_some() || is_unknown_since(&mail, record.claimed_at) {
                    found.push(UnknownMail { record, mail });
                }
                if found.len() >= query.limit {
                    return Ok(found);
                }
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// A mail of an account that is unknown, or was when somebody last said something of it.
    pub async fn unknown_mail(
        &self,
        account: &AccountId,
        tag: &MailTag,
    ) -> Result<Option<UnknownMail>, Error> {
        let Some(mail) = self.mail_tagged(tag).await? else {
            return Ok(None);
        };
        let Some(claimed_at) = mail.claimed_at else {
            return Ok(None);
        };
        let key = UnknownMailRecord::key(tag, claimed_at);
        let Some(item) = self.calls.get(&key).await? else {
            return Ok(None);
        };
        let record = UnknownMailRecord::from_item(item)?;
        let is_of = record.account == *account;
        Ok(is_of.then_some(UnknownMail { record, mail }))
    }

    /// Adds what somebody says of a mail.
    pub async fn settle_unknown_mail(
        &self,
        seen: &UnknownMail,
        settlement: Settlement,
    ) -> Result<UnknownMail, CommitError> {
        let record = settled(&seen.record, settlement);
        let put = self
            .calls
            .put_over(record.to_item(), Some(seen.record.version));
        put.await?;
        Ok(UnknownMail {
            record,
            mail: seen.mail.clone(),
        })
    }

    /// Owes an unknown mail once more, together with who says so: it is then as one that was never
    /// claimed. Nobody is woken, since a person's command reaches no queue: the timekeeper finds it.
    /// `Conflict`: somebody has said something, or an event has told of it.
    pub async fn resend_unknown_mail(
        &self,
        seen: &UnknownMail,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<UnknownMail, CommitError> {
        if !is_unknown_since(&seen.mail, seen.record.claimed_at) {
            return Err(CommitError::Conflict);
        }
        let (conversation, sequence) = (&seen.mail.conversation, seen.mail.sequence);
        let mails = self.mails(conversation, sequence).await?;
        let mails = mails.ok_or(CommitError::Conflict)?;
        let next = MailsRecord {
            version: mails.version + 1,
            done_through: mails.done_through.min(seen.mail.number),
            due: Some(now),
            ..mails.clone()
        };
        let expires = now + self.results_retention();
        let (record, mail) = (
            settled(&seen.record, settlement),
            seen.mail.next(MailState::Pending, None, now),
        );
        let mut transaction = Transaction::default();
        transaction.put_over(&self.calls, record.to_item(), seen.record.version);
        transaction.put_over(&self.calls, mail.to_item(expires), seen.mail.version);
        transaction.put_over(&self.calls, next.to_item(expires), mails.version);
        transaction.commit(&self.calls).await?;
        Ok(UnknownMail { record, mail })
    }
}

fn settled(record: &UnknownMailRecord, settlement: Settlement) -> UnknownMailRecord {
    UnknownMailRecord {
        version: record.version + 1,
        settlement: Some(settlement),
        ..record.clone()
    }
}

fn is_unknown_since(mail: &MailRecord, claimed_at: Timestamp) -> bool {
    mail.state == MailState::Unknown && mail.claimed_at == Some(claimed_at)
}
