//! One conversation with its calls and what became of them.

use calls::{AccountId, Call, ConversationKey, RequestId, SequenceCode};

use crate::conversation::find::counted_calls;
use crate::error::Error;
use crate::read::conversation_list::ConversationList;
use crate::records::call_record::CallRecord;
use crate::records::conversation_record::ConversationRecord;
use crate::records::load::{OutcomePage, load_outcomes};
use crate::records::outcome_record::OutcomeRecord;

/// Calls, or their outcomes, that are read in one request.
pub const READ_AT_ONCE: i32 = 250;

/// A call, and how it ended, if it has.
#[derive(Clone, Debug)]
pub struct ReadCall {
    pub call: Call,
    pub outcome: Option<OutcomeRecord>,
}

/// Calls of a conversation, and its header as it was when they were read.
#[derive(Clone, Debug)]
pub struct ReadCalls {
    pub header: ConversationRecord,
    pub calls: Vec<ReadCall>,
    /// Where to go on, if there may be more.
    pub next: Option<SequenceCode>,
}

impl ConversationList {
    /// The conversation of that ConversationID, or with a call of that RequestID.
    pub async fn find(
        &self,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<ConversationRecord>, Error> {
        if let Some(header) = ConversationRecord::named(&self.calls, account, name).await? {
            return Ok(Some(header));
        }
        let Some(location) = RequestId(name.to_owned()).location() else {
            return Ok(None);
        };
        let header = ConversationRecord::load(&self.calls, &location.conversation).await?;
        let has_it = |header: &ConversationRecord| {
            let conversation = &header.conversation;
            conversation.account == *account && conversation.arrived.contains(location.sequence)
        };
        Ok(header.filter(has_it))
    }

    /// Calls of a conversation from one on, in order; `None`: the conversation is not there any more.
    pub async fn calls_from(
        &self,
        key: &ConversationKey,
        first: SequenceCode,
    ) -> Result<Option<ReadCalls>, Error> {
        let Some(header) = ConversationRecord::load(&self.calls, key).await? else {
            return Ok(None);
        };
        let OutcomePage { outcomes, rest } =
            load_outcomes(&self.calls, &header, first, READ_AT_ONCE).await?;
        // The header once more, after the outcomes: a call that ended in between is then seen as it
        // was before, which is true of a moment ago, and not as neither.
        let Some(header) = ConversationRecord::load(&self.calls, key).await? else {
            return Ok(None);
        };
        let mut records = counted_calls(&self.calls, &header, first, READ_AT_ONCE).await?;
        let sequence_of = |record: &CallRecord| record.call.place.sequence();
        // Outcomes are longer than calls can be: fewer of them may have come in one answer.
        records.retain(|record| rest.is_none_or(|rest| sequence_of(record) < rest));
        let last = records.last().map(sequence_of);
        let mut outcomes = outcomes.into_iter().peekable();
        let read = |record: CallRecord| {
            let call = record.call.into_value();
            let sequence = call.place.sequence();
            while outcomes.next_if(|it| it.sequence < sequence).is_some() {}
            let written = outcomes.next_if(|it| it.sequence == sequence);
            let outcome = written.or_else(|| OutcomeRecord::to_be_written(&header, &call));
            ReadCall { call, outcome }
        };
        let calls: Vec<ReadCall> = records.into_iter().map(read).collect();
        let next = last.map(SequenceCode::next).or(rest);
        Ok(Some(ReadCalls {
            header,
            calls,
            next,
        }))
    }
}
