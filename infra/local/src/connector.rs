//! The local cloud as the SDK's HTTP client, in the same process.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::asked::{Asked, Service};
use crate::callbacks::{CallbackAnswer, response};
use crate::failure::Failure;
use crate::faults::Fault;
use crate::names::REGION;
use crate::wire::{LocalCloud, is_to_aws};

impl LocalCloud {
    /// What every SDK client is made from, so that it talks to this cloud.
    pub fn sdk_config(&self, retries: RetryConfig) -> SdkConfig {
        let credentials = Credentials::from_keys("LOCAL", "local", None);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.http_client())
            .retry_config(retries)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            // It measures by the system's clock, which says nothing where tokio's is paused.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }

    /// The HTTP client alone, for whoever has a configuration of their own.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// The connector alone, for requests that no SDK makes.
    pub fn http_connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = whole(request).await?;
        let to_aws = is_to_aws(&request);
        let asked = match to_aws {
            true => Asked::of(&request),
            false => Asked::of_callback(request.method(), &request.uri().to_string()),
        };
        let fault = self.faults().decide(&asked);
        match fault {
            Some(Fault::LoseRequest) => {
                let refused = std::io::ErrorKind::ConnectionRefused;
                return Err(ConnectorError::io(std::io::Error::from(refused).into()));
            }
            // Not as an I/O error: that would be tried again, and the dead do not try.
            Some(Fault::CrashBefore) => return Err(dead()),
            Some(Fault::Throttle) => {
                return received(self.troubled(&asked, throttled(asked.service)));
            }
            Some(Fault::Refuse(status)) => {
                let failure =
                    Failure::new(status, "InternalServerError", "refused by the fault plan");
                return received(self.troubled(&asked, failure));
            }
            Some(Fault::Conflict) => return received(self.conflict(&asked)),
            Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::LoseAnswer | Fault::CrashAfter) | None => {}
        }
        // A mail is gone once it is given away.
        if asked.service == Service::Ses {
            let durable = self.durable().await;
            durable.map_err(|error| ConnectorError::other(error.into(), None))?;
        }
        let answer = match to_aws {
            true => self.answer_asked(&asked, &request),
            false => self.call_back(&request).await?,
        };
        match fault {
            Some(Fault::LoseAnswer) => Err(ConnectorError::timeout("the answer is lost".into())),
            Some(Fault::CrashAfter) => Err(dead()),
            Some(
                Fault::LoseRequest
                | Fault::Throttle
                | Fault::Refuse(_)
                | Fault::Conflict
                | Fault::Delay(_)
                | Fault::CrashBefore,
            )
            | None => received(answer),
        }
    }

    async fn call_back(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, ConnectorError> {
        match self.callbacks().take(request) {
            CallbackAnswer::Answer {
                status,
                headers,
                body,
                after,
            } => {
                if !after.is_zero() {
                    tokio::time::sleep(after).await;
                }
                Ok(response(status, &headers, body))
            }
            CallbackAnswer::ConnectionFails => Err(ConnectorError::io("connection refused".into())),
            CallbackAnswer::NoAnswer => Err(ConnectorError::timeout("no answer".into())),
        }
    }

    fn troubled(&self, asked: &Asked, failure: Failure) -> Response<Bytes> {
        self.failed(asked, &failure)
    }

    fn conflict(&self, asked: &Asked) -> Response<Bytes> {
        let message = "Transaction is ongoing for the item";
        let Some(actions) = asked.json["TransactItems"].as_array() else {
            return self.troubled(
                asked,
                Failure::new(400, "TransactionConflictException", message),
            );
        };
        let reason = json!({ "Code": "TransactionConflict", "Message": message });
        let reasons: Vec<Value> = actions.iter().map(|_| reason.clone()).collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific \
                        reasons [TransactionConflict]",
            "CancellationReasons": reasons,
        });
        response(400, &[], body.to_string())
    }
}

impl HttpClient for LocalCloud {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for LocalCloud {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carry(request))
    }
}

/// The request with all of its body.
async fn whole(request: HttpRequest) -> Result<Request<Bytes>, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = ByteStream::new(body).collect().await;
    let body = body.map_err(|error| ConnectorError::user(error.into()))?;
    Ok(Request::from_parts(parts, body.into_bytes()))
}

fn received(answer: Response<Bytes>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(answer.map(SdkBody::from))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

fn dead() -> ConnectorError {
    ConnectorError::other("the caller has crashed".into(), None)
}

fn throttled(service: Service) -> Failure {
    let (status, code) = match service {
        Service::DynamoDb => (400, "ThrottlingException"),
        Service::Sqs => (403, "RequestThrottled"),
        Service::Scheduler => (429, "ThrottlingException"),
        Service::Ses => (429, "TooManyRequestsException"),
        Service::S3 => (503, "SlowDown"),
        Service::Kms => (400, "ThrottlingException"),
        Service::Callback => (429, "TooManyRequests"),
    };
    Failure::new(status, code, "Rate exceeded")
}
