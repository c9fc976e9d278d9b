//! Texts and voice calls through AWS End User Messaging.
//!
//! The service has no idempotency token, so each request is made once.

use std::sync::OnceLock;

use aws_sdk_pinpointsmsvoicev2::Client;
use aws_sdk_pinpointsmsvoicev2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_pinpointsmsvoicev2::operation::send_text_message::SendTextMessageError as TextError;
use aws_sdk_pinpointsmsvoicev2::operation::send_voice_message::SendVoiceMessageError as VoiceError;
use aws_sdk_pinpointsmsvoicev2::types::{MessageType, VoiceMessageBodyTextType};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use objects::{PhoneChannel, PhoneFailure, PhoneOrder};

use crate::aws::mail::{ANSWER_MAX, MailConnections, SendMailResult, TAG_NAME};
use crate::aws::mail_connections::{self, was_not_sent};
use crate::error::Error;
use crate::records::mail_record::MailTag;
pub const STACK_NAME: &str = "aftercall-stack";

/// For how long the service may try to reach a phone that is off. Most messages are of no use after
/// a day.
const TRIED_MAX_S: i32 = 86_400;

#[derive(Clone)]
pub struct PhoneService {
    config: SdkConfig,
    connections: MailConnections,
    stack: String,
}

/// The service for the duration of an invocation. Its client is created for the first message: most
/// invocations send none.
pub struct PhoneSession {
    service: PhoneService,
    client: OnceLock<Client>,
}

impl PhoneService {
    /// `stack`: by which events of this stack are recognised.
    pub(crate) fn new(config: &SdkConfig, stack: &str, connections: MailConnections) -> Self {
        Self {
            config: config.clone(),
            connections,
            stack: stack.to_owned(),
        }
    }

    /// For one invocation; no connection is kept after it.
    pub fn session(&self) -> PhoneSession {
        PhoneSession {
            service: self.clone(),
            client: OnceLock::new(),
        }
    }

    /// A client without retries: a message whose answer was lost may have been sent.
    fn client(&self) -> Client {
        let patient = TimeoutConfig::builder().operation_attempt_timeout(ANSWER_MAX);
        let once = aws_sdk_pinpointsmsvoicev2::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(patient.build());
        let once = match self.connections {
            MailConnections::Configured => once,
            MailConnections::New => once.http_client(mail_connections::new()),
        };
        Client::from_conf(once.build())
    }
}

impl PhoneSession {
    pub async fn send(&self, order: &PhoneOrder, tag: &MailTag) -> Result<SendMailResult, Error> {
        let client = self.client.get_or_init(|| self.service.client());
        match order.channel {
            PhoneChannel::Text => self.send_text(client, order, tag).await,
            PhoneChannel::Voice => self.call(client, order, tag).await,
        }
    }

    async fn send_text(
        &self,
        client: &Client,
        order: &PhoneOrder,
        tag: &MailTag,
    ) -> Result<SendMailResult, Error> {
        let sent = client
            .send_text_message()
            .destination_phone_number(&order.to)
            .origination_identity(&order.from)
            .message_body(&order.words)
            .message_type(MessageType::Transactional)
            .time_to_live(TRIED_MAX_S)
            .context(TAG_NAME, tag.to_string())
            .context(STACK_NAME, &self.service.stack)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(SendMailResult::Taken),
            Err(error) => {
                let reason = error.as_service_error().and_then(text_reason);
                said_no(error, reason)
            }
        }
    }

    async fn call(
        &self,
        client: &Client,
        order: &PhoneOrder,
        tag: &MailTag,
    ) -> Result<SendMailResult, Error> {
        let called = client
            .send_voice_message()
            .destination_phone_number(&order.to)
            .origination_identity(&order.from)
            .message_body(&order.words)
            .message_body_text_type(VoiceMessageBodyTextType::Text)
            .time_to_live(TRIED_MAX_S)
            .context(TAG_NAME, tag.to_string())
            .context(STACK_NAME, &self.service.stack)
            .send()
            .await;
        match called {
            Ok(_) => Ok(SendMailResult::Taken),
            Err(error) => {
                let reason = error.as_service_error().and_then(voice_reason);
                said_no(error, reason)
            }
        }
    }
}

/// Why the service refuses a text for good, as the protocol's code.
fn text_reason(error: &TextError) -> Option<String> {
    let reason = if let TextError::ConflictException(conflict) = error {
        conflict.reason().map(|reason| reason.as_str())
    } else if let TextError::ValidationException(invalid) = error {
        invalid.reason().map(|reason| reason.as_str())
    } else if error.is_resource_not_found_exception() {
        Some(NOT_FOUND)
    } else {
        return None;
    };
    Some(reason_of(PhoneChannel::Text, reason))
}

fn voice_reason(error: &VoiceError) -> Option<String> {
    let reason = if let VoiceError::ConflictException(conflict) = error {
        conflict.reason().map(|reason| reason.as_str())
    } else if let VoiceError::ValidationException(invalid) = error {
        invalid.reason().map(|reason| reason.as_str())
    } else if error.is_resource_not_found_exception() {
        Some(NOT_FOUND)
    } else {
        return None;
    };
    Some(reason_of(PhoneChannel::Voice, reason))
}

const NOT_FOUND: &str = "RESOURCE_NOT_FOUND";

/// The service's reason, after the protocol's code.
fn reason_of(channel: PhoneChannel, reason: Option<&str>) -> String {
    let reason = reason.unwrap_or("UNKNOWN_REASON");
    let failure = match reason {
        "DESTINATION_PHONE_NUMBER_OPTED_OUT" => PhoneFailure::OptedOut,
        "INVALID_PARAMETER" | "DESTINATION_PHONE_NUMBER_NOT_VERIFIED" => PhoneFailure::Number,
        "MAXIMUM_SIZE_EXCEEDED" => PhoneFailure::TooLong,
        "NO_ORIGINATION_IDENTITIES_FOUND" | NOT_FOUND => PhoneFailure::Sender,
        "MESSAGE_TYPE_MISMATCH"
        | "NUMBER_CAPABILITIES_MISMATCH"
        | "COUNTRY_NOT_ENABLED"
        | "DESTINATION_COUNTRY_BLOCKED"
        | "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"
        | "SENDER_ID_NOT_REGISTERED"
        | "SENDER_ID_NOT_SUPPORTED"
        | "SENDER_ID_REQUIRES_REGISTRATION"
        | "PRICE_OVER_THRESHOLD" => PhoneFailure::NotSetUp,
        _ => PhoneFailure::NotSent,
    };
    failure.reason(channel, reason)
}

/// The error of a message that was not accepted. `reason`: it is refused for good.
fn said_no<E>(error: SdkError<E>, reason: Option<String>) -> Result<SendMailResult, Error>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if let Some(reason) = reason {
        return Ok(SendMailResult::Rejected(reason));
    }
    let Some(refused) = error.as_service_error() else {
        return Err(match was_not_sent(&error) {
            true => Error::PhoneNotSent(error.into()),
            false => Error::Phone(error.into()),
        });
    };
    Err(match refused.code() {
        Some("ThrottlingException") => Error::PhoneThrottled(error.into()),
        // Spending limit reached, not allowed, switched off: the stack's operator can change these.
        Some("ServiceQuotaExceededException" | "AccessDeniedException") => {
            Error::PhoneRefused(error.into())
        }
        // It may have been sent nevertheless.
        Some(_) | None => Error::Phone(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_for_good_has_the_protocols_code() {
        for (reason, said) in [
            (
                Some("DESTINATION_PHONE_NUMBER_OPTED_OUT"),
                "33300 DESTINATION_PHONE_NUMBER_OPTED_OUT",
            ),
            (Some("INVALID_PARAMETER"), "33101 INVALID_PARAMETER"),
            (Some("MAXIMUM_SIZE_EXCEEDED"), "33004 MAXIMUM_SIZE_EXCEEDED"),
            (Some("RESOURCE_NOT_FOUND"), "33006 RESOURCE_NOT_FOUND"),
            (Some("COUNTRY_NOT_ENABLED"), "33503 COUNTRY_NOT_ENABLED"),
            (Some("MESSAGE_TYPE_MISMATCH"), "33503 MESSAGE_TYPE_MISMATCH"),
            (Some("CANNOT_PARSE"), "33502 CANNOT_PARSE"),
            (None, "33502 UNKNOWN_REASON"),
        ] {
            assert_eq!(reason_of(PhoneChannel::Text, reason), said);
            let voice = reason_of(PhoneChannel::Voice, reason);
            let (_, word) = said.split_once(' ').expect("a code and a word");
            assert_eq!(voice, format!("32002 {word}"));
        }
    }
}
