//! A call alone, kept in its conversation's header: one record is written instead of four, which is
//! most of what such a call costs.
//!
//! The call lies there from the start if both fit one write unit, its end when it has ended. Only
//! where nothing is lost by it: the header is that of a call outside any
//! conversation, so it expires as outcomes do; its end is the conversation's; at most one reply is
//! pending; and the whole stays within one write unit. Everything else lies in records of its own.

use calls::{ConversationKey, Reply, ReplyState};

use crate::error::Error;
use crate::records::call_record::{Body, CallRecord};
use crate::records::item::{ItemReader, ItemWriter};
use crate::records::outcome_record::OutcomeRecord;
use crate::records::stored_reply::StoredReply;

/// What of a call alone lies in its conversation's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::records) struct EmbeddedCall {
    pub(in crate::records) call: Option<Box<CallRecord>>,
    pub(in crate::records) end: Option<EmbeddedEnd>,
}

/// How a call alone ended, and the reply to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::records) struct EmbeddedEnd {
    pub(in crate::records) outcome: OutcomeRecord,
    pub(in crate::records) reply: Option<Reply>,
}

impl EmbeddedCall {
    /// Whether a reply lies here that is still to be delivered.
    pub(in crate::records) fn is_reply_pending(&self) -> bool {
        let reply = self.end.as_ref().and_then(|end| end.reply.as_ref());
        reply.is_some_and(|reply| matches!(reply.state, ReplyState::Pending(_)))
    }

    /// Whether a reply lies here that an attempt has failed at.
    pub(in crate::records) fn is_reply_failing(&self) -> bool {
        let reply = self.end.as_ref().and_then(|end| end.reply.as_ref());
        reply.is_some_and(Reply::is_failing)
    }

    /// The same once the call has been carried out and has results: its body is not needed any more.
    /// The body of a call that was not carried out stays: its results are made from the objects in it.
    pub(in crate::records) fn carried_out(&self) -> Self {
        let mut without_body = self.clone();
        if let Some(call) = &mut without_body.call {
            call.body = Body::None;
        }
        without_body
    }

    /// The lease on the reply is over.
    pub(in crate::records) fn release_reply(&mut self) {
        if let Some(end) = &mut self.end {
            end.reply = end.reply.take().map(Reply::released);
        }
    }

    pub(in crate::records) fn write(&self, writing: ItemWriter) -> ItemWriter {
        let Some(end) = &self.end else {
            return match &self.call {
                Some(call) => call.write(writing),
                None => writing,
            };
        };
        let Some(call) = &self.call else {
            let writing = end.outcome.write(writing);
            let reply = end.reply.as_ref().map(StoredReply::beside_outcome);
            return writing.maybe_compressed_json("reply", reply.as_ref());
        };
        let writing = end.outcome.write_beside_call(call.write(writing));
        let reply = end.reply.as_ref();
        let reply = reply.map(|reply| StoredReply::beside_call(reply, &call.call));
        writing.maybe_compressed_json("reply", reply.as_ref())
    }

    pub(in crate::records) fn read(
        key: &ConversationKey,
        item: &ItemReader,
    ) -> Result<Self, Error> {
        let call = match item.has("call") {
            true => Some(Box::new(CallRecord::read(item)?)),
            false => None,
        };
        if item.maybe_text("outcome").is_none() {
            return Ok(Self { call, end: None });
        }
        let outcome = match &call {
            Some(record) => OutcomeRecord::read_beside_call(&record.call, key.clone(), item)?,
            None => OutcomeRecord::read(key.clone(), item)?,
        };
        let reply = match item.has("reply") {
            true => {
                let call = call.as_ref().map(|record| &*record.call);
                let reply = item.compressed_json::<StoredReply>("reply")?;
                let reply = reply.into_reply(&outcome, call);
                Some(reply.ok_or_else(|| item.unreadable("reply"))?)
            }
            false => None,
        };
        let end = Some(EmbeddedEnd { outcome, reply });
        Ok(Self { call, end })
    }
}
