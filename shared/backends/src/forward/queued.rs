//! A call that was kept, sent to its backend piece by piece.
//!
//! Of each piece it is committed that it was begun, then it is sent, then what came of it is committed.
//! Whoever finds a piece that was begun waits for as long as an answer could still come, and then it is
//! unknown: the commit of one who comes later still finds another version, and does nothing.

use std::time::Duration;

use calls::{BackendName, Begun, Call, Phase, Progress};
use cloud::accounts::backends::ConfiguredBackend;
use cloud::conversation::commit::{CallEnd, ChunkPosition};
use cloud::error::FEW_CONFLICTS_MAX;
use cloud::objects_table::Chunk;
use cloud::records::call_record::PackedBody;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError, CommittedStep, Error};
use jiff::{SignedDuration, Timestamp};
use objects::UnitResult;
use soap::{CallAnswer, Element, ObjectResult};
use tracing::warn;

use super::exchange::exchange;
use super::forward_end::{EndContext, ForwardEnd, whole};
use super::judge::Judgement;

/// How much longer than its timeout a call that was begun is left alone: whoever sent it may still be
/// committing what came of it.
const ANSWER_COMMITTED: SignedDuration = SignedDuration::from_secs(10);

/// How far a call was taken.
pub enum Forwarded {
    /// Maintenance is on: nothing was done.
    InMaintenance,
    /// The backend is not ready: it is committed that the call waits for it.
    Held,
    /// Nothing can be said before that instant.
    NotBefore(Timestamp),
    /// The invocation has no time left for a backend's answer.
    OutOfTime(Box<ConversationRecord>),
    Committed(Box<CommittedStep>),
}

/// What became of a piece.
enum PieceResult {
    Answered(CallAnswer),
    NotReady {
        reason: &'static str,
        pause: SignedDuration,
    },
    Refused {
        message: String,
        code: Option<u32>,
    },
    /// Nobody knows.
    Lost(&'static str),
}

/// A call on its way to its backend.
struct ForwardedCall<'a> {
    cloud: &'a Cloud,
    call: &'a Call,
    name: &'a BackendName,
    body: Element,
    objects: usize,
}

/// Sends a call from where it stands, as far as the backend is ready and time allows.
pub async fn carry_out(
    cloud: &Cloud,
    (header, progress): (&ConversationRecord, Progress),
    call: &Call,
    name: &BackendName,
    body: PackedBody,
    deadline: Timestamp,
) -> Result<Forwarded, CommitError> {
    let now = cloud.now();
    if let Some(begun) = progress.begun.filter(|begun| begun.until > now) {
        return Ok(Forwarded::NotBefore(begun.until));
    }
    let forwarding = ForwardedCall {
        cloud,
        call,
        name,
        objects: usize::try_from(call.objects).unwrap_or(usize::MAX),
        body: read_body(call, body)?,
    };
    let results = match progress.chunks {
        0 => Vec::new(),
        _ => whole(cloud.chunk_results(&header.key, progress.next).await?),
    };
    if progress.begun.is_some() {
        let end = forwarding
            .ends()
            .unknown(results, "whoever sent it ended before the answer came");
        return forwarding.end(header, end).await;
    }
    // Whoever turns the switch in this process waits until what is begun here is committed.
    let _carrying_out = cloud.carrying_out().await;
    if cloud.in_maintenance().await? {
        return Ok(Forwarded::InMaintenance);
    }
    if cloud.breaker(name).await?.is_open() {
        return forwarding.hold(header).await;
    }
    let Some(backend) = cloud.accounts.backend(name, now).await? else {
        let reason = "there are no settings for it";
        return forwarding
            .not_ready(header, reason, SignedDuration::ZERO)
            .await;
    };
    forwarding
        .send_pieces(header.clone(), &backend, progress, results, deadline)
        .await
}

impl ForwardedCall<'_> {
    async fn send_pieces(
        &self,
        mut header: ConversationRecord,
        backend: &ConfiguredBackend,
        progress: Progress,
        mut results: Vec<ObjectResult>,
        deadline: Timestamp,
    ) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let answered_within = SignedDuration::from_secs(backend.settings.timeout_s.into());
        let size = usize::try_from(backend.settings.objects_per_call).unwrap_or(usize::MAX);
        let mut chunks = progress.chunks;
        loop {
            let now = cloud.now();
            if now + answered_within > deadline {
                return Ok(Forwarded::OutOfTime(Box::new(header)));
            }
            if let Some(rate) = backend.settings.per_second
                && let Some(at) = cloud.take_backend_token(self.name, rate).await?
            {
                return Ok(Forwarded::NotBefore(at));
            }
            let first = results.len();
            let count = size.min(self.objects.saturating_sub(first));
            let until = now + answered_within + ANSWER_COMMITTED;
            header = self.begin(&header, until).await?;
            let answer = match self.send(backend, first, count).await {
                PieceResult::Answered(answer) => answer,
                PieceResult::Lost(reason) => return self.lost(&header, results, reason).await,
                PieceResult::NotReady { reason, pause } => {
                    return self.not_ready(&header, reason, pause).await;
                }
                PieceResult::Refused { message, code } => {
                    let end = self.ends().refused(results, &message, code);
                    return self.end(&header, end).await;
                }
            };
            results.extend(answer.results.iter().cloned());
            if first + count >= self.objects {
                let end = self.ends().answered(results, answer.overall_status);
                return self.end(&header, end).await;
            }
            if results.len() < first + count {
                let end = self.ends().incomplete(results);
                return self.end(&header, end).await;
            }
            let position = ChunkPosition {
                number: chunks,
                done_through: u32::try_from(first + count).unwrap_or(u32::MAX),
                mails_before: 0,
            };
            header = self
                .commit_piece(header, progress, &answer.results, position)
                .await?;
            chunks += 1;
        }
    }

    /// Sends a piece, and reads what came back as the answer to it.
    async fn send(&self, backend: &ConfiguredBackend, first: usize, count: usize) -> PieceResult {
        let method = self.call.method;
        let payload = soap::canonical(&soap::piece_of(&self.body, method, first, count));
        let timeout = Duration::from_secs(backend.settings.timeout_s.into());
        match exchange(self.cloud, backend, method.name(), &payload, timeout).await {
            Judgement::Answered(payload) => {
                match soap::read_results(method, &payload, first, count) {
                    Some(answer) => PieceResult::Answered(answer),
                    None => PieceResult::Lost("it answers something else than the call"),
                }
            }
            Judgement::Unknown(reason) => PieceResult::Lost(reason),
            Judgement::NotReady { reason, pause } => PieceResult::NotReady { reason, pause },
            Judgement::TokenExpired => PieceResult::NotReady {
                reason: "its token has expired",
                pause: SignedDuration::ZERO,
            },
            Judgement::Refused { message, code } => PieceResult::Refused { message, code },
        }
    }

    fn ends(&self) -> EndContext<'_> {
        EndContext {
            call: self.call,
            name: self.name,
            body: &self.body,
            now: self.cloud.now(),
        }
    }

    /// Commits that the next piece is begun, before it is sent.
    async fn begin(
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
    async fn reload(&self, seen: &ConversationRecord) -> Result<ConversationRecord, CommitError> {
        match self.cloud.conversation_record(&seen.key).await? {
            Some(found) if found.conversation.phase == seen.conversation.phase => Ok(found),
            Some(_) | None => Err(CommitError::Conflict),
        }
    }

    async fn commit_piece(
        &self,
        mut header: ConversationRecord,
        progress: Progress,
        results: &[ObjectResult],
        position: ChunkPosition,
    ) -> Result<ConversationRecord, CommitError> {
        let cloud = self.cloud;
        for _ in 0..FEW_CONFLICTS_MAX {
            let units = results.iter().cloned();
            let units = units.map(|result| UnitResult::Whole(Box::new(result)));
            let chunk = Chunk::of_results(units.collect());
            let now = cloud.now();
            match cloud
                .commit_chunk(&header, progress.next, chunk, position, now)
                .await
            {
                Err(CommitError::Conflict) => header = self.reload(&header).await?,
                done => return done,
            }
        }
        Err(CommitError::Conflict)
    }

    /// The call waits for its backend, which is known not to be ready.
    async fn hold(&self, header: &ConversationRecord) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for _ in 0..FEW_CONFLICTS_MAX {
            // Nobody knows for how long.
            let keeping = cloud.keep_calls(&header).await?;
            let now = cloud.now();
            let held = keeping.conversation.clone().hold(self.name, now);
            if held == header.conversation {
                return Ok(Forwarded::Held);
            }
            match cloud.commit_header(&keeping, held, now).await {
                Ok(_) => return Ok(Forwarded::Held),
                Err(CommitError::Conflict) => header = self.reload(&header).await?,
                Err(error) => return Err(error),
            }
        }
        Err(CommitError::Conflict)
    }

    /// The backend was found not to be ready. The breaker first: what waits is found when it closes.
    async fn not_ready(
        &self,
        header: &ConversationRecord,
        reason: &str,
        pause: SignedDuration,
    ) -> Result<Forwarded, CommitError> {
        let (cloud, now) = (self.cloud, self.cloud.now());
        warn!(backend = %self.name, request_id = %self.call.request_id, reason, "the backend is not ready");
        cloud
            .change_breaker(self.name, |breaker| {
                breaker.out_of_service(reason, pause, now)
            })
            .await?;
        self.hold(header).await
    }

    /// No answer says what became of a piece.
    async fn lost(
        &self,
        header: &ConversationRecord,
        results: Vec<ObjectResult>,
        reason: &'static str,
    ) -> Result<Forwarded, CommitError> {
        let (cloud, now) = (self.cloud, self.cloud.now());
        warn!(backend = %self.name, request_id = %self.call.request_id, reason, "nobody knows what became of a call");
        let end = self.ends().unknown(results, reason);
        let ended = self.end(header, end).await?;
        let counted = cloud.change_breaker(self.name, |breaker| breaker.failed(reason, now));
        if let Err(error) = counted.await {
            warn!(backend = %self.name, error = error.in_full(), "a failure was not counted");
        }
        Ok(ended)
    }

    async fn end(
        &self,
        header: &ConversationRecord,
        end: ForwardEnd,
    ) -> Result<Forwarded, CommitError> {
        let cloud = self.cloud;
        let mut header = header.clone();
        for _ in 0..FEW_CONFLICTS_MAX {
            let end = CallEnd {
                call: self.call,
                outcome: end.outcome.clone(),
                results: end.results.clone(),
                chunk: Chunk::of_results(Vec::new()),
                mails_before: 0,
            };
            match cloud.commit_end(&header, end, cloud.now()).await {
                Ok(step) => return Ok(Forwarded::Committed(Box::new(step))),
                Err(CommitError::Conflict) => header = self.reload(&header).await?,
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

/// What is sent: the payload as it is kept, without what is carried out here.
fn read_body(call: &Call, body: PackedBody) -> Result<Element, Error> {
    let element = soap::read_canonical(&body.decompress()?).map_err(|_| Error::Unreadable {
        sk: format!("CALL of {}", call.request_id),
        attribute: "body",
    })?;
    Ok(soap::without_own_options(element))
}
