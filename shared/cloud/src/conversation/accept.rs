//! Accepts a call: keeps it, and counts it in its conversation.

use calls::{
    Call, CallerQueues, Conversation, ConversationKey, Joined, QueueOwner, Refusal, RequestId,
    Seen, Step,
};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::Key;
use crate::conversation::commit::PreviousHeader;
use crate::conversation::conflicts::spread_out;
use crate::error::{CONFLICTS_MAX, Committed, Error};
use crate::metrics::Metric;
use crate::records::call_record::{CallRecord, IDEMPOTENCY_RETENTION, Idempotency};
use crate::records::compression::Compressed;
use crate::records::conversation_record::ConversationRecord;
use crate::records::embedding::FirstHeader;

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The call is stored, by this request or by an earlier one with the same call, whose RequestID
    /// this is.
    Accepted(RequestId),
    Refused(Refusal),
    /// The `Idempotency-Key` was used for a call with other content.
    KeyUsed,
}

/// What is decided about a call, before it is committed.
pub(crate) struct Acceptance {
    /// The header that the decision saw, on which the commit is conditional.
    pub(crate) previous: PreviousHeader,
    /// The call as it is stored: that of the first time, if it came before.
    call: Call,
    pub(crate) step: Step<Joined>,
}

impl Cloud {
    /// Accepts one call: keeps it and counts it in its conversation.
    ///
    /// A small call alone is kept and counted in one write. Any other call is kept first and
    /// counted after, so that a conversation never counts a call that is not there. If the process
    /// dies in between, the call is kept and not counted; it is counted when its caller sends it
    /// again.
    pub async fn accept(
        &self,
        call: Call,
        canonical: &str,
        queues: &CallerQueues,
        now: Timestamp,
    ) -> Result<Accepted, Error> {
        let key = call.conversation_key();
        let body =
            CallRecord::keep_body(&self.large_bodies, &self.random, &call, canonical).await?;
        let call = Compressed::of(call);
        let arrived = CallRecord { call, body };
        let is_past = arrived.call.options.is_past(now);
        // The RequestID of a call alone was made a moment ago, so there can be no record of it yet.
        let alone = arrived.call.conversation_id.is_none() && !is_past;
        let queue_owner = queues.owner_for(&arrived.call);
        for tried in 0..CONFLICTS_MAX {
            let seen = if alone && tried == 0 {
                None
            } else {
                self.conversation_record(&key).await?
            };
            if is_past && !self.has_come_before(seen.as_ref(), &arrived.call).await? {
                return Ok(Accepted::Refused(Refusal::ExpirationPast));
            }
            let Acceptance {
                previous,
                call,
                step,
            } = match seen {
                Some(seen) => self.decide_acceptance(&seen, &arrived, now).await?,
                None => {
                    let owner = queue_owner.clone();
                    self.decide_opening(&arrived, owner, now).await?
                }
            };
            let step = self.commit_step(&key, previous, step, now).await;
            match Committed::of(step)? {
                Committed::Written(Joined::Accepted) => {
                    self.metrics.count(Metric::Accepted);
                    return Ok(Accepted::Accepted(call.request_id));
                }
                Committed::Written(Joined::Repeated) => {
                    return Ok(Accepted::Accepted(call.request_id));
                }
                Committed::Written(Joined::Refused(refusal)) => {
                    return Ok(Accepted::Refused(refusal));
                }
                Committed::Conflict => spread_out(&arrived.call.request_id, tried).await,
            }
        }
        Err(Error::Conflict(CONFLICTS_MAX))
    }

    /// Whether this same call was accepted before.
    async fn has_come_before(
        &self,
        seen: Option<&ConversationRecord>,
        call: &Call,
    ) -> Result<bool, Error> {
        let sequence = call.place.sequence();
        let Some(seen) = seen.filter(|seen| seen.conversation.arrived.contains(sequence)) else {
            return Ok(false);
        };
        let first = self.load_call(seen, sequence).await?;
        Ok(first.is_some_and(|first| first.call.digest == call.digest))
    }

    /// What the conversation decides about a call.
    async fn decide_acceptance(
        &self,
        seen: &ConversationRecord,
        arrived: &CallRecord,
        now: Timestamp,
    ) -> Result<Acceptance, Error> {
        let call: &Call = &arrived.call;
        let join = |call: &Call, seen_before| {
            let conversation = seen.conversation.clone();
            conversation.join(call, seen_before, now)
        };
        let acceptance = |call: Call, step| Acceptance {
            previous: PreviousHeader::of(seen),
            call,
            step,
        };
        let counted = seen.conversation.arrived.contains(call.place.sequence());
        if !counted {
            let step = join(call, Seen::Never);
            if step.answer != Joined::Accepted {
                return Ok(acceptance(call.clone(), step));
            }
        }
        let first = if counted {
            self.load_call(seen, call.place.sequence()).await?
        } else {
            self.keep(arrived).await?
        };
        let Some(first) = first.map(|record| record.call.into_value()) else {
            // The header counts a call that is not there: its retention has ended. Whether this one has
            // the same content cannot be known any more, but the SequenceCode is used.
            let seen_before = match counted {
                true => Seen::OtherContent,
                false => Seen::Never,
            };
            return Ok(acceptance(call.clone(), join(call, seen_before)));
        };
        let step = match (counted, first.digest == call.digest) {
            (false, true) => join(&first, Seen::Never),
            (true, true) => join(&first, Seen::SameContent),
            (_, false) => join(call, Seen::OtherContent),
        };
        Ok(acceptance(first, step))
    }

    /// The same for a call whose conversation does not exist yet.
    pub(crate) async fn decide_opening(
        &self,
        arrived: &CallRecord,
        queue_owner: Option<QueueOwner>,
        now: Timestamp,
    ) -> Result<Acceptance, Error> {
        let call: &Call = &arrived.call;
        // Taken before the answer, so that a call that is sent after it gets a larger number.
        let numbered = match queue_owner {
            Some(owner) => {
                let queue = owner.queue(&call.account, call.options.queue_priority);
                Some((self.next_in_queue(&queue).await?, owner))
            }
            None => None,
        };
        let placed = |opened: Step<Joined>| match &numbered {
            Some((number, owner)) => opened.in_queue(*number, owner.clone()),
            None => opened,
        };
        let opened = placed(Conversation::open(call, now));
        let retention = self.results_retention();
        if let Some(conversation) = &opened.conversation
            && let Some(first) = FirstHeader::with_call(conversation, arrived, retention, now)
        {
            return Ok(Acceptance {
                previous: PreviousHeader::None(Box::new(first)),
                call: call.clone(),
                step: opened,
            });
        }
        let acceptance = |call: Call, step| Acceptance {
            previous: PreviousHeader::None(Box::new(FirstHeader::after_call(now))),
            call,
            step,
        };
        let Some(first) = self.keep(arrived).await? else {
            return Ok(acceptance(call.clone(), opened));
        };
        let first = first.call.into_value();
        let step = match first.digest == call.digest {
            true => placed(Conversation::open(&first, now)),
            // Two calls with different content open the conversation. The other one was kept first,
            // so it came first.
            false => opened_by_another(&first, call, now),
        };
        Ok(acceptance(first, step))
    }

    /// Stores a call. Returns the call that was stored at its place before, if there is one.
    pub(crate) async fn keep(&self, arrived: &CallRecord) -> Result<Option<CallRecord>, Error> {
        let item = arrived.to_item(self.results_retention());
        let there = self.calls.put_new(item).await?;
        there.map(CallRecord::from_item).transpose()
    }

    /// Accepts a call outside any conversation that came with an `Idempotency-Key`.
    pub async fn accept_once(
        &self,
        mut call: Call,
        canonical: &str,
        idempotency_key: &str,
        queues: &CallerQueues,
        now: Timestamp,
    ) -> Result<Accepted, Error> {
        let key = ConversationKey::of_idempotency(&call.account, idempotency_key);
        let key = Key::new(key.0, "IDEMPOTENCY");
        let mut mine = Idempotency {
            digest: call.digest.clone(),
            request_id: call.request_id.clone(),
            at: now,
            version: 1,
        };
        // A call that has expired does not use up its key: corrected, it may come under the same
        // key.
        let is_past = call.options.is_past(now);
        let there = match is_past {
            true => self.calls.get(&key).await?,
            false => self.calls.put_new(mine.to_item(key.clone())).await?,
        };
        let Some(there) = there.map(Idempotency::from_item).transpose()? else {
            return self.accept(call, canonical, queues, now).await;
        };
        if now.duration_since(there.at) > IDEMPOTENCY_RETENTION {
            if is_past {
                return Ok(Accepted::Refused(Refusal::ExpirationPast));
            }
            mine.version = there.version + 1;
            let mine = mine.to_item(key);
            self.calls.put_over(mine, Some(there.version)).await?;
            return self.accept(call, canonical, queues, now).await;
        }
        if there.digest != call.digest {
            return Ok(Accepted::KeyUsed);
        }
        // The first call may not have been kept. Accepted under the same RequestID, it is kept now
        // or answered as before.
        call.request_id = there.request_id;
        self.accept(call, canonical, queues, now).await
    }
}

/// The conversation that the call kept first opens, after another call for its place has come. The
/// refusal of that other call is recorded even if the conversation does not change.
fn opened_by_another(first: &Call, call: &Call, now: Timestamp) -> Step<Joined> {
    let opened = Conversation::open(first, now);
    let joined = opened
        .conversation
        .clone()
        .map(|it| it.join(call, Seen::OtherContent, now));
    match joined {
        Some(joined) if joined.conversation.is_some() => joined,
        Some(joined) => Step {
            answer: joined.answer,
            ..opened
        },
        None => opened,
    }
}
