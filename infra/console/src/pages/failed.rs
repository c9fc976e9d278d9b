//! Conversations that failed, newest first, with what can be done about each.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use cloud::read::conversation_list::{
    ConversationFilter, ListOrder, ListQuery, ListedBy, LookBack,
};
use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::page_query::PageQuery;
use crate::pages::calls::{ROWS, bounds, cursor, written};
use crate::pages::conversation_row::ConversationRow;
use crate::shell::{Shell, Tab, page};

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedConversationsPage {
    shell: Shell,
    account: String,
    day: String,
    rows: Vec<ConversationRow>,
    next: Option<String>,
    replies_href: String,
}

pub(crate) async fn failed(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let account = query.account(&console);
    let mut rows = Vec::new();
    let mut next = None;
    if let Some(account) = &account {
        let (from, to) = match query.text("day") {
            "" => (
                Timestamp::UNIX_EPOCH,
                console.now() + SignedDuration::from_mins(5),
            ),
            day => bounds(day)?,
        };
        let wanted = ListQuery {
            account: account.clone(),
            by: ListedBy::Failed,
            from,
            to,
            look_back: LookBack::Nothing,
            order: ListOrder::NewestFirst,
            filter: ConversationFilter::default(),
        };
        let list = console.cloud().conversation_list();
        let found = list
            .page(&wanted, cursor(query.text("from"))?, ROWS)
            .await?;
        let listed = found.conversations.iter();
        rows.extend(listed.map(|it| ConversationRow::of(console.base(), &it.record)));
        next = found.next.as_ref().map(written);
    }
    let account = account.map_or_else(String::new, |account| account.0);
    let address = |from: &str| {
        let path = format!("{}/failed", console.base());
        let day = query.text("day");
        link::with_query(
            &path,
            &[("account", &account), ("day", day), ("from", from)],
        )
    };
    page(&FailedConversationsPage {
        shell: console.shell(Tab::Failed, "Failed conversations"),
        day: query.text("day").to_owned(),
        rows,
        next: next.map(|next| address(&next)),
        replies_href: link::with_query(
            &format!("{}/replies", console.base()),
            &[("account", &account)],
        ),
        account,
    })
}
