//! Carries out calls: a wake-up says which conversation to go on with, and it is taken as far as
//! time allows.
//!
//! Read in this order: this file (a batch of wake-ups), [`message`] (one of them, and what becomes of
//! its message), `deferred` (those that wait in a lane), `wake_up` (what it leads to), [`conversation`] (one conversation, call after call), `in_order` (the calls of a queue), [`call`] (one call),
//! `slice` (how long it keeps its place), `waiting` and `given_up` (calls that wait, or are given up), `first_reply`, [`reply`] (telling callers), [`in_flight`] (what of it the header does not say yet).

pub mod call;
pub mod conversation;
mod deferred;
mod first_reply;
mod given_up;
pub mod in_flight;
mod in_order;
mod message;
pub mod reply;
mod run_step;
mod slice;
mod waiting;
mod wake_up;

use std::collections::BTreeSet;

use calls::QueuePriority;
use cloud::aws::queues::Delivery;
use cloud::memory::Budget;
use cloud::metrics::Function;
use cloud::{Cloud, Outbox};
use futures_util::future::join_all;
use jiff::Timestamp;
use tracing::error;

use deferred::Admitted;
use message::{CallBatch, WakeUpMessage};

/// Goes on with the conversations of a batch, all at the same time. Returns the ids of the messages
/// that must come again: those that met an error, and those whose call is held until its second.
///
/// Two messages for one conversation do no harm: calls are taken in the order of the table,
/// whichever message comes first.
pub async fn run_batch(
    cloud: &Cloud,
    priority: QueuePriority,
    deliveries: Vec<Delivery>,
    deadline: Timestamp,
) -> Vec<String> {
    let batch = CallBatch {
        cloud,
        priority,
        deadline,
        outbox: Outbox::default(),
        budget: Budget::default(),
    };
    let Admitted {
        to_run,
        mut handed_back,
    } = batch.admit(read(deliveries)).await;
    let known = join_all(to_run.into_iter().map(|it| batch.look_up(it))).await;
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for known in known {
        match known {
            Ok(message) if message.runs_alone() => alone.push(message),
            Ok(message) => together.push(message),
            Err(unknown) => handed_back.extend(unknown),
        }
    }
    let ran = join_all(together.into_iter().map(|message| batch.run(message))).await;
    handed_back.extend(ran.into_iter().flatten());
    handed_back.extend(run_alone(&batch, alone).await);
    cloud
        .metrics
        .end_invocation(Function::Processor, cloud.now());
    handed_back
}

/// The wake-ups of a batch, one for each conversation or queue. A second one adds nothing to the
/// first, and comes again if the first is handed back.
fn read(deliveries: Vec<Delivery>) -> Vec<WakeUpMessage> {
    let mut seen = BTreeSet::new();
    let mut messages = Vec::new();
    for delivery in deliveries {
        match cloud::aws::queues::read_wake_up(&delivery.body) {
            Ok(wake) if seen.insert(wake.target().clone()) => {
                messages.push(WakeUpMessage::new(delivery, wake));
            }
            Ok(_) => {}
            // Nobody can read this message, now or later. The table still says what is due.
            Err(unreadable) => {
                error!(message = delivery.message_id, %unreadable, "wake-up dropped");
            }
        }
    }
    messages
}

/// Carries out one message that invocations have died with, when nothing else is in progress. The
/// others are handed back first, or they would die with it once more.
async fn run_alone(batch: &CallBatch<'_>, mut messages: Vec<WakeUpMessage>) -> Vec<String> {
    messages.sort_by_key(WakeUpMessage::deaths);
    let mut rest = messages.into_iter();
    let Some(first) = rest.next() else {
        return Vec::new();
    };
    let others = join_all(rest.map(|message| batch.put_back(message))).await;
    let mut handed_back: Vec<String> = others.into_iter().collect();
    handed_back.extend(batch.run(first).await);
    handed_back
}
