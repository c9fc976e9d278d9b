//! Answers in the form that each service's protocol wants.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use crate::aws_request::{AwsRequest, Service};
use crate::failure::WireFailure;

pub(crate) fn json_response(
    aws_request: &AwsRequest,
    status: u16,
    body: &Value,
) -> Response<Bytes> {
    let content_type = match aws_request.service {
        Service::DynamoDb | Service::Sqs | Service::Phone | Service::CloudWatch => {
            "application/x-amz-json-1.0"
        }
        Service::Kms | Service::SecretsManager => "application/x-amz-json-1.1",
        Service::Scheduler | Service::Ses | Service::S3 | Service::Callback => "application/json",
    };
    typed_response(status, content_type, body.to_string())
}

pub(crate) fn xml_response(aws_request: &AwsRequest, failure: &WireFailure) -> Response<Bytes> {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{}</Code><Message>{}</Message><Resource>/{}/{}</Resource></Error>",
        failure.code,
        soap::escaped(&failure.message),
        soap::escaped(&aws_request.resource),
        soap::escaped(&aws_request.key),
    );
    // An answer to HEAD has no body.
    let body = if aws_request.operation == "HeadObject" {
        String::new()
    } else {
        xml
    };
    typed_response(failure.status, "application/xml", body)
}

fn typed_response(status: u16, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(content_type));
    response
}

pub(crate) fn json_type(service: Service, code: &str) -> String {
    match (service, code) {
        (Service::Sqs, "InvalidParameterValue" | "MissingParameter") => {
            format!("com.amazon.coral.service#{code}Exception")
        }
        (Service::Sqs, _) => format!("com.amazonaws.sqs#{code}"),
        (Service::DynamoDb, "ThrottlingException") => {
            format!("com.amazon.coral.availability#{code}")
        }
        (Service::Kms | Service::SecretsManager | Service::CloudWatch | Service::Phone, _) => {
            code.to_owned()
        }
        (
            Service::DynamoDb | Service::Scheduler | Service::Ses | Service::S3 | Service::Callback,
            _,
        ) => format!("com.amazonaws.dynamodb.v20120810#{code}"),
    }
}

/// SQS still calls its errors by the names of its older protocol, and so do SDKs.
pub(crate) fn query_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "EmptyBatchRequest"
        | "TooManyEntriesInBatchRequest"
        | "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "MessageNotInflight" => format!("AWS.SimpleQueueService.{code}"),
        other => other.to_owned(),
    }
}
