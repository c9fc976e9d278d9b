//! One call: whether its turn has come, and carrying it out chunk by chunk.

use calls::{AccountId, Call, Ended, Outcome, OverallStatus, Progress};
use cloud::conversation::commit::End;
use cloud::records::call_record::PackedBody;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError, Error, ReplyAction};
use jiff::Timestamp;
use objects::{Overlay, Request, Unit, UnitResult};
use soap::{ObjectResult, Operation};

/// What the options of a call say about now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Now,
    WaitsUntil(Timestamp),
    Expired,
}

/// Never before its ScheduledTime, never begun after its RequestExpirationTime. What was begun in
/// time is finished: part of its effects is there already.
pub fn turn(call: &Call, progress: Progress, now: Timestamp) -> Turn {
    if progress.chunks > 0 {
        return Turn::Now;
    }
    if let Some(at) = call.options.scheduled_time.filter(|at| *at > now) {
        return Turn::WaitsUntil(at);
    }
    if call.options.expires_at.is_some_and(|at| at <= now) {
        return Turn::Expired;
    }
    Turn::Now
}

/// Carries out a call from where it stands. Each chunk's effects are committed together with the
/// progress, the last one's together with the outcome, so none of them happens twice. At the
/// deadline it stops between two chunks. Gives back what is owed to callers; `None`: maintenance
/// is on, nothing was done.
pub async fn carry_out(
    cloud: &Cloud,
    header: &ConversationRecord,
    progress: Progress,
    call: &Call,
    body: PackedBody,
    deadline: Timestamp,
) -> Result<Option<(ConversationRecord, Vec<ReplyAction>)>, CommitError> {
    let request = read_body(call, body)?;
    let now = cloud.now();
    let client = client_of(call, &request)?;
    let request = Request {
        method: call.method,
        action: request.action.as_deref(),
        options: &call.options,
        objects: &request.objects,
        client: &client,
        request_id: &call.request_id,
        now,
    };
    let units = objects::units(call.method, request.objects);
    let mut done = usize::try_from(progress.done_through)
        .unwrap_or(usize::MAX)
        .min(units.len());
    let mut overlay = Overlay::new(&call.account);
    // Whoever turns the switch in this process waits until what is begun here is committed.
    let _carrying_out = cloud.carrying_out().await;
    if cloud
        .set_out(&mut overlay, &request, &units[done..])
        .await?
    {
        return Ok(None);
    }
    let mut chunks = progress.chunks;
    let mut results = results_so_far(cloud, header, progress).await?;
    let mut header = header.clone();
    loop {
        let chunk = cloud
            .decide_chunk(&mut overlay, &request, &units[done..], Some(&header.key))
            .await?;
        let mails_before = mails_in(&results);
        results.extend(chunk.results.iter().cloned());
        done += chunk.results.len();
        if done == units.len() {
            let results = merged(&request, &units, results);
            let end = End {
                call,
                outcome: outcome_of(&results, now),
                results: Some(results),
                chunk,
                mails_before,
            };
            return Ok(Some(cloud.commit_end(&header, end, now).await?));
        }
        let done_through = u32::try_from(done).unwrap_or(u32::MAX);
        let progress_now = (chunks, done_through, mails_before);
        header = cloud
            .commit_chunk(&header, progress.next, chunk, progress_now, now)
            .await?;
        chunks += 1;
        overlay.committed();
        if cloud.now() >= deadline {
            return Ok(Some((header, Vec::new())));
        }
    }
}

/// What the chunks that are committed came to.
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

/// The same reader as at the door, over what the door kept.
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

/// For whom: an account that the door has let the caller act for.
fn client_of(call: &Call, request: &soap::CallRequest) -> Result<AccountId, Error> {
    let unreadable = |_several| Error::Unreadable {
        sk: format!("CALL of {}", call.request_id),
        attribute: "body",
    };
    let named = request.client.account().map_err(unreadable)?;
    Ok(named.unwrap_or_else(|| call.account.clone()))
}

pub(crate) fn mails_in(results: &[UnitResult]) -> u32 {
    let of_unit = |result: &UnitResult| match result {
        UnitResult::Sends(sends) => sends.mails,
        UnitResult::Whole(_) => 0,
    };
    results.iter().map(of_unit).sum()
}

/// One result per object, from those of its units.
pub fn merged(
    request: &Request<'_>,
    units: &[Unit],
    results: Vec<UnitResult>,
) -> Vec<ObjectResult> {
    let mut merged = Vec::new();
    let mut of_object = Vec::new();
    for (unit, result) in units.iter().zip(results) {
        of_object.push(result);
        if unit.last_of_object {
            let object = request.objects.get(unit.object);
            merged.push(objects::merge(std::mem::take(&mut of_object), object));
        }
    }
    merged
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
