//! One conversation, call after call, for as long as time allows.

use calls::{
    Call, Conversation, ConversationKey, Ended, Outcome, OverallStatus, Phase, Progress,
    SequenceCode,
};
use cloud::ahead::Ahead;
use cloud::objects_table::Chunk;
use cloud::queues::{ReplyWake, Wake};
use cloud::standing::Standing;
use cloud::steps::End;
use cloud::{Cloud, CommitError, Debt, Outbox, Trouble};
use jiff::{SignedDuration, Timestamp};
use tracing::info;

use crate::call::{self, Turn};
use crate::in_order;
use crate::reply::{Replies, replies};

/// How often we look again because others were at the same records.
const OVERTAKEN_MAX: u32 = 40;

/// A call that is due within this time is held in its queue; a later one is scheduled.
const HELD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A call of more objects may take its time, and replies that are owed do not wait for it.
const FEW_OBJECTS: u32 = 20;

/// What is left to do about a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// The same wake-up must come again then.
    WaitsUntil(Timestamp),
}

/// What a run has in hand beside the header.
struct Run {
    ahead: Ahead,
    replies: Replies,
}

/// How a run of a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Its conversation has ended, too.
    Ended,
    Stopped(Left),
}

/// Takes a conversation as far as it goes: to its end, to a call that must wait, or to the
/// deadline, at which it owes itself the next wake-up. For a call that stands in its account's
/// queue, the queue.
pub async fn carry_on(
    cloud: &Cloud,
    key: &ConversationKey,
    deadline: Timestamp,
    outbox: Outbox,
) -> Result<Left, Trouble> {
    let Some((standing, ahead)) = cloud.begin_run(key).await? else {
        return Ok(Left::Nothing);
    };
    if let Some(queue) = standing.conversation.queue() {
        return in_order::carry_on(cloud, &standing, queue, deadline, outbox).await;
    }
    let (replies, telling) = replies(deadline, outbox);
    let running = run(cloud, standing, ahead, deadline, replies);
    // The run lets go of its replies however it ends, and they are settled to the last.
    let (ran, ()) = tokio::join!(running, telling.settle(cloud));
    Ok(match ran? {
        Ran::Ended => Left::Nothing,
        Ran::Stopped(left) => left,
    })
}

/// The same for a conversation that was read, whose callers are told elsewhere.
pub(crate) async fn run(
    cloud: &Cloud,
    standing: Standing,
    ahead: Ahead,
    deadline: Timestamp,
    replies: Replies,
) -> Result<Ran, Trouble> {
    let key = &standing.key.clone();
    let mut run = Run { ahead, replies };
    if let Some(next) = goes_on_from(&standing.conversation) {
        run.replies
            .go_on_behind(cloud.replies_left(key, next).await?);
    }
    let mut in_hand = Some(standing);
    let mut overtaken = 0;
    loop {
        let standing = match in_hand.take() {
            Some(standing) => standing,
            None => match cloud.standing(key).await? {
                Some(standing) => standing,
                None => return Ok(Ran::Ended),
            },
        };
        let went = match &standing.conversation.phase {
            Phase::Gathering => return Ok(Ran::Stopped(Left::Nothing)),
            Phase::Ended(_) => return Ok(Ran::Ended),
            Phase::Closing { .. } => close(cloud, &standing).await,
            Phase::Running(progress) => {
                run_next(cloud, &standing, *progress, deadline, &mut run).await
            }
        };
        match went {
            Ok(Went::On(next, owed)) => {
                in_hand = Some(*next);
                run.replies.owe(owed);
            }
            Ok(Went::Stopped(left)) => return Ok(Ran::Stopped(left)),
            Err(CommitError::Overtaken) if overtaken < OVERTAKEN_MAX => {
                overtaken += 1;
                run.replies.send_all();
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
            return Ok(Ran::Stopped(Left::Nothing));
        }
    }
}

/// Behind which calls a run goes on, whose callers an earlier one may not have told. `None`: nobody
/// was to be told anything yet.
fn goes_on_from(conversation: &Conversation) -> Option<SequenceCode> {
    match &conversation.phase {
        Phase::Running(progress) => Some(progress.next).filter(|next| *next != SequenceCode::FIRST),
        Phase::Closing { .. } => {
            SequenceCode::new(conversation.calls_in_conversation.get().saturating_add(1))
        }
        Phase::Gathering | Phase::Ended(_) => None,
    }
}

enum Went {
    /// With what is owed to callers now.
    On(Box<Standing>, Vec<Debt>),
    Stopped(Left),
}

impl Went {
    fn on((next, owed): (Standing, Vec<Debt>)) -> Self {
        Self::On(Box::new(next), owed)
    }
}

/// The message in hand is deleted only after this has been sent.
async fn owe_next_wake(cloud: &Cloud, standing: &Standing) -> Result<(), Trouble> {
    let wake = Wake {
        conversation: standing.key.clone(),
        step: standing.version,
        queue: standing.conversation.queue(),
    };
    cloud
        .queues
        .wake(standing.conversation.priority, &wake)
        .await
}

async fn close(cloud: &Cloud, standing: &Standing) -> Result<Went, CommitError> {
    Ok(Went::on(cloud.close_some(standing, cloud.now()).await?))
}

/// The call whose turn it is: it may have to wait, or be too late; otherwise it is carried out.
async fn run_next(
    cloud: &Cloud,
    standing: &Standing,
    progress: Progress,
    deadline: Timestamp,
    run: &mut Run,
) -> Result<Went, CommitError> {
    let ahead = &mut run.ahead;
    let (call, body) = cloud.next_call(ahead, standing, progress.next).await?;
    if call.objects > FEW_OBJECTS {
        run.replies.send_all();
    }
    let now = cloud.now();
    let turn = call::turn(&call, progress, now);
    // One that is carried out reads the switch together with its objects.
    if turn != Turn::Now && cloud.accounts.maintenance().await? {
        return park(cloud, standing).await;
    }
    match turn {
        Turn::WaitsUntil(at) => wait(cloud, standing, at, now).await,
        Turn::Expired => {
            let end = expired(&call, now);
            Ok(Went::on(cloud.commit_end(standing, end, now).await?))
        }
        Turn::Now if standing.conversation.is_to_enter() => {
            let standing = cloud.enter_queue(standing, now).await?;
            owe_next_wake(cloud, &standing).await?;
            Ok(Went::Stopped(Left::Nothing))
        }
        Turn::Now => {
            let ran = call::carry_out(cloud, standing, progress, &call, &body, deadline).await?;
            let Some(next) = ran else {
                return park(cloud, standing).await;
            };
            info!(
                request_id = %call.request_id,
                conversation = %standing.key,
                sequence = %progress.next,
                waited_ms = now.duration_since(call.arrived_at).as_millis(),
                "call {} was carried out",
                call.request_id
            );
            Ok(Went::on(next))
        }
    }
}

/// How a call ends whose turn came too late.
fn expired(call: &Call, now: Timestamp) -> End<'_> {
    let outcome = Outcome {
        how: Ended::Expired,
        overall_status: OverallStatus::Error,
        status_message:
            "Expired. RequestExpirationTime had passed when the turn of the request came".to_owned(),
        error_code: None,
        ended_at: now,
    };
    End {
        call,
        outcome,
        results: None,
        chunk: Chunk::of_results(Vec::new()),
        mails_before: 0,
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
        queue: None,
    };
    cloud
        .wake_at(at, standing.conversation.priority, &wake, now)
        .await?;
    Ok(Went::Stopped(Left::Nothing))
}

/// Ends a call that cannot be carried out, whatever is tried, and its conversation with it.
pub async fn fail_next(cloud: &Cloud, key: &ConversationKey) -> Result<(), Trouble> {
    let key = &in_order::at_fault(cloud, key).await?;
    for _ in 0..OVERTAKEN_MAX {
        let Some(standing) = cloud.standing(key).await? else {
            return Ok(());
        };
        let Phase::Running(progress) = standing.conversation.phase else {
            return Ok(());
        };
        let (call, _) = cloud
            .next_call(&mut Ahead::default(), &standing, progress.next)
            .await?;
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
            Ok((next, owed)) => {
                let wakes: Vec<ReplyWake> = owed.into_iter().map(|debt| debt.wake).collect();
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
