//! Mails, texts and calls by voice that calls have ordered: all of an account, or what failed alone.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::AccountId;
use cloud::read::conversation_list::ListOrder;
use cloud::read::mails::{ListedMail, ListedMailState, MailQuery};
use cloud::records::mail_record::MailRecord;
use jiff::{SignedDuration, Timestamp};
use objects::{PhoneChannel, SendOrder};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::page_query::PageQuery;
use crate::pages::calls::{ChoiceOption, ROWS, bounds, cursor, written};
use crate::pages::replies::FAILURES;
use crate::pages::state_class::{BAD, GOOD, PLAIN, WAITS};
use crate::shell::{Shell, Tab, page};

/// A mail in a list.
pub(crate) struct MailRow {
    pub at: ShownTime,
    pub href: String,
    pub conversation_href: String,
    pub sequence: u32,
    pub kind: &'static str,
    pub to: String,
    pub subject: String,
    pub definition: String,
    pub state: &'static str,
    pub class: &'static str,
    pub reason: String,
}

/// What a mail's order says of it; nothing of one that cannot be read.
#[derive(Default)]
pub(crate) struct OrderSummary {
    pub kind: &'static str,
    pub to: String,
    /// The words themselves, of what has no subject.
    pub subject: String,
    pub definition: String,
    pub subscriber_key: String,
}

#[derive(Template)]
#[template(path = "mails.html")]
struct MailsPage {
    shell: Shell,
    account: String,
    day: String,
    states: Vec<ChoiceOption>,
    rows: Vec<MailRow>,
    next: Option<String>,
}

impl OrderSummary {
    pub(crate) fn of(order: Option<&SendOrder>) -> Self {
        match order {
            None => Self::default(),
            Some(SendOrder::Mail(order)) => Self {
                kind: "mail",
                to: order.to.clone(),
                subject: order.subject.clone(),
                definition: order.definition.clone(),
                subscriber_key: order.subscriber_key.clone(),
            },
            Some(SendOrder::Phone(order)) => Self {
                kind: match order.channel {
                    PhoneChannel::Text => "text",
                    PhoneChannel::Voice => "voice",
                },
                to: order.to.clone(),
                subject: order.words.clone(),
                definition: order.recipient.definition_object_id.clone(),
                subscriber_key: order.recipient.subscriber_key.clone(),
            },
        }
    }
}

impl MailRow {
    pub(crate) fn of(base: &str, mail: &ListedMail) -> Self {
        let ListedMail { record, at } = mail;
        let state = ListedMailState::of(record.state);
        let summary = OrderSummary::of(order_of(record).as_ref());
        let tag = record.tag().to_string();
        Self {
            at: ShownTime(*at),
            href: link::with_query(&format!("{base}/mail"), &[("mail", &tag)]),
            conversation_href: link::conversation(base, &record.conversation),
            sequence: record.sequence.get(),
            kind: summary.kind,
            to: summary.to,
            subject: summary.subject,
            definition: summary.definition,
            state: state.name(),
            class: class(state),
            reason: record.reason.clone().unwrap_or_default(),
        }
    }
}

/// `None`: it cannot be read.
pub(crate) fn order_of(record: &MailRecord) -> Option<SendOrder> {
    serde_json::from_str(&record.order).ok()
}

pub(crate) const fn class(state: ListedMailState) -> &'static str {
    match state {
        ListedMailState::Pending => PLAIN,
        ListedMailState::Sending => WAITS,
        ListedMailState::Sent => GOOD,
        ListedMailState::Failed | ListedMailState::Unknown => BAD,
    }
}

pub(crate) async fn mails(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let account = query.account(&console);
    let mut rows = Vec::new();
    let mut next = None;
    if let Some(account) = &account {
        let wanted = wanted(&console, account.clone(), &query)?;
        let from = cursor(query.text("from"))?;
        let found = console.cloud().mail_page(&wanted, from, ROWS).await?;
        next = found.next.as_ref().map(written);
        let mails = found.mails.iter();
        rows.extend(mails.map(|mail| MailRow::of(console.base(), mail)));
    }
    let account = account.map_or_else(String::new, |account| account.0);
    let address = |from: &str| {
        let values = [
            ("account", account.as_str()),
            ("day", query.text("day")),
            ("state", query.text("state")),
            ("from", from),
        ];
        link::with_query(&format!("{}/mail-list", console.base()), &values)
    };
    let names = ListedMailState::ALL.map(ListedMailState::name).into_iter();
    let choice = |name: &'static str| ChoiceOption {
        name,
        is_chosen: name == query.text("state"),
    };
    page(&MailsPage {
        shell: console.shell(Tab::Mails, "Mails, texts and calls by voice"),
        day: query.text("day").to_owned(),
        states: [FAILURES].into_iter().chain(names).map(choice).collect(),
        rows,
        next: next.map(|next| address(&next)),
        account,
    })
}

fn wanted(
    console: &Console,
    account: AccountId,
    query: &PageQuery,
) -> Result<MailQuery, PageFailure> {
    let (from, to) = match query.text("day") {
        "" => (
            Timestamp::UNIX_EPOCH,
            console.now() + SignedDuration::from_mins(5),
        ),
        day => bounds(day)?,
    };
    let states = match query.text("state") {
        FAILURES => vec![ListedMailState::Failed, ListedMailState::Unknown],
        name => ListedMailState::ALL
            .into_iter()
            .filter(|it| it.name() == name)
            .collect(),
    };
    Ok(MailQuery {
        account,
        from,
        to,
        order: ListOrder::NewestFirst,
        states,
    })
}
