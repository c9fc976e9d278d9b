//! Who gets a reply about what, when, and how often it is tried.

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

/// Longest time from the first attempt to the last: the schedule ends after some three days,
/// Retry-After included.
pub const TRIED_MAX: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Longest Retry-After that is obeyed: the longest wait of our own schedule.
pub const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Most attempts of earlier rounds that stay in the delivery log when a person has a reply sent again: as
/// many as a round has.
const EARLIER_ATTEMPTS_MAX: usize = WAITS.len();

/// What a reply is about; a caller is told of the conversation last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SubjectKind {
    Call,
    Conversation,
}

/// One reply: pending from the commit that made it, until an attempt succeeds or it is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub request_id: RequestId,
    pub sequence: SequenceCode,
    /// Which SendResponseTo of the call, from 0.
    pub number: u32,
    pub subject: SubjectKind,
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
    /// How many of the attempts came before a person had it sent again: the waits begin anew behind them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier_attempts: usize,
    /// Nobody holds it: the timekeeper has looked for somebody who makes the next attempt.
    #[serde(default, skip_serializing_if = "is_false")]
    pub released: bool,
}

/// As serde asks, by reference.
pub const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// As serde asks, by reference.
pub const fn is_zero(count: &usize) -> bool {
    *count == 0
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
    // Stored under this name, which is in the dictionary of compressed records.
    #[serde(rename = "found")]
    pub result: DeliveryResult,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryResult {
    /// HTTP status that is not 2xx, with its Retry-After in seconds.
    Status {
        status: u16,
        retry_after_s: Option<u32>,
    },
    /// 2xx, or taken by the mail service.
    Taken,
    /// No answer in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// The address leads to a place where replies may not go.
    Forbidden,
    /// The mail service will never accept it.
    Rejected,
    /// Each time, the process that made an attempt died.
    GivenUp,
}

impl Reply {
    fn new(context: &ReplyContext<'_>, number: usize, subscription: &Subscription) -> Self {
        let (overall_status, status_message, error_code) = match context.subject {
            ReplySubject::Call(outcome) => (
                outcome.overall_status,
                outcome.status_message.clone(),
                outcome.error_code,
            ),
            ReplySubject::Conversation(end_reason) => (
                end_reason.overall_status(),
                end_reason.message(),
                end_reason.error_code(),
            ),
        };
        Self {
            request_id: context.request_id.clone(),
            sequence: context.sequence,
            number: u32::try_from(number).unwrap_or(u32::MAX),
            subject: context.subject.kind(),
            subscription: subscription.clone(),
            overall_status,
            status_message,
            error_code,
            pending_since: context.now,
            attempts: Vec::new(),
            state: ReplyState::Pending(context.now),
            earlier_attempts: 0,
            released: false,
        }
    }

    /// The same for all attempts, so that the receiver can recognise a repeat.
    pub fn id(&self) -> String {
        format!("msg_{}_{}", self.request_id.0.replace('-', ""), self.number)
    }

    /// Pending, and never attempted.
    pub fn is_unattempted(&self) -> bool {
        matches!(self.state, ReplyState::Pending(_)) && self.attempts.is_empty()
    }

    /// Given up, or pending after an attempt that failed.
    pub fn is_failing(&self) -> bool {
        match self.state {
            ReplyState::GivenUp => true,
            ReplyState::Pending(_) => {
                let last = self.attempts.last();
                last.is_some_and(|last| last.result != DeliveryResult::Taken)
            }
            ReplyState::Delivered => false,
        }
    }

    /// Pending, and no attempt of its present round has been made.
    pub fn is_round_fresh(&self) -> bool {
        matches!(self.state, ReplyState::Pending(_)) && self.attempts.len() == self.earlier_attempts
    }

    /// A person has it sent again, not before that instant: with the same id, and with all waits anew.
    #[must_use]
    pub fn resent(mut self, not_before: Timestamp) -> Self {
        let too_many = self.attempts.len().saturating_sub(EARLIER_ATTEMPTS_MAX);
        self.attempts.drain(..too_many);
        self.earlier_attempts = self.attempts.len();
        self.state = ReplyState::Pending(not_before);
        self.released = true;
        self
    }

    /// Somebody makes the next attempt, and nobody else.
    #[must_use]
    pub fn claimed(mut self) -> Self {
        self.released = false;
        self
    }

    /// The lease is over: anybody may make the next attempt.
    #[must_use]
    pub fn released(mut self) -> Self {
        self.released = true;
        self
    }

    /// An attempt was made.
    #[must_use]
    pub fn attempted(mut self, result: DeliveryResult, at: Timestamp) -> Self {
        self.released = false;
        self.state = match &result {
            DeliveryResult::Taken => ReplyState::Delivered,
            DeliveryResult::Status { status: 410, .. }
            | DeliveryResult::Rejected
            | DeliveryResult::GivenUp
            | DeliveryResult::Forbidden => ReplyState::GivenUp,
            DeliveryResult::Status { .. }
            | DeliveryResult::TimedOut
            | DeliveryResult::Unreachable => self.next_attempt(&result, at),
        };
        self.attempts.push(Attempt { at, result });
        self
    }

    fn next_attempt(&self, result: &DeliveryResult, at: Timestamp) -> ReplyState {
        let of_round = self.attempts.len() - self.earlier_attempts.min(self.attempts.len());
        let Some(wait) = WAITS.get(of_round + 1) else {
            return ReplyState::GivenUp;
        };
        let retry_after = match result {
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
            | DeliveryResult::GivenUp
            | DeliveryResult::Rejected => SignedDuration::ZERO,
        };
        ReplyState::Pending(at + (*wait + self.jitter(*wait)).max(retry_after))
    }

    /// Up to a tenth of the wait, so that replies that failed together do not come again together.
    /// Taken from the id, because there is no random number here.
    fn jitter(&self, wait: SignedDuration) -> SignedDuration {
        let hash = Sha256::digest(format!("{} {}", self.id(), self.attempts.len()));
        wait / 10 * i32::from(hash[0]) / 255
    }
}

/// What the replies to a call are made of.
#[derive(Clone, Copy, Debug)]
pub struct ReplyContext<'a> {
    pub request_id: &'a RequestId,
    pub sequence: SequenceCode,
    pub subscriptions: &'a [Subscription],
    pub subject: ReplySubject<'a>,
    pub now: Timestamp,
}

/// What has ended, and how.
#[derive(Clone, Copy, Debug)]
pub enum ReplySubject<'a> {
    Call(&'a Outcome),
    Conversation(&'a EndReason),
}

impl ReplySubject<'_> {
    const fn kind(self) -> SubjectKind {
        match self {
            Self::Call(_) => SubjectKind::Call,
            Self::Conversation(_) => SubjectKind::Conversation,
        }
    }

    fn is_for(self, when: RespondWhen) -> bool {
        match (self, when) {
            (Self::Call(_), RespondWhen::OnCallComplete | RespondWhen::Always)
            | (Self::Conversation(_), RespondWhen::OnConversationComplete) => true,
            (Self::Call(outcome), RespondWhen::OnError) => {
                outcome.overall_status != OverallStatus::Ok
            }
            (Self::Call(outcome), RespondWhen::OnExpired) => outcome.how == Ended::Expired,
            (Self::Conversation(end_reason), RespondWhen::OnConversationError) => {
                !end_reason.is_good()
            }
            (
                Self::Call(_),
                RespondWhen::Never
                | RespondWhen::OnConversationError
                | RespondWhen::OnConversationComplete,
            )
            | (
                Self::Conversation(_),
                RespondWhen::OnCallComplete
                | RespondWhen::Always
                | RespondWhen::OnError
                | RespondWhen::OnExpired
                | RespondWhen::Never,
            ) => false,
        }
    }
}

impl ReplyContext<'_> {
    /// The replies that must be sent.
    pub fn replies(&self) -> Vec<Reply> {
        self.subscriptions
            .iter()
            .enumerate()
            .filter(|(_, subscription)| {
                subscription.response_type != AsyncResponseType::None
                    && self.subject.is_for(subscription.respond_when)
            })
            .map(|(number, subscription)| Reply::new(self, number, subscription))
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
