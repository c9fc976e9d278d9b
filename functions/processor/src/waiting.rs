//! Calls that have to wait: for their time, for the end of maintenance or of a pause.

use calls::Conversation;
use cloud::aws::lanes::RunLane;
use cloud::aws::queues::WakeUp;
use cloud::conversation::commit::HELD_MAX;
use cloud::conversation::waiting::LONG;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError};
use jiff::{SignedDuration, Timestamp};

use crate::reply::Replies;
use crate::run_step::{RunStep, WakeUpDisposition, send_next_wake_up};

/// A conversation that waits for long is not looked at for its replies: they are delivered before it
/// waits, or get records of their own.
async fn before_waiting(
    cloud: &Cloud,
    header: &ConversationRecord,
    replies: &Replies,
) -> Result<ConversationRecord, CommitError> {
    let mut header = header.clone();
    if header.conversation.undelivered.is_some() {
        replies.done().await;
        if let Some(through) = replies.in_flight.settled_through() {
            header.conversation = header.conversation.delivered_through(through);
        }
    }
    cloud.hand_over_replies(&header, cloud.now()).await
}

/// The timekeeper finds the conversation when maintenance, or the pause, is over, so this wake-up is done.
pub(crate) async fn park(
    cloud: &Cloud,
    header: &ConversationRecord,
    replies: &Replies,
) -> Result<RunStep, CommitError> {
    let header = &before_waiting(cloud, header, replies).await?;
    if !cloud.in_maintenance().await?
        && let Some(pause) = cloud.pause_of(&header.conversation)
    {
        let header = &cloud.keep_calls(header).await?;
        let now = cloud.now();
        let held = header.conversation.clone().hold(&pause, now);
        cloud.commit_header(header, held, now).await?;
        return Ok(RunStep::Stopped(WakeUpDisposition::Nothing));
    }
    if !matches!(header.conversation.due, calls::Due::Parked(_)) {
        // How long maintenance lasts is not known.
        let header = &cloud.keep_calls(header).await?;
        let now = cloud.now();
        let parked = header.conversation.clone().park(now);
        cloud.commit_header(header, parked, now).await?;
    }
    Ok(RunStep::Stopped(WakeUpDisposition::Nothing))
}

/// A call waits for its time: where very many do for the same, in a lane. Not in the last second, or
/// the message were taken for a repeat of one that has just come out of it.
pub(crate) async fn wait_with_others(
    cloud: &Cloud,
    header: &ConversationRecord,
    at: Timestamp,
    replies: &Replies,
) -> Result<RunStep, CommitError> {
    let now = cloud.now();
    let time = at.duration_since(now);
    if time <= HELD_MAX && time > SignedDuration::from_secs(1) {
        let Conversation {
            account, priority, ..
        } = &header.conversation;
        let lane = cloud.lane_until(at, Some(account), *priority, now);
        if lane != RunLane::Own {
            send_next_wake_up(cloud, header, lane).await?;
            return Ok(RunStep::Stopped(WakeUpDisposition::Nothing));
        }
    }
    wait(cloud, header, at, replies).await
}

pub(crate) async fn wait(
    cloud: &Cloud,
    header: &ConversationRecord,
    at: Timestamp,
    replies: &Replies,
) -> Result<RunStep, CommitError> {
    let now = cloud.now();
    if at.duration_since(now) <= HELD_MAX {
        return Ok(RunStep::Stopped(WakeUpDisposition::WaitsUntil(at)));
    }
    let header = &before_waiting(cloud, header, replies).await?;
    let waiting: Conversation = header.conversation.clone().wait_until(at);
    // The calls behind it wait as well.
    let keeping = match at.duration_since(now) > LONG {
        true => cloud.keep_calls(header).await?,
        false => header.clone(),
    };
    let header = if waiting == header.conversation && keeping == *header {
        keeping
    } else {
        cloud.commit_header(&keeping, waiting, now).await?
    };
    let wake = WakeUp {
        conversation: header.key.clone(),
        step: header.version,
        queue: None,
        lane: RunLane::Own,
    };
    cloud
        .wake_at(at, header.conversation.priority, &wake, now)
        .await?;
    Ok(RunStep::Stopped(WakeUpDisposition::Nothing))
}
