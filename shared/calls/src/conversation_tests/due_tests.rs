//! When a conversation is due, and who is woken then.

use super::*;

#[test]
fn the_timekeeper_wakes_what_has_work() {
    check("1/1 +60 look", "ok+wake look[WakeUp], then running 1");
    check("1/1 ok look", "ok+wake ok look[], then complete");
}

#[test]
fn a_call_alone_is_woken_at_its_time() {
    let mut later = call(1, 1);
    later.options.scheduled_time = Some(at(3_600));
    let step = Conversation::open(&later, at(0));
    assert_eq!(step.actions, [Action::WakeUpAt(at(3_600))]);
    assert_eq!(
        step.conversation.map(|opened| opened.due),
        Some(Due::At(at(3_600)))
    );
}

#[test]
fn whoever_has_work_to_do_is_looked_at_in_time() {
    let minute = Due::At(at(60));
    assert_eq!(opened(2).due, minute, "while gathering");
    assert_eq!(opened(1).due, minute, "while running");
    let gathering = opened(2).look(at(60)).conversation.expect("looked at");
    assert_eq!(
        gathering.due,
        Due::At(at(300) + SignedDuration::from_millis(1))
    );
    let running = opened(1).look(at(60)).conversation.expect("looked at");
    assert_eq!(running.due, Due::At(at(360)));
    let closing = opened(1)
        .park(at(10))
        .cancel(at(10))
        .conversation
        .expect("cancelled");
    assert_eq!(
        closing.due,
        Due::At(at(70)),
        "closing goes on in maintenance"
    );
    let sooner = opened(2).look(at(60)).conversation.expect("looked at");
    let sooner = sooner.cancel(at(70)).conversation.expect("cancelled");
    assert_eq!(
        sooner.due,
        Due::At(at(130)),
        "nearer than the end of the silence"
    );
    let after_cancel = opened(1).cancel(at(30)).conversation.expect("cancelled");
    assert_eq!(
        after_cancel.due, minute,
        "an entry is written only if the time moves nearer"
    );
    let last = call(2, 2);
    let joined = gathering
        .join(&last, Seen::Never, at(100))
        .conversation
        .expect("joined");
    assert_eq!(
        joined.due,
        Due::At(at(160)),
        "what begins to run is looked at a minute later"
    );
}

#[test]
fn an_ended_conversation_is_due_only_while_its_reply_is_pending() {
    let outcome = Outcome {
        how: Ended::CarriedOut,
        overall_status: OverallStatus::Ok,
        status_message: String::new(),
        error_code: None,
        ended_at: at(1),
    };
    let ended = opened(1).call_ended(&RequestId("r".to_owned()), &outcome, at(1));
    assert_eq!(ended.due, Due::Never);
    assert_eq!(ended.clone().look(at(60)), unchanged(()));
    let pending = ended.target_of_reply(Due::At(at(60)), at(1));
    assert_eq!(pending.due, Due::At(at(60)), "as it was");
    let looked = pending.clone().look(at(60));
    assert_eq!(looked.actions, [Action::Reply]);
    let looked = looked.conversation.expect("a change");
    assert_eq!(looked.due, Due::At(at(60) + LOOK_AGAIN_LATER));
    assert_eq!(looked.phase, pending.phase);
    let again = looked.reply_due(Some(at(70)));
    assert_eq!(again.due, Due::At(at(70)));
    assert_eq!(again.reply_due(None).due, Due::Never);
}

#[test]
fn a_reply_is_not_looked_at_before_it_could_be_delivered() {
    let due = |before| opened(1).target_of_reply(before, at(100)).due;
    assert_eq!(due(Due::At(at(130))), Due::At(at(130)));
    assert_eq!(due(Due::At(at(129))), Due::At(at(160)), "too soon");
    assert_eq!(due(Due::Parked(at(300))), Due::At(at(160)));
    assert_eq!(due(Due::Never), Due::At(at(160)));
}

#[test]
fn a_call_whose_time_has_come_is_not_scheduled() {
    let mut due = call(1, 1);
    due.options.scheduled_time = Some(at(0));
    assert_eq!(Conversation::open(&due, at(0)).actions, [Action::WakeUp]);
    let mut later = call(1, 2);
    later.options.scheduled_time = Some(at(3_600));
    let step = opened_with(&call(2, 2)).join(&later, Seen::Never, at(1));
    assert_eq!(step.actions, [Action::WakeUp], "another call may be first");
}
