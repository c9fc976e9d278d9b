//! Replies that a conversation's header answers for, when they get records of their own: an attempt
//! failed, somebody else makes it, or nobody knows whether it was made.
//!
//! The run that commits the end of a call posts the reply to it, and its next commit of the header
//! says that it was delivered. Whoever else comes to the header takes the replies over: one transaction
//! writes a record for each, leased until the run's lease is over, and a header that answers for none
//! of them. So the run finds its header changed, and says in those records what it has delivered.

use std::collections::HashSet;

use calls::{Reply, ReplyState};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::{Key, Transaction, key_of};
use crate::error::{CommitError, Committed, Error};
use crate::records::conversation_record::ConversationRecord;
use crate::records::load::load_undelivered;
use crate::records::reply_record::ReplyRecord;

impl Cloud {
    /// Gives each reply for which the header answers a record of its own, and commits that. They are
    /// found as other replies are from then on.
    pub async fn hand_over_replies(
        &self,
        seen: &ConversationRecord,
        now: Timestamp,
    ) -> Result<ConversationRecord, CommitError> {
        if seen.conversation.undelivered.is_none() {
            return Ok(seen.clone());
        }
        let retention = self.results_retention();
        let undelivered = load_undelivered(&self.calls, seen).await?;
        let keys: Vec<Key> = undelivered.iter().map(ReplyRecord::key_apart).collect();
        let apart = self.calls.get_many(&keys).await?;
        let apart: HashSet<Key> = apart.iter().filter_map(key_of).collect();
        let mut transaction = Transaction::default();
        for record in undelivered {
            if !apart.contains(&record.key_apart()) {
                let item = first_of(&record, now).to_item(retention, now);
                transaction.put_new(&self.calls, item);
            }
        }
        let next = seen.next(seen.conversation.clone().handed_over());
        let next = next.noted(now);
        let header = next.to_item(retention, now);
        self.commit_with(seen, header, transaction).await?;
        Ok(next)
    }

    /// Gives one such reply a record, before it is left to somebody else. It may have one already.
    pub async fn put_reply_apart(&self, seen: &ReplyRecord, now: Timestamp) -> Result<(), Error> {
        let item = first_of(seen, now).to_item(self.results_retention(), now);
        let put = self.calls.put_over(item, None).await;
        Committed::of(put).map(drop)
    }

    /// Commits what the first attempt at such a reply came to, where somebody has taken the replies
    /// over. `Conflict`: it has been attempted by others since.
    pub async fn commit_taken_over(
        &self,
        seen: &ReplyRecord,
        reply: Reply,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let Some(apart) = ReplyRecord::load(&self.calls, &seen.key_apart()).await? else {
            // Nobody has: what the header says holds.
            return Ok(());
        };
        if !apart.reply.is_unattempted() {
            return Err(CommitError::Conflict);
        }
        let due = match reply.state {
            ReplyState::Pending(at) => at,
            ReplyState::Delivered | ReplyState::GivenUp => now,
        };
        let committed = self.commit_reply_record(&apart, reply, due, now);
        committed.await.map(drop)
    }
}

/// The record of a reply that had none, leased as it was.
fn first_of(seen: &ReplyRecord, now: Timestamp) -> ReplyRecord {
    seen.next(seen.reply.clone(), seen.due.unwrap_or(now), now)
}
