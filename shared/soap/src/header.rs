//! Header entries: small trees with namespaces, read completely, since the Header may come after
//! the Body.

use std::borrow::Cow;

use crate::fault::{Fault, FaultCode, echo};
use crate::namespaces::Space;
use crate::version::SoapVersion;
use crate::xml::{self, Event, Name, Reader};

/// The actor of a SOAP 1.1 header that means the next receiver.
const NEXT_ACTOR_11: &str = "http://schemas.xmlsoap.org/soap/actor/next";
/// Longest WS-Addressing header that is read: it is repeated in the answer, and a fault must be
/// small.
const ADDRESSING_BYTES_MAX: usize = 1_000;
/// Most elements in Header. It is read before its sender is known; clients send fewer than thirty.
const HEADER_ELEMENTS_MAX: usize = 1_000;
const ROLES_12: [&str; 2] = [
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
];

/// One element of Header, or one inside it.
#[derive(Debug)]
pub(crate) struct HeaderEntry<'a> {
    pub(crate) space: Space,
    pub(crate) local: &'a str,
    /// Whether its namespace is the default one, or none.
    is_unprefixed: bool,
    /// All text directly inside it, joined.
    text: Cow<'a, str>,
    /// Value of its attribute `Type`, for passwords.
    pub(crate) type_attribute: Option<String>,
    must_understand: bool,
    for_another: bool,
    pub(crate) children: Vec<HeaderEntry<'a>>,
}

impl<'a> HeaderEntry<'a> {
    /// Reads the entry that has just begun, to its end.
    fn read(reader: &mut Reader<'a>, name: Name<'a>, remaining: &mut usize) -> Result<Self, Fault> {
        *remaining = remaining.checked_sub(1).ok_or_else(|| {
            Fault::client(format!(
                "The request is too complex: more than {HEADER_ELEMENTS_MAX} elements in its Header"
            ))
        })?;
        let mut entry = Self {
            space: name.space,
            local: name.local,
            is_unprefixed: reader.prefix().is_empty(),
            text: Cow::Borrowed(""),
            type_attribute: None,
            must_understand: false,
            for_another: false,
            children: Vec::new(),
        };
        entry.read_attributes(reader);
        loop {
            match reader.next()? {
                Event::Start(name) => entry.children.push(Self::read(reader, name, remaining)?),
                Event::Text(piece) if entry.text.is_empty() => entry.text = piece,
                Event::Text(piece) => entry.text.to_mut().push_str(&piece),
                Event::End | Event::Done => return Ok(entry),
            }
        }
    }

    fn read_attributes(&mut self, reader: &Reader<'_>) {
        for attribute in reader.attributes() {
            let value = xml::trimmed(&attribute.value);
            if attribute.is(Space::Unqualified, "Type") {
                self.type_attribute = Some(value.to_owned());
            } else if attribute.is(Space::Soap11, "mustUnderstand")
                || attribute.is(Space::Soap12, "mustUnderstand")
            {
                self.must_understand = matches!(value, "1" | "true");
            } else if attribute.is(Space::Soap11, "actor") {
                self.for_another = !value.is_empty() && value != NEXT_ACTOR_11;
            } else if attribute.is(Space::Soap12, "role") {
                self.for_another = !value.is_empty() && !ROLES_12.contains(&value);
            }
        }
    }

    pub(crate) fn is(&self, space: Space, local: &str) -> bool {
        self.space == space && self.local == local
    }

    /// Its text without surrounding blanks.
    pub(crate) fn trimmed(&self) -> &str {
        xml::trimmed(&self.text)
    }

    /// The only child of that name, in any namespace.
    pub(crate) fn single(&self, local: &str) -> Result<Option<&Self>, Fault> {
        only(
            self.children.iter().filter(|child| child.local == local),
            local,
        )
    }

    /// Whether it is an access token of that name. In the protocol's own samples the token in
    /// Header has no prefix, and so is in whatever default namespace the envelope declares.
    pub(crate) fn is_token(&self, local: &str) -> bool {
        let is_ours = matches!(self.space, Space::OAuth | Space::Api | Space::Unqualified);
        self.local == local && (is_ours || self.is_unprefixed)
    }

    /// Whether this service acts on it, so that its mustUnderstand is satisfied.
    fn is_understood(&self) -> bool {
        if self.is_token("fueloauth") || self.is_token("oAuth") {
            return true;
        }
        match self.space {
            Space::Addressing | Space::Security | Space::SecurityUtility | Space::OAuth => true,
            Space::Unqualified
            | Space::Api
            | Space::Soap11
            | Space::Soap12
            | Space::Soap12Encoding
            | Space::Schema
            | Space::SchemaInstance
            | Space::Xml
            | Space::Other => false,
        }
    }
}

/// The only entry of a kind. Two are refused, because choosing one would be a guess, and another
/// reader could choose the other.
pub(crate) fn only<T>(mut found: impl Iterator<Item = T>, name: &str) -> Result<Option<T>, Fault> {
    let first = found.next();
    if found.next().is_some() {
        return Err(Fault::client(format!(
            "More than one '{}' in the request",
            echo(name)
        )));
    }
    Ok(first)
}

/// The content of the envelope's Header.
#[derive(Debug, Default)]
pub(crate) struct Header<'a> {
    pub(crate) entries: Vec<HeaderEntry<'a>>,
}

impl<'a> Header<'a> {
    /// Reads Header, which has just begun, to its end.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Fault> {
        let mut entries = Vec::new();
        let mut remaining = HEADER_ELEMENTS_MAX;
        loop {
            match reader.next()? {
                Event::Start(name) => {
                    entries.push(HeaderEntry::read(reader, name, &mut remaining)?)
                }
                Event::Text(_) => {}
                Event::End | Event::Done => return Ok(Self { entries }),
            }
        }
    }

    /// Refuses an entry that must be understood but is unknown.
    pub(crate) fn check_understood(&self, version: SoapVersion) -> Result<(), Fault> {
        let stranger = self
            .entries
            .iter()
            .find(|entry| entry.must_understand && !entry.for_another && !entry.is_understood());
        let Some(stranger) = stranger else {
            return Ok(());
        };
        Err(Fault {
            code: FaultCode::MustUnderstand,
            text: format!(
                "SOAP {} header '{}' is marked mustUnderstand and is not understood",
                version.number(),
                echo(stranger.local)
            ),
            api: None,
            retry_after: None,
        })
    }

    /// The trimmed text of a WS-Addressing header, if it is present and not empty.
    pub(crate) fn addressing(&self, local: &str) -> Result<Option<&str>, Fault> {
        let found = self
            .entries
            .iter()
            .filter(|entry| entry.is(Space::Addressing, local));
        let text = only(found, local)?.map(HeaderEntry::trimmed);
        if text.is_some_and(|text| text.len() > ADDRESSING_BYTES_MAX) {
            return Err(Fault::client(format!(
                "'{local}' is longer than {ADDRESSING_BYTES_MAX} bytes"
            )));
        }
        Ok(text.filter(|text| !text.is_empty()))
    }
}
