//! Where the functions are: in this process, or behind an invocation endpoint such as that of
//! `cargo lambda watch`.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use calls::QueuePriority;
use cloud::Cloud;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::later;
use crate::delivery::ReceivedMessage;
use crate::lifecycle::{Killed, Lifecycle, invoke};
use crate::names;

#[derive(Clone)]
pub enum Functions {
    InProcess(Box<InProcess>),
    At(Endpoint),
}

/// The functions in this process, and the limits at which they are killed.
#[derive(Clone)]
pub struct InProcess {
    pub cloud: Cloud,
    pub lifecycle: Lifecycle,
}

/// An endpoint that functions are invoked at by name.
#[derive(Clone, Debug)]
pub struct Endpoint {
    connector: SharedHttpConnector,
    url: String,
}

impl Endpoint {
    /// `url`: before `/2015-03-31/functions/`.
    pub fn new(url: &str) -> Self {
        Self {
            connector: cloud::outbound::callback::guarded_connector(true),
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    async fn invoke(&self, function: &str, event: &Value) -> anyhow::Result<Value> {
        let body = event.to_string();
        let mut request = HttpRequest::new(SdkBody::from(body.as_str()));
        request.set_method("POST")?;
        request.set_uri(format!(
            "{}/2015-03-31/functions/{function}/invocations",
            self.url
        ))?;
        request
            .headers_mut()
            .insert("content-type", "application/json");
        request
            .headers_mut()
            .insert("content-length", body.len().to_string());
        let answer = self.connector.call(request).await?;
        let status = answer.status();
        let body = aws_smithy_types::byte_stream::ByteStream::new(answer.into_body());
        let bytes = body.collect().await?.to_vec();
        anyhow::ensure!(
            status.is_success(),
            "{function} answered {}: {}",
            status.as_u16(),
            String::from_utf8_lossy(&bytes)
        );
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn deliver(&self, function: &str, batch: &[ReceivedMessage]) -> Vec<String> {
        let all = || {
            batch
                .iter()
                .map(|delivery| delivery.message_id.clone())
                .collect()
        };
        let answer = match self.invoke(function, &sqs_event(batch)).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "a batch is handed back");
                return all();
            }
        };
        let failures = answer["batchItemFailures"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        failures
            .iter()
            .filter_map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned))
            .collect()
    }
}

/// What an event source mapping hands to a function.
fn sqs_event(batch: &[ReceivedMessage]) -> Value {
    let records: Vec<Value> = batch
        .iter()
        .map(|delivery| {
            json!({
                "messageId": delivery.message_id,
                "receiptHandle": delivery.receipt_handle,
                "body": delivery.body,
                "attributes": delivery.attributes(),
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": names::queue_arn(&delivery.queue),
                "awsRegion": "us-east-1",
            })
        })
        .collect();
    json!({ "Records": records })
}

impl InProcess {
    /// The deadline as the function computes it.
    fn deadline(&self, time: Duration) -> Timestamp {
        let now = self.cloud.now();
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let ends_ms = later(now, time).as_millisecond();
        cloud::aws::queues::deadline(u64::try_from(ends_ms).unwrap_or(0), now)
    }
}

impl Functions {
    /// Gives a batch to the processor; returns the ids of the messages that must come again. A
    /// function that was killed has reported none of them.
    pub async fn process(
        &self,
        priority: QueuePriority,
        batch: &[ReceivedMessage],
    ) -> Result<Vec<String>, Killed> {
        match self {
            Self::InProcess(in_process) => {
                let Lifecycle {
                    processor: time,
                    memory,
                    ..
                } = in_process.lifecycle;
                let deadline = in_process.deadline(time);
                let batch = deliveries(batch);
                // Boxed, like those below: all of an invocation is one future, too large for a
                // test's stack.
                let run = processor::run_batch(&in_process.cloud, priority, batch, deadline);
                invoke(time, memory, Box::pin(run)).await
            }
            Self::At(endpoint) => Ok(endpoint.deliver("processor", batch).await),
        }
    }

    /// The same for the notifier.
    pub async fn notify(&self, batch: &[ReceivedMessage]) -> Result<Vec<String>, Killed> {
        match self {
            Self::InProcess(in_process) => {
                let Lifecycle {
                    notifier: time,
                    memory,
                    ..
                } = in_process.lifecycle;
                let deadline = in_process.deadline(time);
                let run = notifier::run_batch(&in_process.cloud, deliveries(batch), deadline);
                invoke(time, memory, Box::pin(run)).await
            }
            Self::At(endpoint) => Ok(endpoint.deliver("notifier", batch).await),
        }
    }

    /// EventBridge invokes the notifier with what SES tells of a mail.
    pub async fn deliver_mail_event(&self, event: &Value) -> anyhow::Result<()> {
        match self {
            Self::InProcess(in_process) => {
                let Lifecycle {
                    notifier: time,
                    memory,
                    ..
                } = in_process.lifecycle;
                let taking = notifier::mail_events::take(&in_process.cloud, event);
                match invoke(time, memory, Box::pin(taking)).await {
                    Ok(taken) => taken?,
                    Err(killed) => anyhow::bail!("the notifier was killed: {killed:?}"),
                }
            }
            Self::At(endpoint) => {
                endpoint.invoke("notifier", event).await?;
            }
        }
        Ok(())
    }

    /// A minute has passed.
    pub async fn tick(&self) -> anyhow::Result<()> {
        match self {
            Self::InProcess(in_process) => {
                let Lifecycle {
                    timekeeper: time,
                    memory,
                    ..
                } = in_process.lifecycle;
                let tick = timekeeper::tick(&in_process.cloud, in_process.deadline(time));
                match invoke(time, memory, Box::pin(tick)).await {
                    Ok(minute) => minute.map(|_| ())?,
                    Err(killed) => return Err(anyhow::Error::new(killed).context("timekeeper")),
                }
            }
            Self::At(endpoint) => {
                endpoint
                    .invoke("timekeeper", &json!({ "source": "local" }))
                    .await?;
            }
        }
        Ok(())
    }
}

fn deliveries(batch: &[ReceivedMessage]) -> Vec<cloud::aws::queues::Delivery> {
    let delivery = |delivery: &ReceivedMessage| {
        cloud::aws::queues::Delivery::new(
            delivery.message_id.clone(),
            delivery.receipt_handle.clone(),
            delivery.body.clone(),
            delivery.receive_count,
            delivery.first_received_at,
        )
    };
    batch.iter().map(delivery).collect()
}
