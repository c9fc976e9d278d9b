//! How calls ended, and their results.

use calls::{Call, ConversationKey, Outcome, SequenceCode};
use jiff::Timestamp;
use objects::UnitResult;
use soap::ObjectResult;

use crate::Cloud;
use crate::aws::table::Range;
use crate::error::Error;
use crate::records::call_record::CallRecord;
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::ItemReader;
use crate::records::load::{OutcomePage, load_outcome, load_outcome_of_reply, load_outcomes};
use crate::records::outcome_record::{OutcomeRecord, Results, chunk_prefix, outcome_sort};
use crate::records::reply_record::ReplyRecord;

impl OutcomeRecord {
    /// One result per object. For a call that was not carried out they are made from the call:
    /// `call`, if it has been read.
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

    /// The outcome of a call whose conversation ended before its turn, and that closing has not
    /// written yet: exactly what will be written.
    pub fn to_be_written(header: &ConversationRecord, call: &Call) -> Option<Self> {
        let outcome = header
            .conversation
            .outcome_of_skipped(call.place.sequence())?;
        let key = header.key.clone();
        Some(Self::of(key, call, outcome, Results::None))
    }
}

impl Cloud {
    /// The record of a call's end.
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

    /// The results of the committed chunks of a call, in order.
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

    /// How one call ended; `None`: it has not, or its results are not kept any more.
    pub async fn load_outcome(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
        now: Timestamp,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let record = self.stored_outcome(header, sequence).await?;
        Ok(record.filter(|record| self.is_kept(record, now)))
    }

    /// The same for as long as the table has the record.
    pub(crate) async fn stored_outcome(
        &self,
        header: &ConversationRecord,
        sequence: SequenceCode,
    ) -> Result<Option<OutcomeRecord>, Error> {
        load_outcome(&self.calls, header, sequence).await
    }

    /// The outcome that a reply is about, as long as its results are kept.
    pub async fn outcome_for_reply(
        &self,
        reply: &ReplyRecord,
        now: Timestamp,
    ) -> Result<Option<OutcomeRecord>, Error> {
        let record = load_outcome_of_reply(&self.calls, reply).await?;
        Ok(record.filter(|record| self.is_kept(record, now)))
    }

    /// How the calls of a conversation ended, from one on, in order; at most `limit`.
    pub async fn outcomes_from(
        &self,
        header: &ConversationRecord,
        first: SequenceCode,
        limit: i32,
        now: Timestamp,
    ) -> Result<OutcomePage, Error> {
        let mut page = load_outcomes(&self.calls, header, first, limit).await?;
        // Where the rest begins is determined before expired outcomes are left out: a page may hold
        // nothing else.
        page.outcomes.retain(|record| self.is_kept(record, now));
        Ok(page)
    }

    /// The table's TTL removes records late, but the promise is exact.
    fn is_kept(&self, record: &OutcomeRecord, now: Timestamp) -> bool {
        record.outcome.ended_at + self.results_retention() >= now
    }
}
