//! Our "no" to the caller: part of the answer, never retried, never logged as an error.
//!
//! Codes and texts are the protocol's; where it gives a code without a text, the text is ours.

use thiserror::Error;

const CONVERSATION_TAIL: &str =
    "ConversationID, SequenceCode, and CallsInConversation are required for Conversations Requests";

/// Why a call is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error(
        "CallsInConversation don't match previous value in the Conversation. Conversation has been invalidated"
    )]
    CallsInConversationChanged,
    #[error("Missing Required Conversation Property SequenceCode. {CONVERSATION_TAIL}")]
    SequenceCodeMissing,
    #[error("Async API Timeout. More than 5 minutes passed between two parts of the Conversation")]
    ConversationTimedOut,
    #[error(
        "SequenceCode Out Of Bounds. Valid SequenceCode range is 1 to the value of CallsInConversation"
    )]
    SequenceCodeOutOfBounds,
    #[error(
        "CallsInConversation Out Of Bounds. CallsInConversation is expected to be a positive number"
    )]
    CallsInConversationOutOfBounds,
    #[error(
        "CallsInConversation Out Of Bounds. A Conversation may have at most 10000 calls; split the work into several Conversations"
    )]
    ConversationTooLong,
    #[error("Missing Required Conversation Property ConversationID. {CONVERSATION_TAIL}")]
    ConversationIdMissing,
    #[error("Missing Required Conversation Property CallsInConversation. {CONVERSATION_TAIL}")]
    CallsInConversationMissing,
    /// A synchronous request has what only an asynchronous one may have.
    #[error(
        "Options.RequestType is required to be set to RequestType.Asynchronous: the request has {0}"
    )]
    NotAsynchronous(String),
    #[error("Invalid ConversationID. ConversationID has already been used")]
    ConversationUsed,
    #[error("Invalid Conversation. A ConversationID may have at most 255 characters")]
    ConversationIdTooLong,
    /// Why it is in that state: code and text of the refusal that caused it.
    #[error(
        "Conversation is in an error state and is no longer able to accept conversation parts, since {code}: {why}. Send all of its calls again with a new ConversationID"
    )]
    ConversationFailed { code: u32, why: String },
    #[error("SequenceCode already used for Conversation. Conversation has been invalidated")]
    SequenceCodeUsed,
    #[error("Conversation is closed and cannot accept more parts")]
    ConversationClosed,
    #[error("Too many objects. A request may hold at most 32766 objects; split it into several")]
    TooManyObjects,
    #[error("A request may not have ScheduledTime greater than 30 days from now")]
    ScheduledTooFar,
    #[error("An unsecure response address specified in the 'SendResponseTo' parameter. {0}")]
    UnsecureResponseAddress(Box<BadAddress>),
    #[error("RequestExpirationTime is in the past")]
    ExpirationPast,
    #[error("RequestExpirationTime must be later than ScheduledTime")]
    ExpirationBeforeSchedule,
    #[error(
        "RequestExpirationTime is not supported for a Conversation of more than one call, nor for a synchronous request"
    )]
    ExpirationInConversation,
    /// Any other error in an object or an option; the text says what to do.
    #[error("{0}")]
    Invalid(Invalid),
}

/// An error in an option or object that has no code of its own (204), or a code of another range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    #[error(
        "ResponseType FTP is reserved and not supported. Use HTTPPost or email in SendResponseTo"
    )]
    FtpReserved,
    /// An address of a SendResponseTo: which one, and why.
    #[error("ResponseAddress of SendResponseTo: {0}")]
    MailAddress(String),
    #[error("ResponseAddress is missing in SendResponseTo")]
    ResponseAddressMissing,
    /// A strict account sent elements that are not read.
    #[error("{0}. This account is strict: a request of which something is not read is refused")]
    NotRead(String),
    #[error("At most 10 SendResponseTo are supported in a request")]
    TooManySubscriptions,
    #[error("CorrelationID '{0}' is used by more than one object of the request")]
    CorrelationIdUsed(String),
    #[error("No object specified. A request must hold at least one object")]
    NoObjects,
    /// An object fails a check of its own type, with that type's code.
    #[error("{message}")]
    Object { code: u32, message: String },
}

/// An address to which replies cannot be posted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("ResponseAddress '{shown}' ({number} of {of}) {rule}")]
pub struct BadAddress {
    /// Without user and password.
    pub shown: String,
    /// Which SendResponseTo of the request, from 1.
    pub number: usize,
    pub of: usize,
    pub rule: AddressRule,
}

/// The rule that the address breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressRule {
    #[error("cannot be read as an address. Write it like https://host/path")]
    Readable,
    #[error("is not https")]
    Https,
    #[error("leads to a host that is not on the public internet")]
    Public,
    #[error("has a port that no web server has: 443, or 1024 and above")]
    Port,
    #[error("leads to this service itself")]
    Foreign,
}

impl Refusal {
    /// The protocol's ErrorCode.
    pub const fn error_code(&self) -> u32 {
        match self {
            Self::CallsInConversationChanged => 200,
            Self::SequenceCodeMissing => 202,
            Self::ConversationTimedOut => 203,
            Self::Invalid(Invalid::Object { code, .. }) => *code,
            Self::Invalid(Invalid::NoObjects) => 6,
            Self::Invalid(_) => 204,
            Self::SequenceCodeOutOfBounds => 205,
            Self::CallsInConversationOutOfBounds | Self::ConversationTooLong => 206,
            Self::ConversationIdMissing => 207,
            Self::CallsInConversationMissing => 208,
            Self::NotAsynchronous(_) => 209,
            Self::ConversationUsed => 211,
            Self::ConversationIdTooLong => 212,
            Self::ConversationFailed { .. } => 213,
            Self::SequenceCodeUsed => 214,
            Self::ConversationClosed => 215,
            Self::TooManyObjects => 218,
            Self::ScheduledTooFar => 226,
            Self::UnsecureResponseAddress(_) => 227,
            Self::ExpirationPast => 228,
            Self::ExpirationBeforeSchedule => 229,
            Self::ExpirationInConversation => 231,
        }
    }
}
