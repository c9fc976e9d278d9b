//! How a function speaks to AWS: region, credentials and endpoints as the platform tells it them.
//!
//! A function's role comes in environment variables that stay good for as long as its process
//! lives. The chain of providers that a developer's machine needs (profiles, sign-in, roles to
//! assume) is left out, and with it the files it looks for and the client of the token service,
//! at every cold start.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::settings::SettingMissing;

/// What every AWS client is built from.
#[expect(
    clippy::disallowed_methods,
    reason = "the platform's own variables, which the template cannot set"
)]
pub(crate) fn from_environment(http: SharedHttpClient) -> Result<SdkConfig, SettingMissing> {
    read(http, |name| std::env::var(name).ok())
}

fn read(
    http: SharedHttpClient,
    variable: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static,
) -> Result<SdkConfig, SettingMissing> {
    let needed = |name: &'static str| variable(name).ok_or(SettingMissing(name));
    let credentials = Credentials::new(
        needed("AWS_ACCESS_KEY_ID")?,
        needed("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(needed("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .retry_config(RetryConfig::standard())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .service_config(Endpoints(variable.clone()));
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    Ok(config.build())
}

/// `AWS_ENDPOINT_URL_SQS` and the like, which go before `AWS_ENDPOINT_URL`: for local clouds that
/// have a server of its own for a service.
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
        let config = read(crate::callback::https_client(), variables).expect("all there");
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

    #[test]
    fn what_is_missing_is_named() {
        let without = |name: &str| variables(name).filter(|_| name != "AWS_REGION");
        let error = read(crate::callback::https_client(), without).expect_err("no region");
        assert!(error.to_string().contains("AWS_REGION"), "{error}");
    }
}
