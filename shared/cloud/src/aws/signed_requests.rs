//! Requests to services of AWS that only a person's command asks, signed by hand: a client of the SDK for each
//! would take longer to build than all that is said with it (docs/decisions/0031-signed-by-hand.md).

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::SdkConfig;
use jiff::Timestamp;
use serde_json::Value;

use crate::outbound::callback::guarded_connector;

/// Longest wait for an answer.
const WITHIN: Duration = Duration::from_secs(15);

/// Why there is no answer, for the one line that is said of it.
#[derive(Debug, thiserror::Error)]
pub enum SignedRequestFailure {
    #[error("there are no credentials or no Region: {0}")]
    NoCredentials(String),
    #[error("{service} was not reached: {why}")]
    OutOfReach { service: &'static str, why: String },
    /// With what AWS says, which names no secret.
    #[error("{service} refused with {status}: {said}")]
    Refused {
        service: &'static str,
        status: u16,
        said: String,
    },
    #[error("{service} answered what is not understood")]
    Unreadable { service: &'static str },
}

/// A service, as it is called in addresses and in signatures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AwsService {
    pub(crate) host: &'static str,
    pub(crate) name: &'static str,
}

/// What asks, with a person's own credentials.
pub struct SignedRequests {
    config: SdkConfig,
    connector: SharedHttpConnector,
    now: fn() -> Timestamp,
}

struct UnsignedRequest<'a> {
    service: AwsService,
    method: &'static str,
    path: &'a str,
    headers: Vec<(&'static str, &'a str)>,
    body: String,
}

impl SignedRequests {
    pub fn new(config: &SdkConfig, now: fn() -> Timestamp) -> Self {
        Self {
            config: config.clone(),
            // A private address is that of a VPC endpoint.
            connector: guarded_connector(true),
            now,
        }
    }

    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// An operation of the JSON protocol; `version`: 1.0 or 1.1.
    pub(crate) async fn json(
        &self,
        service: AwsService,
        target: &str,
        version: &str,
        body: &Value,
    ) -> Result<Value, SignedRequestFailure> {
        let content_type = format!("application/x-amz-json-{version}");
        let unsigned = UnsignedRequest {
            service,
            method: "POST",
            path: "/",
            headers: vec![("content-type", &content_type), ("x-amz-target", target)],
            body: body.to_string(),
        };
        let text = self.ask(unsigned).await?;
        read_json(service, &text)
    }

    /// A request of the REST protocol.
    pub(crate) async fn get(
        &self,
        service: AwsService,
        path: &str,
    ) -> Result<Value, SignedRequestFailure> {
        let unsigned = UnsignedRequest {
            service,
            method: "GET",
            path,
            headers: Vec::new(),
            body: String::new(),
        };
        let text = self.ask(unsigned).await?;
        read_json(service, &text)
    }

    /// An operation of the Query protocol, with its form; the answer is XML.
    pub(crate) async fn query(
        &self,
        service: AwsService,
        form: String,
    ) -> Result<String, SignedRequestFailure> {
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        let unsigned = UnsignedRequest {
            service,
            method: "POST",
            path: "/",
            headers: vec![("content-type", content_type)],
            body: form,
        };
        self.ask(unsigned).await
    }

    async fn ask(&self, unsigned: UnsignedRequest<'_>) -> Result<String, SignedRequestFailure> {
        let service = unsigned.service.name;
        let out_of_reach = |why: String| SignedRequestFailure::OutOfReach { service, why };
        let request = self.signed(&unsigned).await?;
        let exchange = async {
            let answer = self.connector.call(request).await;
            let answer = answer.map_err(|error| out_of_reach(error.to_string()))?;
            let status = answer.status().as_u16();
            let body = ByteStream::new(answer.into_body()).collect().await;
            let body = body.map_err(|error| out_of_reach(error.to_string()))?;
            Ok((
                status,
                String::from_utf8_lossy(&body.into_bytes()).into_owned(),
            ))
        };
        let answered = tokio::time::timeout(WITHIN, exchange).await;
        let answered = answered.map_err(|_| out_of_reach("no answer in time".to_owned()))?;
        match answered? {
            (200, text) => Ok(text),
            (status, text) => Err(SignedRequestFailure::Refused {
                service,
                status,
                said: text.chars().take(SAID_CHARS_MAX).collect(),
            }),
        }
    }

    async fn signed(
        &self,
        unsigned: &UnsignedRequest<'_>,
    ) -> Result<HttpRequest, SignedRequestFailure> {
        let no = |why: &str| SignedRequestFailure::NoCredentials(why.to_owned());
        let provider = self.config.credentials_provider();
        let provider = provider.ok_or_else(|| no("nobody says which"))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| no(&error.to_string()))?;
        let identity: Identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region())
            .name(unsigned.service.name)
            .time(SystemTime::from((self.now)()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| no(&error.to_string()))?;
        let uri = self.address(unsigned);
        let headers = unsigned.headers.iter().copied();
        let body = SignableBody::Bytes(unsigned.body.as_bytes());
        let signable = SignableRequest::new(unsigned.method, &uri, headers, body);
        let signable = signable.map_err(|error| no(&error.to_string()))?;
        let signature = sign(signable, &params.into());
        let signature = signature.map_err(|error| no(&error.to_string()))?;
        let mut request = HttpRequest::new(SdkBody::from(unsigned.body.as_str()));
        let made = request
            .set_method(unsigned.method)
            .and_then(|()| request.set_uri(uri.as_str()));
        made.map_err(|error| no(&error.to_string()))?;
        for (name, value) in &unsigned.headers {
            request.headers_mut().insert(*name, (*value).to_owned());
        }
        for (name, value) in signature.output().headers() {
            request
                .headers_mut()
                .insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }

    fn address(&self, unsigned: &UnsignedRequest<'_>) -> String {
        let (host, region) = (unsigned.service.host, self.region());
        let suffix = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        format!("https://{host}.{region}.{suffix}{}", unsigned.path)
    }
}

/// Of a refusal, what a line holds.
const SAID_CHARS_MAX: usize = 300;

fn read_json(service: AwsService, text: &str) -> Result<Value, SignedRequestFailure> {
    serde_json::from_str(text).map_err(|_| SignedRequestFailure::Unreadable {
        service: service.name,
    })
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_types::region::Region;

    use super::*;

    fn requests(region: &'static str) -> SignedRequests {
        let credentials =
            Credentials::from_keys("AKIDEXAMPLE", "secret", Some("session".to_owned()));
        let config = SdkConfig::builder()
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        SignedRequests::new(&config, || Timestamp::UNIX_EPOCH)
    }

    const LAMBDA: AwsService = AwsService {
        host: "lambda",
        name: "lambda",
    };

    #[tokio::test]
    async fn a_request_is_signed_for_its_service_region_and_time() {
        let unsigned = UnsignedRequest {
            service: LAMBDA,
            method: "GET",
            path: "/2016-08-19/account-settings/",
            headers: Vec::new(),
            body: String::new(),
        };
        let request = requests("eu-west-1")
            .signed(&unsigned)
            .await
            .expect("signed");
        let address = "https://lambda.eu-west-1.amazonaws.com/2016-08-19/account-settings/";
        assert_eq!(request.uri(), address);
        let header = |name| request.headers().get(name).unwrap_or_default();
        let scope = "Credential=AKIDEXAMPLE/19700101/eu-west-1/lambda/aws4_request";
        assert!(
            header("authorization").contains(scope),
            "{}",
            header("authorization")
        );
        assert_eq!(header("x-amz-security-token"), "session");
        let china = requests("cn-north-1");
        assert!(china.address(&unsigned).contains("amazonaws.com.cn/"));
    }
}
