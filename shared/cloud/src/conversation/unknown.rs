//! Calls of unknown fate: listed for people, and kept with what people say of them.

use calls::{AccountId, Call, Ended, RequestId};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::Range;
use crate::error::{CommitError, Committed, Error};
use crate::records::call_record::CallRecord;
use crate::records::compression::Compressed;
use crate::records::outcome_record::Results;
use crate::records::unknown_record::{PARTITION, Settlement, UnknownRecord};

/// Records that are read in one request.
pub(crate) const UNKNOWN_PAGE: i32 = 200;

/// Which of them are listed.
#[derive(Clone, Debug)]
pub struct UnknownQuery {
    /// `None`: of all accounts.
    pub account: Option<AccountId>,
    /// Those, too, of which somebody has said what became of them.
    pub with_settled: bool,
    pub limit: usize,
}

/// A call of unknown fate with all that is kept of it.
pub struct UnknownCall {
    pub record: UnknownRecord,
    pub call: Call,
    /// How many of its objects have results. The fate of those behind them is unknown.
    pub known_objects: usize,
    kept: CallRecord,
}

/// What was found under a RequestID.
pub enum FoundUnknown {
    /// No call of the account.
    Nothing,
    /// A call of known fate, or one that is not kept any more.
    Known,
    Unknown(Box<UnknownCall>),
}

impl Cloud {
    /// The newest first.
    pub async fn unknown_calls(&self, query: &UnknownQuery) -> Result<Vec<UnknownRecord>, Error> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let range = Range::Down("9", "0");
            let page = self
                .calls
                .query(PARTITION, range, UNKNOWN_PAGE, start.as_ref());
            let page = page.await?;
            for item in page.items {
                let record = UnknownRecord::from_item(item)?;
                let account = query.account.as_ref();
                let is_of = account.is_none_or(|it| *it == record.about.account);
                if is_of && (query.with_settled || record.settlement.is_none()) {
                    found.push(record);
                }
                if found.len() >= query.limit {
                    return Ok(found);
                }
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// The call of a RequestID, if its fate is unknown.
    pub async fn unknown_call(
        &self,
        account: &AccountId,
        request_id: &RequestId,
    ) -> Result<FoundUnknown, Error> {
        let Some(located) = self.call_of_request(account, request_id).await? else {
            return Ok(FoundUnknown::Nothing);
        };
        let (header, sequence) = (&located.header, located.call.place.sequence());
        let outcome = self.stored_outcome(header, sequence).await?;
        let Some(outcome) = outcome.filter(|it| it.outcome.how == Ended::Unknown) else {
            return Ok(FoundUnknown::Known);
        };
        let key = UnknownRecord::key(&header.key, sequence, outcome.outcome.ended_at);
        let (Some(item), Some(kept)) = (
            self.calls.get(&key).await?,
            self.load_call(header, sequence).await?,
        ) else {
            return Ok(FoundUnknown::Known);
        };
        let known_objects = match outcome.results {
            // Given up as a whole, with pieces that were committed before.
            Results::None => self.chunk_results(&header.key, sequence).await?.len(),
            Results::Inline(_) | Results::InBucket { .. } => {
                let results = outcome.object_results(self, Some(&kept)).await?;
                let is_known = |result: &&soap::ObjectResult| result.received.is_some();
                results.iter().take_while(is_known).count()
            }
        };
        Ok(FoundUnknown::Unknown(Box::new(UnknownCall {
            record: UnknownRecord::from_item(item)?,
            call: located.call,
            known_objects,
            kept,
        })))
    }

    /// Its payload, as it is kept.
    pub async fn body_of_unknown(&self, call: &UnknownCall) -> Result<String, Error> {
        let body = call.kept.packed_body(&self.large_bodies).await?;
        body.decompress()
    }

    /// Records what a person says of a call, in place of what was said before.
    pub async fn settle_unknown(
        &self,
        record: &UnknownRecord,
        settlement: Settlement,
    ) -> Result<UnknownRecord, CommitError> {
        let next = UnknownRecord {
            version: record.version + 1,
            settlement: Some(settlement),
            ..record.clone()
        };
        let item = next.to_item();
        self.calls.put_over(item, Some(record.version)).await?;
        Ok(next)
    }

    /// Accepts a call alone that a person sends again, once: under its RequestID there is at most
    /// one. No wake-up is sent, since a person's command reaches no queue: the timekeeper finds the
    /// call.
    pub async fn accept_resent(
        &self,
        call: Call,
        canonical: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key = call.conversation_key();
        if self.conversation_record(&key).await?.is_some() {
            return Ok(());
        }
        let body =
            CallRecord::keep_body(&self.large_bodies, &self.random, &call, canonical).await?;
        let call = Compressed::of(call);
        let mut acceptance = self
            .decide_opening(&CallRecord { call, body }, None, now)
            .await?;
        acceptance.step.actions.clear();
        // After a conflict, another command has accepted the same call.
        let committed = self
            .commit_step(&key, acceptance.previous, acceptance.step, now)
            .await;
        Committed::of(committed).map(drop)
    }
}
