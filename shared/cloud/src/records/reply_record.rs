//! One reply: pending from the commit that ended its call, until it is delivered or given up.
//!
//! | pk                      | sk                             | written by                      | read by              |
//! |-------------------------|--------------------------------|---------------------------------|----------------------|
//! | key of the conversation | `REPLY#0000000001#00`          | processor, notifier, timekeeper | notifier, timekeeper |
//!
//! A call's only reply lies with the outcome that it tells of, where both fit one write unit: in
//! the outcome's record, or with it in the header of a call alone, see [`crate::records`].
//!
//! Where the run that carried out a call of a conversation makes the first attempt at its only
//! reply, the outcome's record says to whom it goes (`first_reply`) and the header whether it may not
//! have been delivered, see [`calls::undelivered`]. It has a record of its own only if that attempt
//! failed, or was left to somebody else.

use calls::conversation::LOOK_AGAIN;
use calls::reply::TRIED_MAX;
use calls::{
    AccountId, Conversation, ConversationId, ConversationKey, DeliveryResult, Due, Reply,
    ReplyState, SequenceCode, SubjectKind,
};
use jiff::{SignedDuration, Timestamp};

use crate::aws::lanes::LaneClass;
use crate::aws::queues::{ReplyTarget, ReplyWakeUp};
use crate::aws::table::{Key, Table};
use crate::by_account::failed_part_of;
use crate::error::Error;
use crate::records::call_record::CallRecord;
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::{Item, ItemReader, ItemWriter, due_shard, size_of};
use crate::records::outcome_record::OutcomeRecord;
use crate::records::stored_reply::{BYTES_WITH_REPLY_MAX, StoredReply};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyRecord {
    pub conversation: ConversationKey,
    pub account: AccountId,
    pub conversation_id: Option<ConversationId>,
    pub version: u64,
    pub reply: Reply,
    /// `due_at`: when the timekeeper looks for somebody who attempts it. Until then whoever holds it
    /// has it alone, see [`crate::conversation::replies`]. `None`: it is no longer pending.
    pub due: Option<Timestamp>,
    /// Whether it is one of High, which others of its account do not hold up.
    pub class: LaneClass,
    pub(in crate::records) location: ReplyLocation,
}

/// The reply for which the header answers, in the record of the outcome. Not called as that of other
/// outcomes: older versions would take it for pending and due never.
const FIRST_REPLY: &str = "first_reply";

/// The class of a reply to a call of High, as it is stored.
const HIGH: &str = "High";

/// Where a reply lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::records) enum ReplyLocation {
    /// In a record of its own.
    Apart,
    /// In the record of the outcome that it tells of.
    WithOutcome(Box<OutcomeRecord>),
    /// There too, never to be changed: the header answers for it. Its next version lies apart.
    ByHeader(Box<OutcomeRecord>),
    /// In the header of a call alone.
    InHeader(Box<ConversationRecord>),
}

pub(crate) fn reply_key(
    conversation: &ConversationKey,
    sequence: SequenceCode,
    number: u32,
) -> Key {
    Key::new(
        &conversation.0,
        format!("REPLY#{:010}#{number:02}", sequence.get()),
    )
}

impl ReplyRecord {
    /// In a record of its own.
    pub(in crate::records) fn apart(
        header: &ConversationRecord,
        reply: Reply,
        due: Timestamp,
    ) -> Self {
        Self {
            conversation: header.key.clone(),
            account: header.conversation.account.clone(),
            conversation_id: header.conversation.conversation_id.clone(),
            version: 1,
            reply,
            due: Some(due),
            class: LaneClass::of(header.conversation.priority),
            location: ReplyLocation::Apart,
        }
    }

    /// The only reply that tells of an outcome, in the outcome's record; `None`: it does not belong
    /// there, since each attempt writes all of that record again.
    pub(in crate::records) fn with_outcome(
        conversation: &Conversation,
        outcome: &OutcomeRecord,
        replies: &[Reply],
        due: Timestamp,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Option<(Self, Item)> {
        let [reply] = replies else { return None };
        let record = Self {
            conversation: outcome.conversation.clone(),
            account: conversation.account.clone(),
            conversation_id: conversation.conversation_id.clone(),
            version: 1,
            reply: reply.clone(),
            due: Some(due),
            class: LaneClass::of(conversation.priority),
            location: ReplyLocation::WithOutcome(Box::new(outcome.clone())),
        };
        let item = record.to_item(results_retention, now);
        let fits = reply.subject == SubjectKind::Call && size_of(&item) <= BYTES_WITH_REPLY_MAX;
        fits.then_some((record, item))
    }

    /// The only reply that tells of an outcome, as long as the header answers for it, and the item of
    /// the outcome with it. It is leased to whoever commits it.
    pub(in crate::records) fn by_header(
        header: &ConversationRecord,
        outcome: &OutcomeRecord,
        reply: Reply,
        due: Timestamp,
        results_retention: SignedDuration,
    ) -> (Self, Item) {
        let key = OutcomeRecord::key(&outcome.conversation, outcome.sequence);
        let item = outcome
            .write(ItemWriter::new(key))
            .compressed_json(FIRST_REPLY, &StoredReply::beside_outcome(&reply))
            .expires(Some(outcome.outcome.ended_at + results_retention))
            .done();
        let record = Self {
            version: 0,
            location: ReplyLocation::ByHeader(Box::new(outcome.clone())),
            ..Self::apart(header, reply, due)
        };
        (record, item)
    }

    /// Whether the header answers for it, or has answered: it has no record.
    pub fn is_by_header(&self) -> bool {
        matches!(self.location, ReplyLocation::ByHeader(_))
    }

    /// The version that its next one has to find; `None`: no record.
    pub(crate) fn seen_version(&self) -> Option<u64> {
        (!self.is_by_header()).then_some(self.version)
    }

    /// The key of its record, once it has one of its own.
    pub(crate) fn key_apart(&self) -> Key {
        reply_key(&self.conversation, self.reply.sequence, self.reply.number)
    }

    /// Whether it is an outcome with a reply that the header answers for, or has answered for.
    pub(crate) fn has_first_reply(item: &Item) -> bool {
        item.contains_key(FIRST_REPLY)
    }

    /// A reply that the header answers for, or has answered for, by the record of the outcome; `None`:
    /// there is no such reply. That it lies apart by now is not known here.
    pub(crate) fn of_outcome(
        header: &ConversationRecord,
        item: Item,
    ) -> Result<Option<Self>, Error> {
        let item = ItemReader(item);
        if !item.has(FIRST_REPLY) {
            return Ok(None);
        }
        let outcome = OutcomeRecord::read(header.key.clone(), &item)?;
        let reply = item.compressed_json::<StoredReply>(FIRST_REPLY)?;
        let reply = reply.into_reply(&outcome, None);
        let mut reply = reply.ok_or_else(|| item.unreadable(FIRST_REPLY))?;
        let due = reply.pending_since + LOOK_AGAIN;
        let is_pending = header.answers_for(reply.sequence);
        if !is_pending {
            // Within the lease that began then: the moment itself is not written.
            let at = reply.pending_since;
            reply = reply.attempted(DeliveryResult::Taken, at);
        }
        Ok(Some(Self {
            version: 0,
            due: is_pending.then_some(due),
            location: ReplyLocation::ByHeader(Box::new(outcome)),
            ..Self::apart(header, reply, due)
        }))
    }

    pub fn is_at(key: &Key) -> bool {
        key.sk.starts_with("REPLY#") || OutcomeRecord::is_at(key)
    }

    /// Until when whoever holds it has it alone; `None`: nobody does.
    pub fn leased_until(&self) -> Option<Timestamp> {
        self.due.filter(|_| !self.reply.released)
    }

    /// Whether somebody else may be at it.
    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.leased_until().is_some_and(|until| until > now)
    }

    /// The wake-up by which whoever holds it hands it on: the notifier takes the lease over.
    pub(crate) fn wake(&self) -> ReplyWakeUp {
        let what = match self.location {
            ReplyLocation::Apart | ReplyLocation::ByHeader(_) => {
                ReplyTarget::Reply(self.reply.number)
            }
            ReplyLocation::WithOutcome(_) => ReplyTarget::OutcomeReply,
            ReplyLocation::InHeader(_) => ReplyTarget::EmbeddedReply,
        };
        // One without a record has to get one before anybody is woken for it.
        let version = self.version.max(1);
        ReplyWakeUp::new(&self.conversation, self.reply.sequence, what, version)
    }

    /// The call that it tells of, if it was read with the reply.
    pub fn call_read_with_it(&self) -> Option<&CallRecord> {
        match &self.location {
            ReplyLocation::InHeader(header) => header.embedded.call.as_deref(),
            ReplyLocation::Apart | ReplyLocation::WithOutcome(_) | ReplyLocation::ByHeader(_) => {
                None
            }
        }
    }

    /// The next version, due then if it is still pending.
    #[must_use]
    pub(crate) fn next(&self, reply: Reply, due: Timestamp, now: Timestamp) -> Self {
        let is_pending = matches!(reply.state, ReplyState::Pending(_));
        let due = is_pending.then_some(due);
        let location = match &self.location {
            ReplyLocation::InHeader(header) => {
                let mut next = header.next(header.conversation.clone().reply_due(due));
                if let Some(end) = &mut next.embedded.end {
                    end.reply = Some(reply.clone());
                }
                ReplyLocation::InHeader(Box::new(next.noted(now)))
            }
            ReplyLocation::WithOutcome(_) => self.location.clone(),
            ReplyLocation::Apart | ReplyLocation::ByHeader(_) => ReplyLocation::Apart,
        };
        Self {
            version: self.version + 1,
            due,
            reply,
            location,
            ..self.clone()
        }
    }

    /// The item of the record that it lies in.
    pub(crate) fn to_item(&self, results_retention: SignedDuration, now: Timestamp) -> Item {
        let sequence = self.reply.sequence;
        let writing = match &self.location {
            ReplyLocation::InHeader(header) => return header.to_item(results_retention, now),
            ReplyLocation::WithOutcome(outcome) => outcome
                .write(ItemWriter::new(OutcomeRecord::key(
                    &self.conversation,
                    sequence,
                )))
                .compressed_json("reply", &StoredReply::beside_outcome(&self.reply)),
            ReplyLocation::Apart | ReplyLocation::ByHeader(_) => {
                ItemWriter::new(self.key_apart()).compressed_json("reply", &self.reply)
            }
        };
        let expires = match (&self.location, self.reply.state) {
            // The results were kept longer only for this.
            (ReplyLocation::WithOutcome(with), ReplyState::Delivered | ReplyState::GivenUp) => {
                with.outcome.ended_at + results_retention
            }
            // A reply may be tried for days after the results are gone.
            (
                ReplyLocation::WithOutcome(_)
                | ReplyLocation::ByHeader(_)
                | ReplyLocation::Apart
                | ReplyLocation::InHeader(_),
                _,
            ) => now + results_retention + TRIED_MAX,
        };
        let writing = writing
            .number("version", self.version)
            .text("account", &self.account.0)
            .maybe_text(
                "conversation_id",
                self.conversation_id.as_ref().map(ConversationId::as_str),
            )
            // The others are most, and do without.
            .maybe_text("class", (self.class == LaneClass::High).then_some(HIGH))
            .failed(
                &failed_part_of(&self.conversation, &self.account),
                self.reply.is_failing().then_some(self.reply.pending_since),
            )
            .expires(Some(expires));
        match self.due {
            Some(due) => writing.due(&due_shard(&self.conversation), due),
            None => writing,
        }
        .done()
    }

    /// `None`: an outcome without a reply.
    pub(crate) fn from_item(key: &Key, item: Item) -> Result<Option<Self>, Error> {
        let item = ItemReader(item);
        let conversation = ConversationKey(key.pk.clone());
        let conversation_id = item
            .maybe_text("conversation_id")
            .map(ConversationId::parse)
            .transpose()
            .map_err(|_| item.unreadable("conversation_id"))?;
        let (reply, location) = if !OutcomeRecord::is_at(key) {
            (item.compressed_json("reply")?, ReplyLocation::Apart)
        } else if item.has("reply") {
            let outcome = OutcomeRecord::read(conversation.clone(), &item)?;
            let reply = item.compressed_json::<StoredReply>("reply")?;
            let reply = reply.into_reply(&outcome, None);
            let reply = reply.ok_or_else(|| item.unreadable("reply"))?;
            (reply, ReplyLocation::WithOutcome(Box::new(outcome)))
        } else {
            return Ok(None);
        };
        Ok(Some(Self {
            conversation,
            account: AccountId(item.text("account")?.to_owned()),
            conversation_id,
            version: item.number("version")?,
            due: item.time("due_at").ok(),
            class: match item.maybe_text("class") {
                Some(HIGH) => LaneClass::High,
                Some(_) | None => LaneClass::Usual,
            },
            reply,
            location,
        }))
    }

    /// The reply that is kept with a header, if one is.
    pub(crate) fn of_header(header: ConversationRecord) -> Option<Self> {
        let reply = header.embedded.end.as_ref()?.reply.clone()?;
        Some(Self {
            conversation: header.key.clone(),
            account: header.conversation.account.clone(),
            conversation_id: header.conversation.conversation_id.clone(),
            version: header.version,
            class: LaneClass::of(header.conversation.priority),
            due: match header.conversation.due {
                Due::At(at) => Some(at),
                Due::Parked(_) | Due::Held(_) | Due::Never => None,
            },
            reply,
            location: ReplyLocation::InHeader(Box::new(header)),
        })
    }

    pub(crate) async fn load(table: &Table, key: &Key) -> Result<Option<Self>, Error> {
        match table.get(key).await? {
            Some(item) => Self::from_item(key, item),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::outcome_record::Results;
    use calls::{
        AsyncResponseType, Attempt, DeliveryResult, EndReason, Ended, Method, Outcome,
        OverallStatus, Phase, QueuePriority, ReceivedSet, RequestId, RespondWhen, Subscription,
    };

    const STATES: [ReplyState; 3] = [
        ReplyState::Pending(Timestamp::UNIX_EPOCH),
        ReplyState::Delivered,
        ReplyState::GivenUp,
    ];

    fn reply(subject: SubjectKind, state: ReplyState) -> Reply {
        Reply {
            request_id: RequestId("r".to_owned()),
            sequence: SequenceCode::FIRST,
            number: 1,
            subject,
            subscription: Subscription {
                response_type: AsyncResponseType::Email,
                address: "a@example.com".to_owned(),
                respond_when: RespondWhen::OnConversationError,
                include_results: true,
                include_objects: false,
                only_include_base: true,
            },
            overall_status: OverallStatus::HasErrors,
            status_message: "no".to_owned(),
            error_code: Some(1),
            pending_since: Timestamp::UNIX_EPOCH,
            attempts: vec![Attempt {
                at: Timestamp::UNIX_EPOCH,
                result: DeliveryResult::Status {
                    status: 503,
                    retry_after_s: Some(9),
                },
                answer: calls::ReceiverAnswer::of(b"not now"),
            }],
            state,
            earlier_attempts: 0,
            released: false,
        }
    }

    fn outcome(results: usize) -> OutcomeRecord {
        OutcomeRecord {
            conversation: ConversationKey("c".to_owned()),
            sequence: SequenceCode::FIRST,
            request_id: RequestId("r".to_owned()),
            method: Method::Create,
            object_type: "Subscriber".to_owned(),
            objects: 1,
            outcome: Outcome {
                how: Ended::CarriedOut,
                overall_status: OverallStatus::HasErrors,
                status_message: "no".to_owned(),
                error_code: Some(1),
                ended_at: Timestamp::UNIX_EPOCH,
            },
            results: Results::Inline(vec![7; results]),
        }
    }

    fn conversation() -> Conversation {
        Conversation {
            account: AccountId("1".to_owned()),
            conversation_id: ConversationId::parse("a # b").ok(),
            calls_in_conversation: 1.try_into().expect("not zero"),
            arrived: ReceivedSet::default(),
            subscribers_at_end: ReceivedSet::default(),
            last_arrival: Timestamp::UNIX_EPOCH,
            priority: QueuePriority::Medium,
            phase: Phase::Ended(EndReason::Complete),
            due: Due::Never,
            waits_for: None,
            queue_place: None,
            undelivered: None,
        }
    }

    fn record(reply: Reply, location: ReplyLocation) -> ReplyRecord {
        ReplyRecord {
            conversation: ConversationKey("c".to_owned()),
            account: conversation().account,
            conversation_id: conversation().conversation_id,
            version: 3,
            due: matches!(reply.state, ReplyState::Pending(_)).then_some(Timestamp::UNIX_EPOCH),
            class: LaneClass::High,
            location,
            reply,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let with_outcome = || ReplyLocation::WithOutcome(Box::new(outcome(100)));
        let records = STATES.into_iter().flat_map(|state| {
            [
                record(
                    reply(SubjectKind::Conversation, state),
                    ReplyLocation::Apart,
                ),
                record(reply(SubjectKind::Call, state), with_outcome()),
            ]
        });
        for record in records {
            let item = record.to_item(SignedDuration::ZERO, Timestamp::UNIX_EPOCH);
            assert_eq!(
                item.contains_key("due_at"),
                matches!(record.reply.state, ReplyState::Pending(_))
            );
            let key = match record.location {
                ReplyLocation::WithOutcome(_) => {
                    OutcomeRecord::key(&record.conversation, SequenceCode::FIRST)
                }
                ReplyLocation::Apart | ReplyLocation::ByHeader(_) | ReplyLocation::InHeader(_) => {
                    reply_key(&record.conversation, SequenceCode::FIRST, 1)
                }
            };
            assert!(ReplyRecord::is_at(&key));
            let read = ReplyRecord::from_item(&key, item.clone()).expect("readable");
            assert_eq!(read, Some(record.clone()));
            if let ReplyLocation::WithOutcome(outcome) = record.location {
                let read = OutcomeRecord::from_item(outcome.conversation.clone(), item);
                assert_eq!(read.expect("readable"), *outcome, "and so does the outcome");
            }
        }
    }

    #[test]
    fn an_outcome_without_a_reply_has_none() {
        let item = outcome(100).to_item(SignedDuration::ZERO);
        let key = OutcomeRecord::key(&outcome(0).conversation, SequenceCode::FIRST);
        assert_eq!(ReplyRecord::from_item(&key, item).expect("readable"), None);
    }

    #[test]
    fn only_one_small_reply_about_the_call_lies_with_its_outcome() {
        let (now, state) = (Timestamp::UNIX_EPOCH, STATES[0]);
        let item = |results: usize, replies: &[Reply]| {
            let outcome = outcome(results);
            let kept = SignedDuration::ZERO;
            ReplyRecord::with_outcome(&conversation(), &outcome, replies, now, kept, now)
        };
        let one = reply(SubjectKind::Call, state);
        let (_, item_of_one) = item(100, std::slice::from_ref(&one)).expect("it fits");
        assert!(size_of(&item_of_one) <= BYTES_WITH_REPLY_MAX);
        assert!(item(100, &[]).is_none());
        assert!(item(100, &[one.clone(), one.clone()]).is_none());
        assert!(item(100, &[reply(SubjectKind::Conversation, state)]).is_none());
        assert!(
            item(1_000, &[one]).is_none(),
            "each attempt would write it again"
        );
    }
}
