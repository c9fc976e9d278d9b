//! Reading an envelope: SOAP 1.1 or 1.2, Header before or after Body, one payload.

use std::borrow::Cow;

use crate::element::Element;
use crate::fault::{Fault, FaultCode, echo};
use crate::header::Header;
use crate::media_type::MediaType;
use crate::namespaces::Space;
use crate::operation;
use crate::payload::{self, Payload, UnreadAttribute};
use crate::security::{self, Credentials};
use crate::version::SoapVersion;
use crate::xml::{self, ENVELOPE_BYTES_MAX, Encoding, Event, Name, Reader};

/// Larger envelopes are first read only up to their credentials, and completely only if these are
/// valid: 400,000 elements of a stranger would take half a second of processor time. Smaller
/// envelopes, which are most, are read once.
const WHOLE_AT_ONCE_BYTES_MAX: usize = 64 << 10;

/// A parsed request.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub version: SoapVersion,
    pub credentials: Option<Credentials>,
    /// `wsa:MessageID`; returned as `wsa:RelatesTo`.
    pub message_id: Option<String>,
    /// `wsa:Action`, or else the `action` parameter of a SOAP 1.2 Content-Type.
    pub action: Option<String>,
    /// The only child of Body.
    pub body: Element,
    /// Attributes inside it that nothing reads.
    pub unread_attributes: Vec<UnreadAttribute>,
}

/// An envelope that was read up to its credentials.
#[derive(Debug)]
pub struct Opened<'a> {
    pub version: SoapVersion,
    pub credentials: Option<Credentials>,
    /// `wsa:MessageID`; returned as `wsa:RelatesTo`.
    pub message_id: Option<String>,
    rest: Rest<'a>,
}

#[derive(Debug)]
enum Rest<'a> {
    Read(Box<Envelope>),
    Unread(RequestBytes<'a>),
}

/// The bytes of the request, and its Content-Type.
#[derive(Clone, Copy, Debug)]
struct RequestBytes<'a> {
    bytes: &'a [u8],
    content_type: Option<&'a str>,
}

impl Opened<'_> {
    /// Reads the whole envelope, as strictly as in one step.
    pub fn read(self) -> Result<Envelope, Fault> {
        match self.rest {
            Rest::Read(envelope) => Ok(*envelope),
            Rest::Unread(source) => read_envelope(source.bytes, source.content_type),
        }
    }
}

/// Reads an envelope up to its credentials. Errors up to there are found here, all others by
/// [`Opened::read`]. `content_type` is the HTTP header; without one, XML is assumed.
pub fn open_envelope<'a>(
    bytes: &'a [u8],
    content_type: Option<&'a str>,
) -> Result<Opened<'a>, Fault> {
    open_above(WHOLE_AT_ONCE_BYTES_MAX, bytes, content_type)
}

/// The same, with the size up to which envelopes are read completely at once.
fn open_above<'a>(
    whole_at_once_bytes_max: usize,
    bytes: &'a [u8],
    content_type: Option<&'a str>,
) -> Result<Opened<'a>, Fault> {
    if bytes.len() <= whole_at_once_bytes_max {
        let envelope = read_envelope(bytes, content_type)?;
        return Ok(Opened {
            version: envelope.version,
            credentials: envelope.credentials.clone(),
            message_id: envelope.message_id.clone(),
            rest: Rest::Read(Box::new(envelope)),
        });
    }
    let document = DecodedRequest::of(bytes, content_type)?;
    let mut reader = document.reader()?;
    let version = read_root(&mut reader)?;
    let header = read_header_alone(&mut reader, version)?;
    Ok(Opened {
        version,
        credentials: security::read_credentials(&header)?,
        message_id: header.addressing("MessageID")?.map(str::to_owned),
        rest: Rest::Unread(RequestBytes {
            bytes,
            content_type,
        }),
    })
}

/// The bytes of a request as text, and its Content-Type.
struct DecodedRequest<'a> {
    text: Cow<'a, str>,
    encoding: Encoding,
    media_type: Option<MediaType>,
}

impl<'a> DecodedRequest<'a> {
    fn of(bytes: &'a [u8], content_type: Option<&str>) -> Result<Self, Fault> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(Fault::client(format!(
                "The request has {} bytes; at most {ENVELOPE_BYTES_MAX} are accepted. Split it into several",
                bytes.len()
            )));
        }
        let media_type = content_type.map(MediaType::parse);
        if let Some(media_type) = &media_type {
            media_type.check()?;
        }
        let charset = media_type
            .as_ref()
            .and_then(|media_type| media_type.charset.as_deref());
        let (text, encoding) = xml::decode(bytes, charset)?;
        Ok(Self {
            text,
            encoding,
            media_type,
        })
    }

    fn reader(&self) -> Result<Reader<'_>, Fault> {
        Reader::new(&self.text, Some(self.encoding))
    }
}

/// Reads an envelope. `content_type` is the HTTP header; without one, XML is assumed.
///
/// Everything that could be read in more than one way is refused with a Client fault: malformed
/// XML, a DOCTYPE, two Headers, Bodies or payloads. So are envelopes above [`ENVELOPE_BYTES_MAX`].
pub fn read_envelope(bytes: &[u8], content_type: Option<&str>) -> Result<Envelope, Fault> {
    let document = DecodedRequest::of(bytes, content_type)?;
    let mut reader = document.reader()?;
    let version = read_root(&mut reader)?;
    let EnvelopeParts { header, body } = read_parts(&mut reader, version)?;
    header.check_understood(version)?;
    let action = header.addressing("Action")?.map(str::to_owned);
    let media_type = document.media_type.as_ref();
    Ok(Envelope {
        version,
        credentials: security::read_credentials(&header)?,
        message_id: header.addressing("MessageID")?.map(str::to_owned),
        action: action.or_else(|| media_type.and_then(|media_type| media_type.action.clone())),
        body: body.element,
        unread_attributes: body.unread,
    })
}

fn read_root(reader: &mut Reader<'_>) -> Result<SoapVersion, Fault> {
    let root = match reader.next()? {
        Event::Start(name) => name,
        Event::Text(_) | Event::End | Event::Done => {
            return Err(reader.fault("an Envelope expected"));
        }
    };
    match (root.space, root.local) {
        (Space::Soap11, "Envelope") => Ok(SoapVersion::Soap11),
        (Space::Soap12, "Envelope") => Ok(SoapVersion::Soap12),
        (_, "Envelope") => Err(Fault {
            code: FaultCode::VersionMismatch,
            text: format!(
                "The Envelope is {}, which is neither that of SOAP 1.1 ({}) nor that of SOAP 1.2 ({})",
                payload::namespace_of(reader),
                crate::namespaces::SOAP_11,
                crate::namespaces::SOAP_12
            ),
            api: None,
            retry_after: None,
        }),
        (_, other) => Err(Fault::client(format!(
            "A SOAP Envelope expected, but the request is '{}'",
            echo(other)
        ))),
    }
}

struct EnvelopeParts<'a> {
    header: Header<'a>,
    body: Payload,
}

/// Reads the Header and the Body, in either order: some clients write the Body first.
fn read_parts<'a>(
    reader: &mut Reader<'a>,
    version: SoapVersion,
) -> Result<EnvelopeParts<'a>, Fault> {
    let mut header = None;
    let mut body = None;
    loop {
        match reader.next()? {
            Event::Start(name) if is(name, version, "Header") => {
                if header.replace(Header::read(reader)?).is_some() {
                    return Err(Fault::client("More than one 'Header' in the request"));
                }
            }
            Event::Start(name) if is(name, version, "Body") => {
                if body.replace(read_body(reader)?).is_some() {
                    return Err(Fault::client("More than one 'Body' in the request"));
                }
            }
            Event::Start(name) => return Err(misplaced(name, version)),
            Event::Text(text) if xml::is_all_blank(&text) => {}
            Event::Text(_) => return Err(misplaced_text()),
            Event::End | Event::Done => break,
        }
    }
    // Reads on to the end of the document, so that anything after the root element is refused.
    let Event::Done = reader.next()? else {
        return Err(reader.fault("the end of the request expected"));
    };
    let body = body.ok_or_else(|| Fault::client("The Envelope has no Body"))?;
    Ok(EnvelopeParts {
        header: header.unwrap_or_default(),
        body,
    })
}

/// Only the Header. A Body before it is skipped as well-formed XML, and nothing of it is kept.
fn read_header_alone<'a>(
    reader: &mut Reader<'a>,
    version: SoapVersion,
) -> Result<Header<'a>, Fault> {
    loop {
        match reader.next()? {
            Event::Start(name) if is(name, version, "Header") => return Header::read(reader),
            Event::Start(name) if is(name, version, "Body") => payload::skip(reader)?,
            Event::Start(name) => return Err(misplaced(name, version)),
            Event::Text(text) if xml::is_all_blank(&text) => {}
            Event::Text(_) => return Err(misplaced_text()),
            Event::End | Event::Done => return Ok(Header::default()),
        }
    }
}

fn misplaced(name: Name<'_>, version: SoapVersion) -> Fault {
    Fault::client(format!(
        "'{}' stands in the Envelope where only Header and Body of SOAP {} may",
        echo(name.local),
        version.number()
    ))
}

fn misplaced_text() -> Fault {
    Fault::client("Text stands between Header and Body")
}

fn is(name: Name<'_>, version: SoapVersion, local: &str) -> bool {
    name.space == version.space() && name.local == local
}

/// The only child of Body, which has just begun.
fn read_body(reader: &mut Reader<'_>) -> Result<Payload, Fault> {
    let mut body = None;
    loop {
        match reader.next()? {
            Event::Start(name) if name.space != Space::Api => {
                let namespace = payload::namespace_of(reader);
                return Err(operation::of_namespace(name.local, &namespace));
            }
            Event::Start(name) => {
                let request = payload::read_element(reader, name)?;
                if body.is_some() && request.is_some() {
                    return Err(Fault::client("Body holds more than one request"));
                }
                body = body.or(request);
            }
            Event::Text(text) if xml::is_all_blank(&text) => {}
            Event::Text(_) => return Err(Fault::client("Text stands in Body")),
            Event::End | Event::Done => break,
        }
    }
    body.ok_or_else(|| Fault::client("Body holds no request"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::namespaces;

    /// Every document of the corpora, with the result of reading it in both ways.
    fn each_document(mut check: impl FnMut(&Path, &[u8])) {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
        let mut documents = 0;
        for corpus in [
            "envelopes",
            "measure/fuzz/corpus/envelope",
            "measure/fuzz/corpus/door",
        ] {
            for file in std::fs::read_dir(tests.join(corpus)).expect("a corpus") {
                let path = file.expect("a file").path();
                check(&path, &std::fs::read(&path).expect("a document"));
                documents += 1;
            }
        }
        assert!(documents > 50, "{documents} documents");
    }

    /// Whether reading in two steps, as for a large envelope, has the same result.
    fn agree(bytes: &[u8]) -> bool {
        let at_once = read_envelope(bytes, None);
        let opened = match open_above(0, bytes, None) {
            Ok(opened) => opened,
            Err(fault) => return at_once.is_err_and(|found| found == fault),
        };
        let sender = (
            opened.version,
            opened.credentials.clone(),
            opened.message_id.clone(),
        );
        match (at_once, opened.read()) {
            (Ok(at_once), Ok(read)) => {
                at_once.body == read.body
                    && sender == (read.version, read.credentials, read.message_id)
            }
            (Err(at_once), Err(read)) => at_once == read,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        }
    }

    #[test]
    fn whoever_is_known_gets_the_same_answer_by_either_way() {
        each_document(|path, bytes| {
            assert!(agree(bytes), "{}", path.display());
            // Cut at any place, it is refused for the same reason.
            for length in (0..bytes.len()).step_by(1 + bytes.len() / 97) {
                assert!(agree(&bytes[..length]), "{length} of {}", path.display());
            }
        });
    }

    #[test]
    fn a_header_is_found_behind_the_body_too() {
        let entry = "<fueloauth xmlns='http://exacttarget.com'>t</fueloauth>";
        let (header, body) = (
            format!("<s:Header>{entry}</s:Header>"),
            format!(
                "<s:Body><R xmlns='{}'>{}</R></s:Body>",
                namespaces::API,
                "<A/>".repeat(20_000)
            ),
        );
        for inside in [format!("{header}{body}"), format!("{body}{header}")] {
            let envelope = format!(
                "<s:Envelope xmlns:s='{}'>{inside}</s:Envelope>",
                namespaces::SOAP_11
            );
            let opened = open_envelope(envelope.as_bytes(), None).expect("a header");
            assert_eq!(opened.credentials, Some(Credentials::Token("t".to_owned())));
            assert!(matches!(opened.rest, Rest::Unread(_)), "not yet");
            assert_eq!(opened.read().expect("all").body.children.len(), 20_000);
        }
    }

    /// What follows the header is not read before its sender is known, and then as strictly as
    /// always.
    #[test]
    fn what_is_wrong_behind_the_header_is_found_for_those_who_are_known() {
        let filler = " ".repeat(WHOLE_AT_ONCE_BYTES_MAX);
        let body = "<s:Body><R xmlns='http://exacttarget.com/wsdl/partnerAPI'/></s:Body>";
        for behind in [
            "<s:Body><R>",
            "<s:Header/>",
            "<s:Body/><s:Body/>",
            &format!("{body}{body}"),
            &format!("{body}<s:Header/>"),
            &format!("{body}text"),
            &format!("{body}</s:Envelope><a/>"),
        ] {
            let envelope = format!(
                "<s:Envelope xmlns:s='{}'>{filler}<s:Header/>{behind}</s:Envelope>",
                namespaces::SOAP_11
            );
            let opened = open_envelope(envelope.as_bytes(), None).expect("a header");
            let fault = opened.read().expect_err("a fault");
            assert_eq!(Some(fault), read_envelope(envelope.as_bytes(), None).err());
        }
    }
}
