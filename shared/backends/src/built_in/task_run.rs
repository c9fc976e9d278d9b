//! A run of tasks: step after step, each committed, while the invocation has time.
//!
//! A call can start several tasks of one kind; they are carried out one after the other, in their
//! order.

use calls::{
    AccountId, Call, ConversationKey, Ended, Outcome, OverallStatus, Progress, SequenceCode,
    Subscription,
};
use cloud::conversation::commit::{CallEnd, CommittedStep};
use cloud::conversation::task::TaskStep;
use cloud::objects_table::Chunk;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError, Error};
use jiff::Timestamp;
use objects::{MethodCall, Overlay, TaskKind, TaskProgress, TaskRefused};
use serde::{Deserialize, Serialize};
use soap::ObjectResult;

use super::carried_out::CarriedOut;
use super::clear_data::ClearTask;
use super::email_send::EmailSendTask;
use super::extract::ExtractTask;
use super::import::ImportTask;
use super::task::{NextStep, Task, TaskContext, TaskEnd};

/// What a run of tasks needs.
pub(super) struct TaskRun<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) call: &'a Call,
    pub(super) request: &'a MethodCall<'a>,
    pub(super) kind: TaskKind,
    pub(super) deadline: Timestamp,
}

/// The progress of the tasks of a call, as it is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
struct StoredTasks {
    /// The object whose task is next or in progress.
    object: usize,
    /// The results of those before it.
    results: Vec<ObjectResult>,
    /// Who gets a mail about them in addition to the SendResponseTo of the call.
    also_notified: Vec<Subscription>,
    /// The state that the task wrote; `None`: it has not begun.
    state: Option<String>,
    /// How many rows of the task are done.
    #[serde(default)]
    rows: u64,
}

/// The progress of the tasks of a call, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskReport {
    /// The object whose task is next or in progress, from 0.
    pub object: usize,
    /// How many rows are done: written, imported, deleted.
    pub rows: u64,
}

/// The progress of the tasks of a call; `None`: it has none, or they have not begun.
pub async fn progress(
    cloud: &Cloud,
    conversation: &ConversationKey,
    sequence: SequenceCode,
) -> Result<Option<TaskReport>, Error> {
    let Some(kept) = cloud.task_progress(conversation, sequence).await? else {
        return Ok(None);
    };
    let stored: Option<StoredTasks> = serde_json::from_str(&kept.state).ok();
    Ok(stored.map(|stored| TaskReport {
        object: stored.object,
        rows: stored.rows,
    }))
}

/// The present state of a run.
struct TaskPosition {
    header: ConversationRecord,
    stored: StoredTasks,
    mails: u32,
    /// The number of the step that comes next.
    next_step: u32,
}

impl TaskRun<'_> {
    /// Goes on until the deadline.
    pub(super) async fn carry_on(
        &self,
        header: &ConversationRecord,
        progress: Progress,
    ) -> Result<CarriedOut, CommitError> {
        let cloud = self.cloud;
        // Whoever turns the maintenance switch in this process waits until this step is committed.
        let _carrying_out = cloud.carrying_out().await;
        if cloud.in_maintenance().await? || cloud.pause_of(&header.conversation).is_some() {
            return Ok(CarriedOut::InMaintenance);
        }
        let mut at = self.position(header, progress).await?;
        while let Some(object) = self.request.objects.get(at.stored.object) {
            let context = TaskContext {
                cloud,
                call: self.call,
                request: self.request,
                object,
                ordinal: at.stored.object,
                deadline: self.deadline,
            };
            let ended = match self.kind {
                TaskKind::Extract => self.steps(ExtractTask::new(context), &mut at).await?,
                TaskKind::Import => self.steps(ImportTask::new(context), &mut at).await?,
                TaskKind::EmailSend => self.steps(EmailSendTask::new(context), &mut at).await?,
                TaskKind::ClearData => self.steps(ClearTask::new(context), &mut at).await?,
            };
            let Some(ended) = ended else {
                return Ok(CarriedOut::Committed(Box::new(CommittedStep {
                    header: at.header,
                    replies: Vec::new(),
                })));
            };
            at.stored.object += 1;
            at.stored.state = None;
            at.stored.rows = 0;
            at.stored.results.push(ended.result);
            at.stored.also_notified.extend(ended.also_notified);
            if at.stored.object == self.request.objects.len() {
                return self.end(at, ended.chunk).await;
            }
            self.commit(&mut at, ended.chunk).await?;
        }
        self.end(at, Chunk::of_results(Vec::new())).await
    }

    /// The state of the last committed step.
    async fn position(
        &self,
        header: &ConversationRecord,
        progress: Progress,
    ) -> Result<TaskPosition, Error> {
        let kept = match progress.chunks {
            0 => None,
            _ => self.cloud.task_progress(&header.key, progress.next).await?,
        };
        let mails = kept.as_ref().map_or(0, |kept| kept.mails);
        let stored = match kept {
            None => StoredTasks::default(),
            Some(kept) => serde_json::from_str(&kept.state).map_err(|_| self.unreadable())?,
        };
        Ok(TaskPosition {
            header: header.clone(),
            stored,
            mails,
            next_step: progress.chunks.saturating_add(1),
        })
    }

    fn unreadable(&self) -> Error {
        Error::Unreadable {
            sk: format!("RESULTS of {}", self.call.request_id),
            attribute: "results",
        }
    }

    /// Makes steps of one task. `None`: the deadline came before its end.
    async fn steps<T: Task>(
        &self,
        mut task: T,
        at: &mut TaskPosition,
    ) -> Result<Option<TaskEnd>, CommitError> {
        let mut state = match &at.stored.state {
            None => T::State::default(),
            Some(text) => serde_json::from_str(text).map_err(|_| self.unreadable())?,
        };
        loop {
            match task.step(state, at.next_step).await? {
                NextStep::Ended(ended) => return Ok(Some(*ended)),
                NextStep::More(next, chunk) => {
                    at.stored.state = Some(serde_json::to_string(&next).unwrap_or_default());
                    at.stored.rows = T::rows(&next);
                    self.commit(at, chunk).await?;
                    task.committed();
                    state = next;
                }
            }
            if self.cloud.now() >= self.deadline {
                return Ok(None);
            }
        }
    }

    async fn commit(&self, at: &mut TaskPosition, chunk: Chunk) -> Result<(), CommitError> {
        let mails_before = at.mails;
        at.mails += u32::try_from(chunk.mails.len()).unwrap_or(u32::MAX);
        let progress = TaskProgress {
            mails: at.mails,
            state: serde_json::to_string(&at.stored).unwrap_or_default(),
        };
        let step = TaskStep {
            number: at.next_step,
            chunk,
            mails_before,
            progress,
        };
        let (sequence, now) = (self.call.place.sequence(), self.cloud.now());
        let cloud = self.cloud;
        at.header = cloud
            .commit_task_step(&at.header, sequence, step, now)
            .await?;
        at.next_step += 1;
        Ok(())
    }

    /// Commits the outcome of the call, with the last changes of its tasks.
    async fn end(&self, at: TaskPosition, chunk: Chunk) -> Result<CarriedOut, CommitError> {
        let now = self.cloud.now();
        let StoredTasks {
            results,
            also_notified,
            ..
        } = at.stored;
        let mut call = self.call.clone();
        call.options.subscriptions.extend(also_notified);
        let failed = results.iter().filter(|result| !result.ok);
        let first = failed.clone().next();
        let outcome = Outcome {
            how: Ended::CarriedOut,
            overall_status: OverallStatus::of(results.len(), failed.count()),
            status_message: first.map_or_else(String::new, |it| it.status_message.clone()),
            error_code: first.and_then(|it| it.error_code),
            ended_at: now,
        };
        let end = CallEnd {
            call: &call,
            outcome,
            results: Some(results),
            chunk,
            mails_before: at.mails,
        };
        let step = self.cloud.commit_end(&at.header, end, now).await?;
        Ok(CarriedOut::Committed(Box::new(step)))
    }
}

/// A task that is refused before any task of its call is started.
pub struct TaskRefusal {
    /// Which of the objects of the call it is, from 0.
    pub ordinal: usize,
    pub reason: TaskRefused,
}

/// The first task of a call that would be refused, if any.
pub async fn check(
    cloud: &Cloud,
    caller: &AccountId,
    request: &MethodCall<'_>,
    kind: TaskKind,
) -> Result<Option<TaskRefusal>, Error> {
    let mut overlay = Overlay::new(caller);
    for ordinal in 0..request.objects.len() {
        loop {
            match objects::check_task(&overlay, request, kind, ordinal) {
                Ok(Ok(())) => break,
                Ok(Err(reason)) => return Ok(Some(TaskRefusal { ordinal, reason })),
                Err(missing) => cloud.load_objects(&mut overlay, missing.0).await?,
            }
        }
    }
    Ok(None)
}
