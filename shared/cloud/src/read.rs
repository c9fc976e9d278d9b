//! What retrievals, extracts, the operator's command and the console read of calls that they have no id
//! of. Read only, and never by a scan.
//!
//! [`conversation_list`] goes through the indexes (by account and time, or what failed), [`state`] says
//! how a conversation stands in one word, [`conversation`] reads one with its calls, [`timeline`] with all
//! that happened to it, [`replies`] finds replies and
//! their delivery logs, [`mails`] lists mails, [`dead`] says what dead letters are about, [`overview`] what waits in the whole
//! stack, [`backends`] which there are and how each stands, [`scheduled`] calls that wait for their time, [`whole_call`] one call with payload and results,
//! [`unknown`] what people said of calls of unknown fate, [`warnings`] what calls came with that is not
//! read, [`rates`] what the functions counted by the minute.

pub mod backends;
pub mod conversation;
pub mod conversation_list;
pub mod dead;
mod found_reply;
pub mod mails;
pub mod overview;
pub(crate) mod parts;
pub mod rates;
pub mod replies;
pub mod scheduled;
pub mod state;
pub mod timeline;
pub mod unknown;
pub mod warnings;
pub mod whole_call;
