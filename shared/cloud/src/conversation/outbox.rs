//! The outbox of a commit: the records of replies and mails that are written with it, and the
//! wake-ups for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use calls::{
    AccountId, Call, ConversationKey, ReplyContext, ReplySubject, RequestId, SequenceCode,
};
use jiff::Timestamp;
use objects::SendOrder;
use tracing::warn;

use crate::Cloud;
use crate::aws::queues::{ReplyTarget, ReplyWakeUp};
use crate::aws::table::{TRANSACTION_ITEMS_MAX, Transaction};
use crate::error::CommitError;
use crate::records::conversation_record::ConversationRecord;
use crate::records::end_records::OutcomeRecords;
use crate::records::mail_record::{MailOwner, MailRecord, MailsRecord};
use crate::records::reply_record::ReplyRecord;

/// What has to be sent to a caller after a commit: one reply, or the mails of a call.
#[derive(Clone, Debug)]
pub struct ReplyAction {
    pub wake: ReplyWakeUp,
    /// The reply as it was committed; `None`: mails.
    pub reply: Option<Box<ReplyRecord>>,
}

impl ReplyAction {
    pub(crate) fn mails(conversation: &ConversationKey, sequence: SequenceCode) -> Self {
        Self {
            wake: ReplyWakeUp::new(conversation, sequence, ReplyTarget::Mails, 1),
            reply: None,
        }
    }

    pub(crate) fn reply(record: ReplyRecord) -> Self {
        Self {
            wake: record.wake(),
            reply: Some(Box::new(record)),
        }
    }
}

/// Wake-ups for pending replies of the conversations of one batch. While one request is under way,
/// those that come are collected for the next.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    waiting: Arc<Mutex<Vec<ReplyWakeUp>>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Outbox {
    /// Returns when these are sent, by this or by another conversation of the batch, or left for
    /// the timekeeper.
    pub async fn send(&self, cloud: &Cloud, wake_ups: Vec<ReplyWakeUp>) {
        if wake_ups.is_empty() {
            return;
        }
        self.waiting().extend(wake_ups);
        // Other conversations may have wake-ups ready for the same request; none is waited for.
        tokio::task::yield_now().await;
        let _turn = self.turn.lock().await;
        let wake_ups = std::mem::take(&mut *self.waiting());
        cloud.send_reply_wake_ups(&wake_ups).await;
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<ReplyWakeUp>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cloud {
    pub(crate) fn write_mails(
        &self,
        transaction: &mut Transaction,
        owner: MailOwner<'_>,
        orders: &[SendOrder],
        before: u32,
    ) {
        for (order, number) in orders.iter().zip(before..) {
            let order = serde_json::to_string(order).unwrap_or_default();
            let mail = MailRecord::pending(owner, number, order);
            transaction.put_new(&self.calls, mail.to_item(owner.expires));
        }
    }

    /// The mails of a call that ends: the last of them, and the record by which all are settled.
    /// `before`: those that were written with its earlier chunks.
    pub(crate) fn write_all_mails(
        &self,
        transaction: &mut Transaction,
        header: &ConversationRecord,
        sequence: SequenceCode,
        mails: &[SendOrder],
        before: u32,
        now: Timestamp,
    ) -> Option<ReplyAction> {
        let owner = self.mail_owner(header, sequence, now);
        self.write_mails(transaction, owner, mails, before);
        let all = before + count(mails.len());
        (all > 0).then(|| {
            let mails = MailsRecord::new(owner, all, now);
            transaction.put_new(&self.calls, mails.to_item(owner.expires));
            ReplyAction::mails(&header.key, sequence)
        })
    }

    /// Of a call of a conversation.
    pub(crate) fn mail_owner<'a>(
        &self,
        header: &'a ConversationRecord,
        sequence: SequenceCode,
        now: Timestamp,
    ) -> MailOwner<'a> {
        MailOwner {
            conversation: &header.key,
            account: &header.conversation.account,
            sequence,
            expires: now + self.results_retention(),
        }
    }

    /// An outcome, and the replies that tell of it.
    pub(crate) fn write_outcome(
        &self,
        transaction: &mut Transaction,
        records: OutcomeRecords,
    ) -> Vec<ReplyAction> {
        for item in records.items {
            transaction.put_new(&self.calls, item);
        }
        let replies = records.replies.into_iter();
        replies.map(ReplyAction::reply).collect()
    }

    /// Keeps the mails of a synchronous call, under its RequestID.
    pub async fn enqueue_mails(
        &self,
        account: &AccountId,
        request_id: &RequestId,
        orders: &[SendOrder],
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let key = &ConversationKey::of_request(account, request_id);
        let owner = MailOwner {
            conversation: key,
            account,
            sequence: SequenceCode::FIRST,
            expires: now + self.results_retention(),
        };
        for (number, orders) in orders.chunks(TRANSACTION_ITEMS_MAX - 1).enumerate() {
            let before = count(number * (TRANSACTION_ITEMS_MAX - 1));
            let mut transaction = Transaction::default();
            self.write_mails(&mut transaction, owner, orders, before);
            transaction.commit(&self.calls).await?;
        }
        let mails = MailsRecord::new(owner, count(orders.len()), now);
        let item = mails.to_item(owner.expires);
        self.calls.put_over(item, None).await?;
        let wake = ReplyWakeUp::new(key, owner.sequence, ReplyTarget::Mails, 1);
        self.send_reply_wake_ups(&[wake]).await;
        Ok(())
    }

    /// After the commit: the timekeeper sends what cannot be sent now.
    pub async fn send_reply_wake_ups(&self, wake_ups: &[ReplyWakeUp]) {
        if let Err(error) = self.queues.send_reply_wake_ups_in_order(wake_ups).await {
            warn!(error = error.in_full(), "replies left for the timekeeper");
        }
    }
}

pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(crate) fn reply_context<'a>(
    call: &'a Call,
    subject: ReplySubject<'a>,
    now: Timestamp,
) -> ReplyContext<'a> {
    ReplyContext {
        request_id: &call.request_id,
        sequence: call.place.sequence(),
        subscriptions: &call.options.subscriptions,
        subject,
        now,
    }
}
