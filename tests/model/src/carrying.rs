//! The processor: loads a conversation and carries it out, commit by commit, until it can go no
//! further.

use calls::{
    Call, ClosingStep, Due, Ended, Outcome, OverallStatus, Phase, Progress, Reply, ReplyContext,
    ReplySubject, SequenceCode,
};
use jiff::Timestamp;

use crate::arriving::wake_at;
use crate::forwarding;
use crate::plan::{Does, Plan, Where};
use crate::replying;
use crate::world::{Carrying, Flight, Header, InFlight, StoredConversation, Switch, WakeUp, World};

/// A call that is due within this time is held in its queue; a later one is scheduled.
const HELD_MAX_S: i64 = 60;

pub fn receive(world: &mut World, processor: usize, wake: WakeUp) {
    let in_flight = |other: &Option<Carrying>| other.as_ref().is_some_and(|it| it.wake == wake);
    if world.processors.iter().any(in_flight) {
        world.redeliveries -= 1;
    }
    let seen = world.conversations[wake.conversation].header.clone();
    world.processors[processor] = Some(Carrying {
        wake,
        seen,
        flight: Flight::None,
        replies: InFlight::default(),
    });
}

/// One commit, or the end of what can be done about the wake-up.
pub fn go_on(world: &mut World, plan: &Plan, processor: usize) {
    let Some(carrying) = world.processors[processor].clone() else {
        return;
    };
    let Some(seen) = carrying.seen.clone() else {
        world.processors[processor] = None;
        world.wake_ups.remove(&carrying.wake);
        return;
    };
    let Some(seen) = replying::look(world, processor, &carrying, seen) else {
        return;
    };
    match seen.conversation.phase.clone() {
        Phase::Gathering | Phase::Ended(_) => {
            put_down(world, processor);
        }
        Phase::Closing { .. } => close(world, plan, processor, &carrying, seen),
        Phase::Running(progress) => run(world, plan, processor, &carrying, seen, progress),
    }
}

/// The message is deleted, once its replies have been seen to. `false`: that comes first.
pub fn put_down(world: &mut World, processor: usize) -> bool {
    if replying::finish(world, processor) {
        return false;
    }
    if let Some(carrying) = world.processors[processor].take() {
        world.wake_ups.remove(&carrying.wake);
    }
    true
}

/// Writes if nobody else has written; loads again if somebody has. `true`: written.
pub fn commit(
    world: &mut World,
    processor: usize,
    wake: WakeUp,
    seen: &Header,
    next: calls::Conversation,
) -> bool {
    let in_hand = world.processors[processor].as_ref();
    let flight = in_hand.map_or(Flight::None, |it| it.flight);
    let mut replies = in_hand.map_or_else(InFlight::default, |it| it.replies.clone());
    let through = replies.posted_through();
    let stored = &mut world.conversations[wake.conversation];
    let written = stored.version() == seen.version;
    if written {
        // It was taken into the header that this was decided on.
        let is_said = |it: SequenceCode| {
            let undelivered = seen.conversation.undelivered;
            undelivered.is_none_or(|undelivered| undelivered.first > it)
        };
        replies.recorded(through.filter(|it| is_said(*it)));
        stored.header = Some(Header {
            version: seen.version + 1,
            conversation: next,
        });
    }
    // An answer is not lost because the time of the next look was changed.
    let phase = |header: &Header| header.conversation.phase.clone();
    let stands = !written && stored.header.as_ref().map(phase) == Some(phase(seen));
    world.processors[processor] = Some(Carrying {
        wake,
        seen: stored.header.clone(),
        flight: if stands { flight } else { Flight::None },
        replies,
    });
    written
}

fn run(
    world: &mut World,
    plan: &Plan,
    processor: usize,
    carrying: &Carrying,
    seen: Header,
    progress: Progress,
) {
    let wake = carrying.wake;
    let conversation = seen.conversation.clone();
    let now = plan.time(world.instant);
    let next = call(world, plan, wake.conversation, progress.next);
    if plan.sends[number_of(&next)].at != Where::Here
        && (progress.may_be_out() || carrying.flight != Flight::None)
    {
        return forwarding::go_on(world, plan, processor, (carrying, &seen), &next);
    }
    if world.maintenance == Switch::On {
        if replying::take_over(world, processor, carrying, &seen) {
            return;
        }
        if matches!(conversation.due, Due::Parked(_))
            || commit(world, processor, wake, &seen, conversation.park(now))
        {
            put_down(world, processor);
        }
        return;
    }
    let call = call(world, plan, wake.conversation, progress.next);
    if let Some(at) = call.options.scheduled_time.filter(|at| *at > now) {
        return wait(world, processor, carrying, &seen, (at, now));
    }
    let begun = progress.done_through > 0;
    let expired = !begun && call.options.expires_at.is_some_and(|at| at <= now);
    let does = plan.sends[number_of(&call)].does;
    if plan.sends[number_of(&call)].at != Where::Here && !expired {
        return forwarding::go_on(world, plan, processor, (carrying, &seen), &call);
    }
    if does == Does::WellInTwo && !begun && !expired {
        commit(world, processor, wake, &seen, conversation.chunk_done(1));
        return;
    }
    let (how, overall_status) = match (expired, does) {
        (true, _) => (Ended::Expired, OverallStatus::Error),
        (false, Does::Badly | Does::Lost) => (Ended::CarriedOut, OverallStatus::HasErrors),
        (false, Does::Well | Does::WellInTwo) => (Ended::CarriedOut, OverallStatus::Ok),
    };
    end(
        world,
        plan,
        processor,
        (carrying, &seen),
        &call,
        (how, overall_status),
    );
}

/// The call that is next waits for its time.
fn wait(
    world: &mut World,
    processor: usize,
    carrying: &Carrying,
    seen: &Header,
    (at, now): (Timestamp, Timestamp),
) {
    let (wake, conversation) = (carrying.wake, seen.conversation.clone());
    if at.as_second() - now.as_second() <= HELD_MAX_S {
        if put_down(world, processor) {
            wake_at(world, wake.conversation, wake.step, at);
        }
        return;
    }
    if replying::take_over(world, processor, carrying, seen) {
        return;
    }
    let waiting = conversation.clone().wait_until(at);
    if (waiting == conversation || commit(world, processor, wake, seen, waiting))
        && put_down(world, processor)
    {
        let step = world.conversations[wake.conversation].version();
        wake_at(world, wake.conversation, step, at);
    }
}

/// Commits the end of the call that is next. `true`: written.
pub fn end(
    world: &mut World,
    plan: &Plan,
    processor: usize,
    (carrying, seen): (&Carrying, &Header),
    call: &Call,
    (how, overall_status): (Ended, OverallStatus),
) -> bool {
    let (wake, now) = (carrying.wake, plan.time(world.instant));
    let outcome = Outcome {
        how,
        overall_status,
        status_message: String::new(),
        error_code: None,
        ended_at: now,
    };
    let replies = reply_context(call, ReplySubject::Call(&outcome), outcome.ended_at).replies();
    let by_header = replying::is_by_header(carrying, seen, &replies);
    let next = seen.conversation.clone();
    let next = match by_header {
        true => next.answering_for(call.place.sequence(), now),
        false => next,
    };
    let next = next.call_ended(&call.request_id, &outcome, now);
    if !commit(world, processor, wake, seen, next) {
        return false;
    }
    let in_maintenance = world.maintenance == Switch::On;
    let instant = world.instant;
    let stored = &mut world.conversations[wake.conversation];
    let sequence = call.place.sequence().get();
    if how == Ended::CarriedOut {
        stored.ran.push((sequence, instant));
        // A call that was begun before is finished.
        stored.ran_in_maintenance |= in_maintenance && call.backend.is_none();
    }
    keep_outcome(stored, sequence, &outcome);
    if by_header && let [reply] = replies.as_slice() {
        stored.first_replies.insert(sequence, reply.number);
        if let Some(carrying) = &mut world.processors[processor] {
            carrying.replies.calls.push((sequence, false));
            carrying.replies.last = Some(sequence);
        }
    } else {
        keep_replies(stored, &replies);
    }
    true
}

/// Writes what one more call of a closing conversation lacks.
fn close(world: &mut World, plan: &Plan, processor: usize, carrying: &Carrying, seen: Header) {
    let wake = carrying.wake;
    let now = plan.time(world.instant);
    let Phase::Closing {
        end_reason, step, ..
    } = &seen.conversation.phase
    else {
        return;
    };
    let Some(sequence) = seen.conversation.unclosed().next() else {
        let next = seen.conversation.clone();
        commit(world, processor, wake, &seen, next);
        return;
    };
    let call = call(world, plan, wake.conversation, sequence);
    let skipped = match step {
        ClosingStep::Outcomes => seen.conversation.outcome_of_skipped(sequence),
        ClosingStep::LastReplies => None,
    };
    let of = match &skipped {
        Some(outcome) => ReplySubject::Call(outcome),
        None => ReplySubject::Conversation(end_reason),
    };
    let replies = reply_context(&call, of, now).replies();
    let next = seen.conversation.clone().closed_through(sequence);
    if !commit(world, processor, wake, &seen, next) {
        return;
    }
    let stored = &mut world.conversations[wake.conversation];
    if let Some(outcome) = skipped {
        keep_outcome(stored, sequence.get(), &outcome);
    }
    keep_replies(stored, &replies);
}

fn keep_outcome(stored: &mut StoredConversation, sequence: u32, outcome: &Outcome) {
    let entry = (outcome.how.into(), outcome.overall_status.into());
    // Its record must be new, or the whole transaction fails.
    assert!(
        stored.outcomes.insert(sequence, entry).is_none(),
        "an outcome is written once"
    );
}

fn keep_replies(stored: &mut StoredConversation, replies: &[Reply]) {
    for reply in replies {
        stored.replied_twice |= !stored.replies.insert((reply.sequence.get(), reply.number));
    }
}

fn call(world: &World, plan: &Plan, conversation: usize, sequence: SequenceCode) -> Call {
    let sent = world.conversations[conversation].calls[&sequence.get()];
    plan.sends[sent].call(sent, plan.time(0))
}

pub fn number_of(call: &Call) -> usize {
    call.request_id.0.parse().expect("a number")
}

fn reply_context<'a>(
    call: &'a Call,
    subject: ReplySubject<'a>,
    now: Timestamp,
) -> ReplyContext<'a> {
    ReplyContext {
        request_id: &call.request_id,
        sequence: call.place.sequence(),
        subscriptions: &call.options.subscriptions,
        subject,
        now,
    }
}
