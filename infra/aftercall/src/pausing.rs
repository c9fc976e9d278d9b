//! `aftercall pause` and `resume`: calls of an account, of a priority or towards a backend are held back, and
//! let go on.

use calls::{AccountId, Breaker, MaintenanceWindow, QueuePriority};
use cloud::accounts::Accounts;
use cloud::act::Run;
use cloud::act::pause::PauseAnswer;
use cloud::pauses::Pause;
use cloud::{Clock, Cloud};
use jiff::SignedDuration;

use crate::access::Access;
use crate::accounts::account;
use crate::backends;
use crate::doctor_arguments::PauseArguments;
use crate::failure::CommandFailure;
use crate::output::{Output, Record};

/// A backend is paused until a person lets it go on: ten years are for ever.
const FOR_EVER: SignedDuration = SignedDuration::from_hours(24 * 3_650);

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseAct {
    Pause,
    Resume,
}

pub(crate) async fn carry_out(
    cloud: &Cloud,
    access: &Access,
    wanted: &PauseArguments,
    act: PauseAct,
    reason: &str,
) -> Result<Output, CommandFailure> {
    let answer = match &wanted.backend {
        Some(name) => of_backend(cloud, access, name, act, reason).await?,
        None => of_calls(cloud, access, wanted, act, reason).await?,
    };
    let result = match (answer, act, access.run) {
        (PauseAnswer::Already, PauseAct::Pause, _) => "was paused before",
        (PauseAnswer::Already, PauseAct::Resume, _) => "is not paused",
        (PauseAnswer::Done, PauseAct::Pause, Run::Real) => "paused",
        (PauseAnswer::Done, PauseAct::Pause, Run::Rehearsed) => "would be paused",
        (PauseAnswer::Done, PauseAct::Resume, Run::Real) => "goes on within a minute or two",
        (PauseAnswer::Done, PauseAct::Resume, Run::Rehearsed) => "would go on",
        (PauseAnswer::Unnamed, _, _) => {
            return Err(CommandFailure::Usage("this cannot be paused".to_owned()));
        }
    };
    let record = Record::of("what", wanted.target()).and("result", result);
    Ok(Output::One(record))
}

async fn of_calls(
    cloud: &Cloud,
    access: &Access,
    wanted: &PauseArguments,
    act: PauseAct,
    reason: &str,
) -> Result<PauseAnswer, CommandFailure> {
    let clock = Clock::system();
    if let Some(id) = &wanted.account {
        account(access, &clock, id).await?;
    }
    let pause = Pause {
        account: wanted.account.clone().map(AccountId),
        priority: wanted.priority.map(QueuePriority::from),
        since: clock.now(),
        reason: reason.to_owned(),
    };
    let accounts: &Accounts = &access.accounts;
    Ok(match act {
        PauseAct::Pause => cloud.pause(accounts, &pause, access.run).await?,
        PauseAct::Resume => cloud.resume(accounts, &pause, access.run).await?,
    })
}

/// As maintenance of the backend without an end.
async fn of_backend(
    cloud: &Cloud,
    access: &Access,
    name: &str,
    act: PauseAct,
    reason: &str,
) -> Result<PauseAnswer, CommandFailure> {
    let (name, _) = backends::existing(access, name).await?;
    let now = cloud.now();
    let is_paused = |breaker: &Breaker| {
        let mut windows = breaker.windows.iter();
        windows.any(|it| it.holds_at(now))
    };
    let breaker = cloud.breaker(&name).await?;
    if is_paused(&breaker) == (act == PauseAct::Pause) {
        return Ok(PauseAnswer::Already);
    }
    if access.run == Run::Rehearsed {
        return Ok(PauseAnswer::Done);
    }
    let reason = match reason {
        "" => "paused by a person",
        reason => reason,
    };
    let reason: String = reason
        .chars()
        .take(calls::maintenance_window::REASON_CHARS_MAX)
        .collect();
    let window = MaintenanceWindow::plan(now, now + FOR_EVER, &reason, now);
    let window = window.map_err(|bad| CommandFailure::Usage(bad.to_string()))?;
    let change = |breaker: Breaker| match act {
        PauseAct::Pause => {
            let planned = breaker.clone().planned(window.clone(), now);
            planned.unwrap_or(breaker)
        }
        PauseAct::Resume => breaker.unplanned(now),
    };
    let breaker = cloud.change_breaker(&name, change).await?;
    match is_paused(&breaker) == (act == PauseAct::Pause) {
        true => Ok(PauseAnswer::Done),
        false => Err(CommandFailure::NotAllowed(format!(
            "backend {name} has as many windows planned as it can have; `aftercall maintenance off --backend \
             {name}` takes them away"
        ))),
    }
}
