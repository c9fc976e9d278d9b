//! What CloudWatch has kept of metrics, for people: one operation, signed and sent without an SDK of its
//! own ([why](../../../../docs/decisions/0030-metrics-are-read-without-an-sdk.md)).

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use jiff::Timestamp;
use serde_json::Value;

use crate::outbound::callback::guarded_connector;

/// How CloudWatch's JSON protocol calls the operation.
const GET_METRIC_DATA: &str = "GraniteServiceVersion20100801.GetMetricData";

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// Its name in signatures and addresses.
const SERVICE: &str = "monitoring";

/// A page does not wait longer for its plots.
const WITHIN: Duration = Duration::from_secs(5);

/// Why there are no metrics to be shown, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MetricsOutOfReach(pub String);

/// CloudWatch of one account and Region.
#[derive(Clone)]
pub(crate) struct CloudWatch {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    url: String,
}

impl fmt::Debug for CloudWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CloudWatch({})", self.url)
    }
}

impl CloudWatch {
    /// As the configuration says, which may lead to a local server.
    pub(crate) fn new(config: &aws_types::SdkConfig) -> Self {
        let region = config
            .region()
            .map_or("us-east-1", |region| region.as_ref());
        // An interface endpoint of a VPC has a private address; nobody's text leads here.
        let connector = guarded_connector(true);
        Self {
            url: match config.endpoint_url() {
                Some(url) => format!("{}/", url.trim_end_matches('/')),
                None => format!("https://{SERVICE}.{region}.{}/", suffix(region)),
            },
            connector,
            credentials: config.credentials_provider(),
            region: region.to_owned(),
        }
    }

    /// The answer to one request, as it came. Not tried again: the page is looked at again in a minute.
    pub(crate) async fn metric_data(
        &self,
        requested: &Value,
        now: Timestamp,
    ) -> Result<Value, MetricsOutOfReach> {
        let request = self.signed(requested.to_string(), now.into()).await?;
        let answer = tokio::time::timeout(WITHIN, self.connector.call(request)).await;
        let answer = answer.map_err(|_| out_of_reach("CloudWatch does not answer"))?;
        let answer = answer.map_err(|_| out_of_reach("CloudWatch is out of reach"))?;
        let status = answer.status().as_u16();
        let body = ByteStream::new(answer.into_body()).collect().await;
        let body = body.map_err(|_| out_of_reach("CloudWatch's answer broke off"))?;
        let body: Value = serde_json::from_slice(&body.into_bytes()).unwrap_or_default();
        if status == 200 {
            return Ok(body);
        }
        let code = body["__type"].as_str().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str());
        let message = message.unwrap_or_default();
        Err(MetricsOutOfReach(format!(
            "CloudWatch refuses: HTTP {status} {code} {message}"
        )))
    }

    async fn signed(
        &self,
        body: String,
        now: SystemTime,
    ) -> Result<HttpRequest, MetricsOutOfReach> {
        let credentials = self.credentials.as_ref();
        let credentials = credentials.ok_or_else(|| out_of_reach("There are no credentials"))?;
        let found = credentials.provide_credentials().await;
        let found = found.map_err(|_| out_of_reach("There are no credentials"))?;
        let identity: Identity = found.into();
        let unsigned = || out_of_reach("The request for metrics cannot be signed");
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unsigned())?
            .into();
        let headers = [
            ("content-type", CONTENT_TYPE),
            ("x-amz-target", GET_METRIC_DATA),
        ];
        let bytes = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", &self.url, headers.into_iter(), bytes);
        let signed = sign(signable.map_err(|_| unsigned())?, &parameters);
        let (instructions, _) = signed.map_err(|_| unsigned())?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body.as_str()));
        request.set_method("POST").map_err(|_| unsigned())?;
        request.set_uri(self.url.as_str()).map_err(|_| unsigned())?;
        let all = request.headers_mut();
        all.insert("content-length", body.len().to_string());
        for (name, value) in headers {
            all.insert(name, value);
        }
        for (name, value) in instructions.headers() {
            all.insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}

fn out_of_reach(text: &str) -> MetricsOutOfReach {
    MetricsOutOfReach(text.to_owned())
}

/// What the addresses of a Region's partition end with.
fn suffix(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        Some(_) | None => "amazonaws.com",
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_types::SdkConfig;
    use aws_types::region::Region;

    use super::*;

    fn cloudwatch(region: &'static str) -> CloudWatch {
        let credentials = Credentials::from_keys("AKIDEXAMPLE", "secret", Some("token".to_owned()));
        let config = SdkConfig::builder()
            .region(Region::from_static(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        CloudWatch::new(&config)
    }

    #[tokio::test]
    async fn a_request_is_signed_for_its_region_and_says_what_it_asks_for() {
        let now: Timestamp = "2026-11-29T10:00:00Z".parse().expect("a time");
        let cloudwatch = cloudwatch("eu-west-1");
        let requested = cloudwatch.signed("{}".to_owned(), now.into());
        let request = requested.await.expect("it is signed");
        assert_eq!(request.uri(), "https://monitoring.eu-west-1.amazonaws.com/");
        let header = |name| request.headers().get(name).unwrap_or_default();
        assert_eq!(header("x-amz-target"), GET_METRIC_DATA);
        assert_eq!(header("x-amz-date"), "20261129T100000Z");
        assert_eq!(header("x-amz-security-token"), "token");
        let signature = header("authorization");
        let scope = "Credential=AKIDEXAMPLE/20261129/eu-west-1/monitoring/aws4_request";
        assert!(signature.contains(scope), "{signature}");
        let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
        assert!(signature.contains(signed), "{signature}");
    }

    #[test]
    fn each_partition_has_addresses_of_its_own() {
        for (region, url) in [
            (
                "cn-north-1",
                "https://monitoring.cn-north-1.amazonaws.com.cn/",
            ),
            (
                "eusc-de-east-1",
                "https://monitoring.eusc-de-east-1.amazonaws.eu/",
            ),
            (
                "us-gov-west-1",
                "https://monitoring.us-gov-west-1.amazonaws.com/",
            ),
        ] {
            assert_eq!(cloudwatch(region).url, url);
        }
    }
}
