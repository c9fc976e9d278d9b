//! The envelopes that reading is measured on.

/// A call as clients send it; with one subscriber it has 2.2 KB, with 2,500 it has 1 MB.
pub(crate) fn triggered_send(subscribers: usize) -> String {
    let mut text = String::from(HEAD);
    for number in 0..subscribers {
        text.push_str(&format!(
            "        <Subscribers>\n          <EmailAddress>someone.{number}@example.com</EmailAddress>\n          <SubscriberKey>key-{number}</SubscriberKey>\n          <Attributes>\n            <Name>FirstName</Name>\n            <Value>Ann &amp; Bob {number}</Value>\n          </Attributes>\n          <Attributes><Name>City</Name><Value>Zürich</Value></Attributes>\n        </Subscribers>\n"
        ));
    }
    text.push_str("      </Objects>\n    </CreateRequest>\n  </soap:Body>\n</soap:Envelope>\n");
    text
}

/// The same with its header behind the body, as some clients write it.
pub(crate) fn with_header_behind(envelope: &str) -> Option<String> {
    let (before, rest) = envelope.split_once("<soap:Header>")?;
    let (header, rest) = rest.split_once("</soap:Header>")?;
    let body = rest.strip_suffix("</soap:Envelope>\n")?;
    Some(format!(
        "{before}{body}<soap:Header>{header}</soap:Header></soap:Envelope>"
    ))
}

/// Envelopes that would be slow to read if anything in them were compared with everything else; in
/// each the hostile part is there so many times.
pub(crate) fn hostile(kind: &str, times: usize) -> Option<String> {
    let inside = match kind {
        "attributes" => {
            let all: String = (0..60).map(|number| format!(" p{number}:a=''")).collect();
            return Some(around(&declarations(), &format!("<A{all}/>").repeat(times)));
        }
        "references" => format!("<A>{}</A>", "&amp;".repeat(times)),
        "comments" => format!("<A>{}</A>", "x<!---->".repeat(times)),
        "sections" => format!("<A>{}</A>", "<![CDATA[x]]>".repeat(times)),
        "open-sections" => "<![CDATA[".repeat(times),
        "brackets" => format!("<A>{}</A>", "]".repeat(times)),
        "line-ends" => format!("<A>{}</A>", "\r\n".repeat(times)),
        "value" => format!("<A b='{}'/>", "&#10;\t".repeat(times)),
        "names" => format!("<{0}></{0}>", "n".repeat(255)).repeat(times),
        "elements" => "<A/>".repeat(times),
        "depth" => format!("{}{}", "<A>".repeat(60), "</A>".repeat(60)).repeat(times),
        "blanks" => format!("<A{}/>", " ".repeat(times)),
        "quotes" => format!("<A b='{}", "\"".repeat(times)),
        _ => return None,
    };
    Some(around("", &inside))
}

/// The same with so many bytes of the hostile part.
pub(crate) fn hostile_of_size(kind: &str, bytes: usize) -> Option<String> {
    let (one, two) = (hostile(kind, 1)?.len(), hostile(kind, 2)?.len());
    hostile(kind, bytes / (two - one))
}

/// Every kind of [`hostile`].
pub(crate) const HOSTILE: [&str; 13] = [
    "attributes",
    "references",
    "comments",
    "sections",
    "open-sections",
    "brackets",
    "line-ends",
    "value",
    "names",
    "elements",
    "depth",
    "blanks",
    "quotes",
];

/// As many prefixes of as long names as are allowed, which differ in their last characters.
fn declarations() -> String {
    let uri = "u".repeat(500);
    let all = (0..60).map(|number| format!(" xmlns:p{number}=\"{uri}{number:02}\""));
    all.collect()
}

fn around(declarations: &str, inside: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"{declarations}><s:Body>\
         <CreateRequest xmlns=\"{}\">{inside}</CreateRequest></s:Body></s:Envelope>",
        soap::API
    )
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
