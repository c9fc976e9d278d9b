//! One attempt at one reply, by the way that its subscription names.

use calls::{AsyncResponseType, Found, ReplyState};
use cloud::mail::Sent;
use cloud::reply_record::ReplyRecord;
use cloud::{Cloud, CommitError, Trouble};
use jiff::SignedDuration;
use tracing::warn;

use crate::{Left, letter};

/// An attempt that is due within this time waits in the queue; a later one is found by the
/// timekeeper.
const HELD_MAX: SignedDuration = SignedDuration::from_mins(1);

/// Makes the attempt that is due at a reply that was read, if one is.
pub async fn settle(cloud: &Cloud, record: Option<ReplyRecord>) -> Result<Left, Trouble> {
    let Some(record) = record else {
        return Ok(Left::Nothing);
    };
    let now = cloud.now();
    match record.reply.state {
        ReplyState::Delivered | ReplyState::GivenUp => return Ok(Left::Nothing),
        ReplyState::Owed(at) if at > now => return Ok(wait(at.duration_since(now), at)),
        ReplyState::Owed(_) => {}
    }
    let found = attempt(cloud, &record).await?;
    let attempted = match replies::commit(cloud, &record, found).await {
        Ok(attempted) => attempted,
        Err(CommitError::Overtaken) => return Ok(Left::Nothing),
        Err(CommitError::Unavailable(trouble)) => return Err(trouble),
    };
    Ok(match attempted.state {
        ReplyState::Owed(at) => wait(at.duration_since(cloud.now()), at),
        ReplyState::Delivered | ReplyState::GivenUp => Left::Nothing,
    })
}

/// Ends it without another attempt.
pub async fn give_up(cloud: &Cloud, record: &ReplyRecord) -> Result<Left, Trouble> {
    match replies::commit(cloud, record, Found::Rejected).await {
        Ok(_) | Err(CommitError::Overtaken) => Ok(Left::Nothing),
        Err(CommitError::Unavailable(trouble)) => Err(trouble),
    }
}

fn wait(time: SignedDuration, at: jiff::Timestamp) -> Left {
    if time <= HELD_MAX {
        Left::WaitsUntil(at)
    } else {
        Left::Nothing
    }
}

async fn attempt(cloud: &Cloud, record: &ReplyRecord) -> Result<Found, Trouble> {
    match record.reply.subscription.response_type {
        AsyncResponseType::None => Ok(Found::Taken),
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
) -> Result<Found, Trouble> {
    let request_id = &record.reply.request_id;
    let Some(mail) = letter::write(record, results) else {
        return Ok(Found::Rejected);
    };
    match cloud.mail.send(&mail).await {
        Ok(Sent::Taken) => Ok(Found::Taken),
        Ok(Sent::Rejected(reason)) => {
            warn!(%request_id, reason, "mail service rejected a reply");
            Ok(Found::Rejected)
        }
        Err(trouble) => {
            warn!(
                trouble = trouble.in_full(),
                "mail service did not take a reply"
            );
            Ok(Found::Unreachable)
        }
    }
}
