//! What a conversation left undone is submitted once more, as a new conversation: its ConversationID is
//! used up, so that whoever wants the rest needs another one.
//!
//! The new RequestIDs follow from the new name, and each new call names the one that it repeats, so that
//! whoever is cut off and begins again writes the same. The calls come first and the header last: until it is there, nothing is carried
//! out, and once it is, all is done.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use calls::{
    AccountId, Call, Conversation, ConversationId, ConversationKey, Ended, Joined, OverallStatus,
    Phase, Place, RequestId, Seen, SequenceCode, Step,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use crate::Cloud;
use crate::act::{Run, found_by_part, unwoken};
use crate::conversation::commit::PreviousHeader;
use crate::error::{Committed, Error};
use crate::read::conversation::ReadCall;
use crate::read::state::ConversationState;
use crate::records::call_record::{Body, CallRecord};
use crate::records::compression::Compressed;
use crate::records::conversation_record::ConversationRecord;
use crate::records::embedding::FirstHeader;

/// Calls that are written side by side.
const AT_ONCE: usize = 8;

/// What is to be submitted once more.
#[derive(Clone, Copy, Debug)]
pub struct Resubmission<'a> {
    pub account: &'a AccountId,
    /// A ConversationID, or the RequestID of a call alone.
    pub source: &'a str,
    pub target: &'a ConversationId,
    /// The call that failed, too, and not only those that were not carried out.
    pub with_failed: bool,
    /// Although parts of it never came.
    pub without_missing: bool,
}

/// A call and what it is submitted as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResubmittedCall {
    pub from: SequenceCode,
    pub from_request: RequestId,
    pub to: SequenceCode,
    pub to_request: RequestId,
    /// `None`: as soon as its turn comes.
    pub scheduled: Option<Timestamp>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResubmitAnswer {
    /// So it is, or would be if it was rehearsed.
    Done(Vec<ResubmittedCall>),
    /// The same was done before, and nothing is done again.
    Already(Vec<ResubmittedCall>),
    /// The account has nothing of that id.
    Unknown,
    /// One part is not a conversation.
    PartOf(ConversationId),
    /// It may still be carried out.
    NotEnded(ConversationState),
    /// Nothing of it was left undone.
    NothingLeft,
    /// These parts never came.
    PartsMissing(Vec<SequenceCode>),
    /// Nobody knows what became of this call, which is to be submitted.
    FateUnknown(RequestId),
    /// What this call was, or what became of it, is not kept any more.
    NotKept(SequenceCode),
    /// There is another conversation of that name.
    NameTaken,
}

/// What to submit, or why not.
type LeftUndone = Result<Vec<Call>, ResubmitAnswer>;

impl Cloud {
    pub async fn resubmit(
        &self,
        wanted: &Resubmission<'_>,
        run: Run,
    ) -> Result<ResubmitAnswer, Error> {
        let list = self.conversation_list();
        let Some(source) = list.find(wanted.account, wanted.source).await? else {
            return Ok(ResubmitAnswer::Unknown);
        };
        if let Some(conversation) = found_by_part(&source, wanted.source) {
            return Ok(ResubmitAnswer::PartOf(conversation));
        }
        let left = match self.left_undone(&source, wanted).await? {
            Ok(left) => left,
            Err(answer) => return Ok(answer),
        };
        let now = self.now();
        let new = renamed(&left, wanted.target, now);
        let submitted = || submitted(&left, &new);
        let key = ConversationKey::named(wanted.account, wanted.target);
        if let Some(there) = self.conversation_record(&key).await? {
            return Ok(match self.is_of(&there, &new).await? {
                true => ResubmitAnswer::Already(submitted()),
                false => ResubmitAnswer::NameTaken,
            });
        }
        if run == Run::Rehearsed {
            return Ok(ResubmitAnswer::Done(submitted()));
        }
        let Some(kept) = self.keep_resubmitted(&source, &left, &new).await? else {
            return Ok(ResubmitAnswer::NameTaken);
        };
        let Some(step) = all_there(&kept, now) else {
            return Ok(ResubmitAnswer::NameTaken);
        };
        let before = PreviousHeader::None(Box::new(FirstHeader::after_call(now)));
        let committed = self.commit_step(&key, before, unwoken(step, now), now);
        match Committed::of(committed.await)? {
            Committed::Written(_) => Ok(ResubmitAnswer::Done(submitted())),
            Committed::Conflict => {
                let there = self.conversation_record(&key).await?;
                let there = there.ok_or_else(|| Error::Missing(format!("header of {key}")))?;
                Ok(match self.is_of(&there, &new).await? {
                    true => ResubmitAnswer::Already(submitted()),
                    false => ResubmitAnswer::NameTaken,
                })
            }
        }
    }

    /// The calls that are to be submitted, in order.
    async fn left_undone(
        &self,
        source: &ConversationRecord,
        wanted: &Resubmission<'_>,
    ) -> Result<LeftUndone, Error> {
        let conversation = &source.conversation;
        match conversation.phase {
            Phase::Closing { .. } | Phase::Ended(_) => {}
            Phase::Gathering | Phase::Running(_) => {
                let state = ConversationState::of(conversation);
                return Ok(Err(ResubmitAnswer::NotEnded(state)));
            }
        }
        let missing = missing(conversation);
        if !missing.is_empty() && !wanted.without_missing {
            return Ok(Err(ResubmitAnswer::PartsMissing(missing)));
        }
        let list = self.conversation_list();
        let mut left = Vec::new();
        let mut lacking: BTreeSet<SequenceCode> = conversation.arrived.iter().collect();
        let mut first = Some(SequenceCode::FIRST);
        while let Some(from) = first {
            let Some(read) = list.calls_from(&source.key, from).await? else {
                return Ok(Err(ResubmitAnswer::Unknown));
            };
            for read in read.calls {
                lacking.remove(&read.call.place.sequence());
                match is_wanted(&read, wanted.with_failed) {
                    Ok(true) => left.push(read.call),
                    Ok(false) => {}
                    Err(answer) => return Ok(Err(answer)),
                }
            }
            first = read.next;
        }
        // Nothing is submitted with a gap.
        if let Some(sequence) = lacking.first() {
            return Ok(Err(ResubmitAnswer::NotKept(*sequence)));
        }
        match left.is_empty() {
            true => Ok(Err(ResubmitAnswer::NothingLeft)),
            false => Ok(self.bodies_are_kept(source, left).await?),
        }
    }

    /// A call alone that was carried out has no body any more.
    async fn bodies_are_kept(
        &self,
        source: &ConversationRecord,
        left: Vec<Call>,
    ) -> Result<LeftUndone, Error> {
        if let ([call], None) = (left.as_slice(), &source.conversation.conversation_id) {
            let sequence = call.place.sequence();
            let record = self.load_call(source, sequence).await?;
            if record.is_none_or(|record| record.body == Body::None) {
                return Ok(Err(ResubmitAnswer::NotKept(sequence)));
            }
        }
        Ok(Ok(left))
    }

    /// Whether a conversation is what these calls were submitted as.
    async fn is_of(&self, there: &ConversationRecord, new: &[Call]) -> Result<bool, Error> {
        let calls = usize::try_from(there.conversation.calls_in_conversation.get());
        let Some(first) = new.first().filter(|_| calls == Ok(new.len())) else {
            return Ok(false);
        };
        let kept = self.load_call(there, first.place.sequence()).await?;
        Ok(kept.is_some_and(|kept| is_copy(&kept.call, first)))
    }

    /// The calls as they are kept, in order; `None`: somebody else has begun to use the name.
    async fn keep_resubmitted(
        &self,
        source: &ConversationRecord,
        left: &[Call],
        new: &[Call],
    ) -> Result<Option<Vec<Call>>, Error> {
        let pairs = left.iter().zip(new);
        let each = pairs.map(|(old, new)| self.keep_resubmitted_one(source, old, new));
        // Not a stream over the closure: whoever spawns this could not send it to another thread.
        let each: Vec<_> = each.collect();
        let kept: Vec<Call> = stream::iter(each).buffered(AT_ONCE).try_collect().await?;
        let mut both = kept.iter().zip(new);
        let is_ours = both.all(|(kept, new)| is_copy(kept, new));
        Ok(is_ours.then_some(kept))
    }

    /// The new call, or whatever is there under its name.
    async fn keep_resubmitted_one(
        &self,
        source: &ConversationRecord,
        old: &Call,
        new: &Call,
    ) -> Result<Call, Error> {
        let sequence = old.place.sequence();
        let record = self.require_call(source, sequence).await?;
        let body = match &record.body {
            Body::Inline(_) => record.body.clone(),
            Body::InBucket(_) | Body::None => {
                let body = record.packed_body(&self.large_bodies).await?;
                let canonical = body.decompress()?;
                CallRecord::keep_body(&self.large_bodies, &self.random, new, &canonical).await?
            }
        };
        let call = Compressed::of(new.clone());
        let there = self.keep(&CallRecord { call, body }).await?;
        Ok(there.map_or_else(|| new.clone(), |it| it.call.into_value()))
    }
}

fn missing(conversation: &Conversation) -> Vec<SequenceCode> {
    let all = (1..=conversation.calls_in_conversation.get()).filter_map(SequenceCode::new);
    all.filter(|sequence| !conversation.arrived.contains(*sequence))
        .collect()
}

fn is_wanted(read: &ReadCall, with_failed: bool) -> Result<bool, ResubmitAnswer> {
    let Some(record) = &read.outcome else {
        return Err(ResubmitAnswer::NotKept(read.call.place.sequence()));
    };
    match record.outcome.how {
        Ended::NotProcessed | Ended::Cancelled | Ended::Expired => Ok(true),
        Ended::CarriedOut => Ok(with_failed && record.outcome.overall_status != OverallStatus::Ok),
        Ended::Unknown if with_failed => {
            Err(ResubmitAnswer::FateUnknown(read.call.request_id.clone()))
        }
        Ended::Unknown => Ok(false),
    }
}

/// The calls of the new conversation, from SequenceCode 1. A time that has passed is now.
fn renamed(left: &[Call], target: &ConversationId, now: Timestamp) -> Vec<Call> {
    let count = i64::try_from(left.len()).unwrap_or(i64::MAX);
    let numbered = left.iter().zip(1_i64..);
    let renamed = numbered.filter_map(|(call, number)| {
        let mut options = call.options.clone();
        options.scheduled_time = options.scheduled_time.filter(|at| *at > now);
        // 231: only a conversation of one may have an end. One that has passed was of the first time.
        options.expires_at = options.expires_at.filter(|at| count == 1 && *at > now);
        let place = Place::parse(number, count).ok()?;
        let conversation = ConversationKey::named(&call.account, target);
        Some(Call {
            request_id: RequestId::of_part(&conversation, place.sequence()),
            conversation_id: Some(target.clone()),
            place,
            options,
            arrived_at: now,
            resubmitted_from: Some(call.request_id.clone()),
            ..call.clone()
        })
    });
    renamed.collect()
}

/// Whether a call that is kept is the copy that is to be made, and not one that its caller sent.
fn is_copy(kept: &Call, new: &Call) -> bool {
    kept.resubmitted_from == new.resubmitted_from && kept.digest == new.digest
}

/// The conversation with all of its calls.
fn all_there(calls: &[Call], now: Timestamp) -> Option<Step<Joined>> {
    let (first, others) = calls.split_first()?;
    let mut step = Conversation::open(first, now);
    for call in others {
        step = step.conversation?.join(call, Seen::Never, now);
    }
    let expected = NonZeroU32::new(u32::try_from(calls.len()).ok()?)?;
    let is_whole = |it: &Conversation| it.arrived.count() == expected.get();
    step.conversation
        .as_ref()
        .is_some_and(is_whole)
        .then_some(step)
}

fn submitted(left: &[Call], new: &[Call]) -> Vec<ResubmittedCall> {
    let both = left.iter().zip(new);
    both.map(|(old, new)| ResubmittedCall {
        from: old.place.sequence(),
        from_request: old.request_id.clone(),
        to: new.place.sequence(),
        to_request: new.request_id.clone(),
        scheduled: new.options.scheduled_time,
    })
    .collect()
}
