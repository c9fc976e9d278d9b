//! The only file that commits conversations: load, decide, commit, then act.
//!
//! A committed step has happened, so an error after that is only logged: the pending action is in
//! the record, and the timekeeper takes it within a minute or two.

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
use crate::records::embedding::FirstHeader;
use crate::records::end_records::{EndRecords, OutcomeRecords};
use crate::records::item::Item;
use crate::records::outcome_record::{self, Results};
use crate::records::reply_record::ReplyRecord;
use crate::records::unknown_record::UnknownRecord;

/// A wake-up that is due within this time waits in its queue rather than with the scheduler, whose
/// precision is a minute. Never longer: a queue holds 120,000 messages in flight.
pub const HELD_MAX: SignedDuration = SignedDuration::from_mins(1);

/// The header that a step was decided on.
#[derive(Clone, Debug)]
pub(crate) enum PreviousHeader {
    Read(Box<ConversationRecord>),
    /// There is none yet; this says how the first one is written.
    None(Box<FirstHeader>),
}

impl PreviousHeader {
    pub(crate) fn of(header: &ConversationRecord) -> Self {
        Self::Read(Box::new(header.clone()))
    }

    fn next(&self, key: &ConversationKey, conversation: Conversation) -> ConversationRecord {
        match self {
            Self::Read(header) => header.next(conversation),
            Self::None(first) => first.record(key, conversation),
        }
    }

    /// The version that the next one has to find.
    fn version(&self) -> Option<u64> {
        match self {
            Self::Read(header) => Some(header.version),
            Self::None(_) => None,
        }
    }

    fn is_gathering(&self) -> bool {
        match self {
            Self::Read(header) => header.conversation.phase == Phase::Gathering,
            Self::None(_) => false,
        }
    }

    /// Since when it should have been gone on with; `None`: it is not overdue.
    fn overdue_since(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Read(header) => header.goes_on_at().filter(|at| *at <= now),
            Self::None(_) => None,
        }
    }

    fn into_record(self) -> Option<ConversationRecord> {
        match self {
            Self::Read(header) => Some(*header),
            Self::None(_) => None,
        }
    }
}

/// How a call ended, committed together with its effect.
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

    /// Takes one step of a conversation; `None`: there is no such conversation.
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
        before: PreviousHeader,
        step: Step<A>,
        now: Timestamp,
    ) -> Result<A, CommitError> {
        let account = step.conversation.as_ref().map(|it| it.account.clone());
        let header = match step.conversation {
            Some(conversation) => {
                let counts_as = counted::of_step(before.is_gathering(), &conversation.phase);
                let mut next = before.next(key, conversation);
                if step.actions.contains(&Action::Reply) {
                    next.release_reply();
                }
                if step.actions.contains(&Action::WakeUp) {
                    // Woken again, and still nobody has gone on with it.
                    next.overdue_since = before.overdue_since(now);
                }
                self.put_header(&next, before.version(), now).await?;
                self.metrics.count_all(counts_as);
                Some(next)
            }
            None => before.into_record(),
        };
        for action in step.actions {
            // Nothing is left to be done for a conversation that is not there.
            let Some(header) = &header else { break };
            let wake = WakeUp {
                conversation: key.clone(),
                step: header.version,
                queue: header.conversation.queue(),
                lane: RunLane::of(&header.conversation),
            };
            let priority = header.conversation.priority;
            let acted = self.act(action, wake, (account.as_ref(), priority), now);
            if let Err(error) = acted.await {
                warn!(conversation = %key, error = error.in_full(), "left for the timekeeper");
            }
        }
        Ok(step.answer)
    }

    async fn put_header(
        &self,
        next: &ConversationRecord,
        over: Option<u64>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let item = next.to_item(self.results_retention(), now);
        let Some(entry) = QueueEntry::of(next).filter(|_| over.is_none()) else {
            return self.calls.put_over(item, over).await;
        };
        // The call has its place in the queue from this write on, and not before.
        let mut transaction = Transaction::default();
        transaction.put_new(&self.calls, item);
        transaction.put_new(&self.calls, entry.to_item());
        transaction.commit(&self.calls).await
    }

    /// Takes an action that a committed step left.
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
                let wake = ReplyWakeUp::for_call_alone(&wake.conversation, wake.step);
                self.queues.send_reply_wake_ups_in_order(&[wake]).await
            }
        }
    }

    /// Wakes the conversation at a time: by the scheduler if that is far off, otherwise by the
    /// queue, where the processor holds the message.
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

    /// Commits one chunk of a call that has more: effects, results and progress together.
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
        let owner = self.mail_owner(seen, sequence, now);
        let before = position.mails_before;
        self.write_mails(&mut transaction, owner, &chunk.mails, before);
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
    /// the next state of the conversation, together.
    pub async fn commit_end(
        &self,
        seen: &ConversationRecord,
        end: CallEnd<'_>,
        now: Timestamp,
    ) -> Result<CommittedStep, CommitError> {
        self.let_expire(seen, end.call, now).await?;
        let expires = now + self.results_retention();
        let mut transaction = Transaction::default();
        let mut actions = Vec::new();
        let sequence = end.call.place.sequence();
        let (mails, before) = (&end.chunk.mails, end.mails_before);
        let mails = self.write_all_mails(&mut transaction, seen, sequence, mails, before, now);
        actions.extend(mails);
        end.chunk.write(&mut transaction, &self.objects);
        let replies = reply_context(end.call, ReplySubject::Call(&end.outcome), now).replies();
        let is_unknown = end.outcome.how == Ended::Unknown;
        if is_unknown {
            // A person may send the call again.
            let unknown = UnknownRecord::of(&seen.key, end.call, &end.outcome, expires);
            transaction.put_new(&self.calls, unknown.to_item());
        }
        let has_results = end.results.is_some();
        let record = self
            .outcome_record(&seen.key, end.call, end.outcome, end.results)
            .await?;
        let retention = self.results_retention();
        let by_header = OutcomeRecords::by_header(seen, &record, &replies, retention, now);
        let conversation = match &by_header {
            Some(_) => seen.conversation.clone().answering_for(sequence, now),
            None => seen.conversation.clone(),
        };
        let conversation = conversation.call_ended(&end.call.request_id, &record.outcome, now);
        let mut next = seen.next(conversation);
        if has_results && !is_unknown {
            next.drop_body();
        }
        let counts_as = counted::of_outcome(&record.outcome);
        let before = seen.conversation.due;
        let records = match by_header {
            Some(outcome) => EndRecords::beside(next, outcome, retention, now),
            None => EndRecords::of(next, before, &record, replies, retention, now),
        };
        actions.extend(self.write_outcome(&mut transaction, records.outcome));
        self.commit_with(seen, records.header_item, transaction)
            .await?;
        self.metrics.count_all(counts_as.iter().copied());
        Ok(CommittedStep {
            header: records.header,
            replies: actions,
        })
    }

    /// Commits the next state of a reply, due then if it is still pending. It may lie in the header of
    /// its conversation, which is why it is committed here.
    pub(crate) async fn commit_reply_record(
        &self,
        seen: &ReplyRecord,
        reply: Reply,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<ReplyRecord, CommitError> {
        let next = seen.next(reply, due, now);
        let item = next.to_item(self.results_retention(), now);
        self.calls.put_over(item, seen.seen_version()).await?;
        Ok(next)
    }
}
