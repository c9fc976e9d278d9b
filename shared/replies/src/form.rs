//! What is posted to a caller's address: the original's ten form fields, in its order.

use cloud::records::reply_record::ReplyRecord;
use url::form_urlencoded::Serializer;

/// `application/x-www-form-urlencoded`. A field without a value is there and empty.
pub fn body(record: &ReplyRecord, results_xml: Option<&str>) -> String {
    let reply = &record.reply;
    let status = reply.overall_status.text();
    let conversation_id = record.conversation_id.as_ref().map_or("", |id| id.as_str());
    let error_code = reply
        .error_code
        .map_or_else(String::new, |code| code.to_string());
    let sequence = match record.conversation_id {
        Some(_) => reply.sequence.to_string(),
        None => String::new(),
    };
    Serializer::new(String::new())
        .append_pair("RequestID", &reply.request_id.0)
        .append_pair("ConversationID", conversation_id)
        .append_pair("OverallStatusCode", status)
        .append_pair("StatusCode", status)
        .append_pair("StatusMessage", &reply.status_message)
        .append_pair("ErrorCode", &error_code)
        .append_pair("RequestType", "Asynchronous")
        .append_pair("ResultType", "Asynchronous")
        .append_pair("ResultDetailXML", results_xml.unwrap_or_default())
        .append_pair("SequenceCode", &sequence)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::{
        AccountId, AsyncResponseType, ConversationId, ConversationKey, OverallStatus, Reply,
        ReplyState, RequestId, RespondWhen, SequenceCode, SubjectKind, Subscription,
    };
    use cloud::aws::lanes::LaneClass;
    use cloud::records::reply_record::ReplyLocation;
    use jiff::Timestamp;

    fn record(conversation_id: Option<&str>) -> ReplyRecord {
        ReplyRecord {
            conversation: ConversationKey("c".to_owned()),
            account: AccountId("1".to_owned()),
            conversation_id: conversation_id.and_then(|id| ConversationId::parse(id).ok()),
            location: ReplyLocation::Apart,
            version: 1,
            due: None,
            class: LaneClass::Usual,
            reply: Reply {
                request_id: RequestId("6f0c-1".to_owned()),
                sequence: SequenceCode::FIRST,
                number: 0,
                subject: SubjectKind::Call,
                subscription: Subscription {
                    response_type: AsyncResponseType::HttpPost,
                    address: "https://client.example/cb".to_owned(),
                    respond_when: RespondWhen::OnCallComplete,
                    include_results: true,
                    include_objects: false,
                    only_include_base: false,
                },
                overall_status: OverallStatus::HasErrors,
                status_message: "a & b = c".to_owned(),
                error_code: Some(12_014),
                pending_since: Timestamp::UNIX_EPOCH,
                attempts: Vec::new(),
                state: ReplyState::Pending(Timestamp::UNIX_EPOCH),
                earlier_attempts: 0,
                released: false,
            },
        }
    }

    #[test]
    fn the_ten_fields_stand_in_their_order() {
        assert_eq!(
            body(&record(Some("order-17 \u{e9}")), Some("<a/>")),
            "RequestID=6f0c-1&ConversationID=order-17+%C3%A9&OverallStatusCode=Has+Errors\
             &StatusCode=Has+Errors&StatusMessage=a+%26+b+%3D+c&ErrorCode=12014\
             &RequestType=Asynchronous&ResultType=Asynchronous&ResultDetailXML=%3Ca%2F%3E\
             &SequenceCode=1"
        );
    }

    #[test]
    fn what_does_not_apply_is_blank() {
        let mut alone = record(None);
        alone.reply.error_code = None;
        alone.reply.status_message = String::new();
        alone.reply.overall_status = OverallStatus::Ok;
        assert_eq!(
            body(&alone, None),
            "RequestID=6f0c-1&ConversationID=&OverallStatusCode=OK&StatusCode=OK&StatusMessage=\
             &ErrorCode=&RequestType=Asynchronous&ResultType=Asynchronous&ResultDetailXML=\
             &SequenceCode="
        );
    }
}
