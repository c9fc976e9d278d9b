//! The queues for operators: their depths, and the messages in the dead-letter queues.
//!
//! SQS shows a message only by delivering it: reading takes messages for a short time and puts them
//! back. Of one message group at most one batch is visible at a time.

use std::collections::BTreeSet;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use calls::QueuePriority;
use jiff::Timestamp;

use crate::aws::lanes::Queue;
use crate::error::{BoxError, Error};

/// How long a message that is read is invisible to others.
const LOOKED_AT_SECONDS: i32 = 30;

/// Most messages in one request. The platform's figure.
const RECEIVED_MAX: i32 = 10;

/// Most requests in one read: a queue may answer without a message although it has some.
const EMPTY_MAX: u32 = 3;

/// All queues of a stack that have a dead-letter queue.
pub const QUEUES: [Queue; 4] = [
    Queue::Calls(QueuePriority::High),
    Queue::Calls(QueuePriority::Medium),
    Queue::Calls(QueuePriority::Low),
    Queue::Replies,
];

/// The name of a queue in lists and on command lines.
pub const fn queue_name(queue: Queue) -> &'static str {
    match queue {
        Queue::Calls(QueuePriority::High) => "high",
        Queue::Calls(QueuePriority::Medium) => "medium",
        Queue::Calls(QueuePriority::Low) => "low",
        Queue::Replies => "replies",
    }
}

/// The number of messages of a queue, approximately, as SQS counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    pub queue: Queue,
    pub waiting: u64,
    pub in_flight: u64,
    pub dead: u64,
}

/// A message that was received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub queue: Queue,
    pub message_id: String,
    pub body: String,
    pub group: String,
    pub received: u32,
    pub sent_at: Option<Timestamp>,
    receipt_handle: String,
}

/// The queues of one stack, by its name.
#[derive(Clone)]
pub struct StackQueues {
    sqs: Client,
    stack: String,
}

impl StackQueues {
    /// `stack` is its name, with which the names of its queues begin.
    pub fn of_stack(config: &aws_types::SdkConfig, stack: &str) -> Self {
        Self {
            sqs: Client::new(config),
            stack: stack.to_owned(),
        }
    }

    pub async fn depths(&self) -> Result<Vec<QueueDepth>, Error> {
        let mut depths = Vec::new();
        for queue in QUEUES {
            let (waiting, in_flight) = self.depth(&self.name_of(queue)).await?;
            let (dead, looked_at) = self.depth(&self.dead_name_of(queue)).await?;
            depths.push(QueueDepth {
                queue,
                waiting,
                in_flight,
                dead: dead + looked_at,
            });
        }
        Ok(depths)
    }

    /// Dead letters of a queue, at most so many. They are invisible to others for half a minute, or
    /// until they are [put back](Self::put_back).
    pub async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        let url = self.url(&self.dead_name_of(queue)).await?;
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut empty = 0;
        while found.len() < limit && empty < EMPTY_MAX {
            let answer = self
                .sqs
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(RECEIVED_MAX)
                .visibility_timeout(LOOKED_AT_SECONDS)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send()
                .await
                .map_err(|error| out_of_reach("ReceiveMessage", error))?;
            let before = found.len();
            for message in answer.messages.unwrap_or_default() {
                let letter = dead_letter(queue, message);
                if seen.insert(letter.message_id.clone()) {
                    found.push(letter);
                }
            }
            empty = match found.len() == before {
                true => empty + 1,
                false => 0,
            };
        }
        Ok(found)
    }

    /// Makes them visible again. A message that was deleted meanwhile is ignored.
    pub async fn put_back(&self, letters: &[DeadLetter]) -> Result<(), Error> {
        for letter in letters {
            let url = self.url(&self.dead_name_of(letter.queue)).await?;
            let sent = self
                .sqs
                .change_message_visibility()
                .queue_url(&url)
                .receipt_handle(&letter.receipt_handle)
                .visibility_timeout(0)
                .send();
            if let Err(error) = sent.await {
                let error = aws_sdk_sqs::error::DisplayErrorContext(error);
                tracing::debug!(%error, "a dead letter comes back by itself");
            }
        }
        Ok(())
    }

    /// Sends it to its queue again, and deletes it from the dead-letter queue. If the process dies
    /// in between, it is in both: a second copy within five minutes is dropped as a duplicate, and
    /// a later one is a superfluous wake-up, which is harmless.
    pub async fn redrive(&self, letter: &DeadLetter) -> Result<(), Error> {
        let url = self.url(&self.name_of(letter.queue)).await?;
        self.sqs
            .send_message()
            .queue_url(&url)
            .message_group_id(&letter.group)
            .message_deduplication_id(format!("redrive-{}", letter.message_id))
            .message_body(&letter.body)
            .send()
            .await
            .map_err(|error| out_of_reach("SendMessage", error))?;
        self.drop_letter(letter).await
    }

    /// Deletes it.
    pub async fn drop_letter(&self, letter: &DeadLetter) -> Result<(), Error> {
        let url = self.url(&self.dead_name_of(letter.queue)).await?;
        self.sqs
            .delete_message()
            .queue_url(&url)
            .receipt_handle(&letter.receipt_handle)
            .send()
            .await
            .map_err(|error| out_of_reach("DeleteMessage", error))?;
        Ok(())
    }

    fn name_of(&self, queue: Queue) -> String {
        format!("{}-{}.fifo", self.stack, queue_name(queue))
    }

    fn dead_name_of(&self, queue: Queue) -> String {
        format!("{}-{}-dead.fifo", self.stack, queue_name(queue))
    }

    async fn url(&self, name: &str) -> Result<String, Error> {
        let answer = self.sqs.get_queue_url().queue_name(name).send().await;
        let answer = answer.map_err(|error| out_of_reach("GetQueueUrl", error))?;
        answer
            .queue_url
            .ok_or_else(|| Error::Missing(format!("queue {name}")))
    }

    /// Messages that can be received, and messages in flight.
    async fn depth(&self, name: &str) -> Result<(u64, u64), Error> {
        let [waiting, in_flight] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(self.url(name).await?)
            .attribute_names(waiting.clone())
            .attribute_names(in_flight.clone())
            .send()
            .await
            .map_err(|error| out_of_reach("GetQueueAttributes", error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name: &QueueAttributeName| {
            let text = attributes.get(name);
            text.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok((number(&waiting), number(&in_flight)))
    }
}

fn dead_letter(queue: Queue, message: Message) -> DeadLetter {
    let attributes = message.attributes.unwrap_or_default();
    let text = |name: MessageSystemAttributeName| attributes.get(&name);
    let sent_at = text(MessageSystemAttributeName::SentTimestamp);
    let sent_at = sent_at.and_then(|ms| Timestamp::from_millisecond(ms.parse().ok()?).ok());
    let received = text(MessageSystemAttributeName::ApproximateReceiveCount);
    DeadLetter {
        queue,
        message_id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        group: text(MessageSystemAttributeName::MessageGroupId)
            .cloned()
            .unwrap_or_default(),
        received: received.and_then(|text| text.parse().ok()).unwrap_or(0),
        sent_at,
    }
}

fn out_of_reach(operation: &'static str, source: impl Into<BoxError>) -> Error {
    Error::Queue {
        operation,
        source: source.into(),
    }
}
