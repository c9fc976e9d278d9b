//! Mails through SES.

use std::time::Duration;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::url::URL;

use crate::aws::mail_connections::{self, was_not_sent};
use crate::error::Error;
use crate::records::mail_record::MailTag;

#[derive(Clone)]
pub struct MailService {
    config: aws_sdk_sesv2::config::Builder,
    connections: MailConnections,
    sender: String,
    configuration_set: String,
}

/// Which connections a session uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailConnections {
    /// Those of the configuration.
    Configured,
    /// New ones for each session: a function is frozen between invocations, and a connection that
    /// was idle during that time may be dead.
    New,
}

/// The mail service for the duration of an invocation.
#[derive(Clone, Debug)]
pub struct MailSession {
    ses: Client,
    sender: String,
    configuration_set: String,
}

/// One mail, to one address.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub to: String,
    pub from_name: Option<String>,
    /// Absent: the sender of the settings.
    pub from_address: Option<String>,
    pub reply_to: Option<String>,
    pub reply_to_name: Option<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    /// Name, content type, content.
    pub attachment: Option<(String, &'static str, Vec<u8>)>,
    /// Additional headers: name and value.
    pub headers: Vec<(&'static str, String)>,
    /// The tag by which its events are matched. Without one the service reports no events.
    pub tag: Option<MailTag>,
    /// The link by which its reader unsubscribes with one click.
    pub unsubscribe_link: Option<String>,
}

/// The name of the tag. The template's rule does not need it: it selects events by the
/// configuration set.
pub const TAG_NAME: &str = "aftercall-mail";

/// Longest wait for the answer, longer than for other services: a mail whose answer is lost stays
/// unknown for ever. A mail is claimed only while there is this much time.
pub const ANSWER_MAX: Duration = Duration::from_secs(20);

/// The answer of the mail service.
#[derive(Debug)]
pub enum SendMailResult {
    Taken,
    /// It refuses this mail for good; the reason, for the log.
    Rejected(String),
}

impl MailService {
    /// A client of its own without retries: a mail whose answer was lost may have been sent, and
    /// the client must not send it again.
    pub(crate) fn new(
        config: &aws_types::SdkConfig,
        sender: &str,
        configuration_set: &str,
        connections: MailConnections,
    ) -> Self {
        let patient = TimeoutConfig::builder().operation_attempt_timeout(ANSWER_MAX);
        let once = aws_sdk_sesv2::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(patient.build());
        Self {
            config: once,
            connections,
            sender: sender.to_owned(),
            configuration_set: configuration_set.to_owned(),
        }
    }

    /// For one invocation; no connection is kept after it.
    pub fn session(&self) -> MailSession {
        let config = match self.connections {
            MailConnections::Configured => self.config.clone(),
            MailConnections::New => self.config.clone().http_client(mail_connections::new()),
        };
        MailSession {
            ses: Client::from_conf(config.build()),
            sender: self.sender.clone(),
            configuration_set: self.configuration_set.clone(),
        }
    }

    pub async fn send(&self, mail: &Mail) -> Result<SendMailResult, Error> {
        let session = self.session();
        // Boxed, because a reply awaits it deep within other futures.
        Box::pin(session.send(mail)).await
    }

    /// Mails that SES allows the AWS account in a thousand seconds. `None`: SES does not say.
    pub(crate) async fn thousandths_per_second(&self) -> Option<u32> {
        let account = self.session().ses.get_account().send().await;
        let account = match account {
            Ok(account) => account,
            Err(error) => {
                let error = aws_sdk_sesv2::error::DisplayErrorContext(error);
                tracing::warn!(%error, "SES does not say how many mails may be sent");
                return None;
            }
        };
        let rate = account.send_quota()?.max_send_rate();
        // By way of text, since no conversion checks whether the number fits.
        format!("{:.0}", rate * 1_000.0).parse().ok()
    }
}

impl MailSession {
    pub async fn send(&self, mail: &Mail) -> Result<SendMailResult, Error> {
        let raw = RawMessage::builder()
            .data(Blob::new(self.message(mail)))
            .build()
            .map_err(|error| Error::MailNotSent(error.into()))?;
        let sender = mail.from_address.as_deref().unwrap_or(&self.sender);
        let send = self
            .ses
            .send_email()
            .from_email_address(sender)
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .content(EmailContent::builder().raw(raw).build());
        let send = match self.message_tag(mail)? {
            Some(tag) => send
                .configuration_set_name(&self.configuration_set)
                .email_tags(tag),
            None => send,
        };
        match send.send().await {
            Ok(_) => Ok(SendMailResult::Taken),
            Err(error) => said_no(error, sender),
        }
    }

    /// The tag is sent with the request, so that an event that arrives before the answer can be
    /// matched.
    fn message_tag(&self, mail: &Mail) -> Result<Option<MessageTag>, Error> {
        let wanted = mail
            .tag
            .as_ref()
            .filter(|_| !self.configuration_set.is_empty());
        let Some(tag) = wanted else { return Ok(None) };
        let tag = MessageTag::builder()
            .name(TAG_NAME)
            .value(tag.to_string())
            .build();
        tag.map(Some)
            .map_err(|error| Error::MailNotSent(error.into()))
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
        if let Some(link) = &mail.unsubscribe_link {
            message = message
                .header("List-Unsubscribe", URL::new(link.as_str()))
                .header("List-Unsubscribe-Post", Raw::new(ONE_CLICK));
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

/// The header and the form field of RFC 8058.
pub const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// An address, with the name before it if there is one: an empty name is not written.
fn mailbox(name: Option<&str>, address: &str) -> Address<'static> {
    let name = name.map(one_line).filter(|name| !name.trim().is_empty());
    Address::new_address(name, one_line(address))
}

/// The error of a mail that was not accepted.
fn said_no(error: SdkError<SendEmailError>, sender: &str) -> Result<SendMailResult, Error> {
    let Some(refused) = error.as_service_error() else {
        return Err(match was_not_sent(&error) {
            true => Error::MailNotSent(error.into()),
            false => Error::Mail(error.into()),
        });
    };
    if refused.is_too_many_requests_exception() || refused.is_limit_exceeded_exception() {
        return Err(Error::MailThrottled(error.into()));
    }
    if refused.is_mail_from_domain_not_verified_exception() {
        return Err(Error::MailSenderUnverified(error.into()));
    }
    let message = refused.message().unwrap_or_default();
    if refused.is_message_rejected() && message.contains("not verified") {
        return Err(match is_named(sender, message) {
            true => Error::MailSenderUnverified(error.into()),
            false => Error::MailRecipientUnverified(error.into()),
        });
    }
    if refused.is_message_rejected() || refused.is_bad_request_exception() {
        let reason = refused.code().unwrap_or("MessageRejected").to_owned();
        return Ok(SendMailResult::Rejected(reason));
    }
    Err(Error::MailRefused(error.into()))
}

/// SES names the identities that are not verified. If it names none, it is the sender: out of the
/// sandbox, recipients need not be verified.
fn is_named(sender: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    let sender = sender.to_lowercase();
    !message.contains('@') || message.contains(&sender)
}

/// Free text from a caller must not add headers.
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
    fn whom_ses_does_not_know_it_names() {
        let says = "Email address is not verified. The following identities failed the check in \
                    region EU-WEST-1: Shop <Shop@Example.com>";
        assert!(is_named("shop@example.com", says));
        assert!(!is_named("other@example.com", says));
        assert!(is_named(
            "shop@example.com",
            "Email address is not verified."
        ));
    }

    #[test]
    fn a_caller_cannot_add_headers() {
        assert_eq!(
            one_line("a\r\nBcc: b@example.com\u{2028}c"),
            "a  Bcc: b@example.com c"
        );
    }
}
