//! Mails through SES.

use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::ProvideErrorMetadata;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, RawMessage};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;

use crate::aws::lazy_client::LazyClient;
use crate::error::Error;

#[derive(Clone)]
pub struct MailService {
    ses: LazyClient<Client>,
    sender: String,
}

/// One mail, to one address.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub to: String,
    pub from_name: Option<String>,
    /// Absent: the sender in the settings.
    pub from_address: Option<String>,
    pub reply_to: Option<String>,
    pub reply_to_name: Option<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    /// Name, content type, content.
    pub attachment: Option<(String, &'static str, Vec<u8>)>,
    /// Headers of our own: name and value.
    pub headers: Vec<(&'static str, String)>,
}

/// Longest wait for the service's answer, longer than for others': a mail whose answer nobody saw
/// stays unknown for good.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What the mail service said.
#[derive(Debug)]
pub enum Sent {
    Taken,
    /// It will never take this one; why, for the log.
    Rejected(String),
}

impl MailService {
    /// A client of its own that asks once: a mail whose answer was lost may have gone out, and it is
    /// not for the client to send it again.
    pub(crate) fn new(config: &aws_types::SdkConfig, sender: &str) -> Self {
        let patient = TimeoutConfig::builder().operation_attempt_timeout(ANSWER_MAX);
        let once = aws_sdk_sesv2::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(patient.build());
        Self {
            ses: LazyClient::new(|| Client::from_conf(once.build())),
            sender: sender.to_owned(),
        }
    }

    pub async fn send(&self, mail: &Mail) -> Result<Sent, Error> {
        let raw = RawMessage::builder()
            .data(Blob::new(self.message(mail)))
            .build()
            .map_err(|error| Error::Mail(error.into()))?;
        let sent = self
            .ses
            .get()
            .send_email()
            .from_email_address(mail.from_address.as_deref().unwrap_or(&self.sender))
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .content(EmailContent::builder().raw(raw).build())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Sent::Taken),
            Err(error) => match error.as_service_error() {
                Some(refused)
                    if refused.is_message_rejected()
                        || refused.is_bad_request_exception()
                        || refused.is_mail_from_domain_not_verified_exception() =>
                {
                    Ok(Sent::Rejected(
                        refused.code().unwrap_or("MessageRejected").to_owned(),
                    ))
                }
                Some(_) => Err(Error::MailRefused(error.into())),
                None => Err(Error::Mail(error.into())),
            },
        }
    }

    fn message(&self, mail: &Mail) -> Vec<u8> {
        let from = mail.from_address.as_deref().unwrap_or(&self.sender);
        let mut message = MessageBuilder::new()
            .from(mailbox(mail.from_name.as_deref(), from))
            .to(one_line(&mail.to))
            .subject(one_line(&mail.subject));
        if let Some(reply_to) = &mail.reply_to {
            message = message.reply_to(mailbox(mail.reply_to_name.as_deref(), reply_to));
        }
        for (name, value) in &mail.headers {
            message = message.header(
                *name,
                mail_builder::headers::text::Text::new(one_line(value)),
            );
        }
        if let Some(text) = &mail.text {
            message = message.text_body(text.as_str());
        }
        if let Some(html) = &mail.html {
            message = message.html_body(html.as_str());
        }
        if mail.text.is_none() && mail.html.is_none() {
            message = message.text_body("");
        }
        if let Some((name, content_type, content)) = &mail.attachment {
            message = message.attachment(*content_type, name.as_str(), content.as_slice());
        }
        // Writing to memory does not fail.
        message.write_to_vec().unwrap_or_default()
    }
}

/// An address, with the name before it if there is one: no name is not an empty name.
fn mailbox(name: Option<&str>, address: &str) -> Address<'static> {
    let name = name.map(one_line).filter(|name| !name.trim().is_empty());
    Address::new_address(name, one_line(address))
}

/// Free text from a caller must not become a header of its own.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() || letter == '\u{2028}' || letter == '\u{2029}' {
                ' '
            } else {
                letter
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_cannot_add_headers() {
        assert_eq!(
            one_line("a\r\nBcc: b@example.com\u{2028}c"),
            "a  Bcc: b@example.com c"
        );
    }
}
