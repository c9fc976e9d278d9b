//! How far a task is: committed with what each of its steps changes.
//!
//! | pk                      | sk                            | written by                 | read by   |
//! |-------------------------|-------------------------------|----------------------------|-----------|
//! | key of the conversation | `RESULTS#0000000001#00000000` | processor, with each step  | processor |
//! | key of the conversation | `RESULTS#0000000001#00000007` | processor, with a step that leaves notes | processor |
//! | hash(account, RequestID) | `CANCELLED`                  | whoever cancels the tasks  | processor, before each step |
//!
//! The first one is written again with each step; the version of the header, in the same transaction, is
//! the condition. So a task of ten thousand steps is read in one request by whoever goes on with it.

use calls::{AccountId, ConversationKey, RequestId, SequenceCode};
use jiff::Timestamp;
use objects::{TaskProgress, UnitResult};

use crate::Cloud;
use crate::aws::table::{Key, Range, Transaction};
use crate::error::{CommitError, Error};
use crate::objects_table::Chunk;
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::{ItemReader, ItemWriter};
use crate::records::outcome_record::{self, Results, chunk_prefix};

/// Notes that are read in one request: each is of a step, and so bounded as that is.
const NOTES_AT_ONCE: i32 = 200;

/// One step of a task that goes on.
pub struct TaskStep {
    /// From 1 on, never used before in this call.
    pub number: u32,
    /// What it changes; its results are notes.
    pub chunk: Chunk,
    /// How many mails the steps before it have written.
    pub mails_before: u32,
    pub progress: TaskProgress,
}

/// What a step has noted.
pub struct TaskNotes {
    pub step: u32,
    pub text: String,
}

fn step_sort(sequence: SequenceCode, step: u32) -> String {
    format!("{}{step:08}", chunk_prefix(sequence))
}

fn cancelled_key(account: &AccountId, request_id: &RequestId) -> Key {
    let own = ConversationKey::of_request(account, request_id);
    Key::new(&own.0, "CANCELLED")
}

impl Cloud {
    /// Notes that the tasks of a call are to end. Noted again, it is the same.
    pub async fn cancel_tasks(
        &self,
        account: &AccountId,
        request_id: &RequestId,
    ) -> Result<(), Error> {
        let expires = self.now() + self.results_retention();
        let item = ItemWriter::new(cancelled_key(account, request_id));
        self.calls.put(item.expires(Some(expires)).done()).await
    }

    /// Whether the tasks of a call are to end.
    pub async fn are_tasks_cancelled(
        &self,
        account: &AccountId,
        request_id: &RequestId,
    ) -> Result<bool, Error> {
        let found = self.calls.get(&cancelled_key(account, request_id)).await?;
        Ok(found.is_some())
    }

    /// Commits a step of the task that is next: what it changes, and how far the task is.
    pub async fn commit_task_step(
        &self,
        seen: &ConversationRecord,
        sequence: SequenceCode,
        step: TaskStep,
        now: Timestamp,
    ) -> Result<ConversationRecord, CommitError> {
        let expires = now + self.results_retention();
        let mut transaction = Transaction::default();
        let (mails, before) = (&step.chunk.mails, step.mails_before);
        let owner = self.mail_owner(seen, sequence, now);
        self.write_mails(&mut transaction, owner, mails, before);
        if !step.chunk.results.is_empty() {
            let notes = serde_json::to_string(&step.chunk.results).unwrap_or_default();
            let notes = Results::keep(&self.large_bodies, &seen.key, sequence, &notes).await?;
            let key = &seen.key;
            let item = outcome_record::chunk_item(key, sequence, step.number, &notes, expires);
            transaction.put_new(&self.calls, item);
        }
        step.chunk.write(&mut transaction, &self.objects);
        let progress = vec![UnitResult::Progress(step.progress)];
        let progress = serde_json::to_string(&progress).unwrap_or_default();
        let progress = Results::keep(&self.large_bodies, &seen.key, sequence, &progress).await?;
        let item = outcome_record::chunk_item(&seen.key, sequence, 0, &progress, expires);
        transaction.put(&self.calls, item);
        let next = seen.next(seen.conversation.clone().chunk_done(0));
        let header = next.to_item(self.results_retention(), now);
        self.commit_with(seen, header, transaction).await?;
        Ok(next)
    }

    /// How far the task is that a call has started; `None`: none of its steps is committed.
    pub async fn task_progress(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<TaskProgress>, Error> {
        let key = Key::new(&conversation.0, step_sort(sequence, 0));
        let Some(item) = self.calls.get(&key).await? else {
            return Ok(None);
        };
        let item = ItemReader(item);
        let kept: Option<Vec<UnitResult>> = Results::read(&item).load(&self.large_bodies).await?;
        match kept.unwrap_or_default().pop() {
            Some(UnitResult::Progress(progress)) => Ok(Some(progress)),
            Some(UnitResult::Whole(_) | UnitResult::Sends(_) | UnitResult::Notes(_)) | None => {
                Err(item.unreadable("results"))
            }
        }
    }

    /// What a step of a task has noted; `None`: nothing, or it is not kept any more.
    pub async fn task_note(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
        step: u32,
    ) -> Result<Option<String>, Error> {
        let key = Key::new(&conversation.0, step_sort(sequence, step));
        let Some(item) = self.calls.get(&key).await? else {
            return Ok(None);
        };
        let read = Results::read(&ItemReader(item));
        let kept: Option<Vec<UnitResult>> = read.load(&self.large_bodies).await?;
        Ok(kept
            .unwrap_or_default()
            .into_iter()
            .find_map(|kept| match kept {
                UnitResult::Notes(text) => Some(text),
                UnitResult::Whole(_) | UnitResult::Sends(_) | UnitResult::Progress(_) => None,
            }))
    }

    /// What the steps of a task have noted behind that one, in order.
    pub async fn task_notes_behind(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
        step: u32,
    ) -> Result<Vec<TaskNotes>, Error> {
        let first = step_sort(sequence, step.saturating_add(1));
        let last = step_sort(sequence, 99_999_999);
        let mut notes = Vec::new();
        let mut start = None;
        loop {
            let range = Range::Between(&first, &last);
            let page = self
                .calls
                .query(&conversation.0, range, NOTES_AT_ONCE, start.as_ref())
                .await?;
            for item in page.items {
                let item = ItemReader(item);
                let step = item.text("sk")?.rsplit('#').next();
                let step = step.and_then(|step| step.parse().ok());
                let step = step.ok_or_else(|| item.unreadable("sk"))?;
                let kept: Option<Vec<UnitResult>> =
                    Results::read(&item).load(&self.large_bodies).await?;
                for kept in kept.unwrap_or_default() {
                    if let UnitResult::Notes(text) = kept {
                        notes.push(TaskNotes { step, text });
                    }
                }
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(notes),
            }
        }
    }
}
