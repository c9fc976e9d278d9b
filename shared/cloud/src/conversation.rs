//! What awaits around a conversation: accepting a call, reading ahead, committing, closing, finding.
//! Only [`commit`] writes conversations.

pub mod accept;
pub(crate) mod close;
pub mod commit;
pub(crate) mod conflicts;
mod counted;
pub mod find;
pub mod first_replies;
mod held_mails;
mod open_mails;
pub mod ordered_queue;
pub(crate) mod outbox;
pub mod outcomes;
pub mod prefetch;
pub mod replies;
mod skipped;
pub mod task;
pub mod token_buckets;
pub mod unknown;
pub mod unknown_mails;
pub mod waiting;
