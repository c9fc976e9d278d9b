//! Whole calls as stories: a caller sends real envelopes to the product on the local cloud, time
//! passes, and the answers, callbacks, mails and results are read as a client would read them.
//!
//! Read in this order: [`story`] (the caller, and the world around it), [`call`] (what it sends),
//! [`answer`] (what it hears), [`look`] (what it retrieves),
//! [`running`] (a world that runs by itself), [`record`] (what lies in the tables,
//! for what no caller can see), [`cut`] (the same story with the world stopped anywhere in it),
//! [`backend`] (what calls are forwarded to), [`metric_lines`] (what the functions count), [`log_watch`]
//! (what no log may hold), [`kept_answers`] (answers put aside for a validator).

pub mod answer;
pub mod backend;
pub mod call;
pub mod cut;
pub mod kept_answers;
pub mod log_watch;
pub mod look;
pub mod memory;
pub mod metric_lines;
pub mod record;
pub mod running;
pub mod story;

use jiff::SignedDuration;

pub use answer::{Answer, Node};
pub use call::{
    Call, SendTo, attribute, attributes, call, escaped, mail_to, part, post_to, subscriber,
};
pub use look::{Look, Retrieved, look_for};
pub use story::{Story, a_caller};

pub const fn seconds(number: i64) -> SignedDuration {
    SignedDuration::from_secs(number)
}

pub const fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

pub const fn hours(number: i64) -> SignedDuration {
    SignedDuration::from_hours(number)
}

pub const fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * number)
}
