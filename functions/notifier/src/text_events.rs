//! What AWS End User Messaging tells of texts and calls by voice: whether they reached their phone.
//!
//! The template's rule lets final events through, of this stack alone. A text whose carrier says
//! nothing for three days is told as unknown: it went out.

use cloud::aws::mail;
use cloud::records::mail_record::MailTag;
use objects::{PhoneChannel, PhoneFailure};
use serde_json::Value;

use crate::mail_report::{MailReport, ReportedState};

/// The source of its events.
pub(crate) const SOURCE: &str = "aws.sms-voice";

/// One event, read. `None`: it is of no text of ours, or tells nothing that is final.
pub(crate) fn read(event: &Value) -> Option<MailReport> {
    let detail = &event["detail"];
    let tag = detail["context"][mail::TAG_NAME].as_str()?;
    Some(MailReport {
        tag: MailTag::parse(tag)?,
        reported: fate_in(detail)?,
    })
}

fn fate_in(detail: &Value) -> Option<ReportedState> {
    let event_type = detail["eventType"].as_str()?;
    let (channel, fate) = event_type.split_once('_')?;
    match (channel, fate) {
        ("TEXT", "QUEUED" | "PENDING" | "SENT" | "DELIVERED" | "SUCCESSFUL" | "UNKNOWN")
        | ("VOICE", "INITIATED" | "RINGING" | "ANSWERED" | "COMPLETED") => {
            Some(ReportedState::Delivered)
        }
        (
            "TEXT",
            "BLOCKED"
            | "CARRIER_BLOCKED"
            | "UNREACHABLE"
            | "CARRIER_UNREACHABLE"
            | "INVALID"
            | "INVALID_MESSAGE"
            | "SPAM"
            | "TTL_EXPIRED"
            | "PROTECT_BLOCKED",
        )
        | ("VOICE", "BUSY" | "NO_ANSWER" | "FAILED" | "TTL_EXPIRED") => Some(
            ReportedState::Rejected(reason_of(channel, fate, event_type)),
        ),
        _ => None,
    }
}

/// The service's word for what did not reach its phone, behind the protocol's code.
fn reason_of(channel: &str, fate: &str, event_type: &str) -> String {
    let channel = match channel {
        "VOICE" => PhoneChannel::Voice,
        _ => PhoneChannel::Text,
    };
    let failure = match fate {
        "INVALID" => PhoneFailure::Number,
        "INVALID_MESSAGE" => PhoneFailure::Letters,
        _ => PhoneFailure::NotSent,
    };
    failure.reason(channel, event_type)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(event_type: &str, context: Value) -> Option<MailReport> {
        read(&json!({
            "version": "0", "detail-type": "Text Message Delivery Status Updated",
            "source": SOURCE, "detail": {
                "eventType": event_type, "eventVersion": "1.0", "eventTimestamp": 1_759_342_841_377_i64,
                "isFinal": true, "messageId": "ed23196c", "context": context,
                "totalMessageParts": 1, "totalMessagePrice": 0.09582, "totalCarrierFee": 0.0,
            },
        }))
    }

    #[test]
    fn events_are_read_as_the_service_writes_them() {
        let ours = || json!({ "aftercall-mail": "0a_1_0", "aftercall-stack": "x" });
        let fate = |event_type: &str| report(event_type, ours()).map(|report| report.reported);
        for taken in [
            "TEXT_SUCCESSFUL",
            "TEXT_DELIVERED",
            "TEXT_UNKNOWN",
            "VOICE_COMPLETED",
        ] {
            assert_eq!(fate(taken), Some(ReportedState::Delivered), "{taken}");
        }
        for (code, failed) in [
            (33_502, "TEXT_CARRIER_BLOCKED"),
            (33_502, "TEXT_TTL_EXPIRED"),
            (33_502, "TEXT_PROTECT_BLOCKED"),
            (33_101, "TEXT_INVALID"),
            (33_005, "TEXT_INVALID_MESSAGE"),
            (32_002, "VOICE_NO_ANSWER"),
        ] {
            let expected = Some(ReportedState::Rejected(format!("{code} {failed}")));
            assert_eq!(fate(failed), expected, "{failed}");
        }
        assert_eq!(fate("TEXT_ALL_NEW"), None);
        let tag = report("TEXT_SUCCESSFUL", ours()).map(|report| report.tag);
        assert_eq!(tag, MailTag::parse("0a_1_0"));
    }

    #[test]
    fn an_event_of_a_text_without_our_tag_is_left_out() {
        for context in [json!({}), json!({ "aftercall-mail": "x" }), Value::Null] {
            assert_eq!(report("TEXT_SUCCESSFUL", context), None);
        }
    }
}
