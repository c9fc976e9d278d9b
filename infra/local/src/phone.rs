//! AWS End User Messaging: accepts texts and voice calls, and keeps them for tests and people to
//! look at.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws_request::AwsRequest;
use crate::clock::LocalClock;
use crate::failure::WireFailure;
use crate::folder::{append_line, read_lines};
use crate::mail_events::{EventDelivery, MailEvents, PendingEvent};
use crate::names::{ACCOUNT, REGION};
use crate::{disk, held};

/// Letters of one text, and of one call. AWS's figures.
const TEXT_LETTERS_MAX: usize = 1_600;
const VOICE_LETTERS_MAX: usize = 3_000;

/// Entries of a context, letters of a name and of a value. AWS's figures.
const CONTEXT_MAX: usize = 5;
const CONTEXT_NAME_MAX: usize = 100;
const CONTEXT_VALUE_MAX: usize = 800;

/// What went to a phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedText {
    pub id: String,
    pub at: Timestamp,
    /// `text` or `voice`.
    pub kind: String,
    pub to: String,
    pub from: String,
    pub text: String,
    /// How many parts the service counts, each of which is paid for.
    pub parts: u32,
}

/// A refusal of the service that is not the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// Its owner has answered STOP.
    OptedOut,
    TooManyRequests,
    /// The month's money is spent.
    Spent,
    /// The account sends nothing to that country.
    NotEnabled,
    /// It cannot make anything of it.
    Unparsed,
    /// It breaks down, and may have sent it.
    BreaksDown,
}

/// What becomes of a text or a call that was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextFate {
    #[default]
    Arrives,
    /// The carrier refuses it; nobody picks up.
    Fails,
}

/// All texts and calls. Clones share them.
#[derive(Clone, Debug)]
pub struct Phone {
    exchange: Arc<Mutex<Exchange>>,
    clock: LocalClock,
}

#[derive(Debug, Default)]
struct Exchange {
    texts: Vec<CapturedText>,
    next_faults: VecDeque<TextFault>,
    /// Requests in a second; none: any number.
    rate: Option<usize>,
    throttled: usize,
    fates: BTreeMap<String, TextFate>,
    events: MailEvents,
    log: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendMessage {
    destination_phone_number: String,
    origination_identity: String,
    message_body: String,
    #[serde(rename = "MessageType")]
    _message_type: Option<String>,
    message_body_text_type: Option<String>,
    #[serde(rename = "TimeToLive")]
    _time_to_live: Option<u32>,
    #[serde(default)]
    context: BTreeMap<String, String>,
}

impl Phone {
    pub(crate) fn new(clock: LocalClock) -> Self {
        Self {
            exchange: Arc::default(),
            clock,
        }
    }

    /// Keeps what goes out in this file from now on, one a line, and takes in what it holds.
    pub(crate) fn keep_in(&self, file: &Path) -> anyhow::Result<()> {
        let mut exchange = held(&self.exchange);
        exchange.texts = read_lines(file)?;
        exchange.log = Some(file.to_owned());
        Ok(())
    }

    /// All that went out, in its order.
    pub fn texts(&self) -> Vec<CapturedText> {
        held(&self.exchange).texts.clone()
    }

    /// Forgets all that went out.
    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        let mut exchange = held(&self.exchange);
        exchange.texts.clear();
        if let Some(log) = &exchange.log {
            disk::replace(log, b"")?;
        }
        Ok(())
    }

    /// Refuses the next one for this reason; said several times, as many.
    pub fn refuse_next(&self, fault: TextFault) {
        held(&self.exchange).next_faults.push_back(fault);
    }

    /// Takes no more requests in a second from now on.
    pub fn set_rate(&self, per_second: usize) {
        held(&self.exchange).rate = Some(per_second);
    }

    /// How many were refused because they were too many.
    pub fn throttled(&self) -> usize {
        held(&self.exchange).throttled
    }

    /// How events of texts are delivered from now on.
    pub fn tells(&self, how: EventDelivery) {
        held(&self.exchange).events.delivery = how;
    }

    /// What becomes of texts and calls to a number.
    pub fn texts_to(&self, number: &str, fate: TextFate) {
        held(&self.exchange).fates.insert(number.to_owned(), fate);
    }

    pub(crate) fn take_event(&self) -> Option<PendingEvent> {
        let now = self.clock.now();
        held(&self.exchange).events.take(now)
    }

    pub(crate) fn event_failed(&self, event: PendingEvent) {
        let now = self.clock.now();
        held(&self.exchange).events.failed(event, now);
    }

    pub(crate) fn next_event_at(&self) -> Option<Timestamp> {
        held(&self.exchange).events.next_at()
    }

    /// Answers one request, and says how many parts it sent.
    pub(crate) fn answer(&self, aws_request: &AwsRequest) -> Result<(Value, u32), WireFailure> {
        let kind = match aws_request.operation.as_str() {
            "SendTextMessage" => "text",
            "SendVoiceMessage" => "voice",
            other => {
                return Err(WireFailure::not_built(format!(
                    "End User Messaging {other}"
                )));
            }
        };
        let request = SendMessage::deserialize(&aws_request.json)
            .map_err(|error| WireFailure::unreadable(&aws_request.operation, &error))?;
        check(kind, &request)?;
        let at = self.clock.now();
        let mut exchange = held(&self.exchange);
        if let Some(fault) = exchange.next_faults.pop_front() {
            return Err(refusal(fault));
        }
        if exchange.is_full(at) {
            exchange.throttled += 1;
            return Err(refusal(TextFault::TooManyRequests));
        }
        let text = CapturedText {
            // Counted, not drawn, so that two runs of a test are the same.
            id: format!("00000000-0000-0000-0000-{:012x}", exchange.texts.len() + 1),
            at,
            kind: kind.to_owned(),
            parts: match kind {
                "text" => parts(&request.message_body),
                _ => 1,
            },
            to: request.destination_phone_number,
            from: request.origination_identity,
            text: request.message_body,
        };
        let fate = exchange.fates.get(&text.to).copied().unwrap_or_default();
        let event = event(&text, fate, &request.context);
        exchange.events.tell(event, at);
        let (id, parts) = (text.id.clone(), text.parts);
        exchange.keep(text);
        Ok((json!({ "MessageId": id }), parts))
    }
}

impl Exchange {
    fn is_full(&self, now: Timestamp) -> bool {
        let within = now - SignedDuration::from_secs(1);
        let lately = self.texts.iter().rev().take_while(|text| text.at > within);
        self.rate.is_some_and(|rate| lately.count() >= rate)
    }

    fn keep(&mut self, text: CapturedText) {
        if let Some(file) = &self.log {
            append_line(file, &text);
        }
        self.texts.push(text);
    }
}

fn check(kind: &str, request: &SendMessage) -> Result<(), WireFailure> {
    let number = request.destination_phone_number.strip_prefix('+');
    let is_number = number.is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !is_number {
        return Err(invalid("INVALID_PARAMETER"));
    }
    let (most, body_type) = match kind {
        "text" => (TEXT_LETTERS_MAX, None),
        _ => (VOICE_LETTERS_MAX, Some("TEXT")),
    };
    let count = request.message_body.chars().count();
    if !(1..=most).contains(&count) {
        return Err(invalid("MAXIMUM_SIZE_EXCEEDED"));
    }
    if request.message_body_text_type.as_deref() != body_type {
        return Err(invalid("INVALID_PARAMETER"));
    }
    let is_too_long = |(name, value): (&String, &String)| {
        name.chars().count() > CONTEXT_NAME_MAX || value.chars().count() > CONTEXT_VALUE_MAX
    };
    if request.context.len() > CONTEXT_MAX || request.context.iter().any(is_too_long) {
        return Err(invalid("INVALID_PARAMETER"));
    }
    Ok(())
}

fn invalid(reason: &'static str) -> WireFailure {
    WireFailure::new(400, "ValidationException", reason).because(reason)
}

fn refusal(fault: TextFault) -> WireFailure {
    match fault {
        TextFault::OptedOut => {
            let reason = "DESTINATION_PHONE_NUMBER_OPTED_OUT";
            WireFailure::new(409, "ConflictException", "opted out").because(reason)
        }
        TextFault::TooManyRequests => WireFailure::new(429, "ThrottlingException", "Rate exceeded"),
        TextFault::Spent => {
            let reason = "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT";
            WireFailure::new(402, "ServiceQuotaExceededException", "spent").because(reason)
        }
        TextFault::NotEnabled => invalid("COUNTRY_NOT_ENABLED"),
        TextFault::Unparsed => invalid("CANNOT_PARSE"),
        TextFault::BreaksDown => WireFailure::new(500, "InternalServerException", "it broke down"),
    }
}

/// Parts, by the letters that the GSM alphabet has in common with ASCII; any other makes it UTF-16.
/// Counted independently of the product, so that both do not share a mistake.
fn parts(text: &str) -> u32 {
    let two_places = "^{}\\[~]|";
    let is_gsm = text
        .chars()
        .all(|letter| matches!(letter, '\n' | '\r' | ' '..='~') && letter != '`');
    let places = |letter: char| match is_gsm {
        true => 1 + usize::from(two_places.contains(letter)),
        false => letter.len_utf16(),
    };
    let (alone, each) = if is_gsm { (160, 153) } else { (70, 67) };
    if text.chars().map(places).sum::<usize>() <= alone {
        return 1;
    }
    let mut rest: Vec<usize> = text.chars().map(places).rev().collect();
    let mut parts = 0;
    while !rest.is_empty() {
        let mut left = each;
        while rest.last().is_some_and(|places| *places <= left) {
            left -= rest.pop().unwrap_or_default();
        }
        parts += 1;
    }
    parts
}

/// What EventBridge reports in the end.
fn event(text: &CapturedText, fate: TextFate, context: &BTreeMap<String, String>) -> Value {
    let (detail_type, event_type) = match (text.kind.as_str(), fate) {
        ("text", TextFate::Arrives) => ("Text", "TEXT_SUCCESSFUL"),
        ("text", TextFate::Fails) => ("Text", "TEXT_CARRIER_BLOCKED"),
        (_, TextFate::Arrives) => ("Voice", "VOICE_COMPLETED"),
        (_, TextFate::Fails) => ("Voice", "VOICE_NO_ANSWER"),
    };
    json!({
        "version": "0", "id": format!("{}-final", text.id),
        "detail-type": format!("{detail_type} Message Delivery Status Updated"),
        "source": "aws.sms-voice", "account": ACCOUNT, "region": REGION,
        "time": text.at.to_string(), "resources": [],
        "detail": {
            "eventType": event_type, "eventVersion": "1.0",
            "eventTimestamp": text.at.as_millisecond(), "isFinal": true,
            "originationPhoneNumber": text.from, "destinationPhoneNumber": text.to,
            "messageId": text.id, "messageRequestTimestamp": text.at.as_millisecond(),
            "context": context, "totalMessageParts": text.parts,
            "totalMessagePrice": 0.0, "totalCarrierFee": 0.0,
        },
    })
}
