//! `aftercall pause` and `resume`: calls of an account, of a priority or towards a backend are held back, or
//! callbacks to a receiver, and let go on; until a person says so, or for a time.

use calls::{AccountId, BackendName, Breaker, MaintenanceWindow, QueuePriority};
use cloud::act::Run;
use cloud::act::pause::PauseAnswer;
use cloud::outbound::receiver_health::Receiver;
use cloud::outbound::receiver_pause::{PAUSE_MAX, ReceiverPause};
use cloud::pauses::Pause;
use cloud::{Clock, Cloud};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::access::Access;
use crate::accounts::account;
use crate::backends;
use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::pause_arguments::{PauseArguments, PauseTarget};

/// A backend is paused until a person lets it go on: ten years are for ever.
const FOR_EVER: SignedDuration = SignedDuration::from_hours(24 * 3_650);

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseAct {
    Pause,
    Resume,
}

/// What is paused or let go on, when, and why.
pub(crate) struct WantedPause<'a> {
    what: &'a PauseTarget,
    act: PauseAct,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    reason: &'a str,
}

impl<'a> WantedPause<'a> {
    pub(crate) fn pause(said: &'a PauseArguments, reason: &'a str) -> Self {
        Self {
            what: &said.what,
            act: PauseAct::Pause,
            from: said.from,
            to: said.to,
            reason,
        }
    }

    pub(crate) const fn resume(what: &'a PauseTarget) -> Self {
        Self {
            what,
            act: PauseAct::Resume,
            from: None,
            to: None,
            reason: "",
        }
    }

    /// As long as a window's may be, and never none.
    fn window_reason(&self) -> String {
        let reason = match self.reason {
            "" => "paused by a person",
            reason => reason,
        };
        let longest = calls::maintenance_window::REASON_CHARS_MAX;
        reason.chars().take(longest).collect()
    }
}

pub(crate) async fn carry_out(
    cloud: &Cloud,
    access: &Access,
    wanted: &WantedPause<'_>,
) -> Result<Output, CommandFailure> {
    let what = wanted.what;
    let answer = match (&what.backend, &what.receiver) {
        (Some(name), _) => of_backend(cloud, access, name, wanted).await?,
        (None, Some(url)) => of_receiver(cloud, access, url, wanted).await?,
        (None, None) => of_calls(cloud, access, wanted).await?,
    };
    let goes_on = match what.receiver {
        Some(_) => "goes on within a quarter of an hour",
        None => "goes on within a minute or two",
    };
    let result = match (answer, wanted.act, access.run) {
        (PauseAnswer::Already, PauseAct::Pause, _) => "was paused before",
        (PauseAnswer::Already, PauseAct::Resume, _) => "is not paused",
        (PauseAnswer::Done, PauseAct::Pause, Run::Real) => "paused",
        (PauseAnswer::Done, PauseAct::Pause, Run::Rehearsed) => "would be paused",
        (PauseAnswer::Done, PauseAct::Resume, Run::Real) => goes_on,
        (PauseAnswer::Done, PauseAct::Resume, Run::Rehearsed) => "would go on",
        (PauseAnswer::Unnamed, _, _) => {
            return Err(CommandFailure::Usage("this cannot be paused".to_owned()));
        }
        (PauseAnswer::Refused(bad), _, _) => {
            return Err(CommandFailure::Usage(format!("it is not paused: {bad}")));
        }
    };
    let record = Record::of("what", what.target()).and("result", result);
    Ok(Output::One(record))
}

async fn of_calls(
    cloud: &Cloud,
    access: &Access,
    wanted: &WantedPause<'_>,
) -> Result<PauseAnswer, CommandFailure> {
    let clock = Clock::system();
    let what = wanted.what;
    if let Some(id) = &what.account {
        account(access, &clock, id).await?;
    }
    let pause = Pause {
        account: what.account.clone().map(AccountId),
        priority: what.priority.map(QueuePriority::from),
        since: wanted.from.unwrap_or_else(|| clock.now()),
        until: wanted.to,
        reason: wanted.reason.to_owned(),
    };
    Ok(match wanted.act {
        PauseAct::Pause => cloud.pause(&access.accounts, &pause, access.run).await?,
        PauseAct::Resume => cloud.resume(&access.accounts, &pause, access.run).await?,
    })
}

/// In the record of the receiver's health.
async fn of_receiver(
    cloud: &Cloud,
    access: &Access,
    url: &Url,
    wanted: &WantedPause<'_>,
) -> Result<PauseAnswer, CommandFailure> {
    let clock = Clock::system();
    let id = wanted.what.account.as_deref().unwrap_or_default();
    let receiver = Receiver::of(&account(access, &clock, id).await?.id, url.as_str());
    let now = cloud.now();
    let is_paused = cloud.receiver_pause(&receiver).await?;
    let pause = match wanted.act {
        PauseAct::Resume if is_paused.is_none() => return Ok(PauseAnswer::Already),
        PauseAct::Resume => None,
        PauseAct::Pause => {
            let from = wanted.from.unwrap_or(now);
            let until = wanted.to.unwrap_or(now + PAUSE_MAX);
            // It must be as a window must be, and end as long as its record lasts.
            let window = MaintenanceWindow::plan(from, until, &wanted.window_reason(), now);
            let window = match window {
                Ok(window) if until <= now + PAUSE_MAX => window,
                Ok(_) => {
                    return Err(CommandFailure::Usage(
                        "callbacks are paused for 30 days at most: they are not tried for longer"
                            .to_owned(),
                    ));
                }
                Err(bad) => return Ok(PauseAnswer::Refused(bad)),
            };
            if is_paused.is_some_and(|it| wanted.to.is_none_or(|to| it.until == to)) {
                return Ok(PauseAnswer::Already);
            }
            Some(ReceiverPause {
                from: window.from,
                until: window.to,
                reason: window.reason,
            })
        }
    };
    if access.run == Run::Real {
        cloud.set_receiver_pause(&receiver, pause.as_ref()).await?;
    }
    Ok(PauseAnswer::Done)
}

/// As maintenance of the backend, without an end if none is said.
async fn of_backend(
    cloud: &Cloud,
    access: &Access,
    name: &str,
    wanted: &WantedPause<'_>,
) -> Result<PauseAnswer, CommandFailure> {
    let (name, _) = backends::existing(access, name).await?;
    let now = cloud.now();
    let from = wanted.from.unwrap_or(now);
    let until = wanted.to.unwrap_or(now + FOR_EVER);
    let window = match MaintenanceWindow::plan(from, until, &wanted.window_reason(), now) {
        Ok(window) => window,
        Err(bad) => return Ok(PauseAnswer::Refused(bad)),
    };
    let breaker = cloud.breaker(&name).await?;
    if is_so(&breaker, wanted, now) {
        return Ok(PauseAnswer::Already);
    }
    if access.run == Run::Rehearsed {
        return Ok(PauseAnswer::Done);
    }
    let breaker = change(cloud, &name, wanted.act, &window, now).await?;
    match is_so(&breaker, wanted, now) {
        true => Ok(PauseAnswer::Done),
        false => Err(CommandFailure::NotAllowed(format!(
            "backend {name} has as many windows planned as it can have; `aftercall maintenance off --backend \
             {name}` takes them away"
        ))),
    }
}

async fn change(
    cloud: &Cloud,
    name: &BackendName,
    act: PauseAct,
    window: &MaintenanceWindow,
    now: Timestamp,
) -> Result<Breaker, CommandFailure> {
    let change = |breaker: Breaker| match act {
        PauseAct::Pause => {
            let planned = breaker.clone().planned(window.clone(), now);
            planned.unwrap_or(breaker)
        }
        PauseAct::Resume => breaker.unplanned(now),
    };
    Ok(cloud.change_breaker(name, change).await?)
}

/// Whether a backend is paused, or not, as is wanted.
fn is_so(breaker: &Breaker, wanted: &WantedPause<'_>, now: Timestamp) -> bool {
    let mut windows = breaker.windows.iter();
    match (wanted.act, wanted.to) {
        (PauseAct::Pause, Some(to)) => windows.any(|it| it.to == to),
        (PauseAct::Pause, None) => windows.any(|it| it.holds_at(now)),
        (PauseAct::Resume, _) => !windows.any(|it| !it.is_over(now)),
    }
}
