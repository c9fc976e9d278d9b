//! Writes parts, flaws and queries as requests to the server, and reads its answers.

use calls::{Method, QueuePriority, RespondWhen};
use jiff::{SignedDuration, Timestamp};

use crate::happenings::{Flaw, Name, Part, Write};
use crate::reference::{Answer, written};

/// The token of every world.
pub const TOKEN: &str = "simulated";

/// Where replies go; the path says which.
pub const RECEIVER: &str = "http://receiver.example/";

pub fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Header>\
         <fueloauth xmlns=\"http://exacttarget.com\">{TOKEN}</fueloauth></s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// The ConversationID of a world, or nothing.
pub fn conversation_id(name: Name) -> Option<String> {
    match name {
        Name::Named(number) => Some(format!("conversation {number} of # & \u{e9}")),
        Name::Alone(_) | Name::Keyed(_) => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn time(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
}

pub fn part(to: Name, part: &Part) -> String {
    let mut options = String::new();
    for (number, when) in part.respond_when.iter().enumerate() {
        let address = address(to, part.sequence, part.variant, number);
        options.push_str(&format!(
            "<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>{address}\
             </ResponseAddress><RespondWhen>{}</RespondWhen></SendResponseTo>",
            when_text(*when)
        ));
    }
    if let Some(id) = conversation_id(to) {
        options.push_str(&format!(
            "<ConversationID>{}</ConversationID><SequenceCode>{}</SequenceCode>\
             <CallsInConversation>{}</CallsInConversation>",
            escaped(&id),
            part.sequence,
            part.calls
        ));
    }
    options.push_str("<RequestType>Asynchronous</RequestType>");
    if let Some(at) = part.scheduled_ms {
        options.push_str(&format!("<ScheduledTime>{}</ScheduledTime>", time(at)));
    }
    options.push_str(&format!(
        "<QueuePriority>{}</QueuePriority>",
        priority(part.priority)
    ));
    if let Some(at) = part.expires_ms {
        let at = time(at);
        options.push_str(&format!(
            "<RequestExpirationTime>{at}</RequestExpirationTime>"
        ));
    }
    let Write { method, objects } = &part.change;
    let objects: String = objects
        .iter()
        .map(|object| {
            format!(
                "<Objects xsi:type=\"Portfolio\"><CustomerKey>{}</CustomerKey>\
                 <DisplayName>{}</DisplayName></Objects>",
                object_key(to, *object),
                written(part)
            )
        })
        .collect();
    envelope_of(*method, &options, &objects)
}

/// The key of an object that only this conversation's calls touch.
pub fn object_key(of: Name, object: u8) -> String {
    match of {
        Name::Named(number) => format!("named {number} {object}"),
        Name::Alone(number) => format!("alone {number} {object}"),
        Name::Keyed(number) => format!("keyed {number} {object}"),
    }
}

fn envelope_of(method: Method, options: &str, objects: &str) -> String {
    let request = match method {
        Method::Create => "CreateRequest",
        Method::Update => "UpdateRequest",
        Method::Delete => "DeleteRequest",
        Method::Perform => "PerformRequestMsg",
    };
    envelope(&format!(
        "<{request} xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Options>{options}</Options>\
         {objects}</{request}>"
    ))
}

pub fn address(to: Name, sequence: u32, variant: u8, number: usize) -> String {
    let (kind, of) = match to {
        Name::Named(of) => ("named", of),
        Name::Alone(of) => ("alone", of),
        Name::Keyed(of) => ("keyed", of),
    };
    format!("{RECEIVER}{kind}/{of}/{sequence}/{variant}/{number}")
}

/// What an address says: conversation, SequenceCode, variant, number of the SendResponseTo.
pub fn addressed(url: &str) -> Option<(Name, u32, u8, usize)> {
    let mut parts = url.strip_prefix(RECEIVER)?.split('/');
    let kind = parts.next()?;
    let of = parts.next()?.parse().ok()?;
    let to = match kind {
        "named" => Name::Named(of),
        "alone" => Name::Alone(of),
        _ => Name::Keyed(of),
    };
    let sequence = parts.next()?.parse().ok()?;
    Some((
        to,
        sequence,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}

const fn when_text(when: RespondWhen) -> &'static str {
    match when {
        RespondWhen::Never => "Never",
        RespondWhen::OnError => "OnError",
        RespondWhen::Always => "Always",
        RespondWhen::OnConversationError => "OnConversationError",
        RespondWhen::OnConversationComplete => "OnConversationComplete",
        RespondWhen::OnCallComplete => "OnCallComplete",
        RespondWhen::OnExpired => "OnExpired",
    }
}

const fn priority(priority: QueuePriority) -> &'static str {
    match priority {
        QueuePriority::Low => "Low",
        QueuePriority::Medium => "Medium",
        QueuePriority::High => "High",
    }
}

pub fn flawed(flaw: Flaw, now_ms: i64) -> String {
    let named = |sequence: &str, calls: &str| {
        format!("<ConversationID>flawed</ConversationID>{sequence}{calls}{ASYNCHRONOUS}")
    };
    let at = |name: &str, s: i64| format!("<{name}>{}</{name}>", time(now_ms + s * 1000));
    let reply = |kind: &str, address: &str| {
        format!(
            "<SendResponseTo><ResponseType>{kind}</ResponseType><ResponseAddress>{address}\
             </ResponseAddress></SendResponseTo>{ASYNCHRONOUS}"
        )
    };
    let (first, one) = (
        "<SequenceCode>1</SequenceCode>",
        "<CallsInConversation>1</CallsInConversation>",
    );
    let options = match flaw {
        Flaw::NoSequenceCode => named("", one),
        Flaw::SequenceCodeZero => named("<SequenceCode>0</SequenceCode>", one),
        Flaw::SequenceCodeBeyond => named("<SequenceCode>2</SequenceCode>", one),
        Flaw::NoCalls => named(first, ""),
        Flaw::NoCallsAtAll => named(first, "<CallsInConversation>0</CallsInConversation>"),
        Flaw::TooManyCalls => named(first, "<CallsInConversation>10001</CallsInConversation>"),
        Flaw::NoConversationId => format!("{first}{one}{ASYNCHRONOUS}"),
        Flaw::LongConversationId => {
            let id = "x".repeat(256);
            format!("<ConversationID>{id}</ConversationID>{first}{one}{ASYNCHRONOUS}")
        }
        Flaw::Synchronous => format!("<ConversationID>flawed</ConversationID>{first}{one}"),
        Flaw::ScheduledTooFar => at("ScheduledTime", 30 * 86_400 + 1) + ASYNCHRONOUS,
        Flaw::UnsecureAddress => reply("HTTPPost", "ftp://receiver.example/"),
        Flaw::Expired => format!("{ASYNCHRONOUS}{}", at("RequestExpirationTime", 0)),
        Flaw::ExpiresBeforeSchedule => format!(
            "{}{ASYNCHRONOUS}{}",
            at("ScheduledTime", 600),
            at("RequestExpirationTime", 600)
        ),
        Flaw::ExpiresInConversation => format!(
            "{}{}",
            named(first, "<CallsInConversation>2</CallsInConversation>"),
            at("RequestExpirationTime", 600)
        ),
        Flaw::Ftp => reply("FTP", "ftp://receiver.example/"),
        Flaw::CorrelationIdTwice | Flaw::TooManyObjects => ASYNCHRONOUS.to_owned(),
        Flaw::CancelsUnknown => {
            return cancel("ScheduledConversation", "ConversationID", "unknown");
        }
    };
    let object = "<Objects xsi:type=\"Portfolio\"><CorrelationID>c</CorrelationID>\
                  <CustomerKey>flawed</CustomerKey></Objects>";
    let objects = if flaw == Flaw::TooManyObjects {
        "<Objects xsi:type=\"Portfolio\"/>".repeat(32_767)
    } else if flaw == Flaw::CorrelationIdTwice {
        object.repeat(2)
    } else {
        object.to_owned()
    };
    envelope_of(Method::Create, &options, &objects)
}

const ASYNCHRONOUS: &str = "<RequestType>Asynchronous</RequestType>";

/// A synchronous Delete of what was sent before.
pub fn cancel(type_name: &str, field: &str, value: &str) -> String {
    let objects = format!(
        "<Objects xsi:type=\"{type_name}\"><{field}>{}</{field}></Objects>",
        escaped(value)
    );
    envelope_of(Method::Delete, "", &objects)
}

pub fn retrieve(type_name: &str, properties: &[&str], field: &str, value: &str) -> String {
    let properties: String = properties
        .iter()
        .map(|name| format!("<Properties>{name}</Properties>"))
        .collect();
    envelope(&format!(
        "<RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest>\
         <ObjectType>{type_name}</ObjectType>{properties}<Filter xsi:type=\"SimpleFilterPart\">\
         <Property>{field}</Property><SimpleOperator>equals</SimpleOperator><Value>{}</Value>\
         </Filter></RetrieveRequest></RetrieveRequestMsg>",
        escaped(value)
    ))
}

/// The text of every element of that name.
pub fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split(&close).next())
        .map(|text| text.replace("&lt;", "<").replace("&amp;", "&"))
        .collect()
}

/// The answer to an asynchronous request, with its RequestID; `None`: there was none.
pub fn read_answer(status: u16, body: &str) -> Option<(Answer, String)> {
    if status == 500 {
        return body
            .contains("Idempotency-Key")
            .then(|| (Answer::KeyUsed, String::new()));
    }
    if let Some(code) = texts(body, "ErrorCode").first() {
        return Some((Answer::Refused(code.parse().ok()?), String::new()));
    }
    let request_id = texts(body, "RequestID").first()?.clone();
    Some((Answer::Accepted, request_id))
}
