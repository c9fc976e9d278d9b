//! Starts `ingest` in AWS Lambda: reads the settings, opens the connections, and passes on each
//! HTTP request.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use cloud::Cloud;
use ingest::{Response, gateway};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    cloud::logs::start();
    let cloud = Cloud::from_environment()?;
    cloud.warm_up().await;
    let cloud = &cloud;
    lambda_runtime::run(service_fn(
        move |event: LambdaEvent<ApiGatewayV2httpRequest>| async move {
            let answer = match gateway::read(event.payload) {
                Some(request) => ingest::answer(cloud, &request).await,
                None => Response::text(400, "The body is not readable.\n"),
            };
            Ok::<_, Error>(gateway::write(answer))
        },
    ))
    .await
}
