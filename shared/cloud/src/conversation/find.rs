//! Finding calls again: by RequestID, by ConversationID.

use calls::{
    AccountId, Call, CallLocation, ConversationId, ConversationKey, RequestId, SequenceCode,
};

use crate::Cloud;
use crate::aws::table::{Range, Table};
use crate::error::Error;
use crate::records::call_record::CallRecord;
use crate::records::conversation_record::ConversationRecord;

/// Where a call is, and how its conversation stands.
#[derive(Clone, Debug)]
pub struct LocatedCall {
    pub header: ConversationRecord,
    pub call: Call,
}

/// What a RequestID stands for, where a call by itself is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SingleCall {
    /// A call alone, or a conversation of one.
    Conversation(ConversationKey),
    PartOfConversation,
    Unknown,
}

impl CallRecord {
    /// Those calls of a conversation that count, from one on, in order, wherever they are kept.
    pub(crate) async fn counted_from(
        table: &Table,
        header: &ConversationRecord,
        first: SequenceCode,
        limit: i32,
    ) -> Result<Vec<Self>, Error> {
        if let Some(record) = &header.only.call {
            let record = Some(Self::clone(record));
            let record = record.filter(|record| record.call.place.sequence() >= first);
            return Ok(record.into_iter().collect());
        }
        let first = format!("CALL#{:010}", first.get());
        let last = format!("CALL#{:010}", u32::MAX);
        let range = Range::Between(&first, &last);
        let page = table.query(&header.key.0, range, limit, None).await?;
        let records = page
            .items
            .into_iter()
            .map(Self::from_item)
            .collect::<Result<Vec<_>, _>>()?;
        let arrived = &header.conversation.arrived;
        let counted = |record: &Self| arrived.contains(record.call.place.sequence());
        Ok(records.into_iter().filter(counted).collect())
    }
}

impl ConversationRecord {
    /// The conversation that a caller names: by its ConversationID, or, for a call outside any
    /// conversation, by its RequestID.
    pub(crate) async fn named(
        table: &Table,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Self>, Error> {
        if let Ok(conversation_id) = ConversationId::parse(name) {
            let key = ConversationKey::named(account, &conversation_id);
            if let Some(header) = Self::load(table, &key).await? {
                return Ok(Some(header));
            }
        }
        let request_id = RequestId(name.to_owned());
        Self::load(table, &ConversationKey::of_request(account, &request_id)).await
    }
}

/// Where a call of this id lies if it is there: nobody has looked.
fn location_of(account: &AccountId, request_id: &RequestId) -> CallLocation {
    request_id.location().unwrap_or_else(|| CallLocation {
        conversation: ConversationKey::of_request(account, request_id),
        sequence: SequenceCode::FIRST,
    })
}

impl Cloud {
    /// One call of a conversation, wherever it is kept.
    pub(crate) async fn call_record(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<Option<CallRecord>, Error> {
        match &header.only.call {
            Some(record) => Ok(Some(record.as_ref().clone())),
            None => CallRecord::load(&self.calls, &header.key, sequence).await,
        }
    }

    /// The call of a RequestID, if the account has one. A call that was kept but never answered
    /// does not count: its caller cannot know of it.
    pub async fn call_of_request(
        &self,
        account: &AccountId,
        request_id: &RequestId,
    ) -> Result<Option<LocatedCall>, Error> {
        let CallLocation {
            conversation,
            sequence,
        } = location_of(account, request_id);
        let found = self.calls_of(&conversation, sequence, 1).await?;
        // The id says nothing about whose the conversation is.
        let found = found.filter(|(header, _)| header.conversation.account == *account);
        let Some((header, calls)) = found else {
            return Ok(None);
        };
        let call = calls
            .into_iter()
            .find(|call| call.request_id == *request_id);
        Ok(call.map(|call| LocatedCall { header, call }))
    }

    /// The conversation of one that the call of a RequestID is: one that was named is as good as a
    /// call alone, of which nobody asks here whether it is there.
    pub async fn single_of_request(
        &self,
        account: &AccountId,
        request_id: &RequestId,
    ) -> Result<SingleCall, Error> {
        let Some(location) = request_id.location() else {
            let key = ConversationKey::of_request(account, request_id);
            return Ok(SingleCall::Conversation(key));
        };
        let key = location.conversation;
        let header = self.conversation_record(&key).await?;
        let Some(header) = header.filter(|header| header.conversation.account == *account) else {
            return Ok(SingleCall::Unknown);
        };
        Ok(match header.conversation.calls_in_conversation.get() {
            1 => SingleCall::Conversation(key),
            _ => SingleCall::PartOfConversation,
        })
    }

    /// The conversation that a caller names.
    pub async fn conversation_named(
        &self,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<ConversationRecord>, Error> {
        ConversationRecord::named(&self.calls, account, name).await
    }

    /// A conversation and those of its calls that count, from one on, in order.
    pub async fn calls_of(
        &self,
        key: &ConversationKey,
        first: SequenceCode,
        limit: i32,
    ) -> Result<Option<(ConversationRecord, Vec<Call>)>, Error> {
        let found = self.call_records_of(key, first, limit).await?;
        let calls = |records: Vec<CallRecord>| {
            let calls = records.into_iter().map(|record| record.call.into_value());
            calls.collect()
        };
        Ok(found.map(|(header, records)| (header, calls(records))))
    }

    /// The same, with their bodies.
    pub async fn call_records_of(
        &self,
        key: &ConversationKey,
        first: SequenceCode,
        limit: i32,
    ) -> Result<Option<(ConversationRecord, Vec<CallRecord>)>, Error> {
        let Some(header) = self.conversation_record(key).await? else {
            return Ok(None);
        };
        let records = CallRecord::counted_from(&self.calls, &header, first, limit).await?;
        Ok(Some((header, records)))
    }
}
