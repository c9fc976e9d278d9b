//! The links by which readers of mails unsubscribe with one click (RFC 8058). They name a
//! subscriber and the mail, and are signed with a key of the account, so that they cannot be
//! forged.
//!
//! The key is derived from the account's webhook secret: a new secret makes the links of earlier
//! mails invalid.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use objects::Recipient;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::records::mail_record::MailTag;

/// Longest link. A header line has at most 998 characters (RFC 5322), and a link cannot be folded.
const LINK_BYTES_MAX: usize = 950;

/// Longest token that is parsed: no valid token is longer.
const TOKEN_BYTES_MAX: usize = LINK_BYTES_MAX;

/// A prefix of the signed text, so that no signature for another purpose is valid here.
const PURPOSE: &[u8] = b"aftercall unsubscribe\n";

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(flatten)]
    recipient: Recipient,
    #[serde(rename = "m")]
    tag: String,
}

/// A token that was parsed but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubscribeToken {
    pub recipient: Recipient,
    pub tag: MailTag,
    signed: String,
    signature: Vec<u8>,
}

/// The link of a mail. `None`: it would be longer than a header line.
pub fn link(base: &str, secret: &str, recipient: &Recipient, tag: &MailTag) -> Option<String> {
    let claims = Claims {
        recipient: recipient.clone(),
        tag: tag.to_string(),
    };
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).ok()?);
    let signature = URL_SAFE_NO_PAD.encode(mac(secret, &claims)?.finalize().into_bytes());
    let link = format!("{base}{claims}.{signature}");
    (link.len() <= LINK_BYTES_MAX).then_some(link)
}

impl UnsubscribeToken {
    /// `None`: it does not have the form of a token.
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.split_once('.')?;
        let claims = URL_SAFE_NO_PAD.decode(signed).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        Some(Self {
            recipient: claims.recipient,
            tag: MailTag::parse(&claims.tag)?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Whether the account that it names has signed it.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        // Compared in constant time.
        mac(secret, &self.signed).is_some_and(|mac| mac.verify_slice(&self.signature).is_ok())
    }
}

fn mac(secret: &str, signed: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(PURPOSE);
    mac.update(signed.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use calls::AccountId;

    use super::*;

    const BASE: &str = "https://aftercall.example.net/unsubscribe/";

    fn recipient(subscriber_key: &str) -> Recipient {
        Recipient {
            account: AccountId("7001".to_owned()),
            subscriber_account: AccountId("7001".to_owned()),
            subscriber_key: subscriber_key.to_owned(),
            send_id: 7,
            definition_object_id: "00000007-0000-8000-a000-000000000000".to_owned(),
        }
    }

    fn tag() -> MailTag {
        MailTag::parse("0a1b_1_2").expect("a tag")
    }

    #[test]
    fn a_link_leads_to_its_subscriber_and_mail_and_only_the_account_can_have_made_it() {
        let ann = recipient("ann#\u{e9}@example.com");
        let link = link(BASE, "whsec_a", &ann, &tag()).expect("a link");
        let token = link.strip_prefix(BASE).expect("the base");
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(token.bytes().all(allowed), "{token}");
        let read = UnsubscribeToken::read(token).expect("a token");
        assert_eq!((&read.recipient, &read.tag), (&ann, &tag()));
        assert!(read.is_signed_with("whsec_a"));
        assert!(!read.is_signed_with("whsec_b"));
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_not_signed() {
        let link = link(BASE, "whsec_a", &recipient("ann"), &tag()).expect("a link");
        let token = link.strip_prefix(BASE).expect("the base");
        for at in 0..token.len() {
            let mut other = token.as_bytes().to_vec();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("text");
            let is_good = UnsubscribeToken::read(&other)
                .is_some_and(|read| read.is_signed_with("whsec_a") && other != token);
            assert!(!is_good, "{other}");
        }
        for other in [
            "",
            ".",
            "a.b",
            &token[..token.len() - 1],
            &format!("{token}A"),
        ] {
            let read = UnsubscribeToken::read(other);
            assert!(
                !read.is_some_and(|read| read.is_signed_with("whsec_a")),
                "{other}"
            );
        }
    }

    #[test]
    fn a_link_fits_a_line_of_a_header_or_there_is_none() {
        let of = |chars: usize, c: &str| link(BASE, "s", &recipient(&c.repeat(chars)), &tag());
        assert!(of(254, "a").is_some_and(|link| link.len() < 998));
        assert_eq!(of(254, "\u{20ac}"), None);
    }
}
