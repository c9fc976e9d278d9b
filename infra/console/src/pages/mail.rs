//! One mail, text or call by voice: as it is sent, and how it stands. Its HTML stands in a frame of its
//! own, which runs and loads nothing.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use cloud::read::mails::ListedMailState;
use cloud::records::mail_record::{MailRecord, MailState, MailTag};
use objects::SendOrder;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::local_pages::mail_frame;
use crate::markup::ShownTime;
use crate::page_query::PageQuery;
use crate::pages::mails::{OrderSummary, class, order_of};
use crate::shell::{Shell, Tab, page};

#[derive(Template)]
#[template(path = "ordered_mail.html")]
struct OrderedMailPage {
    shell: Shell,
    tag: String,
    account: String,
    conversation_href: String,
    sequence: u32,
    summary: OrderSummary,
    from: String,
    reply_to: String,
    state: &'static str,
    class: &'static str,
    reason: String,
    /// Nobody knows whether it went out: somebody may say so.
    is_unknown: bool,
    claimed: Option<ShownTime>,
    sent: Option<ShownTime>,
    /// The frame with its HTML; empty: it has none.
    frame_href: String,
    text: String,
}

pub(crate) async fn mail(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let record = read(&console, query.as_deref()).await?;
    let order = order_of(&record);
    let state = ListedMailState::of(record.state);
    let tag = record.tag().to_string();
    let mut filled = OrderedMailPage {
        shell: console.shell(Tab::Mails, &format!("Mail {}", record.number)),
        account: record.account.0.clone(),
        conversation_href: link::conversation(console.base(), &record.conversation),
        sequence: record.sequence.get(),
        summary: OrderSummary::of(order.as_ref()),
        from: String::new(),
        reply_to: String::new(),
        state: state.name(),
        class: class(state),
        reason: record.reason.clone().unwrap_or_default(),
        is_unknown: state == ListedMailState::Unknown,
        claimed: record.claimed_at.map(ShownTime),
        sent: match record.state {
            MailState::Sent(at) => Some(ShownTime(at)),
            MailState::Pending | MailState::Sending(_) | MailState::Failed | MailState::Unknown => {
                None
            }
        },
        frame_href: String::new(),
        text: String::new(),
        tag,
    };
    if let Some(SendOrder::Mail(order)) = order {
        let named = |name: Option<String>, address: Option<String>| {
            let both = [name, address].into_iter().flatten();
            both.collect::<Vec<_>>().join(" · ")
        };
        filled.from = named(order.from_name, order.from_address);
        filled.reply_to = named(order.reply_to_name, order.reply_to);
        filled.text = order.text.unwrap_or_default();
        if order.html.is_some() {
            let path = format!("{}/mail/html", console.base());
            filled.frame_href = link::with_query(&path, &[("mail", &filled.tag)]);
        }
    }
    page(&filled)
}

/// The HTML of a mail, for the frame.
pub(crate) async fn html(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let record = read(&console, query.as_deref()).await?;
    let html = match order_of(&record) {
        Some(SendOrder::Mail(order)) => order.html,
        Some(SendOrder::Phone(_)) | None => None,
    };
    let none = || PageFailure::NotFound("This mail has no HTML.".to_owned());
    html.map(mail_frame).ok_or_else(none)
}

async fn read(console: &Console, query: Option<&str>) -> Result<MailRecord, PageFailure> {
    let query = PageQuery::read(query);
    let wrong = || PageFailure::Wrong("This is no name of a mail.".to_owned());
    let tag = MailTag::parse(query.text("mail")).ok_or_else(wrong)?;
    let found = console.cloud().mail_tagged(&tag).await?;
    found.ok_or_else(|| {
        PageFailure::NotFound("There is no such mail, or it is not kept any more.".to_owned())
    })
}
