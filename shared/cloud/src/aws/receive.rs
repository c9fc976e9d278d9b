//! Messages that a function receives by itself, beside those that the platform gives to it.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::Timestamp;

use crate::aws::queues::{BATCH_MAX, Delivery, Queue, Queues};
use crate::error::Error;

/// Longest wait for a message, in seconds: whoever waits goes on living so long, and asks again.
const WAIT_S: i32 = 1;

impl Queues {
    /// Messages of a queue, so many at most, as soon as there are any; none if none comes within a second.
    /// The platform does not know who has them: they are to be deleted or held, and come again by themselves
    /// if that is not done.
    ///
    /// A request whose answer is lost takes messages out of sight for their visibility timeout, so it must
    /// not be dropped while it is made.
    pub async fn receive(&self, queue: Queue, most: usize) -> Result<Vec<Delivery>, Error> {
        let most = i32::try_from(most.clamp(1, BATCH_MAX)).unwrap_or(1);
        let answer = self
            .sqs
            .receive_message()
            .queue_url(self.url(queue))
            .max_number_of_messages(most)
            .wait_time_seconds(WAIT_S)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(
                MessageSystemAttributeName::ApproximateFirstReceiveTimestamp,
            )
            .send()
            .await
            .map_err(|error| Error::Queue {
                operation: "ReceiveMessage",
                source: error.into(),
            })?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages.into_iter().map(delivery).collect())
    }
}

fn delivery(message: Message) -> Delivery {
    let attributes = message.attributes.unwrap_or_default();
    let number = |name| attributes.get(&name)?.parse::<i64>().ok();
    let count = number(MessageSystemAttributeName::ApproximateReceiveCount);
    let first_received = number(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp);
    let first_received = first_received.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Delivery::new(
        message.message_id.unwrap_or_default(),
        message.receipt_handle.unwrap_or_default(),
        message.body.unwrap_or_default(),
        count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
        // Nobody says: it has only just been received.
        first_received.unwrap_or(Timestamp::MAX),
    )
}
