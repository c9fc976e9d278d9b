//! The interface of a task: steps, each from a state to the next one.
//!
//! A task goes on from the state of the last committed step and nothing else. What a step does
//! outside its transaction is done again after a crash, under the same names.

use calls::{AccountId, CANCELLED, Call, Subscription};
use cloud::objects_table::Chunk;
use cloud::{Cloud, Error};
use jiff::Timestamp;
use objects::{MethodCall, Overlay};
use serde::Serialize;
use serde::de::DeserializeOwned;
use soap::{Detail, Element, ObjectResult};

/// What each step of a task gets.
#[derive(Clone, Copy)]
pub(super) struct TaskContext<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) call: &'a Call,
    pub(super) request: &'a MethodCall<'a>,
    /// The object that starts it, and its index in the call.
    pub(super) object: &'a Element,
    pub(super) ordinal: usize,
    /// When a long step, and the run of steps, must end.
    pub(super) deadline: Timestamp,
}

/// The result of a step.
pub(super) enum NextStep<S> {
    /// To be committed with its changes, and continued. The results of the chunk are notes.
    More(S, Chunk),
    Ended(Box<TaskEnd>),
}

impl<S> NextStep<S> {
    pub(super) fn ended(end: TaskEnd) -> Self {
        Self::Ended(Box::new(end))
    }
}

/// How a task has ended, with its last changes.
pub(super) struct TaskEnd {
    pub(super) result: ObjectResult,
    pub(super) chunk: Chunk,
    /// Who gets a mail in addition to the SendResponseTo of the call.
    pub(super) also_notified: Vec<Subscription>,
}

/// A task, as one invocation carries it out.
pub(super) trait Task {
    type State: Default + Serialize + DeserializeOwned;

    /// Makes one step. `number` counts from 1, and is used again only for a step that was not
    /// committed.
    async fn step(
        &mut self,
        state: Self::State,
        number: u32,
    ) -> Result<NextStep<Self::State>, Error>;

    /// The changes of the last step are committed.
    fn committed(&mut self) {}

    /// How many rows are done, as its progress shows.
    fn rows(_state: &Self::State) -> u64 {
        0
    }
}

impl TaskContext<'_> {
    pub(super) fn account(&self) -> &AccountId {
        &self.call.account
    }

    pub(super) fn number(&self) -> i32 {
        objects::task_number(&self.call.account, &self.call.request_id, self.ordinal)
    }

    /// Whether the tasks of the call are to be cancelled.
    pub(super) async fn is_cancelled(&self) -> Result<bool, Error> {
        let call = self.call;
        self.cloud
            .are_tasks_cancelled(&call.account, &call.request_id)
            .await
    }

    /// The end of a cancelled task.
    pub(super) fn cancelled(&self) -> TaskEnd {
        TaskEnd::of(self.refused(CANCELLED, "The task was cancelled".to_owned()))
    }

    /// The result of a completed task.
    pub(super) fn performed(&self, message: String) -> ObjectResult {
        ObjectResult {
            ok: true,
            status_message: message,
            detail: Detail::Task {
                id: self.number().to_string(),
                interaction_object_id: None,
            },
            ..self.result()
        }
    }

    /// The result of a failed task.
    pub(super) fn refused(&self, code: u32, message: String) -> ObjectResult {
        ObjectResult {
            ok: false,
            status_message: message,
            error_code: Some(code),
            ..self.result()
        }
    }

    fn result(&self) -> ObjectResult {
        let object = self.object;
        ObjectResult {
            object_type: object.type_name.clone().unwrap_or_default(),
            correlation_id: object.text_of("CorrelationID").map(str::to_owned),
            object: Some(object.clone()),
            ..ObjectResult::default()
        }
    }

    /// Repeats the question until all records are loaded that the answer needs.
    pub(super) async fn ask<T>(
        &self,
        overlay: &mut Overlay,
        ask: impl Fn(&mut Overlay) -> Result<T, objects::Missing>,
    ) -> Result<T, Error> {
        loop {
            match ask(overlay) {
                Ok(answer) => return Ok(answer),
                Err(missing) => self.cloud.load_objects(overlay, missing.0).await?,
            }
        }
    }
}

impl TaskEnd {
    /// Changes nothing more, and sends no mail.
    pub(super) fn of(result: ObjectResult) -> Self {
        Self {
            result,
            chunk: Chunk::of_results(Vec::new()),
            also_notified: Vec::new(),
        }
    }
}
