//! Tells callers what became of their calls, and sends the mails that calls owe.
//!
//! Read in this order: this file (a batch of wake-ups), [`reply`] (one attempt at one reply;
//! what is posted is in the crate `replies`), [`reply_mail`] (what is mailed), [`mails`] (triggered
//! mails).

pub mod mails;
pub mod reply;
pub mod reply_mail;

use std::collections::BTreeMap;
use std::time::Duration;

use calls::ConversationKey;
use cloud::aws::queues::{Delivery, Queue, ReplyTarget, ReplyWakeUp, read_reply_wake_up};
use cloud::{Cloud, Error};
use futures_util::future::join_all;
use jiff::Timestamp;
use tracing::{error, warn};

/// What is left to do about a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Nothing,
    /// The same wake-up must come again then.
    WaitsUntil(Timestamp),
}

/// Settles the replies and mails of a batch. Conversations side by side, within one in order; a
/// reply that has to be tried again does not hold up those behind it. Gives back the ids of the
/// messages that must come again.
pub async fn run_batch(cloud: &Cloud, batch: Vec<Delivery>, deadline: Timestamp) -> Vec<String> {
    let mut by_conversation: BTreeMap<ConversationKey, Vec<(ReplyWakeUp, Delivery)>> =
        BTreeMap::new();
    for delivery in batch {
        match read_reply_wake_up(&delivery.body) {
            Ok(wake) => {
                let key = wake.conversation.clone();
                by_conversation
                    .entry(key)
                    .or_default()
                    .push((wake, delivery));
            }
            // Nobody can act on it, now or later; the table still knows what is owed.
            Err(unreadable) => {
                error!(message = delivery.message_id, %unreadable, "wake-up dropped");
            }
        }
    }
    let running = by_conversation
        .into_values()
        .map(|wake_ups| in_order(cloud, wake_ups, deadline));
    join_all(running).await.into_iter().flatten().collect()
}

async fn in_order(
    cloud: &Cloud,
    wake_ups: Vec<(ReplyWakeUp, Delivery)>,
    deadline: Timestamp,
) -> Vec<String> {
    let mut handed_back = Vec::new();
    for (wake, delivery) in wake_ups {
        match settle(cloud, &wake, deadline).await {
            Ok(Disposition::Nothing) => {}
            Ok(Disposition::WaitsUntil(at)) => {
                hold(cloud, &delivery, at).await;
                handed_back.push(delivery.message_id);
            }
            Err(error) => {
                warn!(
                    conversation = %wake.conversation,
                    error = error.in_full(),
                    "reply handed back"
                );
                handed_back.push(delivery.message_id);
            }
        }
    }
    handed_back
}

async fn settle(
    cloud: &Cloud,
    wake: &ReplyWakeUp,
    deadline: Timestamp,
) -> Result<Disposition, Error> {
    let (conversation, sequence) = (&wake.conversation, wake.sequence);
    let reply = match wake.what {
        ReplyTarget::Reply(number) => cloud.reply(conversation, sequence, number).await?,
        ReplyTarget::OutcomeReply => cloud.reply_with_outcome(conversation, sequence).await?,
        ReplyTarget::EmbeddedReply => cloud.embedded_reply(conversation).await?,
        ReplyTarget::Mails => return mails::settle(cloud, wake, deadline).await,
    };
    reply::settle(cloud, reply).await
}

async fn hold(cloud: &Cloud, delivery: &Delivery, at: Timestamp) {
    let time = Duration::try_from(at.duration_since(cloud.now())).unwrap_or(Duration::ZERO);
    if let Err(error) = cloud.queues.hold(Queue::Replies, delivery, time).await {
        // It comes again when its visibility ends by itself, or the timekeeper finds it.
        warn!(error = error.in_full(), "wake-up could not be held");
    }
}
