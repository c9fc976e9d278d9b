//! Calls that wait for their ScheduledTime, the soonest first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use cloud::read::scheduled::ScheduledCall;

use crate::console::Console;
use crate::failure::PageFailure;
use crate::link;
use crate::markup::{Countdown, ShownTime};
use crate::pages::conversation_row::name_of;
use crate::shell::{Shell, Tab, page};

/// Calls on the page.
const ROWS: usize = 200;

/// A call that waits.
pub(crate) struct ScheduledRow {
    pub at: ShownTime,
    pub left: Countdown,
    pub account: String,
    pub name: String,
    pub href: String,
    pub sequence: u32,
    pub calls: u32,
    pub what: String,
    pub request_id: String,
    pub key: String,
}

#[derive(Template)]
#[template(path = "scheduled.html")]
struct ScheduledPage {
    shell: Shell,
    rows: Vec<ScheduledRow>,
    is_cut_off: bool,
    now: String,
}

pub(crate) async fn scheduled(State(console): State<Console>) -> Result<Response, PageFailure> {
    let found = console.cloud().scheduled_calls(ROWS).await?;
    let rows = found.calls.iter().map(|call| row(&console, call));
    page(&ScheduledPage {
        rows: rows.collect(),
        is_cut_off: found.is_cut_off,
        now: format!("{:.3}", console.now()),
        shell: console.shell(Tab::Scheduled, "Scheduled"),
    })
}

fn row(console: &Console, scheduled: &ScheduledCall) -> ScheduledRow {
    let ScheduledCall { header, call, at } = scheduled;
    ScheduledRow {
        at: ShownTime(*at),
        left: Countdown {
            until: *at,
            now: console.now(),
        },
        account: call.account.0.clone(),
        name: name_of(header),
        href: link::conversation(console.base(), &header.key),
        sequence: call.place.sequence().get(),
        calls: call.place.calls_in_conversation().get(),
        what: format!("{} {}", call.method.name(), call.object_type),
        request_id: call.request_id.0.clone(),
        key: header.key.0.clone(),
    }
}
