//! The progress of an import, and what its summary shows.

use cloud::Error;
use cloud::aws::files::extract_key;
use cloud::objects_table::Chunk;
use objects::{
    ImportColumn, ImportCounts, ImportPlan, ImportSource, ImportStatus, ImportSummary, Overlay,
    ReplacedRows,
};
use serde::{Deserialize, Serialize};

use super::error_file::ErrorFilePlace;
use super::import_file::FilePlace;
use super::task::{NextStep, TaskContext, TaskEnd};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ImportState {
    /// The plan that was made when the import began; `None`: it has not begun.
    pub(super) plan: Option<ImportPlan>,
    pub(super) file: Option<FilePlace>,
    pub(super) columns: Vec<ImportColumn>,
    /// How many fields a record has; 0: not known.
    pub(super) width: usize,
    pub(super) counts: ImportCounts,
    pub(super) errors: ErrorFilePlace,
    pub(super) is_read: bool,
    /// Why it ended before the end of the file.
    pub(super) failure: Option<String>,
    /// Rows that are to be deleted before it ends.
    pub(super) deleting: Option<ReplacedRows>,
    pub(super) emptied: usize,
}

/// What all steps of an import know.
#[derive(Clone, Copy)]
pub(super) struct ImportContext<'a> {
    pub(super) task: TaskContext<'a>,
}

impl<'a> ImportContext<'a> {
    pub(super) fn error_key(&self, plan: &ImportPlan) -> String {
        let name = format!("import-{}-errors.csv", self.task.number());
        extract_key(&plan.account, &name)
    }

    /// What the summary shows.
    pub(super) fn summary<'s>(
        &self,
        state: &'s ImportState,
        status: ImportStatus<'s>,
    ) -> Option<ImportSummary<'s>>
    where
        'a: 's,
    {
        let plan = state.plan.as_ref()?;
        Some(ImportSummary {
            account: &plan.account,
            task: self.task.number(),
            request_id: &self.task.call.request_id.0,
            definition_key: &plan.definition_key,
            destination_id: plan.destination_id(),
            import_type: plan.import_type(),
            counts: state.counts,
            status,
            error_file: None,
            now: self.task.cloud.now(),
        })
    }

    /// The call that imports.
    pub(super) fn source(&self) -> ImportSource<'a> {
        ImportSource {
            request_id: &self.task.call.request_id,
            ordinal: self.task.ordinal,
        }
    }

    pub(super) fn fresh_rows(&self, plan: &ImportPlan) -> (String, String) {
        let call = self.task.call;
        objects::fresh_rows(&plan.account, &call.request_id, self.task.ordinal)
    }

    /// A chunk that updates the summary.
    pub(super) async fn noted(
        &self,
        overlay: &mut Overlay,
        state: &ImportState,
        status: ImportStatus<'_>,
    ) -> Result<Chunk, Error> {
        let mut chunk = Chunk::of_results(Vec::new());
        if let Some(summary) = self.summary(state, status) {
            let key = state.plan.as_ref().map(|plan| self.error_key(plan));
            let summary = ImportSummary {
                error_file: key.as_deref().filter(|_| state.errors.is_written),
                ..summary
            };
            let note = |overlay: &mut Overlay| summary.note(overlay);
            self.task.ask(overlay, note).await?;
        }
        chunk.take_effects(overlay, self.task.cloud.events_until());
        Ok(chunk)
    }

    /// It cannot begin. Its summary, whose number the caller has, shows that it has ended.
    pub(super) async fn refused(
        &self,
        code: u32,
        message: String,
    ) -> Result<NextStep<ImportState>, Error> {
        let mut overlay = Overlay::new(self.task.account());
        let account = objects::account_of(self.task.object, self.task.request.client);
        let mut chunk = Chunk::of_results(Vec::new());
        if let Some(account) = account {
            let summary = ImportSummary {
                account: &account,
                task: self.task.number(),
                request_id: &self.task.call.request_id.0,
                definition_key: self.task.object.text_of("CustomerKey").unwrap_or_default(),
                destination_id: "",
                import_type: "",
                counts: ImportCounts::default(),
                status: ImportStatus::Error(&message),
                error_file: None,
                now: self.task.cloud.now(),
            };
            let note = |overlay: &mut Overlay| summary.note(overlay);
            self.task.ask(&mut overlay, note).await?;
            chunk.take_effects(&overlay, self.task.cloud.events_until());
        }
        Ok(NextStep::ended(TaskEnd {
            chunk,
            ..TaskEnd::of(self.task.refused(code, message))
        }))
    }
}
