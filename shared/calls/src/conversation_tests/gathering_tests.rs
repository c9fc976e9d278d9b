//! Calls that arrive: what a conversation accepts, refuses and waits for.

use super::*;

#[test]
fn calls_may_arrive_in_any_order() {
    check("1/1", "ok+wake, then running 1");
    check("3/3 1/3 2/3", "ok ok ok+wake, then running 1");
    check(
        "3/3 1/3 2/3 ok ok ok",
        "ok ok ok+wake ok ok ok, then complete",
    );
}

#[test]
fn nothing_runs_before_all_are_there() {
    check("1/3 2/3", "ok ok, then gathering");
}

#[test]
fn a_resent_part_is_answered_again() {
    check("1/2 1/2", "ok again, then gathering");
    check("1/2 2/2 1/2", "ok ok+wake again, then running 1");
    check("1/1 ok 1/1", "ok+wake ok again, then complete");
    check(
        "1/2 2/2 err 2/2",
        "ok ok+wake err again, then closing failed by 1 (2)",
    );
}

#[test]
fn other_content_while_gathering_invalidates() {
    check(
        "1/3 1/3! 2/3",
        "ok 214 213, then closing invalidated 214 (1)",
    );
    check(
        "1/3 1/3! 1/3",
        "ok 214 213, then closing invalidated 214 (1)",
    );
    check(
        "1/3 2/4 3/3",
        "ok 200 213, then closing invalidated 200 (1)",
    );
    check(
        "1/3 1/4! 3/3",
        "ok 200 213, then closing invalidated 200 (1)",
    );
}

#[test]
fn a_closed_conversation_takes_no_more() {
    check("1/1 1/1!", "ok+wake 215, then running 1");
    check("1/2 2/2 3/3", "ok ok+wake 215, then running 1");
    check("1/1 ok 1/1!", "ok+wake ok 211, then complete");
    check("1/1 err 1/1!", "ok+wake err 211, then failed by 1");
    check(
        "1/2 2/2 err closed 2/2!",
        "ok ok+wake err closed 211, then failed by 1",
    );
}

#[test]
fn five_minutes_of_silence_are_allowed_and_no_more() {
    check("1/2 +300 2/2", "ok ok+wake, then running 1");
    check("1/2 +301 2/2 1/2", "ok 203 213, then closing timed out (1)");
    check("1/3 +300 2/3 +300 3/3", "ok ok ok+wake, then running 1");
    check("1/2 +300 look", "ok look[], then gathering");
    check(
        "1/2 +301 look closed 1/2",
        "ok look[WakeUp] closed 213, then timed out",
    );
}

#[test]
fn a_conversation_runs_at_its_highest_priority() {
    let mut high = call(2, 2);
    high.options.queue_priority = QueuePriority::High;
    let opened = Conversation::open(&call(1, 2), at(0))
        .conversation
        .expect("opened");
    let joined = opened
        .join(&high, Seen::Never, at(1))
        .conversation
        .expect("joined");
    assert_eq!(joined.priority, QueuePriority::High);
}

#[test]
fn an_arrival_never_sets_the_last_one_back() {
    let conversation = opened(3);
    let conflicts = conversation.join(&call(2, 3), Seen::Never, at(-20));
    let last = conflicts.conversation.expect("joined").last_arrival;
    assert_eq!(last, at(0));
}
