//! Requests of accounts whose calls are forwarded: which are sent to the backend, and which are
//! answered here.

use calls::{BackendName, Refusal};
use cloud::{Cloud, Error};
use soap::{CallRequest, ClientContext, Element, Fault, Operation};

use crate::accept::CanonicalPayload;
use crate::answer::{self, Answer};
use crate::caller::Caller;
use crate::extract;
use crate::forwards_to::ForwardsTo;
use crate::page;

/// The backend of a caller's account. The account is cached for some minutes.
pub async fn backend_of(cloud: &Cloud, caller: &Caller) -> Result<Option<ForwardsTo>, Error> {
    let account = cloud.accounts.account(&caller.account, cloud.now()).await?;
    let deployed = cloud.settings.default_backend.as_ref();
    Ok(account.and_then(|account| {
        Some(ForwardsTo {
            name: account.backend.forwards_to(deployed)?,
            safe_to_repeat: account.safe_to_repeat,
        })
    }))
}

/// The same for a call that is stored: with the declarations of the backend about what is safe to
/// repeat.
pub async fn for_later(cloud: &Cloud, backend: &ForwardsTo) -> Result<ForwardsTo, Error> {
    let settings = cloud
        .accounts
        .known_backend_settings(&backend.name, cloud.now());
    let mut safe_to_repeat = backend.safe_to_repeat.clone();
    safe_to_repeat.extend(settings.await?.into_iter().flat_map(|it| it.safe_to_repeat));
    Ok(ForwardsTo {
        name: backend.name.clone(),
        safe_to_repeat,
    })
}

/// Whether a caller may name these accounts to its backend: those that the operator has listed for
/// it (otherwise error 4). A request that names none needs no read.
pub async fn may_name(
    cloud: &Cloud,
    caller: &Caller,
    backend: &BackendName,
    named: &[ClientContext],
) -> Result<Result<(), Refusal>, Error> {
    let mut listed = None;
    for client in named {
        let account = match client.account() {
            Ok(Some(account)) => account,
            Ok(None) => continue,
            Err(several) => return Ok(Err(several)),
        };
        if account == caller.account {
            continue;
        }
        if listed.is_none() {
            let settings = cloud.accounts.known_backend_settings(backend, cloud.now());
            listed = Some(settings.await?.map(|it| it.clients).unwrap_or_default());
        }
        if !listed.as_ref().is_some_and(|it| it.contains(&account)) {
            return Ok(Err(soap::no_access(&account)));
        }
    }
    Ok(Ok(()))
}

/// Whether a request is answered here whatever backend an account has: results of calls, calls that
/// have not started, and the status of the server.
pub fn is_ours(operation: &Operation) -> bool {
    let is_own = |name: &str| objects::object_type(name).is_some_and(|it| it.is_servers_own());
    match operation {
        Operation::GetSystemStatus => true,
        Operation::Retrieve(wanted) => is_own(&wanted.object_type),
        Operation::Query(wanted) => is_own(&wanted.object_type),
        Operation::Call(call) => {
            let own = |object: &Element| object.type_name.as_deref().is_some_and(is_own);
            !call.objects.is_empty() && call.objects.iter().all(own)
        }
        Operation::Extract(wanted) => {
            !wanted.extracts.is_empty() && wanted.extracts.iter().all(extract::is_ours)
        }
        Operation::Describe(_)
        | Operation::VersionInfo { .. }
        | Operation::Execute(_)
        | Operation::Schedule(_)
        | Operation::Configure(_) => false,
    }
}

/// The backend, unless a Retrieve requests the next page of results that are stored here.
pub async fn unless_continued(
    cloud: &Cloud,
    caller: &Caller,
    operation: &Operation,
    backend: ForwardsTo,
) -> Result<Option<ForwardsTo>, Error> {
    let before = match operation {
        Operation::Retrieve(wanted) => wanted.continue_request.as_ref(),
        Operation::Query(wanted) => wanted.continue_request.as_ref(),
        Operation::Call(_)
        | Operation::Describe(_)
        | Operation::GetSystemStatus
        | Operation::VersionInfo { .. }
        | Operation::Extract(_)
        | Operation::Execute(_)
        | Operation::Schedule(_)
        | Operation::Configure(_) => None,
    };
    let Some(before) = before else {
        return Ok(Some(backend));
    };
    let continued = page::continued(cloud, &caller.account, before).await?;
    Ok(match continued {
        Some(_) => None,
        None => Some(backend),
    })
}

/// A synchronous call.
pub async fn carry_out(
    cloud: &Cloud,
    backend: &BackendName,
    call: &CallRequest,
    payload: &CanonicalPayload,
) -> Result<Answer, Error> {
    let allow_http = cloud.settings.allow_http_callbacks;
    if let Err(refusal) = call.place().and_then(|_| call.check(allow_http)) {
        return Ok(Ok(answer::refused(cloud, call, &refusal)));
    }
    // Whoever turns the maintenance switch in this process waits until this call has ended.
    let _carrying_out = cloud.carrying_out().await;
    if cloud.in_maintenance().await? {
        return Ok(Err(crate::synchronous::in_maintenance()));
    }
    pass_through(cloud, backend, call.method.name(), payload).await
}

/// Passes a request through unchanged, except for its credentials.
pub async fn pass_through(
    cloud: &Cloud,
    backend: &BackendName,
    action: &str,
    payload: &CanonicalPayload,
) -> Result<Answer, Error> {
    let request = match soap::read_canonical(payload.canonical()) {
        Ok(request) => request,
        Err(fault) => return Ok(Err::<String, Fault>(fault)),
    };
    backends::forward::pass_through::pass_through(cloud, backend, action, request).await
}
