//! Replies and mails after the commit that wrote them.
//!
//! Only one attempt at a reply is in progress at a time: a reply is leased to whoever may attempt
//! it, until the time in its `due_at`. The commit that writes it leases it to the run that
//! committed. The notifier claims it, which leases it to the notifier for as long as an attempt can
//! take. The holder hands it on by a wake-up with the version that it holds. All others leave the
//! reply alone until the lease has ended or the timekeeper has released it.

use calls::conversation::LOOK_AGAIN_LATER;
use calls::{ConversationKey, ReplyState, SequenceCode};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::queues::{ReplyTarget, ReplyWakeUp};
use crate::aws::table::{Key, Range, key_of};
use crate::error::{CommitError, Error};
use crate::records::load::load_reply;
use crate::records::mail_record::{MailRecord, MailState, MailsRecord};
use crate::records::outcome_record::OutcomeRecord;
use crate::records::reply_record::{ReplyRecord, reply_key};

/// Records that are read in one request to find replies that a run has left, and how many requests
/// at most: a run that died had replied to all but its last calls.
const PENDING_PAGE: i32 = 100;
const PENDING_PAGES_MAX: usize = 4;

impl Cloud {
    /// The reply that a wake-up is for; `None`: there is none any more, or it is for mails.
    pub async fn load_reply(&self, wake: &ReplyWakeUp) -> Result<Option<ReplyRecord>, Error> {
        load_reply(&self.calls, wake).await
    }

    /// Commits the result of an attempt, but for a first one that went well and for which the header
    /// answers: whoever has that in hand commits it. The reply is due again at the time of the next one.
    pub async fn commit_reply(
        &self,
        seen: &ReplyRecord,
        reply: calls::Reply,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let due = match reply.state {
            ReplyState::Pending(at) => at,
            ReplyState::Delivered | ReplyState::GivenUp => now,
        };
        if seen.is_by_header() && reply.state == ReplyState::Delivered {
            // The next commit of the header says so.
            return Ok(());
        }
        let committed = self.commit_reply_record(seen, reply.clone(), due, now);
        match committed.await {
            Err(CommitError::Conflict) if seen.is_by_header() => {
                self.commit_taken_over(seen, reply, now).await
            }
            committed => committed.map(drop),
        }
    }

    /// Leases a reply for an attempt that ends by `until`. `Conflict`: somebody else has it.
    pub async fn claim_reply(
        &self,
        seen: &ReplyRecord,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ReplyRecord, CommitError> {
        let reply = seen.reply.clone().claimed();
        self.commit_reply_record(seen, reply, until, now).await
    }

    /// Wake-ups, in order, for the replies to the calls before `next` that were never attempted:
    /// the run that wrote them may have died. It replied in order, so the search goes back no
    /// further than a page that has none. If that run is still at one of them, the notifier waits
    /// until its lease has ended.
    pub async fn pending_replies(
        &self,
        conversation: &ConversationKey,
        next: SequenceCode,
    ) -> Result<Vec<ReplyWakeUp>, Error> {
        let first = SequenceCode::FIRST;
        let apart = [first, next].map(|sequence| reply_key(conversation, sequence, 0));
        let with_outcome = [first, next].map(|sequence| OutcomeRecord::key(conversation, sequence));
        let (mut pending, with_outcome) = tokio::try_join!(
            self.pending_between(apart),
            self.pending_between(with_outcome)
        )?;
        pending.extend(with_outcome);
        pending.sort_by_key(|ReplyRecord { reply, .. }| {
            (
                reply.subject,
                reply.pending_since,
                reply.sequence,
                reply.number,
            )
        });
        let now = self.now();
        let wake = |record: &ReplyRecord| match record.is_leased(now) {
            true => record.wake().again(now).not_handed_on(),
            false => record.wake().again(now),
        };
        Ok(pending.iter().map(wake).collect())
    }

    /// From the last to the first; the second key is not included.
    async fn pending_between(&self, [first, next]: [Key; 2]) -> Result<Vec<ReplyRecord>, Error> {
        let mut pending = Vec::new();
        let mut start = None;
        for _ in 0..PENDING_PAGES_MAX {
            let range = Range::Down(&next.sk, &first.sk);
            let page = self
                .calls
                .query(&next.pk, range, PENDING_PAGE, start.as_ref());
            let page = page.await?;
            let before = pending.len();
            for item in page.items {
                let Some(key) = key_of(&item).filter(|key| *key != next) else {
                    continue;
                };
                let record = ReplyRecord::from_item(&key, item)?;
                pending.extend(record.filter(|record| record.reply.is_unattempted()));
            }
            start = page.next;
            if start.is_none() || pending.len() == before {
                break;
            }
        }
        Ok(pending)
    }

    pub async fn mails(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<MailsRecord>, Error> {
        MailsRecord::load(&self.calls, &MailsRecord::key_of(conversation, sequence)).await
    }

    /// The mails of a call from a number on, in order; at most `limit`.
    pub async fn mails_from(
        &self,
        mails: &MailsRecord,
        first: u32,
        limit: i32,
    ) -> Result<Vec<MailRecord>, Error> {
        MailRecord::load_from(&self.calls, mails, first, limit).await
    }

    /// Moves a mail from one state to the next. `Conflict`: somebody else has it.
    pub async fn commit_mail(
        &self,
        seen: &MailRecord,
        state: MailState,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<MailRecord, CommitError> {
        let next = seen.next(state, reason, now);
        let item = next.to_item(now + self.results_retention());
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }

    /// `due`: when to look again; `None` once all are done.
    pub async fn commit_mails(
        &self,
        seen: &MailsRecord,
        done_through: u32,
        due: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<MailsRecord, CommitError> {
        let next = MailsRecord {
            version: seen.version + 1,
            done_through,
            looked_at: now,
            due,
            ..seen.clone()
        };
        let item = next.to_item(now + self.results_retention());
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }

    /// The index says that a reply or mails are due by then: wakes the notifier for what is still
    /// pending. The index is eventually consistent, so the record itself is read.
    ///
    /// The wake-up is sent first. If the record is not changed after that, the wake-up is sent
    /// again, which does no harm.
    pub async fn look_at_pending(
        &self,
        key: &Key,
        by: Timestamp,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        if ReplyRecord::is_at(key) {
            let Some(record) = ReplyRecord::load(&self.calls, key).await? else {
                return Ok(());
            };
            if record.due.is_none_or(|due| due > by) {
                return Ok(());
            }
            let next = record.next(record.reply.clone().released(), now + LOOK_AGAIN_LATER, now);
            // Whoever claims the reply in between has the next version, too, and must not be taken
            // for one to whom it was handed on.
            let wake = next.wake().again(now).not_handed_on();
            self.queues.send_reply_wake_ups_in_order(&[wake]).await?;
            let item = next.to_item(self.results_retention(), now);
            return self.calls.put_over(item, Some(record.version)).await;
        }
        if MailsRecord::is_at(key) {
            let Some(mails) = MailsRecord::load(&self.calls, key).await? else {
                return Ok(());
            };
            if mails.due.is_none_or(|due| due > by) {
                return Ok(());
            }
            let (conversation, sequence) = (&mails.conversation, mails.sequence);
            let wake = ReplyWakeUp::new(conversation, sequence, ReplyTarget::Mails, mails.version);
            let wake = wake.again(now);
            self.queues.send_reply_wake_ups_in_order(&[wake]).await?;
            let due = Some(now + LOOK_AGAIN_LATER);
            self.commit_mails(&mails, mails.done_through, due, now)
                .await?;
        }
        Ok(())
    }
}
