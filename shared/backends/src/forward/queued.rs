//! Queued calls, sent to their backend piece by piece.
//!
//! For each piece it is committed that it is begun, then it is sent, then its result is committed.
//! A run that finds a begun piece waits as long as an answer could still arrive; then the piece is
//! unknown. If the first run commits later than that, its commit conflicts and has no effect.

use std::time::Duration;

use calls::{BackendName, Call, CallFate, Phase, Progress, Readiness, repeated_after};
use cloud::accounts::backends::ConfiguredBackend;
use cloud::backend_slots::BackendSlot;
use cloud::conversation::commit::ChunkPosition;
use cloud::records::call_record::PackedBody;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommitError, CommittedStep, Error};
use jiff::{SignedDuration, Timestamp};
use soap::{CallAnswer, Element, ObjectResult};
use tracing::warn;

use super::exchange::{OutgoingRequest, exchange};
use super::forward_end::{EndContext, whole};
use super::judge::Judgement;
use super::repeating::read_as_repeated;

/// How much longer than its timeout a begun call is left alone: the run that sent it may still be
/// committing its result.
const ANSWER_COMMITTED: SignedDuration = SignedDuration::from_secs(10);

/// How much longer than its timeout an exchange may take, including a login: its result is then
/// committed before another run takes it for unknown.
const LOGGED_IN_WITHIN: SignedDuration = SignedDuration::from_secs(8);

/// How often a free slot of a backend is looked for before the call is handed back, and the pause
/// in between: most requests end within that time.
const SLOT_LOOKS: u32 = 8;
const SLOT_LOOKS_APART: Duration = Duration::from_millis(50);

/// When a slot is looked for again after that.
const SLOT_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// How far a call was carried out.
pub enum Forwarded {
    /// Maintenance is on: nothing was done.
    InMaintenance,
    /// The backend is not ready: it is committed that the call waits for it.
    Held,
    /// The state is not known before that instant.
    NotBefore(Timestamp),
    /// The invocation has no time left for a backend's answer.
    OutOfTime(Box<ConversationRecord>),
    Committed(Box<CommittedStep>),
}

/// The result of a piece.
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
    /// Unknown.
    Lost(Lost),
}

/// Why the fate of a piece is unknown.
#[derive(Clone, Copy)]
struct Lost {
    reason: &'static str,
    fate: CallFate,
}

/// Permission for one request to a backend.
enum Slot {
    Unbounded,
    Taken { _held: BackendSlot },
}

/// A forwarded call in progress.
pub(super) struct ForwardedCall<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) call: &'a Call,
    pub(super) name: &'a BackendName,
    body: Element,
    objects: usize,
}

/// Sends a call from its present state, as far as the backend is ready and there is time.
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
        let lost = Lost {
            reason: "whoever sent it ended before the answer came",
            fate: CallFate::MayStillHappen,
        };
        return forwarding.repeat_or_end(header, results, lost).await;
    }
    if progress.repeats > 0 && call.options.is_past(now) {
        let reason = "its RequestExpirationTime passed before it could be sent again";
        let end = forwarding.ends().unknown(results, reason);
        return forwarding.end(header, end).await;
    }
    // Whoever turns the maintenance switch in this process waits until this is committed.
    let _carrying_out = cloud.carrying_out().await;
    if cloud.in_maintenance().await? || cloud.pause_of(&header.conversation).is_some() {
        return Ok(Forwarded::InMaintenance);
    }
    if cloud.breaker(name).await?.readiness(now) != Readiness::Ready {
        return forwarding.hold(header).await;
    }
    let backend = match cloud.accounts.backend(name, now).await? {
        Ok(backend) => backend,
        Err(not_configured) => {
            let reason = not_configured.reason();
            return forwarding
                .not_ready(header, reason, SignedDuration::ZERO)
                .await;
        }
    };
    let sent = forwarding
        .send_pieces(header.clone(), &backend, progress, results, deadline)
        .await;
    if backend.settings.concurrency.is_some()
        && let Err(error) = cloud.give_back_slots(name).await
    {
        warn!(backend = %name, error = error.in_full(), "slots come back when their lease ends");
    }
    sent
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
            let Some(slot) = self.slot(backend, now).await? else {
                return Ok(Forwarded::NotBefore(cloud.now() + SLOT_AGAIN));
            };
            let first = results.len();
            let count = size.min(self.objects.saturating_sub(first));
            let until = now + answered_within + ANSWER_COMMITTED;
            header = self.begin(&header, until).await?;
            let sent = self.send(backend, (first, count), deadline).await;
            drop(slot);
            let answer = match sent {
                PieceResult::Answered(answer) if is_repeated(&header) => {
                    read_as_repeated(self.call.method, answer)
                }
                PieceResult::Answered(answer) => answer,
                PieceResult::Lost(lost) => return self.lost(&header, results, lost).await,
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

    /// A slot for one more request to the backend, if its concurrency is limited. `None`: none is
    /// free.
    async fn slot(
        &self,
        backend: &ConfiguredBackend,
        now: Timestamp,
    ) -> Result<Option<Slot>, CommitError> {
        let Some(at_most) = backend.settings.concurrency else {
            return Ok(Some(Slot::Unbounded));
        };
        let answered_within = SignedDuration::from_secs(backend.settings.timeout_s.into());
        let ends = now + answered_within + ANSWER_COMMITTED;
        for _ in 0..SLOT_LOOKS {
            let taken = self.cloud.take_backend_slot(self.name, at_most, ends);
            if let Some(slot) = taken.await? {
                return Ok(Some(Slot::Taken { _held: slot }));
            }
            tokio::time::sleep(SLOT_LOOKS_APART).await;
        }
        Ok(None)
    }

    /// Sends a piece, and reads its results from the answer.
    async fn send(
        &self,
        backend: &ConfiguredBackend,
        (first, count): (usize, usize),
        deadline: Timestamp,
    ) -> PieceResult {
        let method = self.call.method;
        let payload = soap::canonical(&soap::piece_of(&self.body, method, first, count));
        let timeout = SignedDuration::from_secs(backend.settings.timeout_s.into());
        let remaining = deadline.duration_since(self.cloud.now());
        let outgoing = OutgoingRequest {
            action: method.name(),
            payload: &payload,
            timeout: timeout.unsigned_abs(),
            in_all: (timeout + LOGGED_IN_WITHIN)
                .min(remaining.max(timeout))
                .unsigned_abs(),
        };
        match exchange(self.cloud, backend, outgoing).await {
            Judgement::Answered(payload) => {
                match soap::read_results(method, &payload, first, count) {
                    Some(answer) => PieceResult::Answered(answer),
                    None => PieceResult::Lost(Lost {
                        reason: "it answers something else than the call",
                        fate: CallFate::MayStillHappen,
                    }),
                }
            }
            Judgement::Unknown { reason, fate } => PieceResult::Lost(Lost { reason, fate }),
            Judgement::NotReady { reason, pause } => PieceResult::NotReady { reason, pause },
            Judgement::LoginRefused(reason) => PieceResult::NotReady {
                reason,
                pause: SignedDuration::ZERO,
            },
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

    /// The backend is not ready. The breaker is opened first, since closing it releases the waiting
    /// calls.
    async fn not_ready(
        &self,
        header: &ConversationRecord,
        reason: &str,
        pause: SignedDuration,
    ) -> Result<Forwarded, CommitError> {
        let (cloud, now) = (self.cloud, self.cloud.now());
        warn!(backend = %self.name, request_id = %self.call.request_id, reason, "the backend is not ready");
        let opened = cloud.change_breaker(self.name, |breaker| {
            breaker.out_of_service(reason, pause, now)
        });
        // The call was certainly not carried out, and that must be recorded even if the breaker
        // cannot be opened: the next call finds the same, and once an hour waiting calls are looked
        // for.
        if let Err(error) = opened.await {
            warn!(backend = %self.name, error = error.in_full(), "a breaker was not opened");
        }
        self.hold(header).await
    }

    /// No answer shows the fate of a piece.
    async fn lost(
        &self,
        header: &ConversationRecord,
        results: Vec<ObjectResult>,
        lost: Lost,
    ) -> Result<Forwarded, CommitError> {
        let (cloud, now, reason) = (self.cloud, self.cloud.now(), lost.reason);
        warn!(backend = %self.name, request_id = %self.call.request_id, reason, "nobody knows what became of a call");
        let ended = self.repeat_or_end(header, results, lost).await?;
        let counted = cloud.change_breaker(self.name, |breaker| breaker.failed(reason, now));
        if let Err(error) = counted.await {
            warn!(backend = %self.name, error = error.in_full(), "a failure was not counted");
        }
        Ok(ended)
    }

    /// Sends it again if that is safe; otherwise its outcome is unknown.
    async fn repeat_or_end(
        &self,
        header: &ConversationRecord,
        results: Vec<ObjectResult>,
        lost: Lost,
    ) -> Result<Forwarded, CommitError> {
        let Phase::Running(progress) = header.conversation.phase else {
            return Err(CommitError::Conflict);
        };
        let conversation = &header.conversation;
        let Some(pause) = repeated_after(self.call, conversation, progress, lost.fate) else {
            let end = self.ends().unknown(results, lost.reason);
            return self.end(header, end).await;
        };
        self.repeat(header, pause).await
    }
}

/// Whether the next piece was sent before, and may have been carried out then.
const fn is_repeated(header: &ConversationRecord) -> bool {
    match &header.conversation.phase {
        Phase::Running(progress) => progress.repeats > 0,
        Phase::Gathering | Phase::Closing { .. } | Phase::Ended(_) => false,
    }
}

/// What is sent: the stored payload without the options that are carried out here.
fn read_body(call: &Call, body: PackedBody) -> Result<Element, Error> {
    let element = soap::read_canonical(&body.decompress()?).map_err(|_| Error::Unreadable {
        sk: format!("CALL of {}", call.request_id),
        attribute: "body",
    })?;
    Ok(soap::without_own_options(element))
}
