//! Tells callers what became of their calls, and sends the mails that calls owe.
//!
//! Read in this order: this file (a batch of wake-ups), [`reply`] (one reply: what is due, and the
//! attempt at it; what is posted is in the crate `replies`), [`lanes`] (receivers that are slow, or
//! that nobody knows), `take_on` (others' messages, while these are waited for), [`mails`] (triggered
//! mails), [`mail_events`] and `text_events` (what the services tell of them), `poison` (what
//! invocations die with).
//!
//! A wake-up in the lane of its conversation is looked at and, if its receiver is quick, settled. One
//! whose receiver is not goes on to a lane of its account, which the queue gives to one invocation at
//! a time: so an account's slow receivers never hold more places than it has lanes. And whoever waits for
//! one takes on what others have to be told meanwhile: so a place that is held is free all the same.

pub mod lanes;
pub mod mail_events;
mod mail_report;
pub mod mails;
mod poison;
pub mod reply;
mod take_on;
mod text_events;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloud::aws::lanes::{Lane, Queue};
use cloud::aws::queues::{Delivery, ReplyTarget, ReplyWakeUp, read_reply_wake_up};
use cloud::memory::Budget;
use cloud::metrics::Function;
use cloud::redelivery::{DEATHS_TOGETHER, HandedBack, REPLACED_AT};
use cloud::{Cloud, Error};
use futures_util::future::join_all;
use jiff::Timestamp;
use replies::Means;
use tracing::{error, warn};

use poison::LaneMessages;
use take_on::TakingOn;

/// How often messages that are done are deleted while others of the batch are still at work: what
/// waits behind them in their conversations does not wait for a receiver of somebody else.
const DELETE_EVERY: Duration = Duration::from_secs(1);

/// What is left to do about a wake-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyDisposition {
    Nothing,
    /// The same wake-up must come again then.
    WaitsUntil(Timestamp),
    /// The same, and all that come behind it in its conversation: nobody has been told of it yet.
    AllWaitUntil(Timestamp),
    /// Its receiver is slow, or nobody knows it: it waits in that lane.
    Moves(Lane),
}

/// A wake-up, and the message that brought it.
#[derive(Clone, Debug)]
pub struct ReplyMessage {
    pub wake: ReplyWakeUp,
    pub delivery: Delivery,
    /// How many invocations have died with it.
    pub(crate) deaths: u32,
}

impl ReplyMessage {
    pub(crate) fn runs_alone(&self) -> bool {
        self.deaths >= DEATHS_TOGETHER
    }
}

/// A batch on its way.
pub struct ReplyBatch<'a> {
    pub cloud: &'a Cloud,
    pub means: Means,
    pub(crate) taking_on: TakingOn,
    done: Mutex<BatchOutcome>,
}

/// What became of the messages of a batch so far.
#[derive(Default)]
struct BatchOutcome {
    /// To be deleted.
    settled: Vec<Delivery>,
    handed_back: BTreeSet<String>,
    /// Messages that the platform has given to this invocation, by their ids, and those that it has taken
    /// on besides: one that is handed back may be received again.
    given: BTreeSet<String>,
    taken_on: BTreeSet<String>,
}

/// Settles the replies and mails of a batch: lanes side by side, within one in order; a reply that
/// has to be tried again does not hold up those behind it. Gives back the ids of the messages that
/// must come again.
pub async fn run_batch(cloud: &Cloud, batch: Vec<Delivery>, deadline: Timestamp) -> Vec<String> {
    let given = batch.iter().map(|it| it.message_id.clone()).collect();
    let messages = read(batch);
    let batch = ReplyBatch {
        cloud,
        means: Means {
            budget: Budget::default(),
            deadline,
        },
        taking_on: TakingOn::default(),
        done: Mutex::new(BatchOutcome {
            given,
            ..BatchOutcome::default()
        }),
    };
    let known = messages.into_iter().map(|message| batch.look_up(message));
    let known: Vec<ReplyMessage> = join_all(known).await.into_iter().flatten().collect();
    if known.iter().any(ReplyMessage::runs_alone) {
        // A death with one of others' would count against it.
        batch.taking_on.stop();
    }
    let (mut together, mut alone, mut behind) = (Vec::new(), Vec::new(), Vec::new());
    for messages in by_lane(cloud, known.into_iter()) {
        let sorted = LaneMessages::of(messages);
        together.push(sorted.together);
        alone.extend(sorted.alone);
        behind.extend(sorted.behind);
    }
    let running = async {
        let lanes = together
            .into_iter()
            .map(|messages| batch.settle_own_lane(messages));
        join_all(lanes).await;
        batch.run_alone(alone, behind).await;
    };
    let running = batch.beside_others(running);
    tokio::pin!(running);
    loop {
        tokio::select! {
            biased;
            () = &mut running => break,
            () = tokio::time::sleep(DELETE_EVERY) => batch.delete_settled().await,
        }
    }
    batch.delete_taken_on().await;
    cloud
        .metrics
        .end_invocation(Function::Notifier, cloud.now());
    batch.handed_back()
}

fn read(batch: Vec<Delivery>) -> Vec<ReplyMessage> {
    let mut messages = Vec::new();
    for delivery in batch {
        match read_reply_wake_up(&delivery.body) {
            Ok(wake) => messages.push(ReplyMessage {
                wake,
                delivery,
                deaths: 0,
            }),
            // Nobody can act on it, now or later; the table still knows what is owed.
            Err(unreadable) => {
                error!(message = delivery.message_id, %unreadable, "wake-up dropped");
            }
        }
    }
    messages
}

/// Those of each lane, in their order.
fn by_lane(cloud: &Cloud, messages: impl Iterator<Item = ReplyMessage>) -> Vec<Vec<ReplyMessage>> {
    let mut lanes: BTreeMap<String, Vec<ReplyMessage>> = BTreeMap::new();
    for message in messages {
        let ReplyWakeUp {
            lane, conversation, ..
        } = &message.wake;
        let group = cloud.queues.reply_group(lane, conversation);
        lanes.entry(group).or_default().push(message);
    }
    lanes.into_values().collect()
}

impl ReplyBatch<'_> {
    async fn settle_lane(&self, messages: Vec<ReplyMessage>) {
        let is_shared = |message: &ReplyMessage| message.wake.lane != Lane::Conversation;
        if messages.first().is_some_and(is_shared) {
            lanes::settle(self, messages).await;
        } else {
            self.in_order(messages).await;
        }
    }

    async fn in_order(&self, messages: Vec<ReplyMessage>) {
        let mut all_wait_until = None;
        for message in messages {
            let settled = match all_wait_until {
                Some(at) => Ok(ReplyDisposition::WaitsUntil(at)),
                None => self.settle(&message).await,
            };
            if let Ok(ReplyDisposition::AllWaitUntil(at)) = settled {
                all_wait_until = Some(at);
            }
            self.end(message, settled).await;
        }
    }

    async fn settle(&self, message: &ReplyMessage) -> Result<ReplyDisposition, Error> {
        let wake = &message.wake;
        if wake.what == ReplyTarget::Mails {
            let page = match message.deaths {
                0 => mails::MAILS_IN_PAGE,
                // The one that invocations die with is the first that is not done.
                _ => 1,
            };
            return mails::settle(self.cloud, wake, self.means.deadline, page).await;
        }
        let record = self.cloud.load_reply(wake).await?;
        reply::settle(self.cloud, record, wake, &self.means).await
    }

    /// Does what is left to do about a wake-up.
    pub async fn end(&self, message: ReplyMessage, settled: Result<ReplyDisposition, Error>) {
        match settled {
            Ok(ReplyDisposition::Nothing) => self.done().settled.push(message.delivery),
            Ok(ReplyDisposition::WaitsUntil(at) | ReplyDisposition::AllWaitUntil(at)) => {
                self.survived(&message).await;
                if message.delivery.count >= REPLACED_AT {
                    return self.hand_back_for_a_while(message).await;
                }
                hold(self.cloud, &message.delivery, at).await;
                self.hand_back(message.delivery);
            }
            Ok(ReplyDisposition::Moves(lane)) => self.send_on(vec![message], &lane).await,
            Err(error) => {
                warn!(
                    conversation = %message.wake.conversation,
                    error = error.in_full(),
                    "reply handed back"
                );
                self.survived(&message).await;
                self.hand_back_for_a_while(message).await;
            }
        }
    }

    /// Wake-ups go on to another lane, in their order; each that does not comes again.
    pub async fn send_on(&self, messages: Vec<ReplyMessage>, lane: &Lane) {
        let to_lane = |message: &ReplyMessage| ReplyWakeUp {
            lane: lane.clone(),
            ..message.wake.clone()
        };
        let wake_ups: Vec<ReplyWakeUp> = messages.iter().map(to_lane).collect();
        let queues = &self.cloud.queues;
        let sent = queues.send_reply_wake_ups_in_order(&wake_ups).await;
        if let Err(error) = &sent {
            warn!(error = error.in_full(), "replies handed back");
        }
        for message in messages {
            match sent {
                Ok(()) => self.done().settled.push(message.delivery),
                Err(_) => {
                    self.survived(&message).await;
                    self.hand_back(message.delivery);
                }
            }
        }
    }

    /// It comes again after a pause, which grows each time.
    async fn hand_back_for_a_while(&self, message: ReplyMessage) {
        let ReplyWakeUp {
            lane, conversation, ..
        } = &message.wake;
        let group = self.cloud.queues.reply_group(lane, conversation);
        let handed_back = self
            .cloud
            .hand_back(Queue::Replies, &group, &message.delivery)
            .await;
        match handed_back {
            Ok(HandedBack::Replaced) => self.done().settled.push(message.delivery),
            Ok(HandedBack::Pausing) => self.hand_back(message.delivery),
            // It comes again when its visibility ends by itself, or the timekeeper finds it.
            Err(error) => {
                warn!(error = error.in_full(), "wake-up could not be held");
                self.hand_back(message.delivery);
            }
        }
    }

    pub fn hand_back(&self, delivery: Delivery) {
        self.done().handed_back.insert(delivery.message_id);
    }

    /// The message has done its work, though what it brought is still under way: its lane goes on.
    /// Should this function die, the timekeeper finds what was claimed.
    pub async fn let_go(&self, delivery: Delivery) {
        self.done().settled.push(delivery);
        self.delete_settled().await;
    }

    async fn delete_settled(&self) {
        let settled = std::mem::take(&mut self.done().settled);
        if settled.is_empty() {
            return;
        }
        if let Err(error) = self.cloud.queues.delete(Queue::Replies, &settled).await {
            // The platform deletes its own when the batch is done; others come again, and find nothing to do.
            warn!(error = error.in_full(), "messages were not deleted yet");
        }
    }

    /// What the platform is told of: a message that it has not given would fail all of its batch.
    fn handed_back(&self) -> Vec<String> {
        let done = self.done();
        done.handed_back
            .intersection(&done.given)
            .cloned()
            .collect()
    }

    fn done(&self) -> MutexGuard<'_, BatchOutcome> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn hold(cloud: &Cloud, delivery: &Delivery, at: Timestamp) {
    let time = Duration::try_from(at.duration_since(cloud.now())).unwrap_or(Duration::ZERO);
    if let Err(error) = cloud.queues.hold(Queue::Replies, delivery, time).await {
        // It comes again when its visibility ends by itself, or the timekeeper finds it.
        warn!(error = error.in_full(), "wake-up could not be held");
    }
}
