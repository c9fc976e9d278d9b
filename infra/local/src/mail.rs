//! A mail as its recipient would open it: headers, texts, attachments and what is in their archives.

use std::io::{Cursor, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use mail_parser::{Address, MessageParser, MimeHeaders, PartType};
use serde::{Deserialize, Serialize};

/// Most text of one file in an archive that is shown: an archive can unpack to any size.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A mail that SES took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedMail {
    pub id: String,
    pub at: Timestamp,
    pub from: String,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub reply_to: Vec<String>,
    pub subject: String,
    /// As they stand in the mail, in their order.
    pub headers: Vec<(String, String)>,
    pub text: Option<String>,
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
    /// The whole mail as it was given to SES; none for a mail that SES itself composes.
    pub raw: Option<String>,
}

/// One attachment of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub name: String,
    pub content_type: String,
    #[serde(with = "as_base64")]
    pub content: Vec<u8>,
    /// What is in it, if it is a zip archive.
    pub files: Vec<ArchivedFile>,
}

/// One file in a zip archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedFile {
    pub name: String,
    /// None if it is not text, or too long to show.
    pub text: Option<String>,
}

impl Attachment {
    pub fn new(name: &str, content_type: &str, content: Vec<u8>) -> Self {
        let files = files_in(&content).unwrap_or_default();
        Self {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            content,
            files,
        }
    }
}

impl CapturedMail {
    /// Reads a mail in its raw form; none if it is none.
    ///
    /// Id, time and blind recipients are not in it.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(raw)?;
        let attachments = message.attachments().map(|part| {
            let content_type = part.content_type().map(|kind| match kind.subtype() {
                Some(subtype) => format!("{}/{subtype}", kind.ctype()),
                None => kind.ctype().to_owned(),
            });
            Attachment::new(
                part.attachment_name().unwrap_or_default(),
                &content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
                part.contents().to_vec(),
            )
        });
        let has_text = message
            .text_part(0)
            .is_some_and(|part| matches!(part.body, PartType::Text(_)));
        let has_html = message
            .html_part(0)
            .is_some_and(|part| matches!(part.body, PartType::Html(_)));
        Some(Self {
            from: addresses(message.from())
                .into_iter()
                .next()
                .unwrap_or_default(),
            to: addresses(message.to()),
            cc: addresses(message.cc()),
            bcc: addresses(message.bcc()),
            reply_to: addresses(message.reply_to()),
            subject: message.subject().unwrap_or_default().to_owned(),
            headers: message
                .headers_raw()
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
            // The parser would derive one from the other if it is missing.
            text: has_text
                .then(|| message.body_text(0))
                .flatten()
                .map(Into::into),
            html: has_html
                .then(|| message.body_html(0))
                .flatten()
                .map(Into::into),
            attachments: attachments.collect(),
            raw: Some(String::from_utf8_lossy(raw).into_owned()),
            ..Self::default()
        })
    }

    /// All recipients, once each.
    pub fn recipients(&self) -> Vec<&str> {
        let mut recipients: Vec<_> = [&self.to, &self.cc, &self.bcc]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        recipients.sort_unstable();
        recipients.dedup();
        recipients
    }
}

/// `Name <address>` where there is a name.
fn addresses(addresses: Option<&Address<'_>>) -> Vec<String> {
    let each = addresses.into_iter().flat_map(Address::iter).map(|one| {
        let address = one.address.as_deref().unwrap_or_default();
        match one.name.as_deref() {
            Some(name) => format!("{name} <{address}>"),
            None => address.to_owned(),
        }
    });
    each.collect()
}

fn files_in(content: &[u8]) -> Option<Vec<ArchivedFile>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(content)).ok()?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).ok()?;
        let name = file.name().ok()?.into_owned();
        let mut text = String::new();
        let shown = file.size() <= FILE_BYTES_MAX
            && file
                .take(FILE_BYTES_MAX + 1)
                .read_to_string(&mut text)
                .is_ok();
        files.push(ArchivedFile {
            name,
            text: shown.then_some(text),
        });
    }
    Some(files)
}

/// Bytes as base64 in JSON.
mod as_base64 {
    use serde::{Deserializer, Serializer, de::Error};

    use super::{BASE64_STANDARD, Deserialize, Engine};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map_err(D::Error::custom)
    }
}
