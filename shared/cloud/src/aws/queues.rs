//! Wake-ups: SQS FIFO queues, one per priority and one for replies.
//!
//! A message carries a key and a step, never the state. Without the step in its body, the queue
//! would drop an action that is sent again within five minutes as a duplicate.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};
use calls::{ConversationKey, QueuePriority, hex};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::aws::lanes::{Concurrency, RunLane};
pub use crate::aws::lanes::{Lane, Queue};
pub use crate::aws::reply_wake_up::{ReplyTarget, ReplyWakeUp, read_reply_wake_up};
use crate::error::Error;
use crate::settings::Settings;

/// Most messages in one request, and in one batch of a function. The platform's figure.
pub const BATCH_MAX: usize = 10;

/// Time that a function reserves for its end: a commit that is answered at the third attempt, the
/// pauses in between, and a second for the rest. A message that cannot be handed back in this time
/// comes again by itself.
const HEAD_ROOM: SignedDuration = SignedDuration::from_secs(20);

/// How long a received message is invisible: the timeout of its function and half a minute, since a
/// killed invocation hands nothing back. The template has the same value.
pub const VISIBILITY: SignedDuration = SignedDuration::from_secs(90);

/// How often a message is received before its queue gives it up; the template has the same value.
/// Ten messages of a batch that die together, and are then tried one by one, need some thirty.
pub const RECEIVES_MAX: u32 = 50;

/// The time that a function has if its context does not say.
pub const TIME_MIN: SignedDuration = SignedDuration::from_secs(30);

/// The content of a message on the three priority queues: go on with this conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeUp {
    pub conversation: ConversationKey,
    /// The version of the header whose commit sent it.
    pub step: u64,
    /// The account's ordered queue that the call is in: the run goes through this queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<ConversationKey>,
    #[serde(default, skip_serializing_if = "RunLane::is_own")]
    pub lane: RunLane,
}

impl WakeUp {
    /// What the run goes on with: the conversation, or the ordered queue.
    pub fn target(&self) -> &ConversationKey {
        self.queue.as_ref().unwrap_or(&self.conversation)
    }
}

/// A message as a function receives it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    /// How often it was received, including this time.
    pub count: u32,
    pub first_received: Timestamp,
    /// How often the messages that it replaces were received.
    pub handed_back: u32,
}

impl Delivery {
    pub fn new(
        message_id: String,
        receipt_handle: String,
        body: String,
        count: u32,
        first_received: Timestamp,
    ) -> Self {
        Self {
            handed_back: handed_back_of(&body),
            message_id,
            receipt_handle,
            body,
            count,
            first_received,
        }
    }
}

/// One of several messages in one request.
struct QueueMessage {
    group: String,
    body: String,
}

#[derive(Clone)]
pub struct Queues {
    pub(super) sqs: Client,
    high: String,
    medium: String,
    low: String,
    replies: String,
    concurrency: Concurrency,
}

impl Queues {
    pub(crate) fn new(sqs: Client, settings: &Settings) -> Self {
        Self {
            sqs,
            high: settings.high_queue_url.clone(),
            medium: settings.medium_queue_url.clone(),
            low: settings.low_queue_url.clone(),
            replies: settings.replies_queue_url.clone(),
            concurrency: settings.concurrency,
        }
    }

    pub(super) fn url(&self, queue: Queue) -> &str {
        match queue {
            Queue::Calls(QueuePriority::High) => &self.high,
            Queue::Calls(QueuePriority::Medium) => &self.medium,
            Queue::Calls(QueuePriority::Low) => &self.low,
            Queue::Replies => &self.replies,
        }
    }

    /// The name of a queue, which is at the end of its ARN and of its URL.
    pub fn of_arn(&self, arn: &str) -> Option<Queue> {
        let name = arn.rsplit(':').next();
        let priorities = QueuePriority::ALL.map(Queue::Calls);
        priorities
            .into_iter()
            .chain([Queue::Replies])
            .find(|queue| self.url(*queue).rsplit('/').next() == name)
    }

    /// The message group of a wake-up: no two messages of a group are in flight at the same time.
    pub fn group(&self, priority: QueuePriority, wake: &WakeUp) -> String {
        let queue = Queue::Calls(priority);
        self.concurrency.group(queue, &wake.lane, wake.target())
    }

    /// See [`Concurrency::defers_beside_floods`].
    pub fn defers_beside_floods(&self, priority: QueuePriority) -> bool {
        self.concurrency
            .defers_beside_floods(Queue::Calls(priority))
    }

    /// The same of a wake-up for a reply.
    pub fn reply_group(&self, lane: &Lane, conversation: &ConversationKey) -> String {
        lane.group(conversation, self.concurrency.lanes(Queue::Replies))
    }

    pub async fn wake(&self, priority: QueuePriority, wake: &WakeUp) -> Result<(), Error> {
        let body = serde_json::to_string(wake).unwrap_or_default();
        let group = self.group(priority, wake);
        self.send_once(Queue::Calls(priority), &group, &body, &body)
            .await
    }

    /// Sends a wake-up that must wait to another group, so that it does not block its lane.
    pub async fn leave_lane(
        &self,
        priority: QueuePriority,
        wake: &WakeUp,
        delivery: &Delivery,
    ) -> Result<(), Error> {
        let own = WakeUp {
            lane: RunLane::Own,
            ..wake.clone()
        };
        let body = serde_json::to_string(&own).unwrap_or_default();
        // Otherwise it would be dropped as a duplicate of the message in the lane.
        let body = replacing(&body, delivery.times());
        let group = self.group(priority, &own);
        self.send_once(Queue::Calls(priority), &group, &body, &body)
            .await
    }

    /// The queue drops it if the same message was sent within five minutes.
    pub(crate) async fn send_once(
        &self,
        queue: Queue,
        group: &str,
        body: &str,
        once: &str,
    ) -> Result<(), Error> {
        self.sqs
            .send_message()
            .queue_url(self.url(queue))
            .message_group_id(group)
            .message_deduplication_id(deduplication_id(once))
            .message_body(body)
            .send()
            .await
            .map_err(|error| Error::Queue {
                operation: "SendMessage",
                source: error.into(),
            })?;
        Ok(())
    }

    /// In this order.
    pub async fn send_reply_wake_ups_in_order(
        &self,
        wake_ups: &[ReplyWakeUp],
    ) -> Result<(), Error> {
        let messages = wake_ups.iter().map(|wake| QueueMessage {
            group: self.reply_group(&wake.lane, &wake.conversation),
            body: serde_json::to_string(wake).unwrap_or_default(),
        });
        self.send_in_order(Queue::Replies, messages.collect()).await
    }

    /// Several for one queue, in this order.
    pub async fn wake_all(
        &self,
        priority: QueuePriority,
        wake_ups: &[WakeUp],
    ) -> Result<(), Error> {
        let messages = wake_ups.iter().map(|wake| QueueMessage {
            group: self.group(priority, wake),
            body: serde_json::to_string(wake).unwrap_or_default(),
        });
        let queue = Queue::Calls(priority);
        self.send_in_order(queue, messages.collect()).await
    }

    async fn send_in_order(&self, queue: Queue, messages: Vec<QueueMessage>) -> Result<(), Error> {
        let out_of_reach = |source| Error::Queue {
            operation: "SendMessageBatch",
            source,
        };
        for messages in messages.chunks(BATCH_MAX) {
            let entries = messages.iter().enumerate().map(|(number, message)| {
                SendMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .message_group_id(&message.group)
                    .message_deduplication_id(deduplication_id(&message.body))
                    .message_body(&message.body)
                    .build()
            });
            let entries = entries
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| out_of_reach(error.into()))?;
            let answer = self
                .sqs
                .send_message_batch()
                .queue_url(self.url(queue))
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| out_of_reach(error.into()))?;
            if let Some(failed) = answer.failed.first() {
                return Err(out_of_reach(failed.code.clone().into()));
            }
        }
        Ok(())
    }

    /// Sends a new message in place of one that was received so often, which the caller deletes.
    pub(crate) async fn replace(
        &self,
        queue: Queue,
        group: &str,
        delivery: &Delivery,
        handed_back: u32,
    ) -> Result<(), Error> {
        let body = replacing(&delivery.body, handed_back);
        self.send_once(queue, group, &body, &body).await
    }

    /// Deletes messages that are done before their batch is. A message that was deleted before is
    /// no error.
    pub async fn delete(&self, queue: Queue, deliveries: &[Delivery]) -> Result<(), Error> {
        let out_of_reach = |source| Error::Queue {
            operation: "DeleteMessageBatch",
            source,
        };
        for deliveries in deliveries.chunks(BATCH_MAX) {
            let entries = deliveries.iter().enumerate().map(|(number, delivery)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(number.to_string())
                    .receipt_handle(&delivery.receipt_handle)
                    .build()
            });
            let entries = entries
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| out_of_reach(error.into()))?;
            self.sqs
                .delete_message_batch()
                .queue_url(self.url(queue))
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| out_of_reach(error.into()))?;
        }
        Ok(())
    }

    /// Makes the message visible again after that time, to the second. The caller hands it back as
    /// failed.
    pub async fn hold(
        &self,
        queue: Queue,
        delivery: &Delivery,
        time: Duration,
    ) -> Result<(), Error> {
        // In whole seconds, and never early.
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.sqs
            .change_message_visibility()
            .queue_url(self.url(queue))
            .receipt_handle(&delivery.receipt_handle)
            .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| Error::Queue {
                operation: "ChangeMessageVisibility",
                source: error.into(),
            })?;
        Ok(())
    }
}

/// A message in the event of a function.
pub fn delivery(message: SqsMessage) -> Delivery {
    let number = |name| message.attributes.get(name)?.parse().ok();
    let count = number("ApproximateReceiveCount").and_then(|count| u32::try_from(count).ok());
    let first_received = number("ApproximateFirstReceiveTimestamp");
    let first_received = first_received.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Delivery::new(
        message.message_id.unwrap_or_default(),
        message.receipt_handle.unwrap_or_default(),
        message.body.unwrap_or_default(),
        count.unwrap_or(1),
        // The event does not say: it has only just been received.
        first_received.unwrap_or(Timestamp::MAX),
    )
}

/// What a message has in addition to its wake-up, if it replaces others.
#[derive(Default, Deserialize)]
struct Replaces {
    #[serde(default)]
    handed_back: u32,
}

fn handed_back_of(body: &str) -> u32 {
    serde_json::from_str::<Replaces>(body)
        .unwrap_or_default()
        .handed_back
}

/// The same wake-up as a different message: the queue would drop an equal body as a duplicate.
fn replacing(body: &str, handed_back: u32) -> String {
    let mut wake = serde_json::from_str(body).unwrap_or(serde_json::Value::Null);
    if let Some(fields) = wake.as_object_mut() {
        fields.insert("handed_back".to_owned(), handed_back.into());
    }
    wake.to_string()
}

/// The answer of a function, which names the messages that must come again.
pub fn handed_back(message_ids: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message_id in message_ids {
        response.add_failure(message_id);
    }
    response
}

/// When a function must be done according to its context (in milliseconds), with time to hand back
/// the rest. `cargo lambda watch` says a time in 1970; a time that has passed when the event
/// arrives is ignored, and [`TIME_MIN`] is used.
pub fn deadline(context_deadline_ms: u64, now: Timestamp) -> Timestamp {
    let ms = i64::try_from(context_deadline_ms).unwrap_or(i64::MAX);
    let end = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    if end <= now {
        return now + TIME_MIN;
    }
    end.checked_sub(HEAD_ROOM).unwrap_or(end)
}

/// Parses the content of a message on the three priority queues.
pub fn read_wake_up(body: &str) -> Result<WakeUp, serde_json::Error> {
    serde_json::from_str(body)
}

/// The id that SQS would compute from the body: the scheduler sends the same messages without an
/// id.
fn deduplication_id(body: &str) -> String {
    hex(&Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::clients::ATTEMPT_MAX;

    #[test]
    fn head_room_is_enough_for_three_attempts_of_a_commit() {
        // The SDK waits up to 1 s and then up to 2 s between them.
        let commit = 3 * SignedDuration::try_from(ATTEMPT_MAX).expect("short");
        assert!(HEAD_ROOM > commit + SignedDuration::from_secs(3));
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let ends = u64::try_from(now.as_millisecond()).expect("after 1970") + 60_000;
        let remaining = deadline(ends, now).duration_since(now);
        assert_eq!(remaining, SignedDuration::from_secs(40));
    }

    #[test]
    fn a_message_in_the_place_of_another_is_the_same_wake_up_and_no_repeat() {
        let wake = WakeUp {
            conversation: ConversationKey("7a".to_owned()),
            step: 3,
            queue: None,
            lane: RunLane::Own,
        };
        let body = serde_json::to_string(&wake).expect("JSON");
        let other = replacing(&body, 20);
        assert_eq!(read_wake_up(&other).expect("readable"), wake);
        assert_eq!((handed_back_of(&body), handed_back_of(&other)), (0, 20));
        assert_ne!(deduplication_id(&body), deduplication_id(&other));
        assert_ne!(replacing(&other, 40), other);
    }
}
