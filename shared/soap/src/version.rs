//! SOAP 1.1 or 1.2.

use crate::media_type::{MediaType, SOAP_12_TYPE};
use crate::namespaces::{self, Space};

/// Which SOAP the caller speaks; the answer is in the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SoapVersion {
    #[default]
    Soap11,
    Soap12,
}

impl SoapVersion {
    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::Soap11 => "1.1",
            Self::Soap12 => "1.2",
        }
    }

    pub(crate) const fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => namespaces::SOAP_11,
            Self::Soap12 => namespaces::SOAP_12,
        }
    }

    pub(crate) const fn space(self) -> Space {
        match self {
            Self::Soap11 => Space::Soap11,
            Self::Soap12 => Space::Soap12,
        }
    }

    /// The Content-Type that an answer in this version has.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }

    /// The version for a fault if the envelope could not be read: a guess from its beginning.
    pub fn guess(bytes: &[u8], content_type: Option<&str>) -> Self {
        /// Envelope and its declarations stand within this.
        const BEGINNING_BYTES: usize = 1024;
        let beginning = &bytes[..bytes.len().min(BEGINNING_BYTES)];
        let names = |namespace: &str| {
            beginning
                .windows(namespace.len())
                .any(|window| window == namespace.as_bytes())
        };
        let by_type =
            content_type.is_some_and(|text| MediaType::parse(text).essence == SOAP_12_TYPE);
        if names(namespaces::SOAP_12) || (by_type && !names(namespaces::SOAP_11)) {
            Self::Soap12
        } else {
            Self::Soap11
        }
    }
}
