//! A conversation after its calls have arrived: running, closing, ended.

use jiff::{SignedDuration, Timestamp};

use crate::backend::{BackendName, Begun};
use crate::call::{ConversationKey, RequestId, SequenceCode};
use crate::conversation::{
    Action, ClosingStep, Conversation, Due, LOOK_AGAIN_LATER, Phase, Progress, SILENCE_MAX, Step,
    unchanged,
};
use crate::end_reason::EndReason;
use crate::outcome::{Outcome, OverallStatus};

/// The answer to a request to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It is not carried out.
    Yes,
    /// It has been carried out, or is being carried out (222).
    TooLate,
}

/// The answer to a request for another ScheduledTime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescheduled {
    /// Its call waits for the new time.
    Yes,
    /// The call has begun, has ended, or is in its account's queue.
    TooLate,
}

impl Progress {
    /// Whether the next piece may have reached a backend.
    pub const fn may_be_out(self) -> bool {
        self.begun.is_some() || self.repeats > 0
    }
}

impl Conversation {
    /// The queue that it stands in, among others.
    pub fn queue(&self) -> Option<ConversationKey> {
        let place = self.queue_place.as_ref().filter(|place| place.entered)?;
        Some(place.owner.queue(&self.account, self.priority))
    }

    /// Whether it is to stand in its queue once its time has come.
    pub fn is_to_enter(&self) -> bool {
        self.queue_place
            .as_ref()
            .is_some_and(|place| !place.entered)
    }

    /// Its time has come.
    pub fn entered(mut self) -> Self {
        if let Some(place) = &mut self.queue_place {
            place.entered = true;
        }
        self
    }

    /// The calls for which the current step of closing has something to write, in order.
    pub fn unclosed(&self) -> impl Iterator<Item = SequenceCode> + '_ {
        let lacks: Option<(SequenceCode, ClosingStep, Option<SequenceCode>)> = match &self.phase {
            Phase::Closing {
                next,
                end_reason,
                step,
                ..
            } => Some((*next, *step, end_reason.first_without_outcome())),
            Phase::Gathering | Phase::Running(_) | Phase::Ended(_) => None,
        };
        self.arrived.iter().filter(move |sequence| {
            lacks.is_some_and(|(from, step, first_skipped)| {
                *sequence >= from
                    && match step {
                        ClosingStep::Outcomes => {
                            first_skipped.is_some_and(|first| *sequence >= first)
                        }
                        ClosingStep::LastReplies => self.subscribers_at_end.contains(*sequence),
                    }
            })
        })
    }

    /// The current step of closing is done for the calls up to and including `through`.
    pub fn closed_through(mut self, through: SequenceCode) -> Self {
        if let Phase::Closing { next, .. } = &mut self.phase {
            *next = through.next();
        }
        self.close_on();
        self
    }

    /// The call that was next has ended. Any status but `OK` ends the conversation.
    pub fn call_ended(mut self, request_id: &RequestId, outcome: &Outcome, now: Timestamp) -> Self {
        let Phase::Running(progress) = self.phase else {
            return self;
        };
        let end_reason = match outcome.overall_status {
            OverallStatus::Ok if progress.next.get() < self.calls_in_conversation.get() => None,
            OverallStatus::Ok => Some(EndReason::Complete),
            OverallStatus::HasErrors | OverallStatus::Error => Some(EndReason::Failed {
                by: progress.next,
                request_id: request_id.clone(),
                overall_status: outcome.overall_status,
                error_code: outcome.error_code,
                message: outcome.status_message.clone(),
            }),
        };
        match end_reason {
            // The processor that takes this step goes on by itself; its wake-up is still in flight.
            Some(end_reason) => drop(self.end(end_reason, now)),
            None => self.phase = Phase::Running(Progress::at(progress.next.next())),
        }
        self
    }

    /// Ended, with a pending reply to its only call in the same record: looked at again as long as
    /// the reply is pending; it was due `before`.
    pub fn target_of_reply(mut self, before: Due, now: Timestamp) -> Self {
        self.due = before.for_replies(now);
        self
    }

    /// The reply to its only call is tried again at that time; `None`: it is delivered or given up.
    pub fn reply_due(mut self, at: Option<Timestamp>) -> Self {
        self.due = at.map_or(Due::Never, Due::At);
        self
    }

    /// A chunk of the next call's objects is done.
    pub fn chunk_done(mut self, done_through: u32) -> Self {
        if let Phase::Running(progress) = &mut self.phase {
            progress.done_through = done_through;
            progress.chunks += 1;
            progress.begun = None;
            progress.repeats = 0;
        }
        self
    }

    /// The next call must wait until then.
    pub fn wait_until(mut self, at: Timestamp) -> Self {
        self.due = Due::At(at);
        self
    }

    /// Nothing is carried out during maintenance. It is found again afterwards, in the order in
    /// which calls were accepted.
    pub fn park(mut self, now: Timestamp) -> Self {
        self.due = Due::Parked(self.last_arrival.min(now));
        self
    }

    /// The next piece of the next call is about to be sent to a backend.
    pub fn begin(mut self, begun: Begun) -> Self {
        if let Phase::Running(progress) = &mut self.phase {
            progress.begun = Some(begun);
        }
        self
    }

    /// The fate of what was sent is unknown, and it is safe to send it again.
    pub fn repeat(mut self) -> Self {
        if let Phase::Running(progress) = &mut self.phase {
            progress.begun = None;
            progress.repeats += 1;
        }
        self
    }

    /// The backend is not ready, and what was begun has certainly not happened. It is found again
    /// when the backend is ready, in the order in which calls were accepted.
    pub fn hold(mut self, backend: &BackendName, now: Timestamp) -> Self {
        if let Phase::Running(progress) = &mut self.phase {
            progress.begun = None;
        }
        self.waits_for = Some(backend.clone());
        self.due = Due::Held(self.last_arrival.min(now));
        self
    }

    /// Whether it is due by then.
    pub fn is_due(&self, by: Timestamp) -> bool {
        match self.due {
            Due::At(at) => at <= by,
            Due::Parked(_) | Due::Held(_) => true,
            Due::Never => false,
        }
    }

    /// What the timekeeper has to do about it, if anything.
    pub fn look(mut self, now: Timestamp) -> Step<()> {
        match &self.phase {
            Phase::Gathering if self.silent_too_long(now) => {
                let actions = self.end(EndReason::TimedOut, now);
                Step {
                    conversation: Some(self),
                    answer: (),
                    actions,
                }
            }
            Phase::Gathering => {
                // A millisecond later, since exactly SILENCE_MAX is still in time.
                self.due =
                    Due::At(self.last_arrival + SILENCE_MAX + SignedDuration::from_millis(1));
                Step {
                    conversation: Some(self),
                    answer: (),
                    actions: Vec::new(),
                }
            }
            Phase::Running(_) | Phase::Closing { .. } => {
                self.due = Due::At(now + LOOK_AGAIN_LATER);
                Step {
                    conversation: Some(self),
                    answer: (),
                    actions: vec![Action::WakeUp],
                }
            }
            Phase::Ended(_) if self.undelivered.is_some() => {
                self.due = Due::At(now + LOOK_AGAIN_LATER);
                Step {
                    conversation: Some(self),
                    answer: (),
                    actions: vec![Action::WakeUp],
                }
            }
            Phase::Ended(_) if self.due == Due::Never => unchanged(()),
            Phase::Ended(_) => {
                self.due = Due::At(now + LOOK_AGAIN_LATER);
                Step {
                    conversation: Some(self),
                    answer: (),
                    actions: vec![Action::Reply],
                }
            }
        }
    }

    /// Its caller deletes it: calls that have not begun are not carried out.
    pub fn cancel(mut self, now: Timestamp) -> Step<Cancelled> {
        let from = match &self.phase {
            Phase::Gathering => SequenceCode::FIRST,
            Phase::Running(progress) if progress.done_through == 0 && !progress.may_be_out() => {
                progress.next
            }
            Phase::Running(_) => return unchanged(Cancelled::TooLate),
            Phase::Closing {
                end_reason: EndReason::Cancelled { .. },
                ..
            }
            | Phase::Ended(EndReason::Cancelled { .. }) => return unchanged(Cancelled::Yes),
            Phase::Closing { .. } | Phase::Ended(_) => return unchanged(Cancelled::TooLate),
        };
        let actions = self.end(EndReason::Cancelled { from }, now);
        Step {
            conversation: Some(self),
            answer: Cancelled::Yes,
            actions,
        }
    }

    /// One of its calls gets another ScheduledTime, if it has not begun. The next look goes by the
    /// new time.
    pub fn reschedule(self, sequence: SequenceCode) -> Step<Rescheduled> {
        let has_begun = match &self.phase {
            Phase::Gathering => false,
            Phase::Running(progress) if progress.next == sequence => {
                progress.done_through > 0 || progress.chunks > 0 || progress.begun.is_some()
            }
            Phase::Running(progress) => sequence < progress.next,
            Phase::Closing { .. } | Phase::Ended(_) => true,
        };
        // In the queue it holds up the calls behind it, whatever its time is.
        if has_begun || self.queue().is_some() || !self.arrived.contains(sequence) {
            return unchanged(Rescheduled::TooLate);
        }
        Step {
            conversation: Some(self),
            answer: Rescheduled::Yes,
            actions: Vec::new(),
        }
    }

    /// No wake-up is sent: the timekeeper finds it.
    pub fn found_next(mut self, now: Timestamp) -> Self {
        if let Due::At(at) = self.due {
            self.due = Due::At(at.min(now));
        }
        self
    }

    /// The outcome of a call that was not carried out because its conversation ended: what closing
    /// writes for it, the same whenever it is asked for. `None`: closing has written all of them.
    pub fn outcome_of_skipped(&self, sequence: SequenceCode) -> Option<Outcome> {
        let Phase::Closing { end_reason, at, .. } = &self.phase else {
            return None;
        };
        if end_reason
            .first_without_outcome()
            .is_none_or(|first| sequence < first)
        {
            return None;
        }
        let end = end_reason.end_of_skipped()?;
        Some(Outcome {
            how: end.how,
            overall_status: OverallStatus::Error,
            status_message: end.message,
            error_code: end.error_code,
            ended_at: *at,
        })
    }
}
