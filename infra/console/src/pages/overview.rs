//! How everything stands: maintenance, queues, backends, what went wrong, and the latest conversations.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use calls::{BackendName, Breaker, BreakerState, Readiness, SequenceCode};
use cloud::aws::dead_letters::{QueueDepth, queue_name};
use cloud::maintenance::MaintenanceSwitch;
use cloud::read::conversation_list::{
    ConversationFilter, ListCursor, ListOrder, ListQuery, ListedBy, LookBack,
};
use cloud::read::overview::{Overview, Recent};
use cloud::records::conversation_record::ConversationRecord;
use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::pages::conversation_row::{ConversationRow, name_of};
use crate::pages::figures::{self, FigureCard};
use crate::pages::state_class::{BAD, GOOD, WAITS};
use crate::shell::{Shell, Tab, page};

/// Conversations that are shown, the latest.
const LATEST: usize = 10;

/// Something that its reader should know at once.
pub(crate) struct Notice {
    pub class: &'static str,
    pub text: String,
    /// Where there is more; empty: nowhere.
    pub href: String,
}

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
    pub state: &'static str,
    pub class: &'static str,
    pub since: Option<ShownTime>,
    /// Conversations that wait for it.
    pub held: usize,
    pub reason: String,
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
    cards: Vec<FigureCard>,
    queues: Vec<QueueRow>,
    breakers: Vec<BreakerRow>,
    account: String,
    latest: Vec<ConversationRow>,
    warned: Vec<WarnedRow>,
}

pub(crate) async fn overview(State(console): State<Console>) -> Result<Response, PageFailure> {
    let (cloud, now) = (console.cloud(), console.now());
    let (stack, depths, recent, latest) = futures_util::future::join4(
        cloud.overview(&cloud.accounts),
        depths(&console),
        recent(&console),
        latest(&console),
    )
    .await;
    let (stack, depths, recent, latest) = (stack?, depths?, recent?, latest?);
    let mut notices = maintenance_notices(&stack.maintenance, now);
    let (unknown, dead) = (
        stack.unknown.count,
        depths.iter().map(|it| it.dead).sum::<u64>(),
    );
    if unknown > 0 {
        let text =
            format!("{unknown} calls of unknown fate: somebody must say what became of them.");
        notices.push(notice("error", text, format!("{}/unknown", console.base())));
    }
    if dead > 0 {
        let text = format!("{dead} dead letters: wake-ups that functions died with.");
        notices.push(notice("error", text, format!("{}/dead", console.base())));
    }
    let rows = latest
        .iter()
        .map(|it| ConversationRow::of(console.base(), it));
    let account = console.options.account.as_ref();
    page(&OverviewPage {
        here: format!("{}/", console.base()),
        now: format!("{now:.3}"),
        in_maintenance: stack.maintenance.holds_at(now),
        notices,
        cards: figures::cards(&console, &stack, recent),
        queues: depths.iter().map(queue_row).collect(),
        breakers: stack
            .breakers
            .iter()
            .map(|it| breaker_row(it, &stack, now))
            .collect(),
        account: account.map_or_else(String::new, ToString::to_string),
        latest: rows.collect(),
        warned: latest
            .iter()
            .flat_map(|it| warned(console.base(), it))
            .collect(),
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
async fn recent(console: &Console) -> Result<Option<Recent>, cloud::Error> {
    let Some(account) = &console.options.account else {
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

fn notice(class: &'static str, text: String, href: String) -> Notice {
    Notice { class, text, href }
}

/// Of the account that the console was started for.
async fn latest(console: &Console) -> Result<Vec<ConversationRecord>, cloud::Error> {
    let Some(account) = console.options.account.clone() else {
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
    let found = list.page(&query, ListCursor::default(), LATEST).await?;
    Ok(found
        .conversations
        .into_iter()
        .map(|it| it.record)
        .collect())
}

fn maintenance_notices(switch: &MaintenanceSwitch, now: Timestamp) -> Vec<Notice> {
    let warning = |text: String| notice("warning", text, String::new());
    let mut notices = Vec::new();
    if switch.holds_at(now) {
        notices.push(warning(
            "Maintenance: calls are accepted and wait.".to_owned(),
        ));
    }
    let planned = switch.windows.iter().filter(|window| !window.is_over(now));
    notices.extend(planned.map(|window| {
        let (from, to) = (window.from, window.to);
        let reason = &window.reason;
        warning(format!(
            "Maintenance is planned from {from} to {to}: {reason}"
        ))
    }));
    notices
}

fn breaker_row(
    (name, breaker): (&BackendName, &Breaker),
    stack: &Overview,
    now: Timestamp,
) -> BreakerRow {
    let (state, class) = match breaker.readiness(now) {
        Readiness::Ready => ("closed: calls go out", GOOD),
        Readiness::InMaintenance => ("in maintenance: calls wait", WAITS),
        Readiness::OutOfService => ("open: calls wait", BAD),
    };
    BreakerRow {
        name: name.to_string(),
        state,
        class,
        since: match breaker.state {
            BreakerState::Open { since, .. } => Some(ShownTime(since)),
            BreakerState::Closed { .. } => None,
        },
        held: stack.held.get(name).map_or(0, |depth| depth.count),
        reason: breaker.reason.clone(),
    }
}

/// Only of calls that were read with their header: each of the others would take another request.
fn warned(base: &str, record: &ConversationRecord) -> Vec<WarnedRow> {
    let Some(only) = record.call_at_hand() else {
        return Vec::new();
    };
    let warnings = only.options.warnings.iter();
    let row = |warning: &calls::options::Warning| WarnedRow {
        name: name_of(record),
        href: link::call(base, &record.key, SequenceCode::FIRST),
        text: warning.0.clone(),
    };
    warnings.map(row).collect()
}
