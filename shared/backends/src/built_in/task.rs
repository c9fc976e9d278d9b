//! What a task is to whoever carries it out: steps, each from a state to the next one.
//!
//! The state of the last committed step is all that a task goes on from. What a step does outside the
//! transaction that commits it is done again after a crash, under the same names.

use calls::{AccountId, Call, Subscription};
use cloud::objects_table::Chunk;
use cloud::{Cloud, Error};
use jiff::Timestamp;
use objects::{MethodCall, Overlay};
use serde::Serialize;
use serde::de::DeserializeOwned;
use soap::{Detail, Element, ObjectResult};

/// The protocol's code of what was cancelled.
const CANCELLED: u32 = 204;

/// What each step of a task knows.
#[derive(Clone, Copy)]
pub(super) struct TaskContext<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) call: &'a Call,
    pub(super) request: &'a MethodCall<'a>,
    /// What starts it, and which one of the call that is.
    pub(super) object: &'a Element,
    pub(super) ordinal: usize,
    /// A step that takes long is to end by then, and the run of steps does.
    pub(super) deadline: Timestamp,
}

/// What a step came to.
pub(super) enum NextStep<S> {
    /// To be committed with what it changes, and gone on from. The results of the chunk are notes.
    More(S, Chunk),
    Ended(Box<TaskEnd>),
}

impl<S> NextStep<S> {
    pub(super) fn ended(end: TaskEnd) -> Self {
        Self::Ended(Box::new(end))
    }
}

/// How a task ended, with the last that it changes.
pub(super) struct TaskEnd {
    pub(super) result: ObjectResult,
    pub(super) chunk: Chunk,
    /// Who is told beside those that the call names.
    pub(super) also_notified: Vec<Subscription>,
}

/// A task in the hands of one invocation.
pub(super) trait Task {
    type State: Default + Serialize + DeserializeOwned;

    /// One step from there on. `number`: from 1 on, and never the same twice in a call but for a step
    /// that was not committed.
    async fn step(
        &mut self,
        state: Self::State,
        number: u32,
    ) -> Result<NextStep<Self::State>, Error>;

    /// What the last step changes is committed.
    fn committed(&mut self) {}

    /// How many rows it has behind it: what whoever asks for its progress is told.
    fn rows(state: &Self::State) -> u64;
}

impl TaskContext<'_> {
    pub(super) fn account(&self) -> &AccountId {
        &self.call.account
    }

    pub(super) fn number(&self) -> i32 {
        objects::task_number(&self.call.account, &self.call.request_id, self.ordinal)
    }

    /// Whether somebody wants the tasks of the call to end.
    pub(super) async fn is_cancelled(&self) -> Result<bool, Error> {
        let call = self.call;
        self.cloud
            .are_tasks_cancelled(&call.account, &call.request_id)
            .await
    }

    /// The end of a task that somebody has cancelled.
    pub(super) fn cancelled(&self) -> TaskEnd {
        TaskEnd::of(self.refused(CANCELLED, "The task was cancelled".to_owned()))
    }

    /// The result of a task that came to its end.
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

    /// The result of one that did not.
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

    /// Asks until all is loaded that the answer needs.
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
    /// Nothing is changed any more, and nobody else is told.
    pub(super) fn of(result: ObjectResult) -> Self {
        Self {
            result,
            chunk: Chunk::of_results(Vec::new()),
            also_notified: Vec::new(),
        }
    }
}
