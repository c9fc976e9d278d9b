//! Queued calls, chunk by chunk, each committed with its results.

use calls::{AccountId, Call, Ended, Outcome, OverallStatus, Progress};
use cloud::conversation::commit::{CallEnd, ChunkPosition};
use cloud::objects_table::{FirstLoad, READ_AHEAD};
use cloud::records::call_record::PackedBody;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError, CommittedStep, Error};
use jiff::Timestamp;
use objects::{MethodCall, Overlay, UnitResult};
use soap::{ObjectResult, Operation};

pub use super::carried_out::CarriedOut;
use super::task_run::TaskRun;
use super::{decide_chunk, mails_in, merged};

/// Carries out a call from its present state. The effects of each chunk are committed together with
/// the progress, those of the last one together with the outcome, so that none happens twice. At
/// the deadline it stops between two chunks.
pub async fn carry_out(
    cloud: &Cloud,
    header: &ConversationRecord,
    progress: Progress,
    call: &Call,
    body: PackedBody,
    deadline: Timestamp,
) -> Result<CarriedOut, CommitError> {
    let request = read_body(call, body)?;
    let client = client_of(call, &request)?;
    let request = MethodCall {
        method: call.method,
        action: request.action.as_deref(),
        options: &call.options,
        objects: &request.objects,
        client: &client,
        request_id: &call.request_id,
        phone_senders: &cloud.settings.phone_senders,
        now: cloud.now(),
    };
    if let Some(kind) = objects::task_kind(call.method, request.action, request.objects) {
        let run = TaskRun {
            cloud,
            call,
            request: &request,
            kind,
            deadline,
        };
        return Box::pin(run.carry_on(header, progress)).await;
    }
    in_chunks(cloud, (header, progress), call, &request, deadline).await
}

async fn in_chunks(
    cloud: &Cloud,
    (header, progress): (&ConversationRecord, Progress),
    call: &Call,
    request: &MethodCall<'_>,
    deadline: Timestamp,
) -> Result<CarriedOut, CommitError> {
    let now = request.now;
    let units = objects::units(call.method, request.objects);
    let mut done = usize::try_from(progress.done_through)
        .unwrap_or(usize::MAX)
        .min(units.len());
    let mut overlay = Overlay::new(&call.account);
    // Whoever turns the maintenance switch in this process waits until this call is committed.
    let _carrying_out = cloud.carrying_out().await;
    let first = &units[done..units.len().min(done + READ_AHEAD)];
    let first = objects::missing(&overlay, request, first);
    match cloud.load_first_objects(&mut overlay, first).await? {
        FirstLoad::Loaded => {}
        FirstLoad::InMaintenance => return Ok(CarriedOut::InMaintenance),
    }
    // According to the switch that has just been read.
    if cloud.pause_of(&header.conversation).is_some() {
        return Ok(CarriedOut::InMaintenance);
    }
    let mut chunks = progress.chunks;
    let mut results = results_so_far(cloud, header, progress).await?;
    let mut header = header.clone();
    loop {
        let remaining = &units[done..];
        let chunk =
            decide_chunk(cloud, &mut overlay, request, remaining, Some(&header.key)).await?;
        let mails_before = mails_in(&results);
        results.extend(chunk.results.iter().cloned());
        done += chunk.results.len();
        if done == units.len() {
            let results = merged(request.objects, &units, results);
            let end = CallEnd {
                call,
                outcome: outcome_of(&results, now),
                results: Some(results),
                chunk,
                mails_before,
            };
            let step = cloud.commit_end(&header, end, now).await?;
            return Ok(CarriedOut::Committed(Box::new(step)));
        }
        let position = ChunkPosition {
            number: chunks,
            done_through: u32::try_from(done).unwrap_or(u32::MAX),
            mails_before,
        };
        header = cloud
            .commit_chunk(&header, progress.next, chunk, position, now)
            .await?;
        chunks += 1;
        overlay.committed();
        if cloud.now() >= deadline {
            return Ok(CarriedOut::Committed(Box::new(CommittedStep {
                header,
                replies: Vec::new(),
            })));
        }
    }
}

/// The results of the committed chunks.
async fn results_so_far(
    cloud: &Cloud,
    header: &ConversationRecord,
    progress: Progress,
) -> Result<Vec<UnitResult>, Error> {
    match progress.chunks {
        0 => Ok(Vec::new()),
        _ => cloud.chunk_results(&header.key, progress.next).await,
    }
}

/// The same reader that has read the request, applied to the stored payload.
fn read_body(call: &Call, body: PackedBody) -> Result<soap::CallRequest, Error> {
    let unreadable = || Error::Unreadable {
        sk: format!("CALL of {}", call.request_id),
        attribute: "body",
    };
    let element = soap::read_canonical(&body.decompress()?).map_err(|_| unreadable())?;
    match soap::take_operation(element, None, None) {
        Ok(Operation::Call(request)) => Ok(request),
        Ok(_) | Err(_) => Err(unreadable()),
    }
}

/// The account for which it is done: the caller was allowed to act for it when the call was
/// accepted.
fn client_of(call: &Call, request: &soap::CallRequest) -> Result<AccountId, Error> {
    let unreadable = |_several| Error::Unreadable {
        sk: format!("CALL of {}", call.request_id),
        attribute: "body",
    };
    let named = request.client.account().map_err(unreadable)?;
    Ok(named.unwrap_or_else(|| call.account.clone()))
}

fn outcome_of(results: &[ObjectResult], now: Timestamp) -> Outcome {
    let failed: Vec<&ObjectResult> = results.iter().filter(|result| !result.ok).collect();
    Outcome {
        how: Ended::CarriedOut,
        overall_status: OverallStatus::of(results.len(), failed.len()),
        status_message: failed
            .first()
            .map_or_else(String::new, |first| first.status_message.clone()),
        error_code: failed.iter().find_map(|result| result.error_code),
        ended_at: now,
    }
}
