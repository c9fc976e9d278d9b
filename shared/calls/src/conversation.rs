//! A conversation while it gathers its calls; [`crate::lifecycle`] has what follows.
//!
//! A step takes the state of the conversation, what happened and when. It returns the next state,
//! the answer to the caller, and the actions to take outside. The next state is committed before
//! any action is taken, so each action must do no harm when it is taken twice.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::backend::{BackendName, Begun};
use crate::call::{AccountId, Call, CallsInConversation, ConversationId, Place, SequenceCode};
use crate::end_reason::EndReason;
use crate::options::QueuePriority;
use crate::queue_order::{QueueOwner, QueuePlace};
use crate::received_set::ReceivedSet;
use crate::refusal::Refusal;
use crate::undelivered::Undelivered;

/// Longest silence between the arrivals of two parts; exactly this is still in time. The contract's
/// figure, which callers rely on, so it is not a setting.
pub const SILENCE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// When a conversation with work to do is looked at again, in case its wake-up was lost. Long
/// enough that an ordinary conversation is done by then and needs no second wake-up.
pub const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// The same after it has been looked at once, so that a backlog is not woken every minute.
pub const LOOK_AGAIN_LATER: SignedDuration = SignedDuration::from_mins(5);

/// A conversation without its calls. Grows by two bits per call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub account: AccountId,
    /// `None`: a call outside any conversation, which is a conversation of one.
    pub conversation_id: Option<ConversationId>,
    pub calls_in_conversation: CallsInConversation,
    pub arrived: ReceivedSet,
    /// Calls whose subscriptions ask for the end of the conversation.
    pub subscribers_at_end: ReceivedSet,
    pub last_arrival: Timestamp,
    pub priority: QueuePriority,
    pub phase: Phase,
    pub due: Due,
    /// The backend that it waits for, if it is due as [`Due::Held`].
    pub waits_for: Option<BackendName>,
    /// Of a call alone that stands in a queue of its account or its API client.
    pub queue_place: Option<QueuePlace>,
    /// First replies that have no record of their own, as far as they may not have been delivered.
    /// It is due by its time until they are.
    pub undelivered: Option<Undelivered>,
}

/// The state of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Some calls have not arrived.
    Gathering,
    /// All calls have arrived; `next` is to be carried out.
    Running(Progress),
    /// No further call is carried out; from `next` on, calls may still lack what `step` says.
    Closing {
        next: SequenceCode,
        end_reason: EndReason,
        #[serde(default, skip_serializing_if = "ClosingStep::is_outcomes")]
        step: ClosingStep,
        /// When it ended. Calls that had not begun ended at the same time.
        at: Timestamp,
    },
    /// Nothing is left to do. Due only while the header has or answers for a pending reply.
    Ended(EndReason),
}

/// What closing writes for the calls. No reply about the end goes out before each has its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClosingStep {
    /// For calls that were not carried out: the outcome, and the replies to the call.
    #[default]
    Outcomes,
    /// For calls that ask for it: the reply about the end of the conversation.
    LastReplies,
}

impl ClosingStep {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's skip_serializing_if passes a reference"
    )]
    const fn is_outcomes(&self) -> bool {
        matches!(self, Self::Outcomes)
    }
}

/// How far a running conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub next: SequenceCode,
    /// Units of work of `next` whose effects are committed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done_through: u32,
    /// Chunks of results committed with them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chunks: u32,
    /// The next piece of `next` was sent to a backend, and its result is not committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    /// How often it was unknown and is sent again, because its account had declared that safe.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeats: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Progress {
    pub const fn at(next: SequenceCode) -> Self {
        Self {
            next,
            done_through: 0,
            chunks: 0,
            begun: None,
            repeats: 0,
        }
    }
}

/// When a conversation must be looked at again, whatever else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    At(Timestamp),
    /// As soon as maintenance is over: High first, then in the order of this time. Kept apart, so
    /// that it does not delay what is due by its time.
    Parked(Timestamp),
    /// As soon as the backend that it waits for is ready, in the same order.
    Held(Timestamp),
    Never,
}

/// What a committed step leaves to be done outside the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Wake whoever goes on with the conversation.
    WakeUp,
    /// The same, not before that instant.
    WakeUpAt(Timestamp),
    /// Wake whoever sends the reply to its only call.
    Reply,
}

/// One change of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<A> {
    /// `None`: nothing changes and nothing is committed.
    pub conversation: Option<Conversation>,
    pub answer: A,
    pub actions: Vec<Action>,
}

/// The answer to a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is accepted.
    Accepted,
    /// It was accepted before: the first answer is given again.
    Repeated,
    Refused(Refusal),
}

/// Whether a part with this SequenceCode was accepted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Never,
    SameContent,
    OtherContent,
}

impl Conversation {
    /// The first call of a conversation has arrived.
    pub fn open(call: &Call, now: Timestamp) -> Step<Joined> {
        let conversation = Self {
            account: call.account.clone(),
            conversation_id: call.conversation_id.clone(),
            calls_in_conversation: call.place.calls_in_conversation(),
            arrived: ReceivedSet::default(),
            subscribers_at_end: ReceivedSet::default(),
            last_arrival: now,
            priority: call.options.queue_priority,
            phase: Phase::Gathering,
            due: Due::At(now + LOOK_AGAIN),
            waits_for: None,
            queue_place: None,
            undelivered: None,
        };
        conversation.accept(call, now)
    }

    /// One more call has arrived.
    ///
    /// `seen` says whether a call with this SequenceCode was accepted before. A refusal can end the
    /// whole conversation, so it is returned as a step like any other answer.
    pub fn join(self, call: &Call, seen: Seen, now: Timestamp) -> Step<Joined> {
        match (&self.phase, seen) {
            (Phase::Gathering, _) if self.silent_too_long(now) => {
                self.close(EndReason::TimedOut, now, Refusal::ConversationTimedOut)
            }
            (Phase::Gathering, _) => self.join_gathering(call, seen, now),
            (
                Phase::Closing {
                    end_reason: end_reason @ (EndReason::TimedOut | EndReason::Invalidated { .. }),
                    ..
                }
                | Phase::Ended(end_reason @ (EndReason::TimedOut | EndReason::Invalidated { .. })),
                _,
            ) => unchanged(Joined::Refused(end_reason.refusal())),
            // The first answer may have been lost, and the wake-up with it.
            (Phase::Running(_), Seen::SameContent) => Step {
                conversation: None,
                answer: Joined::Repeated,
                actions: vec![Action::WakeUp],
            },
            (Phase::Closing { .. } | Phase::Ended(_), Seen::SameContent) => {
                unchanged(Joined::Repeated)
            }
            (Phase::Running(_), Seen::Never | Seen::OtherContent) => {
                unchanged(Joined::Refused(Refusal::ConversationClosed))
            }
            (Phase::Closing { .. } | Phase::Ended(_), Seen::Never | Seen::OtherContent) => {
                unchanged(Joined::Refused(Refusal::ConversationUsed))
            }
        }
    }

    fn join_gathering(self, call: &Call, seen: Seen, now: Timestamp) -> Step<Joined> {
        if call.place.calls_in_conversation() != self.calls_in_conversation {
            return self.close(
                EndReason::Invalidated { error_code: 200 },
                now,
                Refusal::CallsInConversationChanged,
            );
        }
        match seen {
            Seen::Never => self.accept(call, now),
            Seen::SameContent => unchanged(Joined::Repeated),
            Seen::OtherContent => self.close(
                EndReason::Invalidated { error_code: 214 },
                now,
                Refusal::SequenceCodeUsed,
            ),
        }
    }

    fn accept(mut self, call: &Call, now: Timestamp) -> Step<Joined> {
        self.arrived.insert(call.place.sequence());
        if call
            .options
            .subscriptions
            .iter()
            .any(crate::reply::is_for_the_end)
        {
            self.subscribers_at_end.insert(call.place.sequence());
        }
        self.priority = self.priority.max(call.options.queue_priority);
        // After a conflict, the call may have arrived earlier than one accepted in between.
        self.last_arrival = self.last_arrival.max(now);
        let actions = if self.arrived.count() == self.calls_in_conversation.get() {
            self.start(call, now)
        } else {
            Vec::new()
        };
        Step {
            conversation: Some(self),
            answer: Joined::Accepted,
            actions,
        }
    }

    /// All calls have arrived. A call alone that is scheduled is woken at its time. In a longer one
    /// the first call need not be the last to arrive, so the processor reads when it is due.
    fn start(&mut self, last: &Call, now: Timestamp) -> Vec<Action> {
        self.phase = Phase::Running(Progress::at(SequenceCode::FIRST));
        let later = last.options.scheduled_time.filter(|at| *at > now);
        match later {
            Some(at) if last.place == Place::ONLY => {
                self.due = Due::At(at);
                vec![Action::WakeUpAt(at)]
            }
            Some(_) | None => {
                self.due = self.due.no_later_than(now + LOOK_AGAIN);
                vec![Action::WakeUp]
            }
        }
    }

    /// Whether a part that arrives now is too late.
    pub fn silent_too_long(&self, now: Timestamp) -> bool {
        now.duration_since(self.last_arrival) > SILENCE_MAX
    }

    fn close(mut self, end_reason: EndReason, now: Timestamp, refusal: Refusal) -> Step<Joined> {
        let actions = self.end(end_reason, now);
        Step {
            conversation: Some(self),
            answer: Joined::Refused(refusal),
            actions,
        }
    }

    /// From here on no call is carried out; closing writes what the calls still lack.
    pub(crate) fn end(&mut self, end_reason: EndReason, now: Timestamp) -> Vec<Action> {
        let before = self.due;
        self.phase = Phase::Closing {
            next: SequenceCode::FIRST,
            end_reason,
            step: ClosingStep::Outcomes,
            at: now,
        };
        self.close_on();
        if matches!(self.phase, Phase::Ended(_)) {
            if self.undelivered.is_some() {
                self.due = before.for_replies(now);
            }
            return Vec::new();
        }
        self.due = self.due.no_later_than(now + LOOK_AGAIN);
        vec![Action::WakeUp]
    }

    /// Goes on to the next step of closing once nothing is left of the one before.
    pub(crate) fn close_on(&mut self) {
        while self.unclosed().next().is_none() {
            match &mut self.phase {
                Phase::Closing { next, step, .. } if *step == ClosingStep::Outcomes => {
                    *next = SequenceCode::FIRST;
                    *step = ClosingStep::LastReplies;
                }
                Phase::Closing { end_reason, .. } => {
                    self.phase = Phase::Ended(end_reason.clone());
                    if self.undelivered.is_none() {
                        self.due = Due::Never;
                    }
                    return;
                }
                Phase::Gathering | Phase::Running(_) | Phase::Ended(_) => return,
            }
        }
    }
}

impl Step<Joined> {
    /// The call that opened it stands in a queue, from its time on.
    pub fn in_queue(mut self, number: u64, owner: QueueOwner) -> Self {
        let entered = !self
            .actions
            .iter()
            .any(|it| matches!(it, Action::WakeUpAt(_)));
        if let Some(conversation) = &mut self.conversation {
            conversation.queue_place = Some(QueuePlace {
                number,
                entered,
                owner,
            });
        }
        self
    }
}

impl Due {
    /// Moves to the earlier time: an index entry is written only when the time changes.
    fn no_later_than(self, at: Timestamp) -> Self {
        match self {
            Self::At(due) if due <= at => self,
            Self::At(_) | Self::Parked(_) | Self::Held(_) | Self::Never => Self::At(at),
        }
    }

    /// When an ended conversation is looked at for its replies: as before, which saves a write to the
    /// index, unless that is so soon that an ordinary delivery would still be in progress.
    pub(crate) fn for_replies(self, now: Timestamp) -> Self {
        match self {
            Self::At(at) if at >= now + LOOK_AGAIN / 2 => self,
            Self::At(_) | Self::Parked(_) | Self::Held(_) | Self::Never => {
                Self::At(now + LOOK_AGAIN)
            }
        }
    }
}

pub(crate) const fn unchanged<A>(answer: A) -> Step<A> {
    Step {
        conversation: None,
        answer,
        actions: Vec::new(),
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
