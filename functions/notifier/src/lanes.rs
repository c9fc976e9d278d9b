//! Replies to receivers that are slow, or that nobody knows. An account has one lane for those that
//! nobody knows and a few for slow ones, and each is in one invocation's hands at a time: so they
//! hold a bounded share of the places, over all functions.
//!
//! Receivers side by side, the replies to one as it allows: one that nobody knows, or that hangs, is
//! asked by one attempt at a time, one that answers by as many as there are in the batch.
//!
//! Whoever waits for one of them takes on others' messages meanwhile (`take_on`), which needs time as well:
//! an attempt that may take long begins early in an invocation or not at all.

use std::collections::{BTreeMap, VecDeque};

use cloud::aws::lanes::Lane;
use cloud::outbound::callback::TIMEOUT;
use cloud::outbound::receiver_health::{Pace, QUICK_MAX, Receiver};
use cloud::records::reply_record::ReplyRecord;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::reply::{AttemptEnd, ReplyTurn};
use crate::{ReplyBatch, ReplyDisposition, ReplyMessage, reply};

/// When an attempt is begun that might take too long for this invocation: by another one.
const SLOW_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// A reply whose turn it is, and the message that brought it.
struct WaitingReply {
    record: ReplyRecord,
    message: ReplyMessage,
}

/// Settles the wake-ups of one lane, all of one account.
pub async fn settle(batch: &ReplyBatch<'_>, messages: Vec<ReplyMessage>) {
    let looking = messages.into_iter().map(|message| look(batch, message));
    let mut by_receiver: BTreeMap<Receiver, VecDeque<WaitingReply>> = BTreeMap::new();
    for waiting in join_all(looking).await.into_iter().flatten() {
        match reply::receiver(&waiting.record) {
            Some(receiver) => by_receiver.entry(receiver).or_default().push_back(waiting),
            // No lane is for it but its conversation's.
            None => {
                batch
                    .end(
                        waiting.message,
                        Ok(ReplyDisposition::Moves(Lane::Conversation)),
                    )
                    .await
            }
        }
    }
    let asking = by_receiver
        .into_iter()
        .map(|(receiver, waiting)| settle_receiver(batch, receiver, waiting));
    join_all(asking).await;
}

/// What is not to be attempted now is done with: whoever is at it, or the timekeeper, sees to it.
async fn look(batch: &ReplyBatch<'_>, message: ReplyMessage) -> Option<WaitingReply> {
    let record = match batch.cloud.load_reply(&message.wake).await {
        Ok(Some(record)) => record,
        Ok(None) => {
            batch.end(message, Ok(ReplyDisposition::Nothing)).await;
            return None;
        }
        Err(error) => {
            batch.end(message, Err(error)).await;
            return None;
        }
    };
    match reply::turn(&record, message.wake.step, batch.cloud.now()) {
        ReplyTurn::Now => Some(WaitingReply { record, message }),
        ReplyTurn::WaitsUntil(_) | ReplyTurn::Never => {
            batch.end(message, Ok(ReplyDisposition::Nothing)).await;
            None
        }
    }
}

async fn settle_receiver(
    batch: &ReplyBatch<'_>,
    receiver: Receiver,
    mut waiting: VecDeque<WaitingReply>,
) {
    while let Some(first) = waiting.pop_front() {
        let pace = batch.cloud.pace(&receiver).await;
        let _waits = (pace != Pace::Quick).then(|| batch.taking_on.slow_attempt());
        let is_first_contact = matches!(first.message.wake.lane, Lane::FirstContact { .. });
        match pace {
            Pace::Dawdling | Pace::Hanging if is_first_contact => {
                waiting.push_front(first);
                return move_on(batch, &receiver, pace, waiting).await;
            }
            Pace::Quick | Pace::Dawdling => {
                waiting.push_front(first);
                return side_by_side(batch, &receiver, waiting).await;
            }
            Pace::Unknown if is_first_contact => {
                waiting = ask(batch, &receiver, first, waiting).await;
            }
            Pace::Unknown | Pace::Hanging => attempt(batch, &receiver, first).await,
        }
    }
}

/// The first attempt at a receiver that nobody knows. Should it be late, its lane goes on without it:
/// others that nobody knows are not to wait for it. Gives back who still waits.
async fn ask(
    batch: &ReplyBatch<'_>,
    receiver: &Receiver,
    first: WaitingReply,
    waiting: VecDeque<WaitingReply>,
) -> VecDeque<WaitingReply> {
    let delivery = first.message.delivery.clone();
    let attempt = attempt(batch, receiver, first);
    tokio::pin!(attempt);
    tokio::select! {
        biased;
        () = &mut attempt => return waiting,
        () = tokio::time::sleep(QUICK_MAX) => {}
    }
    let lets_go = async {
        move_on(batch, receiver, Pace::Hanging, waiting).await;
        batch.let_go(delivery).await;
    };
    tokio::join!(attempt, lets_go);
    VecDeque::new()
}

async fn move_on(
    batch: &ReplyBatch<'_>,
    receiver: &Receiver,
    pace: Pace,
    waiting: VecDeque<WaitingReply>,
) {
    let mut lanes: BTreeMap<Lane, Vec<ReplyMessage>> = BTreeMap::new();
    for WaitingReply { record, message } in waiting {
        let lane = receiver.lane(pace, record.class, &record.conversation);
        lanes.entry(lane).or_default().push(message);
    }
    for (lane, messages) in lanes {
        batch.send_on(messages, &lane).await;
    }
}

/// Conversations side by side, within one in order.
async fn side_by_side(
    batch: &ReplyBatch<'_>,
    receiver: &Receiver,
    waiting: VecDeque<WaitingReply>,
) {
    let mut by_conversation: BTreeMap<_, Vec<WaitingReply>> = BTreeMap::new();
    for one in waiting {
        let key = one.record.conversation.clone();
        by_conversation.entry(key).or_default().push(one);
    }
    let settling = by_conversation.into_values().map(|waiting| async move {
        for one in waiting {
            attempt(batch, receiver, one).await;
        }
    });
    join_all(settling).await;
}

/// One attempt, if there is time for it. What is to be tried again soon waits in the lane of its
/// conversation: here all would wait behind it.
async fn attempt(batch: &ReplyBatch<'_>, receiver: &Receiver, waiting: WaitingReply) {
    let WaitingReply {
        record,
        mut message,
    } = waiting;
    if let Some(at) = not_before(batch, receiver).await {
        return batch
            .end(message, Ok(ReplyDisposition::WaitsUntil(at)))
            .await;
    }
    let settled = match reply::attempt(batch.cloud, &record, &batch.means).await {
        Ok(AttemptEnd::NoRoom) => Ok(ReplyDisposition::WaitsUntil(batch.cloud.now())),
        Ok(AttemptEnd::Over) => Ok(ReplyDisposition::Nothing),
        Ok(AttemptEnd::Failed { next, step }) => {
            message.wake.step = step;
            Ok(match reply::wait(next, batch.cloud.now()) {
                ReplyDisposition::WaitsUntil(_) => ReplyDisposition::Moves(Lane::Conversation),
                later @ (ReplyDisposition::Nothing
                | ReplyDisposition::AllWaitUntil(_)
                | ReplyDisposition::Moves(_)) => later,
            })
        }
        Err(error) => Err(error),
    };
    batch.end(message, settled).await;
}

/// When an attempt is to be begun instead of now, for which this invocation has not the time.
async fn not_before(batch: &ReplyBatch<'_>, receiver: &Receiver) -> Option<Timestamp> {
    let (cloud, now) = (batch.cloud, batch.cloud.now());
    let pace = cloud.pace(receiver).await;
    if cloud.may_take_long(receiver, pace) {
        let over = now + replies::ATTEMPT_MAX + TIMEOUT;
        return (over > batch.means.deadline).then(|| now + SLOW_AGAIN);
    }
    (!reply::has_time(cloud, batch.means.deadline)).then_some(now)
}
