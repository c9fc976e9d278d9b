//! One attempt at one reply by HTTP POST, and the state of the reply after it. The processor makes
//! the first attempt, after it has carried out the call; the notifier makes all others.
//!
//! The content of a reply by mail ([`mail`]) is here, too: the notifier sends it, and operators can
//! see it.
//!
//! An attempt is made before its result is committed: a reply is sent at least once, with the same
//! id each time. Only one attempt is made at a time, see `cloud::conversation::replies`.

pub mod form;
pub mod mail;

use std::time::Duration;

use calls::{DeliveryResult, Reply, ReplyState};
use cloud::memory::{Budget, MemoryShare};
use cloud::metrics::Metric;
use cloud::outbound::callback::{Post, TIMEOUT};
use cloud::outbound::receiver_health::{QUICK_MAX, Receiver};
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, CommitError, Error};
use jiff::Timestamp;
use soap::ObjectDetail;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// Longest time of posting and committing, with the difference of two functions' clocks. A lease is
/// at least as long, and nothing is posted when its end is nearer than this.
pub const ATTEMPT_MAX: Duration = Duration::from_secs(TIMEOUT.as_secs() + 5);

/// Copies of a body that exist beside it while it is posted.
const BYTES_WHILE_POSTING: usize = 1;

/// What is posted, and the secrets that sign it.
pub struct Prepared {
    body: String,
    secrets: Vec<String>,
    /// Its share of the invocation's memory.
    room: Option<MemoryShare>,
}

/// The result of preparing a reply.
pub enum Preparation<T> {
    Ready(T),
    /// Other replies and calls use the memory that it needs, until the deadline.
    NoRoom,
}

/// The memory and the time that an invocation has.
#[derive(Clone)]
pub struct Means {
    pub budget: Budget,
    pub deadline: Timestamp,
}

/// Reads everything that a post needs.
pub async fn prepare(
    cloud: &Cloud,
    record: &ReplyRecord,
    means: &Means,
) -> Result<Preparation<Prepared>, Error> {
    let Preparation::Ready(ResultsXml { text, mut room }) =
        results_xml(cloud, record, means).await?
    else {
        return Ok(Preparation::NoRoom);
    };
    let now = cloud.now();
    let account = cloud.accounts.account(&record.account, now).await?;
    let account = account.ok_or_else(|| Error::Missing(format!("ACCOUNT {}", record.account)))?;
    let body = form::body(
        &record.reply,
        record.conversation_id.as_ref(),
        text.as_deref(),
    );
    if let Some(room) = &mut room {
        room.keep(body.capacity() + BYTES_WHILE_POSTING * body.len());
    }
    Ok(Preparation::Ready(Prepared {
        body,
        secrets: account.signing_secrets(now),
        room,
    }))
}

/// Posts a reply to its address, and records how quickly its receiver answers. A late answer is
/// recorded before it arrives, so that nothing else waits for this receiver.
pub async fn post(cloud: &Cloud, record: &ReplyRecord, prepared: Prepared) -> DeliveryResult {
    let receiver = Receiver::of(&record.account, &record.reply.subscription.address);
    let began = Instant::now();
    let posting = post_once(cloud, record, prepared);
    tokio::pin!(posting);
    let result = match tokio::time::timeout(QUICK_MAX, &mut posting).await {
        Ok(result) => result,
        Err(_) => tokio::join!(posting, cloud.receiver_is_late(&receiver)).0,
    };
    let took = began.elapsed();
    cloud.receiver_answered(&receiver, &result, took).await;
    result
}

async fn post_once(cloud: &Cloud, record: &ReplyRecord, prepared: Prepared) -> DeliveryResult {
    let reply = &record.reply;
    let _held = prepared.room;
    let post = Post {
        url: &reply.subscription.address,
        id: &reply.id(),
        secrets: &prepared.secrets,
        body: prepared.body,
    };
    cloud.callback.post(post, cloud.now()).await
}

/// Commits the result of an attempt, and returns the reply with it. `Conflict`: another holder
/// attempts the same reply, and commits its own result.
pub async fn commit(
    cloud: &Cloud,
    record: &ReplyRecord,
    result: DeliveryResult,
) -> Result<Reply, CommitError> {
    let now = cloud.now();
    let attempted = record.reply.clone().attempted(result, now);
    note(record, &attempted);
    cloud.commit_reply(record, attempted.clone(), now).await?;
    cloud.metrics.count(match attempted.state {
        ReplyState::Delivered => Metric::RepliesDelivered,
        ReplyState::Pending(_) => Metric::RepliesFailed,
        ReplyState::GivenUp => Metric::RepliesGivenUp,
    });
    Ok(attempted)
}

/// Logs the result. A delivered reply is only counted, and not logged at the level of deployed
/// functions.
fn note(record: &ReplyRecord, reply: &Reply) {
    let (request_id, conversation, account) =
        (&reply.request_id, &record.conversation, &record.account);
    let attempts = reply.attempts.len();
    let result = reply.attempts.last().map(|attempt| &attempt.result);
    match reply.state {
        ReplyState::Delivered => {
            debug!(%request_id, %conversation, %account, attempts, "replied");
        }
        ReplyState::Pending(next) => {
            info!(%request_id, %conversation, %account, attempts, ?result, %next, "reply failed");
        }
        ReplyState::GivenUp => {
            warn!(%request_id, %conversation, %account, attempts, ?result, "reply given up");
        }
    }
}

/// The method's response element with its results, if they are requested and there are any.
#[derive(Default)]
pub struct ResultsXml {
    pub text: Option<String>,
    /// Its share of the invocation's memory.
    pub room: Option<MemoryShare>,
}

pub async fn results_xml(
    cloud: &Cloud,
    record: &ReplyRecord,
    means: &Means,
) -> Result<Preparation<ResultsXml>, Error> {
    let reply = &record.reply;
    if !reply.subscription.include_results {
        return Ok(Preparation::Ready(ResultsXml::default()));
    }
    let now = cloud.now();
    let outcome = cloud.outcome_for_reply(record, now).await?;
    let Some(outcome) = outcome else {
        return Ok(Preparation::Ready(ResultsXml::default()));
    };
    let bytes = outcome.results.unpacked_bytes();
    let bytes = bytes.unwrap_or(soap::ENVELOPE_BYTES_MAX);
    let room = means.budget.room_for_results(cloud, bytes, means.deadline);
    let Some(room) = room.await else {
        return Ok(Preparation::NoRoom);
    };
    let call = record.call_read_with_it();
    let results = outcome.object_results(cloud, call).await?;
    if results.is_empty() {
        return Ok(Preparation::Ready(ResultsXml::default()));
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
    let text = soap::write_results(outcome.method, &results, request_id, overall_status, detail);
    Ok(Preparation::Ready(ResultsXml {
        text: Some(text),
        room: Some(room),
    }))
}
