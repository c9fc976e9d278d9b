//! KMS: what is encrypted comes back to whoever names the same key and context, and to nobody else.

use std::path::PathBuf;

use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use local::names::{PASSWORD_KEY, password_key_arn};
use local::{Durability, LocalClock, LocalCloud};

use crate::{cloud, config};

fn kms(cloud: &LocalCloud) -> Client {
    Client::new(&config(cloud))
}

async fn encrypted(cloud: &LocalCloud, plaintext: &str) -> Blob {
    let sent = kms(cloud)
        .encrypt()
        .key_id(PASSWORD_KEY)
        .encryption_context("account", "7001")
        .encryption_context("user", "shop")
        .plaintext(Blob::new(plaintext))
        .send();
    let answer = sent.await.expect("it is encrypted");
    assert_eq!(answer.key_id(), Some(password_key_arn().as_str()));
    answer.ciphertext_blob.expect("a ciphertext")
}

/// The plaintext, or the name of the error.
async fn decrypted(cloud: &LocalCloud, blob: &Blob, user: &str) -> Result<String, String> {
    let sent = kms(cloud)
        .decrypt()
        .key_id(password_key_arn())
        .encryption_context("account", "7001")
        .encryption_context("user", user)
        .ciphertext_blob(blob.clone())
        .send();
    match sent.await {
        Ok(answer) => {
            let plaintext = answer.plaintext.expect("a plaintext").into_inner();
            Ok(String::from_utf8(plaintext).expect("text"))
        }
        Err(error) => Err(error.code().unwrap_or_default().to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_encrypted_is_bound_to_its_context() {
    let cloud = cloud();
    let blob = encrypted(&cloud, "open sesame").await;
    assert_eq!(
        decrypted(&cloud, &blob, "shop").await.as_deref(),
        Ok("open sesame")
    );
    let invalid = Err("InvalidCiphertextException".to_owned());
    assert_eq!(decrypted(&cloud, &blob, "other").await, invalid);
    let mut altered = blob.clone().into_inner();
    altered[20] ^= 1;
    assert_eq!(
        decrypted(&cloud, &Blob::new(altered), "shop").await,
        invalid
    );
    assert_eq!(
        decrypted(&cloud, &Blob::new("short"), "shop").await,
        invalid
    );
    let is_hidden = |blob: &Blob| !blob.as_ref().windows(4).any(|part| part == b"open");
    assert!(is_hidden(&blob));
    assert_ne!(
        encrypted(&cloud, "open sesama").await.as_ref()[..12],
        blob.as_ref()[..12]
    );
    let used = cloud.usage().counts();
    assert_eq!(used.used(local::Service::Kms, "Encrypt").billed, 2.0);
    assert_eq!(cloud.refused(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn other_keys_and_other_operations_are_refused() {
    let cloud = cloud();
    let other = kms(&cloud)
        .encrypt()
        .key_id("alias/other")
        .plaintext(Blob::new("x"))
        .send();
    let error = other.await.expect_err("no such key").into_service_error();
    assert!(error.is_not_found_exception(), "{error:?}");
    let empty = kms(&cloud)
        .encrypt()
        .key_id(PASSWORD_KEY)
        .plaintext(Blob::new(""))
        .send();
    let error = empty.await.expect_err("too short");
    assert_eq!(error.code(), Some("ValidationException"));
    assert_eq!(cloud.refused(), Vec::<String>::new());
    let key = kms(&cloud).create_key().send().await;
    assert!(key.is_err());
    let grants = kms(&cloud)
        .decrypt()
        .grant_tokens("token")
        .ciphertext_blob(Blob::new("x"))
        .send();
    assert!(grants.await.is_err());
    let refused = cloud.refused();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("KMS CreateKey"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_in_a_folder_outlives_its_cloud_and_is_its_own() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("keys");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("a clean folder");
    }
    let opened = || {
        let clock = LocalClock::frozen_at(crate::NINE.parse().expect("a time"));
        LocalCloud::in_folder(&folder, Durability::ProcessDeath, clock).expect("a cloud")
    };
    let blob = encrypted(&opened(), "open sesame").await;
    assert_eq!(
        decrypted(&opened(), &blob, "shop").await.as_deref(),
        Ok("open sesame")
    );
    assert!(
        decrypted(&cloud(), &blob, "shop").await.is_err(),
        "another key"
    );
}
