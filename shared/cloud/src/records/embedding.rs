//! Whether a call alone, and later its end, fits the header of its conversation.

use calls::{Conversation, ConversationKey, Due, Phase, Reply};
use jiff::{SignedDuration, Timestamp};

use crate::records::call_record::CallRecord;
use crate::records::conversation_record::{ConversationRecord, FirstReply};
use crate::records::embedded_call::{EmbeddedCall, EmbeddedEnd};
use crate::records::item::{Item, size_of};
use crate::records::outcome_record::{OutcomeRecord, Results};
use crate::records::stored_reply::BYTES_WITH_REPLY_MAX;

/// Most bytes of a header with its call: one write unit, less what waiting adds to it.
const BYTES_WITH_CALL_MAX: usize = 1_024 - 64;

/// What the first header of a conversation holds beside the conversation.
#[derive(Clone, Debug)]
pub(crate) struct FirstHeader {
    embedded: EmbeddedCall,
    opened_at: Timestamp,
}

impl FirstHeader {
    /// Written together with the call that opens the conversation; `None`: that call is kept first, in a
    /// record of its own.
    pub(crate) fn with_call(
        opened: &Conversation,
        call: &CallRecord,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Option<Self> {
        let first = Self {
            embedded: EmbeddedCall::opening(opened, call, results_retention, now)?,
            opened_at: now,
        };
        Some(first)
    }

    /// Written after the call that opens the conversation.
    pub(crate) fn after_call(now: Timestamp) -> Self {
        Self {
            embedded: EmbeddedCall::default(),
            opened_at: now,
        }
    }

    pub(crate) fn record(
        &self,
        key: &ConversationKey,
        conversation: Conversation,
    ) -> ConversationRecord {
        ConversationRecord {
            key: key.clone(),
            version: 1,
            conversation,
            embedded: self.embedded.clone(),
            calls_kept: 0,
            opened_at: self.opened_at,
            failed_at: None,
            overdue_since: None,
            first_reply: FirstReply::default(),
        }
    }
}

impl EmbeddedCall {
    /// A call with the header of the conversation that it opens; `None`: it does not belong there.
    fn opening(
        opened: &Conversation,
        call: &CallRecord,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Option<Self> {
        if opened.conversation_id.is_some() {
            return None;
        }
        let header = ConversationRecord {
            key: call.call.conversation_key(),
            version: 1,
            conversation: opened.clone(),
            embedded: Self {
                call: Some(Box::new(call.clone())),
                end: None,
            },
            calls_kept: 0,
            overdue_since: None,
            first_reply: FirstReply::default(),
            opened_at: now,
            failed_at: None,
        };
        let bytes = size_of(&header.to_item(results_retention, now));
        (bytes <= BYTES_WITH_CALL_MAX).then_some(header.embedded)
    }
}

impl EmbeddedEnd {
    /// The header `next` with the end of its only call in it, and its item; `None`: it does not
    /// belong there.
    pub(in crate::records) fn within(
        next: &ConversationRecord,
        before: Due,
        outcome: &OutcomeRecord,
        replies: &[Reply],
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Option<(ConversationRecord, Item)> {
        let alone = next.conversation.conversation_id.is_none()
            && matches!(next.conversation.phase, Phase::Ended(_));
        if !alone || replies.len() > 1 || matches!(outcome.results, Results::InBucket { .. }) {
            return None;
        }
        let mut header = next.clone();
        let reply = replies.first().cloned();
        if reply.is_some() {
            header.conversation = header.conversation.target_of_reply(before, now);
        }
        header.embedded.end = Some(Self {
            outcome: outcome.clone(),
            reply,
        });
        let header = header.noted(now);
        let item = header.to_item(results_retention, now);
        (size_of(&item) <= BYTES_WITH_REPLY_MAX).then_some((header, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::call_record::Body;
    use crate::records::compression::Compressed;
    use calls::{
        AccountId, AsyncResponseType, Attempt, Call, ConversationId, DeliveryResult, Digest,
        EndReason, Ended, Method, Options, Outcome, OverallStatus, Place, QueuePriority,
        ReceivedSet, ReplyState, RequestId, RespondWhen, SequenceCode, SubjectKind, Subscription,
    };

    const RETENTION: SignedDuration = SignedDuration::from_hours(720);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn ended() -> ConversationRecord {
        let mut arrived = ReceivedSet::default();
        arrived.insert(SequenceCode::FIRST);
        ConversationRecord {
            key: ConversationKey("7a".repeat(16)),
            version: 2,
            conversation: Conversation {
                account: AccountId("1".to_owned()),
                conversation_id: None,
                calls_in_conversation: 1.try_into().expect("not zero"),
                arrived,
                subscribers_at_end: ReceivedSet::default(),
                last_arrival: at(0),
                priority: QueuePriority::Medium,
                phase: Phase::Ended(EndReason::Complete),
                due: Due::Never,
                waits_for: None,
                queue_place: None,
                undelivered: None,
            },
            embedded: EmbeddedCall::default(),
            calls_kept: 0,
            overdue_since: None,
            first_reply: FirstReply::default(),
            opened_at: at(0),
            failed_at: None,
        }
    }

    fn call() -> CallRecord {
        let reply = reply(ReplyState::Delivered);
        let call = Call {
            request_id: reply.request_id,
            account: ended().conversation.account,
            conversation_id: None,
            place: Place::ONLY,
            method: Method::Create,
            options: Options {
                subscriptions: vec![reply.subscription],
                ..Options::default()
            },
            digest: Digest("d".repeat(64)),
            objects: 1,
            object_type: "Subscriber".to_owned(),
            arrived_at: at(0),
            backend: None,
            safe_to_repeat: false,
            resubmitted_from: None,
        };
        let body = Body::Inline(vec![7; 330]);
        let call = Compressed::of(call);
        CallRecord { call, body }
    }

    fn open() -> Conversation {
        let step = Conversation::open(&call().call, at(0));
        step.conversation.expect("opened")
    }

    fn closing() -> Phase {
        Phase::Closing {
            next: SequenceCode::FIRST,
            end_reason: EndReason::Complete,
            step: calls::ClosingStep::LastReplies,
            at: at(0),
        }
    }

    /// The header of a call that was in it from the start, and has been carried out.
    fn ended_with_call() -> ConversationRecord {
        let embedded = EmbeddedCall::opening(&open(), &call(), RETENTION, at(0)).expect("it fits");
        let embedded = embedded.carried_out();
        let opened = ConversationRecord {
            key: call().call.conversation_key(),
            version: 1,
            conversation: open(),
            embedded,
            calls_kept: 0,
            overdue_since: None,
            first_reply: FirstReply::default(),
            opened_at: at(0),
            failed_at: None,
        };
        opened.next(ended().conversation)
    }

    fn outcome(results: usize) -> OutcomeRecord {
        OutcomeRecord {
            conversation: ended().key,
            sequence: SequenceCode::FIRST,
            request_id: RequestId("5f2b6c1e-8a0d-4f7e-9b1a-0c3d2e4f5a6b".to_owned()),
            method: Method::Create,
            object_type: "Subscriber".to_owned(),
            objects: 1,
            outcome: Outcome {
                how: Ended::CarriedOut,
                overall_status: OverallStatus::Ok,
                status_message: String::new(),
                error_code: None,
                ended_at: at(1),
            },
            results: Results::Inline(vec![7; results]),
        }
    }

    fn reply(state: ReplyState) -> Reply {
        Reply {
            request_id: outcome(0).request_id,
            sequence: SequenceCode::FIRST,
            number: 0,
            subject: SubjectKind::Call,
            subscription: Subscription {
                response_type: AsyncResponseType::HttpPost,
                address: "https://shop.example.com/aftercall/callback".to_owned(),
                respond_when: RespondWhen::OnCallComplete,
                include_results: true,
                include_objects: false,
                only_include_base: false,
            },
            overall_status: OverallStatus::Ok,
            status_message: String::new(),
            error_code: None,
            pending_since: at(1),
            attempts: Vec::new(),
            state,
            earlier_attempts: 0,
            released: false,
        }
    }

    fn within(
        next: &ConversationRecord,
        before: Due,
        results: usize,
        replies: &[Reply],
    ) -> Option<ConversationRecord> {
        let outcome = OutcomeRecord {
            conversation: next.key.clone(),
            ..outcome(results)
        };
        let (within, _) = EmbeddedEnd::within(next, before, &outcome, replies, RETENTION, at(1))?;
        Some(within)
    }

    fn longest_results(next: &ConversationRecord, replies: &[Reply]) -> usize {
        let mut longest = 0;
        while within(next, Due::Never, longest + 1, replies).is_some() {
            longest += 1;
        }
        longest
    }

    #[test]
    fn a_small_call_alone_comes_back_with_its_header() {
        let embedded = EmbeddedCall::opening(&open(), &call(), RETENTION, at(0)).expect("it fits");
        let mut header = ended_with_call();
        header.conversation = open();
        header.embedded = embedded;
        let item = header.to_item(RETENTION, at(0));
        assert!(size_of(&item) <= BYTES_WITH_CALL_MAX);
        let read = ConversationRecord::from_item(header.key.clone(), item).expect("readable");
        assert_eq!(read, header);
        assert_eq!(*read.embedded.call.expect("there"), call());
    }

    #[test]
    fn its_body_is_there_until_it_is_carried_out() {
        let embedded = EmbeddedCall::opening(&open(), &call(), RETENTION, at(0)).expect("it fits");
        let record = embedded.carried_out().call.expect("there");
        assert_eq!((record.call, record.body), (call().call, Body::None));
        let mut header = ended_with_call();
        header.embedded = embedded.clone();
        for phase in [closing(), Phase::Ended(EndReason::TimedOut)] {
            header.conversation.phase = phase;
            let next = header.next(header.conversation.clone());
            assert_eq!(next.embedded, embedded, "it may never be carried out");
        }
    }

    #[test]
    fn a_call_that_is_large_or_has_a_conversation_lies_apart() {
        let mut large = call();
        large.body = Body::Inline(vec![7; 1_000]);
        assert_eq!(
            EmbeddedCall::opening(&open(), &large, RETENTION, at(0)),
            None
        );
        let mut named = open();
        named.conversation_id = ConversationId::parse("order-1").ok();
        assert_eq!(
            EmbeddedCall::opening(&named, &call(), RETENTION, at(0)),
            None
        );
    }

    #[test]
    fn the_end_of_a_call_alone_comes_back_with_its_header() {
        let mut states = vec![None];
        for state in [
            ReplyState::Pending(at(1)),
            ReplyState::Delivered,
            ReplyState::GivenUp,
        ] {
            let mut reply = reply(state);
            states.push(Some(reply.clone()));
            reply.attempts.push(Attempt {
                at: at(2),
                result: DeliveryResult::TimedOut,
                answer: calls::ReceiverAnswer::of(b"not now"),
            });
            states.push(Some(reply));
        }
        for (reply, header) in states
            .iter()
            .flat_map(|reply| [(reply, ended()), (reply, ended_with_call())])
        {
            let next = within(&header, Due::Never, 150, reply.as_slice()).expect("it fits");
            let item = next.to_item(RETENTION, at(1));
            let read = ConversationRecord::from_item(next.key.clone(), item).expect("readable");
            assert_eq!(read, next);
        }
    }

    #[test]
    fn it_stays_within_one_write_unit_with_its_delivery() {
        let pending = [reply(ReplyState::Pending(at(1)))];
        for header in [ended(), ended_with_call()] {
            let longest = longest_results(&header, &pending);
            let mut next = within(&header, Due::Never, longest, &pending).expect("it fits");
            // While the reply is pending, all the room that there is has been used.
            let pending_bytes = size_of(&next.to_item(RETENTION, at(1)));
            assert_eq!(pending_bytes, BYTES_WITH_REPLY_MAX);
            let end = next.embedded.end.as_mut().expect("there");
            end.reply =
                Some(reply(ReplyState::Pending(at(1))).attempted(DeliveryResult::Taken, at(2)));
            next.conversation = next.conversation.reply_due(None);
            let bytes = size_of(&next.to_item(RETENTION, at(2)));
            assert!(bytes <= 1_024, "{bytes}");
            // What Subscriber's results come to, packed.
            assert!(longest >= 150, "{longest}");
        }
    }

    #[test]
    fn records_that_are_read_apart_lie_apart() {
        let pending = reply(ReplyState::Pending(at(1)));
        assert!(
            within(
                &ended(),
                Due::Never,
                100,
                &[pending.clone(), pending.clone()]
            )
            .is_none()
        );
        let mut named = ended();
        named.conversation.conversation_id = ConversationId::parse("order-1").ok();
        assert!(
            within(&named, Due::Never, 100, &[]).is_none(),
            "it never expires"
        );
        let mut unfinished = ended();
        unfinished.conversation.phase = closing();
        assert!(within(&unfinished, Due::Never, 100, &[]).is_none());
        assert!(within(&ended(), Due::Never, 5_000, &[]).is_none(), "large");
        let in_bucket = OutcomeRecord {
            results: Results::InBucket {
                name: "results/r".to_owned(),
                bytes: 1_000_000,
            },
            ..outcome(0)
        };
        assert!(
            EmbeddedEnd::within(&ended(), Due::Never, &in_bucket, &[], RETENTION, at(1)).is_none()
        );
    }

    #[test]
    fn it_is_looked_at_again_until_the_reply_is_settled() {
        let pending = [reply(ReplyState::Pending(at(1)))];
        let due = |before| {
            let next = within(&ended(), before, 100, &pending).expect("it fits");
            assert!(next.embedded.is_reply_pending());
            next.conversation.due
        };
        assert_eq!(
            due(Due::At(at(50))),
            Due::At(at(50)),
            "no write to the index"
        );
        assert_eq!(due(Due::At(at(31))), Due::At(at(31)));
        assert_eq!(due(Due::At(at(30))), Due::At(at(61)), "too soon");
        assert_eq!(due(Due::Never), Due::At(at(61)));
        let silent = within(&ended(), Due::At(at(50)), 100, &[]).expect("it fits");
        assert_eq!(silent.conversation.due, Due::Never);
        assert!(!silent.embedded.is_reply_pending());
    }
}
