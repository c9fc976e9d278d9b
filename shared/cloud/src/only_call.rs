//! How a call alone ended, kept in its conversation's header: one record is written instead of
//! three, which is most of what such a call costs.
//!
//! Only where nobody could want to have it otherwise: the header is that of a call outside any
//! conversation, so it expires as outcomes do; its end is the conversation's; at most one reply is
//! owed; and the whole stays within one write unit. Everything else lies in records of its own.

use calls::{ConversationKey, Due, Phase, Reply, ReplyState, SequenceCode};
use jiff::{SignedDuration, Timestamp};

use crate::item::{Reading, Writing, size_of};
use crate::outcome_record::{OutcomeRecord, Results};
use crate::owing::reply_wake;
use crate::queues::{Owing, ReplyWake};
use crate::reply_record::{BYTES_WITH_REPLY_MAX, KeptReply};
use crate::standing::Standing;
use crate::trouble::Trouble;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlyCall {
    pub outcome: OutcomeRecord,
    pub reply: Option<Reply>,
}

impl OnlyCall {
    /// The header `next` with the end of its only call in it; `None`: it does not belong there.
    pub(crate) fn within(
        next: &Standing,
        before: Due,
        outcome: &OutcomeRecord,
        replies: &[Reply],
        results_kept: SignedDuration,
        now: Timestamp,
    ) -> Option<Standing> {
        let alone = next.conversation.conversation_id.is_none()
            && matches!(next.conversation.phase, Phase::Ended(_));
        if !alone || replies.len() > 1 || matches!(outcome.results, Results::InBucket(_)) {
            return None;
        }
        let reply = replies.first().cloned();
        let mut conversation = next.conversation.clone();
        if reply.is_some() {
            conversation = conversation.owing_reply(before, now);
        }
        let standing = Standing {
            conversation,
            only: Some(Self {
                outcome: outcome.clone(),
                reply,
            }),
            ..next.clone()
        };
        let bytes = size_of(&standing.to_item(results_kept, now));
        (bytes <= BYTES_WITH_REPLY_MAX).then_some(standing)
    }

    pub(crate) fn write(&self, writing: Writing) -> Writing {
        let writing = self.outcome.write(writing);
        match &self.reply {
            Some(reply) => writing.packed_json("reply", &KeptReply::of(reply)),
            None => writing,
        }
    }

    pub(crate) fn read(key: &ConversationKey, item: &Reading) -> Result<Option<Self>, Trouble> {
        if item.maybe_text("outcome").is_none() {
            return Ok(None);
        }
        let outcome = OutcomeRecord::read(key.clone(), item)?;
        let reply = match item.has("reply") {
            true => Some(item.packed_json::<KeptReply>("reply")?.told_of(&outcome)),
            false => None,
        };
        Ok(Some(Self { outcome, reply }))
    }
}

impl Standing {
    /// The wake-up for the reply that this header owes, if it does.
    pub(crate) fn reply_owed(&self) -> Option<ReplyWake> {
        let reply = self.only.as_ref()?.reply.as_ref()?;
        matches!(reply.state, ReplyState::Owed(_)).then(|| only_reply_wake(&self.key, self.version))
    }
}

pub(crate) fn only_reply_wake(key: &ConversationKey, step: u64) -> ReplyWake {
    reply_wake(key, SequenceCode::FIRST, Owing::OnlyReply, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::{
        About, AccountId, Arrivals, AsyncResponseType, Attempt, Conversation, ConversationId,
        Ended, Ending, Found, Method, Outcome, OverallStatus, QueuePriority, RequestId,
        RespondWhen, Subscription,
    };

    const KEPT: SignedDuration = SignedDuration::from_hours(720);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn ended() -> Standing {
        let mut arrived = Arrivals::default();
        arrived.insert(SequenceCode::FIRST);
        Standing {
            key: ConversationKey("7a".repeat(16)),
            version: 2,
            conversation: Conversation {
                account: AccountId("1".to_owned()),
                conversation_id: None,
                calls_in_conversation: 1.try_into().expect("not zero"),
                arrived,
                told_at_end: Arrivals::default(),
                last_arrival: at(0),
                priority: QueuePriority::Medium,
                phase: Phase::Ended(Ending::Complete),
                due: Due::Never,
            },
            only: None,
        }
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
            results: Results::Here(vec![7; results]),
        }
    }

    fn reply(state: ReplyState) -> Reply {
        Reply {
            request_id: outcome(0).request_id,
            sequence: SequenceCode::FIRST,
            number: 0,
            about: About::Call,
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
            owed_since: at(1),
            attempts: Vec::new(),
            state,
        }
    }

    fn within(next: &Standing, before: Due, results: usize, replies: &[Reply]) -> Option<Standing> {
        OnlyCall::within(next, before, &outcome(results), replies, KEPT, at(1))
    }

    #[test]
    fn the_end_of_a_call_alone_comes_back_with_its_header() {
        let mut states = vec![None];
        for state in [
            ReplyState::Owed(at(1)),
            ReplyState::Delivered,
            ReplyState::GivenUp,
        ] {
            let mut reply = reply(state);
            states.push(Some(reply.clone()));
            reply.attempts.push(Attempt {
                at: at(2),
                found: Found::TimedOut,
            });
            states.push(Some(reply));
        }
        for reply in states {
            let next = within(&ended(), Due::Never, 150, reply.as_slice()).expect("it fits");
            let item = next.to_item(KEPT, at(1));
            let read = Standing::from_item(next.key.clone(), item).expect("readable");
            assert_eq!(read, next);
        }
    }

    #[test]
    fn it_stays_within_one_write_unit_with_its_delivery() {
        let owed = reply(ReplyState::Owed(at(1)));
        let mut longest = 0;
        while within(
            &ended(),
            Due::Never,
            longest + 1,
            std::slice::from_ref(&owed),
        )
        .is_some()
        {
            longest += 1;
        }
        let mut next = within(&ended(), Due::Never, longest, &[owed]).expect("it fits");
        let only = next.only.as_mut().expect("there");
        only.reply = Some(reply(ReplyState::Owed(at(1))).attempted(Found::Taken, at(2)));
        next.conversation = next.conversation.reply_due(None);
        let bytes = size_of(&next.to_item(KEPT, at(2)));
        assert!((900..=1_024).contains(&bytes), "{bytes}");
        // What Subscriber's results come to, packed.
        assert!(longest >= 150, "{longest}");
    }

    #[test]
    fn what_others_could_want_to_have_apart_lies_apart() {
        let owed = reply(ReplyState::Owed(at(1)));
        assert!(within(&ended(), Due::Never, 100, &[owed.clone(), owed.clone()]).is_none());
        let mut named = ended();
        named.conversation.conversation_id = ConversationId::parse("order-1").ok();
        assert!(
            within(&named, Due::Never, 100, &[]).is_none(),
            "it never expires"
        );
        let mut closing = ended();
        closing.conversation.phase = Phase::Closing {
            next: SequenceCode::FIRST,
            ending: Ending::Complete,
        };
        assert!(within(&closing, Due::Never, 100, &[]).is_none());
        assert!(within(&ended(), Due::Never, 5_000, &[]).is_none(), "large");
        let in_bucket = OutcomeRecord {
            results: Results::InBucket("results/r".to_owned()),
            ..outcome(0)
        };
        assert!(OnlyCall::within(&ended(), Due::Never, &in_bucket, &[], KEPT, at(1)).is_none());
    }

    #[test]
    fn it_is_looked_at_again_until_the_reply_is_settled() {
        let owed = [reply(ReplyState::Owed(at(1)))];
        let due = |before| {
            let next = within(&ended(), before, 100, &owed).expect("it fits");
            assert!(next.reply_owed().is_some());
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
        assert_eq!(silent.reply_owed(), None);
    }
}
