//! One attempt at one reply, by the way that its subscription names.

use calls::{AsyncResponseType, DeliveryResult, ReplyState, TokenPriority};
use cloud::aws::mail::SendMailResult;
use cloud::aws::queues::ReplyWakeUp;
use cloud::conversation::commit::HELD_MAX;
use cloud::conversation::token_buckets::MailTokens;
use cloud::outbound::receiver_health::{Pace, Receiver};
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, Committed, Error};
use jiff::{SignedDuration, Timestamp};
use replies::{Means, Preparation, ResultsXml};
use tracing::warn;

use crate::ReplyDisposition;

/// Mails that find no token of the mail service's rate come again within this time.
const RATE_SPREAD_MS: u64 = 20_000;

/// What is to be done about a reply now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTurn {
    Now,
    /// Not due, or somebody else is at it until then.
    WaitsUntil(Timestamp),
    /// It is over.
    Never,
}

/// `step`: the version that whoever woke us for it handed on.
pub fn turn(record: &ReplyRecord, step: u64, now: Timestamp) -> ReplyTurn {
    match record.reply.state {
        ReplyState::Delivered | ReplyState::GivenUp => return ReplyTurn::Never,
        ReplyState::Pending(at) if at > now => return ReplyTurn::WaitsUntil(at),
        ReplyState::Pending(_) => {}
    }
    let held = record.leased_until().filter(|_| step != record.version);
    held.filter(|until| *until > now)
        .map_or(ReplyTurn::Now, ReplyTurn::WaitsUntil)
}

/// Whoever a reply by HTTP POST goes to.
pub fn receiver(record: &ReplyRecord) -> Option<Receiver> {
    let subscription = &record.reply.subscription;
    (subscription.response_type == AsyncResponseType::HttpPost)
        .then(|| Receiver::of(&record.account, &subscription.address))
}

/// Settles a reply in the lane of its conversation: makes the attempt that is due, if its receiver is
/// quick and nobody else is at it.
pub async fn settle(
    cloud: &Cloud,
    record: Option<ReplyRecord>,
    wake: &ReplyWakeUp,
    means: &Means,
) -> Result<ReplyDisposition, Error> {
    let Some(record) = record else {
        return Ok(ReplyDisposition::Nothing);
    };
    let now = cloud.now();
    match turn(&record, wake.step, now) {
        ReplyTurn::Never => return Ok(ReplyDisposition::Nothing),
        ReplyTurn::WaitsUntil(at) => {
            return Ok(match wait(at, now) {
                ReplyDisposition::WaitsUntil(at) if record.reply.is_unattempted() => {
                    ReplyDisposition::AllWaitUntil(at)
                }
                other @ (ReplyDisposition::Nothing
                | ReplyDisposition::WaitsUntil(_)
                | ReplyDisposition::AllWaitUntil(_)
                | ReplyDisposition::Moves(_)) => other,
            });
        }
        ReplyTurn::Now => {}
    }
    if let Some(receiver) = receiver(&record) {
        let pace = cloud.pace(&receiver).await;
        if pace != Pace::Quick {
            return Ok(ReplyDisposition::Moves(receiver.lane(
                pace,
                record.class,
                &record.conversation,
            )));
        }
    }
    if !has_time(cloud, means.deadline) {
        return Ok(ReplyDisposition::WaitsUntil(now));
    }
    if record.reply.subscription.response_type == AsyncResponseType::Email
        && let MailTokens::NotBefore(at) = cloud.take_mail_tokens(1, TokenPriority::First).await?
    {
        // Those behind it wait as well, so that mails of a conversation come in its order.
        return Ok(ReplyDisposition::AllWaitUntil(at + spread(cloud)));
    }
    Ok(match attempt(cloud, &record, means).await? {
        AttemptEnd::NoRoom => ReplyDisposition::WaitsUntil(cloud.now()),
        AttemptEnd::Failed { next, .. } => wait(next, cloud.now()),
        AttemptEnd::Over => ReplyDisposition::Nothing,
    })
}

/// Mails that wait for the mail service's rate do not come again all at once.
fn spread(cloud: &Cloud) -> SignedDuration {
    let ms = cloud.random.below(RATE_SPREAD_MS);
    SignedDuration::from_millis(i64::try_from(ms).unwrap_or(0))
}

/// Whether an attempt that begins now is over before the function is.
pub fn has_time(cloud: &Cloud, deadline: Timestamp) -> bool {
    cloud.now() + replies::ATTEMPT_MAX <= deadline
}

pub fn wait(at: Timestamp, now: Timestamp) -> ReplyDisposition {
    match at.duration_since(now) <= HELD_MAX {
        true => ReplyDisposition::WaitsUntil(at),
        false => ReplyDisposition::Nothing,
    }
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// Nothing is left to do, or somebody else is at it.
    Over,
    /// Others hold the memory that it needs: it was not made.
    NoRoom,
    /// It is tried again then. `step`: the version that was committed.
    Failed { next: Timestamp, step: u64 },
}

/// Claims a reply, makes one attempt and commits it.
pub async fn attempt(
    cloud: &Cloud,
    record: &ReplyRecord,
    means: &Means,
) -> Result<AttemptEnd, Error> {
    let Preparation::Ready(prepared) = prepare(cloud, record, means).await? else {
        return Ok(AttemptEnd::NoRoom);
    };
    if !has_time(cloud, means.deadline) {
        return Ok(AttemptEnd::NoRoom);
    }
    let now = cloud.now();
    let until = now + replies::ATTEMPT_MAX;
    let claimed = match Committed::of(cloud.claim_reply(record, until, now).await)? {
        Committed::Written(claimed) => claimed,
        Committed::Conflict => return Ok(AttemptEnd::Over),
    };
    let found = match prepared {
        PreparedReply::Post(prepared) => replies::post(cloud, &claimed, prepared).await,
        PreparedReply::Mail(results) => mail(cloud, &claimed, results.text.as_deref()).await?,
        PreparedReply::Nothing => DeliveryResult::Taken,
    };
    match Committed::of(replies::commit(cloud, &claimed, found).await)? {
        Committed::Written(attempted) => Ok(match attempted.state {
            ReplyState::Pending(next) => AttemptEnd::Failed {
                next,
                step: claimed.version + 1,
            },
            ReplyState::Delivered | ReplyState::GivenUp => AttemptEnd::Over,
        }),
        Committed::Conflict => Ok(AttemptEnd::Over),
    }
}

/// What an attempt needs, by the way that the reply goes.
enum PreparedReply {
    Post(replies::Prepared),
    Mail(ResultsXml),
    Nothing,
}

async fn prepare(
    cloud: &Cloud,
    record: &ReplyRecord,
    means: &Means,
) -> Result<Preparation<PreparedReply>, Error> {
    Ok(match record.reply.subscription.response_type {
        AsyncResponseType::None => Preparation::Ready(PreparedReply::Nothing),
        AsyncResponseType::HttpPost => match replies::prepare(cloud, record, means).await? {
            Preparation::Ready(prepared) => Preparation::Ready(PreparedReply::Post(prepared)),
            Preparation::NoRoom => Preparation::NoRoom,
        },
        AsyncResponseType::Email => match replies::results_xml(cloud, record, means).await? {
            Preparation::Ready(results) => Preparation::Ready(PreparedReply::Mail(results)),
            Preparation::NoRoom => Preparation::NoRoom,
        },
    })
}

async fn mail(
    cloud: &Cloud,
    record: &ReplyRecord,
    results: Option<&str>,
) -> Result<DeliveryResult, Error> {
    let request_id = &record.reply.request_id;
    let Some(mail) = replies::mail::write(record, results) else {
        return Ok(DeliveryResult::Rejected);
    };
    match cloud.mail.send(&mail).await {
        Ok(SendMailResult::Taken) => Ok(DeliveryResult::Taken),
        Ok(SendMailResult::Rejected(reason)) => {
            warn!(%request_id, reason, "mail service rejected a reply");
            Ok(DeliveryResult::Rejected)
        }
        // No attempt at it: it comes again once its lease is over.
        Err(error @ Error::MailThrottled(_)) => {
            cloud.pause_mails().await?;
            Err(error)
        }
        Err(error) => {
            warn!(error = error.in_full(), "mail service did not take a reply");
            Ok(DeliveryResult::Unreachable)
        }
    }
}
