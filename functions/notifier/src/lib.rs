//! Tells callers what became of their calls, and sends the mails that calls owe.
//!
//! Read in this order: this file (a batch of wake-ups), [`message`] (one of them), [`reply`] (one attempt at one reply;
//! what is posted is in the crate `replies`), [`reply_mail`] (what is mailed), [`mails`] (triggered
//! mails).

pub mod mails;
mod message;
pub mod reply;
pub mod reply_mail;

use std::collections::BTreeMap;
use std::time::Duration;

use calls::ConversationKey;
use cloud::aws::queues::{Delivery, ReplyTarget, ReplyWakeUp, read_reply_wake_up};
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, Error};
use futures_util::future::join_all;
use jiff::Timestamp;
use tracing::error;

use message::{DEATHS_TOGETHER, Message};

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
    let looking = read(batch).into_iter().map(|it| it.looked_up(cloud));
    let mut handed_back = Vec::new();
    let mut together: BTreeMap<ConversationKey, Vec<Message>> = BTreeMap::new();
    let mut alone = Vec::new();
    for looked_up in join_all(looking).await {
        match looked_up {
            Ok(message) if message.deaths >= DEATHS_TOGETHER => alone.push(message),
            Ok(message) => {
                let key = message.wake.conversation.clone();
                together.entry(key).or_default().push(message);
            }
            Err(unknown) => handed_back.extend(unknown),
        }
    }
    let running = together
        .into_values()
        .map(|messages| in_order(cloud, messages, deadline));
    handed_back.extend(join_all(running).await.into_iter().flatten());
    handed_back.extend(one_alone(cloud, alone, deadline).await);
    handed_back
}

fn read(batch: Vec<Delivery>) -> Vec<Message> {
    let mut messages = Vec::with_capacity(batch.len());
    for delivery in batch {
        match read_reply_wake_up(&delivery.body) {
            Ok(wake) => messages.push(Message::new(delivery, wake)),
            // Nobody can act on it, now or later; the table still knows what is owed.
            Err(unreadable) => {
                error!(message = delivery.message_id, %unreadable, "wake-up dropped");
            }
        }
    }
    messages
}

async fn in_order(cloud: &Cloud, messages: Vec<Message>, deadline: Timestamp) -> Vec<String> {
    let mut handed_back = Vec::new();
    for message in messages {
        handed_back.extend(message.settle(cloud, deadline).await);
    }
    handed_back
}

/// One of those that invocations have died with, when nothing else is under way. The others are
/// handed back first, or they would die with it once more.
async fn one_alone(cloud: &Cloud, mut messages: Vec<Message>, deadline: Timestamp) -> Vec<String> {
    messages.sort_by_key(|message| message.deaths);
    let mut rest = messages.into_iter();
    let Some(first) = rest.next() else {
        return Vec::new();
    };
    let mut handed_back = Vec::new();
    for message in rest {
        message.hold(cloud, Duration::ZERO).await;
        handed_back.push(message.delivery.message_id);
    }
    handed_back.extend(first.settle(cloud, deadline).await);
    handed_back
}

async fn settle(
    cloud: &Cloud,
    wake: &ReplyWakeUp,
    deadline: Timestamp,
) -> Result<Disposition, Error> {
    if wake.what == ReplyTarget::Mails {
        return mails::settle(cloud, wake, deadline).await;
    }
    let reply = reply_of(cloud, wake).await?;
    reply::settle(cloud, reply).await
}

/// Gives up a reply that invocations die with.
async fn give_up(cloud: &Cloud, wake: &ReplyWakeUp) -> Result<Disposition, Error> {
    error!(conversation = %wake.conversation, sequence = %wake.sequence, "a reply that invocations die with is given up");
    match reply_of(cloud, wake).await? {
        Some(record) => reply::give_up(cloud, &record).await,
        None => Ok(Disposition::Nothing),
    }
}

async fn reply_of(cloud: &Cloud, wake: &ReplyWakeUp) -> Result<Option<ReplyRecord>, Error> {
    let (conversation, sequence) = (&wake.conversation, wake.sequence);
    match wake.what {
        ReplyTarget::Reply(number) => cloud.reply(conversation, sequence, number).await,
        ReplyTarget::OutcomeReply => cloud.reply_with_outcome(conversation, sequence).await,
        ReplyTarget::EmbeddedReply => cloud.embedded_reply(conversation).await,
        ReplyTarget::Mails => Ok(None),
    }
}
