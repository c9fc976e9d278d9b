//! What retrievals, extracts and the operator's command read of calls that they have no id of: lists
//! by account and day, and one conversation with its calls.
//!
//! Read only, and never by a scan. [`conversation_list`] goes through the index, [`state`] says how a
//! conversation stands in one word, [`conversation`] reads one whole.

pub mod conversation;
pub mod conversation_list;
pub mod scheduled;
pub mod state;
pub mod whole_call;
