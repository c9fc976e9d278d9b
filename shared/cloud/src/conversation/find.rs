//! Finds calls by RequestID and conversations by ConversationID.

use calls::{
    AccountId, Call, CallLocation, ConversationId, ConversationKey, RequestId, SequenceCode,
};

use crate::Cloud;
use crate::aws::table::Table;
use crate::error::Error;
use crate::records::call_record::{CallRecord, missing_call};
use crate::records::conversation_record::ConversationRecord;
use crate::records::load::{HeaderWithCalls, load_call, load_calls};

/// A call with the header of its conversation.
#[derive(Clone, Debug)]
pub struct LocatedCall {
    pub header: ConversationRecord,
    pub call: Call,
}

/// What a RequestID names, where one call by itself is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SingleCall {
    /// A call alone, or a conversation of one.
    Conversation(ConversationKey),
    PartOfConversation,
    Unknown,
}

/// The calls of a conversation that count, from one on, in order, at most `limit`.
pub(crate) async fn counted_calls(
    table: &Table,
    header: &ConversationRecord,
    first: SequenceCode,
    limit: i32,
) -> Result<Vec<CallRecord>, Error> {
    let mut page = load_calls(table, header, first, limit).await?;
    let arrived = &header.conversation.arrived;
    page.records
        .retain(|record| arrived.contains(record.call.place.sequence()));
    Ok(page.records)
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
    /// One call of a conversation; `None`: it is not kept any more.
    pub(crate) async fn load_call(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<Option<CallRecord>, Error> {
        load_call(&self.calls, header, sequence).await
    }

    /// The same for a call that must be there, since it has not had its turn.
    pub(crate) async fn require_call(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<CallRecord, Error> {
        let record = self.load_call(header, sequence).await?;
        record.ok_or_else(|| missing_call(&header.key, sequence))
    }

    /// The call of a RequestID, if the account has one. A call that was kept and never answered
    /// does not count: its caller cannot know its RequestID.
    pub async fn call_of_request(
        &self,
        account: &AccountId,
        request_id: &RequestId,
    ) -> Result<Option<LocatedCall>, Error> {
        let CallLocation {
            conversation,
            sequence,
        } = location_of(account, request_id);
        let loaded = self.load_calls(&conversation, sequence, 1).await?;
        // The id says nothing about whose the conversation is.
        let loaded = loaded.filter(|it| it.header.conversation.account == *account);
        let Some(HeaderWithCalls { header, calls }) = loaded else {
            return Ok(None);
        };
        let mut calls = calls.into_iter().map(|record| record.call.into_value());
        let call = calls.find(|call| call.request_id == *request_id);
        Ok(call.map(|call| LocatedCall { header, call }))
    }

    /// The conversation of one call that a RequestID names: a call alone, or a named conversation
    /// of one. Whether a call alone exists is not looked up here.
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

    /// A conversation and its calls that count, from one on, in order, at most `limit`; `None`: there is
    /// no such conversation.
    pub async fn load_calls(
        &self,
        key: &ConversationKey,
        first: SequenceCode,
        limit: i32,
    ) -> Result<Option<HeaderWithCalls>, Error> {
        let Some(header) = self.conversation_record(key).await? else {
            return Ok(None);
        };
        let calls = counted_calls(&self.calls, &header, first, limit).await?;
        Ok(Some(HeaderWithCalls { header, calls }))
    }
}
