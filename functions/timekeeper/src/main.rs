//! Starts `timekeeper` in AWS Lambda: a schedule invokes it every minute.

use cloud::Cloud;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    cloud::logs::start();
    let cloud = Cloud::from_environment()?;
    cloud.warm_up().await;
    let cloud = &cloud;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = cloud::aws::queues::deadline(event.context.deadline, cloud.now());
        timekeeper::tick(cloud, deadline)
            .await
            .map_err(|error| error.in_full())?;
        Ok::<_, Error>(())
    }))
    .await
}
