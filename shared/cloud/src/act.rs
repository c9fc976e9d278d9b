//! What people do about calls, and the record of what they did.
//!
//! Each act is conditional on what it was decided on, can be done twice harmlessly, and can be
//! rehearsed: then it says what it would do, and changes nothing. A person's command reaches no queue:
//! what an act leaves to be done is due at once, and the timekeeper finds it within a minute or two.

pub mod accounts;
pub mod audit;
pub mod cancel;
pub mod expunge;
mod expunge_calls;
mod expunge_objects;
pub mod pause;
pub mod reschedule;
pub mod resend;
pub mod resubmit;
pub mod unknown_mail;

use calls::{ConversationId, Step};
use jiff::Timestamp;

use crate::Cloud;
use crate::conversation::commit::PreviousHeader;
use crate::error::CommitError;
use crate::records::conversation_record::ConversationRecord;

/// Whether an act is done, or only what it would do is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    Real,
    Rehearsed,
}

impl Cloud {
    /// Commits a step without waking anybody.
    pub(crate) async fn commit_act<A>(
        &self,
        seen: &ConversationRecord,
        step: Step<A>,
        now: Timestamp,
    ) -> Result<A, CommitError> {
        let step = unwoken(step, now);
        self.commit_step(&seen.key, PreviousHeader::of(seen), step, now)
            .await
    }
}

/// The same step, found by the timekeeper.
pub(crate) fn unwoken<A>(step: Step<A>, now: Timestamp) -> Step<A> {
    let conversation = step.conversation;
    Step {
        conversation: conversation.map(|conversation| conversation.found_next(now)),
        answer: step.answer,
        actions: Vec::new(),
    }
}

/// The conversation that was found by the RequestID of one of its several calls.
pub(crate) fn found_by_part(found: &ConversationRecord, id: &str) -> Option<ConversationId> {
    let conversation = &found.conversation;
    let name = conversation.conversation_id.as_ref()?;
    let is_part = name.as_str() != id && conversation.calls_in_conversation.get() > 1;
    is_part.then(|| name.clone())
}
