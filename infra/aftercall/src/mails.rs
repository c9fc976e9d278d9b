//! `aftercall mails`: what became of triggered mails.

use cloud::records::mail_list::MailList;
use cloud::records::mail_record::{MailRecord, MailState};
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

fn shown(mail: &MailRecord) -> Record {
    let order: Value = serde_json::from_str(&mail.order).unwrap_or_default();
    let of_order = |name: &str| order[name].clone();
    Record::of("conversation", mail.conversation.0.as_str())
        .and("sequence", mail.sequence.get())
        .and("number", mail.number)
        .and("definition", of_order("definition"))
        .and("subscriber_key", of_order("subscriber_key"))
        .and("to", of_order("to"))
        .and(
            "reason",
            mail.reason.clone().map_or(Value::Null, Value::from),
        )
}
