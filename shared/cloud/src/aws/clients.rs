//! The connection of a function to AWS: region, credentials and endpoints from the platform, and
//! the trusted certificates.
//!
//! The credentials of a function's role are environment variables that are valid as long as its
//! process lives. The chain of providers for a developer's machine (profiles, sign-in, roles to
//! assume) is left out, and with it the files that it reads and the client of the token service, at
//! every cold start.

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::aws::trust::Trusting;
use crate::outbound::callback::TLS;
use crate::settings::SettingMissing;

/// The authorities of AWS's certificates: Amazon's own. The first of them expires at the end of
/// 2037.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// Variables that mean that another server may answer, or that name other certificates. The
/// variable of a service's endpoint has the name of the service.
const OTHERS_MAY_ANSWER: [&str; 11] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SCHEDULER",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SESV2",
    "AWS_ENDPOINT_URL_SQS",
];

/// Prefixes of the regions whose endpoints have certificates of Amazon's own authorities.
const AMAZONS_CONTINENTS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

/// Longest wait for an answer before the request is sent again, which the SDK does twice. By
/// default the SDK limits only the time for connecting, and waits without limit for a server that
/// accepts a request and never answers. An answer takes some 10 ms. Three such waits with the
/// pauses in between are 16 s, and the shortest time that a function has is 28 s.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(5);

/// The configuration of all AWS clients.
#[expect(
    clippy::disallowed_methods,
    reason = "the platform's own variables, which the template cannot set"
)]
pub(crate) fn from_environment() -> Result<SdkConfig, SettingMissing> {
    read(|name| std::env::var(name).ok())
}

pub(crate) fn read(
    variable: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static,
) -> Result<SdkConfig, SettingMissing> {
    let needed = |name: &'static str| variable(name).ok_or(SettingMissing(name));
    let is_on = |name| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let region = needed("AWS_REGION")?;
    let credentials = Credentials::new(
        needed("AWS_ACCESS_KEY_ID")?,
        needed("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_MAX);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(https_client(trusted(&region, &variable)))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts.build())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(Endpoints(variable.clone()));
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    Ok(config.build())
}

/// The certificates that a function trusts for AWS. Reading all that the system trusts - about 150
/// authorities, in a file and again in its folder - takes a cold function longer than everything
/// else before its first event; five are enough for AWS.
fn trusted(region: &str, variable: impl Fn(&str) -> Option<String>) -> TrustStore {
    let others_may_answer = OTHERS_MAY_ANSWER
        .iter()
        .any(|name| variable(name).is_some());
    let continent = region.split('-').next().unwrap_or_default();
    // Regions such as `us-iso-east-1` are separate networks.
    let is_amazons = AMAZONS_CONTINENTS.contains(&continent) && !region.contains("-iso");
    if others_may_answer || !is_amazons {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    }
}

/// The HTTP connector of all clients, created with the first request. With the SDK's own kind,
/// every client would create one more, only to check that it can.
fn https_client(trust: TrustStore) -> SharedHttpClient {
    let connector = OnceLock::new();
    http_client_fn(move |settings, components| {
        let connector = connector.get_or_init(|| {
            let (settings, sleep) = (settings.clone(), components.sleep_impl());
            let connectors = move |trust| connector_with(trust, &settings, sleep.clone());
            SharedHttpConnector::new(Trusting::new(&trust, TrustStore::default(), connectors))
        });
        SharedHttpConnector::clone(connector)
    })
}

/// The same with a connector, and so connections, of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "the platform's own variables, which the template cannot set"
)]
pub(crate) fn new_https_client() -> SharedHttpClient {
    let variable = |name: &str| std::env::var(name).ok();
    https_client(trusted(
        &variable("AWS_REGION").unwrap_or_default(),
        variable,
    ))
}

fn connector_with(
    trust: TrustStore,
    settings: &HttpConnectorSettings,
    sleep: Option<SharedAsyncSleep>,
) -> SharedHttpConnector {
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let mut builder = Connector::builder().connector_settings(settings.clone());
    builder.set_sleep_impl(sleep);
    let builder = builder.tls_provider(TLS);
    SharedHttpConnector::new(builder.tls_context(tls.unwrap_or_default()).build())
}

/// `AWS_ENDPOINT_URL_SQS` and the like, which take precedence over `AWS_ENDPOINT_URL`: for local
/// clouds with a separate server for a service.
struct Endpoints<V>(V);

impl<V> std::fmt::Debug for Endpoints<V> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Endpoints")
    }
}

impl<V: Fn(&str) -> Option<String> + Send + Sync> LoadServiceConfig for Endpoints<V> {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        (self.0)(&format!("{}_{service}", key.env()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::provider::ProvideCredentials;
    use aws_sdk_kms::error::SdkError;
    use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};
    use std::sync::{Arc, Mutex};

    fn variables(name: &str) -> Option<String> {
        let value = match name {
            "AWS_REGION" => "eu-west-1",
            "AWS_ACCESS_KEY_ID" => "id",
            "AWS_SECRET_ACCESS_KEY" => "secret",
            "AWS_SESSION_TOKEN" => "session",
            "AWS_ENDPOINT_URL" => "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_SESV2" => "http://127.0.0.1:2",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[tokio::test]
    async fn region_role_and_endpoints_come_from_the_environment() {
        let config = read(variables).expect("all there");
        assert_eq!(config.region(), Some(&Region::from_static("eu-west-1")));
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        let credentials = config.credentials_provider().expect("given");
        let credentials = credentials.provide_credentials().await.expect("at hand");
        assert_eq!(credentials.access_key_id(), "id");
        assert_eq!(credentials.session_token(), Some("session"));

        let of = |service: &'static str| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build();
            let services = config.service_config().expect("given");
            services.load_config(key.expect("complete"))
        };
        assert_eq!(of("SESv2").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(of("SQS"), None, "it goes where all go");
    }

    /// Accepts every request and never answers.
    #[derive(Debug)]
    struct Hung;

    impl HttpConnector for Hung {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_an_answer_times_out() {
        let hung = SharedHttpConnector::new(Hung);
        let client = http_client_fn(move |_, _| hung.clone());
        let config = read(variables).expect("all there").into_builder();
        let client = aws_sdk_kms::Client::new(&config.http_client(client).build());
        let start = tokio::time::Instant::now();
        let error = client.list_keys().send().await.expect_err("no answer");
        assert!(matches!(error, SdkError::TimeoutError(_)), "{error:?}");
        let waiting = start.elapsed() - 3 * ATTEMPT_MAX;
        assert!(waiting < Duration::from_secs(4), "{waiting:?} between them");
    }

    /// Returns the host that was requested.
    #[derive(Debug, Clone, Default)]
    struct RequestedHosts(Arc<Mutex<Vec<String>>>);

    impl HttpConnector for RequestedHosts {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let host = request.uri().split('/').nth(2).unwrap_or_default();
            self.0.lock().expect("whole").push(host.to_owned());
            HttpConnectorFuture::ready(Err(ConnectorError::user("asked".into())))
        }
    }

    async fn requested_hosts(set: &'static [(&'static str, &'static str)]) -> Vec<String> {
        let requested = RequestedHosts::default();
        let variable = move |name: &str| {
            let found = set.iter().find(|(set, _)| *set == name);
            let found = found.map(|(_, value)| (*value).to_owned());
            found.or_else(|| variables(name).filter(|_| !name.starts_with("AWS_ENDPOINT")))
        };
        let connector = SharedHttpConnector::new(requested.clone());
        let client = http_client_fn(move |_, _| connector.clone());
        let config = read(variable).expect("all there").into_builder();
        let config = config.http_client(client).build();
        let table = crate::aws::lean_clients::dynamodb(&config);
        let table = table.get_item().table_name("t").send().await;
        let queue = crate::aws::lean_clients::sqs(&config);
        let queue = queue.receive_message().queue_url("q").send().await;
        assert!(table.is_err() && queue.is_err(), "they were only asked");
        requested.0.lock().expect("whole").clone()
    }

    #[tokio::test]
    async fn fips_and_dual_stack_endpoints_are_used_where_configured() {
        let plain = requested_hosts(&[("AWS_USE_FIPS_ENDPOINT", "false")]).await;
        let expected = [
            "dynamodb.eu-west-1.amazonaws.com",
            "sqs.eu-west-1.amazonaws.com",
        ];
        assert_eq!(plain, expected);
        let fips = requested_hosts(&[("AWS_USE_FIPS_ENDPOINT", "true")]).await;
        assert!(fips.iter().all(|host| host.contains("-fips.")), "{fips:?}");
        let both = requested_hosts(&[("AWS_USE_DUALSTACK_ENDPOINT", "TRUE")]).await;
        assert!(
            both.iter().all(|host| host.ends_with(".api.aws")),
            "{both:?}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = |name: &str| variables(name).filter(|_| name != "AWS_REGION");
        let error = read(without).expect_err("no region");
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
    }

    fn trusts_amazon_alone(region: &str, set: &[&str]) -> bool {
        let variable = |name: &str| set.contains(&name).then(String::new);
        let roots = format!("{:?}", trusted(region, variable));
        roots.contains("enable_native_roots: false")
    }

    #[test]
    fn what_amazon_vouches_for_is_aws_and_nothing_else() {
        for region in ["us-east-1", "eu-central-2", "us-gov-west-1", "mx-central-1"] {
            assert!(trusts_amazon_alone(region, &[]), "{region}");
        }
        for region in ["cn-north-1", "us-iso-east-1", "eusc-de-east-1", ""] {
            assert!(!trusts_amazon_alone(region, &[]), "{region}");
        }
        for name in OTHERS_MAY_ANSWER {
            assert!(!trusts_amazon_alone("us-east-1", &[name]), "{name}");
        }
    }

    /// A connector with roots that it cannot read ends the process.
    #[test]
    fn amazons_roots_can_be_read() {
        let trust = trusted("us-east-1", |_| None);
        let tls = TlsContext::builder().with_trust_store(trust).build();
        let builder = Connector::builder().tls_provider(TLS);
        let connector = builder.tls_context(tls.expect("complete")).build();
        assert!(format!("{connector:?}").contains("Connector"));
    }

    /// SHA-256 of each certificate, as <https://www.amazontrust.com/repository/> names them.
    #[test]
    fn the_roots_are_those_that_amazon_publishes() {
        let pem = String::from_utf8_lossy(AMAZON_ROOTS);
        let certificates = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
        let fingerprint = |certificate: &str| {
            let base64 = certificate.split("-----END").next().unwrap_or_default();
            let base64: String = base64.split_whitespace().collect();
            let der = BASE64_STANDARD.decode(base64).expect("Base64");
            let digest = Sha256::digest(der);
            calls::hex(&digest)
        };
        let fingerprints: Vec<String> = certificates.map(fingerprint).collect();
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        assert_eq!(fingerprints, published);
    }
}
