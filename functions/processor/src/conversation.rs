//! One conversation, call after call, for as long as time allows.

use backends::Backend;
use backends::built_in::queued::{self, CarriedOut};
use backends::forward::{self, queued::Forwarded};
use calls::{Call, Conversation, Phase, Progress, SequenceCode};
use cloud::aws::lanes::RunLane;
use cloud::conversation::prefetch::{NextCall, Prefetched, RunStart};
use cloud::error::CONFLICTS_MAX;
use cloud::memory::Budget;
use cloud::records::call_record::PackedBody;
use cloud::records::conversation_record::{ConversationRecord, FirstReply};
use cloud::{Cloud, CommitError, Committed, CommittedStep, Error};
use jiff::Timestamp;
use tracing::info;

use crate::call::{self, CallTurn};
use crate::first_reply::first_reply_of;
use crate::in_flight::Ownership;
use crate::reply::Replies;
use crate::run_step::{RunStep, WakeUpDisposition, send_next_wake_up};
use crate::slice::Slice;
use crate::waiting::{park, wait, wait_with_others};

/// A call of more objects can take long, so pending replies are sent before it.
const FEW_OBJECTS: u32 = 20;

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
    if header.conversation.undelivered.is_none()
        && let Some(next) = goes_on_from(&header.conversation)
    {
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
        let ran_step = run_on(cloud, header, slice, &mut run).await;
        match Committed::of(ran_step)? {
            Committed::Written(RunStep::On(step)) => {
                in_hand = Some(step.header);
                run.replies.add(step.replies);
            }
            Committed::Written(RunStep::Ended) => return Ok(RunEnd::Ended),
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

/// One step from a header. The replies that it answers for come first, if they are another run's: of
/// one that has died, or is at work at the same time. This run's own are in its hand, and what of them
/// is delivered goes into its next commit.
async fn run_on(
    cloud: &Cloud,
    mut header: ConversationRecord,
    slice: Slice,
    run: &mut ConversationRun<'_>,
) -> Result<RunStep, CommitError> {
    let in_flight = run.replies.in_flight.clone();
    if in_flight.look_at(&header) == Ownership::OfOthers {
        return take_over(cloud, &header, run).await;
    }
    let through = in_flight.settled_through();
    if let Some(through) = through {
        header.conversation = header.conversation.delivered_through(through);
    }
    header.first_reply = FirstReply::ByItself;
    let ran_step = match &header.conversation.phase {
        Phase::Gathering => Ok(RunStep::Stopped(WakeUpDisposition::Nothing)),
        Phase::Ended(_) => Ok(RunStep::Ended),
        Phase::Closing { .. } => close(cloud, &header).await,
        Phase::Running(progress) => {
            let progress = *progress;
            run_next(cloud, &mut header, progress, slice, run).await
        }
    };
    if let Ok(RunStep::On(step)) = &ran_step
        && step.header.version > header.version
    {
        in_flight.committed(&step.header, through);
    }
    ran_step
}

/// Gives the replies of another run records of their own, and goes on behind them.
async fn take_over(
    cloud: &Cloud,
    header: &ConversationRecord,
    run: &mut ConversationRun<'_>,
) -> Result<RunStep, CommitError> {
    let undelivered = header.conversation.undelivered;
    let header = cloud.hand_over_replies(header, cloud.now()).await?;
    let behind = goes_on_from(&header.conversation).or(undelivered.map(|it| it.last.next()));
    if let Some(next) = behind {
        let pending = cloud.pending_replies(&header.key, next).await?;
        run.replies.go_on_behind(pending);
    }
    Ok(RunStep::On(Box::new(CommittedStep {
        header,
        replies: Vec::new(),
    })))
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

async fn close(cloud: &Cloud, header: &ConversationRecord) -> Result<RunStep, CommitError> {
    let step = cloud.close_some(header, cloud.now()).await?;
    Ok(RunStep::On(Box::new(step)))
}

/// The call that is next: it has to wait, or is too late, or is carried out.
async fn run_next(
    cloud: &Cloud,
    header: &mut ConversationRecord,
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
        return park(cloud, header, &run.replies).await;
    }
    header.first_reply = first_reply_of(cloud, &call, &run.replies.in_flight).await;
    let header = &*header;
    match turn {
        CallTurn::WaitsUntil(at) => wait_with_others(cloud, header, at, &run.replies).await,
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
            let ran = carry_out(cloud, at, &call, body, (slice, &run.replies));
            let ran = Box::pin(ran).await?;
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
    (slice, replies): (Slice, &Replies),
) -> Result<RunStep, CommitError> {
    match Backend::of(call) {
        Backend::BuiltIn => {
            match queued::carry_out(cloud, header, progress, call, body, slice.ends).await? {
                CarriedOut::InMaintenance => park(cloud, header, replies).await,
                CarriedOut::Committed(step) => Ok(RunStep::On(step)),
            }
        }
        Backend::Forward(name) => {
            let at = (header, progress);
            let sent = forward::queued::carry_out(cloud, at, call, &name, body, slice.deadline);
            match Box::pin(sent).await? {
                Forwarded::InMaintenance => park(cloud, header, replies).await,
                Forwarded::Held => Ok(RunStep::Stopped(WakeUpDisposition::Nothing)),
                Forwarded::NotBefore(at) => wait(cloud, header, at, replies).await,
                Forwarded::OutOfTime(header) => {
                    send_next_wake_up(cloud, &header, RunLane::long(&header.conversation)).await?;
                    Ok(RunStep::Stopped(WakeUpDisposition::Nothing))
                }
                Forwarded::Committed(step) => Ok(RunStep::On(step)),
            }
        }
    }
}
