//! From bytes to text: UTF-8 and UTF-16, refused if the declared encoding is not the actual one.

use std::borrow::Cow;

use crate::fault::{Fault, echo};

/// How the bytes are encoded, found from their beginning and not from what they declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// Whether a declared name (of the XML declaration or the Content-Type) may stand for it.
    fn answers_to(self, declared: &str, ascii_only: bool) -> bool {
        let is = |name: &str| declared.eq_ignore_ascii_case(name);
        match self {
            Self::Utf8 => is("utf-8") || is("utf8") || (ascii_only && is("us-ascii")),
            Self::Utf16Le => is("utf-16") || is("utf-16le"),
            Self::Utf16Be => is("utf-16") || is("utf-16be"),
        }
    }
}

/// The document as text, without byte order mark. `charset` is the Content-Type's, if it has one.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    charset: Option<&str>,
) -> Result<(Cow<'a, str>, Encoding), Fault> {
    let (encoding, content) = detect(bytes)?;
    let text = match encoding {
        Encoding::Utf8 => std::str::from_utf8(content)
            .map(Cow::Borrowed)
            .map_err(|_| Fault::client("The request is not valid UTF-8"))?,
        Encoding::Utf16Le => Cow::Owned(utf16(content, u16::from_le_bytes)?),
        Encoding::Utf16Be => Cow::Owned(utf16(content, u16::from_be_bytes)?),
    };
    if let Some(charset) = charset {
        check_declared(&text, encoding, charset)?;
    }
    Ok((text, encoding))
}

/// Refuses a declared encoding that is not the actual one.
pub(crate) fn check_declared(text: &str, encoding: Encoding, declared: &str) -> Result<(), Fault> {
    if encoding.answers_to(declared, text.is_ascii()) {
        return Ok(());
    }
    Err(Fault::client(format!(
        "Encoding '{}' is declared, but the request is {}. Send UTF-8 or UTF-16 and declare it as such",
        echo(declared),
        match encoding {
            Encoding::Utf8 => "read as UTF-8",
            Encoding::Utf16Le | Encoding::Utf16Be => "UTF-16",
        }
    )))
}

fn detect(bytes: &[u8]) -> Result<(Encoding, &[u8]), Fault> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, b'<', ..] => Err(
            Fault::client("UTF-32 is not supported. Send UTF-8 or UTF-16"),
        ),
        [0xEF, 0xBB, 0xBF, content @ ..] => Ok((Encoding::Utf8, content)),
        [0xFF, 0xFE, content @ ..] => Ok((Encoding::Utf16Le, content)),
        [0xFE, 0xFF, content @ ..] => Ok((Encoding::Utf16Be, content)),
        [b'<', 0, ..] => Ok((Encoding::Utf16Le, bytes)),
        [0, b'<', ..] => Ok((Encoding::Utf16Be, bytes)),
        _ => Ok((Encoding::Utf8, bytes)),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Fault> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(text),
        Ok(_) | Err(_) => Err(Fault::client("The request is not valid UTF-16")),
    }
}
