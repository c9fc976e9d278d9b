//! The only file that commits conversations: load, decide, commit, then act.
//!
//! Once committed a step has happened, so trouble after that is only logged: the pending action
//! is in the record, and the timekeeper takes it within a minute or two.

use calls::{
    AccountId, Action, Call, Conversation, ConversationKey, Digest, Ended, Outcome, QueuePriority,
    Reply, ReplySubject, RequestId, SequenceCode, Step,
};
use jiff::{SignedDuration, Timestamp};
use soap::ObjectResult;
use tracing::warn;

use crate::Cloud;
use crate::aws::lanes::RunLane;
use crate::aws::queues::{ReplyWakeUp, WakeUp};
use crate::aws::table::Transaction;
use crate::conversation::ordered_queue::QueueEntry;
use crate::conversation::outbox::{ReplyAction, count, reply_context};
pub(crate) use crate::conversation::previous_header::PreviousHeader;
use crate::error::{CONFLICTS_MAX, CommitError, Committed, Error};
use crate::objects_table::Chunk;
use crate::records::conversation_record::ConversationRecord;
use crate::records::embedded_call::EmbeddedEnd;
use crate::records::item::Item;
use crate::records::mail_record::MailsRecord;
use crate::records::outcome_record::{self, Results};
use crate::records::reply_record::ReplyRecord;
use crate::records::unknown_record::UnknownRecord;

/// A wake-up that is due within this time waits in its queue rather than with the scheduler, whose
/// precision is a minute. Never longer: a queue holds 120,000 messages in flight.
pub const HELD_MAX: SignedDuration = SignedDuration::from_mins(1);

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
        for tried in 0..CONFLICTS_MAX {
            let Some(seen) = self.conversation_record(key).await? else {
                return Ok(None);
            };
            let before = PreviousHeader::of(&seen);
            let step = decide(seen.conversation);
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
        if let Some(conversation) = step.conversation {
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
                let lane = RunLane::Own;
                let wake = WakeUp { lane, ..wake };
                self.wake_at(at, priority, &wake, now).await
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
            self.queues.wake(priority, wake).await
        } else {
            self.schedules.wake_at(at, priority, wake).await
        }
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
        actions.extend(self.write_all_mails(&mut transaction, seen, &end, now));
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
        Ok(CommittedStep {
            header: next,
            replies: actions,
        })
    }

    /// The mails of a call that ends: the last of them, and the record by which all are settled.
    fn write_all_mails(
        &self,
        transaction: &mut Transaction,
        seen: &ConversationRecord,
        end: &CallEnd<'_>,
        now: Timestamp,
    ) -> Option<ReplyAction> {
        let (sequence, expires) = (end.call.place.sequence(), now + self.results_retention());
        let (mails, before) = (&end.chunk.mails, end.mails_before);
        self.write_mails(transaction, &seen.key, sequence, mails, before, expires);
        let all = before + count(mails.len());
        (all > 0).then(|| {
            let of = (&seen.key, &seen.conversation.account);
            let mails = MailsRecord::new(of, sequence, all, now);
            transaction.put_new(&self.calls, mails.to_item(expires));
            ReplyAction::mails(&seen.key, sequence)
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

/// Those who overtook each other wait different times before they look again.
pub(crate) async fn spread_out(who: &RequestId, tried: u32) {
    let Digest(hash) = Digest::of(format!("{who} {tried}").as_bytes());
    let share = u64::from_str_radix(&hash[..4], 16).unwrap_or(0);
    let longest_ms = 5 << tried.min(5);
    tokio::time::sleep(std::time::Duration::from_millis(
        share * longest_ms / 0xffff,
    ))
    .await;
}
