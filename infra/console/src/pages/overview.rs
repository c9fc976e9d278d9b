//! How everything stands: maintenance, queues, backends, what went wrong, and the latest conversations.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use calls::{AccountId, BackendName, Breaker, SequenceCode};
use cloud::aws::dead_letters::{QueueDepth, queue_name};
use cloud::pauses::is_pause;
use cloud::read::conversation_list::{
    ConversationFilter, ListCursor, ListOrder, ListQuery, ListedBy, LookBack,
};
use cloud::read::overview::{Overview, Recent};
use cloud::records::conversation_record::ConversationRecord;
use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::page_query::PageQuery;
use crate::pages::backends::ShownBreaker;
use crate::pages::conversation_row::{ConversationRow, name_of};
use crate::pages::figures::{self, FigureCard};
use crate::pages::notices::{Notice, NoticeCounts, notices};
use crate::pages::rate_plots::ShownRates;
use crate::shell::{Shell, Tab, page};

/// Conversations that are shown, the latest.
const LATEST: usize = 10;

/// Conversations that are looked at for what is not read: as many as one batch takes.
const LOOKED_AT: usize = 100;

/// One queue.
pub(crate) struct QueueRow {
    pub name: &'static str,
    pub waiting: u64,
    pub in_flight: u64,
    pub dead: u64,
}

/// The breaker of a backend.
pub(crate) struct BreakerRow {
    pub name: String,
    pub breaker: ShownBreaker,
    /// Conversations that wait for it.
    pub held: usize,
}

/// A call that came with something that is not read.
pub(crate) struct WarnedRow {
    pub name: String,
    pub href: String,
    pub text: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    here: String,
    now: String,
    in_maintenance: bool,
    notices: Vec<Notice>,
    rates: ShownRates,
    cards: Vec<FigureCard>,
    queues: Vec<QueueRow>,
    breakers: Vec<BreakerRow>,
    account: String,
    latest: Vec<ConversationRow>,
    warned: Vec<WarnedRow>,
}

pub(crate) async fn overview(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let account = query.account(&console);
    let (cloud, now) = (console.cloud(), console.now());
    let (stack, depths, recent, latest, rates) = futures_util::future::join5(
        cloud.overview(&cloud.accounts),
        depths(&console),
        recent(&console, account.as_ref()),
        latest(&console, account.as_ref()),
        ShownRates::of(&console, now),
    )
    .await;
    let (stack, depths, recent, latest) = (stack?, depths?, recent?, latest?);
    let warned: Vec<WarnedRow> = warned(&console, &latest).await?;
    let counts = NoticeCounts {
        dead_letters: depths.iter().map(|it| it.dead).sum(),
        warned: warned
            .iter()
            .map(|row| &row.href)
            .collect::<BTreeSet<_>>()
            .len(),
        latest: latest.len(),
    };
    let rows = latest
        .iter()
        .take(LATEST)
        .map(|it| ConversationRow::of(console.base(), it));
    let here = format!("{}/", console.base());
    page(&OverviewPage {
        here: link::with_query(&here, &[("account", query.text("account"))]),
        now: format!("{now:.3}"),
        in_maintenance: stack.maintenance.holds_at(now),
        notices: notices(&console, &stack, &counts, now),
        rates,
        cards: figures::cards(&console, &stack, recent),
        queues: depths.iter().map(queue_row).collect(),
        breakers: breaker_rows(&stack, now),
        account: account.map_or_else(String::new, |account| account.0),
        latest: rows.collect(),
        warned,
        shell: console.shell(Tab::Overview, "Overview"),
    })
}

async fn depths(console: &Console) -> Result<Vec<QueueDepth>, cloud::Error> {
    match &console.options.queues {
        Some(queues) => queues.depths().await,
        None => Ok(Vec::new()),
    }
}

/// What the account has done in the last minute.
async fn recent(
    console: &Console,
    account: Option<&AccountId>,
) -> Result<Option<Recent>, cloud::Error> {
    let Some(account) = account else {
        return Ok(None);
    };
    let from = console.now() - SignedDuration::from_mins(1);
    console.cloud().recent(account, from).await.map(Some)
}

fn queue_row(depth: &QueueDepth) -> QueueRow {
    QueueRow {
        name: queue_name(depth.queue),
        waiting: depth.waiting,
        in_flight: depth.in_flight,
        dead: depth.dead,
    }
}

/// Of the account that is named, or that the console was started for.
async fn latest(
    console: &Console,
    account: Option<&AccountId>,
) -> Result<Vec<ConversationRecord>, cloud::Error> {
    let Some(account) = account.cloned() else {
        return Ok(Vec::new());
    };
    let query = ListQuery {
        account,
        by: ListedBy::Opened,
        from: Timestamp::UNIX_EPOCH,
        to: console.now() + SignedDuration::from_mins(5),
        look_back: LookBack::Nothing,
        order: ListOrder::NewestFirst,
        filter: ConversationFilter::default(),
    };
    let list = console.cloud().conversation_list();
    let found = list.page(&query, ListCursor::default(), LOOKED_AT).await?;
    Ok(found
        .conversations
        .into_iter()
        .map(|it| it.record)
        .collect())
}

/// Without what is paused, which waits under a name like a backend's.
fn breaker_rows(stack: &Overview, now: Timestamp) -> Vec<BreakerRow> {
    let backends = stack.breakers.iter().filter(|(name, _)| !is_pause(name));
    let row = |(name, breaker): (&BackendName, &Breaker)| BreakerRow {
        name: name.to_string(),
        breaker: ShownBreaker::of(breaker, now),
        held: stack.held.get(name).map_or(0, |depth| depth.count),
    };
    backends.map(row).collect()
}

/// What came with the latest calls and is not read.
async fn warned(
    console: &Console,
    latest: &[ConversationRecord],
) -> Result<Vec<WarnedRow>, cloud::Error> {
    let mut rows = Vec::new();
    for warned in console.cloud().warned_calls(latest).await? {
        let (name, key) = (name_of(&warned.header), &warned.header.key);
        rows.extend(warned.warnings.into_iter().map(|text| WarnedRow {
            name: name.clone(),
            href: link::call(console.base(), key, SequenceCode::FIRST),
            text,
        }));
    }
    Ok(rows)
}
