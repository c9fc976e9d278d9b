//! Who is told of what, when, and how often it is tried.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::call::{RequestId, SequenceCode};
use crate::end_reason::EndReason;
use crate::options::{AsyncResponseType, RespondWhen, Subscription};
use crate::outcome::{Ended, Outcome, OverallStatus};

/// Waits before each attempt, counted from the one before it: the schedule of Standard Webhooks.
const WAITS: [SignedDuration; 10] = [
    SignedDuration::ZERO,
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// Longest Retry-After that is obeyed: the longest wait of our own schedule.
pub const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

/// What a reply is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    Call,
    Conversation,
}

/// One reply: owed from the commit that made it, until an attempt succeeds or it is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub request_id: RequestId,
    pub sequence: SequenceCode,
    /// Which SendResponseTo of the call, from 0.
    pub number: u32,
    pub about: About,
    pub subscription: Subscription,
    pub overall_status: OverallStatus,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status_message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
    pub pending_since: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    pub state: ReplyState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplyState {
    /// The next attempt is not before that instant.
    Pending(Timestamp),
    Delivered,
    GivenUp,
}

/// One line of the delivery log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub found: DeliveryResult,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryResult {
    /// HTTP status that is not 2xx, with its Retry-After in seconds.
    Status {
        status: u16,
        retry_after_s: Option<u32>,
    },
    /// 2xx, or taken by the mail service.
    Taken,
    /// No answer within the time allowed.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// The address leads somewhere replies may not go.
    Forbidden,
    /// The mail service will never take it.
    Rejected,
}

impl Reply {
    fn new(
        of: &ReplyContext<'_>,
        number: usize,
        subscription: &Subscription,
        about: About,
    ) -> Self {
        Self {
            request_id: of.request_id.clone(),
            sequence: of.sequence,
            number: u32::try_from(number).unwrap_or(u32::MAX),
            about,
            subscription: subscription.clone(),
            overall_status: of.outcome.overall_status,
            status_message: of.outcome.status_message.clone(),
            error_code: of.outcome.error_code,
            pending_since: of.now,
            attempts: Vec::new(),
            state: ReplyState::Pending(of.now),
        }
    }

    /// Stable over all attempts: the receiver's means to tell a repeat.
    pub fn id(&self) -> String {
        format!("msg_{}_{}", self.request_id.0.replace('-', ""), self.number)
    }

    /// Owed, and nobody has tried to deliver it.
    pub fn is_unattempted(&self) -> bool {
        matches!(self.state, ReplyState::Pending(_)) && self.attempts.is_empty()
    }

    /// An attempt was made.
    #[must_use]
    pub fn attempted(mut self, found: DeliveryResult, at: Timestamp) -> Self {
        self.state = match &found {
            DeliveryResult::Taken => ReplyState::Delivered,
            DeliveryResult::Status { status: 410, .. }
            | DeliveryResult::Rejected
            | DeliveryResult::Forbidden => ReplyState::GivenUp,
            DeliveryResult::Status { .. }
            | DeliveryResult::TimedOut
            | DeliveryResult::Unreachable => self.next_attempt(&found, at),
        };
        self.attempts.push(Attempt { at, found });
        self
    }

    fn next_attempt(&self, found: &DeliveryResult, at: Timestamp) -> ReplyState {
        let Some(wait) = WAITS.get(self.attempts.len() + 1) else {
            return ReplyState::GivenUp;
        };
        let asked = match found {
            DeliveryResult::Status {
                retry_after_s: Some(seconds),
                ..
            } => SignedDuration::from_secs(i64::from(*seconds)).min(RETRY_AFTER_MAX),
            DeliveryResult::Status {
                retry_after_s: None,
                ..
            }
            | DeliveryResult::Taken
            | DeliveryResult::TimedOut
            | DeliveryResult::Unreachable
            | DeliveryResult::Forbidden
            | DeliveryResult::Rejected => SignedDuration::ZERO,
        };
        ReplyState::Pending(at + (*wait + self.jitter(*wait)).max(asked))
    }

    /// Up to a tenth of the wait, so that replies that failed together do not come back together.
    /// Taken from the id, since chance has no place here.
    fn jitter(&self, wait: SignedDuration) -> SignedDuration {
        let hash = Sha256::digest(format!("{} {}", self.id(), self.attempts.len()));
        wait / 10 * i32::from(hash[0]) / 255
    }
}

/// What a subscriber is told about.
#[derive(Clone, Copy, Debug)]
pub struct ReplyContext<'a> {
    pub request_id: &'a RequestId,
    pub sequence: SequenceCode,
    pub subscriptions: &'a [Subscription],
    pub outcome: &'a Outcome,
    pub now: Timestamp,
}

impl ReplyContext<'_> {
    /// The replies owed because the call has ended.
    pub fn of_the_call(&self) -> Vec<Reply> {
        self.matching(About::Call, |when| match when {
            RespondWhen::OnCallComplete | RespondWhen::Always => true,
            RespondWhen::OnError => self.outcome.overall_status != OverallStatus::Ok,
            RespondWhen::OnExpired => self.outcome.how == Ended::Expired,
            RespondWhen::Never
            | RespondWhen::OnConversationError
            | RespondWhen::OnConversationComplete => false,
        })
    }

    /// The replies owed to the same call because its conversation has ended.
    pub fn of_the_conversation(&self, end_reason: &EndReason) -> Vec<Reply> {
        let mut replies = self.matching(About::Conversation, |when| match when {
            RespondWhen::OnConversationComplete => true,
            RespondWhen::OnConversationError => !end_reason.is_good(),
            RespondWhen::OnCallComplete
            | RespondWhen::Always
            | RespondWhen::OnError
            | RespondWhen::OnExpired
            | RespondWhen::Never => false,
        });
        for reply in &mut replies {
            reply.overall_status = if end_reason.is_good() {
                OverallStatus::Ok
            } else {
                OverallStatus::Error
            };
            reply.status_message = end_reason.message();
            reply.error_code = end_reason.error_code();
        }
        replies
    }

    fn matching(&self, about: About, wants: impl Fn(RespondWhen) -> bool) -> Vec<Reply> {
        self.subscriptions
            .iter()
            .enumerate()
            .filter(|(_, subscription)| {
                subscription.response_type != AsyncResponseType::None
                    && wants(subscription.respond_when)
            })
            .map(|(number, subscription)| Reply::new(self, number, subscription, about))
            .collect()
    }
}

/// Whether a subscription waits for the end of the conversation.
pub fn is_for_the_end(subscription: &Subscription) -> bool {
    subscription.response_type != AsyncResponseType::None
        && match subscription.respond_when {
            RespondWhen::OnConversationError | RespondWhen::OnConversationComplete => true,
            RespondWhen::Never
            | RespondWhen::OnError
            | RespondWhen::Always
            | RespondWhen::OnCallComplete
            | RespondWhen::OnExpired => false,
        }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
