//! A conversation whose header answers for first replies, see [`crate::undelivered`].

use jiff::Timestamp;

use crate::call::SequenceCode;
use crate::conversation::{Conversation, Due, LOOK_AGAIN, Phase};
use crate::undelivered::{UNDELIVERED_MAX, Undelivered};

impl Conversation {
    /// Whether the header can answer for the reply to one more call, the one that is next.
    pub fn can_answer_for(&self, sequence: SequenceCode) -> bool {
        self.undelivered.is_none_or(|undelivered| {
            sequence.get().saturating_sub(undelivered.first.get()) < UNDELIVERED_MAX
        })
    }

    /// The call that is next ends, and the header answers for the reply to it. A conversation that was
    /// parked or held, and runs all the same, is due by its time from then on.
    #[must_use]
    pub fn answering_for(mut self, sequence: SequenceCode, now: Timestamp) -> Self {
        self.due = match self.due {
            Due::At(_) => self.due,
            Due::Parked(_) | Due::Held(_) | Due::Never => Due::At(now + LOOK_AGAIN),
        };
        let first = self.undelivered.map_or(sequence, |it| it.first);
        self.undelivered = Some(Undelivered {
            first,
            last: sequence,
        });
        self
    }

    /// The replies to the calls up to that one are delivered, or have records of their own.
    #[must_use]
    pub fn delivered_through(mut self, sequence: SequenceCode) -> Self {
        self.undelivered = self.undelivered.and_then(|undelivered| {
            let first = undelivered.first.max(sequence.next());
            (first <= undelivered.last).then_some(Undelivered {
                first,
                ..undelivered
            })
        });
        if self.undelivered.is_none() && matches!(self.phase, Phase::Ended(_)) {
            self.due = Due::Never;
        }
        self
    }

    /// Each reply that the header answered for has a record of its own.
    #[must_use]
    pub fn handed_over(self) -> Self {
        match self.undelivered {
            Some(Undelivered { last, .. }) => self.delivered_through(last),
            None => self,
        }
    }
}

#[cfg(test)]
#[path = "answering_tests.rs"]
mod tests;
