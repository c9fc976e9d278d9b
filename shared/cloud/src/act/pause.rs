//! Calls of an account or of a priority are held back, and let go on.
//!
//! Two records change, in this order: to pause, first the breaker under the pause's name, so that nothing
//! that waits goes on, then the switch, by which calls are held back; to resume, the other way round.
//! Whoever is cut off in between does it again.

use calls::{BadWindow, Breaker, BreakerState, MaintenanceWindow};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::accounts::Accounts;
use crate::act::Run;
use crate::error::Error;
use crate::pauses::Pause;

/// Why its breaker is open.
const PAUSED: &str = "paused by a person";

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseAnswer {
    Done,
    /// So it was already.
    Already,
    /// Its priority or its account cannot be a part of a name: nothing is called so.
    Unnamed,
    /// It cannot be planned so.
    Refused(BadWindow),
}

impl Cloud {
    /// `accounts` of a person's command know where the switch is.
    pub async fn pause(
        &self,
        accounts: &Accounts,
        pause: &Pause,
        run: Run,
    ) -> Result<PauseAnswer, Error> {
        let Some(name) = pause.name() else {
            return Ok(PauseAnswer::Unnamed);
        };
        if accounts.pauses().await?.iter().any(|it| it.is_same(pause)) {
            return Ok(PauseAnswer::Already);
        }
        let window = match planned_time(pause, self.now()) {
            Ok(window) => window,
            Err(bad) => return Ok(PauseAnswer::Refused(bad)),
        };
        if run == Run::Real {
            let now = self.now();
            let paused = |breaker: Breaker| match &window {
                // One that is full already holds calls back at that time, or is refused below.
                Some(window) => {
                    let planned = breaker.clone().planned(window.clone(), now);
                    planned.unwrap_or(breaker)
                }
                None => held_until_resumed(breaker, now),
            };
            let breaker = self.change_breaker(&name, paused).await?;
            if window.is_some_and(|window| !breaker.windows.contains(&window)) {
                return Ok(PauseAnswer::Refused(BadWindow::Full));
            }
            accounts.add_pause(pause, now).await?;
        }
        Ok(PauseAnswer::Done)
    }

    /// What waited goes on as after an outage: a hundred conversations in the first minute, twice as many
    /// in each that follows.
    pub async fn resume(
        &self,
        accounts: &Accounts,
        pause: &Pause,
        run: Run,
    ) -> Result<PauseAnswer, Error> {
        let Some(name) = pause.name() else {
            return Ok(PauseAnswer::Unnamed);
        };
        let now = self.now();
        let mut pauses = accounts.pauses().await?.into_iter();
        let is_paused = pauses.any(|it| it.is_of_same(pause) && !it.is_over(now));
        let breaker = self.breaker(&name).await?;
        let is_open = matches!(breaker.state, BreakerState::Open { .. });
        if !is_paused && !is_open && breaker.windows.is_empty() {
            return Ok(PauseAnswer::Already);
        }
        if run == Run::Real {
            accounts.remove_pause(pause).await?;
            let resumed = |breaker: Breaker| breaker.unplanned(now).answered();
            self.change_breaker(&name, resumed).await?;
        }
        Ok(PauseAnswer::Done)
    }
}

fn held_until_resumed(breaker: Breaker, now: Timestamp) -> Breaker {
    Breaker {
        state: BreakerState::Open {
            since: now,
            ask_from: Timestamp::MAX,
        },
        ..breaker.out_of_service(PAUSED, SignedDuration::ZERO, now)
    }
}

/// The time of a pause that has an end.
fn planned_time(pause: &Pause, now: Timestamp) -> Result<Option<MaintenanceWindow>, BadWindow> {
    let Some(until) = pause.until else {
        return Ok(None);
    };
    let reason = match pause.reason.as_str() {
        "" => PAUSED,
        reason => reason,
    };
    MaintenanceWindow::plan(pause.since, until, reason, now).map(Some)
}
