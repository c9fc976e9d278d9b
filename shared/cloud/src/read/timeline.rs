//! One conversation whole: its calls, replies and mails, and what happened to it, one after another.

use calls::{
    Attempt, ConversationKey, DeliveryResult, OverallStatus, ReplyState, RequestId, SequenceCode,
};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::Range;
use crate::error::Error;
use crate::read::conversation::ReadCall;
use crate::read::replies::ReplyId;
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::ItemReader;
use crate::records::mail_record::{MailRecord, MailState};
use crate::records::reply_record::ReplyRecord;

/// Mails that are read in one request.
const MAILS_PAGE: i32 = 250;

/// A conversation with all that is kept of it.
#[derive(Debug)]
pub struct WholeConversation {
    pub header: ConversationRecord,
    pub calls: Vec<ReadCall>,
    pub replies: Vec<ReplyRecord>,
    /// Triggered mails, texts and calls by voice.
    pub mails: Vec<MailRecord>,
    /// Whether that is all of it.
    pub is_complete: bool,
}

/// Something that happened, and to which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    pub at: Timestamp,
    pub sequence: Option<SequenceCode>,
    pub event: TimelineEvent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineEvent {
    /// Its first call was taken in.
    Opened,
    CallArrived(RequestId),
    /// A call was carried out, or it was decided that it is not.
    CallEnded {
        status: OverallStatus,
        code: Option<u32>,
        message: String,
    },
    /// A reply had to be sent.
    ReplyPending(ReplyId),
    /// An attempt at a reply.
    ReplyAttempt(ReplyId, DeliveryResult),
    /// The next attempt at a reply: it is still to come.
    NextAttempt(ReplyId),
    MailSent(u32),
    /// A mail was claimed, and failed or went nobody knows where.
    MailNotSent(u32, MailState),
    Failed,
}

impl Cloud {
    /// At most so many calls, and as many replies and mails as belong to them; `None`: it is not there.
    pub async fn whole_conversation(
        &self,
        key: &ConversationKey,
        calls_max: usize,
    ) -> Result<Option<WholeConversation>, Error> {
        let list = self.conversation_list();
        let Some(header) = self.conversation_record(key).await? else {
            return Ok(None);
        };
        let mut whole = WholeConversation {
            header,
            calls: Vec::new(),
            replies: Vec::new(),
            mails: Vec::new(),
            is_complete: true,
        };
        let mut first = Some(SequenceCode::FIRST);
        while let Some(from) = first.filter(|_| whole.calls.len() < calls_max) {
            let Some(read) = list.calls_from(key, from).await? else {
                return Ok(None);
            };
            whole.header = read.header;
            whole.calls.extend(read.calls);
            let last = whole.header.conversation.calls_in_conversation;
            first = read.next.filter(|next| next.get() <= last.get());
        }
        whole.is_complete = first.is_none() && whole.calls.len() <= calls_max;
        whole.calls.truncate(calls_max);
        let last = whole.calls.last().map(|it| it.call.place.sequence());
        let mut first = Some(SequenceCode::FIRST);
        while let Some(from) = first.filter(|from| last.is_some_and(|last| *from <= last)) {
            let some = self.replies_from(&whole.header, from).await?;
            whole.replies.extend(some.replies);
            first = some.next;
        }
        let is_read = |sequence: SequenceCode| last.is_some_and(|last| sequence <= last);
        whole.replies.retain(|it| is_read(it.reply.sequence));
        whole.mails = self.mails_of_conversation(key, calls_max).await?;
        whole.mails.retain(|mail| is_read(mail.sequence));
        Ok(Some(whole))
    }

    /// In the order of its calls, at most so many and a page.
    async fn mails_of_conversation(
        &self,
        key: &ConversationKey,
        limit: usize,
    ) -> Result<Vec<MailRecord>, Error> {
        let mut mails = Vec::new();
        let mut start = None;
        while mails.len() < limit {
            let range = Range::Prefix("MAIL#");
            let page = self.calls.query(&key.0, range, MAILS_PAGE, start.as_ref());
            let page = page.await?;
            for item in page.items {
                // What held mails point at is no mail.
                if ItemReader(item.clone()).has("order") {
                    mails.push(MailRecord::from_item(item)?);
                }
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        Ok(mails)
    }
}

impl WholeConversation {
    /// Everything whose time is known, in the order of time.
    pub fn timeline(&self) -> Vec<TimelineEntry> {
        let entry = |at, sequence, event| TimelineEntry {
            at,
            sequence,
            event,
        };
        let mut entries = vec![entry(self.header.opened_at, None, TimelineEvent::Opened)];
        for read in &self.calls {
            let sequence = Some(read.call.place.sequence());
            let arrived = TimelineEvent::CallArrived(read.call.request_id.clone());
            entries.push(entry(read.call.arrived_at, sequence, arrived));
            if let Some(record) = &read.outcome {
                let outcome = &record.outcome;
                let ended = TimelineEvent::CallEnded {
                    status: outcome.overall_status,
                    code: outcome.error_code,
                    message: outcome.status_message.clone(),
                };
                entries.push(entry(outcome.ended_at, sequence, ended));
            }
        }
        for record in &self.replies {
            let reply = &record.reply;
            let (sequence, id) = (Some(reply.sequence), ReplyId::of(reply));
            let pending = TimelineEvent::ReplyPending(id.clone());
            entries.push(entry(reply.pending_since, sequence, pending));
            for Attempt { at, result } in &reply.attempts {
                let attempt = TimelineEvent::ReplyAttempt(id.clone(), result.clone());
                entries.push(entry(*at, sequence, attempt));
            }
            if let ReplyState::Pending(at) = reply.state {
                entries.push(entry(at, sequence, TimelineEvent::NextAttempt(id)));
            }
        }
        for mail in &self.mails {
            let sequence = Some(mail.sequence);
            let event = match mail.state {
                MailState::Sent(_) => TimelineEvent::MailSent(mail.number),
                state @ (MailState::Pending
                | MailState::Sending(_)
                | MailState::Failed
                | MailState::Unknown) => TimelineEvent::MailNotSent(mail.number, state),
            };
            let at = match mail.state {
                MailState::Sent(at) | MailState::Sending(at) => Some(at),
                MailState::Pending | MailState::Failed | MailState::Unknown => mail.claimed_at,
            };
            entries.extend(at.map(|at| entry(at, sequence, event)));
        }
        let failed = self.header.failed_at;
        let has_failed = crate::read::state::ConversationState::of(&self.header.conversation);
        let failed = failed.filter(|_| has_failed.is_failure());
        entries.extend(failed.map(|at| entry(at, None, TimelineEvent::Failed)));
        entries.sort_by_key(|entry| entry.at);
        entries
    }
}
