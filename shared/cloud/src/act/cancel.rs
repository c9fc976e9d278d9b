//! What has not started will not start: a conversation, or a call alone, is cancelled by a person.

use calls::{AccountId, Cancelled, ConversationId, RequestId};

use crate::Cloud;
use crate::act::{Run, found_by_part};
use crate::conversation::conflicts::spread_out;
use crate::error::{CONFLICTS_MAX, Committed, Error};
use crate::read::state::ConversationState;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    /// So many of its calls will not be carried out.
    Cancelled { calls: u32 },
    /// It was cancelled before.
    Already,
    /// It has ended, or its next call is being carried out.
    TooLate(ConversationState),
    /// One part cannot be cancelled without its conversation.
    PartOf(ConversationId),
    /// The account has nothing of that id.
    Unknown,
}

impl Cloud {
    /// `id`: a ConversationID, or the RequestID of a call alone.
    pub async fn cancel_by_hand(
        &self,
        account: &AccountId,
        id: &str,
        run: Run,
    ) -> Result<CancelAnswer, Error> {
        let now = self.now();
        for tried in 0..CONFLICTS_MAX {
            let Some(found) = self.conversation_list().find(account, id).await? else {
                return Ok(CancelAnswer::Unknown);
            };
            if let Some(conversation) = found_by_part(&found, id) {
                return Ok(CancelAnswer::PartOf(conversation));
            }
            let state = ConversationState::of(&found.conversation);
            let step = found.conversation.clone().cancel(now);
            let Some(next) = &step.conversation else {
                return Ok(match step.answer {
                    Cancelled::Yes => CancelAnswer::Already,
                    Cancelled::TooLate => CancelAnswer::TooLate(state),
                });
            };
            let skipped = next.arrived.iter();
            let skipped = skipped.filter(|sequence| next.outcome_of_skipped(*sequence).is_some());
            let calls = u32::try_from(skipped.count()).unwrap_or(u32::MAX);
            if run == Run::Rehearsed {
                return Ok(CancelAnswer::Cancelled { calls });
            }
            match Committed::of(self.commit_act(&found, step, now).await)? {
                Committed::Written(_) => return Ok(CancelAnswer::Cancelled { calls }),
                Committed::Conflict => spread_out(&RequestId(found.key.0), tried).await,
            }
        }
        Err(Error::Conflict(CONFLICTS_MAX))
    }
}
