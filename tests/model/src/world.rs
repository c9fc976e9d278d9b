//! The state of a world: the table, the queue, and what the functions have in hand.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use calls::{Conversation, Due, EndReason, Ended, OverallStatus, Phase};

/// Everything there is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub instant: u8,
    pub maintenance: Switch,
    /// Whether the backend is out of service.
    pub outage: Switch,
    /// Requests that clients have still to make.
    pub unsent: BTreeSet<usize>,
    pub uncancelled: BTreeSet<usize>,
    pub crashes: u8,
    pub redeliveries: u8,
    pub losses: u8,
    pub conversations: Vec<StoredConversation>,
    pub wake_ups: BTreeSet<WakeUp>,
    pub ingests: Vec<Option<Arriving>>,
    pub processors: Vec<Option<Carrying>>,
    pub timekeeper: Option<Looking>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    NotYet,
    On,
    OffAgain,
}

/// A message in the queue, or with the scheduler until its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WakeUp {
    pub conversation: usize,
    pub step: u64,
    pub not_before_s: i64,
}

/// The records of one conversation, and the replies that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StoredConversation {
    pub header: Option<Header>,
    /// The request that each call record was made by.
    pub calls: BTreeMap<u32, usize>,
    pub outcomes: BTreeMap<u32, (How, Status)>,
    /// The RespondWhen of the pending replies, by the number of their SendResponseTo.
    pub replies: BTreeSet<(u32, u32)>,
    /// Which calls were carried out when, in their order.
    pub ran: Vec<(u32, u8)>,
    /// Which calls the backend was sent, in their order: its own log.
    pub sent: Vec<u32>,
    /// Carried out while calls were held back.
    pub ran_in_maintenance: bool,
    /// Replies that were written twice.
    pub replied_twice: bool,
    /// Calls whose only reply was committed without a record, since the header answers for it, and the
    /// number of that reply's SendResponseTo.
    pub first_replies: BTreeMap<u32, u32>,
    /// Those of them whose reply a processor has posted.
    pub posted: BTreeSet<u32>,
    pub posted_twice: bool,
    /// When calls were counted, by the time of their arrival.
    pub arrivals_s: Vec<i64>,
    /// The RequestIDs that were given for a call.
    pub answered: BTreeSet<(u32, usize)>,
    /// Requests that were answered with the RequestID of another content.
    pub answered_wrong: bool,
    pub cancelled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Ok,
    NotOk,
}

impl From<OverallStatus> for Status {
    fn from(status: OverallStatus) -> Self {
        match status {
            OverallStatus::Ok => Self::Ok,
            OverallStatus::HasErrors | OverallStatus::Error => Self::NotOk,
        }
    }
}

/// How a call ended: the production type cannot be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    CarriedOut,
    Expired,
    Cancelled,
    NotProcessed,
    Unknown,
}

impl From<Ended> for How {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::CarriedOut => Self::CarriedOut,
            Ended::Expired => Self::Expired,
            Ended::Cancelled => Self::Cancelled,
            Ended::NotProcessed => Self::NotProcessed,
            Ended::Unknown => Self::Unknown,
        }
    }
}

/// The header record, with the version that the next commit must find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub version: u64,
    pub conversation: Conversation,
}

/// A call in ingest, between two requests to the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arriving {
    pub sent: usize,
    pub instant: u8,
    pub seen: Option<Header>,
    /// Once its record is made, or was found: the request it was made by.
    pub first: Option<usize>,
}

/// A conversation in a processor's hands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Carrying {
    pub wake: WakeUp,
    pub seen: Option<Header>,
    pub flight: Flight,
    pub replies: InFlight,
}

/// The replies that a processor posts itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct InFlight {
    /// The calls that they tell of, and whether each has been posted.
    pub calls: Vec<(u32, bool)>,
    /// The last call for whose reply this processor has had the header answer.
    pub last: Option<u32>,
    /// An earlier one is left to others.
    pub is_behind: bool,
}

/// How far a call is on its way to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flight {
    None,
    /// It is committed that it was begun.
    Begun,
    /// The answer is not committed yet.
    Back(Back),
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Back {
    Well,
    Badly,
    /// It is out of service, and has done nothing.
    NotReady,
    /// Nothing.
    Lost,
}

/// A conversation that the timekeeper has loaded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Looking {
    pub conversation: usize,
    pub seen: Header,
    pub instant: u8,
    pub maintenance: bool,
}

impl StoredConversation {
    /// The reply to a call for which the header answers.
    pub fn first_reply(&self, call: u32) -> (u32, u32) {
        (
            call,
            self.first_replies.get(&call).copied().unwrap_or_default(),
        )
    }

    pub fn version(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.version)
    }
}

impl Hash for Header {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Conversation {
            arrived,
            subscribers_at_end,
            last_arrival,
            priority,
            phase,
            due,
            undelivered,
            ..
        } = &self.conversation;
        (
            self.version,
            arrived.as_bytes(),
            subscribers_at_end.as_bytes(),
        )
            .hash(state);
        (last_arrival, priority, undelivered).hash(state);
        match due {
            Due::At(at) => (0, Some(at)).hash(state),
            Due::Parked(at) => (1, Some(at)).hash(state),
            Due::Held(at) => (3, Some(at)).hash(state),
            Due::Never => 2.hash(state),
        }
        match phase {
            Phase::Gathering => 0.hash(state),
            Phase::Running(progress) => {
                let begun = progress.begun.map(|begun| (begun.until, begun.by));
                (1, progress.next, progress.done_through, progress.chunks).hash(state);
                (begun, progress.repeats).hash(state);
            }
            Phase::Closing {
                next,
                end_reason,
                step,
                ..
            } => {
                (2, next, *step == calls::ClosingStep::Outcomes).hash(state);
                hash_ending(end_reason, state);
            }
            Phase::Ended(end_reason) => {
                3.hash(state);
                hash_ending(end_reason, state);
            }
        }
    }
}

fn hash_ending<H: Hasher>(end_reason: &EndReason, state: &mut H) {
    match end_reason {
        EndReason::Complete => 0.hash(state),
        EndReason::Failed { by, .. } => (1, by).hash(state),
        EndReason::TimedOut => 2.hash(state),
        EndReason::Invalidated { error_code } => (3, error_code).hash(state),
        EndReason::Cancelled { from } => (4, from).hash(state),
    }
}
