//! In which colour a state is shown.

use cloud::read::state::ConversationState;

pub(crate) const GOOD: &str = "good";
pub(crate) const BAD: &str = "bad";
pub(crate) const WAITS: &str = "wait";
pub(crate) const PLAIN: &str = "";

pub(crate) const fn of_conversation(state: ConversationState) -> &'static str {
    match state {
        ConversationState::Complete => GOOD,
        ConversationState::Failed
        | ConversationState::TimedOut
        | ConversationState::Invalidated => BAD,
        ConversationState::Gathering | ConversationState::Parked => WAITS,
        ConversationState::Running | ConversationState::Cancelled => PLAIN,
    }
}

/// Of a call, by the name of its state.
pub(crate) fn of_call(state: &str) -> &'static str {
    match state {
        "Complete" => GOOD,
        "Error" | "Expired" => BAD,
        "Gathering" | "Scheduled" | "Queued" => WAITS,
        _ => PLAIN,
    }
}
