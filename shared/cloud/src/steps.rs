//! The only file that commits conversations: load, decide, commit, then do what is owed.
//!
//! Once committed a step has happened, so trouble after that is only logged: what is still owed
//! stands in the record, and the timekeeper does it within the minute.

use calls::{
    AccountId, Call, Conversation, ConversationKey, Digest, Joined, Outcome, Owed, QueuePriority,
    Refusal, Reply, RequestId, Seen, SequenceCode, Step, Told,
};
use jiff::{SignedDuration, Timestamp};
use objects::MailOrder;
use soap::ObjectResult;
use tracing::warn;

use crate::Cloud;
use crate::call_record::{CallRecord, IDEMPOTENCY_KEPT, Idempotency, Pointer};
use crate::mail_record::{self, MailRecord, MailState, MailsRecord};
use crate::objects_table::Chunk;
use crate::outcome_record::{self, OutcomeRecord, Results};
use crate::queues::{Owing, ReplyWake, Wake};
use crate::reply_record::{self, ReplyRecord};
use crate::standing::Standing;
use crate::table::{Key, TRANSACTION_ITEMS_MAX, Transaction};
use crate::trouble::{CommitError, Trouble};

/// How often a step is decided again because others were first. Parts of one conversation that
/// arrive all at once meet here; each time one of them gets through.
const OVERTAKEN_MAX: u32 = 40;

/// A wake-up that is due within this time waits in its queue rather than with the scheduler, whose
/// precision is a minute.
const NEAR: SignedDuration = SignedDuration::from_mins(5);

/// What a call that came in is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenIn {
    /// Kept, now or when it came before: the RequestID of the first time.
    Accepted(RequestId),
    Refused(Refusal),
    /// Its `Idempotency-Key` stands for a call with other content.
    KeyUsed,
}

/// What a step needs to know of the header it was decided on.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    version: u64,
    priority: QueuePriority,
}

impl Before {
    const fn of(standing: &Standing) -> Self {
        Self {
            version: standing.version,
            priority: standing.conversation.priority,
        }
    }
}

/// How a call ended, to be committed together with its effect.
pub struct End<'a> {
    pub call: &'a Call,
    pub outcome: Outcome,
    /// One per object; `None`: it was not carried out.
    pub results: Option<Vec<ObjectResult>>,
    /// Effects of its last (or only) chunk.
    pub chunk: Chunk,
    /// How many mails the call owes that earlier chunks have written.
    pub mails_before: u32,
}

impl Cloud {
    pub async fn standing(&self, key: &ConversationKey) -> Result<Option<Standing>, Trouble> {
        Standing::load(&self.calls, key).await
    }

    pub(crate) fn results_kept(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * self.settings.results_days)
    }

    /// Takes in one call: keeps it, gives it its place in its conversation, and says so.
    ///
    /// The call is kept first and counted in its conversation after, so that a conversation never
    /// counts a call that is not there. A call that was kept and not counted, because the power
    /// went in between, is taken over when its caller sends it again.
    pub async fn take_in(
        &self,
        call: Call,
        canonical: &str,
        now: Timestamp,
    ) -> Result<TakenIn, Trouble> {
        let key = call.conversation_key();
        let body = CallRecord::keep_body(&self.bodies, &call, canonical).await?;
        let arrived = CallRecord { call, body };
        // A call alone has a RequestID that was made a moment ago: nobody can be there yet.
        let alone = arrived.call.conversation_id.is_none();
        for tried in 0..OVERTAKEN_MAX {
            let seen = if alone && tried == 0 {
                None
            } else {
                self.standing(&key).await?
            };
            let before = seen.as_ref().map(Before::of);
            let (call, step) = self.decide_arrival(seen, &arrived, now).await?;
            match self.commit_step(&key, before, step, now).await {
                Ok(Joined::Accepted | Joined::Repeated) => {
                    return Ok(TakenIn::Accepted(call.request_id));
                }
                Ok(Joined::Refused(refusal)) => return Ok(TakenIn::Refused(refusal)),
                Err(CommitError::Overtaken) => spread_out(&arrived.call.request_id, tried).await,
                Err(CommitError::Unavailable(trouble)) => return Err(trouble),
            }
        }
        Err(Trouble::Overtaken(OVERTAKEN_MAX))
    }

    /// What the conversation makes of a call, and the call as it is kept: a part that came before
    /// is the one of the first time.
    async fn decide_arrival(
        &self,
        seen: Option<Standing>,
        arrived: &CallRecord,
        now: Timestamp,
    ) -> Result<(Call, Step<Joined>), Trouble> {
        let call = &arrived.call;
        let conversation = seen.map(|standing| standing.conversation);
        let counted = conversation
            .as_ref()
            .is_some_and(|conversation| conversation.arrived.contains(call.place.sequence()));
        if !counted {
            let refused = conversation
                .clone()
                .map(|conversation| conversation.join(call, Seen::Never, now))
                .filter(|step| step.answer != Joined::Accepted);
            if let Some(step) = refused {
                return Ok((call.clone(), step));
            }
        }
        let first = if counted {
            let key = call.conversation_key();
            CallRecord::load(&self.calls, &key, call.place.sequence()).await?
        } else {
            self.keep(arrived).await?
        };
        let first = first.map_or_else(|| call.clone(), |record| record.call);
        let before = match (counted, first.digest == call.digest) {
            (false, true) => Seen::Never,
            (true, true) => Seen::SameContent,
            (_, false) => Seen::OtherContent,
        };
        let step = match (conversation, before) {
            (Some(conversation), _) => {
                conversation.join(&first_or(call, &first, before), before, now)
            }
            (None, Seen::Never | Seen::SameContent) => Conversation::open(&first, now),
            // Two openings with different content: the other one was kept first, so it came first.
            (None, Seen::OtherContent) => match Conversation::open(&first, now).conversation {
                Some(opened) => opened.join(call, before, now),
                None => Conversation::open(&first, now),
            },
        };
        Ok((first, step))
    }

    /// Keeps a call, with the pointer to it. If one with its place is there already, that one.
    async fn keep(&self, arrived: &CallRecord) -> Result<Option<CallRecord>, Trouble> {
        let kept = self.results_kept();
        let item = arrived.to_item(kept);
        if arrived.call.conversation_id.is_none() {
            let there = self.calls.put_new(item).await?;
            return there.map(CallRecord::from_item).transpose();
        }
        let pointer = self.calls.put(Pointer::item_for(&arrived.call, kept));
        let (there, ()) = tokio::try_join!(self.calls.put_new(item), pointer)?;
        let there = there.map(CallRecord::from_item).transpose()?;
        if let Some(first) = &there {
            // Whoever kept it may not have come to keeping the pointer.
            self.calls.put(Pointer::item_for(&first.call, kept)).await?;
        }
        Ok(there)
    }

    /// Takes in a call outside any conversation that came with an `Idempotency-Key`.
    pub async fn take_in_once(
        &self,
        mut call: Call,
        canonical: &str,
        idempotency_key: &str,
        now: Timestamp,
    ) -> Result<TakenIn, Trouble> {
        let key = ConversationKey::of_idempotency(&call.account, idempotency_key);
        let key = Key::new(key.0, "IDEMPOTENCY");
        let mut mine = Idempotency {
            digest: call.digest.clone(),
            request_id: call.request_id.clone(),
            at: now,
            version: 1,
        };
        let there = self.calls.put_new(mine.to_item(key.clone())).await?;
        let Some(there) = there.map(Idempotency::from_item).transpose()? else {
            return self.take_in(call, canonical, now).await;
        };
        if now.duration_since(there.at) > IDEMPOTENCY_KEPT {
            mine.version = there.version + 1;
            return match self
                .calls
                .put_over(mine.to_item(key), Some(there.version))
                .await
            {
                Ok(()) => self.take_in(call, canonical, now).await,
                Err(CommitError::Overtaken) => Err(Trouble::Overtaken(1)),
                Err(CommitError::Unavailable(trouble)) => Err(trouble),
            };
        }
        if there.digest != call.digest {
            return Ok(TakenIn::KeyUsed);
        }
        // The first one may not have come to keeping the call: taken in under the same RequestID,
        // it is either kept now or answered as before.
        call.request_id = there.request_id;
        self.take_in(call, canonical, now).await
    }

    /// Takes one step of a conversation that is there; `None`: it is not.
    pub async fn take_step<A>(
        &self,
        key: &ConversationKey,
        now: Timestamp,
        decide: impl Fn(Conversation) -> Step<A>,
    ) -> Result<Option<A>, Trouble> {
        for tried in 0..OVERTAKEN_MAX {
            let Some(seen) = self.standing(key).await? else {
                return Ok(None);
            };
            let before = Before::of(&seen);
            let step = decide(seen.conversation);
            match self.commit_step(key, Some(before), step, now).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(CommitError::Overtaken) => {
                    spread_out(&RequestId(key.0.clone()), tried).await;
                }
                Err(CommitError::Unavailable(trouble)) => return Err(trouble),
            }
        }
        Err(Trouble::Overtaken(OVERTAKEN_MAX))
    }

    async fn commit_step<A>(
        &self,
        key: &ConversationKey,
        seen: Option<Before>,
        step: Step<A>,
        now: Timestamp,
    ) -> Result<A, CommitError> {
        let Before {
            mut version,
            mut priority,
        } = seen.unwrap_or_default();
        if let Some(conversation) = step.conversation {
            version += 1;
            priority = conversation.priority;
            let next = Standing {
                key: key.clone(),
                version,
                conversation,
            };
            let item = next.to_item(self.results_kept(), now);
            self.calls
                .put_over(item, seen.map(|seen| seen.version))
                .await?;
        }
        for owed in step.owed {
            let wake = Wake {
                conversation: key.clone(),
                step: version,
            };
            let settled = match owed {
                Owed::Wake => self.queues.wake(priority, &wake).await,
                Owed::WakeAt(at) => self.wake_at(at, priority, &wake, now).await,
            };
            if let Err(trouble) = settled {
                warn!(conversation = %key, trouble = trouble.in_full(), "left for the timekeeper");
            }
        }
        Ok(step.answer)
    }

    /// Far ones by the scheduler, near ones by the queue itself, where the processor holds them.
    pub async fn wake_at(
        &self,
        at: Timestamp,
        priority: QueuePriority,
        wake: &Wake,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        if at.duration_since(now) <= NEAR {
            self.queues.wake(priority, wake).await
        } else {
            self.schedules.wake_at(at, priority, wake).await
        }
    }

    /// The call that is next, with its body's text.
    pub async fn next_call(
        &self,
        key: &ConversationKey,
        sequence: SequenceCode,
    ) -> Result<(Call, String), Trouble> {
        let record = CallRecord::load(&self.calls, key, sequence).await?;
        let record = record.ok_or_else(|| Trouble::Missing(format!("CALL#{sequence} of {key}")))?;
        let text = record.body_text(&self.bodies).await?;
        Ok((record.call, text))
    }

    /// Commits a change of the header alone.
    pub async fn commit_header(
        &self,
        seen: &Standing,
        conversation: Conversation,
        now: Timestamp,
    ) -> Result<Standing, CommitError> {
        let next = Standing {
            key: seen.key.clone(),
            version: seen.version + 1,
            conversation,
        };
        let item = next.to_item(self.results_kept(), now);
        self.calls.put_over(item, Some(seen.version)).await?;
        Ok(next)
    }

    /// Commits a chunk of a call that has more of them: effects, results and progress together.
    pub async fn commit_chunk(
        &self,
        seen: &Standing,
        sequence: SequenceCode,
        chunk: Chunk,
        progress: (u32, u32, u32),
        now: Timestamp,
    ) -> Result<Standing, CommitError> {
        let (chunk_number, done_through, mails_before) = progress;
        let expires = now + self.results_kept();
        let mut transaction = Transaction::default();
        let results = serde_json::to_string(&chunk.results).unwrap_or_default();
        self.write_mails(
            &mut transaction,
            &seen.key,
            sequence,
            &chunk.mails,
            mails_before,
            expires,
        );
        chunk.write(&mut transaction, &self.objects);
        let item = outcome_record::chunk_item(&seen.key, sequence, chunk_number, &results, expires);
        transaction.put_new(&self.calls, item);
        let conversation = seen.conversation.clone().chunk_done(done_through);
        let next = Standing {
            key: seen.key.clone(),
            version: seen.version + 1,
            conversation,
        };
        let header = next.to_item(self.results_kept(), now);
        transaction.put_over(&self.calls, header, seen.version);
        transaction.commit(&self.calls).await?;
        Ok(next)
    }

    /// Commits the end of the call that was next: effects, outcome, replies and mails owed, and the
    /// conversation's next state together. Gives back the wake-ups that are owed.
    pub async fn commit_end(
        &self,
        seen: &Standing,
        end: End<'_>,
        now: Timestamp,
    ) -> Result<(Standing, Vec<ReplyWake>), CommitError> {
        let sequence = end.call.place.sequence();
        let conversation =
            seen.conversation
                .clone()
                .call_ended(&end.call.request_id, &end.outcome, now);
        let next = Standing {
            key: seen.key.clone(),
            version: seen.version + 1,
            conversation,
        };
        let expires = now + self.results_kept();
        let mut transaction = Transaction::default();
        let mut wakes = Vec::new();
        let mails = end.mails_before + count(end.chunk.mails.len());
        self.write_mails(
            &mut transaction,
            &seen.key,
            sequence,
            &end.chunk.mails,
            end.mails_before,
            expires,
        );
        if mails > 0 {
            let mails = MailsRecord {
                conversation: seen.key.clone(),
                account: seen.conversation.account.clone(),
                sequence,
                version: 1,
                count: mails,
                done_through: 0,
            };
            let due = now + mail_record::LOOK_AGAIN;
            transaction.put_new(&self.calls, mails.to_item(Some(due), expires));
            wakes.push(reply_wake(&seen.key, sequence, Owing::Mails, 1));
        }
        end.chunk.write(&mut transaction, &self.objects);
        let replies = told(end.call, &end.outcome, now).of_the_call();
        let record = self
            .outcome_record(&seen.key, end.call, end.outcome, end.results)
            .await?;
        transaction.put_new(&self.calls, record.to_item(self.results_kept()));
        wakes.extend(self.write_replies(&mut transaction, &next, replies, now));
        transaction.put_over(
            &self.calls,
            next.to_item(self.results_kept(), now),
            seen.version,
        );
        transaction.commit(&self.calls).await?;
        Ok((next, wakes))
    }

    async fn outcome_record(
        &self,
        key: &ConversationKey,
        call: &Call,
        outcome: Outcome,
        results: Option<Vec<ObjectResult>>,
    ) -> Result<OutcomeRecord, Trouble> {
        Ok(OutcomeRecord {
            conversation: key.clone(),
            sequence: call.place.sequence(),
            request_id: call.request_id.clone(),
            method: call.method,
            object_type: call.object_type.clone(),
            objects: call.objects,
            outcome,
            results: match results {
                None => Results::None,
                Some(results) => {
                    let text = serde_json::to_string(&results).unwrap_or_default();
                    Results::keep(&self.bodies, &call.request_id, &text).await?
                }
            },
        })
    }

    fn write_mails(
        &self,
        transaction: &mut Transaction,
        conversation: &ConversationKey,
        sequence: SequenceCode,
        orders: &[MailOrder],
        before: u32,
        expires: Timestamp,
    ) {
        for (order, number) in orders.iter().zip(before..) {
            let mail = MailRecord {
                conversation: conversation.clone(),
                sequence,
                number,
                version: 1,
                state: MailState::Owed,
                order: serde_json::to_string(order).unwrap_or_default(),
            };
            transaction.put_new(&self.calls, mail.to_item(expires));
        }
    }

    fn write_replies(
        &self,
        transaction: &mut Transaction,
        standing: &Standing,
        replies: Vec<Reply>,
        now: Timestamp,
    ) -> Vec<ReplyWake> {
        let mut wakes = Vec::with_capacity(replies.len());
        for reply in replies {
            let owing = Owing::Reply(reply.number);
            wakes.push(reply_wake(&standing.key, reply.sequence, owing, 1));
            let record = ReplyRecord {
                conversation: standing.key.clone(),
                account: standing.conversation.account.clone(),
                conversation_id: standing.conversation.conversation_id.clone(),
                version: 1,
                reply,
            };
            let due = now + reply_record::LOOK_AGAIN;
            transaction.put_new(&self.calls, record.to_item(due, self.reply_expires(now)));
        }
        wakes
    }

    /// A reply may be tried for three days after the results are gone.
    pub(crate) fn reply_expires(&self, now: Timestamp) -> Timestamp {
        now + self.results_kept() + SignedDuration::from_hours(24 * 7)
    }

    /// Gives the calls of a closing conversation what they still lack: an outcome to those that
    /// were not carried out, replies to all that want to know. As many as one transaction holds.
    pub async fn close_some(
        &self,
        seen: &Standing,
        now: Timestamp,
    ) -> Result<(Standing, Vec<ReplyWake>), CommitError> {
        let calls::Phase::Closing { ending, .. } = &seen.conversation.phase else {
            return Ok((seen.clone(), Vec::new()));
        };
        let mut transaction = Transaction::default();
        let mut wakes = Vec::new();
        let mut through = None;
        for sequence in seen.conversation.unclosed() {
            if transaction.len() + CLOSING_ITEMS_MAX > TRANSACTION_ITEMS_MAX - 1 {
                break;
            }
            let (call, unrun) = self.unclosed_call(seen, sequence, now).await?;
            let ended = self.ended_outcome(seen, sequence, unrun.as_ref()).await?;
            let told = told(&call, &ended, now);
            let mut replies = told.of_the_conversation(ending);
            if let Some(outcome) = unrun.clone() {
                replies.extend(told.of_the_call());
                let record = self.outcome_record(&seen.key, &call, outcome, None).await?;
                transaction.put_new(&self.calls, record.to_item(self.results_kept()));
            }
            wakes.extend(self.write_replies(&mut transaction, seen, replies, now));
            through = Some(sequence);
        }
        let mut conversation = seen.conversation.clone();
        if let Some(through) = through {
            conversation = conversation.closed_through(through);
        }
        let next = Standing {
            key: seen.key.clone(),
            version: seen.version + 1,
            conversation,
        };
        transaction.put_over(
            &self.calls,
            next.to_item(self.results_kept(), now),
            seen.version,
        );
        transaction.commit(&self.calls).await?;
        Ok((next, wakes))
    }

    async fn unclosed_call(
        &self,
        seen: &Standing,
        sequence: SequenceCode,
        now: Timestamp,
    ) -> Result<(Call, Option<Outcome>), Trouble> {
        let record = CallRecord::load(&self.calls, &seen.key, sequence).await?;
        let record =
            record.ok_or_else(|| Trouble::Missing(format!("CALL#{sequence} of {}", seen.key)))?;
        Ok((
            record.call,
            seen.conversation.outcome_of_unrun(sequence, now),
        ))
    }

    async fn ended_outcome(
        &self,
        seen: &Standing,
        sequence: SequenceCode,
        unrun: Option<&Outcome>,
    ) -> Result<Outcome, Trouble> {
        if let Some(outcome) = unrun {
            return Ok(outcome.clone());
        }
        let item = self
            .calls
            .get(&OutcomeRecord::key(&seen.key, sequence))
            .await?;
        let item =
            item.ok_or_else(|| Trouble::Missing(format!("OUTCOME#{sequence} of {}", seen.key)))?;
        Ok(OutcomeRecord::from_item(seen.key.clone(), item)?.outcome)
    }

    /// Mails that a synchronous call owes: kept under its RequestID.
    pub async fn owe_mails(
        &self,
        account: &AccountId,
        request_id: &RequestId,
        orders: &[MailOrder],
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let key = &ConversationKey::of_request(account, request_id);
        let expires = now + self.results_kept();
        let sequence = SequenceCode::FIRST;
        for (number, orders) in orders.chunks(TRANSACTION_ITEMS_MAX - 1).enumerate() {
            let before = count(number * (TRANSACTION_ITEMS_MAX - 1));
            let mut transaction = Transaction::default();
            self.write_mails(&mut transaction, key, sequence, orders, before, expires);
            transaction.commit(&self.calls).await?;
        }
        let mails = MailsRecord {
            conversation: key.clone(),
            account: account.clone(),
            sequence,
            version: 1,
            count: count(orders.len()),
            done_through: 0,
        };
        let due = now + mail_record::LOOK_AGAIN;
        self.calls
            .put_over(mails.to_item(Some(due), expires), None)
            .await?;
        self.send_reply_wakes(&[reply_wake(key, sequence, Owing::Mails, 1)])
            .await;
        Ok(())
    }

    /// After the commit: what is not sent now, the timekeeper sends.
    pub async fn send_reply_wakes(&self, wakes: &[ReplyWake]) {
        if let Err(trouble) = self.queues.wake_replies(wakes).await {
            warn!(
                trouble = trouble.in_full(),
                "replies left for the timekeeper"
            );
        }
    }
}

/// Most records that closing one call can take: its outcome and its replies.
const CLOSING_ITEMS_MAX: usize = 1 + calls::options::SUBSCRIPTIONS_MAX;

fn told<'a>(call: &'a Call, outcome: &'a Outcome, now: Timestamp) -> Told<'a> {
    Told {
        request_id: &call.request_id,
        sequence: call.place.sequence(),
        subscriptions: &call.options.subscriptions,
        outcome,
        now,
    }
}

/// The call that joins: the one of the first time, unless this one differs and says so.
fn first_or(call: &Call, first: &Call, before: Seen) -> Call {
    match before {
        Seen::Never | Seen::SameContent => first.clone(),
        Seen::OtherContent => call.clone(),
    }
}

pub(crate) fn reply_wake(
    key: &ConversationKey,
    sequence: SequenceCode,
    what: Owing,
    step: u64,
) -> ReplyWake {
    ReplyWake {
        conversation: key.clone(),
        sequence,
        what,
        step,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Those who overtook each other wait different times before they look again.
async fn spread_out(who: &RequestId, tried: u32) {
    let Digest(hash) = Digest::of(format!("{who} {tried}").as_bytes());
    let share = u64::from_str_radix(&hash[..4], 16).unwrap_or(0);
    let longest_ms = 5 << tried.min(5);
    tokio::time::sleep(std::time::Duration::from_millis(
        share * longest_ms / 0xffff,
    ))
    .await;
}
