//! How long reading and answering takes: a call of 2.2 KB, and envelopes of 50 and 2,500
//! subscribers. Run with `cargo run --release -p soap --example speed`.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use calls::Method;
use soap::{Answering, Operation, SoapVersion};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for subscribers in [1, 50, 2_500] {
        let envelope = envelope_of(subscribers);
        let bytes = envelope.as_bytes();
        let parsed = soap::read_envelope(bytes, None).expect("a good envelope");
        let kept = soap::canonical(&parsed.body);
        writeln!(
            out,
            "{subscribers} subscribers, {} bytes, kept {}",
            bytes.len(),
            kept.len()
        )?;
        show(&mut out, "well_formed", bytes, || {
            soap::well_formed(bytes).is_ok()
        })?;
        show(&mut out, "read_envelope", bytes, || {
            soap::read_envelope(bytes, None).is_ok()
        })?;
        show(&mut out, "canonical", bytes, || {
            soap::canonical(&parsed.body).len() > 1
        })?;
        show(&mut out, "digest", bytes, || {
            soap::digest(&parsed.body).0.len() > 1
        })?;
        show(&mut out, "read_canonical", bytes, || {
            soap::read_canonical(&kept).is_ok()
        })?;
        show(&mut out, "read, keep, check, answer", bytes, || {
            take_in(bytes).len() > 1
        })?;
    }
    Ok(())
}

/// The whole of what happens to an envelope in this crate when it is taken in.
fn take_in(bytes: &[u8]) -> String {
    let envelope = soap::read_envelope(bytes, Some("text/xml; charset=utf-8")).expect("good");
    let kept = soap::canonical(&envelope.body);
    black_box(calls::Digest::of(kept.as_bytes()));
    let action = envelope.action.as_deref();
    let operation = soap::take_operation(envelope.body, Some("\"Create\""), action);
    let Ok(Operation::Call(call)) = operation else {
        return String::new();
    };
    call.check(false).expect("nothing wrong");
    black_box(call.place().expect("a place"));
    let id = "6f0c2d1e-8f3a-4b57-9d43-0d6f9a4f5c11";
    let answering = Answering {
        version: SoapVersion::Soap11,
        relates_to: envelope.message_id.as_deref(),
        message_id: id,
        now: jiff::Timestamp::UNIX_EPOCH,
        url: "https://example.com/Service.asmx",
    };
    let payload = soap::write_queued(Method::Create, call.objects.len(), id);
    soap::envelope(&answering, "CreateResponse", &payload)
}

/// Runs it for a while and shows the fastest of many rounds, each so short that on a busy machine
/// too some are not interrupted.
fn show(
    out: &mut impl std::io::Write,
    what: &str,
    bytes: &[u8],
    run: impl Fn() -> bool,
) -> std::io::Result<()> {
    const ROUND_BYTES: usize = 500_000;
    let times = (ROUND_BYTES / bytes.len()).max(1);
    let mut fastest = Duration::MAX;
    for _ in 0..160 {
        let begun = Instant::now();
        let all_good = (0..times).all(|_| black_box(run()));
        if all_good {
            fastest = fastest.min(begun.elapsed());
        }
    }
    let each = fastest.as_secs_f64() / times as f64;
    let rate = bytes.len() as f64 / each / 1e6;
    writeln!(out, "  {what:<26} {:>9.1} us {rate:>7.0} MB/s", each * 1e6)
}

fn envelope_of(subscribers: usize) -> String {
    let mut text = String::from(HEAD);
    for number in 0..subscribers {
        text.push_str(&format!(
            "        <Subscribers>\n          <EmailAddress>someone.{number}@example.com</EmailAddress>\n          <SubscriberKey>key-{number}</SubscriberKey>\n          <Attributes>\n            <Name>FirstName</Name>\n            <Value>Ann &amp; Bob {number}</Value>\n          </Attributes>\n          <Attributes><Name>City</Name><Value>Zürich</Value></Attributes>\n        </Subscribers>\n"
        ));
    }
    text.push_str("      </Objects>\n    </CreateRequest>\n  </soap:Body>\n</soap:Envelope>\n");
    text
}

const HEAD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">
  <soap:Header>
    <wsa:Action>Create</wsa:Action>
    <wsa:MessageID>urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e</wsa:MessageID>
    <wsa:ReplyTo><wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address></wsa:ReplyTo>
    <wsse:Security soap:mustUnderstand="1">
      <wsse:UsernameToken><wsse:Username>someone</wsse:Username><wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">secret</wsse:Password></wsse:UsernameToken>
    </wsse:Security>
  </soap:Header>
  <soap:Body>
    <CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI">
      <Options>
        <SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>https://client.example/cb</ResponseAddress><RespondWhen>OnCallComplete</RespondWhen><IncludeResults>true</IncludeResults></SendResponseTo>
        <ConversationID>order-17</ConversationID>
        <SequenceCode>1</SequenceCode>
        <CallsInConversation>3</CallsInConversation>
        <RequestType>Asynchronous</RequestType>
        <QueuePriority>High</QueuePriority>
      </Options>
      <Objects xsi:type="TriggeredSend">
        <TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>
"#;
