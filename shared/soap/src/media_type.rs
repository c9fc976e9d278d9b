//! The Content-Type of a request: which ones are accepted, and their parameters.

use crate::fault::{Fault, echo};

pub(crate) const SOAP_12_TYPE: &str = "application/soap+xml";

/// A parsed Content-Type: `text/xml; charset="utf-8"`.
pub(crate) struct MediaType {
    /// In lower case.
    pub(crate) essence: String,
    pub(crate) charset: Option<String>,
    pub(crate) action: Option<String>,
}

impl MediaType {
    pub(crate) fn parse(text: &str) -> Self {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let parameter = |name: &str| {
            let mut pairs = parameters
                .split(';')
                .filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
            Some(value.trim().trim_matches('"').to_owned()).filter(|value| !value.is_empty())
        };
        Self {
            essence: essence.trim().to_ascii_lowercase(),
            charset: parameter("charset"),
            action: parameter("action"),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        match self.essence.as_str() {
            "" | "text/xml" | "application/xml" | SOAP_12_TYPE => Ok(()),
            "application/xop+xml" => Err(attachments()),
            essence if essence.starts_with("multipart/") => Err(attachments()),
            essence => Err(Fault::client(format!(
                "Content-Type '{}' is not supported. Send text/xml or application/soap+xml",
                echo(essence)
            ))),
        }
    }
}

fn attachments() -> Fault {
    Fault::client(
        "Attachments and MTOM are not supported. Send the envelope alone, as text/xml or application/soap+xml",
    )
}
