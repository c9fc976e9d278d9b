//! Probes a backend whose breaker is open: one GetSystemStatus.

use std::time::Duration;

use calls::BackendName;
use cloud::{Cloud, Error};
use jiff::SignedDuration;
use soap::Element;
use tracing::{info, warn};

use super::exchange::{OutgoingRequest, exchange};
use super::judge::Judgement;

/// Longest wait for the answer, since the timekeeper has more to do in its minute.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Longest time for everything, with a new login.
const IN_ALL: Duration = Duration::from_secs(16);

/// Probes a backend, and closes its breaker if it is ready.
pub async fn probe(cloud: &Cloud, name: &BackendName) -> Result<(), Error> {
    let reason = match cloud.accounts.backend(name, cloud.now()).await? {
        Err(not_configured) => (not_configured.reason(), SignedDuration::ZERO),
        Ok(backend) => {
            let payload = soap::canonical(&Element::new("SystemStatusRequestMsg"));
            let outgoing = OutgoingRequest {
                action: "GetSystemStatus",
                payload: &payload,
                timeout: TIMEOUT,
                in_all: IN_ALL,
            };
            let judged = exchange(cloud, &backend, outgoing).await;
            match judged {
                Judgement::Answered(payload) if is_ready(&payload) => {
                    cloud.change_breaker(name, calls::Breaker::answered).await?;
                    info!(backend = %name, "the backend is ready again");
                    return Ok(());
                }
                Judgement::Answered(_) => ("it says that it is not ready", SignedDuration::ZERO),
                Judgement::NotReady { reason, pause } => (reason, pause),
                Judgement::LoginRefused(reason) => (reason, SignedDuration::ZERO),
                Judgement::TokenExpired => ("its token has expired", SignedDuration::ZERO),
                Judgement::Refused { .. } => ("it refuses GetSystemStatus", SignedDuration::ZERO),
                Judgement::Unknown { reason, .. } => (reason, SignedDuration::ZERO),
            }
        }
    };
    let (reason, pause) = reason;
    warn!(backend = %name, reason, "the backend is not ready");
    let now = cloud.now();
    cloud
        .change_breaker(name, |breaker| breaker.out_of_service(reason, pause, now))
        .await?;
    Ok(())
}

fn is_ready(payload: &Element) -> bool {
    let status = payload.at("Results.Result.SystemStatus");
    payload.name == "SystemStatusResponseMsg" && status.is_some_and(|status| status.text == "OK")
}
