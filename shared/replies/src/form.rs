//! The body that is posted to a caller's address: the ten form fields of Marketing Cloud, in its
//! order.

use calls::{ConversationId, Reply};
use url::form_urlencoded::Serializer;

/// `application/x-www-form-urlencoded`. A field without a value is present and empty.
pub fn body(
    reply: &Reply,
    conversation_id: Option<&ConversationId>,
    results_xml: Option<&str>,
) -> String {
    let status = reply.overall_status.text();
    let error_code = reply
        .error_code
        .map_or_else(String::new, |code| code.to_string());
    let sequence = match conversation_id {
        Some(_) => reply.sequence.to_string(),
        None => String::new(),
    };
    Serializer::new(String::new())
        .append_pair("RequestID", &reply.request_id.0)
        .append_pair(
            "ConversationID",
            conversation_id.map_or("", ConversationId::as_str),
        )
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
        AsyncResponseType, OverallStatus, ReplyState, RequestId, RespondWhen, SequenceCode,
        SubjectKind, Subscription,
    };
    use jiff::Timestamp;

    fn reply() -> Reply {
        Reply {
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
        }
    }

    #[test]
    fn the_ten_fields_stand_in_their_order() {
        let conversation_id = ConversationId::parse("order-17 \u{e9}").expect("an id");
        assert_eq!(
            body(&reply(), Some(&conversation_id), Some("<a/>")),
            "RequestID=6f0c-1&ConversationID=order-17+%C3%A9&OverallStatusCode=Has+Errors\
             &StatusCode=Has+Errors&StatusMessage=a+%26+b+%3D+c&ErrorCode=12014\
             &RequestType=Asynchronous&ResultType=Asynchronous&ResultDetailXML=%3Ca%2F%3E\
             &SequenceCode=1"
        );
    }

    #[test]
    fn what_does_not_apply_is_blank() {
        let alone = Reply {
            error_code: None,
            status_message: String::new(),
            overall_status: OverallStatus::Ok,
            ..reply()
        };
        assert_eq!(
            body(&alone, None, None),
            "RequestID=6f0c-1&ConversationID=&OverallStatusCode=OK&StatusCode=OK&StatusMessage=\
             &ErrorCode=&RequestType=Asynchronous&ResultType=Asynchronous&ResultDetailXML=\
             &SequenceCode="
        );
    }
}
