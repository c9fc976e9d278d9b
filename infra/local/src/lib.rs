//! A local AWS cloud that speaks the AWS wire protocol.
//!
//! Tests put it behind the SDK's HTTP client, in process, with clock and faults in their hands; other
//! processes reach the same stand-ins on a loopback port.
//! Operations that it does not know are refused, never answered politely.
//! [`stack`] puts the product's functions on it, [`site`] makes a server of both.

pub mod aws_request;
mod aws_wire;
mod billed;
pub mod callback_log;
pub mod callbacks;
mod chunked;
mod client_tokens;
pub mod clock;
mod connector;
mod console_pages;
pub mod delivery;
mod disk;
pub mod due_watch;
pub mod dynamodb;
pub mod event_source;
mod failure;
pub mod faults;
mod folder;
mod forwarding;
pub mod functions;
pub mod kms;
pub mod lifecycle;
pub mod mail;
pub mod mail_events;
pub mod names;
mod passing_time;
pub mod phone;
pub mod port;
pub mod prices;
mod product_tables;
mod queue;
pub mod recorded_metrics;
mod refused_query;
mod refused_write;
pub mod s3;
pub mod schedule;
pub mod scheduler;
pub mod secrets;
pub mod ses;
pub mod settings;
pub mod site;
mod site_state;
pub mod sqs;
pub mod stack;
mod test_call;
pub mod usage;
mod warning_log;
mod wire_answer;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use aws_request::{AwsRequest, Service};
pub use aws_wire::LocalCloud;
pub use callbacks::{CallbackAnswer, CapturedCallback};
pub use clock::LocalClock;
pub use delivery::{FifoSettings, ReceivedMessage, Redrive};
pub use dynamodb::Durability;
pub use faults::{Faults, InjectedFault};
pub use lifecycle::{Killed, Lifecycle};
pub use mail::{Attachment, CapturedMail};
pub use mail_events::{EventDelivery, MailFate};
pub use phone::{CapturedText, TextFate, TextFault};
pub use ses::MailFault;
pub use stack::Stack;
pub use usage::{Counts, Usage};

/// Takes a lock even after a panic elsewhere: a failed test must show its own message, not a
/// poisoned lock's.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
