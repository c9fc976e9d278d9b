//! Mail addresses in the form that the mail service accepts: seven-bit, one address, nothing around
//! it.

use thiserror::Error;

use crate::fault::echo;

/// Longest mail address, the limit of a forward-path in SMTP.
const MAIL_ADDRESS_BYTES_MAX: usize = 254;
/// Longest part before the `@`, SMTP's limit.
const MAIL_LOCAL_BYTES_MAX: usize = 64;

/// `local@domain.tld`, in ASCII: an international domain is written in punycode.
///
/// Stricter than the standards (no quoted local part, no comments, no address literals): such
/// addresses are never meant and often an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

/// Why a text is not a valid mail address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MailAddressError {
    #[error("'{0}' is not a mail address")]
    Malformed(String),
    /// Only servers with SMTPUTF8 accept these, and the mail service does not.
    #[error(
        "mail cannot be sent to '{0}': of an address only the part behind the @ may be outside ASCII"
    )]
    LocalPart(String),
    #[error("the domain of '{0}' is no name of a host")]
    Domain(String),
}

impl MailAddress {
    pub fn parse(text: &str) -> Result<Self, MailAddressError> {
        let malformed = || MailAddressError::Malformed(echo(text));
        let (local, domain) = text.rsplit_once('@').ok_or_else(malformed)?;
        if !is_local_part(local) || !is_domain(domain) {
            return Err(malformed());
        }
        if !local.is_ascii() {
            return Err(MailAddressError::LocalPart(echo(text)));
        }
        let address = if domain.is_ascii() {
            text.to_owned()
        } else {
            let domain = idna::domain_to_ascii_strict(domain)
                .map_err(|_| MailAddressError::Domain(echo(text)))?;
            format!("{local}@{domain}")
        };
        // Checked again, since punycode is longer, and full stops of other scripts become ASCII
        // ones.
        let is_fit = address.len() <= MAIL_ADDRESS_BYTES_MAX
            && address
                .rsplit_once('@')
                .is_some_and(|(_, domain)| is_domain(domain));
        if is_fit {
            Ok(Self(address))
        } else {
            Err(malformed())
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

/// An address with a name, as people write both into one field: `Ann Smith <ann@example.com>`,
/// `"Smith, Ann" <ann@example.com>` or the address alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: MailAddress,
}

impl Mailbox {
    pub fn parse(text: &str) -> Result<Self, MailAddressError> {
        let text = text.trim();
        let Some((name, address)) = text
            .strip_suffix('>')
            .and_then(|text| text.rsplit_once('<'))
        else {
            return Ok(Self {
                name: None,
                address: MailAddress::parse(text)?,
            });
        };
        let name = unquoted(name.trim());
        if name.contains(['<', '>', '\r', '\n']) {
            return Err(MailAddressError::Malformed(echo(text)));
        }
        Ok(Self {
            name: Some(name).filter(|name| !name.is_empty()),
            address: MailAddress::parse(address.trim())?,
        })
    }
}

/// A name without the quotes around it, and without the backslashes inside them.
fn unquoted(name: &str) -> String {
    let inside = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let Some(inside) = inside else {
        return name.to_owned();
    };
    let mut plain = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        plain.extend(match letter {
            '\\' => letters.next(),
            other => Some(other),
        });
    }
    plain
}

fn is_local_part(local: &str) -> bool {
    let is_atom = |c: char| {
        c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(c)
            || (!c.is_ascii() && c.is_alphanumeric())
    };
    !local.is_empty()
        && local.len() <= MAIL_LOCAL_BYTES_MAX
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

fn is_domain(domain: &str) -> bool {
    let is_letter = |c: char| match c {
        '-' => true,
        _ if c.is_ascii() => c.is_ascii_alphanumeric(),
        // Combining marks are parts of letters in many scripts; IDNA refuses invalid names.
        _ => !c.is_whitespace() && !c.is_control(),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && (!label.is_ascii() || label.len() <= 63)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(is_letter)
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_international_domain_becomes_punycode_and_a_local_part_is_refused_by_name() {
        for (text, expected) in [
            ("ann@example.com", "ann@example.com"),
            ("Ann.O'Neil+x@Example.COM", "Ann.O'Neil+x@Example.COM"),
            ("ann@b\u{fc}cher.example", "ann@xn--bcher-kva.example"),
            ("ann@B\u{dc}CHER.example", "ann@xn--bcher-kva.example"),
            (
                "a@\u{4f8b}\u{3048}.\u{30c6}\u{30b9}\u{30c8}",
                "a@xn--r8jz45g.xn--zckzah",
            ),
            (
                "j\u{fc}rgen@example.com",
                "mail cannot be sent to 'j\u{fc}rgen@example.com': of an address only the part behind the @ may be outside ASCII",
            ),
            (
                "ann@\u{2488}com.example",
                "the domain of 'ann@\u{2488}com.example' is no name of a host",
            ),
            ("nobody", "'nobody' is not a mail address"),
            ("ann@example", "'ann@example' is not a mail address"),
            ("ann@1.2.3.4", "'ann@1.2.3.4' is not a mail address"),
            ("a b@example.com", "'a b@example.com' is not a mail address"),
            (
                "ann@example.com\r\nBcc: x@y.z",
                "'ann@example.comBcc: x@y.z' is not a mail address",
            ),
            (
                "Ann <ann@example.com>",
                "'Ann <ann@example.com>' is not a mail address",
            ),
        ] {
            let read = match MailAddress::parse(text) {
                Ok(address) => {
                    assert!(address.as_str().is_ascii());
                    String::from(address)
                }
                Err(error) => error.to_string(),
            };
            assert_eq!(read, expected);
        }
        let long = format!("a@{}.example", "\u{fc}".repeat(80));
        assert!(
            MailAddress::parse(&long).is_err(),
            "a label has 63 bytes at most"
        );
    }

    #[test]
    fn a_name_before_an_address_is_split_off() {
        for (text, name, address) in [
            ("shop@example.com", "", "shop@example.com"),
            (" Shop <shop@example.com> ", "Shop", "shop@example.com"),
            ("<shop@example.com>", "", "shop@example.com"),
            (
                "\"Smith, Ann\" <ann@example.com>",
                "Smith, Ann",
                "ann@example.com",
            ),
            (
                r#""A \"B\" \\ C" <a@example.com>"#,
                r#"A "B" \ C"#,
                "a@example.com",
            ),
        ] {
            let mailbox = Mailbox::parse(text).expect("a mailbox");
            assert_eq!(mailbox.name.as_deref().unwrap_or_default(), name, "{text}");
            assert_eq!(mailbox.address.as_str(), address, "{text}");
        }
        for text in [
            "Shop",
            "Shop <shop>",
            "Shop <a@example.com> x",
            "<a@b.co> <c@d.co>",
            "",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text}");
        }
    }
}
