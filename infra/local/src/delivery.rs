//! What a FIFO queue stores and delivers, and its settings.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// What a queue was created with.
#[derive(Clone, Debug)]
pub struct FifoSettings {
    pub visibility_timeout: SignedDuration,
    pub content_based_deduplication: bool,
    /// Whether a deduplication id counts in its group alone.
    pub deduplicate_by_group: bool,
    pub throughput_per_group: bool,
    pub redrive: Option<Redrive>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    pub dead_letters: String,
    pub max_receive_count: u32,
}

impl Default for FifoSettings {
    fn default() -> Self {
        Self {
            visibility_timeout: SignedDuration::from_secs(30),
            content_based_deduplication: false,
            deduplicate_by_group: false,
            throughput_per_group: false,
            redrive: None,
        }
    }
}

/// A message as a consumer receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    pub queue: String,
    pub message_id: String,
    pub receipt_handle: String,
    pub body: String,
    pub group: String,
    pub deduplication_id: String,
    pub sequence: u64,
    pub receive_count: u32,
    pub sent_at: Timestamp,
    pub first_received_at: Timestamp,
}

impl ReceivedMessage {
    /// The system attributes of the message, by their names on the wire.
    pub fn attributes(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("MessageGroupId", self.group.clone()),
            ("MessageDeduplicationId", self.deduplication_id.clone()),
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SentTimestamp", self.sent_at.as_millisecond().to_string()),
            (
                "ApproximateFirstReceiveTimestamp",
                self.first_received_at.as_millisecond().to_string(),
            ),
            ("SequenceNumber", sequence_number(self.sequence)),
            ("SenderId", "AROALOCAL:local".to_owned()),
        ])
    }
}

/// Twenty digits, as on AWS, so that the order of the texts is the order of the messages.
pub(crate) fn sequence_number(sequence: u64) -> String {
    format!("{sequence:020}")
}

#[derive(Clone, Debug)]
pub(crate) struct QueuedMessage {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) group: String,
    pub(crate) deduplication_id: String,
    pub(crate) sent_at: Timestamp,
    pub(crate) receive_count: u32,
    pub(crate) first_received_at: Option<Timestamp>,
    /// When it becomes visible again; none while it waits.
    pub(crate) invisible_until: Option<Timestamp>,
}

impl QueuedMessage {
    pub(crate) fn new(
        id: String,
        body: String,
        group: String,
        deduplication_id: String,
        sent_at: Timestamp,
    ) -> Self {
        Self {
            id,
            body,
            group,
            deduplication_id,
            sent_at,
            receive_count: 0,
            first_received_at: None,
            invisible_until: None,
        }
    }

    pub(crate) fn delivery(
        &self,
        queue: &str,
        sequence: u64,
        receipt_handle: String,
    ) -> ReceivedMessage {
        ReceivedMessage {
            queue: queue.to_owned(),
            message_id: self.id.clone(),
            receipt_handle,
            body: self.body.clone(),
            group: self.group.clone(),
            deduplication_id: self.deduplication_id.clone(),
            sequence,
            receive_count: self.receive_count,
            sent_at: self.sent_at,
            first_received_at: self.first_received_at.unwrap_or(self.sent_at),
        }
    }
}
