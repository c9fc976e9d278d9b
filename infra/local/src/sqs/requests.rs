//! SQS requests as they come over the wire: JSON in, JSON out.

use cloud::aws::queues::BATCH_MAX;
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::attributes::{attributes_of, settings_from, visibility};
use super::{FifoQueues, MESSAGE_BYTES_MAX, Outgoing, Sqs, invalid, stale};
use crate::delivery::{ReceivedMessage, sequence_number};
use crate::failure::WireFailure;
use crate::held;
use crate::names::{ACCOUNT, queue_of_url};
use crate::queue::{Fifo, SentMessage};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEntry {
    id: Option<String>,
    queue_url: Option<String>,
    #[serde(default)]
    message_body: String,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
    delay_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchRequest {
    queue_url: String,
    entries: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<i64>,
    /// Waited for before this is asked.
    #[serde(rename = "WaitTimeSeconds")]
    _wait_time_seconds: Option<u64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    /// No message here has attributes of its own, so that any list finds none.
    #[serde(rename = "MessageAttributeNames", default)]
    _message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Handle {
    id: Option<String>,
    queue_url: Option<String>,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NamedQueue {
    queue_name: Option<String>,
    queue_url: Option<String>,
    queue_name_prefix: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

impl Sqs {
    /// Answers one request of AWS's JSON protocol.
    pub(crate) fn answer(&self, operation: &str, body: &Value) -> Result<Value, WireFailure> {
        let now = self.clock.now();
        let mut queues = held(&self.queues);
        match operation {
            "SendMessage" => queues.send_message(&read(operation, body)?, now),
            "SendMessageBatch" => queues.send_batch(read(operation, body)?, now),
            "ReceiveMessage" => queues.receive_message(&read(operation, body)?, now),
            "DeleteMessage" => queues.one_handle(&read(operation, body)?, now, delete),
            "ChangeMessageVisibility" => {
                queues.one_handle(&read(operation, body)?, now, change_visibility)
            }
            "DeleteMessageBatch" => queues.handles(read(operation, body)?, now, delete),
            "ChangeMessageVisibilityBatch" => {
                queues.handles(read(operation, body)?, now, change_visibility)
            }
            "GetQueueUrl" => queues.queue_url(&read(operation, body)?),
            "GetQueueAttributes" => queues.attributes(&read(operation, body)?, now),
            "CreateQueue" => queues.create_queue(read(operation, body)?),
            "ListQueues" => Ok(queues.list(&read(operation, body)?)),
            "PurgeQueue" => queues.purge(&read(operation, body)?),
            other => Err(WireFailure::not_built(format!("SQS {other}"))),
        }
    }
}

impl FifoQueues {
    fn send_message(&mut self, entry: &SendEntry, now: Timestamp) -> Result<Value, WireFailure> {
        self.send_entry(
            queue_of_url(entry.queue_url.as_deref().unwrap_or_default()),
            entry,
            now,
        )
    }

    fn send_entry(
        &mut self,
        queue: &str,
        entry: &SendEntry,
        now: Timestamp,
    ) -> Result<Value, WireFailure> {
        if entry.delay_seconds.is_some_and(|seconds| seconds != 0) {
            return Err(invalid(
                "Value for parameter DelaySeconds is invalid. Reason: The request include \
                 parameter that is not valid for this queue type",
            ));
        }
        let group = entry.message_group_id.as_deref().ok_or_else(|| {
            let message = "The request must contain the parameter MessageGroupId.";
            WireFailure::new(400, "MissingParameter", message)
        })?;
        let deduplication_id = entry.message_deduplication_id.as_deref();
        let body = entry.message_body.as_str();
        let sent = self.send(
            queue,
            Outgoing {
                group,
                deduplication_id,
                body,
            },
            now,
        )?;
        Ok(said(&sent, body))
    }

    fn send_batch(&mut self, batch: BatchRequest, now: Timestamp) -> Result<Value, WireFailure> {
        let queue = queue_of_url(&batch.queue_url).to_owned();
        let read = |entry: &Value| read::<SendEntry>("SendMessageBatch", entry);
        let entries = batch
            .entries
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        check_batch(entries.iter().map(|entry| entry.id.as_deref()))?;
        if entries
            .iter()
            .map(|entry| entry.message_body.len())
            .sum::<usize>()
            > MESSAGE_BYTES_MAX
        {
            return Err(WireFailure::new(
                400,
                "BatchRequestTooLong",
                format!("Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes."),
            ));
        }
        self.named(&queue)?;
        let mut results = BatchResults::default();
        for entry in entries {
            let answer = self.send_entry(&queue, &entry, now);
            results.add(entry.id.unwrap_or_default(), answer);
        }
        Ok(results.into_json())
    }

    fn receive_message(
        &mut self,
        request: &ReceiveMessage,
        now: Timestamp,
    ) -> Result<Value, WireFailure> {
        let max = request.max_number_of_messages.unwrap_or(1);
        if !(1..=BATCH_MAX).contains(&max) {
            return Err(invalid(format!(
                "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be \
                 between 1 and 10, if provided."
            )));
        }
        let visibility = request.visibility_timeout.map(visibility).transpose()?;
        let deliveries = self.receive(queue_of_url(&request.queue_url), max, visibility, now)?;
        if deliveries.is_empty() {
            return Ok(json!({}));
        }
        let wanted = [
            request.attribute_names.as_slice(),
            &request.message_system_attribute_names,
        ]
        .concat();
        let messages: Vec<_> = deliveries
            .iter()
            .map(|delivery| as_received(delivery, &wanted))
            .collect();
        Ok(json!({ "Messages": messages }))
    }

    fn one_handle(
        &mut self,
        handle: &Handle,
        now: Timestamp,
        act: fn(&mut Fifo, &Handle, Timestamp) -> Result<(), WireFailure>,
    ) -> Result<Value, WireFailure> {
        let url = handle.queue_url.as_deref().unwrap_or_default();
        act(self.named(queue_of_url(url))?, handle, now)?;
        Ok(json!({}))
    }

    fn handles(
        &mut self,
        batch: BatchRequest,
        now: Timestamp,
        act: fn(&mut Fifo, &Handle, Timestamp) -> Result<(), WireFailure>,
    ) -> Result<Value, WireFailure> {
        let read = |entry: &Value| read::<Handle>("a batch of receipt handles", entry);
        let entries = batch
            .entries
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, _>>()?;
        check_batch(entries.iter().map(|entry| entry.id.as_deref()))?;
        let queue = self.named(queue_of_url(&batch.queue_url))?;
        let mut results = BatchResults::default();
        for handle in entries {
            let answer = act(queue, &handle, now).map(|()| json!({}));
            results.add(handle.id.unwrap_or_default(), answer);
        }
        Ok(results.into_json())
    }

    fn queue_url(&mut self, request: &NamedQueue) -> Result<Value, WireFailure> {
        let name = self
            .named(request.queue_name.as_deref().unwrap_or_default())?
            .name
            .clone();
        Ok(json!({ "QueueUrl": self.url(&name) }))
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }

    fn attributes(&mut self, request: &NamedQueue, now: Timestamp) -> Result<Value, WireFailure> {
        let queue = self.named(queue_of_url(
            request.queue_url.as_deref().unwrap_or_default(),
        ))?;
        queue.release(now);
        let mut attributes = attributes_of(queue);
        attributes.retain(|name, _| wants(&request.attribute_names, name));
        Ok(json!({ "Attributes": attributes }))
    }

    fn create_queue(&mut self, request: NamedQueue) -> Result<Value, WireFailure> {
        let name = request.queue_name.unwrap_or_default();
        if !name.ends_with(".fifo") {
            return Err(WireFailure::not_built(format!("a standard queue, {name}")));
        }
        let settings = settings_from(&request.attributes)?;
        self.by_name
            .entry(name.clone())
            .or_insert_with(|| Fifo::new(&name, settings));
        Ok(json!({ "QueueUrl": self.url(&name) }))
    }

    fn list(&self, request: &NamedQueue) -> Value {
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let names = self.by_name.keys().filter(|name| name.starts_with(prefix));
        json!({ "QueueUrls": names.map(|name| self.url(name)).collect::<Vec<_>>() })
    }

    fn purge(&mut self, request: &NamedQueue) -> Result<Value, WireFailure> {
        self.named(queue_of_url(
            request.queue_url.as_deref().unwrap_or_default(),
        ))?
        .purge();
        Ok(json!({}))
    }
}

fn read<T: DeserializeOwned>(operation: &str, body: &Value) -> Result<T, WireFailure> {
    T::deserialize(body).map_err(|error| WireFailure::unreadable(operation, &error))
}

fn delete(queue: &mut Fifo, handle: &Handle, now: Timestamp) -> Result<(), WireFailure> {
    queue
        .delete(&handle.receipt_handle, now)
        .map_err(|why| stale(&handle.receipt_handle, why))
}

fn change_visibility(queue: &mut Fifo, handle: &Handle, now: Timestamp) -> Result<(), WireFailure> {
    let visibility = visibility(handle.visibility_timeout.unwrap_or_default())?;
    queue
        .change_visibility(&handle.receipt_handle, visibility, now)
        .map_err(|why| stale(&handle.receipt_handle, why))
}

fn check_batch<'a>(ids: impl Iterator<Item = Option<&'a str>>) -> Result<(), WireFailure> {
    let ids: Vec<_> = ids.flatten().collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let (code, message) = match ids.len() {
        0 => (
            "EmptyBatchRequest",
            "There should be at least one entry with an Id in the request.",
        ),
        more if more > BATCH_MAX => (
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
        ),
        count if count > distinct.len() => (
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries have the same Id.",
        ),
        _ => return Ok(()),
    };
    Err(WireFailure::new(400, code, message))
}

#[derive(Default)]
struct BatchResults {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl BatchResults {
    fn add(&mut self, id: String, answer: Result<Value, WireFailure>) {
        match answer {
            Ok(mut entry) => {
                entry["Id"] = Value::String(id);
                self.successful.push(entry);
            }
            Err(failure) => self.failed.push(json!({
                "Id": id,
                "Code": failure.code,
                "Message": failure.message,
                "SenderFault": true,
            })),
        }
    }

    fn into_json(self) -> Value {
        json!({ "Successful": self.successful, "Failed": self.failed })
    }
}

fn said(sent: &SentMessage, body: &str) -> Value {
    json!({
        "MessageId": sent.message_id,
        "MD5OfMessageBody": md5_of(body),
        "SequenceNumber": sequence_number(sent.sequence),
    })
}

fn as_received(delivery: &ReceivedMessage, wanted: &[String]) -> Value {
    let mut attributes = delivery.attributes();
    attributes.retain(|name, _| wants(wanted, name));
    json!({
        "MessageId": delivery.message_id,
        "ReceiptHandle": delivery.receipt_handle,
        "MD5OfBody": md5_of(&delivery.body),
        "Body": delivery.body,
        "Attributes": attributes,
    })
}

fn wants(wanted: &[String], name: &str) -> bool {
    wanted
        .iter()
        .any(|wanted| wanted == "All" || wanted == name)
}

fn md5_of(body: &str) -> String {
    calls::hex(&Md5::digest(body.as_bytes()))
}
