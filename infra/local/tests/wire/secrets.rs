//! Secrets Manager: the current version of a secret, by its ARN or its name, and nothing else.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use local::LocalCloud;
use local::secrets::secret_arn;

use crate::{cloud, config};

fn secrets(cloud: &LocalCloud) -> Client {
    Client::new(&config(cloud))
}

/// The text, or the name of the error.
async fn read(cloud: &LocalCloud, id: &str) -> Result<String, String> {
    match secrets(cloud).get_secret_value().secret_id(id).send().await {
        Ok(answer) => Ok(answer.secret_string.unwrap_or_default()),
        Err(error) => Err(error.code().unwrap_or_default().to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_as_it_is_now() {
    let cloud = cloud();
    for text in ["first", "second"] {
        cloud.secrets().put("backend/mc", text);
        for id in ["backend/mc", &secret_arn("backend/mc")] {
            assert_eq!(read(&cloud, id).await.as_deref(), Ok(text));
        }
    }
    let missing = Err("ResourceNotFoundException".to_owned());
    assert_eq!(read(&cloud, "backend/other").await, missing);
    assert!(cloud.refused().is_empty());
    let used = cloud.usage().counts();
    let used = used.used(local::Service::SecretsManager, "GetSecretValue");
    assert!((used.billed - 4.0).abs() < f64::EPSILON, "{used:?}");
}

#[tokio::test(start_paused = true)]
async fn other_operations_are_refused() {
    let cloud = cloud();
    cloud.secrets().put("mc", "text");
    let client = secrets(&cloud);
    let listed = client.list_secrets().send().await;
    assert!(listed.is_err());
    let staged = client
        .get_secret_value()
        .secret_id("mc")
        .version_stage("AWSPREVIOUS");
    assert!(staged.send().await.is_err());
    assert_eq!(cloud.refused().len(), 2, "{:?}", cloud.refused());
}
