//! SQS FIFO queues, in memory on purpose: the tables are the truth, and queues can be filled from them.

mod attributes;
mod requests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use crate::aws_request::AwsRequest;
use crate::clock::LocalClock;
use crate::delivery::{FifoSettings, QueuedMessage, ReceivedMessage};
use crate::failure::WireFailure;
use crate::held;
use crate::queue::{Fifo, ReceivedBatch, SentMessage, Stale};
use crate::usage::Usage;

/// Longest message body, and longest batch of them. AWS's figure since 2025.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Longest group or deduplication id. AWS's figure.
const ID_CHARS_MAX: usize = 128;

/// Longest that a receive waits. AWS's figure.
const WAIT_SECONDS_MAX: u64 = 20;

/// How often a waiting receive looks again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// All queues. Clones share them.
#[derive(Clone, Debug)]
pub struct Sqs {
    queues: Arc<Mutex<FifoQueues>>,
    clock: LocalClock,
    usage: Usage,
}

#[derive(Debug, Default)]
struct FifoQueues {
    by_name: BTreeMap<String, Fifo>,
    last_sequence: u64,
    /// What queue URLs begin with.
    endpoint: String,
}

/// What SendMessage carries.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub group: &'a str,
    /// None where the queue deduplicates by content.
    pub deduplication_id: Option<&'a str>,
    pub body: &'a str,
}

impl Sqs {
    pub(crate) fn new(clock: LocalClock, usage: Usage) -> Self {
        let queues = FifoQueues {
            endpoint: "https://sqs.us-east-1.amazonaws.com".to_owned(),
            ..FifoQueues::default()
        };
        Self {
            queues: Arc::new(Mutex::new(queues)),
            clock,
            usage,
        }
    }

    /// Creates the queue; one of that name stays as it is.
    pub fn create(&self, name: &str, settings: FifoSettings) {
        let mut queues = held(&self.queues);
        queues
            .by_name
            .entry(name.to_owned())
            .or_insert_with(|| Fifo::new(name, settings));
    }

    /// Makes queue URLs begin with this address.
    pub(crate) fn answer_at(&self, endpoint: &str) {
        endpoint.clone_into(&mut held(&self.queues).endpoint);
    }

    /// Sends as another AWS service does.
    pub(crate) fn send(&self, queue: &str, outgoing: Outgoing<'_>) -> Result<(), WireFailure> {
        let now = self.clock.now();
        held(&self.queues).send(queue, outgoing, now)?;
        self.usage.count_sqs("SendMessage", outgoing.body.len());
        Ok(())
    }

    /// Receives as Lambda's poller does: at once, with the queue's own visibility timeout.
    pub fn receive(&self, queue: &str, max: usize) -> Vec<ReceivedMessage> {
        let now = self.clock.now();
        let deliveries = match held(&self.queues).receive(queue, max, None, now) {
            Ok(deliveries) => deliveries,
            Err(failure) => panic!("{}", failure.message),
        };
        if !deliveries.is_empty() {
            let bytes = deliveries.iter().map(|delivery| delivery.body.len()).sum();
            self.usage.count_sqs("ReceiveMessage", bytes);
        }
        deliveries
    }

    /// Deletes these messages with one request; says how many of their handles were still good.
    pub fn delete(&self, deliveries: &[ReceivedMessage]) -> usize {
        let now = self.clock.now();
        let mut queues = held(&self.queues);
        let deleted = deliveries.iter().filter(|delivery| {
            let queue = queues.by_name.get_mut(&delivery.queue);
            queue.is_some_and(|queue| queue.delete(&delivery.receipt_handle, now).is_ok())
        });
        let deleted = deleted.count();
        if !deliveries.is_empty() {
            self.usage.count_sqs("DeleteMessageBatch", 0);
        }
        deleted
    }

    /// Makes a message visible so much later from now on; false if its receipt handle is stale.
    pub fn change_visibility(
        &self,
        delivery: &ReceivedMessage,
        visibility: SignedDuration,
    ) -> bool {
        let now = self.clock.now();
        self.usage.count_sqs("ChangeMessageVisibility", 0);
        self.with(&delivery.queue, |queue| {
            queue
                .change_visibility(&delivery.receipt_handle, visibility, now)
                .is_ok()
        })
    }

    /// Makes SQS deliver this message once more, although it was deleted or is still in flight.
    pub fn deliver_again(&self, delivery: &ReceivedMessage) {
        self.with(&delivery.queue, |queue| queue.deliver_again(delivery));
    }

    /// Loses all messages of the queue, those in flight too.
    pub fn purge(&self, queue: &str) {
        self.with(queue, Fifo::purge);
    }

    /// Makes all queues as if nothing had ever been sent.
    pub(crate) fn begin_again(&self) {
        for queue in self.queue_names() {
            self.with(&queue, Fifo::begin_again);
        }
    }

    /// How long what is received from now on stays invisible.
    pub fn set_visibility_timeout(&self, queue: &str, timeout: SignedDuration) {
        self.with(queue, |queue| queue.settings.visibility_timeout = timeout);
    }

    /// How many messages the queue holds, those in flight too.
    pub fn depth(&self, queue: &str) -> usize {
        self.with(queue, |queue| queue.depth())
    }

    /// How many messages are in flight.
    pub fn in_flight(&self, queue: &str) -> usize {
        self.with(queue, |queue| queue.in_flight())
    }

    /// How many messages are visible, those behind a blocked group too.
    pub fn waiting(&self, queue: &str) -> usize {
        self.with(queue, |queue| queue.depth() - queue.in_flight())
    }

    /// Whether a receive would give something now.
    pub fn has_ready(&self, queue: &str) -> bool {
        self.with(queue, |queue| queue.has_ready())
    }

    /// Resolves when a message is put into the queue, for one of those who wait.
    pub async fn arrival(&self, queue: &str) {
        let arrival = self.with(queue, |queue| queue.arrival.clone());
        arrival.notified().await;
    }

    /// Long polling: returns when the queue has a message, or after as long as a receive is to wait.
    pub(crate) async fn wait_as_requested(&self, receive: &AwsRequest) {
        let queue = receive.resource.as_str();
        let seconds = receive.json["WaitTimeSeconds"].as_u64().unwrap_or_default();
        let until = Instant::now() + Duration::from_secs(seconds.min(WAIT_SECONDS_MAX));
        if !held(&self.queues).by_name.contains_key(queue) {
            return;
        }
        while !self.has_ready(queue) && Instant::now() < until {
            // A message can also become visible by time alone.
            drop(timeout(LOOK_EVERY, self.arrival(queue)).await);
        }
    }

    /// The messages of a queue in their order, without receiving them.
    pub fn messages(&self, queue: &str) -> Vec<ReceivedMessage> {
        self.with(queue, |queue| queue.messages())
    }

    /// The messages in the queue's dead-letter queue.
    pub fn dead_letters(&self, queue: &str) -> Vec<ReceivedMessage> {
        let redrive = self.with(queue, |queue| queue.settings.redrive.clone());
        redrive
            .map(|redrive| self.messages(&redrive.dead_letters))
            .unwrap_or_default()
    }

    /// When the next message in flight becomes visible by itself, in any queue.
    ///
    /// Always in the future: what was due before is given back first.
    pub fn next_visible_at(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut queues = held(&self.queues);
        let next = queues.by_name.values_mut().filter_map(|queue| {
            queue.release(now);
            queue.next_visible_at()
        });
        next.min()
    }

    pub fn queue_names(&self) -> Vec<String> {
        held(&self.queues).by_name.keys().cloned().collect()
    }

    /// Whether the queue is there and deduplicates by content, which schedules depend on.
    pub(crate) fn deduplicates_by_content(&self, queue: &str) -> Option<bool> {
        let queues = held(&self.queues);
        queues
            .by_name
            .get(queue)
            .map(|queue| queue.settings.content_based_deduplication)
    }

    /// A driver that names a queue that is not there has a bug.
    #[track_caller]
    fn with<T>(&self, name: &str, look: impl FnOnce(&mut Fifo) -> T) -> T {
        let now = self.clock.now();
        let mut queues = held(&self.queues);
        match queues.by_name.get_mut(name) {
            Some(queue) => {
                queue.release(now);
                look(queue)
            }
            None => {
                drop(queues);
                panic!("the local cloud has no queue {name}")
            }
        }
    }
}

impl FifoQueues {
    fn named(&mut self, name: &str) -> Result<&mut Fifo, WireFailure> {
        self.by_name.get_mut(name).ok_or_else(|| {
            WireFailure::new(
                400,
                "QueueDoesNotExist",
                format!("The specified queue {name} does not exist."),
            )
        })
    }

    fn send(
        &mut self,
        name: &str,
        outgoing: Outgoing<'_>,
        now: Timestamp,
    ) -> Result<SentMessage, WireFailure> {
        let sequence = self.last_sequence + 1;
        let queue = self.named(name)?;
        check_body(outgoing.body)?;
        check_id("MessageGroupId", outgoing.group)?;
        let deduplication_id = match outgoing.deduplication_id {
            Some(id) => {
                check_id("MessageDeduplicationId", id)?;
                id.to_owned()
            }
            None if queue.settings.content_based_deduplication => content_id(outgoing.body),
            None => {
                return Err(invalid(
                    "The queue should either have ContentBasedDeduplication enabled or \
                     MessageDeduplicationId provided explicitly",
                ));
            }
        };
        let message = QueuedMessage::new(
            message_id(sequence),
            outgoing.body.to_owned(),
            outgoing.group.to_owned(),
            deduplication_id,
            now,
        );
        let sent = queue.send(message, sequence);
        self.last_sequence = sequence;
        Ok(sent)
    }

    fn receive(
        &mut self,
        name: &str,
        max: usize,
        visibility: Option<SignedDuration>,
        now: Timestamp,
    ) -> Result<Vec<ReceivedMessage>, WireFailure> {
        let queue = self.named(name)?;
        let ReceivedBatch { deliveries, dead } = queue.receive(max, visibility, now);
        let Some(redrive) = queue.settings.redrive.clone() else {
            return Ok(deliveries);
        };
        for message in dead {
            self.last_sequence += 1;
            let sequence = self.last_sequence;
            if let Some(dead_letters) = self.by_name.get_mut(&redrive.dead_letters) {
                dead_letters.put(message, sequence);
            }
        }
        Ok(deliveries)
    }
}

/// Counted, not drawn, so that two runs of a test are the same.
fn message_id(sequence: u64) -> String {
    format!("00000000-0000-4000-8000-{sequence:012x}")
}

/// The deduplication id of a message that brings none.
fn content_id(body: &str) -> String {
    calls::hex(&Sha256::digest(body.as_bytes()))
}

fn check_body(body: &str) -> Result<(), WireFailure> {
    if body.is_empty() {
        return Err(WireFailure::new(
            400,
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        ));
    }
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than \
             {MESSAGE_BYTES_MAX} bytes."
        )));
    }
    let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if !body.chars().all(legal) {
        return Err(WireFailure::new(
            400,
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to \
             #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        ));
    }
    Ok(())
}

fn check_id(parameter: &str, id: &str) -> Result<(), WireFailure> {
    let legal =
        (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if legal {
        return Ok(());
    }
    Err(invalid(format!(
        "Value {id} for parameter {parameter} is invalid. Reason: {parameter} can only include \
         alphanumeric and punctuation characters. 1 to {ID_CHARS_MAX} in length."
    )))
}

fn invalid(message: impl std::fmt::Display) -> WireFailure {
    WireFailure::new(400, "InvalidParameterValue", message)
}

fn stale(handle: &str, stale: Stale) -> WireFailure {
    let because = |reason: &str| {
        invalid(format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: {reason}"
        ))
    };
    match stale {
        Stale::NotAHandle => WireFailure::new(
            404,
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        ),
        Stale::Expired => because("The receipt handle has expired."),
        Stale::Gone => {
            because("Message does not exist or is not available for visibility timeout change.")
        }
    }
}
