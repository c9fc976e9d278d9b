//! Secrets in Secrets Manager, where their owner creates and rotates them.
//!
//! They are read by their ARN and never written. A function's role may read those that the template
//! names.

use aws_sdk_secretsmanager::Client;

use crate::aws::encrypted_password::Password;
use crate::aws::lazy_client::LazyClient;
use crate::error::Error;

/// The client, created when it is first needed: most stacks have no backend.
pub(crate) struct Secrets(LazyClient<Client>);

impl Secrets {
    pub(crate) fn new(config: &aws_types::SdkConfig) -> Self {
        let config = config.clone();
        Self(LazyClient::new(move || Client::new(&config)))
    }

    /// The text of a secret's current version. A secret that does not exist, or that the role may
    /// not read, is an error like a service that does not answer: its owner can correct each of
    /// them.
    pub(crate) async fn read(&self, arn: &str) -> Result<Password, Error> {
        let request = self.0.get().get_secret_value().secret_id(arn);
        let answer = request.send().await.map_err(|error| Error::Secret {
            operation: "GetSecretValue",
            source: error.into(),
        })?;
        answer
            .secret_string
            .map(Password::of)
            .ok_or_else(|| Error::Secret {
                operation: "GetSecretValue",
                source: "it holds bytes, and no text".into(),
            })
    }
}
