//! `aftercall mails`: what became of triggered mails.

use cloud::records::mail_list::MailList;
use cloud::records::mail_record::{MailRecord, MailState};
use objects::{PhoneChannel, SendOrder};
use serde_json::Value;

use crate::arguments::{MailStateArgument, MailVerb};
use crate::failure::CommandFailure;
use crate::output::{Output, Record};

pub(crate) async fn carry_out(mails: &MailList, verb: &MailVerb) -> Result<Output, CommandFailure> {
    let MailVerb::List { state } = verb;
    let wanted = match state {
        MailStateArgument::Unknown => MailState::Unknown,
        MailStateArgument::Failed => MailState::Failed,
        MailStateArgument::Pending => MailState::Pending,
    };
    let found = mails.in_state(wanted).await?;
    Ok(Output::List(found.iter().map(shown).collect()))
}

/// What was to be sent, and to whom; nothing is said of one that cannot be read.
#[derive(Default)]
pub(crate) struct MailAbout {
    /// A mail, a text, or a call by voice.
    pub(crate) kind: &'static str,
    /// CustomerKey of a mail's definition, ObjectID of another's.
    pub(crate) definition: Value,
    pub(crate) subscriber_key: Value,
    pub(crate) to: Value,
}

impl MailAbout {
    pub(crate) fn of(mail: &MailRecord) -> Self {
        match serde_json::from_str(&mail.order) {
            Ok(SendOrder::Mail(order)) => Self {
                kind: "mail",
                definition: order.definition.into(),
                subscriber_key: order.subscriber_key.into(),
                to: order.to.into(),
            },
            Ok(SendOrder::Phone(order)) => Self {
                kind: match order.channel {
                    PhoneChannel::Text => "text",
                    PhoneChannel::Voice => "voice",
                },
                definition: order.recipient.definition_object_id.into(),
                subscriber_key: order.recipient.subscriber_key.into(),
                to: order.to.into(),
            },
            Err(_) => Self::default(),
        }
    }
}

fn shown(mail: &MailRecord) -> Record {
    let about = MailAbout::of(mail);
    Record::of("conversation", mail.conversation.0.as_str())
        .and("sequence", mail.sequence.get())
        .and("number", mail.number)
        .and("definition", about.definition)
        .and("subscriber_key", about.subscriber_key)
        .and("to", about.to)
        .and(
            "reason",
            mail.reason.clone().map_or(Value::Null, Value::from),
        )
}
