//! Synchronous calls: carried out while their caller waits.

use backends::built_in::synchronous;
use calls::OverallStatus;
use cloud::{Cloud, Error, OwnHosts};
use soap::{CallRequest, Fault};

use crate::accept::CanonicalPayload;
use crate::answer::{Answer, refused};
use crate::caller::Caller;
use crate::task::StartTasks;

pub async fn carry_out(
    cloud: &Cloud,
    caller: &Caller,
    call: &CallRequest,
    kept: &CanonicalPayload,
    own: &OwnHosts,
) -> Result<Answer, Error> {
    let allow_http = cloud.settings.allow_http_callbacks;
    let checked = call.place().and_then(|_| {
        call.check(allow_http)?;
        objects::check_values(call.method, &call.options, &call.objects)
    });
    if let Err(refusal) = checked {
        return Ok(Ok(refused(cloud, call, &refusal)));
    }
    let client = match call.client.account() {
        Ok(named) => named.unwrap_or_else(|| caller.account.clone()),
        Err(refusal) => return Ok(Ok(refused(cloud, call, &refusal))),
    };
    // Whoever turns the maintenance switch in this process waits until this call is committed.
    let _carrying_out = cloud.carrying_out().await;
    if cloud.in_maintenance().await? {
        return Ok(Err(in_maintenance()));
    }
    if let Some(kind) = objects::task_kind(call.method, call.action.as_deref(), &call.objects) {
        let start = StartTasks {
            caller,
            call,
            client: &client,
            kind,
            kept,
            own,
        };
        return start.answer(cloud).await;
    }
    let request_id = cloud.random.request_id();
    let account = &caller.account;
    let synchronous::SynchronousOutcome { results, mails } =
        synchronous::carry_out(cloud, account, call, &client, &request_id).await?;
    if !mails.is_empty() {
        cloud
            .enqueue_mails(&caller.account, &request_id, &mails, cloud.now())
            .await?;
    }
    let failed = results.iter().filter(|result| !result.ok).count();
    let overall_status = OverallStatus::of(results.len(), failed);
    Ok(Ok(soap::write_results_that_fit(
        call.method,
        &results,
        Some(&request_id.0),
        overall_status.text(),
    )))
}

/// The answer to a call that is not carried out now.
pub fn in_maintenance() -> Fault {
    Fault::server(
        9,
        "In Maintenance. Synchronous requests are not carried out at present; \
         asynchronous ones are queued",
    )
}
