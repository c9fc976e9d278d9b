//! A conversation that is over: its calls are given what they still lack.

use calls::{Call, Outcome, SequenceCode};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::{TRANSACTION_ITEMS_MAX, Transaction};
use crate::conversation::commit::told;
use crate::conversation::outbox::ReplyAction;
use crate::error::{CommitError, Error};
use crate::records::conversation_record::ConversationRecord;
use crate::records::outcome_record::OutcomeRecord;

/// Most records that closing one call can take: its outcome and its replies.
const CLOSING_ITEMS_MAX: usize = 1 + calls::options::SUBSCRIPTIONS_MAX;

impl Cloud {
    /// Gives the calls of a closing conversation what they still lack: an outcome to those that
    /// were not carried out, replies to all that want to know. As many as one transaction holds.
    pub async fn close_some(
        &self,
        seen: &ConversationRecord,
        now: Timestamp,
    ) -> Result<(ConversationRecord, Vec<ReplyAction>), CommitError> {
        let calls::Phase::Closing { end_reason, .. } = &seen.conversation.phase else {
            return Ok((seen.clone(), Vec::new()));
        };
        let mut transaction = Transaction::default();
        let mut actions = Vec::new();
        let mut through = None;
        for sequence in seen.conversation.unclosed() {
            if transaction.len() + CLOSING_ITEMS_MAX > TRANSACTION_ITEMS_MAX - 1 {
                break;
            }
            let (call, unrun) = self.unclosed_call(seen, sequence, now).await?;
            let ended = self.ended_outcome(seen, sequence, unrun.as_ref()).await?;
            let told = told(&call, &ended, now);
            let of_the_conversation = told.of_the_conversation(end_reason);
            actions.extend(self.write_replies(&mut transaction, seen, of_the_conversation, now));
            if let Some(outcome) = unrun.clone() {
                let replies = told.of_the_call();
                let record = self.outcome_record(&seen.key, &call, outcome, None).await?;
                actions.extend(self.write_outcome(&mut transaction, seen, &record, replies, now));
            }
            through = Some(sequence);
        }
        let mut conversation = seen.conversation.clone();
        if let Some(through) = through {
            conversation = conversation.closed_through(through);
        }
        let next = seen.next(conversation);
        let header = next.to_item(self.results_kept(), now);
        self.commit_with(seen, header, transaction).await?;
        Ok((next, actions))
    }

    async fn unclosed_call(
        &self,
        seen: &ConversationRecord,
        sequence: SequenceCode,
        now: Timestamp,
    ) -> Result<(Call, Option<Outcome>), Error> {
        let record = self.call_record(seen, sequence).await?;
        let record =
            record.ok_or_else(|| Error::Missing(format!("CALL#{sequence} of {}", seen.key)))?;
        Ok((
            record.call.into_value(),
            seen.conversation.outcome_of_unrun(sequence, now),
        ))
    }

    async fn ended_outcome(
        &self,
        seen: &ConversationRecord,
        sequence: SequenceCode,
        unrun: Option<&Outcome>,
    ) -> Result<Outcome, Error> {
        if let Some(outcome) = unrun {
            return Ok(outcome.clone());
        }
        let item = self
            .calls
            .get(&OutcomeRecord::key(&seen.key, sequence))
            .await?;
        let item =
            item.ok_or_else(|| Error::Missing(format!("OUTCOME#{sequence} of {}", seen.key)))?;
        Ok(OutcomeRecord::from_item(seen.key.clone(), item)?.outcome)
    }
}
