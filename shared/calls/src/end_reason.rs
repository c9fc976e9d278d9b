//! Why a conversation ends, and the text and code for it.

use serde::{Deserialize, Serialize};

use crate::call::{RequestId, SequenceCode};
use crate::outcome::{Ended, OverallStatus};
use crate::refusal::Refusal;

/// The code for calls that their caller has cancelled. The protocol has no code for just this; 204
/// is its code for anything else that keeps a call from being carried out.
pub const CANCELLED: u32 = 204;

/// Why a conversation ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    Complete,
    /// The call that failed it; no later one is carried out.
    Failed {
        by: SequenceCode,
        request_id: RequestId,
        overall_status: OverallStatus,
        error_code: Option<u32>,
        message: String,
    },
    /// More than [`SILENCE_MAX`](crate::conversation::SILENCE_MAX) passed between two parts.
    TimedOut,
    /// A part broke the contract: 200 or 214.
    Invalidated {
        error_code: u32,
    },
    /// Its caller deleted it. Calls before `from` had been carried out.
    Cancelled {
        from: SequenceCode,
    },
}

/// The code of calls behind the one that failed their conversation: it is in an error state (213).
const NOT_PROCESSED: u32 = 213;

/// How a call ends that is not carried out.
pub(crate) struct SkippedEnd {
    pub(crate) how: Ended,
    pub(crate) error_code: Option<u32>,
    pub(crate) message: String,
}

impl EndReason {
    /// The refusal of later parts of a conversation that ended like this.
    pub(crate) fn refusal(&self) -> Refusal {
        match self.error_code() {
            Some(code) => Refusal::ConversationFailed {
                code,
                why: self.message(),
            },
            None => Refusal::ConversationUsed,
        }
    }

    /// The first call that ended with the conversation rather than by itself.
    pub(crate) fn first_without_outcome(&self) -> Option<SequenceCode> {
        match self {
            Self::Complete => None,
            Self::Failed { by, .. } => Some(by.next()),
            Self::TimedOut | Self::Invalidated { .. } => Some(SequenceCode::FIRST),
            Self::Cancelled { from } => Some(*from),
        }
    }

    /// Whether every call was OK.
    pub const fn is_good(&self) -> bool {
        match self {
            Self::Complete => true,
            Self::Failed { .. }
            | Self::TimedOut
            | Self::Invalidated { .. }
            | Self::Cancelled { .. } => false,
        }
    }

    /// Whether it went wrong: neither complete nor cancelled by somebody.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::TimedOut | Self::Invalidated { .. } => true,
            Self::Complete | Self::Cancelled { .. } => false,
        }
    }

    /// The status that goes with it, in replies about the conversation: that of the call that ended
    /// it; of the last one, where all were OK.
    pub const fn overall_status(&self) -> OverallStatus {
        match self {
            Self::Complete => OverallStatus::Ok,
            Self::Failed { overall_status, .. } => *overall_status,
            Self::TimedOut | Self::Invalidated { .. } | Self::Cancelled { .. } => {
                OverallStatus::Error
            }
        }
    }

    /// The error code in replies about the conversation.
    pub const fn error_code(&self) -> Option<u32> {
        match self {
            Self::Complete => None,
            Self::Cancelled { .. } => Some(CANCELLED),
            Self::Failed { error_code, .. } => *error_code,
            Self::TimedOut => Some(203),
            Self::Invalidated { error_code } => Some(*error_code),
        }
    }

    /// Why, as text; empty if every call was OK.
    pub fn message(&self) -> String {
        match self {
            Self::Complete => String::new(),
            Self::Failed {
                by,
                request_id,
                message,
                ..
            } => format!(
                "Conversation failed at SequenceCode {by} (RequestID {request_id}): {message}"
            ),
            Self::TimedOut => Refusal::ConversationTimedOut.to_string(),
            Self::Invalidated { error_code: 200 } => {
                Refusal::CallsInConversationChanged.to_string()
            }
            Self::Invalidated { .. } => Refusal::SequenceCodeUsed.to_string(),
            Self::Cancelled { .. } => "Conversation was cancelled by its caller".to_owned(),
        }
    }

    /// How the calls end that are not carried out because of it; `None`: all were carried out.
    pub(crate) fn end_of_skipped(&self) -> Option<SkippedEnd> {
        let not_processed = |error_code| SkippedEnd {
            how: Ended::NotProcessed,
            error_code,
            message: format!("Not carried out. {}", self.message()),
        };
        match self {
            Self::Complete => None,
            Self::Failed { .. } => Some(not_processed(Some(NOT_PROCESSED))),
            Self::TimedOut | Self::Invalidated { .. } => Some(not_processed(self.error_code())),
            Self::Cancelled { .. } => Some(SkippedEnd {
                how: Ended::Cancelled,
                error_code: self.error_code(),
                message: "Cancelled by its caller".to_owned(),
            }),
        }
    }
}
