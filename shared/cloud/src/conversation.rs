//! What awaits around a conversation: accepting a call, reading ahead, committing, closing, finding.
//! Only [`commit`] writes conversations.

pub mod accept;
pub(crate) mod close;
pub mod commit;
pub mod find;
mod held_mails;
pub mod high_replies;
pub mod ordered_queue;
pub(crate) mod outbox;
pub mod outcomes;
pub mod prefetch;
pub(crate) mod previous_header;
pub mod replies;
mod skipped;
pub mod task;
pub mod token_buckets;
pub mod unknown;
pub mod waiting;
