//! How a conversation or a call stands, in one word.

use calls::{Call, Conversation, Due, EndReason, Phase, SequenceCode};
use jiff::Timestamp;

use crate::records::conversation_record::ConversationRecord;
use crate::records::outcome_record::OutcomeRecord;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationState {
    /// Not all of its calls are there.
    Gathering,
    /// All are there, and being carried out or waiting for their time.
    Running,
    /// It waits for the end of maintenance, or for its backend.
    Parked,
    Complete,
    Failed,
    /// More than five minutes passed between two of its calls.
    TimedOut,
    /// A part broke the contract.
    Invalidated,
    Cancelled,
}

impl ConversationState {
    /// One that is closing has ended for its caller.
    pub fn of(conversation: &Conversation) -> Self {
        match (&conversation.phase, conversation.due) {
            (Phase::Gathering, _) => Self::Gathering,
            (Phase::Running(_), Due::Parked(_) | Due::Held(_)) => Self::Parked,
            (Phase::Running(_), Due::At(_) | Due::Never) => Self::Running,
            (Phase::Closing { end_reason, .. } | Phase::Ended(end_reason), _) => {
                Self::ended(end_reason)
            }
        }
    }

    fn ended(end_reason: &EndReason) -> Self {
        match end_reason {
            EndReason::Complete => Self::Complete,
            EndReason::Failed { .. } => Self::Failed,
            EndReason::TimedOut => Self::TimedOut,
            EndReason::Invalidated { .. } => Self::Invalidated,
            EndReason::Cancelled { .. } => Self::Cancelled,
        }
    }

    /// Whether it went wrong, and is listed among the failures.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Failed | Self::TimedOut | Self::Invalidated => true,
            Self::Gathering | Self::Running | Self::Parked | Self::Complete | Self::Cancelled => {
                false
            }
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Gathering => "gathering",
            Self::Running => "running",
            Self::Parked => "parked",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Invalidated => "invalidated",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How one call stands, as AsyncRequestResult.Status says it; `None`: how it ended is kept no longer.
pub fn state_of_call(
    header: &ConversationRecord,
    sequence: SequenceCode,
    call: &Call,
    record: Option<&OutcomeRecord>,
    now: Timestamp,
) -> Option<&'static str> {
    match record {
        Some(record) => Some(record.outcome.state()),
        None => state_of_call_without_outcome(header, sequence, call, now),
    }
}

/// The same of a call that has not ended, or ended too long ago.
fn state_of_call_without_outcome(
    header: &ConversationRecord,
    sequence: SequenceCode,
    call: &Call,
    now: Timestamp,
) -> Option<&'static str> {
    match &header.conversation.phase {
        Phase::Gathering => Some("Gathering"),
        // A call outlives its outcome by half a year, and its turn is over.
        Phase::Running(progress) if sequence < progress.next => None,
        Phase::Running(progress)
            if progress.next == sequence
                && (progress.done_through > 0 || progress.begun.is_some()) =>
        {
            Some("Processing")
        }
        Phase::Running(_) if call.options.scheduled_time.is_some_and(|at| at > now) => {
            Some("Scheduled")
        }
        Phase::Running(_) => Some("Queued"),
        Phase::Closing { .. } | Phase::Ended(_) => None,
    }
}
