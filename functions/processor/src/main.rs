//! Starts `processor` in AWS Lambda: hands it batches from the three priority queues.

use aws_lambda_events::sqs::SqsEvent;
use calls::QueuePriority;
use cloud::Cloud;
use cloud::aws::lanes::Queue;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    cloud::logs::start();
    let cloud = Cloud::from_environment()?.ready_to_call_back();
    cloud.warm_up().await;
    let cloud = &cloud;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = cloud::aws::queues::deadline(event.context.deadline, cloud.now());
        let batch = event.payload.records;
        let priority = batch.first().map_or(QueuePriority::default(), |first| {
            match cloud
                .queues
                .of_arn(first.event_source_arn.as_deref().unwrap_or_default())
            {
                Some(Queue::Calls(priority)) => priority,
                Some(Queue::Replies) | None => QueuePriority::default(),
            }
        });
        let deliveries = batch
            .into_iter()
            .map(cloud::aws::queues::delivery)
            .collect();
        let failed = processor::run_batch(cloud, priority, deliveries, deadline).await;
        Ok::<_, Error>(cloud::aws::queues::handed_back(failed))
    }))
    .await
}
