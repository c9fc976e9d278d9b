//! How far a call was taken by one run.

use cloud::ReplyAction;
use cloud::records::conversation_record::ConversationRecord;

/// How far a call was taken.
pub enum CarriedOut {
    /// Maintenance is on: nothing was done.
    InMaintenance,
    /// What is committed is the header, and what is owed to callers.
    Committed(Box<ConversationRecord>, Vec<ReplyAction>),
}
