//! What SES reports of mails through EventBridge: for each mail with a configuration set, events
//! that the notifier is invoked with. A test sets what becomes of an address, and how the events
//! are delivered.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::WireFailure;
use crate::mail::CapturedMail;
use crate::names::{ACCOUNT, MAIL_CONFIGURATION_SET, REGION};

/// Longest name or value of a tag. AWS's figure.
const TAG_CHARS_MAX: usize = 256;

/// When Lambda invokes a function again that failed at an event; after that the event is dropped.
const AGAIN: [SignedDuration; 2] = [SignedDuration::from_mins(1), SignedDuration::from_mins(2)];

/// What becomes of a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailFate {
    #[default]
    Delivered,
    /// There is no such mailbox.
    Bounces,
    /// The mailbox is full.
    BouncesForNow,
    /// Delivered, and then its reader calls it spam.
    Complained,
    /// SES finds a virus in it after it has taken it.
    IsRejected,
}

/// How events are delivered. EventBridge promises none of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventDelivery {
    #[default]
    Once,
    Twice,
    /// The last one first.
    Backwards,
    Never,
}

/// One event on its way to the notifier.
#[derive(Clone, Debug)]
pub struct PendingEvent {
    pub event: Value,
    at: Timestamp,
    failed: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct EmailTag {
    name: String,
    value: String,
}

#[derive(Debug, Default)]
pub(crate) struct MailEvents {
    pub(crate) fates: BTreeMap<String, MailFate>,
    pub(crate) delivery: EventDelivery,
    pub(crate) lost: usize,
    pending: Vec<PendingEvent>,
}

impl MailEvents {
    /// All events of a mail.
    pub(crate) fn of(&mut self, mail: &CapturedMail, tags: &BTreeMap<String, String>) {
        let address = mail.to.first().map(String::as_str).unwrap_or_default();
        let fate = self.fates.get(address).copied();
        let fate = fate.unwrap_or_else(|| simulated(address));
        let mut details = details(fate, address, mail.at);
        match self.delivery {
            EventDelivery::Once => {}
            EventDelivery::Twice => {
                details = details
                    .iter()
                    .flat_map(|one| [one.clone(), one.clone()])
                    .collect();
            }
            EventDelivery::Backwards => details.reverse(),
            EventDelivery::Never => details.clear(),
        }
        let at = mail.at;
        let events = details.into_iter().map(|(kind, detail)| PendingEvent {
            event: event(kind, detail, mail, tags),
            at,
            failed: 0,
        });
        self.pending.extend(events);
    }

    /// One event, as it will be told.
    pub(crate) fn tell(&mut self, event: Value, at: Timestamp) {
        let times = match self.delivery {
            EventDelivery::Once | EventDelivery::Backwards => 1,
            EventDelivery::Twice => 2,
            EventDelivery::Never => 0,
        };
        let event = PendingEvent {
            event,
            at,
            failed: 0,
        };
        self.pending.extend(std::iter::repeat_n(event, times));
    }

    /// The first that is due.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<PendingEvent> {
        let place = self.pending.iter().position(|event| event.at <= now)?;
        Some(self.pending.remove(place))
    }

    pub(crate) fn failed(&mut self, event: PendingEvent, now: Timestamp) {
        match AGAIN.get(event.failed) {
            Some(pause) => self.pending.push(PendingEvent {
                at: now + *pause,
                failed: event.failed + 1,
                ..event
            }),
            None => self.lost += 1,
        }
    }

    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.pending.iter().map(|event| event.at).min()
    }
}

/// The addresses of SES's simulator, as on AWS.
fn simulated(address: &str) -> MailFate {
    match address {
        "bounce@simulator.amazonses.com" => MailFate::Bounces,
        "complaint@simulator.amazonses.com" => MailFate::Complained,
        _ => MailFate::Delivered,
    }
}

/// The tags of a mail that events are told of: it must have a configuration set. Ours is the only one.
pub(crate) fn tags_of(
    set: Option<&str>,
    given: &[EmailTag],
) -> Result<Option<BTreeMap<String, String>>, WireFailure> {
    let Some(set) = set else {
        return Ok(None);
    };
    if set != MAIL_CONFIGURATION_SET {
        let message = format!("Configuration set <{set}> does not exist.");
        return Err(WireFailure::new(404, "NotFoundException", message));
    }
    let is_allowed = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        (1..=TAG_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)
    };
    let mut tags = BTreeMap::new();
    for EmailTag { name, value } in given {
        if !is_allowed(name) || !is_allowed(value) {
            let message = format!("Invalid tag {name}: {value}");
            return Err(WireFailure::new(400, "BadRequestException", message));
        }
        tags.insert(name.clone(), value.clone());
    }
    Ok(Some(tags))
}

/// Detail types, and what is said beside the mail.
fn details(fate: MailFate, address: &str, at: Timestamp) -> Vec<(&'static str, Value)> {
    let at = at.to_string();
    let delivered = || {
        let delivery = json!({
            "timestamp": at, "recipients": [address], "smtpResponse": "250 ok",
            "processingTimeMillis": 1,
        });
        (
            "Email Delivered",
            json!({ "eventType": "Delivery", "delivery": delivery }),
        )
    };
    let bounced = |kind: &str, sub_type: &str, status: &str, said: &str| {
        let bounce = json!({
            "bounceType": kind, "bounceSubType": sub_type, "timestamp": at,
            "feedbackId": format!("bounce-{address}"),
            "bouncedRecipients": [{
                "emailAddress": address, "action": "failed", "status": status,
                "diagnosticCode": said,
            }],
        });
        (
            "Email Bounced",
            json!({ "eventType": "Bounce", "bounce": bounce }),
        )
    };
    match fate {
        MailFate::Delivered => vec![delivered()],
        MailFate::Bounces => vec![bounced(
            "Permanent",
            "General",
            "5.1.1",
            "smtp; 550 5.1.1 user unknown",
        )],
        MailFate::BouncesForNow => vec![bounced(
            "Transient",
            "MailboxFull",
            "4.2.2",
            "smtp; 452 4.2.2 mailbox full",
        )],
        MailFate::Complained => {
            let complaint = json!({
                "timestamp": at, "complaintFeedbackType": "abuse",
                "feedbackId": format!("complaint-{address}"),
                "complainedRecipients": [{ "emailAddress": address }],
            });
            let notice = json!({ "eventType": "Complaint", "complaint": complaint });
            vec![delivered(), ("Email Complaint Received", notice)]
        }
        MailFate::IsRejected => {
            let notice = json!({ "eventType": "Reject", "reject": { "reason": "Bad content" } });
            vec![("Email Rejected", notice)]
        }
    }
}

fn event(
    kind: &str,
    mut detail: Value,
    mail: &CapturedMail,
    tags: &BTreeMap<String, String>,
) -> Value {
    let mut tags: BTreeMap<&str, [&str; 1]> = tags
        .iter()
        .map(|(name, value)| (name.as_str(), [value.as_str()]))
        .collect();
    tags.insert("ses:configuration-set", [MAIL_CONFIGURATION_SET]);
    detail["mail"] = json!({
        "timestamp": mail.at.to_string(), "messageId": mail.id, "source": mail.from,
        "destination": mail.to, "headersTruncated": false, "tags": tags,
    });
    json!({
        "version": "0", "id": format!("{}-{kind}", mail.id), "detail-type": kind,
        "source": "aws.ses", "account": ACCOUNT, "region": REGION,
        "time": mail.at.to_string(), "detail": detail,
    })
}
