//! The events that can happen in a world.

use calls::{Method, QueuePriority, RespondWhen};
use local::InjectedFault;

/// One part of a conversation, with its Body. Two parts have the same content if they are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub sequence: u32,
    pub calls: u32,
    pub change: Write,
    /// Milliseconds of the world's clock.
    pub scheduled_ms: Option<i64>,
    pub expires_ms: Option<i64>,
    pub priority: QueuePriority,
    pub respond_when: Vec<RespondWhen>,
    /// Makes parts different that would be the same otherwise.
    pub variant: u8,
}

/// What a call does: one method on some objects of its conversation, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub method: Method,
    pub objects: Vec<u8>,
}

/// How a conversation is named to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// By a ConversationID.
    Named(u8),
    /// Without one: a call alone.
    Alone(u8),
    /// By an Idempotency-Key.
    Keyed(u8),
}

/// A fault of the `nth` request to AWS from the start of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub nth: u64,
    pub fault: InjectedFault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    Sends {
        to: Name,
        part: Part,
        error: Option<Error>,
    },
    /// Two requests to ingest at the same time; `spread` says how they interleave.
    SendTogether {
        to: Name,
        parts: [Part; 2],
        spread: u64,
    },
    SendsFlawed(Flaw),
    /// A function gets one batch from its queue.
    Works {
        queue: usize,
        error: Option<Error>,
    },
    /// Two functions get the same batch at the same time.
    WorkTogether {
        queue: usize,
        spread: u64,
    },
    /// The timekeeper runs while a function is at work, and so does whoever it wakes.
    TicksAmidWork {
        queue: usize,
        spread: u64,
    },
    /// A message that was delivered before is delivered again.
    ComesAgain {
        which: u64,
    },
    Ticks {
        error: Option<Error>,
    },
    /// The clock jumps.
    Jumps {
        ms: i64,
    },
    /// Everything that is due and possible is done.
    Settles,
    Maintenance(bool),
    Cancels {
        name: Name,
        error: Option<Error>,
    },
    /// The same by the RequestID of a part.
    CancelsRequest {
        name: Name,
        sequence: u32,
    },
    /// The receivers of replies fail so many times.
    ReceiverFails {
        times: u8,
        how: Failing,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    Status(u16),
    Unreachable,
    NoAnswer,
}

/// What is wrong with a request that is refused whatever the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    NoSequenceCode,
    SequenceCodeZero,
    SequenceCodeBeyond,
    NoCalls,
    NoCallsAtAll,
    TooManyCalls,
    NoConversationId,
    LongConversationId,
    Synchronous,
    TooManyObjects,
    ScheduledTooFar,
    UnsecureAddress,
    Expired,
    ExpiresBeforeSchedule,
    ExpiresInConversation,
    Ftp,
    CorrelationIdTwice,
    CancelsUnknown,
}

impl Flaw {
    pub const ALL: [Self; 18] = [
        Self::NoSequenceCode,
        Self::SequenceCodeZero,
        Self::SequenceCodeBeyond,
        Self::NoCalls,
        Self::NoCallsAtAll,
        Self::TooManyCalls,
        Self::NoConversationId,
        Self::LongConversationId,
        Self::Synchronous,
        Self::ScheduledTooFar,
        Self::UnsecureAddress,
        Self::Expired,
        Self::ExpiresBeforeSchedule,
        Self::ExpiresInConversation,
        Self::Ftp,
        Self::CorrelationIdTwice,
        Self::CancelsUnknown,
        Self::TooManyObjects,
    ];

    /// The code that the contract has for it.
    pub const fn error_code(self) -> u32 {
        match self {
            Self::NoSequenceCode => 202,
            Self::Ftp | Self::CorrelationIdTwice => 204,
            Self::SequenceCodeZero | Self::SequenceCodeBeyond => 205,
            Self::NoCallsAtAll | Self::TooManyCalls => 206,
            Self::NoConversationId => 207,
            Self::NoCalls => 208,
            Self::Synchronous => 209,
            Self::LongConversationId => 212,
            Self::TooManyObjects => 218,
            Self::CancelsUnknown => 220,
            Self::ScheduledTooFar => 226,
            Self::UnsecureAddress => 227,
            Self::Expired => 228,
            Self::ExpiresBeforeSchedule => 229,
            Self::ExpiresInConversation => 231,
        }
    }
}

/// The conversations that an event can have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    None,
    One(Name),
    /// Calls may have been carried out.
    All,
}

impl Touched {
    pub fn is(self, name: Name) -> bool {
        self == Self::All || self == Self::One(name)
    }
}

impl Happening {
    /// Counted, so that no sort of event is forgotten.
    pub fn kind(&self) -> String {
        match self {
            Self::Sends { to, error, .. } => {
                let to = match to {
                    Name::Named(_) => "part",
                    Name::Alone(_) => "call alone",
                    Name::Keyed(_) => "call with a key",
                };
                format!("sends a {to}{}", with(error.as_ref()))
            }
            Self::SendTogether { .. } => "two at the door".to_owned(),
            Self::SendsFlawed(flaw) => format!("sends {flaw:?}"),
            Self::Works { queue: 3, error } => format!("notifies{}", with(error.as_ref())),
            Self::Works { error, .. } => format!("processes{}", with(error.as_ref())),
            Self::WorkTogether { queue: 3, .. } => "two notify".to_owned(),
            Self::WorkTogether { .. } => "two process".to_owned(),
            Self::TicksAmidWork { .. } => "ticks amid work".to_owned(),
            Self::ComesAgain { .. } => "a message comes again".to_owned(),
            Self::Ticks { error } => format!("ticks{}", with(error.as_ref())),
            Self::Jumps { .. } => "the clock jumps".to_owned(),
            Self::Settles => "all is settled".to_owned(),
            Self::Maintenance(on) => format!("maintenance {on}"),
            Self::Cancels { error, .. } => format!("cancels{}", with(error.as_ref())),
            Self::CancelsRequest { .. } => "cancels a request".to_owned(),
            Self::ReceiverFails { how, .. } => match how {
                Failing::Status(_) => "a receiver answers badly".to_owned(),
                Failing::Unreachable => "a receiver is not there".to_owned(),
                Failing::NoAnswer => "a receiver never answers".to_owned(),
            },
        }
    }

    /// The conversations that it can have changed.
    pub const fn touches(&self) -> Touched {
        match self {
            Self::Sends { to: name, .. }
            | Self::SendTogether { to: name, .. }
            | Self::Cancels { name, .. }
            | Self::CancelsRequest { name, .. } => Touched::One(*name),
            Self::Works { .. }
            | Self::WorkTogether { .. }
            | Self::TicksAmidWork { .. }
            | Self::Ticks { .. }
            | Self::Settles => Touched::All,
            Self::SendsFlawed(_)
            | Self::ComesAgain { .. }
            | Self::Jumps { .. }
            | Self::Maintenance(_)
            | Self::ReceiverFails { .. } => Touched::None,
        }
    }

    pub const fn out_of_reach(&self) -> Option<Error> {
        match self {
            Self::Sends { error, .. }
            | Self::Works { error, .. }
            | Self::Ticks { error }
            | Self::Cancels { error, .. } => *error,
            Self::SendTogether { .. }
            | Self::SendsFlawed(_)
            | Self::WorkTogether { .. }
            | Self::TicksAmidWork { .. }
            | Self::ComesAgain { .. }
            | Self::Jumps { .. }
            | Self::Settles
            | Self::Maintenance(_)
            | Self::CancelsRequest { .. }
            | Self::ReceiverFails { .. } => None,
        }
    }
}

fn with(error: Option<&Error>) -> String {
    error.map_or_else(String::new, |error| format!(" with {:?}", error.fault))
}
