//! How calls ended, and their results, wherever these lie.

use calls::{Call, ConversationKey, Outcome, SequenceCode};
use jiff::Timestamp;
use objects::UnitResult;
use soap::ObjectResult;

use crate::Cloud;
use crate::aws::table::{Range, Table};
use crate::error::Error;
use crate::records::call_record::CallRecord;
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::ItemReader;
use crate::records::outcome_record::{OutcomeRecord, Results, chunk_prefix, outcome_sort};
use crate::records::reply_record::{ReplyLocation, ReplyRecord};

/// How some calls of a conversation ended.
#[derive(Debug)]
pub struct OutcomePage {
    /// In the order of their calls.
    pub outcomes: Vec<OutcomeRecord>,
    /// Where the rest begins, if there is more to look at.
    pub rest: Option<SequenceCode>,
}

impl OutcomeRecord {
    /// One result per object. Those of a call that was not carried out are made of the call: `call`, if
    /// it is in hand.
    pub async fn object_results(
        &self,
        cloud: &Cloud,
        call: Option<&CallRecord>,
    ) -> Result<Vec<ObjectResult>, Error> {
        if self.results == Results::None {
            return cloud.results_of_skipped(self, call).await;
        }
        let results = self.results.load(&cloud.large_bodies).await?;
        results.ok_or_else(|| Error::Unreadable {
            sk: outcome_sort(self.sequence),
            attribute: "results",
        })
    }

    /// How the calls of a conversation ended, as far as it is stored: from one on, in order, at most
    /// `limit`.
    pub(crate) async fn stored_from(
        table: &Table,
        header: &ConversationRecord,
        first: SequenceCode,
        limit: i32,
    ) -> Result<OutcomePage, Error> {
        let conversation = &header.key;
        if let Some(end) = &header.only.end {
            let there = (end.outcome.sequence >= first).then(|| end.outcome.clone());
            return Ok(OutcomePage {
                outcomes: there.into_iter().collect(),
                rest: None,
            });
        }
        let last = format!("OUTCOME#{:010}", u32::MAX);
        let first = outcome_sort(first);
        let range = Range::Between(&first, &last);
        let page = table.query(&conversation.0, range, limit, None).await?;
        let outcomes = page
            .items
            .into_iter()
            .map(|item| Self::from_item(conversation.clone(), item))
            .collect::<Result<Vec<_>, _>>()?;
        let last = outcomes.last().map(|record| record.sequence);
        let rest = page.next.and(last).map(SequenceCode::next);
        Ok(OutcomePage { outcomes, rest })
    }

    /// The outcome of a call whose conversation has ended before its turn, and that closing has not
    /// written yet: word for word what it will write.
    pub fn to_be_written(header: &ConversationRecord, call: &Call) -> Option<Self> {
        let outcome = header
            .conversation
            .outcome_of_skipped(call.place.sequence())?;
        let key = header.key.clone();
        Some(Self::of(key, call, outcome, Results::None))
    }
}

impl Cloud {
    /// How a call has ended, as it is to be kept.
    pub(crate) async fn outcome_record(
        &self,
        key: &ConversationKey,
        call: &Call,
        outcome: Outcome,
        results: Option<Vec<ObjectResult>>,
    ) -> Result<OutcomeRecord, Error> {
        let results = match results {
            None => Results::None,
            Some(results) => {
                let text = serde_json::to_string(&results).unwrap_or_default();
                Results::keep(&self.large_bodies, key, call.place.sequence(), &text).await?
            }
        };
        Ok(OutcomeRecord::of(key.clone(), call, outcome, results))
    }

    /// What the committed chunks of a call came to, in order.
    pub async fn chunk_results(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Vec<UnitResult>, Error> {
        let prefix = chunk_prefix(sequence);
        let mut results = Vec::new();
        let mut start = None;
        loop {
            let range = Range::Prefix(&prefix);
            let page = self
                .calls
                .query(&conversation.0, range, 500, start.as_ref())
                .await?;
            for item in page.items {
                let item = ItemReader(item);
                let chunk: Option<Vec<UnitResult>> =
                    Results::read(&item).load(&self.large_bodies).await?;
                results.extend(chunk.ok_or_else(|| item.unreadable("results"))?);
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(results),
            }
        }
    }

    /// How one call ended, if it has, and its results are still kept.
    pub async fn outcome(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
        now: Timestamp,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let record = self.stored_outcome(header, sequence).await?;
        Ok(record.filter(|record| self.is_kept(record, now)))
    }

    /// The same as long as the table has it.
    pub(crate) async fn stored_outcome(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<Option<OutcomeRecord>, Error> {
        match &header.only.end {
            Some(end) => Ok(Some(end.outcome.clone())),
            None => self.outcome_apart(&header.key, sequence).await,
        }
    }

    /// The outcome that a reply tells of, as long as its results are kept.
    pub async fn outcome_for_reply(
        &self,
        reply: &ReplyRecord,
        now: Timestamp,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let record = match &reply.location {
            ReplyLocation::InHeader(header) => {
                header.only.end.as_ref().map(|end| end.outcome.clone())
            }
            ReplyLocation::WithOutcome(outcome) => Some(outcome.as_ref().clone()),
            ReplyLocation::Apart => {
                self.outcome_apart(&reply.conversation, reply.reply.sequence)
                    .await?
            }
        };
        Ok(record.filter(|record| self.is_kept(record, now)))
    }

    async fn outcome_apart(
        &self,
        conversation: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let key = OutcomeRecord::key(conversation, sequence);
        let item = self.calls.get(&key).await?;
        item.map(|item| OutcomeRecord::from_item(conversation.clone(), item))
            .transpose()
    }

    /// How the calls of a conversation ended, from one on, in order; at most `limit`.
    pub async fn outcomes_from(
        &self,
        header: &ConversationRecord,
        first: SequenceCode,
        limit: i32,
        now: Timestamp,
    ) -> Result<OutcomePage, Error> {
        let mut page = OutcomeRecord::stored_from(&self.calls, header, first, limit).await?;
        // Where the rest begins is known before those are left out that are kept no longer: a page
        // may hold nothing else.
        page.outcomes.retain(|record| self.is_kept(record, now));
        Ok(page)
    }

    /// The table's TTL takes records late; what is promised is exact.
    fn is_kept(&self, record: &OutcomeRecord, now: Timestamp) -> bool {
        record.outcome.ended_at + self.results_retention() >= now
    }
}
