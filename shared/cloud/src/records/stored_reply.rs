//! A reply that lies beside the outcome that it tells of, in the outcome's record or in the header of
//! a call alone.

use calls::{Call, Reply, ReplyState, SubjectKind, Subscription};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::records::outcome_record::OutcomeRecord;

/// Most bytes of a record that holds an outcome and its reply: one write unit, less what an attempt
/// at the reply adds.
pub(crate) const BYTES_WITH_REPLY_MAX: usize = 1_024 - 96;

/// A reply without what lies beside it: the outcome says the rest, or the outcome and the call.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredReply {
    number: u32,
    /// `None`: the call says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subscription: Option<Subscription>,
    pending_since: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<calls::Attempt>,
    state: ReplyState,
    #[serde(default, skip_serializing_if = "calls::reply::is_zero")]
    earlier_attempts: usize,
    #[serde(default, skip_serializing_if = "calls::reply::is_false")]
    released: bool,
}

impl StoredReply {
    pub(crate) fn beside_outcome(reply: &Reply) -> Self {
        Self {
            subscription: Some(reply.subscription.clone()),
            ..Self::of(reply)
        }
    }

    /// A task tells others, too, whom its call does not name.
    pub(crate) fn beside_call(reply: &Reply, call: &Call) -> Self {
        let number = usize::try_from(reply.number).unwrap_or(usize::MAX);
        let named = call.options.subscriptions.get(number);
        match named == Some(&reply.subscription) {
            true => Self::of(reply),
            false => Self::beside_outcome(reply),
        }
    }

    fn of(reply: &Reply) -> Self {
        Self {
            number: reply.number,
            subscription: None,
            pending_since: reply.pending_since,
            attempts: reply.attempts.clone(),
            state: reply.state,
            earlier_attempts: reply.earlier_attempts,
            released: reply.released,
        }
    }

    /// `None`: nothing says whom it is for.
    pub(crate) fn into_reply(self, outcome: &OutcomeRecord, call: Option<&Call>) -> Option<Reply> {
        let in_call = || {
            let number = usize::try_from(self.number).ok()?;
            call?.options.subscriptions.get(number).cloned()
        };
        Some(Reply {
            request_id: outcome.request_id.clone(),
            sequence: outcome.sequence,
            number: self.number,
            subject: SubjectKind::Call,
            subscription: self.subscription.or_else(in_call)?,
            overall_status: outcome.outcome.overall_status,
            status_message: outcome.outcome.status_message.clone(),
            error_code: outcome.outcome.error_code,
            pending_since: self.pending_since,
            attempts: self.attempts,
            state: self.state,
            earlier_attempts: self.earlier_attempts,
            released: self.released,
        })
    }
}
