//! The mails of triggered sends, and their texts and calls by voice: each sent at most once, and never
//! more in a second than its service takes of the whole AWS account.
//!
//! A mail is claimed before the mail service is called, and only while there is time to hear its
//! answer. What certainly never left is owed as before. Should the power go after the claim, or the
//! answer never come, nobody knows whether it went out: it is *unknown*, and is not sent again by
//! itself. Read in this order: this file (the mails of one call), [`sending`] (one of them), [`counts`] (how they
//! are counted).

mod counts;
mod sending;

use std::collections::BTreeMap;

use calls::TokenPriority;
use calls::conversation::LOOK_AGAIN;
use cloud::aws::lanes::Lane;
use cloud::aws::mail::ANSWER_MAX;
use cloud::aws::queues::{ReplyTarget, ReplyWakeUp};
use cloud::conversation::commit::HELD_MAX;
use cloud::conversation::token_buckets::MailTokens;
use cloud::records::mail_record::{MailRecord, MailState, MailsRecord};
use cloud::{Cloud, Error};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use objects::{MailHold, ObjectKey};

use crate::ReplyDisposition;
use counts::SendService;
use sending::{MailProgress, Services};

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
    services: Services,
    deadline: Timestamp,
    mails: MailsRecord,
    /// Mails up to here need no more looking at.
    done_through: u32,
    all_done: bool,
    /// Any was handed to the mail service.
    sent_any: bool,
    /// The message has been held before, or is older than the last look at these mails.
    has_waited: bool,
    /// Definitions and sends that were looked at, and whether they hold their mails back.
    holding: BTreeMap<ObjectKey, MailHold>,
    /// Those that are not done.
    open: usize,
    /// Those of them that only wait for their time of the day, and when the first may leave.
    early: usize,
    first_leaves: Option<Timestamp>,
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
        services: Services::of(cloud),
        deadline,
        done_through: mails.done_through,
        has_waited: wake.step < mails.version,
        mails,
        all_done: true,
        sent_any: false,
        holding: BTreeMap::new(),
        open: 0,
        early: 0,
        first_leaves: None,
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
        // A send can be paused and cancelled between two pages.
        self.holding.retain(|_, hold| *hold != MailHold::Free);
        let mut wanted = SendCounts::default();
        // The mails of one call are of one definition, or of few.
        let mut priority = TokenPriority::Last;
        for mail in &page {
            if mail.state == MailState::Pending && self.may_leave(mail).await? {
                wanted.add(sending::service_of(mail));
                priority = priority.min(sending::priority_of(mail));
            }
        }
        let (may_be_sent, stop) = match wanted.is_none() {
            true => (SendCounts::default(), None),
            false if !self.has_time() => (SendCounts::default(), Some(MailStop::OutOfTime)),
            false => self.take_tokens(wanted, priority).await?,
        };
        let progress = self.send(page, may_be_sent).await;
        let done = |it: &&MailProgress| **it == MailProgress::Done;
        self.open += progress.len() - progress.iter().filter(done).count();
        if self.all_done {
            let done = progress.iter().take_while(done).count();
            self.done_through += u32::try_from(done).unwrap_or(0);
            self.all_done = done == progress.len();
        }
        match self.stopped_by(&progress).await? {
            Some(stopped) => Ok(Some(stopped)),
            None if stop.is_none() && wanted.are_more_than(may_be_sent) => {
                // A token is there again in a moment; the queue counts in seconds.
                let soon = self.cloud.now() + SignedDuration::from_secs(1);
                Ok(Some(MailStop::NotBefore(soon)))
            }
            None => Ok(stop),
        }
    }

    /// How many may be sent now. Without a token of one service, the other's are sent all the same.
    async fn take_tokens(
        &self,
        wanted: SendCounts,
        priority: TokenPriority,
    ) -> Result<(SendCounts, Option<MailStop>), Error> {
        let mut may_be_sent = SendCounts::default();
        let mut stop = None;
        if wanted.mails > 0 {
            match self.cloud.take_mail_tokens(wanted.mails, priority).await? {
                MailTokens::Some(tokens) => may_be_sent.mails = tokens,
                MailTokens::NotBefore(at) => stop = Some(MailStop::NotBefore(at)),
            }
        }
        if wanted.texts > 0 {
            match self.cloud.take_text_tokens(wanted.texts).await? {
                MailTokens::Some(tokens) => may_be_sent.texts = tokens,
                MailTokens::NotBefore(at) => stop = Some(stop.unwrap_or(MailStop::NotBefore(at))),
            }
        }
        Ok((may_be_sent, stop))
    }

    /// Why there is no use in going on.
    async fn stopped_by(&self, progress: &[MailProgress]) -> Result<Option<MailStop>, Error> {
        let now = self.cloud.now();
        let is_throttled = |service| progress.contains(&MailProgress::Throttled(service));
        if is_throttled(SendService::Phone) {
            return Ok(Some(MailStop::NotBefore(self.cloud.pause_texts().await?)));
        }
        if is_throttled(SendService::Mail) {
            return Ok(Some(MailStop::NotBefore(self.cloud.pause_mails().await?)));
        }
        if progress.contains(&MailProgress::SenderUnverified) {
            return Ok(Some(MailStop::Until(now + UNVERIFIED_AGAIN)));
        }
        if progress.contains(&MailProgress::Error) {
            return Ok(Some(MailStop::Until(now + SERVICE_AGAIN)));
        }
        let is_late = progress.contains(&MailProgress::OutOfTime);
        Ok(is_late.then_some(MailStop::OutOfTime))
    }

    /// Each mail of a page, the first `may_be_sent` of those that are owed sent.
    async fn send(
        &mut self,
        page: Vec<MailRecord>,
        mut may_be_sent: SendCounts,
    ) -> Vec<MailProgress> {
        let now = self.cloud.now();
        let mut sending = Vec::with_capacity(page.len());
        for mail in page {
            let hold = sending::holder_of(&mail).and_then(|key| self.holding.get(&key).copied());
            let is_unsent = mail.state == MailState::Pending;
            let dropped = match hold {
                Some(MailHold::Dropped) if is_unsent => Some(sending::CANCELLED),
                Some(MailHold::Held | MailHold::Dropped) => None,
                Some(MailHold::Free) | None => sending::dropped(&mail, now),
            };
            let is_held = hold == Some(MailHold::Held) || sending::not_before(&mail, now).is_some();
            let is_pending = is_unsent && !is_held && dropped.is_none();
            let is_sent = is_pending && may_be_sent.take(sending::service_of(&mail));
            self.sent_any |= is_sent;
            let (cloud, services, deadline) = (self.cloud, &self.services, self.deadline);
            let looked_at = self.mails.looked_at;
            sending.push(async move {
                match (is_sent, dropped) {
                    (true, _) => sending::send(cloud, services, &mail, deadline).await,
                    (false, Some(why)) => sending::drop_mail(cloud, &mail, why).await,
                    (false, None) => sending::look(cloud, &mail, looked_at).await,
                }
            });
        }
        stream::iter(sending)
            .buffered(MAILS_AT_ONCE)
            .collect()
            .await
    }

    /// Whether neither its definition or send nor the time of the day holds it back.
    async fn may_leave(&mut self, mail: &MailRecord) -> Result<bool, Error> {
        if self.hold_of(mail).await? != MailHold::Free {
            return Ok(false);
        }
        let now = self.cloud.now();
        if sending::dropped(mail, now).is_some() {
            return Ok(false);
        }
        let Some(at) = sending::not_before(mail, now) else {
            return Ok(true);
        };
        self.early += 1;
        self.first_leaves = Some(self.first_leaves.map_or(at, |first| first.min(at)));
        Ok(false)
    }

    async fn hold_of(&mut self, mail: &MailRecord) -> Result<MailHold, Error> {
        let Some(holder) = sending::holder_of(mail) else {
            return Ok(MailHold::Free);
        };
        if let Some(hold) = self.holding.get(&holder) {
            return Ok(*hold);
        }
        let hold = sending::hold_of(self.cloud, &holder).await?;
        if hold == MailHold::Held {
            // Before it is committed that nobody need look for a while.
            self.cloud.note_held(&self.mails, &holder).await?;
        }
        self.holding.insert(holder, hold);
        Ok(hold)
    }

    /// Commits how far it has come, and sees to it that somebody goes on.
    async fn leave(self, stop: Option<MailStop>) -> Result<ReplyDisposition, Error> {
        let now = self.cloud.now();
        let (due, goes_on) = match stop {
            None => ((!self.all_done).then(|| self.again_at(now)), false),
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
                again_at: None,
            };
            self.cloud
                .queues
                .send_reply_wake_ups_in_order(&[wake])
                .await?;
        }
        Ok(ReplyDisposition::Nothing)
    }

    /// When those that are not done are looked at again.
    fn again_at(&self, now: Timestamp) -> Timestamp {
        let again = now + HELD_AGAIN;
        match self.first_leaves {
            Some(first) if self.early == self.open => first,
            Some(first) => again.min(first),
            None => again,
        }
    }

    async fn commit(&self, due: Option<Timestamp>) -> Result<MailsRecord, Error> {
        let (mails, through) = (&self.mails, self.done_through);
        let now = self.cloud.now();
        let committed = self.cloud.commit_mails(mails, through, due, now).await;
        // After a conflict the message comes again: the state of each mail is in its own record.
        Ok(committed?)
    }
}

/// How many of each service.
#[derive(Clone, Copy, Debug, Default)]
struct SendCounts {
    mails: u32,
    texts: u32,
}

impl SendCounts {
    const fn of(&mut self, service: SendService) -> &mut u32 {
        match service {
            SendService::Mail => &mut self.mails,
            SendService::Phone => &mut self.texts,
        }
    }

    const fn add(&mut self, service: SendService) {
        *self.of(service) += 1;
    }

    /// One of them, if any is left.
    const fn take(&mut self, service: SendService) -> bool {
        let left = self.of(service);
        let is_there = *left > 0;
        *left = left.saturating_sub(1);
        is_there
    }

    const fn is_none(self) -> bool {
        self.mails == 0 && self.texts == 0
    }

    const fn are_more_than(self, others: Self) -> bool {
        self.mails > others.mails || self.texts > others.texts
    }
}

/// Gives up the first mail that is not done, because invocations die with it; the others go on.
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
            if !sending::is_under_way(mail) {
                continue;
            }
            if let Some(holder) = sending::holder_of(mail)
                && sending::hold_of(cloud, &holder).await? == MailHold::Held
            {
                continue;
            }
            sending::give_up(cloud, mail).await?;
            let wake = ReplyWakeUp {
                step: mails.version,
                again_at: None,
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
