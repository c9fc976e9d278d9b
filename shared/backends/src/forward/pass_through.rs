//! Requests whose caller waits, passed through with the login of the backend.

use std::time::Duration;

use calls::backend::IN_MAINTENANCE;
use calls::{BackendName, Readiness};
use cloud::outbound::forward::ANSWER_TOO_LARGE;
use cloud::{Cloud, Error};
use soap::{Element, Fault, PAYLOAD_BYTES_MAX, carried_bytes};
use tracing::warn;

use super::exchange::{OutgoingRequest, exchange};
use super::judge::Judgement;

/// Longest wait: API Gateway gives up after 29 s.
const TIMEOUT_MAX: Duration = Duration::from_secs(24);

/// Longest time for everything, with a new login.
const IN_ALL_MAX: Duration = Duration::from_secs(26);

/// The backend's answer, or a fault. `action` is the name of the operation.
pub async fn pass_through(
    cloud: &Cloud,
    name: &BackendName,
    action: &str,
    request: Element,
) -> Result<Result<String, Fault>, Error> {
    match cloud.breaker(name).await?.readiness(cloud.now()) {
        Readiness::Ready => {}
        Readiness::InMaintenance => return Ok(Err(in_maintenance())),
        Readiness::OutOfService => return Ok(Err(not_ready())),
    }
    let backend = match cloud.accounts.backend(name, cloud.now()).await? {
        Ok(backend) => backend,
        Err(not_configured) => {
            let reason = not_configured.reason();
            warn!(backend = %name, reason, "a request could not be passed on");
            return Ok(Err(not_ready()));
        }
    };
    let timeout = Duration::from_secs(backend.settings.timeout_s.into()).min(TIMEOUT_MAX);
    let payload = soap::canonical(&soap::without_own_options(request));
    let outgoing = OutgoingRequest {
        action,
        payload: &payload,
        timeout,
        in_all: IN_ALL_MAX,
    };
    let judged = exchange(cloud, &backend, outgoing).await;
    Ok(passed_on(cloud, name, judged))
}

/// The fault for the caller.
fn passed_on(cloud: &Cloud, name: &BackendName, judged: Judgement) -> Result<String, Fault> {
    match judged {
        Judgement::Answered(answer) => {
            let answer = soap::canonical(&answer);
            match carried_bytes(&answer) <= PAYLOAD_BYTES_MAX {
                true => Ok(answer),
                false => Err(too_large()),
            }
        }
        // Does not open the breaker: the function that faces the internet does not write its
        // record, and the next asynchronous call finds the same.
        Judgement::NotReady { reason, .. } => {
            warn!(backend = %name, reason, "a request could not be passed on");
            Err(match reason {
                IN_MAINTENANCE => in_maintenance(),
                _ => not_ready(),
            })
        }
        Judgement::LoginRefused(reason) => {
            warn!(backend = %name, reason, "a request could not be passed on");
            Err(not_ready())
        }
        Judgement::TokenExpired => Err(not_ready()),
        Judgement::Refused { message, code } => Err(match code {
            Some(code) => Fault::client(message.clone()).because(code, &message),
            None => Fault::client(message),
        }),
        Judgement::Unknown {
            reason: ANSWER_TOO_LARGE,
            ..
        } => Err(too_large()),
        Judgement::Unknown { reason, .. } => {
            warn!(backend = %name, reason, at = %cloud.now(), "nobody knows what became of a request");
            Err(Fault::server(
                2,
                format!(
                    "No answer of the backend says what became of the request: {reason}. It may have \
                     been carried out: look before you send it again"
                ),
            ))
        }
    }
}

fn too_large() -> Fault {
    Fault::server(
        13,
        "The backend's answer is larger than can be passed on. It was carried out; ask for less at a \
         time: a smaller BatchSize, fewer properties or objects",
    )
}

fn in_maintenance() -> Fault {
    Fault::server(
        9,
        "In Maintenance. The backend does not carry out requests at present; asynchronous ones are queued",
    )
}

fn not_ready() -> Fault {
    Fault::server(
        13,
        "The backend is not ready. The request was not carried out; send it later, or with \
         RequestType Asynchronous, then it waits until the backend is ready",
    )
}
