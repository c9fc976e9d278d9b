//! Probes backends that were not ready once a minute, and lets the conversations that wait for one go
//! on when it is ready. Also keeps the table's record of the backend that the deployment names.

use std::collections::BTreeMap;

use backends::forward::probe::probe;
use calls::{BackendName, Breaker, Readiness};
use cloud::Error;
use cloud::metrics::Metric;
use cloud::pauses::is_pause;
use futures_util::future::join_all;

use crate::release::{WaitingFor, release};
use crate::{MinuteReport, PartReport, Round, waiting};

/// Most backends whose conversations are counted in one minute, each in all parts of the index.
const COUNTED_BACKENDS_MAX: usize = 10;

/// Looks at every backend that was ever not ready.
pub(crate) async fn look_at_all(round: Round<'_>) -> PartReport {
    match look(round).await {
        Ok(minute) => PartReport::complete(minute),
        Err(error) => PartReport::of_work("backends", Err(error)),
    }
}

async fn look(round: Round<'_>) -> Result<MinuteReport, Error> {
    let cloud = round.cloud;
    let now = cloud.now();
    if let Some(deployed) = &cloud.settings.backend {
        // First, since it may be one of those that are probed below.
        cloud.accounts.keep_deployed_backend(deployed).await?;
    }
    let mut breakers = cloud.breakers().await?;
    for (name, breaker) in &mut breakers {
        // Written only if a maintenance window has ended.
        if breaker.clone().windows_over(now) != *breaker {
            let over = |breaker: Breaker| breaker.windows_over(now);
            *breaker = cloud.change_breaker(name, over).await?;
        }
    }
    // A pause is ended by a person, not by a probe.
    let due = breakers.iter();
    let due = due.filter(|(name, it)| it.is_probe_due(now) && !is_pause(name));
    let probing = due.map(|(name, _)| probe(cloud, name));
    let probed = join_all(probing).await;
    let mut minute = MinuteReport::default();
    // Read again, so that breakers that a probe has just closed are among them.
    let breakers = match probed.is_empty() {
        true => breakers,
        false => cloud.breakers().await?,
    };
    count_waiting(round, &breakers).await;
    for (name, breaker) in breakers {
        if !round.maintenance {
            let released = Box::pin(let_go_on(round, &name, &breaker)).await?;
            minute.add(released);
        }
    }
    probed.into_iter().collect::<Result<Vec<()>, Error>>()?;
    Ok(minute)
}

/// Counts the backends that are not ready, and the conversations that wait for them.
async fn count_waiting(round: Round<'_>, breakers: &BTreeMap<BackendName, Breaker>) {
    let now = round.cloud.now();
    let not_ready = breakers
        .iter()
        .filter(|(_, it)| it.readiness(now) != Readiness::Ready);
    for (number, (name, _)) in not_ready.enumerate() {
        round.cloud.metrics.count(Metric::BackendsNotReady);
        if number < COUNTED_BACKENDS_MAX {
            let at_most = usize::MAX;
            Box::pin(waiting::count(
                round,
                WaitingFor::ForBackend { name, at_most },
            ))
            .await;
        }
    }
}

async fn let_go_on(
    round: Round<'_>,
    name: &BackendName,
    breaker: &Breaker,
) -> Result<MinuteReport, Error> {
    // Once an hour they are looked for in any case, as those that maintenance has parked.
    let is_hourly = round.cloud.now().as_second().rem_euclid(3_600) < 60;
    let now = round.cloud.now();
    let share = match breaker.release(now) {
        Some(share) => share,
        None if is_hourly && breaker.readiness(now) == Readiness::Ready => {
            calls::Release::default()
        }
        None => return Ok(MinuteReport::default()),
    };
    let at_most = usize::try_from(share.conversations()).unwrap_or(usize::MAX);
    let part = release(round, WaitingFor::ForBackend { name, at_most }).await;
    if let Some(error) = part.failed {
        return Err(error);
    }
    if breaker.release(now).is_some() {
        let is_waiting = part.done.looked_at > 0;
        let released = |breaker: Breaker| breaker.released(is_waiting);
        round.cloud.change_breaker(name, released).await?;
    }
    Ok(part.done)
}
