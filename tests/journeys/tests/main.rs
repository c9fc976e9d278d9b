//! All stories, in one program: each program of its own would link the AWS SDK and the database once
//! more, which takes longer than to compile them all.
//!
//! `cargo test -p journeys replies::` tells the stories of `replies.rs`. A file that is not named
//! here is not told; `cargo test -p tidy` fails for it.

mod access_tokens;
mod acts;
mod addresses;
mod agreement;
mod answers;
mod by_time;
mod callers;
mod cancelling;
mod ceilings;
mod children;
mod clearing;
mod conversations;
mod cost;
mod cut;
mod documents;
mod doubles;
mod extracts;
mod first_attempts;
mod forwarding;
mod idempotency;
mod imports;
mod incident;
mod lagging;
mod large;
mod layout;
mod lifecycle;
mod limits;
mod logs;
mod mail_events;
mod maintenance;
mod memory;
mod neighbours;
mod not_read;
mod operations;
mod page_states;
mod password_digests;
mod poison;
mod poison_replies;
mod prefetching;
mod priority;
mod queue_order;
mod refusals;
mod replies;
mod replies_beside;
mod resending;
mod rest;
mod retention;
mod retrieving;
mod retrieving_calls;
mod retrieving_objects;
mod retrieving_pages;
mod security;
mod send_results;
mod shares;
mod silence;
mod texts;
mod time;
mod triggered;
