//! One conversation, call after call, for as long as time allows.

use calls::{Conversation, ConversationKey, Ended, Outcome, OverallStatus, Phase, Progress};
use cloud::objects_table::Chunk;
use cloud::queues::Wake;
use cloud::standing::Standing;
use cloud::steps::End;
use cloud::{Cloud, CommitError, Trouble};
use jiff::{SignedDuration, Timestamp};
use tracing::info;

use crate::call::{self, Turn};

/// How often we look again because others were at the same records.
const OVERTAKEN_MAX: u32 = 40;

/// A call that is due within this time is held in its queue; a later one is scheduled.
const HELD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// What is left to do about a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// The same wake-up must come again then.
    WaitsUntil(Timestamp),
}

/// Takes a conversation as far as it goes: to its end, to a call that must wait, or to the
/// deadline, at which it owes itself the next wake-up.
pub async fn carry_on(
    cloud: &Cloud,
    key: &ConversationKey,
    deadline: Timestamp,
) -> Result<Left, Trouble> {
    let mut in_hand: Option<Standing> = None;
    let mut overtaken = 0;
    loop {
        let standing = match in_hand.take() {
            Some(standing) => standing,
            None => match cloud.standing(key).await? {
                Some(standing) => standing,
                None => return Ok(Left::Nothing),
            },
        };
        let went = match &standing.conversation.phase {
            Phase::Gathering | Phase::Ended(_) => return Ok(Left::Nothing),
            Phase::Closing { .. } => close(cloud, &standing).await,
            Phase::Running(progress) => run_next(cloud, &standing, *progress, deadline).await,
        };
        match went {
            Ok(Went::On(next)) => in_hand = Some(*next),
            Ok(Went::Stopped(left)) => return Ok(left),
            Err(CommitError::Overtaken) if overtaken < OVERTAKEN_MAX => {
                overtaken += 1;
                // Others are at the same objects; give them a moment, and more each time.
                let moment = u64::from(overtaken) * 5;
                tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
            }
            Err(CommitError::Overtaken) => return Err(Trouble::Overtaken(OVERTAKEN_MAX)),
            Err(CommitError::Unavailable(trouble)) => return Err(trouble),
        }
        if cloud.now() >= deadline
            && let Some(standing) = &in_hand
            && !matches!(standing.conversation.phase, Phase::Ended(_))
        {
            owe_next_wake(cloud, standing).await?;
            return Ok(Left::Nothing);
        }
    }
}

enum Went {
    On(Box<Standing>),
    Stopped(Left),
}

/// The message in hand is deleted only after this has been sent.
async fn owe_next_wake(cloud: &Cloud, standing: &Standing) -> Result<(), Trouble> {
    let wake = Wake {
        conversation: standing.key.clone(),
        step: standing.version,
    };
    cloud
        .queues
        .wake(standing.conversation.priority, &wake)
        .await
}

async fn close(cloud: &Cloud, standing: &Standing) -> Result<Went, CommitError> {
    let (next, wakes) = cloud.close_some(standing, cloud.now()).await?;
    cloud.send_reply_wakes(&wakes).await;
    Ok(Went::On(Box::new(next)))
}

/// The call whose turn it is: it may have to wait, or be too late; otherwise it is carried out.
async fn run_next(
    cloud: &Cloud,
    standing: &Standing,
    progress: Progress,
    deadline: Timestamp,
) -> Result<Went, CommitError> {
    // Read each time and consistently: a switch that is turned holds from the next call on.
    if cloud.accounts.maintenance().await? {
        return park(cloud, standing).await;
    }
    let (call, body) = cloud.next_call(&standing.key, progress.next).await?;
    let now = cloud.now();
    match call::turn(&call, progress, now) {
        Turn::WaitsUntil(at) => wait(cloud, standing, at, now).await,
        Turn::Expired => {
            let outcome = Outcome {
                how: Ended::Expired,
                overall_status: OverallStatus::Error,
                status_message:
                    "Expired. RequestExpirationTime had passed when the turn of the request came"
                        .to_owned(),
                error_code: None,
                ended_at: now,
            };
            let end = End {
                call: &call,
                outcome,
                results: None,
                chunk: Chunk::of_results(Vec::new()),
                mails_before: 0,
            };
            let (next, wakes) = cloud.commit_end(standing, end, now).await?;
            cloud.send_reply_wakes(&wakes).await;
            Ok(Went::On(Box::new(next)))
        }
        Turn::Now => {
            let next = call::carry_out(cloud, standing, progress, &call, &body, deadline).await?;
            info!(
                request_id = %call.request_id,
                conversation = %standing.key,
                sequence = %progress.next,
                waited_ms = now.duration_since(call.arrived_at).as_millis(),
                "call {} was carried out",
                call.request_id
            );
            Ok(Went::On(Box::new(next)))
        }
    }
}

/// Found again by the timekeeper when maintenance is over: the wake-up has done its work.
async fn park(cloud: &Cloud, standing: &Standing) -> Result<Went, CommitError> {
    if !matches!(standing.conversation.due, calls::Due::Parked(_)) {
        let now = cloud.now();
        let parked = standing.conversation.clone().park(now);
        cloud.commit_header(standing, parked, now).await?;
    }
    Ok(Went::Stopped(Left::Nothing))
}

async fn wait(
    cloud: &Cloud,
    standing: &Standing,
    at: Timestamp,
    now: Timestamp,
) -> Result<Went, CommitError> {
    if at.duration_since(now) <= HELD_MAX {
        return Ok(Went::Stopped(Left::WaitsUntil(at)));
    }
    let waiting: Conversation = standing.conversation.clone().wait_until(at);
    let standing = if waiting == standing.conversation {
        standing.clone()
    } else {
        cloud.commit_header(standing, waiting, now).await?
    };
    let wake = Wake {
        conversation: standing.key.clone(),
        step: standing.version,
    };
    cloud
        .wake_at(at, standing.conversation.priority, &wake, now)
        .await?;
    Ok(Went::Stopped(Left::Nothing))
}

/// Ends a call that cannot be carried out, whatever is tried, and its conversation with it.
pub async fn fail_next(cloud: &Cloud, key: &ConversationKey) -> Result<(), Trouble> {
    for _ in 0..OVERTAKEN_MAX {
        let Some(standing) = cloud.standing(key).await? else {
            return Ok(());
        };
        let Phase::Running(progress) = standing.conversation.phase else {
            return Ok(());
        };
        let (call, _) = cloud.next_call(key, progress.next).await?;
        let now = cloud.now();
        let outcome = Outcome {
            how: Ended::CarriedOut,
            overall_status: OverallStatus::Error,
            status_message: format!(
                "Exception occurred during [{}] ErrorID: {}",
                call.method.name(),
                call.request_id
            ),
            error_code: Some(2),
            ended_at: now,
        };
        let chunk = Chunk::of_results(Vec::new());
        let mails_before = call::mails_in(&cloud.chunk_results(key, progress.next).await?);
        let end = End {
            call: &call,
            outcome,
            results: None,
            chunk,
            mails_before,
        };
        match cloud.commit_end(&standing, end, now).await {
            Ok((next, wakes)) => {
                cloud.send_reply_wakes(&wakes).await;
                return if matches!(next.conversation.phase, Phase::Ended(_)) {
                    Ok(())
                } else {
                    owe_next_wake(cloud, &next).await
                };
            }
            Err(CommitError::Overtaken) => {}
            Err(CommitError::Unavailable(trouble)) => return Err(trouble),
        }
    }
    Err(Trouble::Overtaken(OVERTAKEN_MAX))
}
