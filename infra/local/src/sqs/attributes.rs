//! A queue's attributes on the wire.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::invalid;
use crate::delivery::{FifoSettings, Redrive};
use crate::failure::WireFailure;
use crate::names::{queue_arn, queue_of_arn};
use crate::queue::Fifo;

/// Longest visibility timeout, 12 hours. AWS's figure.
const VISIBILITY_SECONDS_MAX: i64 = 43_200;

pub(super) fn attributes_of(queue: &Fifo) -> Map<String, Value> {
    let settings = &queue.settings;
    let scope = if settings.deduplicate_by_group {
        "messageGroup"
    } else {
        "queue"
    };
    let limit = if settings.throughput_per_group {
        "perMessageGroupId"
    } else {
        "perQueue"
    };
    let mut attributes = Map::new();
    let mut add =
        |name: &str, value: String| attributes.insert(name.to_owned(), Value::String(value));
    add("QueueArn", queue_arn(&queue.name));
    add("FifoQueue", "true".to_owned());
    add(
        "VisibilityTimeout",
        settings.visibility_timeout.as_secs().to_string(),
    );
    add(
        "ContentBasedDeduplication",
        settings.content_based_deduplication.to_string(),
    );
    add("DeduplicationScope", scope.to_owned());
    add("FifoThroughputLimit", limit.to_owned());
    add(
        "ApproximateNumberOfMessages",
        (queue.depth() - queue.in_flight()).to_string(),
    );
    add(
        "ApproximateNumberOfMessagesNotVisible",
        queue.in_flight().to_string(),
    );
    add("ApproximateNumberOfMessagesDelayed", "0".to_owned());
    if let Some(redrive) = &settings.redrive {
        let policy = json!({
            "deadLetterTargetArn": queue_arn(&redrive.dead_letters),
            "maxReceiveCount": redrive.max_receive_count,
        });
        add("RedrivePolicy", policy.to_string());
    }
    attributes
}

pub(super) fn settings_from(attributes: &Map<String, Value>) -> Result<FifoSettings, WireFailure> {
    let mut settings = FifoSettings::default();
    for (name, value) in attributes {
        let value = value.as_str().unwrap_or_default();
        match name.as_str() {
            "FifoQueue" => {}
            "VisibilityTimeout" => {
                let seconds = value.parse().map_err(|_| invalid("VisibilityTimeout"))?;
                settings.visibility_timeout = visibility(seconds)?;
            }
            "ContentBasedDeduplication" => settings.content_based_deduplication = value == "true",
            "DeduplicationScope" => settings.deduplicate_by_group = value == "messageGroup",
            "FifoThroughputLimit" => settings.throughput_per_group = value == "perMessageGroupId",
            "RedrivePolicy" => settings.redrive = Some(redrive_from(value)?),
            // No message here is old enough, or delayed.
            "MessageRetentionPeriod" | "ReceiveMessageWaitTimeSeconds" => {}
            other => {
                return Err(WireFailure::not_built(format!(
                    "the queue attribute {other}"
                )));
            }
        }
    }
    Ok(settings)
}

fn redrive_from(policy: &str) -> Result<Redrive, WireFailure> {
    let policy: Value = serde_json::from_str(policy).map_err(|_| invalid("RedrivePolicy"))?;
    let dead_letters = policy["deadLetterTargetArn"]
        .as_str()
        .and_then(queue_of_arn);
    let max = &policy["maxReceiveCount"];
    let max = max
        .as_u64()
        .or_else(|| max.as_str().and_then(|max| max.parse().ok()));
    let max = max.and_then(|max| u32::try_from(max).ok());
    match (dead_letters, max) {
        (Some(dead_letters), Some(max_receive_count)) => Ok(Redrive {
            dead_letters: dead_letters.to_owned(),
            max_receive_count,
        }),
        (Some(_) | None, Some(_) | None) => Err(invalid("RedrivePolicy")),
    }
}

pub(super) fn visibility(seconds: i64) -> Result<SignedDuration, WireFailure> {
    if (0..=VISIBILITY_SECONDS_MAX).contains(&seconds) {
        return Ok(SignedDuration::from_secs(seconds));
    }
    Err(invalid(format!(
        "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 \
         and {VISIBILITY_SECONDS_MAX}, if provided."
    )))
}
