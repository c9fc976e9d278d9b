//! The commits of a forwarded call: that a piece is begun, its result, that the call waits, that it
//! is sent again, its outcome.
//!
//! Others change the header when they look at the conversation, and the result of a call must not
//! be lost because of that: each commit is repeated as long as the call is in the same state.

use std::time::Duration;

use calls::{Begun, Phase, Progress};
use cloud::CommitError;
use cloud::conversation::commit::{CallEnd, ChunkPosition};
use cloud::error::FEW_CONFLICTS_MAX;
use cloud::objects_table::Chunk;
use cloud::records::conversation_record::ConversationRecord;
use jiff::{SignedDuration, Timestamp};
use objects::UnitResult;
use soap::ObjectResult;
use tracing::warn;

use super::forward_end::ForwardEnd;
use super::queued::{Forwarded, ForwardedCall};

/// How often a commit is repeated while the table cannot be reached, and after which pause: a
/// second and a half in all. The other run that finds the call begun waits for longer.
const COMMIT_FAILURES_MAX: u32 = 5;
const AGAIN_AFTER: Duration = Duration::from_millis(100);

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
        // Perhaps only the answer to the commit was lost: then no other run sends it.
        match cloud.conversation_record(&header.key).await? {
            Some(found) if begun_in(&found.conversation.phase) == Some(begun) => Ok(found),
            Some(_) | None => Err(error),
        }
    }

    /// The present header, if the call is in the same state: others change the header when they
    /// look at it, and the result of a call must not be lost because of that.
    async fn reload(&self, seen: &ConversationRecord) -> Result<ConversationRecord, CommitError> {
        match self.cloud.conversation_record(&seen.key).await? {
            Some(found) if found.conversation.phase == seen.conversation.phase => Ok(found),
            Some(_) | None => Err(CommitError::Conflict),
        }
    }

    /// The header over which a commit is repeated. A table that cannot be reached for a moment must
    /// not make a known result unknown. If the commit was made nevertheless, a conflict shows it.
    async fn again(
        &self,
        header: ConversationRecord,
        error: CommitError,
        tried: u32,
    ) -> Result<ConversationRecord, CommitError> {
        match error {
            CommitError::Conflict => self.reload(&header).await,
            error if tried < COMMIT_FAILURES_MAX => {
                warn!(backend = %self.name, %error, "what came of a call is committed again");
                tokio::time::sleep(AGAIN_AFTER * (tried + 1)).await;
                Ok(header)
            }
            error => Err(error),
        }
    }

    pub(super) async fn commit_piece(
        &self,
        mut header: ConversationRecord,
        progress: Progress,
        results: &[ObjectResult],
        position: ChunkPosition,
    ) -> Result<ConversationRecord, CommitError> {
        let cloud = self.cloud;
        for tried in 0..FEW_CONFLICTS_MAX {
            let units = results.iter().cloned();
            let units = units.map(|result| UnitResult::Whole(Box::new(result)));
            let chunk = Chunk::of_results(units.collect());
            let now = cloud.now();
            match cloud
                .commit_chunk(&header, progress.next, chunk, position, now)
                .await
            {
                Err(error) => header = self.again(header, error, tried).await?,
                done => return done,
            }
        }
        Err(CommitError::Conflict)
    }

    /// Nobody knows for how long: the calls are kept, and replies are looked after without the header.
    async fn before_waiting(
        &self,
        header: &ConversationRecord,
    ) -> Result<ConversationRecord, CommitError> {
        let cloud = self.cloud;
        let header = cloud.hand_over_replies(header, cloud.now()).await?;
        Ok(cloud.keep_calls(&header).await?)
    }

    /// The call waits for its backend, which is known not to be ready.
    pub(super) async fn hold(&self, header: &ConversationRecord) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for tried in 0..FEW_CONFLICTS_MAX {
            let keeping = match self.before_waiting(&header).await {
                Ok(keeping) => keeping,
                Err(error) => {
                    header = self.again(header, error, tried).await?;
                    continue;
                }
            };
            let now = cloud.now();
            let held = keeping.conversation.clone().hold(self.name, now);
            if held == keeping.conversation {
                return Ok(Forwarded::Held);
            }
            match cloud.commit_header(&keeping, held, now).await {
                Ok(_) => return Ok(Forwarded::Held),
                Err(error) => header = self.again(header, error, tried).await?,
            }
        }
        Err(CommitError::Conflict)
    }

    /// The same is sent again after a pause.
    pub(super) async fn repeat(
        &self,
        header: &ConversationRecord,
        pause: SignedDuration,
    ) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for _ in 0..FEW_CONFLICTS_MAX {
            let now = cloud.now();
            let again = header.conversation.clone().repeat();
            match cloud.commit_header(&header, again, now).await {
                Ok(_) => return Ok(Forwarded::NotBefore(now + pause)),
                Err(CommitError::Conflict) => header = self.reload(&header).await?,
                Err(error) => return Err(error),
            }
        }
        Err(CommitError::Conflict)
    }

    pub(super) async fn end(
        &self,
        header: &ConversationRecord,
        ended: ForwardEnd,
    ) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for tried in 0..FEW_CONFLICTS_MAX {
            let end = CallEnd {
                call: self.call,
                outcome: ended.outcome.clone(),
                results: ended.results.clone(),
                chunk: Chunk::of_results(Vec::new()),
                mails_before: 0,
            };
            match cloud.commit_end(&header, end, cloud.now()).await {
                Ok(step) => return Ok(Forwarded::Committed(Box::new(step))),
                Err(error) => header = self.again(header, error, tried).await?,
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
