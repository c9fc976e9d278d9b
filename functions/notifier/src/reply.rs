//! One attempt at one reply, by the way that its subscription names.

use calls::{AsyncResponseType, DeliveryResult, ReplyState};
use cloud::aws::mail::Sent;
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, CommitError, Error};
use jiff::SignedDuration;
use tracing::warn;

use crate::{Disposition, reply_mail};

/// An attempt that is due within this time waits in the queue; a later one is found by the
/// timekeeper.
const HELD_MAX: SignedDuration = SignedDuration::from_mins(1);

/// Makes the attempt that is due at a reply that was read, if one is.
pub async fn settle(cloud: &Cloud, record: Option<ReplyRecord>) -> Result<Disposition, Error> {
    let Some(record) = record else {
        return Ok(Disposition::Nothing);
    };
    let now = cloud.now();
    match record.reply.state {
        ReplyState::Delivered | ReplyState::GivenUp => return Ok(Disposition::Nothing),
        ReplyState::Pending(at) if at > now => return Ok(wait(at.duration_since(now), at)),
        ReplyState::Pending(_) => {}
    }
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

fn wait(time: SignedDuration, at: jiff::Timestamp) -> Disposition {
    if time <= HELD_MAX {
        Disposition::WaitsUntil(at)
    } else {
        Disposition::Nothing
    }
}

async fn attempt(cloud: &Cloud, record: &ReplyRecord) -> Result<DeliveryResult, Error> {
    match record.reply.subscription.response_type {
        AsyncResponseType::None => Ok(DeliveryResult::Taken),
        AsyncResponseType::HttpPost => replies::post(cloud, record).await,
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
