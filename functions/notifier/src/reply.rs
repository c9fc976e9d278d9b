//! One attempt at one reply.
//!
//! The attempt comes first and its finding is committed after: a reply goes out at least once, with
//! the same id each time.

use calls::{AsyncResponseType, Found, Reply, ReplyState};
use cloud::callback::Post;
use cloud::mail::Sent;
use cloud::reply_record::ReplyRecord;
use cloud::{Cloud, CommitError, Trouble};
use jiff::SignedDuration;
use soap::ObjectDetail;
use tracing::{info, warn};

use crate::{Left, form, letter};

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
    let now = cloud.now();
    let attempted = record.reply.clone().attempted(found, now);
    note(&attempted);
    match cloud.commit_reply(&record, attempted.clone(), now).await {
        Ok(()) => {}
        // Somebody else is at the same reply, and commits what they found.
        Err(CommitError::Overtaken) => return Ok(Left::Nothing),
        Err(CommitError::Unavailable(trouble)) => return Err(trouble),
    }
    Ok(match attempted.state {
        ReplyState::Owed(at) => wait(at.duration_since(now), at),
        ReplyState::Delivered | ReplyState::GivenUp => Left::Nothing,
    })
}

fn wait(time: SignedDuration, at: jiff::Timestamp) -> Left {
    if time <= HELD_MAX {
        Left::WaitsUntil(at)
    } else {
        Left::Nothing
    }
}

fn note(reply: &Reply) {
    let attempts = reply.attempts.len();
    let found = reply.attempts.last().map(|attempt| &attempt.found);
    match reply.state {
        ReplyState::Delivered => info!(request_id = %reply.request_id, attempts, "replied"),
        ReplyState::Owed(at) => {
            info!(request_id = %reply.request_id, attempts, ?found, next = %at, "reply failed");
        }
        ReplyState::GivenUp => {
            warn!(request_id = %reply.request_id, attempts, ?found, "reply given up");
        }
    }
}

async fn attempt(cloud: &Cloud, record: &ReplyRecord) -> Result<Found, Trouble> {
    let reply = &record.reply;
    let results = results_xml(cloud, record).await?;
    match reply.subscription.response_type {
        AsyncResponseType::None => Ok(Found::Taken),
        AsyncResponseType::HttpPost => {
            let now = cloud.now();
            let account = cloud.accounts.account(&record.account, now).await?;
            let account =
                account.ok_or_else(|| Trouble::Missing(format!("ACCOUNT {}", record.account)))?;
            let post = Post {
                url: &reply.subscription.address,
                id: &reply.id(),
                secret: &account.webhook_secret,
                body: form::body(record, results.as_deref()),
            };
            Ok(cloud.callback.post(post, now).await)
        }
        AsyncResponseType::Email => {
            let Some(mail) = letter::write(record, results.as_deref()) else {
                return Ok(Found::Rejected);
            };
            match cloud.mail.send(&mail).await {
                Ok(Sent::Taken) => Ok(Found::Taken),
                Ok(Sent::Rejected(reason)) => {
                    warn!(request_id = %reply.request_id, reason, "mail service rejected a reply");
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
    }
}

/// The method's response element with its results, if they are asked for and there are any.
async fn results_xml(cloud: &Cloud, record: &ReplyRecord) -> Result<Option<String>, Trouble> {
    let reply = &record.reply;
    if !reply.subscription.include_results {
        return Ok(None);
    }
    let now = cloud.now();
    let outcome = cloud.outcome_told(record, now).await?;
    let Some(outcome) = outcome else {
        return Ok(None);
    };
    let results = outcome.object_results(cloud).await?;
    if results.is_empty() {
        return Ok(None);
    }
    let detail = match (
        reply.subscription.include_objects,
        reply.subscription.only_include_base,
    ) {
        (false, _) => ObjectDetail::None,
        (true, true) => ObjectDetail::Base,
        (true, false) => ObjectDetail::Whole,
    };
    let request_id = Some(outcome.request_id.0.as_str());
    let overall_status = outcome.outcome.overall_status.text();
    Ok(Some(soap::write_results(
        outcome.method,
        &results,
        request_id,
        overall_status,
        detail,
    )))
}
