//! Starts `notifier` in AWS Lambda: hands it batches from the replies queue.

use aws_lambda_events::sqs::SqsEvent;
use cloud::Cloud;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    cloud::logs::start();
    let cloud = Cloud::from_environment()?.ready_to_call_back();
    cloud.warm_up().await;
    let cloud = &cloud;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = cloud::aws::queues::deadline(event.context.deadline, cloud.now());
        let deliveries = event
            .payload
            .records
            .into_iter()
            .map(cloud::aws::queues::delivery)
            .collect();
        let failed = notifier::run_batch(cloud, deliveries, deadline).await;
        Ok::<_, Error>(cloud::aws::queues::handed_back(failed))
    }))
    .await
}
