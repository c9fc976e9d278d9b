//! What happened to a conversation, in words.

use calls::{DeliveryResult, OverallStatus, Reply, SequenceCode};
use cloud::read::replies::{ReplyId, shown_receiver};
use cloud::read::timeline::{TimelineEntry, TimelineEvent, WholeConversation};
use cloud::records::mail_record::MailState;
use jiff::Timestamp;

use crate::markup::ShownTime;
use crate::pages::state_class::{BAD, GOOD, PLAIN, WAITS};

/// One thing that happened.
pub(crate) struct TimelineLine {
    pub at: ShownTime,
    pub class: &'static str,
    pub text: String,
    /// An id or an address that goes with it.
    pub detail: String,
}

impl TimelineLine {
    pub(crate) fn new(at: Timestamp, class: &'static str, text: impl Into<String>) -> Self {
        Self {
            at: ShownTime(at),
            class,
            text: text.into(),
            detail: String::new(),
        }
    }

    pub(crate) fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// The earliest first.
pub(crate) fn lines(whole: &WholeConversation) -> Vec<TimelineLine> {
    let entries = whole.timeline();
    entries.iter().map(|entry| line(whole, entry)).collect()
}

fn line(whole: &WholeConversation, entry: &TimelineEntry) -> TimelineLine {
    let of = |what: &str| match entry.sequence {
        Some(sequence) => format!("{what} {sequence}"),
        None => what.to_owned(),
    };
    let said = |class, text: String| TimelineLine::new(entry.at, class, text);
    let about_reply = |line: TimelineLine, id: &ReplyId| {
        let receiver = reply_of(whole, id, entry.sequence).map(shown_receiver);
        line.about(receiver.unwrap_or_else(|| id.to_string()))
    };
    match &entry.event {
        TimelineEvent::Opened => said(PLAIN, "Opened".to_owned()),
        TimelineEvent::Failed => said(BAD, "The conversation failed".to_owned()),
        TimelineEvent::CallArrived(request_id) => {
            said(PLAIN, format!("{} came", of("Call"))).about(request_id.0.as_str())
        }
        TimelineEvent::CallEnded {
            status: OverallStatus::Ok,
            ..
        } => said(GOOD, format!("{} was carried out", of("Call"))),
        TimelineEvent::CallEnded {
            status,
            code,
            message,
        } => {
            let code = code.map_or_else(String::new, |code| format!(" {code}"));
            said(
                BAD,
                format!("{} ended: {}{code}: {message}", of("Call"), status.text()),
            )
        }
        TimelineEvent::ReplyPending(id) => {
            about_reply(said(PLAIN, format!("{} was to be sent", of("Reply"))), id)
        }
        TimelineEvent::ReplyAttempt(id, found) => {
            let class = class_of(found);
            about_reply(
                said(class, format!("{}: {}", of("Reply"), result(found))),
                id,
            )
        }
        TimelineEvent::NextAttempt(id) => about_reply(
            said(WAITS, format!("{}: the next attempt", of("Reply"))),
            id,
        ),
        TimelineEvent::MailSent(number) => {
            said(GOOD, format!("{}: mail {number} was sent", of("Call")))
        }
        TimelineEvent::MailNotSent(number, state) => {
            let (class, what) = match state {
                MailState::Pending => (WAITS, "waits"),
                MailState::Sending(_) => (WAITS, "is being sent"),
                MailState::Sent(_) => (GOOD, "was sent"),
                MailState::Failed => (BAD, "failed"),
                MailState::Unknown => (BAD, "went nobody knows where"),
            };
            said(class, format!("{}: mail {number} {what}", of("Call")))
        }
    }
}

fn reply_of<'a>(
    whole: &'a WholeConversation,
    id: &ReplyId,
    sequence: Option<SequenceCode>,
) -> Option<&'a Reply> {
    let mut replies = whole.replies.iter().map(|record| &record.reply);
    replies.find(|reply| Some(reply.sequence) == sequence && ReplyId::of(reply) == *id)
}

pub(crate) const fn class_of(found: &DeliveryResult) -> &'static str {
    match found {
        DeliveryResult::Taken => GOOD,
        DeliveryResult::Status { .. }
        | DeliveryResult::TimedOut
        | DeliveryResult::Unreachable(_)
        | DeliveryResult::Forbidden
        | DeliveryResult::Rejected
        | DeliveryResult::GivenUp => BAD,
    }
}

/// Why an attempt failed, or that it did not.
pub(crate) fn result(found: &DeliveryResult) -> String {
    match found {
        DeliveryResult::Status {
            status,
            retry_after_s: Some(seconds),
        } => format!("HTTP {status}, to be tried again after {seconds} s"),
        DeliveryResult::Status { status, .. } => format!("HTTP {status}"),
        DeliveryResult::Taken => "taken".to_owned(),
        DeliveryResult::TimedOut => "no answer in time".to_owned(),
        DeliveryResult::Unreachable(cause) => cause.text().to_owned(),
        DeliveryResult::Forbidden => "the address leads where replies may not go".to_owned(),
        DeliveryResult::Rejected => "the mail service will never take it".to_owned(),
        DeliveryResult::GivenUp => "whoever tried ended before it was over".to_owned(),
    }
}
