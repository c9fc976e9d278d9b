//! Replies to receivers that are slow, or that nobody knows. An account has one lane for those that
//! nobody knows and a few for slow ones, and each is in one invocation's hands at a time: so they
//! hold a bounded share of the places, over all functions.
//!
//! Receivers side by side, the replies to one as it allows: one that nobody knows, or that hangs, is
//! asked by one attempt at a time, one that answers by as many as there are in the batch.

use std::collections::{BTreeMap, VecDeque};

use cloud::aws::lanes::{Lane, LaneClass, Queue};
use cloud::outbound::receiver_health::{Pace, QUICK_MAX, Receiver};
use cloud::records::reply_record::ReplyRecord;
use futures_util::future::join_all;

use crate::reply::{Attempted, Turn};
use crate::{Batch, Disposition, Message, record_of, reply};

/// A lane that goes on without an attempt holds another place. With fewer lanes than these an account's
/// first attempts could hold all places there are.
const LANES_TO_LET_GO: u32 = 4;

/// A reply whose turn it is, and the message that brought it.
struct Waiting {
    record: ReplyRecord,
    message: Message,
}

/// Settles the wake-ups of one lane, all of one account.
pub async fn settle(batch: &Batch<'_>, messages: Vec<Message>) {
    let looking = messages.into_iter().map(|message| look(batch, message));
    let mut by_receiver: BTreeMap<Receiver, VecDeque<Waiting>> = BTreeMap::new();
    for waiting in join_all(looking).await.into_iter().flatten() {
        match reply::receiver(&waiting.record) {
            Some(receiver) => by_receiver.entry(receiver).or_default().push_back(waiting),
            // No lane is for it but its conversation's.
            None => {
                batch
                    .end(waiting.message, Ok(Disposition::Moves(Lane::Conversation)))
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
async fn look(batch: &Batch<'_>, message: Message) -> Option<Waiting> {
    let record = match record_of(batch.cloud, &message.wake).await {
        Ok(Some(record)) => record,
        Ok(None) => {
            batch.had_its_turn(&message.wake).await;
            batch.end(message, Ok(Disposition::Nothing)).await;
            return None;
        }
        Err(error) => {
            batch.end(message, Err(error)).await;
            return None;
        }
    };
    match reply::turn(&record, message.wake.step, batch.cloud.now()) {
        Turn::Now => Some(Waiting { record, message }),
        Turn::WaitsUntil(_) | Turn::Never => {
            batch.had_its_turn(&message.wake).await;
            batch.end(message, Ok(Disposition::Nothing)).await;
            None
        }
    }
}

async fn settle_receiver(batch: &Batch<'_>, receiver: Receiver, mut waiting: VecDeque<Waiting>) {
    while let Some(first) = waiting.pop_front() {
        let pace = batch.cloud.pace(&receiver).await;
        let is_first_contact = matches!(first.message.wake.lane, Lane::FirstContact { .. });
        match pace {
            Pace::Dawdling | Pace::Hanging if is_first_contact => {
                waiting.push_front(first);
                return move_on(batch, &receiver, pace, waiting).await;
            }
            Pace::Quick | Pace::Dawdling => {
                waiting.push_front(first);
                return side_by_side(batch, waiting).await;
            }
            Pace::Unknown if is_first_contact => {
                waiting = ask(batch, &receiver, first, waiting).await;
            }
            Pace::Unknown | Pace::Hanging => attempt(batch, first).await,
        }
    }
}

/// The first attempt at a receiver that nobody knows. Should it be late, its lane goes on without it,
/// if there are places for that: others that nobody knows are not to wait for it. Gives back who still waits.
async fn ask(
    batch: &Batch<'_>,
    receiver: &Receiver,
    first: Waiting,
    waiting: VecDeque<Waiting>,
) -> VecDeque<Waiting> {
    let delivery = first.message.delivery.clone();
    let attempt = attempt(batch, first);
    tokio::pin!(attempt);
    tokio::select! {
        biased;
        () = &mut attempt => return waiting,
        () = tokio::time::sleep(QUICK_MAX) => {}
    }
    let lanes = batch.cloud.settings.concurrency.lanes(Queue::Replies);
    let lets_go = async {
        move_on(batch, receiver, Pace::Hanging, waiting).await;
        if lanes >= LANES_TO_LET_GO {
            batch.let_go(delivery).await;
        }
    };
    tokio::join!(attempt, lets_go);
    VecDeque::new()
}

async fn move_on(batch: &Batch<'_>, receiver: &Receiver, pace: Pace, waiting: VecDeque<Waiting>) {
    let mut lanes: BTreeMap<Lane, Vec<Message>> = BTreeMap::new();
    for Waiting { record, message } in waiting {
        let lane = receiver.lane(pace, record.class, &record.conversation);
        lanes.entry(lane).or_default().push(message);
    }
    for (lane, messages) in lanes {
        batch.send_on(messages, &lane).await;
    }
}

/// Conversations side by side, within one in order.
async fn side_by_side(batch: &Batch<'_>, waiting: VecDeque<Waiting>) {
    let mut by_conversation: BTreeMap<_, Vec<Waiting>> = BTreeMap::new();
    for one in waiting {
        let key = one.record.conversation.clone();
        by_conversation.entry(key).or_default().push(one);
    }
    let settling = by_conversation.into_values().map(|waiting| async move {
        for one in waiting {
            attempt(batch, one).await;
        }
    });
    join_all(settling).await;
}

/// One attempt, if there is time for it. What is to be tried again soon waits in the lane of its
/// conversation: here all would wait behind it.
async fn attempt(batch: &Batch<'_>, waiting: Waiting) {
    let Waiting {
        record,
        mut message,
    } = waiting;
    if record.class != LaneClass::High {
        batch.post_high_first(&record.account).await;
    }
    if !reply::has_time(batch.cloud, batch.means.deadline) {
        let now = batch.cloud.now();
        return batch.end(message, Ok(Disposition::WaitsUntil(now))).await;
    }
    let settled = match reply::attempt(batch.cloud, &record, &batch.means).await {
        Ok(Attempted::NoRoom) => Ok(Disposition::WaitsUntil(batch.cloud.now())),
        Ok(Attempted::Over) => Ok(Disposition::Nothing),
        Ok(Attempted::Failed { next, step }) => {
            message.wake.step = step;
            Ok(match reply::wait(next, batch.cloud.now()) {
                Disposition::WaitsUntil(_) => Disposition::Moves(Lane::Conversation),
                later @ (Disposition::Nothing
                | Disposition::AllWaitUntil(_)
                | Disposition::Moves(_)) => later,
            })
        }
        Err(error) => Err(error),
    };
    batch.had_its_turn(&message.wake).await;
    batch.end(message, settled).await;
}
