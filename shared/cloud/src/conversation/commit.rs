//! The only file that commits conversations: load, decide, commit, then act.
//!
//! Once committed a step has happened, so trouble after that is only logged: the pending action
//! is in the record, and the timekeeper takes it within a minute or two.

use calls::{
    AccountId, Action, Call, Conversation, ConversationKey, Ended, Outcome, Phase, QueuePriority,
    Reply, ReplySubject, RequestId, SequenceCode, Step,
};
use jiff::{SignedDuration, Timestamp};
use soap::ObjectResult;
use tracing::warn;

use crate::Cloud;
use crate::aws::lanes::RunLane;
use crate::aws::queues::{ReplyWakeUp, WakeUp};
use crate::aws::table::Transaction;
use crate::conversation::conflicts::spread_out;
use crate::conversation::counted;
use crate::conversation::ordered_queue::QueueEntry;
use crate::conversation::outbox::{ReplyAction, reply_context};
use crate::error::{CONFLICTS_MAX, CommitError, Committed, Error};
use crate::objects_table::Chunk;
use crate::records::conversation_record::ConversationRecord;
use crate::records::embedded_call::{EmbeddedCall, EmbeddedEnd};
use crate::records::item::Item;
use crate::records::outcome_record::{self, Results};
use crate::records::reply_record::ReplyRecord;
use crate::records::unknown_record::UnknownRecord;

/// A wake-up that is due within this time waits in its queue rather than with the scheduler, whose
/// precision is a minute. Never longer: a queue holds 120,000 messages in flight.
pub const HELD_MAX: SignedDuration = SignedDuration::from_mins(1);

/// What a step needs to know of the header it was decided on.
#[derive(Clone, Debug)]
pub(crate) struct PreviousHeader {
    /// 0: there is none.
    version: u64,
    priority: QueuePriority,
    only: EmbeddedCall,
    queue: Option<ConversationKey>,
    lane: RunLane,
    calls_kept: u32,
    opened_at: Timestamp,
    failed_at: Option<Timestamp>,
    goes_on_at: Option<Timestamp>,
    is_gathering: bool,
}

impl PreviousHeader {
    pub(crate) fn of(header: &ConversationRecord) -> Self {
        Self {
            version: header.version,
            priority: header.conversation.priority,
            only: header.only.clone(),
            queue: header.conversation.queue(),
            lane: RunLane::of(&header.conversation),
            calls_kept: header.calls_kept,
            opened_at: header.opened_at,
            failed_at: header.failed_at,
            goes_on_at: header.goes_on_at(),
            is_gathering: header.conversation.phase == Phase::Gathering,
        }
    }

    /// No header yet; it comes with what of its only call lies in it.
    pub(crate) fn nothing(only: EmbeddedCall, now: Timestamp) -> Self {
        Self {
            version: 0,
            priority: QueuePriority::default(),
            only,
            queue: None,
            lane: RunLane::Own,
            calls_kept: 0,
            opened_at: now,
            failed_at: None,
            goes_on_at: None,
            is_gathering: false,
        }
    }
}

/// How a call ended, to be committed together with its effect.
pub struct CallEnd<'a> {
    pub call: &'a Call,
    pub outcome: Outcome,
    /// One per object; `None`: it was not carried out.
    pub results: Option<Vec<ObjectResult>>,
    /// Effects of its last (or only) chunk.
    pub chunk: Chunk,
    /// How many mails of the call earlier chunks have written.
    pub mails_before: u32,
}

/// Where the results of a chunk belong among those of its call.
#[derive(Clone, Copy, Debug)]
pub struct ChunkPosition {
    /// Chunks of results committed before it.
    pub number: u32,
    /// Units of work whose effects are committed with it.
    pub done_through: u32,
    /// How many mails of the call earlier chunks have written.
    pub mails_before: u32,
}

/// A step that was committed: the header as it is stored, and what must go to callers.
#[derive(Debug)]
pub struct CommittedStep {
    pub header: ConversationRecord,
    pub replies: Vec<ReplyAction>,
}

impl Cloud {
    pub async fn conversation_record(
        &self,
        key: &ConversationKey,
    ) -> Result<Option<ConversationRecord>, Error> {
        ConversationRecord::load(&self.calls, key).await
    }

    pub fn results_retention(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * self.settings.results_days)
    }

    /// Until when the events of what is written now are kept.
    pub fn events_until(&self) -> Timestamp {
        self.now() + self.results_retention()
    }

    /// Takes one step of a conversation that is there; `None`: it is not.
    pub async fn take_step<A>(
        &self,
        key: &ConversationKey,
        now: Timestamp,
        decide: impl Fn(Conversation) -> Step<A>,
    ) -> Result<Option<A>, Error> {
        let decide = |header: &ConversationRecord| decide(header.conversation.clone());
        self.look_and_step(key, now, decide).await
    }

    /// The same for who decides by more of the header.
    pub async fn look_and_step<A>(
        &self,
        key: &ConversationKey,
        now: Timestamp,
        decide: impl Fn(&ConversationRecord) -> Step<A>,
    ) -> Result<Option<A>, Error> {
        for tried in 0..CONFLICTS_MAX {
            let Some(seen) = self.conversation_record(key).await? else {
                return Ok(None);
            };
            let before = PreviousHeader::of(&seen);
            let step = decide(&seen);
            match Committed::of(self.commit_step(key, before, step, now).await)? {
                Committed::Written(answer) => return Ok(Some(answer)),
                Committed::Conflict => spread_out(&RequestId(key.0.clone()), tried).await,
            }
        }
        Err(Error::Conflict(CONFLICTS_MAX))
    }

    pub(crate) async fn commit_step<A>(
        &self,
        key: &ConversationKey,
        seen: PreviousHeader,
        step: Step<A>,
        now: Timestamp,
    ) -> Result<A, CommitError> {
        let mut version = seen.version;
        let mut priority = seen.priority;
        let mut queue = seen.queue;
        let mut lane = seen.lane;
        let mut account = None;
        let mut counts_as = None;
        if let Some(conversation) = step.conversation {
            counts_as = counted::of_step(seen.is_gathering, &conversation.phase);
            account = Some(conversation.account.clone());
            let over = (version > 0).then_some(version);
            version += 1;
            priority = conversation.priority;
            queue = conversation.queue();
            lane = RunLane::of(&conversation);
            let mut only = seen.only;
            if step.actions.contains(&Action::Reply) {
                only.release_reply();
            }
            let next = ConversationRecord {
                key: key.clone(),
                version,
                calls_kept: seen.calls_kept,
                opened_at: seen.opened_at,
                failed_at: seen.failed_at,
                // Woken again, and still nobody has gone on with it.
                overdue_since: seen
                    .goes_on_at
                    .filter(|at| *at <= now && step.actions.contains(&Action::WakeUp)),
                only,
                conversation,
            };
            let item = next.to_item(self.results_retention(), now);
            match QueueEntry::of(&next).filter(|_| over.is_none()) {
                None => self.calls.put_over(item, over).await?,
                // It has its place as soon as it is there, and not before.
                Some(entry) => {
                    let mut transaction = Transaction::default();
                    transaction.put_new(&self.calls, item);
                    transaction.put_new(&self.calls, entry.to_item());
                    transaction.commit(&self.calls).await?;
                }
            }
        }
        self.metrics.count_all(counts_as);
        for action in step.actions {
            let wake = WakeUp {
                conversation: key.clone(),
                step: version,
                queue: queue.clone(),
                lane: lane.clone(),
            };
            let settled = self.act(action, wake, (account.as_ref(), priority), now);
            if let Err(error) = settled.await {
                warn!(conversation = %key, error = error.in_full(), "left for the timekeeper");
            }
        }
        Ok(step.answer)
    }

    /// Does what a committed step left to be done.
    async fn act(
        &self,
        action: Action,
        wake: WakeUp,
        (account, priority): (Option<&AccountId>, QueuePriority),
        now: Timestamp,
    ) -> Result<(), Error> {
        match (action, wake.queue.clone()) {
            (Action::WakeUp, Some(queue)) => self.wake_queue(priority, &wake, &queue, now).await,
            (Action::WakeUp, None) => {
                let lane = self.lane_in_flood(wake.lane, account, priority, now);
                self.queues.wake(priority, &WakeUp { lane, ..wake }).await
            }
            (Action::WakeUpAt(at), _) => {
                let lane = self.lane_until(at, account, priority, now);
                self.wake_at(at, priority, &WakeUp { lane, ..wake }, now)
                    .await
            }
            (Action::Reply, _) => {
                let wake = ReplyWakeUp::embedded(&wake.conversation, wake.step);
                self.queues.send_reply_wake_ups_in_order(&[wake]).await
            }
        }
    }

    /// Far ones by the scheduler, near ones by the queue itself, where the processor holds them.
    pub async fn wake_at(
        &self,
        at: Timestamp,
        priority: QueuePriority,
        wake: &WakeUp,
        now: Timestamp,
    ) -> Result<(), Error> {
        if at.duration_since(now) <= HELD_MAX {
            return self.queues.wake(priority, wake).await;
        }
        let group = self.queues.group(priority, wake);
        self.schedules.wake_at(at, priority, wake, group).await
    }

    /// Commits a change of the header alone.
    pub async fn commit_header(
        &self,
        seen: &ConversationRecord,
        conversation: Conversation,
        now: Timestamp,
    ) -> Result<ConversationRecord, CommitError> {
        let next = seen.next(conversation).noted(now);
        let item = next.to_item(self.results_retention(), now);
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }

    /// Commits a chunk of a call that has more of them: effects, results and progress together.
    pub async fn commit_chunk(
        &self,
        seen: &ConversationRecord,
        sequence: SequenceCode,
        chunk: Chunk,
        position: ChunkPosition,
        now: Timestamp,
    ) -> Result<ConversationRecord, CommitError> {
        let expires = now + self.results_retention();
        let mut transaction = Transaction::default();
        let results = serde_json::to_string(&chunk.results).unwrap_or_default();
        let results = Results::keep(&self.large_bodies, &seen.key, sequence, &results).await?;
        self.write_mails(
            &mut transaction,
            &seen.key,
            sequence,
            &chunk.mails,
            position.mails_before,
            expires,
        );
        chunk.write(&mut transaction, &self.objects);
        let item =
            outcome_record::chunk_item(&seen.key, sequence, position.number, &results, expires);
        transaction.put_new(&self.calls, item);
        let next = seen.next(seen.conversation.clone().chunk_done(position.done_through));
        let header = next.to_item(self.results_retention(), now);
        self.commit_with(seen, header, transaction).await?;
        Ok(next)
    }

    /// Commits the next state of a header, as an item, together with all that goes with it.
    pub(crate) async fn commit_with(
        &self,
        seen: &ConversationRecord,
        next: Item,
        mut transaction: Transaction,
    ) -> Result<(), CommitError> {
        transaction.put_over(&self.calls, next, seen.version);
        transaction.commit(&self.calls).await
    }

    /// Commits the end of the call that was next: effects, outcome, pending replies and mails, and
    /// the conversation's next state together.
    pub async fn commit_end(
        &self,
        seen: &ConversationRecord,
        end: CallEnd<'_>,
        now: Timestamp,
    ) -> Result<CommittedStep, CommitError> {
        self.let_expire(seen, end.call, now).await?;
        let conversation =
            seen.conversation
                .clone()
                .call_ended(&end.call.request_id, &end.outcome, now);
        let expires = now + self.results_retention();
        let mut transaction = Transaction::default();
        let mut actions = Vec::new();
        let sequence = end.call.place.sequence();
        let (mails, before) = (&end.chunk.mails, end.mails_before);
        let mails = self.write_all_mails(&mut transaction, seen, sequence, mails, before, now);
        actions.extend(mails);
        end.chunk.write(&mut transaction, &self.objects);
        let replies = reply_context(end.call, ReplySubject::Call(&end.outcome), now).replies();
        let mut next = seen.next(conversation);
        if end.outcome.how == Ended::Unknown {
            // It may be sent again, by a person.
            let unknown = UnknownRecord::of(&seen.key, end.call, &end.outcome, expires);
            transaction.put_new(&self.calls, unknown.to_item());
        } else if end.results.is_some() {
            next.only = next.only.carried_out();
        }
        let record = self
            .outcome_record(&seen.key, end.call, end.outcome, end.results)
            .await?;
        let counts_as = counted::of_outcome(&record.outcome);
        let before = seen.conversation.due;
        let retention = self.results_retention();
        let (next, header) =
            match EmbeddedEnd::within(&next, before, &record, &replies, retention, now) {
                Some((next, header)) => {
                    actions.extend(ReplyRecord::of_header(next.clone()).map(ReplyAction::reply));
                    (next, header)
                }
                None => {
                    actions.extend(self.write_outcome(
                        &mut transaction,
                        seen,
                        &record,
                        replies,
                        now,
                    ));
                    let next = next.noted(now);
                    let header = next.to_item(retention, now);
                    (next, header)
                }
            };
        self.commit_with(seen, header, transaction).await?;
        self.metrics.count_all(counts_as.iter().copied());
        Ok(CommittedStep {
            header: next,
            replies: actions,
        })
    }

    /// Commits what becomes of the reply in a header.
    pub(crate) async fn commit_only_reply(
        &self,
        seen: &ConversationRecord,
        reply: Reply,
        due: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ConversationRecord, CommitError> {
        let mut next = seen.next(seen.conversation.clone().reply_due(due));
        if let Some(end) = &mut next.only.end {
            end.reply = Some(reply);
        }
        let next = next.noted(now);
        let item = next.to_item(self.results_retention(), now);
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }
}
