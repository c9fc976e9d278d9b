//! Starts `notifier` in AWS Lambda: hands it batches from the replies queue, and what the services tell of mails, texts and calls.

use aws_lambda_events::sqs::SqsEvent;
use cloud::Cloud;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    cloud::logs::start();
    let cloud = Cloud::from_environment()?.ready_to_call_back();
    cloud.warm_up().await;
    let cloud = &cloud;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // EventBridge's events have a source, a queue's batches have records.
        if event.payload.get("source").is_some() {
            // An error brings the event again.
            notifier::mail_events::take(cloud, &event.payload).await?;
            return Ok::<_, Error>(Value::Null);
        }
        let deadline = cloud::aws::queues::deadline(event.context.deadline, cloud.now());
        let batch: SqsEvent = serde_json::from_value(event.payload)?;
        let deliveries = batch
            .records
            .into_iter()
            .map(cloud::aws::queues::delivery)
            .collect();
        let failed = notifier::run_batch(cloud, deliveries, deadline).await;
        let answer = cloud::aws::queues::handed_back(failed);
        Ok(serde_json::to_value(answer)?)
    }))
    .await
}
