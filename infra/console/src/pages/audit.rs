//! Who did what, when and why.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use cloud::act::audit::AuditRecord;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::ShownTime;
use crate::page_query::PageQuery;
use crate::shell::{Shell, Tab, page};

/// Acts of a day that are shown.
const ROWS: usize = 500;

/// One act.
pub(crate) struct AuditRow {
    pub at: ShownTime,
    pub who: String,
    pub act: String,
    pub target: String,
    pub reason: String,
    pub result: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    day: String,
    before: String,
    rows: Vec<AuditRow>,
    is_cut_off: bool,
}

pub(crate) async fn audit(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageFailure> {
    let query = PageQuery::read(query.as_deref());
    let day: Date = match query.text("day") {
        "" => TimeZone::UTC.to_datetime(console.now()).date(),
        day => day
            .parse()
            .map_err(|_| PageFailure::Wrong("A day is written as 2026-11-29.".to_owned()))?,
    };
    let found = console.cloud().accounts.acts_of_day(day, ROWS).await?;
    let before = day.yesterday().map(|day| day.to_string());
    let values = [("day", before.as_deref().unwrap_or_default())];
    page(&AuditPage {
        day: day.to_string(),
        before: link::with_query(&format!("{}/audit", console.base()), &values),
        is_cut_off: found.len() >= ROWS,
        rows: found.into_iter().map(row).collect(),
        shell: console.shell(Tab::Audit, "Audit"),
    })
}

fn row(record: AuditRecord) -> AuditRow {
    AuditRow {
        at: ShownTime(record.at),
        who: record.who,
        act: record.act,
        target: record.target,
        reason: record.reason,
        result: record
            .result
            .unwrap_or_else(|| "cut off, or under way".to_owned()),
    }
}
