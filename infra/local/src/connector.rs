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
use cloud::aws::UNSIGNED;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::aws_request::{AwsRequest, Service};
use crate::aws_wire::{LocalCloud, is_to_aws};
use crate::callbacks::{CallbackAnswer, response};
use crate::failure::WireFailure;
use crate::faults::InjectedFault;
use crate::lifecycle::{Invocation, Unmetered};
use crate::names::REGION;

impl LocalCloud {
    /// The configuration that every SDK client is made from to use this cloud.
    pub fn sdk_config(&self, retries: RetryConfig) -> SdkConfig {
        let credentials = Credentials::from_keys("LOCAL", "local", None);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // Signatures are not checked here, and making them takes a part of every request's
            // time.
            .auth_scheme_preference([UNSIGNED])
            .http_client(self.http_client())
            .retry_config(retries)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            // It uses the system's clock, which is meaningless while tokio's is paused.
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

    /// A request of an invocation is made only while that lives. What its answer allocates counts
    /// as the invocation's; what AWS's side allocates does not.
    async fn carry_for_caller(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = whole(request).await?;
        let Some(invocation) = Invocation::current() else {
            return self.carry(request).await;
        };
        let leave_out = invocation.leave_out();
        if leave_out.is_some() {
            // An invocation that holds too much memory is killed before the request is made.
            tokio::task::yield_now().await;
        }
        if invocation.is_over() {
            return std::future::pending().await;
        }
        let Some(leave_out) = leave_out else {
            return self.carry(request).await;
        };
        let answer = Unmetered::new(leave_out, || self.carry(request.clone())).await?;
        drop(request);
        let body = Bytes::copy_from_slice(answer.body().bytes().unwrap_or_default());
        Ok(answer.map(|_| SdkBody::from(body.clone())))
    }

    async fn carry(self, request: Request<Bytes>) -> Result<HttpResponse, ConnectorError> {
        let to_aws = is_to_aws(&request);
        let aws_request = match to_aws {
            true => AwsRequest::of(&request),
            false => AwsRequest::of_callback(request.method(), &request.uri().to_string()),
        };
        let fault = self.faults().decide(&aws_request);
        match fault {
            Some(InjectedFault::LoseRequest) => {
                let refused = std::io::ErrorKind::ConnectionRefused;
                return Err(ConnectorError::io(std::io::Error::from(refused).into()));
            }
            // Not an I/O error: that would be retried, and a dead process does not retry.
            Some(InjectedFault::CrashBefore) => return Err(dead()),
            Some(InjectedFault::Hang) => return ends_here(Invocation::hang).await,
            Some(InjectedFault::AbortBefore) => return ends_here(Invocation::abort).await,
            Some(InjectedFault::Throttle) => {
                return received(self.troubled(&aws_request, throttled(aws_request.service)));
            }
            Some(InjectedFault::Refuse(status)) => {
                let failure =
                    WireFailure::new(status, "InternalServerError", "refused by the fault plan");
                return received(self.troubled(&aws_request, failure));
            }
            Some(InjectedFault::Conflict) => return received(self.conflict(&aws_request)),
            Some(InjectedFault::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(
                InjectedFault::LoseAnswer | InjectedFault::CrashAfter | InjectedFault::AbortAfter,
            )
            | None => {}
        }
        // A mail or a text cannot be taken back once it is given to the service.
        if matches!(aws_request.service, Service::Ses | Service::Phone) {
            let durable = self.durable().await;
            durable.map_err(|error| ConnectorError::other(error.into(), None))?;
        }
        let answer = match to_aws {
            true => self.answer_as_requested(&aws_request, &request).await,
            false => self.call_back(&request).await?,
        };
        match fault {
            Some(InjectedFault::LoseAnswer) => {
                Err(ConnectorError::timeout("the answer is lost".into()))
            }
            Some(InjectedFault::CrashAfter) => Err(dead()),
            Some(InjectedFault::AbortAfter) => ends_here(Invocation::abort).await,
            Some(
                InjectedFault::LoseRequest
                | InjectedFault::Throttle
                | InjectedFault::Refuse(_)
                | InjectedFault::Conflict
                | InjectedFault::Delay(_)
                | InjectedFault::CrashBefore
                | InjectedFault::Hang
                | InjectedFault::AbortBefore,
            )
            | None => received(answer),
        }
    }

    async fn answer_as_requested(
        &self,
        aws_request: &AwsRequest,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        if aws_request.service == Service::Sqs && aws_request.operation == "ReceiveMessage" {
            self.sqs().wait_as_requested(aws_request).await;
        }
        self.answer_parsed(aws_request, request)
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
            CallbackAnswer::ConnectionFails => {
                let refused = std::io::ErrorKind::ConnectionRefused;
                Err(ConnectorError::io(std::io::Error::from(refused).into()))
            }
            CallbackAnswer::NoAnswer => std::future::pending().await,
        }
    }

    fn troubled(&self, aws_request: &AwsRequest, failure: WireFailure) -> Response<Bytes> {
        self.failed(aws_request, &failure)
    }

    fn conflict(&self, aws_request: &AwsRequest) -> Response<Bytes> {
        let message = "Transaction is ongoing for the item";
        let Some(actions) = aws_request.json["TransactItems"].as_array() else {
            return self.troubled(
                aws_request,
                WireFailure::new(400, "TransactionConflictException", message),
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
        HttpConnectorFuture::new(self.clone().carry_for_caller(request))
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

/// The invocation stops here. Outside an invocation, the caller counts as dead.
async fn ends_here(ends: fn(&Invocation)) -> Result<HttpResponse, ConnectorError> {
    match Invocation::current() {
        Some(invocation) => {
            ends(&invocation);
            std::future::pending().await
        }
        None => Err(dead()),
    }
}

fn dead() -> ConnectorError {
    ConnectorError::other("the caller has crashed".into(), None)
}

fn throttled(service: Service) -> WireFailure {
    let (status, code) = match service {
        Service::DynamoDb => (400, "ThrottlingException"),
        Service::Sqs => (403, "RequestThrottled"),
        Service::Scheduler => (429, "ThrottlingException"),
        Service::Ses => (429, "TooManyRequestsException"),
        Service::Phone => (429, "ThrottlingException"),
        Service::S3 => (503, "SlowDown"),
        Service::Kms | Service::SecretsManager | Service::CloudWatch => {
            (400, "ThrottlingException")
        }
        Service::Callback => (429, "TooManyRequests"),
    };
    WireFailure::new(status, code, "Rate exceeded")
}
