//! The life of a call and of its conversation, as decisions that do no I/O.
//!
//! Read in this order: [`call`] (what comes in), [`options`] (what its caller asks for),
//! [`conversation`] and [`lifecycle`] (every step of a conversation's life), [`end_reason`] and
//! [`outcome`] (how it ended), [`reply`] (who is told, and when), [`delivery`] (what attempts came to), [`refusal`] (our "no", with its
//! code), [`rate_limit`] (how many calls an account may make), [`queue_order`] (in which order and
//! how often its calls alone are carried out), [`backend`] (whether calls may be forwarded),
//! [`safe_to_repeat`] (which of them may be sent twice), [`maintenance_window`] (maintenance that
//! is planned), [`token_bucket`] (how often something may begin).
//!
//! **Architecture Invariant:** nothing in this crate awaits, or reads a clock, the environment or a
//! random number. Time and ids are arguments, and the manifest has no dependency that could do
//! more.

pub mod answering;
pub mod backend;
pub mod call;
pub mod conversation;
pub mod delivery;
pub mod end_reason;
pub mod hash;
pub mod lifecycle;
pub mod maintenance_window;
pub mod options;
pub mod outcome;
pub mod queue_order;
pub mod rate_limit;
pub mod received_set;
pub mod refusal;
pub mod reply;
pub mod safe_to_repeat;
pub mod token_bucket;
pub mod undelivered;

pub use backend::{BackendName, Begun, Breaker, BreakerState, Readiness, Release};
pub use call::{
    AccountId, Call, CallLocation, CallsInConversation, ClientKey, ConversationId, ConversationKey,
    Digest, Method, Place, RequestId, SequenceCode,
};
pub use conversation::{
    Action, ClosingStep, Conversation, Due, Joined, Phase, Progress, Seen, Step,
};
pub use delivery::{Attempt, AttemptResult, DeliveryResult, ReceiverAnswer, UnreachableCause};
pub use end_reason::{CANCELLED, EndReason};
pub use hash::{hash_parts, hex};
pub use lifecycle::{Cancelled, Rescheduled};
pub use maintenance_window::{BadWindow, MaintenanceWindow};
pub use options::{
    AsyncResponseType, Options, QueuePriority, RequestType, RespondWhen, SaveAction, SaveOption,
    Subscription, Warning,
};
pub use outcome::{Ended, Outcome, OverallStatus};
pub use queue_order::{
    CallerQueues, ClientQueue, QueueOrder, QueueOwner, QueuePlace, QueueRate, QueueSettings,
    RatePeriod,
};
pub use rate_limit::{
    CALLS_PER_SECOND_MAX, Limit, RateLimit, RateLimitAnswer, Reservation, Window,
};
pub use received_set::ReceivedSet;
pub use refusal::{AddressRule, BadAddress, Invalid, Refusal};
pub use reply::{Reply, ReplyContext, ReplyState, ReplySubject, SubjectKind};
pub use safe_to_repeat::{CallFate, SafeToRepeat, is_safe_to_repeat, repeated_after};
pub use token_bucket::{Rate, TokenBucket, TokenPriority, TokensTaken};
pub use undelivered::{UNDELIVERED_MAX, Undelivered};
