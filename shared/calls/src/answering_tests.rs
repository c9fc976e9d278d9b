//! Which replies a header answers for, and until when it is looked at for them.

use super::*;
use crate::call::{AccountId, Call, ConversationId, Digest, Method, Place, RequestId};
use crate::conversation::{Action, LOOK_AGAIN_LATER};
use crate::options::Options;
use crate::outcome::{Ended, Outcome, OverallStatus};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn number(number: u32) -> SequenceCode {
    SequenceCode::new(number).expect("not zero")
}

fn running(calls: i64) -> Conversation {
    let call = |sequence| Call {
        request_id: RequestId("r".to_owned()),
        account: AccountId("1".to_owned()),
        conversation_id: ConversationId::parse("c").ok(),
        place: Place::parse(sequence, calls).expect("a place"),
        method: Method::Create,
        options: Options::default(),
        digest: Digest("d".to_owned()),
        objects: 1,
        object_type: "Subscriber".to_owned(),
        arrived_at: at(0),
        backend: None,
        safe_to_repeat: false,
        resubmitted_from: None,
    };
    let opened = Conversation::open(&call(1), at(0)).conversation;
    (2..=calls).fold(opened.expect("opened"), |conversation, sequence| {
        let joined = conversation.join(&call(sequence), crate::Seen::Never, at(0));
        joined.conversation.expect("joined")
    })
}

fn ended(conversation: Conversation, overall_status: OverallStatus) -> Conversation {
    let outcome = Outcome {
        how: Ended::CarriedOut,
        overall_status,
        status_message: String::new(),
        error_code: None,
        ended_at: at(1),
    };
    conversation.call_ended(&RequestId("r".to_owned()), &outcome, at(1))
}

fn range(conversation: &Conversation) -> Option<(u32, u32)> {
    let undelivered = conversation.undelivered?;
    Some((undelivered.first.get(), undelivered.last.get()))
}

#[test]
fn a_range_grows_at_its_end_and_shrinks_at_its_beginning() {
    let conversation = running(9).answering_for(number(2), at(0));
    assert_eq!(range(&conversation), Some((2, 2)));
    // The reply to the third has a record.
    let conversation = conversation.answering_for(number(4), at(0));
    assert_eq!(range(&conversation), Some((2, 4)));
    assert_eq!(
        range(&conversation.clone().delivered_through(number(1))),
        Some((2, 4))
    );
    assert_eq!(
        range(&conversation.clone().delivered_through(number(2))),
        Some((3, 4))
    );
    assert_eq!(
        range(&conversation.clone().delivered_through(number(4))),
        None
    );
    assert_eq!(range(&conversation.handed_over()), None);
}

#[test]
fn ten_calls_and_no_more_may_be_undelivered() {
    let conversation = running(30).answering_for(number(5), at(0));
    assert!(running(30).can_answer_for(number(30)));
    assert!(conversation.can_answer_for(number(14)));
    assert!(!conversation.can_answer_for(number(15)));
    let further = conversation
        .answering_for(number(6), at(0))
        .delivered_through(number(5));
    assert!(further.can_answer_for(number(15)));
}

#[test]
fn an_ended_conversation_is_due_until_all_are_delivered() {
    let last = running(1).answering_for(number(1), at(0));
    let conversation = ended(last, OverallStatus::Ok);
    assert!(matches!(conversation.phase, Phase::Ended(_)));
    assert_eq!(
        conversation.due,
        Due::At(at(60)),
        "as it was: no write to the index"
    );
    let step = conversation.clone().look(at(60));
    assert_eq!(
        step.actions,
        [Action::WakeUp],
        "whoever is woken takes them over"
    );
    let looked = step.conversation.expect("due later");
    assert_eq!(looked.due, Due::At(at(60) + LOOK_AGAIN_LATER));
    assert_eq!(looked.handed_over().due, Due::Never);
    assert_eq!(conversation.delivered_through(number(1)).due, Due::Never);
    assert_eq!(ended(running(1), OverallStatus::Ok).due, Due::Never);
}

#[test]
fn one_that_fails_is_due_until_all_are_delivered() {
    let failing = running(3).answering_for(number(1), at(0));
    let closing = ended(failing, OverallStatus::Error);
    assert!(matches!(closing.phase, Phase::Closing { .. }));
    let over = closing.closed_through(number(2)).closed_through(number(3));
    assert!(matches!(over.phase, Phase::Ended(_)));
    assert_eq!(over.due, Due::At(at(60)));
    assert_eq!(over.delivered_through(number(1)).due, Due::Never);
}

#[test]
fn one_that_was_parked_is_due_by_its_time() {
    let parked = running(2).park(at(9));
    let conversation = parked.answering_for(number(1), at(10));
    assert_eq!(conversation.due, Due::At(at(70)));
}
