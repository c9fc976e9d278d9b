//! Closes a conversation that has ended: writes the outcomes and replies that its calls still lack.

use calls::{Call, ClosingStep, Conversation, Phase, ReplySubject, SequenceCode};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::{TRANSACTION_ITEMS_MAX, Transaction};
use crate::conversation::commit::CommittedStep;
use crate::conversation::counted;
use crate::conversation::outbox::ReplyAction;
use crate::conversation::outbox::reply_context;
use crate::error::{CommitError, Error};
use crate::metrics::Metric;
use crate::records::conversation_record::ConversationRecord;
use crate::records::end_records::OutcomeRecords;

/// Most items that closing one call can take: its outcome and its replies.
const CLOSING_ITEMS_MAX: usize = 1 + calls::options::SUBSCRIPTIONS_MAX;

impl Cloud {
    /// Writes what the calls of a closing conversation still lack: an outcome for each call that
    /// was not carried out; then, once all have theirs, a reply for each call that asks for one at
    /// the end of the conversation. As many as fit one transaction.
    pub async fn close_some(
        &self,
        seen: &ConversationRecord,
        now: Timestamp,
    ) -> Result<CommittedStep, CommitError> {
        let mut transaction = Transaction::default();
        let mut actions = Vec::new();
        let mut conversation = seen.conversation.clone();
        while let Phase::Closing {
            end_reason, step, ..
        } = conversation.phase.clone()
        {
            let unclosed: Vec<SequenceCode> = conversation
                .unclosed()
                .take(TRANSACTION_ITEMS_MAX)
                .collect();
            if unclosed.is_empty() {
                break;
            }
            for sequence in unclosed {
                if transaction.len() + CLOSING_ITEMS_MAX > TRANSACTION_ITEMS_MAX - 1 {
                    return self
                        .commit_closed(seen, conversation, transaction, actions, now)
                        .await;
                }
                let record = self.require_call(seen, sequence).await?;
                let call = record.call.into_value();
                actions.extend(match step {
                    ClosingStep::Outcomes => {
                        self.let_expire(seen, &call, now).await?;
                        self.write_skipped(&mut transaction, seen, &call, now)
                            .await?
                    }
                    ClosingStep::LastReplies => {
                        let replies =
                            reply_context(&call, ReplySubject::Conversation(&end_reason), now)
                                .replies();
                        let retention = self.results_retention();
                        let records = OutcomeRecords::replies(seen, replies, retention, now);
                        self.write_outcome(&mut transaction, records)
                    }
                });
                conversation = conversation.closed_through(sequence);
            }
        }
        self.commit_closed(seen, conversation, transaction, actions, now)
            .await
    }

    async fn commit_closed(
        &self,
        seen: &ConversationRecord,
        conversation: Conversation,
        transaction: Transaction,
        actions: Vec<ReplyAction>,
        now: Timestamp,
    ) -> Result<CommittedStep, CommitError> {
        if conversation == seen.conversation {
            return Ok(CommittedStep {
                header: seen.clone(),
                replies: actions,
            });
        }
        let skipped = counted::lacking_outcomes(&seen.conversation)
            .saturating_sub(counted::lacking_outcomes(&conversation));
        let next = seen.next(conversation).noted(now);
        let header = next.to_item(self.results_retention(), now);
        self.commit_with(seen, header, transaction).await?;
        let skipped = u64::try_from(skipped).unwrap_or(0);
        self.metrics.add(Metric::NotCarriedOut, skipped);
        Ok(CommittedStep {
            header: next,
            replies: actions,
        })
    }

    /// The outcome of a call that was not carried out, and the replies that tell of it.
    async fn write_skipped(
        &self,
        transaction: &mut Transaction,
        seen: &ConversationRecord,
        call: &Call,
        now: Timestamp,
    ) -> Result<Vec<ReplyAction>, Error> {
        let sequence = call.place.sequence();
        let Some(outcome) = seen.conversation.outcome_of_skipped(sequence) else {
            return Ok(Vec::new());
        };
        let replies = reply_context(call, ReplySubject::Call(&outcome), now).replies();
        let record = self.outcome_record(&seen.key, call, outcome, None).await?;
        let retention = self.results_retention();
        let records = OutcomeRecords::of(seen, &record, replies, retention, now);
        Ok(self.write_outcome(transaction, records))
    }
}
