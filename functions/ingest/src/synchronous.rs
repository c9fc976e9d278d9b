//! A call for now: carried out while its caller waits.

use calls::{AccountId, OverallStatus, RequestId};
use cloud::objects_table::Chunk;
use cloud::{Cloud, CommitError, Error};
use jiff::SignedDuration;
use objects::{MailOrder, Overlay, Unit, UnitResult};
use soap::{CallRequest, Fault, ObjectResult};

use crate::accept;
use crate::caller::Caller;
use crate::soap_endpoint::Answer;

/// How often a chunk is decided again because others were at the same objects.
const CONFLICTS_MAX: u32 = 20;

/// The front door waits 30 s for an answer; what is not begun by then is refused, object by object.
const TIME_MAX: SignedDuration = SignedDuration::from_secs(24);

pub async fn carry_out(
    cloud: &Cloud,
    caller: &Caller,
    call: &CallRequest,
) -> Result<Answer, Error> {
    let allow_http = cloud.settings.allow_http_callbacks;
    let checked = call.place().and_then(|_| {
        call.check(allow_http)?;
        objects::check_values(call.method, &call.options, &call.objects)
    });
    if let Err(refusal) = checked {
        return Ok(Ok(accept::refused(call, &refusal)));
    }
    let client = match call.client.account() {
        Ok(named) => named.unwrap_or_else(|| caller.account.clone()),
        Err(refusal) => return Ok(Ok(accept::refused(call, &refusal))),
    };
    // Whoever turns the switch in this process waits until what is begun here is committed.
    let _carrying_out = cloud.carrying_out().await;
    if cloud.in_maintenance().await? {
        return Ok(Err(Fault::server(
            9,
            "In Maintenance. Synchronous requests are not carried out at present; \
             asynchronous ones are queued",
        )));
    }
    let request_id = cloud.random.request_id();
    let (results, mails) = run(cloud, caller, call, &client, &request_id).await?;
    if !mails.is_empty() {
        match cloud
            .enqueue_mails(&caller.account, &request_id, &mails, cloud.now())
            .await
        {
            Ok(()) => {}
            Err(CommitError::Conflict) => return Err(Error::Conflict(1)),
            Err(CommitError::Cloud(error)) => return Err(error),
        }
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

async fn run(
    cloud: &Cloud,
    caller: &Caller,
    call: &CallRequest,
    client: &AccountId,
    request_id: &RequestId,
) -> Result<(Vec<ObjectResult>, Vec<MailOrder>), Error> {
    let began = cloud.now();
    let request = objects::Request {
        method: call.method,
        action: call.action.as_deref(),
        options: &call.options,
        objects: &call.objects,
        client,
        request_id,
        now: began,
    };
    let units = objects::units(call.method, &call.objects);
    let mut results: Vec<UnitResult> = Vec::with_capacity(units.len());
    let mut mails = Vec::new();
    let mut overlay = Overlay::new(&caller.account);
    let mut conflicts = 0;
    while results.len() < units.len() {
        if cloud.now().duration_since(began) > TIME_MAX {
            results.extend(
                units[results.len()..]
                    .iter()
                    .map(|unit| too_late(call, unit)),
            );
            break;
        }
        let chunk = cloud
            .decide_chunk(&mut overlay, &request, &units[results.len()..], None)
            .await?;
        let (decided, owed) = (chunk.results.clone(), chunk.mails.clone());
        match commit(cloud, chunk).await? {
            true => {
                results.extend(decided);
                mails.extend(owed);
                overlay.committed();
            }
            false if conflicts < CONFLICTS_MAX => {
                conflicts += 1;
                overlay = Overlay::new(&caller.account);
                let moment = u64::from(conflicts) * 5;
                tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
            }
            false => return Err(Error::Conflict(CONFLICTS_MAX)),
        }
    }
    let mut merged = Vec::new();
    let mut of_object = Vec::new();
    for (unit, result) in units.iter().zip(results) {
        of_object.push(result);
        if unit.last_of_object {
            let object = call.objects.get(unit.object);
            merged.push(objects::merge(std::mem::take(&mut of_object), object));
        }
    }
    Ok((merged, mails))
}

/// `false`: others were at the same objects, nothing was written.
async fn commit(cloud: &Cloud, chunk: Chunk) -> Result<bool, Error> {
    match cloud.commit_effects(chunk).await {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(CommitError::Cloud(error)) => Err(error),
    }
}

fn too_late(call: &CallRequest, unit: &Unit) -> UnitResult {
    let object = call.objects.get(unit.object);
    UnitResult::Whole(Box::new(ObjectResult {
        ok: false,
        status_message: "Not carried out: the request took too long. Send the rest with \
                         RequestType Asynchronous"
            .to_owned(),
        error_code: Some(13),
        object_type: object
            .and_then(|object| object.type_name.clone())
            .unwrap_or_default(),
        object: object.cloned(),
        ..ObjectResult::default()
    }))
}
