//! SESv2: accepts mails and keeps them whole, for tests and people to look at.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws_request::AwsRequest;
use crate::clock::LocalClock;
use crate::failure::WireFailure;
use crate::folder::{append_line, read_lines};
use crate::mail::{Attachment, CapturedMail};
use crate::mail_events::{EmailTag, EventDelivery, MailEvents, MailFate, PendingEvent, tags_of};
use crate::{disk, held};

/// Longest mail, encoded. AWS's figure for the second version of its interface.
const MAIL_BYTES_MAX: usize = 40 << 20;

/// Most recipients of one mail. AWS's figure.
const RECIPIENTS_MAX: usize = 50;

/// Mails in a second that a local account may send: more than any test sends.
const RATE: u32 = 1_000;

/// A refusal of SES that is not the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFault {
    /// SES rejects this mail.
    MessageRejected,
    /// SES rejects this mail and all others of this sender, until the sender is verified.
    SenderNotVerified,
    TooManyRequests,
    AccountSendingPaused,
}

/// All mails. Clones share them.
#[derive(Clone, Debug)]
pub struct Ses {
    post: Arc<Mutex<SendRequest>>,
    clock: LocalClock,
}

#[derive(Debug, Default)]
struct SendRequest {
    mails: Vec<CapturedMail>,
    next_faults: VecDeque<MailFault>,
    fault: Option<MailFault>,
    /// Mails in a second; none: [`RATE`].
    rate: Option<u32>,
    /// How often it was asked for more than that.
    throttled: usize,
    events: MailEvents,
    log: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEmail {
    from_email_address: Option<String>,
    #[serde(default)]
    destination: Destination,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    content: MailContent,
    configuration_set_name: Option<String>,
    #[serde(default)]
    email_tags: Vec<EmailTag>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
enum MailContent {
    Raw(Text),
    Simple(Box<SimpleContent>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SimpleContent {
    subject: Text,
    body: MailBody,
    #[serde(default)]
    headers: Vec<MailHeader>,
    #[serde(default)]
    attachments: Vec<Attached>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MailBody {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Text {
    data: String,
    #[serde(rename = "Charset")]
    _charset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MailHeader {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    raw_content: String,
    file_name: String,
    content_type: Option<String>,
}

impl Ses {
    pub(crate) fn new(clock: LocalClock) -> Self {
        Self {
            post: Arc::default(),
            clock,
        }
    }

    /// Keeps mails in this file from now on, one a line, and takes in what it holds.
    pub(crate) fn keep_in(&self, file: &Path) -> anyhow::Result<()> {
        let mut post = held(&self.post);
        post.mails = read_lines(file)?;
        post.log = Some(file.to_owned());
        Ok(())
    }

    /// All mails that were taken, in their order.
    pub fn mails(&self) -> Vec<CapturedMail> {
        held(&self.post).mails.clone()
    }

    /// Forgets all mails.
    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        let mut post = held(&self.post);
        post.mails.clear();
        if let Some(log) = &post.log {
            disk::replace(log, b"")?;
        }
        Ok(())
    }

    /// Refuses every mail for this reason until it is cleared with none.
    pub fn set_fault(&self, fault: Option<MailFault>) {
        held(&self.post).fault = fault;
    }

    /// Refuses the next mail for this reason; said several times, as many mails.
    pub fn refuse_next(&self, fault: MailFault) {
        held(&self.post).next_faults.push_back(fault);
    }

    /// Takes no more mails in a second from now on, and says so to who asks.
    pub fn set_rate(&self, mails_per_second: u32) {
        held(&self.post).rate = Some(mails_per_second);
    }

    /// How many mails were refused because they were too many.
    pub fn throttled(&self) -> usize {
        held(&self.post).throttled
    }

    /// How events of mails are delivered from now on.
    pub fn set_event_delivery(&self, how: EventDelivery) {
        held(&self.post).events.delivery = how;
    }

    /// What becomes of mails to an address.
    pub fn mails_to(&self, address: &str, fate: MailFate) {
        let fates = &mut held(&self.post).events.fates;
        fates.insert(address.to_owned(), fate);
    }

    /// Events that no function took in, however often it was tried.
    pub fn lost_events(&self) -> usize {
        held(&self.post).events.lost
    }

    pub(crate) fn take_event(&self) -> Option<PendingEvent> {
        let now = self.clock.now();
        held(&self.post).events.take(now)
    }

    /// A function failed at it: it comes again as Lambda brings it.
    pub(crate) fn event_failed(&self, event: PendingEvent) {
        let now = self.clock.now();
        held(&self.post).events.failed(event, now);
    }

    pub(crate) fn next_event_at(&self) -> Option<Timestamp> {
        held(&self.post).events.next_at()
    }

    fn account(&self) -> Value {
        let rate = held(&self.post).rate.unwrap_or(RATE);
        json!({
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": true,
            "SendingEnabled": true,
            "SendQuota": {
                "Max24HourSend": f64::from(rate) * 86_400.0,
                "MaxSendRate": f64::from(rate),
                "SentLast24Hours": 0.0,
            },
        })
    }

    /// Answers one request of AWS's REST protocol.
    pub(crate) fn answer(&self, aws_request: &AwsRequest) -> Result<Value, WireFailure> {
        if aws_request.operation == "GetAccount" {
            return Ok(self.account());
        }
        if aws_request.operation != "SendEmail" {
            return Err(WireFailure::not_built(format!(
                "SES {}",
                aws_request.operation
            )));
        }
        let request = SendEmail::deserialize(&aws_request.json)
            .map_err(|error| WireFailure::unreadable("SendEmail", &error))?;
        let mut post = held(&self.post);
        let fault = post.next_faults.pop_front().or(post.fault);
        if let Some(fault) = fault {
            let sender = request.from_email_address.unwrap_or_default();
            return Err(refusal(fault, &sender));
        }
        let set = request.configuration_set_name.as_deref();
        let tags = tags_of(set, &request.email_tags)?;
        let mut mail = mail_from(request)?;
        mail.at = self.clock.now();
        if post.is_full(mail.at) {
            post.throttled += 1;
            return Err(refusal(MailFault::TooManyRequests, ""));
        }
        // Counted, not drawn, so that two runs of a test are the same.
        mail.id = format!("0100000000000000-{:08x}", post.mails.len() + 1);
        let id = mail.id.clone();
        if let Some(tags) = tags {
            post.events.of(&mail, &tags);
        }
        post.keep(mail);
        Ok(json!({ "MessageId": id }))
    }
}

impl SendRequest {
    /// Whether the second before that has as many mails as it may have.
    fn is_full(&self, now: Timestamp) -> bool {
        let within = now - SignedDuration::from_secs(1);
        let lately = self.mails.iter().rev().take_while(|mail| mail.at > within);
        u32::try_from(lately.count()).unwrap_or(u32::MAX) >= self.rate.unwrap_or(RATE)
    }

    fn keep(&mut self, mail: CapturedMail) {
        if let Some(file) = &self.log {
            append_line(file, &mail);
        }
        self.mails.push(mail);
    }
}

fn mail_from(request: SendEmail) -> Result<CapturedMail, WireFailure> {
    let mut mail = match request.content {
        MailContent::Raw(raw) => raw_mail(&raw.data)?,
        MailContent::Simple(simple) => simple_mail(*simple, &request.reply_to_addresses)?,
    };
    if let Some(from) = request.from_email_address {
        mail.from = from;
    }
    let Destination {
        to_addresses,
        cc_addresses,
        bcc_addresses,
    } = request.destination;
    // Addresses beside the mail take precedence over those in it.
    if !(to_addresses.is_empty() && cc_addresses.is_empty() && bcc_addresses.is_empty()) {
        (mail.to, mail.cc, mail.bcc) = (to_addresses, cc_addresses, bcc_addresses);
    }
    if mail.from.is_empty() {
        return Err(bad_request("Missing required header 'From'."));
    }
    match mail.recipients().len() {
        0 => Err(bad_request("Missing required header 'To'.")),
        count if count > RECIPIENTS_MAX => Err(bad_request(format!(
            "Recipient count exceeds {RECIPIENTS_MAX}."
        ))),
        _ => Ok(mail),
    }
}

fn raw_mail(data: &str) -> Result<CapturedMail, WireFailure> {
    if data.len() > MAIL_BYTES_MAX {
        return Err(bad_request(format!(
            "Message length is more than {MAIL_BYTES_MAX} bytes long."
        )));
    }
    let raw = BASE64_STANDARD.decode(data).map_err(bad_request)?;
    CapturedMail::parse(&raw).ok_or_else(|| bad_request("Missing required header."))
}

fn simple_mail(simple: SimpleContent, reply_to: &[String]) -> Result<CapturedMail, WireFailure> {
    let attachments = simple.attachments.into_iter().map(|attached| {
        let content = BASE64_STANDARD
            .decode(attached.raw_content)
            .map_err(bad_request)?;
        let content_type = attached
            .content_type
            .as_deref()
            .unwrap_or("application/octet-stream");
        Ok(Attachment::new(&attached.file_name, content_type, content))
    });
    Ok(CapturedMail {
        subject: simple.subject.data,
        text: simple.body.text.map(|text| text.data),
        html: simple.body.html.map(|html| html.data),
        headers: simple
            .headers
            .into_iter()
            .map(|header| (header.name, header.value))
            .collect(),
        reply_to: reply_to.to_vec(),
        attachments: attachments.collect::<Result<_, WireFailure>>()?,
        ..CapturedMail::default()
    })
}

fn refusal(fault: MailFault, sender: &str) -> WireFailure {
    match fault {
        MailFault::MessageRejected => WireFailure::new(
            400,
            "MessageRejected",
            "Transaction failed: the content of the message was refused.",
        ),
        MailFault::SenderNotVerified => WireFailure::new(
            400,
            "MessageRejected",
            format!(
                "Email address is not verified. The following identities failed the check in \
                 region US-EAST-1: {sender}"
            ),
        ),
        MailFault::TooManyRequests => WireFailure::new(
            429,
            "TooManyRequestsException",
            "Maximum sending rate exceeded.",
        ),
        MailFault::AccountSendingPaused => WireFailure::new(
            400,
            "SendingPausedException",
            "Account sending has been disabled.",
        ),
    }
}

fn bad_request(message: impl std::fmt::Display) -> WireFailure {
    WireFailure::new(400, "BadRequestException", message)
}
