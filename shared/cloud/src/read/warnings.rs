//! Calls that came with something that is not read, among conversations that were listed: the first call of
//! each, in one more request at most.

use std::collections::BTreeMap;

use calls::{Call, ConversationKey, SequenceCode};

use crate::Cloud;
use crate::aws::table::Key;
use crate::error::Error;
use crate::records::call_record::{CallRecord, call_key};
use crate::records::conversation_record::ConversationRecord;

/// A call, and what is not read of it.
#[derive(Clone, Debug)]
pub struct WarnedCall {
    pub header: ConversationRecord,
    pub call: Call,
    /// One for each thing, with the name that was sent.
    pub warnings: Vec<String>,
}

impl Cloud {
    /// In the order of the conversations. Who sends one call of a conversation wrongly sends the first so.
    pub async fn warned_calls(
        &self,
        headers: &[ConversationRecord],
    ) -> Result<Vec<WarnedCall>, Error> {
        let is_apart = |header: &&ConversationRecord| {
            header.call_at_hand().is_none()
                && header.conversation.arrived.contains(SequenceCode::FIRST)
        };
        let apart = headers.iter().filter(is_apart);
        let keys: Vec<Key> = apart
            .map(|header| call_key(&header.key, SequenceCode::FIRST))
            .collect();
        let mut first_calls: BTreeMap<String, Call> = BTreeMap::new();
        for item in self.calls.get_many(&keys).await? {
            let call = CallRecord::from_item(item)?.call.into_value();
            let ConversationKey(key) = call.conversation_key();
            first_calls.insert(key, call);
        }
        let warned = headers.iter().filter_map(|header| {
            let at_hand = header.call_at_hand().cloned();
            let call = at_hand.or_else(|| first_calls.remove(&header.key.0))?;
            let warnings = call.options.warnings.iter().map(|it| it.0.clone());
            let warnings: Vec<String> = warnings.collect();
            (!warnings.is_empty()).then(|| WarnedCall {
                header: header.clone(),
                call,
                warnings,
            })
        });
        Ok(warned.collect())
    }
}
