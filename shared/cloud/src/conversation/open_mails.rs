//! Mails that have not left yet, counted for one definition: they are found in the index of what is due,
//! where the mails of each call stand until the last of them is done.

use calls::AccountId;
use jiff::Timestamp;
use objects::SendOrder;

use crate::Cloud;
use crate::error::Error;
use crate::records::mail_record::{MailRecord, MailState, MailsRecord};

/// Entries of the index that are read in one request.
const DUE_PAGE: i32 = 500;

/// Mails that are read in one request.
const MAILS_PAGE: i32 = 100;

/// How many mails have not left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenMails {
    pub queued: u64,
    /// Handed to the mail service, which has not answered.
    pub in_process: u64,
}

/// Whose mails are counted, and until when.
struct OpenMailsQuery<'a> {
    account: &'a AccountId,
    send_id: i32,
    deadline: Timestamp,
}

impl Cloud {
    /// Mails that a definition of that ID has sent and that have not left; `None`: they cannot be counted
    /// by then.
    pub async fn count_open_mails(
        &self,
        account: &AccountId,
        send_id: i32,
        deadline: Timestamp,
    ) -> Result<Option<OpenMails>, Error> {
        let query = OpenMailsQuery {
            account,
            send_id,
            deadline,
        };
        let mut counts = OpenMails::default();
        for shard in self.shards.list() {
            let mut last = None;
            loop {
                if self.now() > deadline {
                    return Ok(None);
                }
                let page = self
                    .calls
                    .due_behind(&shard, Timestamp::MAX, DUE_PAGE, last.as_ref())
                    .await?;
                for entry in &page {
                    if MailsRecord::is_at(&entry.key)
                        && let Some(mails) = MailsRecord::load(&self.calls, &entry.key).await?
                        && !self.count_of_call(&query, &mails, &mut counts).await?
                    {
                        return Ok(None);
                    }
                }
                last = page.into_iter().next_back();
                if last.is_none() {
                    break;
                }
            }
        }
        Ok(Some(counts))
    }

    /// `false`: there was no time.
    async fn count_of_call(
        &self,
        query: &OpenMailsQuery<'_>,
        mails: &MailsRecord,
        counts: &mut OpenMails,
    ) -> Result<bool, Error> {
        let mut next = mails.done_through;
        while next < mails.count {
            if self.now() > query.deadline {
                return Ok(false);
            }
            let page = self.mails_from(mails, next, MAILS_PAGE).await?;
            let Some(last) = page.last() else { break };
            next = last.number + 1;
            for mail in page.iter().filter(|mail| query.is_of(mail)) {
                match mail.state {
                    MailState::Pending => counts.queued += 1,
                    MailState::Sending(_) => counts.in_process += 1,
                    MailState::Sent(_) | MailState::Failed | MailState::Unknown => {}
                }
            }
        }
        Ok(true)
    }
}

impl OpenMailsQuery<'_> {
    fn is_of(&self, mail: &MailRecord) -> bool {
        let order: Option<SendOrder> = serde_json::from_str(&mail.order).ok();
        order.is_some_and(|order| {
            let recipient = order.recipient();
            recipient.account == *self.account && recipient.send_id == self.send_id
        })
    }
}
