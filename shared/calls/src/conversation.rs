//! Every step of a conversation's life: gathering, running, closing, ended.
//!
//! A step takes the conversation as it stands, what happened and when, and gives the conversation
//! as it is from then on, the answer to whoever asked, and what is owed outside. The new state is
//! committed before anything owed is done, so whatever is owed must bear being done twice.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::call::{
    AccountId, Call, CallsInConversation, ConversationId, Place, RequestId, SequenceCode,
};
use crate::options::QueuePriority;
use crate::outcome::{Ended, Outcome, OverallStatus};
use crate::refusal::Refusal;

/// Longest silence between the arrivals of two parts; exactly this is still in time. The contract's
/// figure, which callers rely on, so it is not a setting.
pub const SILENCE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// When a conversation with work to do is looked at again, should its wake-up have been lost. Long
/// enough that an ordinary conversation is done by then and costs no second wake-up.
pub const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// The same once it has been looked at: a backlog is not woken every minute.
pub const LOOK_AGAIN_LATER: SignedDuration = SignedDuration::from_mins(5);

/// All that is known of a conversation but its calls. Grows by two bits per call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub account: AccountId,
    /// `None`: the conversation of one that a call outside any conversation is.
    pub conversation_id: Option<ConversationId>,
    pub calls_in_conversation: CallsInConversation,
    pub arrived: Arrivals,
    /// Calls that want to be told when the conversation ends.
    pub told_at_end: Arrivals,
    pub last_arrival: Timestamp,
    pub priority: QueuePriority,
    pub phase: Phase,
    pub due: Due,
}

/// Where a conversation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Not all calls are there.
    Gathering,
    /// All calls are there; `next` is to be carried out.
    Running(Progress),
    /// No further call is carried out; from `next` on, calls may still lack an outcome or a reply.
    Closing { next: SequenceCode, ending: Ending },
    /// Nothing is left to do.
    Ended(Ending),
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
        }
    }
}

/// Why a conversation ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    Complete,
    /// The call that failed it; no later one is carried out.
    Failed {
        by: SequenceCode,
        request_id: RequestId,
        error_code: Option<u32>,
        message: String,
    },
    /// More than [`SILENCE_MAX`] passed between two parts.
    TimedOut,
    /// A part broke the contract: 200 or 214.
    Invalidated {
        error_code: u32,
    },
    /// Its caller deleted it; calls before `from` had been carried out.
    Cancelled {
        from: SequenceCode,
    },
}

/// When somebody must look at a conversation again, whatever else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    At(Timestamp),
    /// As soon as calls are carried out again: kept apart, so that a backlog of maintenance does
    /// not stand in the way of what is due by its time.
    Parked(Timestamp),
    Never,
}

/// What a committed step leaves to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed {
    /// Somebody must go on with the conversation.
    Wake,
    /// The same, not before that instant.
    WakeAt(Timestamp),
}

/// One change of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<A> {
    /// `None`: nothing changes, nothing is to be committed.
    pub conversation: Option<Conversation>,
    pub answer: A,
    pub owed: Vec<Owed>,
}

/// What a part is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Taken in.
    Accepted,
    /// It was here before: the first answer is given again.
    Repeated,
    Refused(Refusal),
}

/// Of a part whose SequenceCode has been taken in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Never,
    SameContent,
    OtherContent,
}

impl Conversation {
    /// The first call of a conversation has come.
    pub fn open(call: &Call, now: Timestamp) -> Step<Joined> {
        let conversation = Self {
            account: call.account.clone(),
            conversation_id: call.conversation_id.clone(),
            calls_in_conversation: call.place.calls_in_conversation(),
            arrived: Arrivals::default(),
            told_at_end: Arrivals::default(),
            last_arrival: now,
            priority: call.options.queue_priority,
            phase: Phase::Gathering,
            due: Due::At(now + LOOK_AGAIN),
        };
        conversation.take_in(call, now)
    }

    /// One more call has come.
    ///
    /// `seen` says whether a call with this SequenceCode was taken in before. A refusal can end
    /// the whole conversation, so it comes with a step like any other answer.
    pub fn join(self, call: &Call, seen: Seen, now: Timestamp) -> Step<Joined> {
        match (&self.phase, seen) {
            (Phase::Gathering, _) if self.silent_too_long(now) => {
                self.close(Ending::TimedOut, now, Refusal::ConversationTimedOut)
            }
            (Phase::Gathering, _) => self.join_gathering(call, seen, now),
            (
                Phase::Closing {
                    ending: Ending::TimedOut | Ending::Invalidated { .. },
                    ..
                }
                | Phase::Ended(Ending::TimedOut | Ending::Invalidated { .. }),
                _,
            ) => unchanged(Joined::Refused(Refusal::ConversationFailed)),
            // Its first answer may have been lost together with the wake-up.
            (Phase::Running(_), Seen::SameContent) => Step {
                conversation: None,
                answer: Joined::Repeated,
                owed: vec![Owed::Wake],
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
                Ending::Invalidated { error_code: 200 },
                now,
                Refusal::CallsInConversationChanged,
            );
        }
        match seen {
            Seen::Never => self.take_in(call, now),
            Seen::SameContent => unchanged(Joined::Repeated),
            Seen::OtherContent => self.close(
                Ending::Invalidated { error_code: 214 },
                now,
                Refusal::SequenceCodeUsed,
            ),
        }
    }

    fn take_in(mut self, call: &Call, now: Timestamp) -> Step<Joined> {
        self.arrived.insert(call.place.sequence());
        if call
            .options
            .subscriptions
            .iter()
            .any(crate::reply::is_for_the_end)
        {
            self.told_at_end.insert(call.place.sequence());
        }
        self.priority = self.priority.max(call.options.queue_priority);
        self.last_arrival = now;
        let owed = if self.arrived.count() == self.calls_in_conversation.get() {
            self.start(call, now)
        } else {
            Vec::new()
        };
        Step {
            conversation: Some(self),
            answer: Joined::Accepted,
            owed,
        }
    }

    /// All calls are there. A call that stands alone and is scheduled is woken at its time; in
    /// longer conversations the first call may be another than the last to come, so the processor
    /// looks.
    fn start(&mut self, last: &Call, now: Timestamp) -> Vec<Owed> {
        self.phase = Phase::Running(Progress::at(SequenceCode::FIRST));
        let later = last.options.scheduled_time.filter(|at| *at > now);
        match later {
            Some(at) if last.place == Place::ONLY => {
                self.due = Due::At(at);
                vec![Owed::WakeAt(at)]
            }
            Some(_) | None => {
                self.due = self.due.no_later_than(now + LOOK_AGAIN);
                vec![Owed::Wake]
            }
        }
    }

    /// Whether a part that comes now comes too late.
    pub fn silent_too_long(&self, now: Timestamp) -> bool {
        now.duration_since(self.last_arrival) > SILENCE_MAX
    }

    fn close(mut self, ending: Ending, now: Timestamp, refusal: Refusal) -> Step<Joined> {
        let owed = self.end(ending, SequenceCode::FIRST, now);
        Step {
            conversation: Some(self),
            answer: Joined::Refused(refusal),
            owed,
        }
    }

    /// From here on nothing is carried out; what calls from `next` on lack is still given to them.
    fn end(&mut self, ending: Ending, next: SequenceCode, now: Timestamp) -> Vec<Owed> {
        self.phase = Phase::Closing { next, ending };
        if self.unclosed().next().is_none() {
            self.finish();
            return Vec::new();
        }
        self.due = self.due.no_later_than(now + LOOK_AGAIN);
        vec![Owed::Wake]
    }

    fn finish(&mut self) {
        if let Phase::Closing { ending, .. } = &self.phase {
            self.phase = Phase::Ended(ending.clone());
            self.due = Due::Never;
        }
    }

    /// The calls that a closing conversation must still look at, in order.
    pub fn unclosed(&self) -> impl Iterator<Item = SequenceCode> + '_ {
        let (from, without_outcome) = match &self.phase {
            Phase::Closing { next, ending } => (*next, ending.first_without_outcome()),
            Phase::Gathering | Phase::Running(_) | Phase::Ended(_) => (SequenceCode::FIRST, None),
        };
        let closing = matches!(self.phase, Phase::Closing { .. });
        self.arrived.iter().filter(move |sequence| {
            closing
                && *sequence >= from
                && (without_outcome.is_some_and(|first| *sequence >= first)
                    || self.told_at_end.contains(*sequence))
        })
    }

    /// Calls up to and including `through` have all they are due from the closing.
    pub fn closed_through(mut self, through: SequenceCode) -> Self {
        if let Phase::Closing { next, .. } = &mut self.phase {
            *next = through.next();
        }
        if self.unclosed().next().is_none() {
            self.finish();
        }
        self
    }

    /// The call that was next has ended. Any status but `OK` ends the conversation with it.
    pub fn call_ended(mut self, request_id: &RequestId, outcome: &Outcome, now: Timestamp) -> Self {
        let Phase::Running(progress) = self.phase else {
            return self;
        };
        let ending = match outcome.overall_status {
            OverallStatus::Ok if progress.next.get() < self.calls_in_conversation.get() => None,
            OverallStatus::Ok => Some(Ending::Complete),
            OverallStatus::HasErrors | OverallStatus::Error => Some(Ending::Failed {
                by: progress.next,
                request_id: request_id.clone(),
                error_code: outcome.error_code,
                message: outcome.status_message.clone(),
            }),
        };
        match ending {
            // The processor that took this step goes on by itself; its wake-up is still in flight.
            Some(ending) => drop(self.end(ending, SequenceCode::FIRST, now)),
            None => self.phase = Phase::Running(Progress::at(progress.next.next())),
        }
        self
    }

    /// A chunk of the next call's objects is done.
    pub fn chunk_done(mut self, done_through: u32) -> Self {
        if let Phase::Running(progress) = &mut self.phase {
            progress.done_through = done_through;
            progress.chunks += 1;
        }
        self
    }

    /// The next call must wait until then.
    pub fn wait_until(mut self, at: Timestamp) -> Self {
        self.due = Due::At(at);
        self
    }

    /// Nothing is carried out at present: found again when that is over.
    pub fn park(mut self, now: Timestamp) -> Self {
        self.due = Due::Parked(now);
        self
    }

    /// The timekeeper came by: what it has to do, if anything.
    pub fn look(mut self, now: Timestamp) -> Step<()> {
        match &self.phase {
            Phase::Gathering if self.silent_too_long(now) => {
                let owed = self.end(Ending::TimedOut, SequenceCode::FIRST, now);
                Step {
                    conversation: Some(self),
                    answer: (),
                    owed,
                }
            }
            Phase::Gathering => {
                // A millisecond later, since exactly SILENCE_MAX is still in time.
                self.due =
                    Due::At(self.last_arrival + SILENCE_MAX + SignedDuration::from_millis(1));
                Step {
                    conversation: Some(self),
                    answer: (),
                    owed: Vec::new(),
                }
            }
            Phase::Running(_) | Phase::Closing { .. } => {
                self.due = Due::At(now + LOOK_AGAIN_LATER);
                Step {
                    conversation: Some(self),
                    answer: (),
                    owed: vec![Owed::Wake],
                }
            }
            Phase::Ended(_) if self.due == Due::Never => unchanged(()),
            Phase::Ended(_) => {
                self.due = Due::Never;
                Step {
                    conversation: Some(self),
                    answer: (),
                    owed: Vec::new(),
                }
            }
        }
    }

    /// Its caller deletes it: whatever has not started will not start.
    pub fn cancel(mut self, now: Timestamp) -> Step<Cancelled> {
        let from = match &self.phase {
            Phase::Gathering => SequenceCode::FIRST,
            Phase::Running(progress) if progress.done_through == 0 => progress.next,
            Phase::Running(_) => return unchanged(Cancelled::TooLate),
            Phase::Closing {
                ending: Ending::Cancelled { .. },
                ..
            }
            | Phase::Ended(Ending::Cancelled { .. }) => return unchanged(Cancelled::Yes),
            Phase::Closing { .. } | Phase::Ended(_) => return unchanged(Cancelled::TooLate),
        };
        let owed = self.end(Ending::Cancelled { from }, SequenceCode::FIRST, now);
        Step {
            conversation: Some(self),
            answer: Cancelled::Yes,
            owed,
        }
    }

    /// The outcome of a call that was not carried out because its conversation ended.
    pub fn outcome_of_unrun(&self, sequence: SequenceCode, now: Timestamp) -> Option<Outcome> {
        let (Phase::Closing { ending, .. } | Phase::Ended(ending)) = &self.phase else {
            return None;
        };
        if ending
            .first_without_outcome()
            .is_none_or(|first| sequence < first)
        {
            return None;
        }
        let (how, error_code, status_message) = ending.said_to_the_unrun()?;
        Some(Outcome {
            how,
            overall_status: OverallStatus::Error,
            status_message,
            error_code,
            ended_at: now,
        })
    }
}

/// What becomes of a wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It will not be carried out.
    Yes,
    /// It has been, or is being, carried out (222).
    TooLate,
}

impl Ending {
    /// The first call that ends with the conversation rather than by itself.
    fn first_without_outcome(&self) -> Option<SequenceCode> {
        match self {
            Self::Complete => None,
            Self::Failed { by, .. } => Some(by.next()),
            Self::TimedOut | Self::Invalidated { .. } => Some(SequenceCode::FIRST),
            Self::Cancelled { from } => Some(*from),
        }
    }

    /// Whether the conversation came to a good end.
    pub const fn is_good(&self) -> bool {
        match self {
            Self::Complete => true,
            Self::Failed { .. }
            | Self::TimedOut
            | Self::Invalidated { .. }
            | Self::Cancelled { .. } => false,
        }
    }

    /// The code that goes with it, in replies about the conversation.
    pub const fn error_code(&self) -> Option<u32> {
        match self {
            Self::Complete | Self::Cancelled { .. } => None,
            Self::Failed { error_code, .. } => *error_code,
            Self::TimedOut => Some(203),
            Self::Invalidated { error_code } => Some(*error_code),
        }
    }

    /// Why, in words; empty for a good end.
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

    fn said_to_the_unrun(&self) -> Option<(Ended, Option<u32>, String)> {
        match self {
            Self::Complete => None,
            Self::Failed { .. } => Some((
                Ended::NotProcessed,
                Some(Refusal::ConversationFailed.error_code()),
                format!("Not carried out. {}", self.message()),
            )),
            Self::TimedOut | Self::Invalidated { .. } => Some((
                Ended::NotProcessed,
                self.error_code(),
                format!("Not carried out. {}", self.message()),
            )),
            Self::Cancelled { .. } => {
                Some((Ended::Cancelled, None, "Cancelled by its caller".to_owned()))
            }
        }
    }
}

impl Due {
    /// Moves nearer if it is later: an index entry is written only when the time really changes.
    fn no_later_than(self, at: Timestamp) -> Self {
        match self {
            Self::At(due) if due <= at => self,
            Self::At(_) | Self::Parked(_) | Self::Never => Self::At(at),
        }
    }
}

const fn unchanged<A>(answer: A) -> Step<A> {
    Step {
        conversation: None,
        answer,
        owed: Vec::new(),
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
