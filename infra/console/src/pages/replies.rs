//! Replies and their delivery logs: those that did not get through, or all; and one of them.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::AccountId;
use cloud::read::conversation_list::ListOrder;
use cloud::read::replies::{DeliveryState, ReplyId, ReplyQuery, shown_receiver};
use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::page_query::PageQuery;
use crate::pages::call::respond_when;
use crate::pages::calls::{ChoiceOption, ROWS, bounds, cursor, written};
use crate::pages::delivery::{self, ReplyRow};
use crate::pages::named_reply::NamedReply;
use crate::pages::reply_content::ReplyContent;
use crate::pages::timeline::TimelineLine;
use crate::shell::{Shell, Tab, page};

/// What replies are shown unless something else is asked for: they, and mails, can be found without going
/// through all others.
pub(crate) const FAILURES: &str = "failures";

#[derive(Template)]
#[template(path = "replies.html")]
struct RepliesPage {
    shell: Shell,
    account: String,
    day: String,
    receiver: String,
    states: Vec<ChoiceOption>,
    rows: Vec<ReplyRow>,
    /// Of all that are listed, and can be sent again.
    ids: String,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "reply.html")]
struct ReplyDetailPage {
    shell: Shell,
    account: String,
    row: ReplyRow,
    respond_when: &'static str,
    status: &'static str,
    pending_since: ShownTime,
    events: Vec<TimelineLine>,
    content: ReplyContent,
}

pub(crate) async fn replies(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let account = query.account(&console);
    let mut found = Vec::new();
    let mut next = None;
    if let Some(account) = &account {
        let wanted = wanted(&console, account.clone(), &query)?;
        let from = cursor(query.text("from"))?;
        let listed = console.cloud().reply_page(&wanted, from, ROWS).await?;
        next = listed.next.as_ref().map(written);
        found = listed.replies;
    }
    let account = account.map_or_else(String::new, |account| account.0);
    let address = |from: &str| {
        let kept = ["day", "state", "receiver"].map(|name| (name, query.text(name)));
        let values = [
            &[("account", account.as_str())],
            kept.as_slice(),
            &[("from", from)],
        ];
        link::with_query(&format!("{}/replies", console.base()), &values.concat())
    };
    let names = DeliveryState::ALL.map(DeliveryState::name).into_iter();
    let choice = |name: &'static str| ChoiceOption {
        name,
        is_chosen: name == query.text("state") || (name == FAILURES && !query.has("state")),
    };
    let failing = found.iter().filter(|it| it.reply.is_failing());
    let ids: Vec<String> = failing
        .map(|it| ReplyId::of(&it.reply).to_string())
        .collect();
    page(&RepliesPage {
        shell: console.shell(Tab::Replies, "Replies"),
        day: query.text("day").to_owned(),
        receiver: query.text("receiver").to_owned(),
        states: [FAILURES, "any"]
            .into_iter()
            .chain(names)
            .map(choice)
            .collect(),
        rows: found
            .iter()
            .map(|it| ReplyRow::of(console.base(), it))
            .collect(),
        ids: ids.join(" "),
        next: next.map(|next| address(&next)),
        account,
    })
}

fn wanted(
    console: &Console,
    account: AccountId,
    query: &PageQuery,
) -> Result<ReplyQuery, PageFailure> {
    let (from, to) = match query.text("day") {
        "" => (
            Timestamp::UNIX_EPOCH,
            console.now() + SignedDuration::from_mins(5),
        ),
        day => bounds(day)?,
    };
    let states = match query.text("state") {
        "" | FAILURES => vec![DeliveryState::Retrying, DeliveryState::GivenUp],
        name => DeliveryState::ALL
            .into_iter()
            .filter(|it| it.name() == name)
            .collect(),
    };
    Ok(ReplyQuery {
        account,
        from,
        to,
        order: ListOrder::NewestFirst,
        states,
        receiver: Some(query.text("receiver").to_owned()).filter(|it| !it.is_empty()),
    })
}

pub(crate) async fn reply(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let named = NamedReply::read(&console, query.as_deref())?;
    let record = named.record(&console).await?;
    let reply = &record.reply;
    page(&ReplyDetailPage {
        shell: console.shell(Tab::Replies, &format!("Reply to {}", shown_receiver(reply))),
        row: ReplyRow::of(console.base(), &record),
        respond_when: respond_when(reply.subscription.respond_when),
        status: reply.overall_status.text(),
        pending_since: ShownTime(reply.pending_since),
        events: delivery::lines(&record),
        content: ReplyContent::of(&console, &record).await?,
        account: named.account.0,
    })
}
