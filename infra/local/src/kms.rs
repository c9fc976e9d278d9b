//! KMS: one symmetric key that encrypts and decrypts.
//!
//! As in AWS, a ciphertext is bound to its encryption context, and an altered one is refused. In
//! memory the key is always the same, so that two runs of a test are the same.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws_request::AwsRequest;
use crate::failure::WireFailure;
use crate::held;
use crate::names::{PASSWORD_KEY, password_key_arn};

/// Longest plaintext. AWS's figure.
const PLAINTEXT_BYTES_MAX: usize = 4_096;

const KEY_BYTES: usize = 32;

/// The one key there is. Clones share it.
#[derive(Clone)]
pub struct Kms(Arc<Mutex<[u8; KEY_BYTES]>>);

impl Default for Kms {
    fn default() -> Self {
        Self(Arc::new(Mutex::new([7; KEY_BYTES])))
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kms")
    }
}

/// A request; members that are not listed do not exist here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Encrypt {
    key_id: String,
    plaintext: String,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    encryption_algorithm: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Decrypt {
    key_id: Option<String>,
    ciphertext_blob: String,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    encryption_algorithm: Option<String>,
}

impl Kms {
    /// Takes the key from this file, or makes a new one and keeps it there.
    pub(crate) fn keep_in(&self, file: &Path) -> anyhow::Result<()> {
        let mut key = [0; KEY_BYTES];
        if file.exists() {
            let stored = std::fs::read(file)?;
            key = stored
                .try_into()
                .map_err(|_| anyhow::anyhow!("{} holds no key", file.display()))?;
        } else {
            let random = SystemRandom::new();
            random
                .fill(&mut key)
                .map_err(|_| anyhow::anyhow!("no randomness for a key"))?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(file)?;
            file.write_all(&key)?;
            file.sync_all()?;
        }
        *held(&self.0) = key;
        Ok(())
    }

    /// Answers one request of AWS's JSON protocol.
    pub(crate) fn answer(&self, aws_request: &AwsRequest) -> Result<Value, WireFailure> {
        match aws_request.operation.as_str() {
            "Encrypt" => self.encrypt(read(aws_request)?),
            "Decrypt" => self.decrypt(read(aws_request)?),
            other => Err(WireFailure::not_built(format!("KMS {other}"))),
        }
    }

    fn encrypt(&self, aws_request: Encrypt) -> Result<Value, WireFailure> {
        check_key(&aws_request.key_id)?;
        check_algorithm(aws_request.encryption_algorithm.as_deref())?;
        let mut bytes = decoded(&aws_request.plaintext)?;
        if bytes.is_empty() || bytes.len() > PLAINTEXT_BYTES_MAX {
            let message = format!("Plaintext must have 1 to {PLAINTEXT_BYTES_MAX} bytes.");
            return Err(WireFailure::new(400, "ValidationException", message));
        }
        let context = context_bytes(&aws_request.encryption_context);
        let (key, nonce) = self.key_and_nonce(&context, &bytes)?;
        let encrypted = key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&context),
            &mut bytes,
        );
        encrypted.map_err(|_| internal())?;
        let blob = [nonce.as_slice(), &bytes].concat();
        Ok(json!({
            "CiphertextBlob": STANDARD.encode(blob),
            "KeyId": password_key_arn(),
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }))
    }

    fn decrypt(&self, aws_request: Decrypt) -> Result<Value, WireFailure> {
        check_algorithm(aws_request.encryption_algorithm.as_deref())?;
        if let Some(key) = &aws_request.key_id {
            check_key(key)?;
        }
        let altered = || WireFailure::new(400, "InvalidCiphertextException", "");
        let blob = decoded(&aws_request.ciphertext_blob)?;
        let (nonce, encrypted) = blob.split_at_checked(NONCE_LEN).ok_or_else(altered)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| altered())?;
        let mut bytes = encrypted.to_vec();
        let context = context_bytes(&aws_request.encryption_context);
        let opened = self
            .key()?
            .open_in_place(nonce, Aad::from(&context), &mut bytes)
            .map_err(|_| altered())?;
        Ok(json!({
            "Plaintext": STANDARD.encode(opened),
            "KeyId": password_key_arn(),
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }))
    }

    fn key(&self) -> Result<LessSafeKey, WireFailure> {
        let key = UnboundKey::new(&AES_256_GCM, held(&self.0).as_slice());
        Ok(LessSafeKey::new(key.map_err(|_| internal())?))
    }

    /// The nonce is made from the plaintext and its context: no two share one, and two runs of a
    /// test are the same.
    fn key_and_nonce(
        &self,
        context: &[u8],
        plaintext: &[u8],
    ) -> Result<(LessSafeKey, [u8; NONCE_LEN]), WireFailure> {
        let mut hashing = {
            let key = hmac::Key::new(hmac::HMAC_SHA256, held(&self.0).as_slice());
            hmac::Context::with_key(&key)
        };
        hashing.update(context);
        hashing.update(plaintext);
        let mut nonce = [0; NONCE_LEN];
        for (byte, made) in nonce.iter_mut().zip(hashing.sign().as_ref()) {
            *byte = *made;
        }
        Ok((self.key()?, nonce))
    }
}

fn read<'a, T: Deserialize<'a>>(aws_request: &'a AwsRequest) -> Result<T, WireFailure> {
    T::deserialize(&aws_request.json)
        .map_err(|error| WireFailure::unreadable(&aws_request.operation, &error))
}

fn decoded(text: &str) -> Result<Vec<u8>, WireFailure> {
    let malformed = |_| WireFailure::new(400, "SerializationException", "not Base64");
    STANDARD.decode(text).map_err(malformed)
}

/// Lengths first, so that no two contexts meet.
fn context_bytes(context: &BTreeMap<String, String>) -> Vec<u8> {
    let part = |part: &String| format!("{} {part}", part.len());
    let pairs = context
        .iter()
        .flat_map(|(name, value)| [part(name), part(value)]);
    pairs.collect::<String>().into_bytes()
}

/// By its id or its ARN.
fn check_key(key: &str) -> Result<(), WireFailure> {
    let arn = password_key_arn();
    if key == PASSWORD_KEY || key == arn {
        return Ok(());
    }
    let message = format!("Key '{key}' does not exist");
    Err(WireFailure::new(400, "NotFoundException", message))
}

fn check_algorithm(algorithm: Option<&str>) -> Result<(), WireFailure> {
    match algorithm {
        None | Some("SYMMETRIC_DEFAULT") => Ok(()),
        Some(other) => Err(WireFailure::not_built(format!("KMS with {other}"))),
    }
}

fn internal() -> WireFailure {
    WireFailure::new(500, "KMSInternalException", "the local key does not work")
}
