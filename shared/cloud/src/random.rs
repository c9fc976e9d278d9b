//! Ids, secrets, and numbers for pauses: random, or in tests from a seed, so that the same seed
//! gives the same run.

use std::sync::Arc;

use calls::RequestId;
use uuid::Uuid;

/// A source of ids that cannot be guessed.
#[derive(Clone)]
pub struct Random(Arc<dyn Fn() -> u128 + Send + Sync>);

impl Random {
    /// From the system's randomness.
    pub fn system() -> Self {
        Self(Arc::new(|| Uuid::new_v4().as_u128()))
    }

    pub fn from_fn(draw: impl Fn() -> u128 + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// A GUID, lower case.
    pub fn guid(&self) -> String {
        uuid::Builder::from_random_bytes((self.0)().to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// A number below `bound`; 0 below 0.
    pub fn below(&self, bound: u64) -> u64 {
        let number = (self.0)().checked_rem(u128::from(bound));
        number
            .and_then(|number| u64::try_from(number).ok())
            .unwrap_or(0)
    }

    pub fn request_id(&self) -> RequestId {
        RequestId(self.guid())
    }

    /// A new secret that signs callbacks: 256 random bits, as 43 bytes, written in the form of
    /// Standard Webhooks.
    pub fn webhook_secret(&self) -> String {
        use base64::Engine;
        let bytes = self.token();
        format!(
            "whsec_{}",
            base64::engine::general_purpose::STANDARD.encode(bytes)
        )
    }

    /// A token of 256 bits, URL-safe.
    pub fn token(&self) -> String {
        use base64::Engine;
        let mut bytes = (self.0)().to_be_bytes().to_vec();
        bytes.extend((self.0)().to_be_bytes());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }
}
