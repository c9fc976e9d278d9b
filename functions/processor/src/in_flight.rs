//! The replies of a run for which the header of its conversation answers, see [`calls::undelivered`]:
//! what of them is delivered, and what the header does not say yet.
//!
//! Whoever commits calls and whoever posts replies share this. The run's next commit says what has been
//! delivered. If none comes before the lease on a reply ends, or the run is over, whoever posts commits
//! it alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use calls::{Reply, SequenceCode};
use cloud::records::conversation_record::{ConversationRecord, FirstReply};
use cloud::records::reply_record::ReplyRecord;
use jiff::Timestamp;

/// What became of the first attempt at a reply.
#[derive(Clone, Debug)]
pub enum FirstAttempt {
    Delivered(Box<Delivered>),
    /// The reply has a record of its own.
    Apart,
    /// Nobody knows, or the table is out of reach: whoever finds the conversation makes it again.
    Unknown,
}

/// A reply, and what it is with its first attempt.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub record: ReplyRecord,
    pub reply: Reply,
}

/// Whose replies a header answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// This run's, or nobody's.
    Own,
    OfOthers,
}

#[derive(Debug)]
struct InFlightReply {
    sequence: SequenceCode,
    leased_until: Option<Timestamp>,
    /// `None`: none has been made.
    attempt: Option<FirstAttempt>,
}

#[derive(Debug, Default)]
struct InFlightState {
    /// Those that no commit of the header has seen delivered, in order.
    replies: VecDeque<InFlightReply>,
    /// The last call for whose reply this run has had the header answer.
    last: Option<SequenceCode>,
    /// The header as this run has committed it last.
    header: Option<Box<ConversationRecord>>,
    is_left_to_notifier: bool,
    /// Somebody else has given records to those that are here.
    is_taken_over: bool,
}

/// Shared by a run and whoever posts its replies.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<InFlightState>>);

impl InFlight {
    fn state(&self) -> MutexGuard<'_, InFlightState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The replies from here on are the notifier's, since one before them is.
    pub fn leave_to_notifier(&self) {
        self.state().is_left_to_notifier = true;
    }

    pub fn is_left_to_notifier(&self) -> bool {
        self.state().is_left_to_notifier
    }

    pub(crate) fn add(&self, record: &ReplyRecord) {
        let mut state = self.state();
        let sequence = record.reply.sequence;
        state.last = Some(sequence);
        state.replies.push_back(InFlightReply {
            sequence,
            leased_until: record.leased_until(),
            attempt: None,
        });
    }

    pub(crate) fn attempted(&self, sequence: SequenceCode, attempt: FirstAttempt) {
        let mut state = self.state();
        let reply = state.replies.iter_mut().find(|it| it.sequence == sequence);
        if let Some(reply) = reply {
            reply.attempt = Some(attempt);
        }
    }

    /// Whether a header that is in hand answers for replies of another run, or does not answer any more
    /// for those that are here. Whoever takes replies over begins anew, behind all calls that this run
    /// has committed before.
    pub(crate) fn look_at(&self, header: &ConversationRecord) -> Ownership {
        let mut state = self.state();
        let undelivered = header.conversation.undelivered;
        let is_covered = |reply: &InFlightReply| {
            undelivered.is_some_and(|undelivered| undelivered.covers(reply.sequence))
        };
        if !state.replies.iter().all(is_covered) {
            state.is_taken_over = true;
            state.is_left_to_notifier = true;
        }
        match undelivered {
            Some(undelivered) if state.last.is_none_or(|last| last < undelivered.first) => {
                Ownership::OfOthers
            }
            Some(_) | None => Ownership::Own,
        }
    }

    /// The call through which all of them are delivered or have records; `None`: not even the first.
    pub(crate) fn settled_through(&self) -> Option<SequenceCode> {
        let state = self.state();
        let settled = state.replies.iter().take_while(|it| it.is_settled());
        settled.last().map(|it| it.sequence)
    }

    /// The run has committed this header, into which it had taken what was settled through a call.
    pub(crate) fn committed(&self, header: &ConversationRecord, through: Option<SequenceCode>) {
        let mut state = self.state();
        // A header that was read again meanwhile says nothing of it.
        if header.first_reply != FirstReply::Unsaid
            && !state.is_taken_over
            && let Some(through) = through
        {
            state.replies.retain(|it| it.sequence > through);
        }
        state.header = Some(Box::new(header.clone()));
    }

    pub(crate) fn recorded(&self, through: SequenceCode) {
        self.state().replies.retain(|it| it.sequence > through);
    }

    pub(crate) fn take_header(&self) -> Option<ConversationRecord> {
        self.state().header.take().map(|header| *header)
    }

    /// When what is settled has to be committed, at the latest: one more attempt at another reply may
    /// be in progress by then. `None`: nothing is.
    pub(crate) fn to_be_recorded_by(&self) -> Option<Timestamp> {
        let state = self.state();
        let settled = state.replies.iter().take_while(|it| it.is_settled());
        let leases = settled.filter_map(|it| it.leased_until);
        let by = leases.min().map(|until| until - replies::ATTEMPT_MAX);
        by.map(|by| match state.is_taken_over {
            true => Timestamp::MIN,
            false => by,
        })
    }

    /// Those that were delivered, among the settled.
    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        let state = self.state();
        let settled = state.replies.iter().take_while(|it| it.is_settled());
        let delivered = settled.filter_map(|it| match &it.attempt {
            Some(FirstAttempt::Delivered(delivered)) => Some(Delivered::clone(delivered)),
            Some(FirstAttempt::Apart | FirstAttempt::Unknown) | None => None,
        });
        delivered.collect()
    }
}

impl InFlightReply {
    fn is_settled(&self) -> bool {
        match &self.attempt {
            Some(FirstAttempt::Delivered(_) | FirstAttempt::Apart) => true,
            Some(FirstAttempt::Unknown) | None => false,
        }
    }
}
