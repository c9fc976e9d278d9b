//! `aftercall maintenance`: calls are held back, of the whole server or towards one backend, now or for a
//! time that is planned.

use std::cell::Cell;

use calls::{BackendName, BadWindow, Breaker, MaintenanceWindow};
use cloud::{Clock, Cloud};
use jiff::Timestamp;
use serde_json::Value;

use crate::access::{self, Access};
use crate::arguments::Arguments;
use crate::backends;
use crate::failure::CommandFailure;
use crate::maintenance_arguments::{MaintenanceArguments, MaintenanceCommand};
use crate::output::{Output, Record};

pub(crate) async fn carry_out(
    arguments: &Arguments,
    access: &Access,
    clock: &Clock,
    said: &MaintenanceArguments,
) -> Result<Output, CommandFailure> {
    let now = clock.now();
    let window = window(said, now)?;
    match &said.backend {
        None => of_server(access, said.switch, window, now).await,
        Some(name) => {
            let (name, _) = backends::existing(access, name).await?;
            let cloud = access::cloud(arguments).await?;
            of_backend(&cloud, &name, said.switch, window, now).await
        }
    }
}

/// `None`: none is planned.
fn window(
    said: &MaintenanceArguments,
    now: Timestamp,
) -> Result<Option<MaintenanceWindow>, CommandFailure> {
    let (Some(from), Some(to), Some(reason)) = (said.from, said.to, &said.reason) else {
        return Ok(None);
    };
    let planned = MaintenanceWindow::plan(from, to, reason, now);
    planned.map(Some).map_err(not_planned)
}

fn not_planned(bad: BadWindow) -> CommandFailure {
    CommandFailure::Usage(format!("maintenance is not planned: {bad}"))
}

async fn of_server(
    access: &Access,
    switch: Option<MaintenanceCommand>,
    window: Option<MaintenanceWindow>,
    now: Timestamp,
) -> Result<Output, CommandFailure> {
    let accounts = &access.accounts;
    match (switch, window) {
        (_, Some(window)) => {
            let planned = accounts.plan_maintenance(&window, now).await?;
            planned.map_err(not_planned)?;
        }
        (Some(MaintenanceCommand::On), None) => accounts.set_maintenance(true, now).await?,
        (Some(MaintenanceCommand::Off), None) => accounts.set_maintenance(false, now).await?,
        (Some(MaintenanceCommand::Unplan), None) => accounts.unplan_maintenance().await?,
        (Some(MaintenanceCommand::Show) | None, None) => {}
    }
    let switch = accounts.maintenance_switch().await?.unwrap_or_default();
    let record = Record::of("maintenance", switch.holds_at(now));
    Ok(Output::One(record.and("planned", planned(&switch.windows))))
}

async fn of_backend(
    cloud: &Cloud,
    name: &BackendName,
    switch: Option<MaintenanceCommand>,
    window: Option<MaintenanceWindow>,
    now: Timestamp,
) -> Result<Output, CommandFailure> {
    let breaker = match (switch, window) {
        (_, Some(window)) => plan(cloud, name, &window, now).await?,
        (Some(MaintenanceCommand::Off | MaintenanceCommand::Unplan), None) => {
            let unplanned = |breaker: Breaker| breaker.unplanned(now);
            cloud.change_breaker(name, unplanned).await?
        }
        (Some(MaintenanceCommand::Show) | None, None) => cloud.breaker(name).await?,
        (Some(MaintenanceCommand::On), None) => {
            return Err(CommandFailure::Usage(
                "a backend's maintenance is planned with its end: --from, --to and --reason"
                    .to_owned(),
            ));
        }
    };
    let record = Record::of("backend", name.as_str())
        .and("stands", backends::readiness(&breaker, now))
        .and("reason", breaker.reason.as_str())
        .and("planned", planned(&breaker.windows));
    Ok(Output::One(record))
}

async fn plan(
    cloud: &Cloud,
    name: &BackendName,
    window: &MaintenanceWindow,
    now: Timestamp,
) -> Result<Breaker, CommandFailure> {
    let bad = Cell::new(None);
    let plan = |breaker: Breaker| match breaker.clone().planned(window.clone(), now) {
        Ok(planned) => planned,
        Err(why) => {
            bad.set(Some(why));
            breaker
        }
    };
    let breaker = cloud.change_breaker(name, plan).await?;
    match bad.into_inner() {
        None => Ok(breaker),
        Some(why) => Err(not_planned(why)),
    }
}

fn planned(windows: &[MaintenanceWindow]) -> Vec<Value> {
    let said = |it: &MaintenanceWindow| format!("{} to {}: {}", it.from, it.to, it.reason).into();
    windows.iter().map(said).collect()
}
