//! Tasks: what a Perform starts and the server carries out itself, in as many pieces as it takes. What is
//! decided at its start does not know how much there is to do.

use calls::{AccountId, RequestId};
use serde::{Deserialize, Serialize};

use crate::key;

/// The type of the schedule that a Schedule has, and gives back.
pub const SCHEDULE_TYPE: &str = "ScheduleDefinition";

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Writes the results of calls to a file.
    Extract,
    /// Gives a data extension fresh rows, and deletes those that it had.
    ClearData,
    /// Reads a file of the bucket into a list or a data extension.
    Import,
    /// Orders a mail for each person of an audience.
    EmailSend,
}

/// How far a task is: kept from one piece to the next, as the server wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskProgress {
    /// How many mails its pieces have written.
    pub mails: u32,
    pub state: String,
}

/// The protocol's "no" to a task, in its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRefused {
    pub code: u32,
    pub message: String,
}

/// The number of the Task that a call starts with one of its objects.
pub fn task_number(account: &AccountId, request_id: &RequestId, ordinal: usize) -> i32 {
    let attempt = u32::try_from(ordinal).unwrap_or(u32::MAX);
    key::number(account, "Task", &request_id.0, attempt)
}
