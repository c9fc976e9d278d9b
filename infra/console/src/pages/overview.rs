//! How everything stands: maintenance, queues, backends, what went wrong, and the latest conversations.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use calls::{BackendName, Breaker, BreakerState, Readiness, SequenceCode};
use cloud::conversation::unknown::UnknownQuery;
use cloud::maintenance::MaintenanceSwitch;
use cloud::read::conversation_list::{
    ConversationFilter, ListCursor, ListOrder, ListQuery, LookBack,
};
use cloud::records::conversation_record::ConversationRecord;
use jiff::{SignedDuration, Timestamp};

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::pages::conversation_row::{ConversationRow, name_of};
use crate::pages::state_class::{BAD, GOOD, WAITS};
use crate::plot::Plot;
use crate::shell::{Shell, Tab, page};

/// Conversations that are shown, the latest.
const LATEST: usize = 10;

/// Unknown calls that are counted.
const UNKNOWN_COUNTED: usize = 100;

/// Something that its reader should know at once.
pub(crate) struct Notice {
    pub class: &'static str,
    pub text: String,
    /// Where there is more; empty: nowhere.
    pub href: String,
}

/// One figure, and how it was before.
pub(crate) struct FigureCard {
    pub name: &'static str,
    pub figure: String,
    pub note: String,
    pub plot: Option<Plot>,
}

/// The breaker of a backend.
pub(crate) struct BreakerRow {
    pub name: String,
    pub state: &'static str,
    pub class: &'static str,
    pub since: Option<ShownTime>,
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
    breakers: Vec<BreakerRow>,
    account: String,
    latest: Vec<ConversationRow>,
    warned: Vec<WarnedRow>,
}

pub(crate) async fn overview(State(console): State<Console>) -> Result<Response, PageFailure> {
    let (cloud, now) = (console.cloud(), console.now());
    let unknown = UnknownQuery {
        account: None,
        with_settled: false,
        limit: UNKNOWN_COUNTED,
    };
    let switch = async { cloud.accounts.maintenance_switch().await };
    let breakers = async { cloud.breakers().await };
    let unknown = async { cloud.unknown_calls(&unknown).await };
    let latest = latest(&console);
    let (switch, breakers, unknown, latest) =
        futures_util::future::join4(switch, breakers, unknown, latest).await;
    let (switch, breakers) = (switch?.unwrap_or_default(), breakers?);
    let (unknown, latest) = (unknown?.len(), latest?);
    let mut notices = maintenance_notices(&switch, now);
    if unknown > 0 {
        notices.push(Notice {
            class: "error",
            text: format!(
                "{}{unknown} calls of unknown fate wait for somebody to say what became of them.",
                if unknown < UNKNOWN_COUNTED {
                    ""
                } else {
                    "At least "
                }
            ),
            href: format!("{}/unknown", console.base()),
        });
    }
    let rows = latest
        .iter()
        .map(|it| ConversationRow::of(console.base(), it));
    let account = console.options.account.as_ref();
    page(&OverviewPage {
        here: format!("{}/", console.base()),
        now: format!("{now:.3}"),
        in_maintenance: switch.holds_at(now),
        notices,
        cards: Vec::new(),
        breakers: breakers.iter().map(|it| breaker_row(it, now)).collect(),
        account: account.map_or_else(String::new, ToString::to_string),
        latest: rows.collect(),
        warned: latest
            .iter()
            .flat_map(|it| warned(console.base(), it))
            .collect(),
        shell: console.shell(Tab::Overview, "Overview"),
    })
}

/// Of the account that the console was started for.
async fn latest(console: &Console) -> Result<Vec<ConversationRecord>, cloud::Error> {
    let Some(account) = console.options.account.clone() else {
        return Ok(Vec::new());
    };
    let query = ListQuery {
        account,
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
    let notice = |text: String| Notice {
        class: "warning",
        text,
        href: String::new(),
    };
    let mut notices = Vec::new();
    if switch.holds_at(now) {
        notices.push(notice(
            "Maintenance: calls are accepted and wait.".to_owned(),
        ));
    }
    let planned = switch.windows.iter().filter(|window| !window.is_over(now));
    notices.extend(planned.map(|window| {
        let (from, to) = (window.from, window.to);
        notice(format!(
            "Maintenance is planned from {from} to {to}: {}",
            window.reason
        ))
    }));
    notices
}

fn breaker_row((name, breaker): (&BackendName, &Breaker), now: Timestamp) -> BreakerRow {
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
        reason: breaker.reason.clone(),
    }
}

/// Only of calls that lie in their header: others would each have to be read.
fn warned(base: &str, record: &ConversationRecord) -> Vec<WarnedRow> {
    let Some(only) = &record.only.call else {
        return Vec::new();
    };
    let warnings = only.call.options.warnings.iter();
    let row = |warning: &calls::options::Warning| WarnedRow {
        name: name_of(record),
        href: link::call(base, &record.key, SequenceCode::FIRST),
        text: warning.0.clone(),
    };
    warnings.map(row).collect()
}
