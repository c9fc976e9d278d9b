//! The mails of triggered sends: each sent at most once, and never more in a second than the mail
//! service takes of the whole AWS account.
//!
//! A mail is claimed before the mail service is called, and only while there is time to hear its
//! answer. What certainly never left is owed as before. Should the power go after the claim, or the
//! answer never come, nobody knows whether it went out: it is *unknown*, and is not sent again by
//! itself. Read in this order: this file (the mails of one call), [`sending`] (one mail).

mod sending;

use std::collections::BTreeMap;

use calls::conversation::LOOK_AGAIN;
use cloud::aws::lanes::Lane;
use cloud::aws::mail::{ANSWER_MAX, MailSession};
use cloud::aws::queues::{ReplyTarget, ReplyWakeUp};
use cloud::conversation::commit::HELD_MAX;
use cloud::conversation::token_buckets::MailTokens;
use cloud::records::mail_record::{MailRecord, MailState, MailsRecord};
use cloud::{Cloud, Error};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::ReplyDisposition;
use sending::MailProgress;

/// Mails that are on their way to the mail service at the same time.
const MAILS_AT_ONCE: usize = 8;

/// Mails that are read in one request, and sent side by side.
pub const MAILS_IN_PAGE: i32 = 50;

/// When mails that are held, or claimed by somebody, are looked at again.
const HELD_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// When mails are looked at again whose service took none, or whose sender is not verified yet.
const SERVICE_AGAIN: SignedDuration = SignedDuration::from_mins(1);
const UNVERIFIED_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Why a run stops before the last mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MailStop {
    /// Its time is up.
    OutOfTime,
    /// No more may be sent before that: the rate of the mail service.
    NotBefore(Timestamp),
    /// It is of no use before that.
    Until(Timestamp),
}

/// One look at the mails of a call.
struct MailRun<'a> {
    cloud: &'a Cloud,
    session: MailSession,
    deadline: Timestamp,
    mails: MailsRecord,
    /// Mails up to here need no more looking at.
    done_through: u32,
    all_done: bool,
    /// Any was handed to the mail service.
    sent_any: bool,
    /// The message has been held before, or is older than the last look at these mails.
    has_waited: bool,
    /// Definitions that were looked at, and whether they hold their mails back.
    holding: BTreeMap<String, bool>,
}

/// Sends what is owed of a call's mails, as far as time and the mail service's rate allow.
pub async fn settle(
    cloud: &Cloud,
    wake: &ReplyWakeUp,
    deadline: Timestamp,
    page: i32,
) -> Result<ReplyDisposition, Error> {
    let Some(mails) = cloud.mails(&wake.conversation, wake.sequence).await? else {
        return Ok(ReplyDisposition::Nothing);
    };
    let mut run = MailRun {
        cloud,
        session: cloud.mail.session(),
        deadline,
        done_through: mails.done_through,
        has_waited: wake.step < mails.version,
        mails,
        all_done: true,
        sent_any: false,
        holding: BTreeMap::new(),
    };
    let mut next = run.mails.done_through;
    let mut stop = None;
    while next < run.mails.count && stop.is_none() {
        let page = cloud.mails_from(&run.mails, next, page).await?;
        let Some(last) = page.last() else { break };
        next = last.number + 1;
        // Boxed: what it awaits is deeper than a compiler likes to lay out in one piece.
        stop = Box::pin(run.look_at(page)).await?;
        if stop.is_none() && !run.has_time() && next < run.mails.count {
            stop = Some(MailStop::OutOfTime);
        }
    }
    Box::pin(run.leave(stop)).await
}

impl MailRun<'_> {
    /// Whether an answer of the mail service could still be waited for.
    fn has_time(&self) -> bool {
        has_time(self.cloud, self.deadline)
    }

    async fn look_at(&mut self, page: Vec<MailRecord>) -> Result<Option<MailStop>, Error> {
        let mut wanted = 0;
        for mail in &page {
            if mail.state == MailState::Pending && !self.is_held(mail).await? {
                wanted += 1;
            }
        }
        let mut stop = None;
        let mut may_be_sent = 0;
        if wanted > 0 && !self.has_time() {
            stop = Some(MailStop::OutOfTime);
        } else if wanted > 0 {
            match self.cloud.take_mail_tokens(wanted).await? {
                MailTokens::Some(tokens) => may_be_sent = tokens,
                MailTokens::NotBefore(at) => stop = Some(MailStop::NotBefore(at)),
            }
        }
        let progress = self.send(page, may_be_sent).await;
        let now = self.cloud.now();
        if self.all_done {
            let done = progress.iter().take_while(|it| **it == MailProgress::Done);
            let done = done.count();
            self.done_through += u32::try_from(done).unwrap_or(0);
            self.all_done = done == progress.len();
        }
        let more_are_pending = wanted > may_be_sent && stop.is_none();
        if progress.contains(&MailProgress::Throttled) {
            return Ok(Some(MailStop::NotBefore(self.cloud.pause_mails().await?)));
        }
        if progress.contains(&MailProgress::SenderUnverified) {
            return Ok(Some(MailStop::Until(now + UNVERIFIED_AGAIN)));
        }
        if progress.contains(&MailProgress::Error) {
            return Ok(Some(MailStop::Until(now + SERVICE_AGAIN)));
        }
        if progress.contains(&MailProgress::OutOfTime) {
            return Ok(Some(MailStop::OutOfTime));
        }
        Ok(match more_are_pending {
            // A token is there again in a moment; the queue counts in seconds.
            true => Some(MailStop::NotBefore(now + SignedDuration::from_secs(1))),
            false => stop,
        })
    }

    /// Each mail of a page, the first `may_be_sent` of those that are owed sent.
    async fn send(&mut self, page: Vec<MailRecord>, may_be_sent: u32) -> Vec<MailProgress> {
        let mut remaining = may_be_sent;
        let mut sending = Vec::with_capacity(page.len());
        for mail in page {
            let held = self.holding.get(&sending::definition_of(&mail)) == Some(&true);
            let is_sent = mail.state == MailState::Pending && !held && remaining > 0;
            remaining -= u32::from(is_sent);
            self.sent_any |= is_sent;
            let (cloud, session, deadline) = (self.cloud, &self.session, self.deadline);
            let looked_at = self.mails.looked_at;
            sending.push(async move {
                match is_sent {
                    true => sending::send(cloud, session, &mail, deadline).await,
                    false => sending::look(cloud, &mail, looked_at).await,
                }
            });
        }
        stream::iter(sending)
            .buffered(MAILS_AT_ONCE)
            .collect()
            .await
    }

    async fn is_held(&mut self, mail: &MailRecord) -> Result<bool, Error> {
        let definition = sending::definition_of(mail);
        if let Some(held) = self.holding.get(&definition) {
            return Ok(*held);
        }
        let held = sending::is_held(self.cloud, mail).await?;
        self.holding.insert(definition, held);
        Ok(held)
    }

    /// Commits how far it has come, and sees to it that somebody goes on.
    async fn leave(self, stop: Option<MailStop>) -> Result<ReplyDisposition, Error> {
        let now = self.cloud.now();
        let (due, goes_on) = match stop {
            None => ((!self.all_done).then(|| now + HELD_AGAIN), false),
            Some(MailStop::OutOfTime) => (Some(now + LOOK_AGAIN), true),
            Some(MailStop::Until(at)) => (Some(at), false),
            Some(MailStop::NotBefore(at)) if at.duration_since(now) > HELD_MAX => (Some(at), false),
            // Others take all there is: no message is held again and again, and so given up.
            Some(MailStop::NotBefore(_)) if !self.sent_any && self.has_waited => {
                (Some(now + SERVICE_AGAIN), false)
            }
            Some(MailStop::NotBefore(at)) if !self.sent_any => {
                self.commit(Some(at + LOOK_AGAIN)).await?;
                return Ok(ReplyDisposition::WaitsUntil(at));
            }
            Some(MailStop::NotBefore(at)) => (Some(at + LOOK_AGAIN), true),
        };
        let mails = self.commit(due).await?;
        if goes_on {
            // A new message, so that a long send burns no message's receives.
            let wake = ReplyWakeUp {
                conversation: mails.conversation.clone(),
                sequence: mails.sequence,
                what: ReplyTarget::Mails,
                lane: Lane::Conversation,
                step: mails.version,
            };
            self.cloud
                .queues
                .send_reply_wake_ups_in_order(&[wake])
                .await?;
        }
        Ok(ReplyDisposition::Nothing)
    }

    async fn commit(&self, due: Option<Timestamp>) -> Result<MailsRecord, Error> {
        let (mails, through) = (&self.mails, self.done_through);
        let now = self.cloud.now();
        let committed = self.cloud.commit_mails(mails, through, due, now).await;
        // After a conflict (the timekeeper, another wake-up) the message comes again: the state of
        // each mail is in its own record.
        Ok(committed?)
    }
}

/// Gives up the first mail that is not done, and lets the others go on: whoever was at it ended before
/// it was done, each time.
pub async fn give_up_next(cloud: &Cloud, wake: &ReplyWakeUp) -> Result<ReplyDisposition, Error> {
    let Some(mails) = cloud.mails(&wake.conversation, wake.sequence).await? else {
        return Ok(ReplyDisposition::Nothing);
    };
    let mut next = mails.done_through;
    while next < mails.count {
        let page = cloud.mails_from(&mails, next, MAILS_IN_PAGE).await?;
        let Some(last) = page.last() else { break };
        next = last.number + 1;
        for mail in &page {
            if !sending::is_under_way(mail) || sending::is_held(cloud, mail).await? {
                continue;
            }
            sending::give_up(cloud, mail).await?;
            let wake = ReplyWakeUp {
                step: mails.version,
                ..wake.clone()
            };
            // A new message: nobody has died with it.
            let queues = &cloud.queues;
            queues.send_reply_wake_ups_in_order(&[wake]).await?;
            return Ok(ReplyDisposition::Nothing);
        }
    }
    Ok(ReplyDisposition::Nothing)
}

fn has_time(cloud: &Cloud, deadline: Timestamp) -> bool {
    let answer_max = SignedDuration::try_from(ANSWER_MAX).unwrap_or(SignedDuration::MAX);
    cloud.now() + answer_max <= deadline
}
