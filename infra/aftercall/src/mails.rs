//! `aftercall mails`: what became of triggered mails.

use calls::AccountId;
use cloud::Cloud;
use cloud::conversation::unknown::UnknownQuery;
use cloud::read::conversation_list::ListOrder;
use cloud::read::mails::{ListedMailState, MailCursor, MailQuery};
use cloud::records::mail_record::{MailRecord, MailState, MailTag};
use jiff::Timestamp;
use objects::{PhoneChannel, SendOrder};
use serde_json::Value;

use crate::arguments::MailList;
use crate::call_lines::{maybe, second};
use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::replies::LOOKED_BACK;

pub(crate) async fn list(cloud: &Cloud, wanted: &MailList) -> Result<Output, CommandFailure> {
    let Some(account) = &wanted.account else {
        // `clap` asks for it but for those of unknown fate, which have a list of their own.
        let query = UnknownQuery {
            account: None,
            with_settled: false,
            limit: wanted.limit,
        };
        let found = cloud.unknown_mails(&query).await?;
        return Ok(Output::List(
            found.iter().map(|it| shown(&it.mail)).collect(),
        ));
    };
    let to = wanted.to.unwrap_or_else(|| cloud.now());
    let from = wanted.from.or_else(|| to.checked_sub(LOOKED_BACK).ok());
    let query = MailQuery {
        account: AccountId(account.clone()),
        from: from.unwrap_or(Timestamp::MIN),
        to,
        order: ListOrder::NewestFirst,
        states: vec![wanted.state.into()],
    };
    let mut found = Vec::new();
    let mut cursor = MailCursor::default();
    while found.len() < wanted.limit {
        let left = wanted.limit - found.len();
        let page = cloud.mail_page(&query, cursor, left).await?;
        found.extend(page.mails.iter().map(|it| shown(&it.record)));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    Ok(Output::List(found))
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
    let state = ListedMailState::of(mail.state).name();
    let at = match mail.state {
        MailState::Sending(at) | MailState::Sent(at) => Some(at),
        MailState::Pending | MailState::Failed | MailState::Unknown => mail.claimed_at,
    };
    Record::of("mail", mail.tag().to_string())
        .and("kind", about.kind)
        .and("state", state)
        .and("at", maybe(at.map(second)))
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
