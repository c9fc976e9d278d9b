//! One call with its payload and its results, for people.

use calls::{Call, ConversationKey, SequenceCode};
use soap::ObjectResult;

use crate::Cloud;
use crate::error::Error;
use crate::records::call_record::{Body, CallRecord};
use crate::records::conversation_record::ConversationRecord;
use crate::records::outcome_record::{OutcomeRecord, Results};

/// A call with all that is kept of it.
#[derive(Clone, Debug)]
pub struct WholeCall {
    pub header: ConversationRecord,
    pub call: Call,
    /// As it is kept: one spelling, without passwords.
    pub payload: KeptPayload,
    pub outcome: Option<OutcomeRecord>,
    /// One per object; empty: there are none yet, or the bucket that they lie in is out of reach.
    pub results: Vec<ObjectResult>,
}

/// The payload of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptPayload {
    Text(String),
    /// The call was carried out, and nobody needs it any more.
    NotKept,
    /// It lies in the bucket, which is not known here or out of reach.
    OutOfReach,
}

impl Cloud {
    /// `None`: there is no such call, or it is not kept any more.
    pub async fn whole_call(
        &self,
        key: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<Option<WholeCall>, Error> {
        let Some(header) = ConversationRecord::load(&self.calls, key).await? else {
            return Ok(None);
        };
        let Some(record) = self.load_call(&header, sequence).await? else {
            return Ok(None);
        };
        if !header.conversation.arrived.contains(sequence) {
            return Ok(None);
        }
        let stored = self.stored_outcome(&header, sequence).await?;
        let outcome = stored.or_else(|| OutcomeRecord::to_be_written(&header, &record.call));
        let results = match &outcome {
            Some(outcome) => self.results_in_reach(outcome, &record).await?,
            None => Vec::new(),
        };
        Ok(Some(WholeCall {
            payload: self.payload_of(&record).await?,
            call: record.call.into_value(),
            header,
            outcome,
            results,
        }))
    }

    async fn payload_of(&self, record: &CallRecord) -> Result<KeptPayload, Error> {
        match &record.body {
            Body::None => Ok(KeptPayload::NotKept),
            Body::Inline(_) => {
                let packed = record.packed_body(&self.large_bodies).await?;
                Ok(KeptPayload::Text(packed.decompress()?))
            }
            Body::InBucket(_) => match record.packed_body(&self.large_bodies).await {
                Ok(packed) => Ok(KeptPayload::Text(packed.decompress()?)),
                Err(Error::LargeBodies { .. } | Error::Missing(_)) => Ok(KeptPayload::OutOfReach),
                Err(error) => Err(error),
            },
        }
    }

    async fn results_in_reach(
        &self,
        outcome: &OutcomeRecord,
        record: &CallRecord,
    ) -> Result<Vec<ObjectResult>, Error> {
        // Without results of its own they are made of the call, of which the payload may be gone.
        if outcome.results == Results::None && record.body == Body::None {
            return Ok(Vec::new());
        }
        match outcome.object_results(self, Some(record)).await {
            Err(Error::LargeBodies { .. } | Error::Missing(_)) => Ok(Vec::new()),
            found => found,
        }
    }
}
