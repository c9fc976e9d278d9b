//! One file per record of the calls table, with its keys at its head. Records know no conversation's
//! decisions and ask nobody: they turn what is stored into what is meant, and back.

pub mod call_record;
pub(crate) mod compression;
pub mod continuation;
pub mod conversation_record;
pub mod embedded_call;
mod embedding;
pub mod held_record;
pub(crate) mod item;
pub mod mail_list;
pub mod mail_record;
pub mod outcome_record;
pub mod reply_record;
pub(crate) mod stored_reply;
pub mod unknown_mail_record;
pub mod unknown_record;
