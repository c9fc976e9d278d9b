//! The list of conversations and calls, newest first, page by page; and the way from an id to its page.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use calls::{AccountId, BackendName, QueuePriority};
use cloud::read::conversation_list::{
    BackendFilter, ConversationFilter, ListOrder, ListQuery, ListedBy, LookBack,
};
use cloud::read::state::ConversationState;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::page_query::PageQuery;
use crate::pages::conversation_row::ConversationRow;
use crate::shell::{Shell, Tab, page};

/// Conversations on a page.
pub(crate) const ROWS: usize = 50;

/// The states that can be asked for.
const STATES: [ConversationState; 8] = [
    ConversationState::Gathering,
    ConversationState::Running,
    ConversationState::Parked,
    ConversationState::Complete,
    ConversationState::Failed,
    ConversationState::TimedOut,
    ConversationState::Invalidated,
    ConversationState::Cancelled,
];

/// One of several that may be chosen.
pub(crate) struct ChoiceOption {
    pub name: &'static str,
    pub is_chosen: bool,
}

#[derive(Template)]
#[template(path = "calls.html")]
struct CallsPage {
    shell: Shell,
    account: String,
    day: String,
    prefix: String,
    backend: String,
    states: Vec<ChoiceOption>,
    priorities: Vec<ChoiceOption>,
    rows: Vec<ConversationRow>,
    is_first: bool,
    here: String,
    next: Option<String>,
    now: String,
}

pub(crate) async fn calls(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let account = query.account(&console);
    let mut rows = Vec::new();
    let mut next = None;
    if let Some(account) = &account {
        let wanted = wanted(account.clone(), &query, console.now())?;
        let cursor = cursor(query.text("from"))?;
        let list = console.cloud().conversation_list();
        let found = list.page(&wanted, cursor, ROWS).await?;
        let listed = found.conversations.iter();
        rows.extend(listed.map(|it| ConversationRow::of(console.base(), &it.record)));
        next = found.next.as_ref().map(written);
    }
    let account = account.map_or_else(String::new, |account| account.0);
    let path = format!("{}/calls", console.base());
    let address = |from: &str| {
        let kept =
            ["day", "state", "priority", "prefix", "backend"].map(|name| (name, query.text(name)));
        let values = [
            &[("account", account.as_str())],
            kept.as_slice(),
            &[("from", from)],
        ];
        link::with_query(&path, &values.concat())
    };
    let choose = |name: &'static str, chosen: &str| ChoiceOption {
        name,
        is_chosen: name == chosen,
    };
    let states = STATES.map(|state| choose(state.name(), query.text("state")));
    let priorities = QueuePriority::ALL.map(|it| choose(it.name(), query.text("priority")));
    page(&CallsPage {
        shell: console.shell(Tab::Calls, "Calls and conversations"),
        day: query.text("day").to_owned(),
        prefix: query.text("prefix").to_owned(),
        backend: query.text("backend").to_owned(),
        states: states.into(),
        priorities: priorities.into(),
        rows,
        is_first: !query.has("from"),
        here: address(""),
        next: next.map(|next| address(&next)),
        now: format!("{:.3}", console.now()),
        account,
    })
}

/// The conversation of a ConversationID or RequestID; if there is none, those whose names begin so.
pub(crate) async fn find(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let (account, id) = (query.account(&console), query.text("id"));
    let account = account.ok_or_else(|| PageFailure::Wrong("Say which account.".to_owned()))?;
    let found = console
        .cloud()
        .conversation_list()
        .find(&account, id)
        .await?;
    let address = match found {
        Some(header) => link::conversation(console.base(), &header.key),
        None => {
            let values = [("account", account.0.as_str()), ("prefix", id)];
            link::with_query(&format!("{}/calls", console.base()), &values)
        }
    };
    Ok(Redirect::to(&address).into_response())
}

/// Newest first; without a day, from now on backwards.
fn wanted(account: AccountId, query: &PageQuery, now: Timestamp) -> Result<ListQuery, PageFailure> {
    let (from, to) = match query.text("day") {
        "" => (Timestamp::UNIX_EPOCH, now + SignedDuration::from_mins(5)),
        day => bounds(day)?,
    };
    let states = STATES.into_iter();
    let states = states.filter(|state| state.name() == query.text("state"));
    let mut priorities = QueuePriority::ALL.into_iter();
    Ok(ListQuery {
        account,
        by: ListedBy::Opened,
        from,
        to,
        look_back: LookBack::Nothing,
        order: ListOrder::NewestFirst,
        filter: ConversationFilter {
            states: states.collect(),
            priority: priorities.find(|it| it.name() == query.text("priority")),
            name_prefix: Some(query.text("prefix").to_owned()).filter(|it| !it.is_empty()),
            backend: backend(query.text("backend"))?,
        },
    })
}

/// `built-in`, or the name of one that calls are forwarded to; nothing: any.
fn backend(text: &str) -> Result<Option<BackendFilter>, PageFailure> {
    match text {
        "" => Ok(None),
        "built-in" => Ok(Some(BackendFilter::BuiltIn)),
        name => {
            let name = BackendName::parse(name).map(BackendFilter::Forwarded);
            let wrong = || PageFailure::Wrong("This is no name of a backend.".to_owned());
            name.ok_or_else(wrong).map(Some)
        }
    }
}

/// The first and the last millisecond of a day.
pub(crate) fn bounds(day: &str) -> Result<(Timestamp, Timestamp), PageFailure> {
    let read = || {
        let day: Date = day.parse().ok()?;
        let begin = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp());
        Some((begin(day)?, begin(day.tomorrow().ok()?)?))
    };
    let (from, to) =
        read().ok_or_else(|| PageFailure::Wrong("A day is written as 2026-11-29.".to_owned()))?;
    Ok((from, to - SignedDuration::from_millis(1)))
}

/// Where the list goes on, as it stands in an address.
pub(crate) fn written(cursor: &impl Serialize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(cursor).unwrap_or_default())
}

pub(crate) fn cursor<C: DeserializeOwned + Default>(text: &str) -> Result<C, PageFailure> {
    if text.is_empty() {
        return Ok(C::default());
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| PageFailure::Wrong("That page of the list cannot be read.".to_owned()))
}
