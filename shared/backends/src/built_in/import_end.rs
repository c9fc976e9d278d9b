//! After the last row of an import: the swap and the deletions of an Overwrite, and the end.

use cloud::Error;
use cloud::objects_table::Chunk;
use objects::{IMPORT_REFUSED, ImportPlan, ImportStatus, ObjectKey, Overlay, ReplacedRows};
use tracing::info;

use super::import_state::{ImportContext, ImportState};
use super::task::{NextStep, TaskEnd};

/// Rows that are deleted in one step.
const DELETED_AT_ONCE: i32 = 500;

impl ImportContext<'_> {
    /// The imported rows become those of the data extension, unless the import failed.
    pub(super) async fn swap(
        &self,
        mut state: ImportState,
        plan: &ImportPlan,
        data_extension: ObjectKey,
    ) -> Result<NextStep<ImportState>, Error> {
        let now = self.task.cloud.now();
        let (_, partition) = self.fresh_rows(plan);
        let mut overlay = Overlay::new(self.task.account());
        let mut chunk = Chunk::of_results(Vec::new());
        let is_swapped = match &state.failure {
            Some(_) => false,
            None => {
                let swap = |overlay: &mut Overlay| {
                    objects::swap_rows(overlay, &plan.account, &data_extension, self.source(), now)
                };
                self.task.ask(&mut overlay, swap).await?
            }
        };
        state.deleting = Some(match is_swapped {
            true => {
                let account = &plan.account;
                let find = |overlay: &mut Overlay| {
                    objects::replaced_rows_at(overlay, account, &data_extension)
                };
                self.task.ask(&mut overlay, find).await?
            }
            false => {
                let gone = || "The data extension was deleted during the import".to_owned();
                state.failure.get_or_insert_with(gone);
                ReplacedRows::of_partition(partition)
            }
        });
        chunk.take_effects(&overlay, self.task.cloud.events_until());
        Ok(NextStep::More(state, chunk))
    }

    pub(super) async fn delete(
        &self,
        mut state: ImportState,
        rows: ReplacedRows,
    ) -> Result<NextStep<ImportState>, Error> {
        let cloud = self.task.cloud;
        while let Some(partition) = rows.partitions.get(state.emptied) {
            if cloud.delete_objects(partition, DELETED_AT_ONCE).await? > 0 {
                return Ok(NextStep::More(state, Chunk::of_results(Vec::new())));
            }
            state.emptied += 1;
        }
        let now = cloud.now();
        let mut overlay = Overlay::new(self.task.account());
        let forget = |overlay: &mut Overlay| objects::forget_replaced(overlay, &rows, now);
        self.task.ask(&mut overlay, forget).await?;
        self.end(&state, overlay).await
    }

    pub(super) async fn end(
        &self,
        state: &ImportState,
        mut overlay: Overlay,
    ) -> Result<NextStep<ImportState>, Error> {
        let number = self.task.number();
        if let (None, Some(plan)) = (&state.failure, &state.plan)
            && let Some(data_extension) = plan.data_extension()
        {
            let (account, now) = (&plan.account, self.task.cloud.now());
            let reset = |overlay: &mut Overlay| {
                objects::reset_by_import(overlay, account, data_extension, self.source(), now)
            };
            self.task.ask(&mut overlay, reset).await?;
        }
        let (status, result) = match &state.failure {
            None => {
                let message = format!("ImportDefinition performed AsyncID:{number}");
                (ImportStatus::Completed, self.task.performed(message))
            }
            Some(why) => {
                let refused = self.task.refused(IMPORT_REFUSED, why.clone());
                (ImportStatus::Error(why), refused)
            }
        };
        let chunk = self.noted(&mut overlay, state, status).await?;
        let notifies = state.plan.as_ref().and_then(|plan| plan.notifies.clone());
        let counts = state.counts;
        info!(
            request_id = %self.task.call.request_id,
            task = number,
            rows = counts.total(),
            errors = counts.errors,
            "import ended"
        );
        Ok(NextStep::ended(TaskEnd {
            result,
            chunk,
            also_notified: notifies.into_iter().collect(),
        }))
    }
}
