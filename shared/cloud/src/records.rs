//! One file per record of the calls table, with its keys at its head. Records make no decision: they
//! turn what is stored into what is meant, and back.
//!
//! A small call alone lies in the header of its conversation, and a small reply with its outcome. Only
//! this module knows: [`load`] reads a call, an outcome or a reply wherever it lies, `end_records` says
//! what is written when a call ends, and `expiry` which records last as long as a call.

pub mod call_record;
pub(crate) mod compression;
pub mod continuation;
pub mod conversation_record;
mod embedded_call;
pub(crate) mod embedding;
pub(crate) mod end_records;
pub(crate) mod expiry;
pub(crate) mod expunging;
pub mod held_record;
pub(crate) mod item;
pub mod load;
pub mod mail_record;
pub mod outcome_record;
pub mod reply_record;
pub(crate) mod stored_reply;
pub mod unknown_mail_record;
pub mod unknown_record;
