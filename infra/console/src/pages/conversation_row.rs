//! One conversation in a list.

use calls::{EndReason, Phase};
use cloud::read::state::ConversationState;
use cloud::records::conversation_record::ConversationRecord;

use crate::link;
use crate::markup::ShownTime;
use crate::pages::state_class;

/// What a list shows of a conversation.
pub(crate) struct ConversationRow {
    pub key: String,
    pub href: String,
    pub opened: ShownTime,
    /// Its ConversationID; of a call outside any conversation its RequestID.
    pub name: String,
    pub state: &'static str,
    pub class: &'static str,
    pub priority: &'static str,
    pub arrived: u32,
    pub expected: u32,
    /// What its call is, or why it ended.
    pub what: String,
}

impl ConversationRow {
    pub(crate) fn of(base: &str, record: &ConversationRecord) -> Self {
        let conversation = &record.conversation;
        let state = ConversationState::of(conversation);
        Self {
            key: record.key.0.clone(),
            href: link::conversation(base, &record.key),
            opened: ShownTime(record.opened_at),
            name: name_of(record),
            state: state.name(),
            class: state_class::of_conversation(state),
            priority: conversation.priority.name(),
            arrived: conversation.arrived.count(),
            expected: conversation.calls_in_conversation.get(),
            what: what(record),
        }
    }
}

/// What a person calls it.
pub(crate) fn name_of(record: &ConversationRecord) -> String {
    let named = record.conversation.conversation_id.as_ref();
    match (named, record.call_at_hand()) {
        (Some(named), _) => named.as_str().to_owned(),
        (None, Some(only)) => only.request_id.0.clone(),
        // Of a large call alone it would take another request.
        (None, None) => format!("({})", record.key),
    }
}

/// Why it ended; `None`: it has not, or it ended well.
pub(crate) fn end_reason(record: &ConversationRecord) -> Option<&EndReason> {
    match &record.conversation.phase {
        Phase::Closing { end_reason, .. } | Phase::Ended(end_reason) => {
            Some(end_reason).filter(|reason| !reason.is_good())
        }
        Phase::Gathering | Phase::Running(_) => None,
    }
}

fn what(record: &ConversationRecord) -> String {
    if let Some(reason) = end_reason(record) {
        return match reason.error_code() {
            Some(code) => format!("{code}: {}", reason.message()),
            None => reason.message(),
        };
    }
    match record.call_at_hand() {
        Some(only) => format!("{} {}", only.method.name(), only.object_type),
        None => String::new(),
    }
}
