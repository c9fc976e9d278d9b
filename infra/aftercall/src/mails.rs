//! `aftercall mails`: what became of triggered mails.

use calls::AccountId;
use cloud::Cloud;
use cloud::conversation::unknown::UnknownQuery;
use cloud::records::mail_record::{MailRecord, MailState, MailTag};
use jiff::Timestamp;
use objects::{PhoneChannel, SendOrder};
use serde_json::Value;

use crate::arguments::{MailList, MailStateArgument};
use crate::call_lines::{maybe, second};
use crate::failure::CommandFailure;
use crate::output::{Output, Record};

pub(crate) async fn list(cloud: &Cloud, wanted: &MailList) -> Result<Output, CommandFailure> {
    let account = wanted.account.clone().map(AccountId);
    let limit = wanted.limit;
    let found = match (wanted.state, &account) {
        (MailStateArgument::Unknown, _) => {
            let query = UnknownQuery {
                account,
                with_settled: false,
                limit,
            };
            let unknown = cloud.unknown_mails(&query).await?;
            unknown.into_iter().map(|it| it.mail).collect()
        }
        (MailStateArgument::Pending, account) => {
            cloud.pending_mails(account.as_ref(), limit).await?
        }
        (MailStateArgument::Failed, Some(account)) => cloud.failed_mails(account, limit).await?,
        // `clap` asks for it.
        (MailStateArgument::Failed, None) => Vec::new(),
    };
    Ok(Output::List(found.iter().map(shown).collect()))
}

pub(crate) async fn show(
    cloud: &Cloud,
    account: &str,
    tag: &str,
) -> Result<Output, CommandFailure> {
    let account = AccountId(account.to_owned());
    let no_such = || {
        CommandFailure::NotFound(format!(
            "account {account} has no mail {tag}, or none that is still kept"
        ))
    };
    let tag = MailTag::parse(tag).ok_or_else(no_such)?;
    let mail = cloud.mail_tagged(&tag).await?.ok_or_else(no_such)?;
    match cloud.mails(&mail.conversation, mail.sequence).await? {
        Some(mails) if mails.account == account => Ok(Output::One(shown(&mail))),
        Some(_) | None => Err(no_such()),
    }
}

/// How a mail stands, and since when if that is known.
pub(crate) fn state(state: MailState) -> (&'static str, Option<Timestamp>) {
    match state {
        MailState::Pending => ("pending", None),
        MailState::Sending(at) => ("sending", Some(at)),
        MailState::Sent(at) => ("sent", Some(at)),
        MailState::Failed => ("failed", None),
        MailState::Unknown => ("unknown", None),
    }
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
    let (state, at) = state(mail.state);
    Record::of("mail", mail.tag().to_string())
        .and("kind", about.kind)
        .and("state", state)
        .and("at", maybe(at.or(mail.claimed_at).map(second)))
        .and("conversation", mail.conversation.0.as_str())
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
