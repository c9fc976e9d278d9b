//! One conversation, call after call, for as long as time allows.

use backends::Backend;
use backends::built_in;
use backends::built_in::queued::{self, CarriedOut};
use backends::forward::{self, queued::Forwarded};
use calls::{
    Call, Conversation, ConversationKey, Ended, Outcome, OverallStatus, Phase, Progress,
    SequenceCode,
};
use cloud::aws::lanes::RunLane;
use cloud::aws::queues::{ReplyWakeUp, WakeUp};
use cloud::conversation::commit::{CallEnd, HELD_MAX};
use cloud::conversation::prefetch::{NextCall, Prefetched, RunStart};
use cloud::conversation::waiting::LONG;
use cloud::error::CONFLICTS_MAX;
use cloud::memory::Budget;
use cloud::objects_table::Chunk;
use cloud::records::call_record::PackedBody;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError, Committed, CommittedStep, Error};
use jiff::{SignedDuration, Timestamp};
use tracing::info;

use crate::call::{self, CallTurn};
use crate::reply::Replies;
use crate::slice::Slice;

/// A call of more objects can take long, so pending replies are sent before it.
const FEW_OBJECTS: u32 = 20;

/// What is left to do about a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeUpDisposition {
    Nothing,
    /// The same wake-up must come again then.
    WaitsUntil(Timestamp),
}

/// What a run has in hand beside the header.
struct ConversationRun<'a> {
    prefetched: Prefetched,
    replies: Replies,
    budget: &'a Budget,
}

/// How a run of a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// Its conversation has ended, too.
    Ended,
    Stopped(WakeUpDisposition),
}

/// Carries out a conversation as far as possible: to its end, to a call that must wait, or to the
/// deadline. At the deadline the run sends itself the next wake-up. Replies are sent elsewhere.
pub(crate) async fn run(
    cloud: &Cloud,
    start: RunStart,
    slice: Slice,
    replies: Replies,
    budget: &Budget,
) -> Result<RunEnd, Error> {
    let RunStart { header, prefetched } = start;
    let key = &header.key.clone();
    let mut run = ConversationRun {
        prefetched,
        replies,
        budget,
    };
    if let Some(next) = goes_on_from(&header.conversation) {
        run.replies
            .go_on_behind(cloud.pending_replies(key, next).await?);
    }
    let mut in_hand = Some(header);
    let mut conflicts = 0;
    loop {
        let header = match in_hand.take() {
            Some(header) => header,
            None => match cloud.conversation_record(key).await? {
                Some(header) => header,
                None => return Ok(RunEnd::Ended),
            },
        };
        let ran_step = match &header.conversation.phase {
            Phase::Gathering => return Ok(RunEnd::Stopped(WakeUpDisposition::Nothing)),
            Phase::Ended(_) => return Ok(RunEnd::Ended),
            Phase::Closing { .. } => close(cloud, &header).await,
            Phase::Running(progress) => run_next(cloud, &header, *progress, slice, &mut run).await,
        };
        match Committed::of(ran_step)? {
            Committed::Written(RunStep::On(step)) => {
                in_hand = Some(step.header);
                run.replies.add(step.replies);
            }
            Committed::Written(RunStep::Stopped(disposition)) => {
                return Ok(RunEnd::Stopped(disposition));
            }
            Committed::Conflict if conflicts < CONFLICTS_MAX => {
                conflicts += 1;
                run.prefetched.forget();
                run.replies.send_all();
                // Other runs change the same objects: give them a moment, longer each time.
                let moment = u64::from(conflicts) * 5;
                tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
            }
            Committed::Conflict => return Err(Error::Conflict(CONFLICTS_MAX)),
        }
        if cloud.now() >= slice.ends
            && let Some(header) = &in_hand
            && !matches!(header.conversation.phase, Phase::Ended(_))
        {
            send_next_wake_up(cloud, header, RunLane::long(&header.conversation)).await?;
            return Ok(RunEnd::Stopped(WakeUpDisposition::Nothing));
        }
    }
}

/// The call at which a run goes on: an earlier run may not have sent the replies to the calls
/// before it. `None`: no reply can be pending yet.
fn goes_on_from(conversation: &Conversation) -> Option<SequenceCode> {
    match &conversation.phase {
        Phase::Running(progress) => Some(progress.next).filter(|next| *next != SequenceCode::FIRST),
        Phase::Closing { .. } => {
            SequenceCode::new(conversation.calls_in_conversation.get().saturating_add(1))
        }
        Phase::Gathering | Phase::Ended(_) => None,
    }
}

enum RunStep {
    On(Box<CommittedStep>),
    Stopped(WakeUpDisposition),
}

/// The message in hand is deleted only after this has been sent.
async fn send_next_wake_up(
    cloud: &Cloud,
    header: &ConversationRecord,
    lane: RunLane,
) -> Result<(), Error> {
    let wake = WakeUp {
        conversation: header.key.clone(),
        step: header.version,
        queue: header.conversation.queue(),
        lane,
    };
    cloud.queues.wake(header.conversation.priority, &wake).await
}

async fn close(cloud: &Cloud, header: &ConversationRecord) -> Result<RunStep, CommitError> {
    let step = cloud.close_some(header, cloud.now()).await?;
    Ok(RunStep::On(Box::new(step)))
}

/// The call that is next: it has to wait, or is too late, or is carried out.
async fn run_next(
    cloud: &Cloud,
    header: &ConversationRecord,
    progress: Progress,
    slice: Slice,
    run: &mut ConversationRun<'_>,
) -> Result<RunStep, CommitError> {
    let prefetched = &mut run.prefetched;
    let NextCall { call, body } = cloud.next_call(prefetched, header, progress.next).await?;
    if call.objects > FEW_OBJECTS {
        run.replies.send_all();
    }
    let now = cloud.now();
    let turn = call::turn(&call, progress, now);
    // A call that is carried out reads the switch together with its objects.
    if turn != CallTurn::Now && cloud.in_maintenance().await? {
        return park(cloud, header).await;
    }
    match turn {
        CallTurn::WaitsUntil(at) => wait_with_others(cloud, header, at, now).await,
        CallTurn::Expired => {
            let end = call::expired(&call, now);
            let step = cloud.commit_end(header, end, now).await?;
            Ok(RunStep::On(Box::new(step)))
        }
        CallTurn::Now if header.conversation.is_to_enter() => {
            let header = cloud.enter_queue(header, now).await?;
            send_next_wake_up(cloud, &header, RunLane::Own).await?;
            Ok(RunStep::Stopped(WakeUpDisposition::Nothing))
        }
        CallTurn::Now if slice.is_too_short_for(&header.conversation, &call) => {
            send_next_wake_up(cloud, header, RunLane::long(&header.conversation)).await?;
            Ok(RunStep::Stopped(WakeUpDisposition::Nothing))
        }
        CallTurn::Now => {
            let bytes = body.unpacked_bytes();
            let Some(_room) = run.budget.room_for_call(cloud, bytes, slice.deadline).await else {
                send_next_wake_up(cloud, header, RunLane::long(&header.conversation)).await?;
                return Ok(RunStep::Stopped(WakeUpDisposition::Nothing));
            };
            // Boxed to keep the stack small: a run is polled within its batch, not as a task of its
            // own.
            let at = (header, progress);
            let ran = Box::pin(carry_out(cloud, at, &call, body, slice)).await?;
            note_end(&ran, &call, progress, now);
            Ok(ran)
        }
    }
}

/// The one line of a call that went well. `began`: when this run came to it.
fn note_end(ran: &RunStep, call: &Call, progress: Progress, began: Timestamp) {
    let RunStep::On(step) = ran else { return };
    if let Phase::Running(after) = &step.header.conversation.phase
        && after.next == progress.next
    {
        // So far in part.
        return;
    }
    let waited_ms = began.duration_since(call.arrived_at).as_millis();
    info!(
        request_id = %call.request_id,
        conversation = %step.header.key,
        account = %call.account,
        sequence = %progress.next,
        // As a number, which one of 128 bits would not be.
        waited_ms = i64::try_from(waited_ms).unwrap_or(i64::MAX),
        "call was carried out"
    );
}

/// The call whose turn it is, by the backend that it was accepted for.
async fn carry_out(
    cloud: &Cloud,
    (header, progress): (&ConversationRecord, Progress),
    call: &Call,
    body: PackedBody,
    slice: Slice,
) -> Result<RunStep, CommitError> {
    match Backend::of(call) {
        Backend::BuiltIn => {
            match queued::carry_out(cloud, header, progress, call, body, slice.ends).await? {
                CarriedOut::InMaintenance => park(cloud, header).await,
                CarriedOut::Committed(step) => Ok(RunStep::On(step)),
            }
        }
        Backend::Forward(name) => {
            let at = (header, progress);
            let sent = forward::queued::carry_out(cloud, at, call, &name, body, slice.deadline);
            match Box::pin(sent).await? {
                Forwarded::InMaintenance => park(cloud, header).await,
                Forwarded::Held => Ok(RunStep::Stopped(WakeUpDisposition::Nothing)),
                Forwarded::NotBefore(at) => wait(cloud, header, at, cloud.now()).await,
                Forwarded::OutOfTime(header) => {
                    send_next_wake_up(cloud, &header, RunLane::long(&header.conversation)).await?;
                    Ok(RunStep::Stopped(WakeUpDisposition::Nothing))
                }
                Forwarded::Committed(step) => Ok(RunStep::On(step)),
            }
        }
    }
}

/// The timekeeper finds the conversation when maintenance, or the pause, is over, so this wake-up is done.
async fn park(cloud: &Cloud, header: &ConversationRecord) -> Result<RunStep, CommitError> {
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
async fn wait_with_others(
    cloud: &Cloud,
    header: &ConversationRecord,
    at: Timestamp,
    now: Timestamp,
) -> Result<RunStep, CommitError> {
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
    wait(cloud, header, at, now).await
}

async fn wait(
    cloud: &Cloud,
    header: &ConversationRecord,
    at: Timestamp,
    now: Timestamp,
) -> Result<RunStep, CommitError> {
    if at.duration_since(now) <= HELD_MAX {
        return Ok(RunStep::Stopped(WakeUpDisposition::WaitsUntil(at)));
    }
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

/// Ends a call that cannot be carried out, whatever is tried, and its conversation with it.
pub async fn fail_next(cloud: &Cloud, key: &ConversationKey) -> Result<(), Error> {
    for _ in 0..CONFLICTS_MAX {
        let Some(header) = cloud.conversation_record(key).await? else {
            return Ok(());
        };
        let Phase::Running(progress) = header.conversation.phase else {
            return Ok(());
        };
        // Without its body: reading that may be what the invocations die of.
        let call = cloud.call_in_turn(&header, progress.next).await?;
        let now = cloud.now();
        let (how, error_code) = match progress.may_be_out() {
            false => (Ended::CarriedOut, 2),
            true => (Ended::Unknown, forward::forward_end::UNKNOWN),
        };
        let outcome = Outcome {
            how,
            overall_status: OverallStatus::Error,
            status_message: format!(
                "Exception occurred during [{}] ErrorID: {}. The call was given up: whoever carried it \
                 out ended before it was done, each time",
                call.method.name(),
                call.request_id
            ),
            error_code: Some(error_code),
            ended_at: now,
        };
        let chunk = Chunk::of_results(Vec::new());
        let mails_before = built_in::mails_in(&cloud.chunk_results(key, progress.next).await?);
        let end = CallEnd {
            call: &call,
            outcome,
            results: None,
            chunk,
            mails_before,
        };
        match Committed::of(cloud.commit_end(&header, end, now).await)? {
            Committed::Written(CommittedStep { header, replies }) => {
                let wake_ups: Vec<ReplyWakeUp> =
                    replies.into_iter().map(|action| action.wake).collect();
                cloud.send_reply_wake_ups(&wake_ups).await;
                return if matches!(header.conversation.phase, Phase::Ended(_)) {
                    Ok(())
                } else {
                    send_next_wake_up(cloud, &header, RunLane::Own).await
                };
            }
            Committed::Conflict => {}
        }
    }
    Err(Error::Conflict(CONFLICTS_MAX))
}
