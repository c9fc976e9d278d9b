//! The switch for maintenance, now or at a time that is planned.

use axum::extract::State;
use axum::response::Response;
use calls::MaintenanceWindow;
use cloud::act::Run;
use jiff::Timestamp;

use crate::acts::{ActReport, ConsoleAct, recorded};
use crate::console::Console;
use crate::failure::PageFailure;
use crate::posted_form::PostedForm;
use crate::shell::Tab;

pub(crate) async fn turn(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let (on, word) = match form.text("on") {
        "true" => (true, "on"),
        "false" => (false, "off"),
        _ => return Err(PageFailure::Wrong("Say on or off.".to_owned())),
    };
    let act = ConsoleAct {
        name: "maintenance",
        target: word.to_owned(),
        form: &form,
    };
    let accounts = &console.cloud().accounts;
    let doing = async { Ok(accounts.set_maintenance(on, console.now()).await?) };
    recorded(&console, act, doing).await?;
    finished(
        &console,
        match on {
            true => "Calls are accepted and wait; it holds within a second or two.",
            false => "Calls are carried out again, within a minute or two.",
        },
    )
}

pub(crate) async fn plan(
    State(console): State<Console>,
    form: PostedForm,
) -> Result<Response, PageFailure> {
    let time = |name: &'static str| -> Result<Timestamp, PageFailure> {
        let text = form.needed(name)?.trim();
        text.parse().map_err(|error| {
            PageFailure::Wrong(format!(
                "A time is written as 2026-12-24T18:00:00Z: {error}"
            ))
        })
    };
    let (from, to, now) = (time("from")?, time("to")?, console.now());
    let window = MaintenanceWindow::plan(from, to, form.text("reason"), now);
    let window = window.map_err(|bad| PageFailure::Wrong(format!("Not planned: {bad}")))?;
    let act = ConsoleAct {
        name: "maintenance",
        target: format!("from {from} to {to}"),
        form: &form,
    };
    let doing = async {
        let planned = console
            .cloud()
            .accounts
            .plan_maintenance(&window, now)
            .await?;
        planned.map_err(|bad| PageFailure::NotAllowed(format!("Not planned: {bad}")))
    };
    recorded(&console, act, doing).await?;
    finished(&console, "It is planned.")
}

fn finished(console: &Console, text: &str) -> Result<Response, PageFailure> {
    let report = ActReport::said(text).then(format!("{}/", console.base()), "Overview");
    report.page(console, Tab::Overview, Run::Real)
}
