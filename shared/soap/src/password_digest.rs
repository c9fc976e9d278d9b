//! WS-Security's PasswordDigest: Base64(SHA-1(nonce + Created + password)).
//!
//! Whether a digest is right is decided here; that a nonce is used only once, and whose password it
//! is, is decided where both are stored.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::{SignedDuration, Timestamp};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use crate::time::read_utc_date_time;

/// How far Created may be from our clock, before and behind it. The figure that the standard's
/// UsernameToken profile proposes.
pub const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// Longest nonce: clients send 16 or 20 bytes, and each that was right is kept for some minutes.
const NONCE_BYTES_MAX: usize = 128;

/// Senders differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A UsernameToken with PasswordDigest, as it stands in the envelope; what is absent is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordDigest {
    pub username: String,
    /// Base64.
    pub digest: String,
    /// Base64; the digest is over the bytes behind it.
    pub nonce: String,
    /// The digest is over this text, exactly as sent.
    pub created: String,
}

/// Kept out of logs, since the password could be found from it by trying.
impl fmt::Debug for PasswordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordDigest({:?}, ..)", self.username)
    }
}

impl PasswordDigest {
    /// The bytes of the nonce, whatever their spelling; `None` if it is missing, too long or not
    /// Base64.
    pub fn nonce_bytes(&self) -> Option<Vec<u8>> {
        decoded(&self.nonce).filter(|nonce| !nonce.is_empty() && nonce.len() <= NONCE_BYTES_MAX)
    }

    /// Whether it was made just now. Without Created it was not.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        read_utc_date_time(&self.created)
            .is_some_and(|created| created.duration_since(now).abs() <= FRESH)
    }

    /// Whether it was made from that password. Takes the same time for a wrong one.
    pub fn is_of(&self, password: &str) -> bool {
        let (Some(nonce), Some(digest)) = (self.nonce_bytes(), decoded(&self.digest)) else {
            return false;
        };
        let mut hasher = Sha1::new();
        hasher.update(nonce);
        hasher.update(&self.created);
        hasher.update(password);
        hasher.finalize().as_slice().ct_eq(&digest).into()
    }
}

/// Line breaks in it do not count: Base64 of mail programs has them.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text
        .chars()
        .filter(|letter| !letter.is_ascii_whitespace())
        .collect();
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As zeep sent it: tests/envelopes/zeep-digest.xml.
    fn sent() -> PasswordDigest {
        PasswordDigest {
            username: "u".to_owned(),
            digest: "Xb2wfuVLWLHMcAZTJOgjATo2aDQ=".to_owned(),
            nonce: "xFKUDM2pDwWGNf+1InHmGg==".to_owned(),
            created: "2026-11-21T09:34:51+00:00".to_owned(),
        }
    }

    #[test]
    fn it_is_of_its_password_and_of_no_other() {
        assert!(sent().is_of("p"));
        assert!(!sent().is_of("q"));
        assert!(!sent().is_of(""));
        let changed = |change: fn(&mut PasswordDigest)| {
            let mut changed = sent();
            change(&mut changed);
            changed.is_of("p")
        };
        assert!(!changed(|it| it.created = "2026-11-21T09:34:51Z".to_owned()));
        assert!(!changed(
            |it| it.nonce = "xFKUDM2pDwWGNf+1InHmGw==".to_owned()
        ));
        assert!(!changed(|it| it.digest = String::new()));
        assert!(!changed(|it| it.digest = "not Base64!".to_owned()));
        assert!(!changed(|it| it.nonce = "not Base64!".to_owned()));
        assert!(!changed(|it| it.nonce = String::new()));
    }

    #[test]
    fn a_nonce_is_its_bytes_whatever_their_spelling() {
        let nonce = |text: &str| {
            let nonce = text.to_owned();
            PasswordDigest { nonce, ..sent() }.nonce_bytes()
        };
        assert_eq!(nonce("AAEC"), Some(vec![0, 1, 2]));
        assert_eq!(nonce("AA\nEC "), Some(vec![0, 1, 2]));
        assert_eq!(nonce("AAE="), Some(vec![0, 1]));
        assert_eq!(nonce("AAE"), Some(vec![0, 1]));
        assert_eq!(nonce("AAF"), Some(vec![0, 1]), "bits that no byte has");
        assert_eq!(nonce(""), None);
        assert_eq!(nonce("%"), None);
        assert_eq!(nonce(&"AAAA".repeat(43)), None);
    }

    #[test]
    fn it_is_fresh_for_five_minutes_before_and_behind() {
        for (created, fresh) in [
            ("2026-11-21T09:34:51+00:00", true),
            ("2026-11-21T09:29:51Z", true),
            ("2026-11-21T09:29:50.999Z", false),
            ("2026-11-21T09:39:51Z", true),
            ("2026-11-21T09:39:51.001Z", false),
            ("2026-11-21T03:34:51-06:00", true),
            ("2026-11-21T09:34:51", true),
            ("2026-11-21T03:34:51", false),
            ("0001-01-01T00:00:00Z", false),
            ("9999-12-31T23:59:59Z", false),
            ("now", false),
            ("", false),
        ] {
            let created = created.to_owned();
            let digest = PasswordDigest { created, ..sent() };
            let now = "2026-11-21T09:34:51Z".parse().expect("a time");
            assert_eq!(digest.is_fresh(now), fresh, "{}", digest.created);
        }
    }

    #[test]
    fn it_is_not_logged() {
        assert_eq!(format!("{:?}", sent()), "PasswordDigest(\"u\", ..)");
    }
}
