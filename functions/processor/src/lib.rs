//! Carries out calls: a wake-up says which conversation to go on with, and it is taken as far as
//! time allows.
//!
//! Read in this order: this file (a batch of wake-ups), [`conversation`] (one conversation, call
//! after call), `in_order` (the calls of a queue), [`call`] (one call), [`reply`] (telling callers).

pub mod call;
pub mod conversation;
mod in_order;
pub mod reply;

use std::time::Duration;

use calls::QueuePriority;
use cloud::aws::queues::{Delivery, Queue, WakeUp};
use cloud::{Cloud, Outbox};
use futures_util::future::join_all;
use jiff::Timestamp;
use tracing::{error, warn};

use conversation::Disposition;

/// A message delivered so often stands for a call that we cannot carry out, not for trouble that
/// passes: its conversation is failed, before the queue gives up on it without a word.
const POISON_DELIVERIES: u32 = 4;

/// Goes on with the conversations of a batch, all of them at once. Gives back the ids of the
/// messages that must come again: one that met trouble, or whose call is held until its second.
///
/// No conversation is in a batch twice in a way that matters: its calls are taken in the order of
/// the table, whoever is woken first.
pub async fn run_batch(
    cloud: &Cloud,
    priority: QueuePriority,
    batch: Vec<Delivery>,
    deadline: Timestamp,
) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut handed_back = Vec::new();
    let mut running = Vec::new();
    let outbox = Outbox::default();
    for delivery in batch {
        let wake = match cloud::aws::queues::read_wake_up(&delivery.body) {
            Ok(wake) => wake,
            Err(unreadable) => {
                // Nobody can act on it, now or later; the table still knows what is due.
                error!(message = delivery.message_id, %unreadable, "wake-up dropped");
                continue;
            }
        };
        if seen.insert(wake.group().clone()) {
            let running_one = run_one(cloud, priority, delivery, wake, deadline, outbox.clone());
            running.push(running_one);
        }
        // A second wake-up for the same conversation has nothing to add to the first: if the
        // first is handed back, it comes again.
    }
    handed_back.extend(join_all(running).await.into_iter().flatten());
    handed_back
}

async fn run_one(
    cloud: &Cloud,
    priority: QueuePriority,
    delivery: Delivery,
    wake: WakeUp,
    deadline: Timestamp,
    outbox: Outbox,
) -> Option<String> {
    let key = wake.conversation.clone();
    // A task of its own, so that a bug in one call does not take the others down.
    let task = {
        let cloud = cloud.clone();
        let key = key.clone();
        tokio::spawn(async move { conversation::carry_on(&cloud, &key, deadline, outbox).await })
    };
    let message_id = delivery.message_id.clone();
    match task.await {
        Ok(Ok(Disposition::Nothing)) => None,
        Ok(Ok(Disposition::WaitsUntil(at))) => {
            hold(cloud, priority, &delivery, at).await;
            Some(message_id)
        }
        Ok(Err(error)) => {
            warn!(conversation = %key, error = error.in_full(), "handed back");
            let poison = error.is_ours() && delivery.count >= POISON_DELIVERIES;
            give_up_if(poison, cloud, &key).await.then_some(message_id)
        }
        Err(panic) => {
            error!(conversation = %key, %panic, deliveries = delivery.count, "a call panicked");
            let poison = delivery.count >= POISON_DELIVERIES;
            give_up_if(poison, cloud, &key).await.then_some(message_id)
        }
    }
}

/// Whether the message must come again.
async fn give_up_if(poison: bool, cloud: &Cloud, key: &calls::ConversationKey) -> bool {
    if !poison {
        return true;
    }
    match conversation::fail_next(cloud, key).await {
        Ok(()) => false,
        Err(error) => {
            error!(conversation = %key, error = error.in_full(), "could not be failed");
            true
        }
    }
}

async fn hold(cloud: &Cloud, priority: QueuePriority, delivery: &Delivery, at: Timestamp) {
    let time = at.duration_since(cloud.now());
    let time = Duration::try_from(time).unwrap_or(Duration::ZERO);
    if let Err(error) = cloud
        .queues
        .hold(Queue::Calls(priority), delivery, time)
        .await
    {
        // It comes again when its visibility ends by itself, or the timekeeper finds it.
        warn!(error = error.in_full(), "wake-up could not be held");
    }
}
