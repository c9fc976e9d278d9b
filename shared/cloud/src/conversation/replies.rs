//! What happens to replies and mails after the commit that wrote them.
//!
//! One reply, one attempt under way at a time: a reply is leased to whoever may attempt it, until
//! the time in its `due_at`. The commit that writes it leases it to the run that committed; an attempt
//! of the notifier is claimed, which leases it to the notifier for as long as the attempt can take.
//! Whoever holds it hands it on by a wake-up with the version that it holds. All others leave it
//! alone until the lease is over, or the timekeeper has released it.

use calls::conversation::LOOK_AGAIN_LATER;
use calls::{ConversationKey, ReplyState, SequenceCode};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::queues::{ReplyTarget, ReplyWakeUp};
use crate::aws::table::{Key, Range, key_of};
use crate::error::{CommitError, Error};
use crate::records::mail_record::{MailRecord, MailState, MailsRecord};
use crate::records::outcome_record::OutcomeRecord;
use crate::records::reply_record::{ReplyLocation, ReplyRecord, reply_key};

/// Step of a wake-up for a reply that somebody else may hold: no record has this version.
const NOT_HANDED_ON: u64 = 0;

/// The same, another one for each version: a queue would drop a wake-up like one before it.
const fn not_handed_on(version: u64) -> u64 {
    u64::MAX - version
}

/// Records that are looked through in one request for what a run has left behind, and how often: a
/// run that died had told all but its last calls.
const PENDING_PAGE: i32 = 100;
const PENDING_PAGES_MAX: usize = 4;

impl Cloud {
    pub async fn reply(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
        number: u32,
    ) -> Result<Option<ReplyRecord>, Error> {
        ReplyRecord::load(&self.calls, &reply_key(conversation, sequence, number)).await
    }

    /// The reply that lies with the outcome it tells of.
    pub async fn reply_with_outcome(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<ReplyRecord>, Error> {
        ReplyRecord::load(&self.calls, &OutcomeRecord::key(conversation, sequence)).await
    }

    /// The reply that the header of a call alone holds.
    pub async fn embedded_reply(
        &self,
        conversation: &ConversationKey,
    ) -> Result<Option<ReplyRecord>, Error> {
        let header = self.conversation_record(conversation).await?;
        Ok(header.and_then(ReplyRecord::of_header))
    }

    /// Commits what an attempt came to; looked at again when the next one is due.
    pub async fn commit_reply(
        &self,
        seen: &ReplyRecord,
        reply: calls::Reply,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        if let ReplyLocation::InHeader(header) = &seen.location {
            let due = match reply.state {
                ReplyState::Pending(at) => Some(at),
                ReplyState::Delivered | ReplyState::GivenUp => None,
            };
            let committed = self.commit_only_reply(header, reply, due, now);
            return committed.await.map(|_| ());
        }
        let due = match reply.state {
            ReplyState::Pending(at) => at,
            ReplyState::Delivered | ReplyState::GivenUp => now,
        };
        let expires = match (&seen.location, reply.state) {
            // The results were kept longer only for this.
            (ReplyLocation::WithOutcome(with), ReplyState::Delivered | ReplyState::GivenUp) => {
                with.outcome.ended_at + self.results_retention()
            }
            (
                ReplyLocation::WithOutcome(_) | ReplyLocation::Apart | ReplyLocation::InHeader(_),
                _,
            ) => self.reply_expires(now),
        };
        let item = seen.next(reply, due).to_item(expires);
        self.calls.put_over(item, Some(seen.version)).await
    }

    /// Leases a reply for an attempt that is over by then. `Conflict`: somebody else has it.
    pub async fn claim_reply(
        &self,
        seen: &ReplyRecord,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ReplyRecord, CommitError> {
        let reply = seen.reply.clone().claimed();
        if let ReplyLocation::InHeader(header) = &seen.location {
            let next = self
                .commit_only_reply(header, reply, Some(until), now)
                .await?;
            let claimed = ReplyRecord::of_header(next);
            return claimed.ok_or_else(|| Error::Missing("the reply claimed".to_owned()).into());
        }
        let next = seen.next(reply, until);
        let item = next.to_item(self.reply_expires(now));
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }

    /// Wake-ups, in order, for the replies that nobody has attempted of the calls before `next`: the
    /// run that wrote them may have died. What it told, it told in order, so those of earlier calls
    /// than a page of others are not looked for. Should it still be at one of them, the notifier
    /// waits until its lease is over.
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
            true => ReplyWakeUp {
                step: NOT_HANDED_ON,
                ..record.wake()
            },
            false => record.wake(),
        };
        Ok(pending.iter().map(wake).collect())
    }

    /// From behind; the second key is not one of them.
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
        let next = seen.next(state, reason);
        let item = next.to_item(now + self.results_retention());
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }

    /// `due`: when somebody must look again; `None` once all are done.
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

    /// The timekeeper came by a reply or mails that the index says are due `by` then: the
    /// notifier is woken for what is still pending. The index lags, so the record is asked whether it is so.
    ///
    /// The wake-up goes out first; should the record not be moved on after that, it goes out again,
    /// which does no harm.
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
            let next = record.next(record.reply.clone().released(), now + LOOK_AGAIN_LATER);
            // Whoever claims it meanwhile has the next version, too, and must not be taken for one who
            // has handed it on.
            let wake = ReplyWakeUp {
                step: not_handed_on(next.version),
                ..next.wake()
            };
            self.queues.send_reply_wake_ups_in_order(&[wake]).await?;
            let item = next.to_item(self.reply_expires(now));
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
            self.queues.send_reply_wake_ups_in_order(&[wake]).await?;
            let due = Some(now + LOOK_AGAIN_LATER);
            self.commit_mails(&mails, mails.done_through, due, now)
                .await?;
        }
        Ok(())
    }
}
