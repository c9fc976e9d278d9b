//! Perform of an ImportDefinition: a file of the bucket, row by row, into a list or a data
//! extension.
//!
//! Each step decides some rows and commits them together with its place in the file, its counts,
//! and the lines of refused rows. So a row is imported once, whatever happens. An Overwrite fills
//! an invisible partition of rows, which becomes visible at the end.

use cloud::Error;
use cloud::aws::files::{UploadError, import_key};
use cloud::objects_table::Chunk;
use objects::{
    ImportColumn, ImportPlan, ImportRow, ImportRows, ImportStatus, ImportedRow, Overlay,
    TaskRefused, UnitResult, WrongRow,
};

use super::error_file::{ErrorFile, ErrorFileProgress};
use super::import_file::{FileError, FileRecord, ImportFile};
use super::import_state::{ImportContext, ImportState};
use super::task::{NextStep, Task, TaskContext};

/// Rows of a step: with the summary, as many records as a transaction of effects may have.
const ROWS_AT_ONCE: usize = 75;

/// The code of a row whose bytes are not valid text.
const NOT_READABLE: u32 = 204;

/// What an invocation works with.
struct ImportWork<'a> {
    overlay: Overlay,
    file: ImportFile<'a>,
    errors: ErrorFile,
}

pub(super) struct ImportTask<'a> {
    import: ImportContext<'a>,
    context: TaskContext<'a>,
    work: Option<ImportWork<'a>>,
}

impl<'a> ImportTask<'a> {
    pub(super) fn new(context: TaskContext<'a>) -> Self {
        Self {
            import: ImportContext { task: context },
            context,
            work: None,
        }
    }

    /// The first step: stores what is to be done, and opens the file.
    async fn begin(&mut self) -> Result<NextStep<ImportState>, Error> {
        let TaskContext {
            cloud,
            request,
            object,
            ..
        } = self.context;
        let mut overlay = Overlay::new(self.context.account());
        let read = |overlay: &mut Overlay| objects::import_plan(overlay, request, object);
        let plan = match self.context.ask(&mut overlay, read).await? {
            Ok(plan) => plan,
            Err(TaskRefused { code, message }) => return self.import.refused(code, message).await,
        };
        let mut state = ImportState::default();
        let key = import_key(&plan.account, &plan.format.file_name);
        let opened = ImportFile::open(&cloud.files, key.clone(), &plan.format).await;
        let read = match opened {
            Ok(mut file) => {
                let read = headings(&mut file, &plan).await;
                state.file = Some(file.place.clone());
                read
            }
            Err(error) => Err(error),
        };
        state.plan = Some(plan);
        match read {
            Ok(Headings { columns, width }) => {
                state.columns = columns;
                state.width = width;
            }
            Err(FileError::Cloud(error)) => return Err(error),
            Err(FileError::Unusable(why)) => {
                state.failure = Some(format!("{key}: {why}"));
                state.is_read = true;
            }
        }
        let chunk = self
            .import
            .noted(&mut overlay, &state, ImportStatus::Processing)
            .await?;
        Ok(NextStep::More(state, chunk))
    }

    /// What is needed to read on.
    async fn work(&mut self, state: &ImportState) -> Result<Option<ImportWork<'a>>, Error> {
        if let Some(work) = self.work.take() {
            return Ok(Some(work));
        }
        let (Some(plan), Some(place)) = (&state.plan, &state.file) else {
            return Ok(None);
        };
        let cloud = self.context.cloud;
        let mut overlay = Overlay::new(self.context.account());
        if let (true, Some(data_extension)) = (plan.overwrites(), plan.data_extension()) {
            let (rows, _) = self.import.fresh_rows(plan);
            let now = cloud.now();
            let see = |overlay: &mut Overlay| {
                objects::import_into_fresh_rows(overlay, data_extension, &rows, now)
            };
            self.context.ask(&mut overlay, see).await?;
        }
        let key = import_key(&plan.account, &plan.format.file_name);
        Ok(Some(ImportWork {
            overlay,
            file: ImportFile::at(&cloud.files, key, &plan.format, place.clone()),
            errors: ErrorFile::open(&self.context, self.import.error_key(plan), &state.errors)
                .await?,
        }))
    }

    /// Some rows.
    async fn read(
        &mut self,
        mut state: ImportState,
        step: u32,
    ) -> Result<NextStep<ImportState>, Error> {
        let Some(mut work) = self.work(&state).await? else {
            state.is_read = true;
            return Ok(NextStep::More(state, Chunk::of_results(Vec::new())));
        };
        if let Some(summary) = self.import.summary(&state, ImportStatus::Processing) {
            let look = |overlay: &mut Overlay| summary.is_cancelled(overlay);
            if self.context.ask(&mut work.overlay, look).await?
                || self.context.is_cancelled().await?
            {
                state.failure = Some("The import was cancelled".to_owned());
                state.is_read = true;
                return Ok(NextStep::More(state, Chunk::of_results(Vec::new())));
            }
        }
        let records = match work.file.records(ROWS_AT_ONCE).await {
            Ok(records) => records,
            Err(FileError::Cloud(error)) => return Err(error),
            Err(FileError::Unusable(why)) => {
                state.failure = Some(why);
                state.is_read = true;
                Vec::new()
            }
        };
        state.is_read |= records.is_empty();
        let lines = self.take(&mut work, &mut state, records).await?;
        state.file = Some(work.file.place.clone());
        let added = work
            .errors
            .add(&self.context, &mut state.errors, lines, step)
            .await;
        let notes = added.map_err(of_upload)?;
        let mut chunk = self
            .import
            .noted(&mut work.overlay, &state, ImportStatus::Processing)
            .await?;
        chunk.results.extend(notes.map(UnitResult::Notes));
        self.work = Some(work);
        Ok(NextStep::More(state, chunk))
    }

    /// Decides rows, as many as fit into a transaction; returns the lines of refused ones.
    async fn take(
        &self,
        work: &mut ImportWork<'_>,
        state: &mut ImportState,
        records: Vec<FileRecord>,
    ) -> Result<Vec<u8>, Error> {
        let Some(plan) = &state.plan else {
            return Ok(Vec::new());
        };
        let columns = state.columns.clone();
        let rows = ImportRows {
            plan,
            columns: &columns,
            request_id: &self.context.call.request_id,
            now: self.context.cloud.now(),
        };
        let first = work.file.place.records + 1;
        let mut decided = Vec::with_capacity(records.len());
        for (record, number) in records.iter().zip(first..) {
            let fields = record.fields.clone();
            decided.push(ImportRow { number, fields });
        }
        self.load(&rows, &mut work.overlay, &decided).await?;
        let mut lines = Vec::new();
        for (record, row) in records.iter().zip(&decided) {
            let imported = match unfit(record, state.width) {
                Some(why) => ImportedRow::Wrong(why),
                None => loop {
                    match rows.take(&mut work.overlay, row) {
                        Ok(imported) => break imported,
                        Err(missing) => {
                            let cloud = self.context.cloud;
                            cloud.load_objects(&mut work.overlay, missing.0).await?;
                        }
                    }
                },
            };
            work.file.take(record);
            match imported {
                ImportedRow::Imported => state.counts.successful += 1,
                ImportedRow::Duplicated => state.counts.duplicated += 1,
                ImportedRow::Restricted => state.counts.restricted += 1,
                ImportedRow::Wrong(why) => {
                    state.counts.errors += 1;
                    lines.extend(ErrorFile::line(row.number, &row.fields, &why));
                    if !plan.allows_errors {
                        let (number, why) = (row.number, why.message);
                        state.failure = Some(format!("Row {number}: {why}"));
                        state.is_read = true;
                        break;
                    }
                }
            }
            let chunk = Chunk::of_results(Vec::new());
            // One more row, and the summary.
            if chunk.is_full_with(&work.overlay, 2) {
                break;
            }
        }
        Ok(lines)
    }

    async fn load(
        &self,
        rows: &ImportRows<'_>,
        overlay: &mut Overlay,
        decided: &[ImportRow],
    ) -> Result<(), Error> {
        loop {
            let keys = rows.missing(overlay, decided);
            if keys.is_empty() {
                return Ok(());
            }
            self.context.cloud.load_objects(overlay, keys).await?;
        }
    }

    /// After the last row: writes the file of refused rows, then finishes an Overwrite.
    async fn finish(
        &mut self,
        mut state: ImportState,
        step: u32,
    ) -> Result<NextStep<ImportState>, Error> {
        if let Some(rows) = state.deleting.clone() {
            return self.import.delete(state, rows).await;
        }
        if !state.errors.is_written
            && let Some(mut work) = self.work(&state).await?
        {
            let finished = work
                .errors
                .finish(&self.context, &mut state.errors, step)
                .await;
            let progress = finished.map_err(of_upload)?;
            self.work = Some(work);
            if progress == ErrorFileProgress::CommitFirst {
                return Ok(NextStep::More(state, Chunk::of_results(Vec::new())));
            }
        }
        let overwritten = state.plan.as_ref().filter(|plan| plan.overwrites());
        let data_extension = overwritten.and_then(ImportPlan::data_extension).cloned();
        match (data_extension, state.plan.clone()) {
            (Some(data_extension), Some(plan)) => {
                self.import.swap(state, &plan, data_extension).await
            }
            (Some(_) | None, _) => {
                self.import
                    .end(&state, Overlay::new(self.context.account()))
                    .await
            }
        }
    }
}

/// What the lines before the first row say.
struct Headings {
    /// The columns that are imported.
    columns: Vec<ImportColumn>,
    /// How many fields a row must have; 0: any number.
    width: usize,
}

async fn headings(file: &mut ImportFile<'_>, plan: &ImportPlan) -> Result<Headings, FileError> {
    let mut headings = Vec::new();
    while file.place.records < plan.format.header_lines {
        let records = file.records(1).await?;
        let Some(record) = records.into_iter().next() else {
            break;
        };
        file.take(&record);
        headings = record.fields;
    }
    if headings.is_empty() && plan.needs_headings() {
        return Err(FileError::Unusable(
            "The file has no line of headings".to_owned(),
        ));
    }
    let columns = plan.columns(&headings).map_err(FileError::Unusable)?;
    let width = match plan.needs_headings() {
        true => headings.len(),
        false => 0,
    };
    Ok(Headings { columns, width })
}

/// What is wrong with a record, whatever its values are.
fn unfit(record: &FileRecord, width: usize) -> Option<WrongRow> {
    let fields = record.fields.len();
    let message = match (record.is_readable, width) {
        (false, _) => "The row is no text in the encoding of the file".to_owned(),
        (true, width) if width > 0 && fields != width => {
            format!("The row has {fields} fields, and the headings are {width}")
        }
        (true, _) => return None,
    };
    Some(WrongRow {
        code: NOT_READABLE,
        message,
    })
}

/// S3 gives up an upload after a week. The import then fails with each attempt, until its message is in
/// the dead-letter queue.
fn of_upload(error: UploadError) -> Error {
    match error {
        UploadError::Cloud(error) => error,
        UploadError::Gone => Error::Missing("the upload of an import's errors".to_owned()),
    }
}

impl Task for ImportTask<'_> {
    type State = ImportState;

    async fn step(
        &mut self,
        state: ImportState,
        number: u32,
    ) -> Result<NextStep<ImportState>, Error> {
        match (&state.plan, state.is_read) {
            (None, _) => self.begin().await,
            (Some(_), false) => self.read(state, number).await,
            (Some(_), true) => self.finish(state, number).await,
        }
    }

    fn rows(state: &ImportState) -> u64 {
        state.counts.total()
    }

    fn committed(&mut self) {
        if let Some(work) = &mut self.work {
            work.overlay.committed();
        }
    }
}
