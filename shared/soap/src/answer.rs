//! Writes answers and faults, in the caller's SOAP version.
//!
//! The prefix is literally `soap:` and the payload has none: some clients look names up as strings,
//! without regard to namespaces.

use jiff::{SignedDuration, Timestamp};

use crate::fault::{Fault, FaultCode};
use crate::namespaces::{
    ADDRESSING, API_FAULT, SCHEMA, SCHEMA_INSTANCE, SECURITY, SECURITY_UTILITY,
};
use crate::time;
use crate::version::SoapVersion;
use crate::write::Writer;

/// The validity of an answer according to its Timestamp. Marketing Cloud's figure.
const FRESHNESS: SignedDuration = SignedDuration::from_mins(5);

/// Most bytes of a payload, as counted by [`carried_bytes`]: a Lambda function answers with at most
/// 6 MB, less a reserve for the envelope and for the approximate count.
pub const PAYLOAD_BYTES_MAX: usize = 5_000_000;

const FAULT_ACTION: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault";
const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
const PROLOGUE: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";

/// Values of an answer's header.
#[derive(Clone, Copy, Debug)]
pub struct Answering<'a> {
    pub version: SoapVersion,
    /// The request's `wsa:MessageID`, as it came.
    pub relates_to: Option<&'a str>,
    /// A GUID, without `urn:uuid:`.
    pub message_id: &'a str,
    pub now: Timestamp,
    /// Our own address, the faultactor.
    pub url: &'a str,
}

/// The whole answer with a payload. `action` is the name of the operation followed by `Response`:
/// `CreateResponse`, `RetrieveResponse`, `DescribeResponse`.
pub fn envelope(answering: &Answering<'_>, action: &str, payload: &str) -> String {
    let mut writer = Writer::with_capacity(payload.len() + 2048);
    open(&mut writer, answering, action);
    writer.raw(payload);
    close(&mut writer);
    writer.finish()
}

/// Bytes of markup in the JSON of a Lambda function's answer, where quotation marks, backslashes,
/// tabs and line feeds are escaped.
pub fn carried_bytes(markup: &str) -> usize {
    let is_escaped = |byte: &&u8| matches!(byte, b'"' | b'\\' | b'\t' | b'\n');
    markup.len() + markup.as_bytes().iter().filter(is_escaped).count()
}

/// The same for markup that is the text of an element.
pub fn carried_bytes_as_text(markup: &str) -> usize {
    let mut writer = Writer::with_capacity(markup.len() * 2);
    writer.text(markup);
    carried_bytes(&writer.finish())
}

/// The whole answer with a fault; sent with HTTP status 500.
pub fn write_fault(answering: &Answering<'_>, fault: &Fault) -> String {
    let mut writer = Writer::with_capacity(2048);
    open(&mut writer, answering, FAULT_ACTION);
    writer.open("soap:Fault");
    match answering.version {
        SoapVersion::Soap11 => write_fault_11(&mut writer, answering, fault),
        SoapVersion::Soap12 => write_fault_12(&mut writer, answering, fault),
    }
    writer.close("soap:Fault");
    close(&mut writer);
    writer.finish()
}

fn open(writer: &mut Writer, answering: &Answering<'_>, action: &str) {
    writer.raw(PROLOGUE);
    writer.raw("<soap:Envelope");
    writer.attribute("xmlns:soap", answering.version.namespace());
    writer.attribute("xmlns:xsi", SCHEMA_INSTANCE);
    writer.attribute("xmlns:xsd", SCHEMA);
    writer.attribute("xmlns:wsa", ADDRESSING);
    writer.attribute("xmlns:wsse", SECURITY);
    writer.attribute("xmlns:wsu", SECURITY_UTILITY);
    writer.raw("><soap:Header>");
    writer.leaf("wsa:Action", action);
    writer.leaf(
        "wsa:MessageID",
        &format!("urn:uuid:{}", answering.message_id),
    );
    writer.leaf_if("wsa:RelatesTo", answering.relates_to);
    writer.leaf("wsa:To", ANONYMOUS);
    writer.raw("<wsse:Security><wsu:Timestamp");
    writer.attribute("wsu:Id", &format!("Timestamp-{}", answering.message_id));
    writer.raw(">");
    writer.leaf("wsu:Created", &time::write_date_time(answering.now));
    let expires = answering
        .now
        .saturating_add(FRESHNESS)
        .unwrap_or(Timestamp::MAX);
    writer.leaf("wsu:Expires", &time::write_date_time(expires));
    writer.raw("</wsu:Timestamp></wsse:Security></soap:Header><soap:Body>");
}

fn close(writer: &mut Writer) {
    writer.raw("</soap:Body></soap:Envelope>");
}

fn write_fault_11(writer: &mut Writer, answering: &Answering<'_>, fault: &Fault) {
    let code = match fault.code {
        FaultCode::Client => "soap:Client",
        FaultCode::Server => "soap:Server",
        FaultCode::Security => "q0:Security",
        FaultCode::MustUnderstand => "soap:MustUnderstand",
        FaultCode::VersionMismatch => "soap:VersionMismatch",
    };
    writer.raw("<faultcode");
    if fault.code == FaultCode::Security {
        writer.attribute("xmlns:q0", SECURITY);
    }
    writer.raw(">");
    writer.raw(code);
    writer.close("faultcode");
    writer.leaf("faultstring", &fault.text);
    match fault.code {
        FaultCode::Security | FaultCode::Server => {
            writer.leaf("faultactor", answering.url);
            if fault.code == FaultCode::Server || fault.api.is_some() {
                write_detail(writer, "detail", fault);
            }
        }
        FaultCode::Client | FaultCode::MustUnderstand | FaultCode::VersionMismatch => {
            writer.empty("detail", None, false);
        }
    }
}

fn write_fault_12(writer: &mut Writer, answering: &Answering<'_>, fault: &Fault) {
    writer.open("soap:Code");
    let code = match fault.code {
        FaultCode::Client | FaultCode::Security => "soap:Sender",
        FaultCode::Server => "soap:Receiver",
        FaultCode::MustUnderstand => "soap:MustUnderstand",
        FaultCode::VersionMismatch => "soap:VersionMismatch",
    };
    writer.leaf("soap:Value", code);
    if fault.code == FaultCode::Security {
        // Also declared on this element: .NET looks up the prefix of a QName only there.
        writer.raw("<soap:Subcode><soap:Value");
        writer.attribute("xmlns:wsse", SECURITY);
        writer.raw(">wsse:Security</soap:Value></soap:Subcode>");
    }
    writer.close("soap:Code");
    writer.raw("<soap:Reason><soap:Text xml:lang=\"en\">");
    writer.text(&fault.text);
    writer.raw("</soap:Text></soap:Reason>");
    if matches!(fault.code, FaultCode::Security | FaultCode::Server) {
        writer.leaf("soap:Role", answering.url);
    }
    if fault.code == FaultCode::Server || fault.api.is_some() {
        write_detail(writer, "soap:Detail", fault);
    }
}

/// The protocol's own code and message.
fn write_detail(writer: &mut Writer, name: &str, fault: &Fault) {
    let Some((code, message)) = &fault.api else {
        return writer.empty(name, None, false);
    };
    writer.open(name);
    writer.raw("<apifault");
    writer.attribute("xmlns", API_FAULT);
    writer.raw(">");
    writer.number("Code", *code);
    writer.leaf("Message", message);
    writer.close("apifault");
    writer.close(name);
}
