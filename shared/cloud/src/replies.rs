//! What happens to replies and mails after the commit that owed them.

use calls::{ConversationKey, ReplyState, SequenceCode};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::mail_record::{MailRecord, MailState, MailsRecord};
use crate::outcome_record::OutcomeRecord;
use crate::owing::reply_wake;
use crate::queues::{Owing, ReplyWake};
use crate::reply_record::{Kept, ReplyRecord, reply_key};
use crate::table::{Key, Range, key_of};
use crate::trouble::{CommitError, Trouble};

/// When something that was looked at is looked at again: a backlog is not woken every minute.
const LOOK_AGAIN_LATER: SignedDuration = SignedDuration::from_mins(5);

/// Records that are looked through in one request for what a run has left behind, and how often: a
/// run that died had told all but its last calls.
const LEFT_PAGE: i32 = 100;
const LEFT_PAGES_MAX: usize = 4;

impl Cloud {
    pub async fn reply(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
        number: u32,
    ) -> Result<Option<ReplyRecord>, Trouble> {
        ReplyRecord::load(&self.calls, &reply_key(conversation, sequence, number)).await
    }

    /// The reply that lies with the outcome it tells of.
    pub async fn reply_with_outcome(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<ReplyRecord>, Trouble> {
        ReplyRecord::load(&self.calls, &OutcomeRecord::key(conversation, sequence)).await
    }

    /// The reply that the header of a call alone holds.
    pub async fn only_reply(
        &self,
        conversation: &ConversationKey,
    ) -> Result<Option<ReplyRecord>, Trouble> {
        let standing = self.standing(conversation).await?;
        Ok(standing.and_then(ReplyRecord::of_header))
    }

    /// Commits what an attempt came to; looked at again when the next one is due.
    pub async fn commit_reply(
        &self,
        seen: &ReplyRecord,
        reply: calls::Reply,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        if let Kept::InHeader(standing) = &seen.kept {
            return self.commit_only_reply(standing, reply, now).await;
        }
        let due = match reply.state {
            ReplyState::Owed(at) => at,
            ReplyState::Delivered | ReplyState::GivenUp => now,
        };
        let expires = match (&seen.kept, reply.state) {
            // The results were kept longer only for this.
            (Kept::WithOutcome(with), ReplyState::Delivered | ReplyState::GivenUp) => {
                with.outcome.ended_at + self.results_kept()
            }
            (Kept::WithOutcome(_) | Kept::Apart | Kept::InHeader(_), _) => self.reply_expires(now),
        };
        let next = ReplyRecord {
            version: seen.version + 1,
            reply,
            ..seen.clone()
        };
        let item = next.to_item(due, expires);
        self.calls.put_over(item, Some(seen.version)).await
    }

    /// Wake-ups, in order, for the replies that nobody has attempted of the calls before `next`: the
    /// run that owed them may have died. What it told, it told in order, so those of earlier calls
    /// than a page of others are not looked for.
    pub async fn replies_left(
        &self,
        conversation: &ConversationKey,
        next: SequenceCode,
    ) -> Result<Vec<ReplyWake>, Trouble> {
        let first = SequenceCode::FIRST;
        let apart = [first, next].map(|sequence| reply_key(conversation, sequence, 0));
        let with_outcome = [first, next].map(|sequence| OutcomeRecord::key(conversation, sequence));
        let (mut left, with_outcome) =
            tokio::try_join!(self.left_between(apart), self.left_between(with_outcome))?;
        left.extend(with_outcome);
        left.sort_by_key(|ReplyRecord { reply, .. }| {
            (reply.owed_since, reply.sequence, reply.number)
        });
        Ok(left.iter().map(ReplyRecord::wake).collect())
    }

    /// From behind; the second key is not one of them.
    async fn left_between(&self, [first, next]: [Key; 2]) -> Result<Vec<ReplyRecord>, Trouble> {
        let mut left = Vec::new();
        let mut start = None;
        for _ in 0..LEFT_PAGES_MAX {
            let range = Range::Down(&next.sk, &first.sk);
            let page = self.calls.query(&next.pk, range, LEFT_PAGE, start.as_ref());
            let page = page.await?;
            let before = left.len();
            for item in page.items {
                let Some(key) = key_of(&item).filter(|key| *key != next) else {
                    continue;
                };
                let record = ReplyRecord::from_item(&key, item)?;
                left.extend(record.filter(|record| record.reply.is_unattempted()));
            }
            start = page.next;
            if start.is_none() || left.len() == before {
                break;
            }
        }
        Ok(left)
    }

    pub async fn mails(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<MailsRecord>, Trouble> {
        MailsRecord::load(&self.calls, &MailsRecord::key_of(conversation, sequence)).await
    }

    /// The mails of a call from a number on, in order; at most `limit`.
    pub async fn mails_from(
        &self,
        mails: &MailsRecord,
        first: u32,
        limit: i32,
    ) -> Result<Vec<MailRecord>, Trouble> {
        MailRecord::load_from(&self.calls, mails, first, limit).await
    }

    /// Moves a mail from one state to the next. `Overtaken`: somebody else has it.
    pub async fn commit_mail(
        &self,
        seen: &MailRecord,
        state: MailState,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<MailRecord, CommitError> {
        let next = MailRecord {
            version: seen.version + 1,
            state,
            reason: reason.map(str::to_owned),
            ..seen.clone()
        };
        let item = next.to_item(now + self.results_kept());
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
            ..seen.clone()
        };
        let item = next.to_item(due, now + self.results_kept());
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }

    /// The timekeeper came by a reply or mails: whoever is still owed something is woken.
    ///
    /// The wake-up goes out first; should the record not be moved on after that, it goes out again,
    /// which does no harm.
    pub async fn look_at_owed(&self, key: &Key, now: Timestamp) -> Result<(), CommitError> {
        if ReplyRecord::is_at(key) {
            let Some(record) = ReplyRecord::load(&self.calls, key).await? else {
                return Ok(());
            };
            let ReplyState::Owed(_) = record.reply.state else {
                return Ok(());
            };
            self.queues.wake_replies(&[record.wake()]).await?;
            let next = ReplyRecord {
                version: record.version + 1,
                ..record.clone()
            };
            let item = next.to_item(now + LOOK_AGAIN_LATER, self.reply_expires(now));
            return self.calls.put_over(item, Some(record.version)).await;
        }
        if MailsRecord::is_at(key) {
            let Some(mails) = MailsRecord::load(&self.calls, key).await? else {
                return Ok(());
            };
            let (conversation, sequence) = (&mails.conversation, mails.sequence);
            let wake = reply_wake(conversation, sequence, Owing::Mails, mails.version);
            self.queues.wake_replies(&[wake]).await?;
            let due = Some(now + LOOK_AGAIN_LATER);
            self.commit_mails(&mails, mails.done_through, due, now)
                .await?;
        }
        Ok(())
    }
}
