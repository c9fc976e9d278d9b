//! Records that the tasks of a call have started, or will start later, where their progress is
//! retrieved: clients look there at once. A task that was quicker has recorded more.

use calls::AccountId;
use cloud::objects_table::Chunk;
use cloud::{Cloud, Committed, Error};
use objects::{
    EmailSendCounts, ImportCounts, ImportStatus, ImportSummary, MethodCall, Missing, Overlay,
    ScheduledSend, SendNote, SendStatus, TaskKind, WantedSend,
};
use soap::Element;

/// Most attempts to record a send while others change it, too.
const SCHEDULE_CONFLICTS_MAX: u32 = 5;

/// One object of a call that starts a task.
#[derive(Clone, Copy)]
struct Started<'a> {
    request: &'a MethodCall<'a>,
    ordinal: usize,
    object: &'a Element,
}

/// For tasks that begin now.
pub async fn announce(
    cloud: &Cloud,
    caller: &AccountId,
    request: &MethodCall<'_>,
    kind: TaskKind,
) -> Result<(), Error> {
    match kind {
        TaskKind::Import => announce_with(cloud, caller, request, import).await,
        TaskKind::EmailSend => announce_with(cloud, caller, request, send).await,
        TaskKind::Extract | TaskKind::ClearData => Ok(()),
    }
}

/// For a send that begins at a scheduled time. If it was scheduled before: its present state.
pub async fn schedule_send(
    cloud: &Cloud,
    caller: &AccountId,
    wanted: &WantedSend<'_>,
) -> Result<ScheduledSend, Error> {
    for _ in 0..SCHEDULE_CONFLICTS_MAX {
        let mut overlay = Overlay::new(caller);
        let scheduled = loop {
            match objects::schedule_send(&mut overlay, wanted) {
                Ok(scheduled) => break scheduled,
                Err(missing) => cloud.load_objects(&mut overlay, missing.0).await?,
            }
        };
        let ScheduledSend::New(_) = &scheduled else {
            return Ok(scheduled);
        };
        let mut chunk = Chunk::of_results(Vec::new());
        chunk.take_effects(&overlay, cloud.events_until());
        match Committed::of(cloud.commit_effects(chunk).await)? {
            Committed::Written(()) => return Ok(scheduled),
            // Another request schedules the same at this moment; that one is kept.
            Committed::Conflict => {}
        }
    }
    Err(Error::Conflict(SCHEDULE_CONFLICTS_MAX))
}

async fn announce_with(
    cloud: &Cloud,
    caller: &AccountId,
    request: &MethodCall<'_>,
    note: fn(&mut Overlay, Started<'_>) -> Result<(), Missing>,
) -> Result<(), Error> {
    let mut overlay = Overlay::new(caller);
    for (ordinal, object) in request.objects.iter().enumerate() {
        let started = Started {
            request,
            ordinal,
            object,
        };
        while let Err(missing) = note(&mut overlay, started) {
            cloud.load_objects(&mut overlay, missing.0).await?;
        }
    }
    let mut chunk = Chunk::of_results(Vec::new());
    chunk.take_effects(&overlay, cloud.events_until());
    match Committed::of(cloud.commit_effects(chunk).await)? {
        Committed::Written(()) | Committed::Conflict => Ok(()),
    }
}

fn import(overlay: &mut Overlay, started: Started<'_>) -> Result<(), Missing> {
    let Started {
        request, ordinal, ..
    } = started;
    let Ok(plan) = objects::import_plan(overlay, request, started.object)? else {
        return Ok(());
    };
    let summary = ImportSummary {
        account: &plan.account,
        task: objects::task_number(overlay.caller(), request.request_id, ordinal),
        request_id: &request.request_id.0,
        definition_key: &plan.definition_key,
        destination_id: plan.destination_id(),
        import_type: plan.import_type(),
        counts: ImportCounts::default(),
        status: ImportStatus::New,
        error_file: None,
        now: request.now,
    };
    match summary.is_noted(overlay)? {
        true => Ok(()),
        false => summary.note(overlay),
    }
}

fn send(overlay: &mut Overlay, started: Started<'_>) -> Result<(), Missing> {
    let Started {
        request, ordinal, ..
    } = started;
    let Ok(plan) = objects::email_send_plan(overlay, request, started.object, &[])? else {
        return Ok(());
    };
    let note = SendNote {
        account: &plan.account,
        number: objects::task_number(overlay.caller(), request.request_id, ordinal),
        request_id: &request.request_id.0,
        plan: Some(&plan),
        counts: EmailSendCounts::default(),
        status: SendStatus::Targeting,
        now: request.now,
    };
    match note.is_noted(overlay)? {
        true => Ok(()),
        false => note.note(overlay),
    }
}
