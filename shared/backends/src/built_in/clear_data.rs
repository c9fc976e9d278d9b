//! Perform ClearData: a data extension gets an empty partition of rows in one write, so that nobody
//! sees it half empty. The old rows are deleted afterwards, however many there are. Rows that are
//! written after the first step go into the new partition and stay.

use cloud::Error;
use cloud::objects_table::Chunk;
use cloud::upkeep::ROWS_AT_ONCE;
use objects::{Overlay, ReplacedRows, Unit, UnitResult};
use serde::{Deserialize, Serialize};
use soap::ObjectResult;

use super::decide_chunk;
use super::task::{NextStep, Task, TaskContext, TaskEnd};

pub(super) struct ClearTask<'a> {
    context: TaskContext<'a>,
}

#[derive(Default, Serialize, Deserialize)]
pub(super) enum ClearState {
    #[default]
    New,
    /// It has its new partition; the old rows are being deleted.
    Deleting {
        rows: ReplacedRows,
        /// Partitions whose rows have all been deleted.
        emptied: usize,
        #[serde(default)]
        deleted: u64,
        result: Box<ObjectResult>,
    },
}

impl<'a> ClearTask<'a> {
    pub(super) fn new(context: TaskContext<'a>) -> Self {
        Self { context }
    }

    async fn clear(&self) -> Result<NextStep<ClearState>, Error> {
        let TaskContext {
            cloud,
            request,
            object,
            ordinal,
            ..
        } = self.context;
        let mut overlay = Overlay::new(self.context.account());
        let units = [Unit::whole(ordinal)];
        let mut chunk = decide_chunk(cloud, &mut overlay, request, &units, None).await?;
        let result = match chunk.results.pop() {
            Some(UnitResult::Whole(result)) if result.ok => result,
            Some(UnitResult::Whole(refused)) => return Ok(NextStep::ended(TaskEnd::of(*refused))),
            Some(UnitResult::Sends(_) | UnitResult::Progress(_) | UnitResult::Notes(_)) | None => {
                Box::default()
            }
        };
        let find = |overlay: &mut Overlay| objects::replaced_rows(overlay, request, object);
        let rows = self.context.ask(&mut overlay, find).await?;
        let next = ClearState::Deleting {
            rows,
            emptied: 0,
            deleted: 0,
            result,
        };
        Ok(NextStep::More(next, chunk))
    }

    /// Removes the deleted partitions from the definition.
    async fn forget(&self, rows: &ReplacedRows) -> Result<Chunk, Error> {
        let now = self.context.cloud.now();
        let mut overlay = Overlay::new(self.context.account());
        let forget = |overlay: &mut Overlay| objects::forget_replaced(overlay, rows, now);
        self.context.ask(&mut overlay, forget).await?;
        let mut chunk = Chunk::of_results(Vec::new());
        chunk.take_effects(&overlay, self.context.cloud.events_until());
        Ok(chunk)
    }
}

impl Task for ClearTask<'_> {
    type State = ClearState;

    async fn step(
        &mut self,
        state: ClearState,
        _number: u32,
    ) -> Result<NextStep<ClearState>, Error> {
        // It has begun, so the data extension is empty: the rest of the old rows is deleted
        // nevertheless.
        if self.context.is_cancelled().await? {
            return Ok(NextStep::ended(self.context.cancelled()));
        }
        let ClearState::Deleting {
            rows,
            mut emptied,
            deleted,
            result,
        } = state
        else {
            return self.clear().await;
        };
        while let Some(partition) = rows.partitions.get(emptied) {
            let cloud = self.context.cloud;
            let count = cloud.delete_objects(partition, ROWS_AT_ONCE).await?;
            if count > 0 {
                let next = ClearState::Deleting {
                    rows,
                    emptied,
                    deleted: deleted + u64::try_from(count).unwrap_or(u64::MAX),
                    result,
                };
                return Ok(NextStep::More(next, Chunk::of_results(Vec::new())));
            }
            emptied += 1;
        }
        Ok(NextStep::ended(TaskEnd {
            chunk: self.forget(&rows).await?,
            ..TaskEnd::of(*result)
        }))
    }

    fn rows(state: &ClearState) -> u64 {
        match state {
            ClearState::New => 0,
            ClearState::Deleting { deleted, .. } => *deleted,
        }
    }
}
