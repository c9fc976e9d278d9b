//! What retrievals, extracts and the operator's command read of calls that they have no id of: lists
//! by account and day, and one conversation with its calls.
//!
//! Read only, and never by a scan. [`conversation_list`] goes through the index, [`state`] says how a
//! conversation stands in one word, [`conversation`] reads one whole, [`unknown`] what people said of
//! calls of unknown fate.

pub mod conversation;
pub mod conversation_list;
pub mod state;
pub mod unknown;
