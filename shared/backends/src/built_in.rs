//! The built-in backend: decides the objects of a call over the records that they need, chunk by
//! chunk. A chunk is what fits into one transaction.
//!
//! [`queued`] carries out a queued call, [`synchronous`] one whose caller waits, `cancel` cancels
//! calls that have not started. Long work is a `task`, whose steps `task_run` commits one after
//! another: `extract` writes the results of calls to a file, `clear_data` empties a data extension,
//! `import` reads a file into a list or a data extension, `email_send` creates a mail for each
//! person of an audience; `announcement` records that tasks have started.

pub mod announcement;
mod cancel;
mod carried_out;
mod clear_data;
mod email_send;
mod error_file;
mod extract;
mod extract_rows;
mod import;
mod import_end;
mod import_file;
mod import_state;
pub mod queued;
pub mod synchronous;
mod task;
pub mod task_run;

use calls::{AccountId, ConversationKey};
use cloud::objects_table::{Chunk, READ_AHEAD, UNIT_EFFECTS_MAX};
use cloud::{Cloud, Error};
use objects::{MethodCall, Overlay, Unit, UnitResult};
use soap::{Element, ObjectResult};

/// Decides as many of the units as fit into one transaction, and at least one.
///
/// `carried_out`: the conversation whose call this is, if the call was queued.
///
/// Nothing is written. `overlay` holds what was decided: after the commit, call its `committed`; if
/// the commit fails, drop it.
async fn decide_chunk(
    cloud: &Cloud,
    overlay: &mut Overlay,
    request: &MethodCall<'_>,
    units: &[Unit],
    carried_out: Option<&ConversationKey>,
) -> Result<Chunk, Error> {
    let mut chunk = Chunk::of_results(Vec::new());
    for (number, unit) in units.iter().enumerate() {
        if number % READ_AHEAD == 0 {
            let prefetched = &units[number..units.len().min(number + READ_AHEAD)];
            load_missing(cloud, overlay, request, prefetched).await?;
        }
        let object = request.objects.get(unit.object);
        let cancellation = object.and_then(|object| {
            let cancellation = objects::cancellation(request.method, request.action, object)?;
            Some((object, cancellation))
        });
        let result = match cancellation {
            Some((object, cancellation)) => {
                let accounts = accounts_of(overlay, request, object);
                cancel::cancel(
                    cloud,
                    &accounts,
                    object,
                    &cancellation,
                    carried_out,
                    request.now,
                )
                .await?
            }
            None => decide_unit(cloud, overlay, request, unit).await?,
        };
        chunk.results.push(result);
        chunk.mails.extend(overlay.mails());
        if chunk.is_full_with(overlay, UNIT_EFFECTS_MAX) {
            break;
        }
    }
    chunk.take_effects(overlay, request.now + cloud.results_retention());
    Ok(chunk)
}

async fn load_missing(
    cloud: &Cloud,
    overlay: &mut Overlay,
    request: &MethodCall<'_>,
    units: &[Unit],
) -> Result<(), Error> {
    loop {
        let keys = objects::missing(overlay, request, units);
        if keys.is_empty() {
            return Ok(());
        }
        cloud.load_objects(overlay, keys).await?;
    }
}

async fn decide_unit(
    cloud: &Cloud,
    overlay: &mut Overlay,
    request: &MethodCall<'_>,
    unit: &Unit,
) -> Result<UnitResult, Error> {
    loop {
        match objects::carry_out(overlay, request, unit) {
            Ok(result) => return Ok(result),
            Err(missing) => cloud.load_objects(overlay, missing.0).await?,
        }
    }
}

/// The accounts from which a call that an object names may have been sent: the caller's own (also
/// for calls that it sent for others), and the one that the object names.
fn accounts_of(overlay: &Overlay, request: &MethodCall<'_>, object: &Element) -> Vec<AccountId> {
    let mut accounts = vec![overlay.caller().clone()];
    if let Some(named) = objects::account_of(object, request.client)
        && !accounts.contains(&named)
    {
        accounts.push(named.into_owned());
    }
    accounts
}

/// How many mails the results of a call's units have created.
pub fn mails_in(results: &[UnitResult]) -> u32 {
    let of_unit = |result: &UnitResult| match result {
        UnitResult::Sends(sends) => sends.mails,
        UnitResult::Progress(progress) => progress.mails,
        UnitResult::Whole(_) | UnitResult::Notes(_) => 0,
    };
    results.iter().map(of_unit).sum()
}

/// One result per object, from those of its units.
fn merged(objects: &[Element], units: &[Unit], results: Vec<UnitResult>) -> Vec<ObjectResult> {
    let mut merged = Vec::new();
    let mut of_object = Vec::new();
    for (unit, result) in units.iter().zip(results) {
        of_object.push(result);
        if unit.last_of_object {
            let object = objects.get(unit.object);
            merged.push(objects::merge(std::mem::take(&mut of_object), object));
        }
    }
    merged
}
