//! What is committed of a call on its way to its backend: that a piece is begun, what came of it, that
//! the call waits, that it is sent again, how it ends.
//!
//! Others change when the conversation is looked at, and what came of a call must not be lost over that:
//! each commit is tried again as long as the call stands where it stood.

use calls::{Begun, Phase, Progress};
use cloud::CommitError;
use cloud::conversation::commit::End;
use cloud::objects_table::Chunk;
use cloud::records::conversation_record::ConversationRecord;
use jiff::{SignedDuration, Timestamp};
use objects::UnitResult;
use soap::ObjectResult;

use super::ending::Ending;
use super::queued::{Forwarded, ForwardedCall};

/// How often a commit is tried again because others changed when the conversation is looked at.
const CONFLICTS_MAX: u32 = 10;

impl ForwardedCall<'_> {
    /// Commits that the next piece is begun, before it is sent.
    pub(super) async fn begin(
        &self,
        header: &ConversationRecord,
        until: Timestamp,
    ) -> Result<ConversationRecord, CommitError> {
        let cloud = self.cloud;
        let by = cloud.random.below(u64::MAX);
        let begun = Begun { until, by };
        let begins = header.conversation.clone().begin(begun);
        let error = match cloud.commit_header(header, begins, cloud.now()).await {
            Ok(header) => return Ok(header),
            Err(error) => error,
        };
        // The answer may have been lost, and not the commit: then nobody else sends it.
        match cloud.conversation_record(&header.key).await? {
            Some(found) if begun_in(&found.conversation.phase) == Some(begun) => Ok(found),
            Some(_) | None => Err(error),
        }
    }

    /// The header as it is now, if it still stands where it stood: others change when it is looked at,
    /// and what came of a call must not be lost over that.
    async fn standing(&self, seen: &ConversationRecord) -> Result<ConversationRecord, CommitError> {
        match self.cloud.conversation_record(&seen.key).await? {
            Some(found) if found.conversation.phase == seen.conversation.phase => Ok(found),
            Some(_) | None => Err(CommitError::Conflict),
        }
    }

    pub(super) async fn commit_piece(
        &self,
        mut header: ConversationRecord,
        progress: Progress,
        results: &[ObjectResult],
        committed: (u32, u32, u32),
    ) -> Result<ConversationRecord, CommitError> {
        let cloud = self.cloud;
        for _ in 0..CONFLICTS_MAX {
            let units = results.iter().cloned();
            let units = units.map(|result| UnitResult::Whole(Box::new(result)));
            let chunk = Chunk::of_results(units.collect());
            let now = cloud.now();
            match cloud
                .commit_chunk(&header, progress.next, chunk, committed, now)
                .await
            {
                Err(CommitError::Conflict) => header = self.standing(&header).await?,
                done => return done,
            }
        }
        Err(CommitError::Conflict)
    }

    /// The call waits for its backend, which is known not to be ready.
    pub(super) async fn hold(&self, header: &ConversationRecord) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for _ in 0..CONFLICTS_MAX {
            // Nobody knows for how long.
            let kept = cloud.keep_calls(&header).await?;
            let now = cloud.now();
            let held = kept.conversation.clone().hold(self.name, now);
            if held == header.conversation {
                return Ok(Forwarded::Held);
            }
            match cloud.commit_header(&kept, held, now).await {
                Ok(_) => return Ok(Forwarded::Held),
                Err(CommitError::Conflict) => header = self.standing(&header).await?,
                Err(error) => return Err(error),
            }
        }
        Err(CommitError::Conflict)
    }

    /// The same is sent again after a while.
    pub(super) async fn repeat(
        &self,
        header: &ConversationRecord,
        pause: SignedDuration,
    ) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for _ in 0..CONFLICTS_MAX {
            let now = cloud.now();
            let again = header.conversation.clone().repeat();
            match cloud.commit_header(&header, again, now).await {
                Ok(_) => return Ok(Forwarded::NotBefore(now + pause)),
                Err(CommitError::Conflict) => header = self.standing(&header).await?,
                Err(error) => return Err(error),
            }
        }
        Err(CommitError::Conflict)
    }

    pub(super) async fn end(
        &self,
        header: &ConversationRecord,
        ending: Ending,
    ) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for _ in 0..CONFLICTS_MAX {
            let end = End {
                call: self.call,
                outcome: ending.outcome.clone(),
                results: ending.results.clone(),
                chunk: Chunk::of_results(Vec::new()),
                mails_before: 0,
            };
            match cloud.commit_end(&header, end, cloud.now()).await {
                Ok((next, owed)) => return Ok(Forwarded::Committed(Box::new(next), owed)),
                Err(CommitError::Conflict) => header = self.standing(&header).await?,
                Err(error) => return Err(error),
            }
        }
        Err(CommitError::Conflict)
    }
}

fn begun_in(phase: &Phase) -> Option<Begun> {
    match phase {
        Phase::Running(progress) => progress.begun,
        Phase::Gathering | Phase::Closing { .. } | Phase::Ended(_) => None,
    }
}
