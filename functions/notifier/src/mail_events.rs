//! What the services tell of triggered sends: of mails delivered, bounced, complained about, rejected;
//! of texts and calls by voice (`text_events`). It settles what was unknown, marks subscribers, and
//! becomes the events that are retrieved.
//!
//! An event names its mail by the tag that the mail was sent with. It may come twice, in any order,
//! and before the notifier has noted that the mail was taken; whatever it makes is made once.

use cloud::error::FEW_CONFLICTS_MAX;
use cloud::metrics::{Function, Metric};
use cloud::records::mail_record::{MailRecord, MailState, MailTag};
use cloud::{Cloud, CommitError, Committed, Error, aws::mail};
use jiff::Timestamp;
use objects::{Bounce, BounceKind, MailEvent, Recipient, SendOrder};
use serde_json::Value;
use tracing::{info, warn};

use crate::mail_report::{BounceReport, MailReport, ReportedState};
use crate::text_events;

/// Longest text of a receiving server that is kept.
const SMTP_REASON_CHARS_MAX: usize = 1_000;

/// Takes in one event of EventBridge. An error: it must come again.
pub async fn take(cloud: &Cloud, event: &Value) -> Result<(), Error> {
    let taken = take_in(cloud, event).await;
    cloud
        .metrics
        .end_invocation(Function::Notifier, cloud.now());
    taken
}

async fn take_in(cloud: &Cloud, event: &Value) -> Result<(), Error> {
    let report = match event["source"].as_str() {
        Some(text_events::SOURCE) => text_events::read(event),
        Some(_) | None => read(event),
    };
    let Some(report) = report else {
        // Nobody can act on it, now or later.
        warn!(kind = event["detail-type"].as_str(), "mail event left out");
        return Ok(());
    };
    let Some((order, recipient)) = settled(cloud, &report).await? else {
        info!(tag = %report.tag, "event of a mail that is not kept any more");
        return Ok(());
    };
    let event = match report.reported {
        ReportedState::Delivered | ReportedState::Rejected(_) => return Ok(()),
        ReportedState::Bounced(bounce) => {
            let SendOrder::Mail(mail) = order else {
                return Ok(());
            };
            cloud.metrics.count(Metric::MailsBounced);
            info!(tag = %report.tag, kind = ?bounce.kind, "mail bounced");
            MailEvent::Bounced(Bounce {
                at: bounce.at,
                kind: bounce.kind,
                address: mail.to,
                category: bounce.category,
                smtp_code: bounce.smtp_code,
                smtp_reason: bounce.smtp_reason,
            })
        }
        ReportedState::ComplainedAt(at) => {
            cloud.metrics.count(Metric::MailsComplained);
            info!(tag = %report.tag, "mail complained about");
            MailEvent::Complained(at)
        }
    };
    cloud.track(&recipient, &report.tag, &event).await
}

/// Brings the mail to the state that the event proves. `None`: there is no such mail any more.
async fn settled(
    cloud: &Cloud,
    report: &MailReport,
) -> Result<Option<(SendOrder, Recipient)>, Error> {
    for _ in 0..FEW_CONFLICTS_MAX {
        let Some(mail) = cloud.mail_tagged(&report.tag).await? else {
            return Ok(None);
        };
        let Ok(order) = serde_json::from_str::<SendOrder>(&mail.order) else {
            return Ok(None);
        };
        let recipient = order.recipient();
        let settled = settle(cloud, &mail, &recipient, &report.reported).await;
        match Committed::of(settled)? {
            Committed::Written(()) => return Ok(Some((order, recipient))),
            Committed::Conflict => {}
        }
    }
    Err(Error::Conflict(FEW_CONFLICTS_MAX))
}

async fn settle(
    cloud: &Cloud,
    mail: &MailRecord,
    recipient: &Recipient,
    reported: &ReportedState,
) -> Result<(), CommitError> {
    let now = cloud.now();
    let at = mail.claimed_at.unwrap_or(now);
    let (state, reason, event) = match (reported, mail.state) {
        (_, MailState::Failed) => return Ok(()),
        (ReportedState::Rejected(reason), _) => {
            let (at, reason) = (at, reason.clone());
            let event = MailEvent::Rejected {
                at,
                reason: reason.clone(),
            };
            (MailState::Failed, Some(reason), event)
        }
        (
            ReportedState::Delivered | ReportedState::Bounced(_) | ReportedState::ComplainedAt(_),
            MailState::Sent(_),
        ) => {
            return Ok(());
        }
        // It was taken, whatever is believed of it; so it must not be sent again.
        (
            ReportedState::Delivered | ReportedState::Bounced(_) | ReportedState::ComplainedAt(_),
            MailState::Pending | MailState::Sending(_) | MailState::Unknown,
        ) => (MailState::Sent(now), None, MailEvent::Sent(at)),
    };
    let settled = cloud.settle_mail(mail, state, reason.as_deref(), recipient, &event);
    settled.await.map(drop)
}

fn read(event: &Value) -> Option<MailReport> {
    let detail = &event["detail"];
    let tag = detail["mail"]["tags"][mail::TAG_NAME][0].as_str()?;
    Some(MailReport {
        tag: MailTag::parse(tag)?,
        reported: reported_in(detail)?,
    })
}

fn reported_in(detail: &Value) -> Option<ReportedState> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match detail["eventType"].as_str()? {
        "Delivery" => Some(ReportedState::Delivered),
        "Reject" => {
            let reason = text(&detail["reject"]["reason"]);
            Some(ReportedState::Rejected(reason.unwrap_or_default()))
        }
        "Bounce" => {
            let bounce = &detail["bounce"];
            // One mail has one recipient.
            let recipient = &bounce["bouncedRecipients"][0];
            let reason = text(&recipient["diagnosticCode"]);
            Some(ReportedState::Bounced(BounceReport {
                at: time(&bounce["timestamp"])?,
                kind: match bounce["bounceType"].as_str()? {
                    "Permanent" => BounceKind::Hard,
                    "Transient" => BounceKind::Soft,
                    _ => BounceKind::Other,
                },
                category: text(&bounce["bounceSubType"]).unwrap_or_default(),
                smtp_code: text(&recipient["status"]),
                smtp_reason: reason.map(|text| text.chars().take(SMTP_REASON_CHARS_MAX).collect()),
            }))
        }
        "Complaint" => {
            let complaint = &detail["complaint"];
            match complaint["complaintFeedbackType"].as_str() {
                // Its reader took it out of the spam folder: that is none.
                Some("not-spam") => Some(ReportedState::Delivered),
                Some(_) | None => Some(ReportedState::ComplainedAt(time(&complaint["timestamp"])?)),
            }
        }
        _ => None,
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(detail: Value) -> Option<ReportedState> {
        let mut detail = detail;
        detail["mail"] = json!({
            "messageId": "0100",
            "destination": ["ann@example.com"],
            "tags": { "ses:configuration-set": ["aftercall"], "aftercall-mail": ["0a_1_0"] },
        });
        let event = json!({ "source": "aws.ses", "detail-type": "Email", "detail": detail });
        let report = read(&event)?;
        assert_eq!(Some(report.tag), MailTag::parse("0a_1_0"));
        Some(report.reported)
    }

    /// As SES's documents show them.
    #[test]
    fn events_are_read_as_ses_writes_them() {
        let at = "2026-11-20T10:00:00.250Z";
        let time = at.parse().expect("a time");
        let bounce = |kind: &str| {
            report(json!({ "eventType": "Bounce", "bounce": {
                "bounceType": kind, "bounceSubType": "General", "timestamp": at,
                "bouncedRecipients": [{ "emailAddress": "ann@example.com", "action": "failed",
                    "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown" }],
            }}))
        };
        for (kind, expected) in [
            ("Permanent", BounceKind::Hard),
            ("Transient", BounceKind::Soft),
            ("Undetermined", BounceKind::Other),
        ] {
            let expected = ReportedState::Bounced(BounceReport {
                at: time,
                kind: expected,
                category: "General".to_owned(),
                smtp_code: Some("5.1.1".to_owned()),
                smtp_reason: Some("smtp; 550 5.1.1 user unknown".to_owned()),
            });
            assert_eq!(bounce(kind), Some(expected), "{kind}");
        }
        let complaint = |feedback: &str| {
            report(json!({ "eventType": "Complaint", "complaint": {
                "complainedRecipients": [{ "emailAddress": "ann@example.com" }],
                "timestamp": at, "complaintFeedbackType": feedback,
            }}))
        };
        assert_eq!(complaint("abuse"), Some(ReportedState::ComplainedAt(time)));
        assert_eq!(complaint("not-spam"), Some(ReportedState::Delivered));
        let delivery = json!({ "eventType": "Delivery", "delivery": { "timestamp": at } });
        assert_eq!(report(delivery), Some(ReportedState::Delivered));
        let reject = json!({ "eventType": "Reject", "reject": { "reason": "Bad content" } });
        assert_eq!(
            report(reject),
            Some(ReportedState::Rejected("Bad content".to_owned()))
        );
        assert_eq!(report(json!({ "eventType": "Open" })), None);
    }

    #[test]
    fn an_event_without_our_tag_is_ignored() {
        for tags in [
            json!({}),
            json!({ "aftercall-mail": [] }),
            json!({ "aftercall-mail": ["x"] }),
        ] {
            let detail = json!({ "eventType": "Delivery", "mail": { "tags": tags } });
            assert_eq!(read(&json!({ "detail": detail })), None);
        }
        assert_eq!(read(&Value::Null), None);
    }
}
