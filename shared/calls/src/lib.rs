//! The life of a call and of its conversation, as decisions without a world around them.
//!
//! Read in this order: [`call`] (what comes in), [`options`] (what its caller asks for),
//! [`conversation`] and [`course`] (where it stands among the others: every step of its life),
//! [`outcome`] (how
//! it ended), [`reply`] (who is told, and when), [`refusal`] (our "no", with its code), [`permits`]
//! (how many calls an account may make), [`queue_order`] (in which order and how often its calls alone
//! are begun), [`token_bucket`] (how often something is begun).
//!
//! **Architecture Invariant:** nothing in here awaits, reads a clock, an environment or a random
//! number. Time and identifiers come as arguments; the manifest holds nothing that could do more.

pub mod arrivals;
pub mod call;
pub mod conversation;
pub mod course;
pub mod ending;
pub mod options;
pub mod outcome;
pub mod permits;
pub mod queue_order;
pub mod refusal;
pub mod reply;
pub mod token_bucket;

pub use arrivals::Arrivals;
pub use call::{
    AccountId, Call, CallsInConversation, ConversationId, ConversationKey, Digest, Method, Place,
    RequestId, SequenceCode,
};
pub use conversation::{Conversation, Due, Joined, Owed, Phase, Progress, Seen, Step};
pub use course::Cancelled;
pub use ending::Ending;
pub use options::{
    AsyncResponseType, Options, QueuePriority, RequestType, RespondWhen, SaveAction, SaveOption,
    Subscription,
};
pub use outcome::{Ended, Outcome, OverallStatus};
pub use permits::{CALLS_PER_SECOND_MAX, Limit, Permits, Permitted, Taking, Window};
pub use queue_order::{QueueOrder, QueuePlace, QueueRate, QueueSettings, RatePeriod};
pub use refusal::{Invalid, Refusal};
pub use reply::{About, Attempt, Found, Reply, ReplyState, Told};
pub use token_bucket::{Rate, TokenBucket, TokensTaken};
