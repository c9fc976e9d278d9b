//! Addresses for replies: as callers write them, and in the form to which replies are posted.

use std::fmt::Write as _;

use url::Url;

use crate::element::Element;
use crate::xml;

/// Longest address that is accepted, in bytes: it is stored in the record of every reply.
const ADDRESS_BYTES_MAX: usize = 4_000;

/// An address in the form to which replies are posted: a URI in ASCII, with an international host
/// in punycode, everything else that a URI may not contain percent-encoded, and without its
/// fragment, which is never sent.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackAddress(Url);

impl CallbackAddress {
    /// `None`: it is not the address of a host.
    pub fn parse(text: &str) -> Option<Self> {
        // A browser's URL parser removes or replaces these characters; no caller intends that.
        let is_strange = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        if text.len() > ADDRESS_BYTES_MAX || text.contains(is_strange) {
            return None;
        }
        // Nor does a caller mean the host `cb` by `https:///cb` or `https:cb`, which such a parser
        // accepts.
        let (_, authority) = text.split_once("://")?;
        if authority.starts_with(['/', '?', '#']) {
            return None;
        }
        let mut url = Url::parse(text).ok()?;
        url.host()?;
        url.set_fragment(None);
        if !is_uri(url.path()) {
            let path = uri(url.path());
            url.set_path(&path);
        }
        if let Some(query) = url.query().filter(|query| !is_uri(query)).map(uri) {
            url.set_query(Some(&query));
        }
        Some(Self(url))
    }

    /// Whether it is https, or http where that is allowed.
    pub fn is_web(&self, allow_http: bool) -> bool {
        let scheme = self.0.scheme();
        scheme == "https" || (allow_http && scheme == "http")
    }

    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// The address without user and password: what may be shown, and what is requested.
    pub fn shown(&self) -> String {
        let mut url = self.0.clone();
        // Only an address without a host refuses this, and this one has a host.
        let _user = url.set_username("");
        let _password = url.set_password(None);
        url.into()
    }

    /// The whole address, with user and password.
    pub fn whole(&self) -> &str {
        self.0.as_str()
    }

    /// `user:password` after decoding, if there are any.
    pub fn user_and_password(&self) -> Option<Vec<u8>> {
        let password = self.0.password();
        if self.0.username().is_empty() && password.is_none() {
            return None;
        }
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let mut both = decoded(self.0.username());
        both.push(b':');
        both.extend(decoded(password.unwrap_or_default()));
        Some(both)
    }
}

/// The caller's address in a form that may be shown: without anything that may be a user and a
/// password.
pub fn shown_address(text: &str) -> String {
    let shown = match CallbackAddress::parse(text) {
        Some(address) => address.shown(),
        None => match text.split_once("//") {
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
                format!("{scheme}//{}", &rest[host..])
            }
            None => text.rsplit('@').next().unwrap_or_default().to_owned(),
        },
    };
    crate::fault::echo(&shown)
}

/// The request without users and passwords in the addresses of its options; `None`: there are none.
/// The stored request never has them; they are stored with the call's options.
pub fn without_passwords(request: &Element) -> Option<Element> {
    let has_password = |address: &Element| {
        let read = CallbackAddress::parse(xml::trimmed(&address.text));
        read.is_some_and(|read| read.user_and_password().is_some())
    };
    let options = request.child("Options")?;
    let mut addresses = options
        .all("SendResponseTo")
        .flat_map(|response| response.all("ResponseAddress"));
    if !addresses.any(has_password) {
        return None;
    }
    let mut plain = request.clone();
    let options = plain
        .children
        .iter_mut()
        .filter(|child| child.name == "Options");
    for response in options.flat_map(|options| &mut options.children) {
        let addresses = response.children.iter_mut();
        for address in addresses.filter(|child| child.name == "ResponseAddress") {
            address.text = shown_address(&address.text);
        }
    }
    Some(plain)
}

/// Whether a path or a query needs no encoding. Most need none.
fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    (0..bytes.len()).all(|at| is_allowed_at(bytes, at))
}

/// Whether a byte is allowed at its position.
fn is_allowed_at(bytes: &[u8], at: usize) -> bool {
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    match bytes[at] {
        b'%' => is_hex(at + 1) && is_hex(at + 2),
        byte => byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&byte),
    }
}

/// A path or a query in which everything that RFC 3986 does not allow is percent-encoded; existing
/// encoding is kept.
fn uri(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut written = String::with_capacity(text.len());
    for (at, byte) in bytes.iter().enumerate() {
        if is_allowed_at(bytes, at) {
            written.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(written, "%{byte:02X}");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_posted_to_as_a_uri() {
        for (typed, posted) in [
            ("https://client.example/cb", "https://client.example/cb"),
            ("HTTPS://Client.Example", "https://client.example/"),
            (
                "https://b\u{fc}cher.example/cb",
                "https://xn--bcher-kva.example/cb",
            ),
            (
                "https://c.example/r\u{fc}ckruf",
                "https://c.example/r%C3%BCckruf",
            ),
            (
                "https://c.example/cb?t=\"q\"",
                "https://c.example/cb?t=%22q%22",
            ),
            (
                "https://c.example/cb?t=<q>",
                "https://c.example/cb?t=%3Cq%3E",
            ),
            (
                "https://c.example/cb?t=%22q%22",
                "https://c.example/cb?t=%22q%22",
            ),
            (
                "https://c.example/a{b}|c?d={e}|[f]^`",
                "https://c.example/a%7Bb%7D%7Cc?d=%7Be%7D%7C%5Bf%5D%5E%60",
            ),
            (
                "https://c.example/100%?p=5%",
                "https://c.example/100%25?p=5%25",
            ),
            ("https://c.example/cb#part", "https://c.example/cb"),
            ("https://c.example:443/cb?", "https://c.example/cb?"),
        ] {
            let address = CallbackAddress::parse(typed).expect("an address");
            assert_eq!(address.whole(), posted, "{typed}");
            assert!(address.whole().is_ascii());
            let again = CallbackAddress::parse(posted).expect("an address");
            assert_eq!(again.whole(), posted, "read once more it is the same");
        }
        for unreadable in [
            "client.example/cb",
            "https://",
            "https:///x y",
            "https:///cb",
            "https:c.example",
            "https://a b/",
            "https://c.example/a\nb",
            "https:\\\\c.example",
            "https://c.example:99999/",
            "mailto:a@b.co",
            "",
        ] {
            assert!(
                CallbackAddress::parse(unreadable).is_none(),
                "{unreadable:?}"
            );
        }
        let long = format!("https://c.example/{}", "x".repeat(ADDRESS_BYTES_MAX));
        assert!(CallbackAddress::parse(&long).is_none());
    }

    #[test]
    fn user_and_password_are_never_shown() {
        let address = CallbackAddress::parse("https://us%40er:p%C3%A4ss@c.example/cb?x=1");
        let address = address.expect("an address");
        assert_eq!(address.shown(), "https://c.example/cb?x=1");
        let both = address.user_and_password().expect("both");
        assert_eq!(both, "us@er:p\u{e4}ss".as_bytes());
        let plain = CallbackAddress::parse("https://c.example/cb").expect("an address");
        assert_eq!(plain.user_and_password(), None);
        for (typed, shown) in [
            ("https://u:secret@c.example/cb", "https://c.example/cb"),
            ("https://u:sec ret@c.example/c@b", "https://c.example/c@b"),
            ("https://u:secret@", "https://"),
            ("u:secret@c.example", "c.example"),
        ] {
            assert_eq!(shown_address(typed), shown);
        }
    }
}
