//! What is due at data extensions beside any call, done by the timekeeper: rows that nobody sees any more are
//! deleted, data extensions whose time is over are ended. `objects::upkeep` says what the records mean.
//!
//! Each step can be done twice. A record is deleted once its work is done, and not before nobody writes any
//! more by what was there when it was made.

use calls::AccountId;
use jiff::Timestamp;
use objects::{ObjectKey, Overlay, SETTLED_AFTER, UPKEEP, Upkeep};
use tracing::{info, warn};

use crate::Cloud;
use crate::aws::table::{Key, Range};
use crate::error::{Committed, Error};
use crate::objects_table::{Chunk, object_item, objects_on};

/// Records that are read in one request.
const RECORDS_AT_ONCE: i32 = 25;

/// Rows that are deleted, or marked, in one go: half a second.
pub const ROWS_AT_ONCE: i32 = 500;

/// Goes for one record before the next one has its turn: a large data extension does not hold up others.
const GOES: usize = 10;

/// How far the work of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UpkeepProgress {
    /// There is more to do.
    More,
    /// Nothing is to be done now.
    Waits,
    Done,
}

impl Cloud {
    /// Does what is due, until the deadline. How many records were looked at.
    pub async fn keep_up(&self, deadline: Timestamp) -> Result<usize, Error> {
        let mut looked_at = 0;
        loop {
            let mut has_more = false;
            let mut after = None;
            loop {
                let behind = objects::due_by(self.now());
                // From the first digit on: DynamoDB takes no empty key.
                let range = Range::Between("0", &behind);
                let page = self
                    .objects
                    .query(UPKEEP, range, RECORDS_AT_ONCE, after.as_ref())
                    .await?;
                for (sort, record) in objects_on(page.items)? {
                    if self.now() >= deadline {
                        return Ok(looked_at);
                    }
                    looked_at += 1;
                    has_more |=
                        self.keep_one(&sort, &record, deadline).await? == UpkeepProgress::More;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if !has_more || self.now() >= deadline {
                return Ok(looked_at);
            }
        }
    }

    async fn keep_one(
        &self,
        sort: &str,
        record: &soap::Element,
        deadline: Timestamp,
    ) -> Result<UpkeepProgress, Error> {
        let Some(upkeep) = Upkeep::read(record) else {
            warn!(sort, "a record of upkeep is not readable, and stays");
            return Ok(UpkeepProgress::Waits);
        };
        let done = match upkeep {
            Upkeep::DeleteRows { partitions } => {
                self.delete_rows(sort, &partitions, deadline).await?
            }
            Upkeep::LookAtDefinition {
                account,
                definition,
            } => self.look_at_definition(&account, &definition).await?,
            Upkeep::MarkRows {
                account,
                definition,
                after,
            } => {
                self.mark_rows(sort, account, definition, after, deadline)
                    .await?
            }
        };
        if done == UpkeepProgress::Done {
            self.objects.delete(&Key::new(UPKEEP, sort)).await?;
        }
        Ok(done)
    }

    async fn delete_rows(
        &self,
        sort: &str,
        partitions: &[String],
        deadline: Timestamp,
    ) -> Result<UpkeepProgress, Error> {
        let mut goes = 0;
        for partition in partitions {
            while self.delete_objects(partition, ROWS_AT_ONCE).await? > 0 {
                goes += 1;
                if goes >= GOES || self.now() >= deadline {
                    return Ok(UpkeepProgress::More);
                }
            }
        }
        let settled = objects::due_at(sort).map(|at| at + SETTLED_AFTER);
        Ok(match settled.is_some_and(|at| at > self.now()) {
            true => UpkeepProgress::Waits,
            false => UpkeepProgress::Done,
        })
    }

    async fn look_at_definition(
        &self,
        account: &AccountId,
        definition: &ObjectKey,
    ) -> Result<UpkeepProgress, Error> {
        let now = self.now();
        let mut overlay = Overlay::new(account);
        while let Err(missing) = objects::look_at_definition(&mut overlay, account, definition, now)
        {
            self.load_objects(&mut overlay, missing.0).await?;
        }
        let mut chunk = Chunk::of_results(Vec::new());
        chunk.take_effects(&overlay, self.events_until());
        if chunk.is_empty() {
            return Ok(UpkeepProgress::Done);
        }
        match Committed::of(self.commit_effects(chunk).await)? {
            Committed::Written(()) => {
                info!(account = %account.0, "a data extension was ended, or its rows were");
                Ok(UpkeepProgress::Done)
            }
            // Somebody changes it just now.
            Committed::Conflict => Ok(UpkeepProgress::Waits),
        }
    }

    /// Tells the table of each row when it may remove it.
    async fn mark_rows(
        &self,
        sort: &str,
        account: AccountId,
        definition: ObjectKey,
        mut after: Option<String>,
        deadline: Timestamp,
    ) -> Result<UpkeepProgress, Error> {
        let mut overlay = Overlay::new(&account);
        self.load_objects(&mut overlay, vec![definition.clone()])
            .await?;
        let found = objects::rows_of_definition(&overlay, &account, &definition);
        let Ok(Some(rows)) = found else {
            return Ok(UpkeepProgress::Done);
        };
        for _ in 0..GOES {
            let partition = &rows.partition;
            let page = self
                .objects_after(partition, after.as_deref(), ROWS_AT_ONCE)
                .await?;
            for (row, object) in &page.objects {
                let key = Key::new(partition, row);
                let expires = rows.retention.removed_from(object);
                self.objects.set_expiry(&key, expires).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(UpkeepProgress::Done);
            }
            let so_far = Upkeep::MarkRows {
                account: account.clone(),
                definition: definition.clone(),
                after: after.clone(),
            };
            let key = Key::new(UPKEEP, sort);
            let item = object_item(key, 1, &so_far.record(), None);
            self.objects.put(item).await?;
            if self.now() >= deadline {
                break;
            }
        }
        Ok(UpkeepProgress::More)
    }
}
