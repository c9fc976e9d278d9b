//! One attempt at one reply, by the way that its subscription names.

use calls::{AsyncResponseType, DeliveryResult, ReplyState};
use cloud::aws::mail::Sent;
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, CommitError, Error};
use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use crate::{Disposition, reply_mail};

/// An attempt that is due within this time waits in the queue; a later one is found by the
/// timekeeper.
const HELD_MAX: SignedDuration = SignedDuration::from_mins(1);

/// Makes the attempt that is due at a reply that was read, if one is, and nobody else is at it.
/// `step`: the version that whoever woke us for it handed on.
pub async fn settle(
    cloud: &Cloud,
    record: Option<ReplyRecord>,
    step: u64,
    deadline: Timestamp,
) -> Result<Disposition, Error> {
    let Some(record) = record else {
        return Ok(Disposition::Nothing);
    };
    let now = cloud.now();
    match record.reply.state {
        ReplyState::Delivered | ReplyState::GivenUp => return Ok(Disposition::Nothing),
        ReplyState::Pending(at) if at > now => return Ok(wait(at.duration_since(now), at)),
        ReplyState::Pending(_) => {}
    }
    let held = record.leased_until().filter(|_| step != record.version);
    if let Some(until) = held.filter(|until| *until > now) {
        return Ok(match wait(until.duration_since(now), until) {
            Disposition::WaitsUntil(at) if record.reply.is_unattempted() => {
                Disposition::AllWaitUntil(at)
            }
            left @ (Disposition::Nothing
            | Disposition::WaitsUntil(_)
            | Disposition::AllWaitUntil(_)) => left,
        });
    }
    let over = now + replies::ATTEMPT_MAX;
    if over > deadline {
        return Ok(Disposition::WaitsUntil(now));
    }
    let record = match cloud.claim_reply(&record, over, now).await {
        Ok(claimed) => claimed,
        Err(CommitError::Conflict) => return Ok(Disposition::Nothing),
        Err(CommitError::Cloud(error)) => return Err(error),
    };
    let found = attempt(cloud, &record).await?;
    let attempted = match replies::commit(cloud, &record, found).await {
        Ok(attempted) => attempted,
        Err(CommitError::Conflict) => return Ok(Disposition::Nothing),
        Err(CommitError::Cloud(error)) => return Err(error),
    };
    Ok(match attempted.state {
        ReplyState::Pending(at) => wait(at.duration_since(cloud.now()), at),
        ReplyState::Delivered | ReplyState::GivenUp => Disposition::Nothing,
    })
}

fn wait(time: SignedDuration, at: Timestamp) -> Disposition {
    if time <= HELD_MAX {
        Disposition::WaitsUntil(at)
    } else {
        Disposition::Nothing
    }
}

async fn attempt(cloud: &Cloud, record: &ReplyRecord) -> Result<DeliveryResult, Error> {
    match record.reply.subscription.response_type {
        AsyncResponseType::None => Ok(DeliveryResult::Taken),
        AsyncResponseType::HttpPost => {
            let prepared = replies::prepare(cloud, record).await?;
            Ok(replies::post(cloud, record, prepared).await)
        }
        AsyncResponseType::Email => {
            let results = replies::results_xml(cloud, record).await?;
            mail(cloud, record, results.as_deref()).await
        }
    }
}

async fn mail(
    cloud: &Cloud,
    record: &ReplyRecord,
    results: Option<&str>,
) -> Result<DeliveryResult, Error> {
    let request_id = &record.reply.request_id;
    let Some(mail) = reply_mail::write(record, results) else {
        return Ok(DeliveryResult::Rejected);
    };
    match cloud.mail.send(&mail).await {
        Ok(Sent::Taken) => Ok(DeliveryResult::Taken),
        Ok(Sent::Rejected(reason)) => {
            warn!(%request_id, reason, "mail service rejected a reply");
            Ok(DeliveryResult::Rejected)
        }
        Err(error) => {
            warn!(error = error.in_full(), "mail service did not take a reply");
            Ok(DeliveryResult::Unreachable)
        }
    }
}
