//! Ingest: loads the conversation, writes the call's record, commits. Each is a step of its own,
//! and anything can happen between two of them.

use calls::{Action, Call, Conversation, Joined, Seen, Step};
use jiff::Timestamp;

use crate::plan::Plan;
use crate::world::{Arriving, Header, WakeUp, World};

/// A request has come in and its conversation has been loaded.
pub fn arrive(world: &mut World, plan: &Plan, ingest: usize, sent: usize) {
    world.unsent.remove(&sent);
    let seen = world.conversations[plan.sends[sent].conversation]
        .header
        .clone();
    let instant = world.instant;
    world.ingests[ingest] = Some(Arriving {
        sent,
        instant,
        seen,
        first: None,
    });
}

/// Writes the record, unless the conversation refuses the call or a record is there.
pub fn keep(world: &mut World, plan: &Plan, ingest: usize) {
    let Some(mut arriving) = world.ingests[ingest].take() else {
        return;
    };
    let call = call_of(plan, &arriving, arriving.sent);
    let stored = &mut world.conversations[plan.sends[arriving.sent].conversation];
    let sequence = call.place.sequence().get();
    let refused = !is_counted(&arriving, &call)
        && arriving.seen.as_ref().is_some_and(|seen| {
            let step = seen
                .conversation
                .clone()
                .join(&call, Seen::Never, call.arrived_at);
            step.answer != Joined::Accepted
        });
    let first = if refused {
        arriving.sent
    } else {
        *stored.calls.entry(sequence).or_insert(arriving.sent)
    };
    arriving.first = Some(first);
    world.ingests[ingest] = Some(arriving);
}

/// Commits if the header still has the version that was loaded; otherwise loads again.
pub fn commit(world: &mut World, plan: &Plan, ingest: usize, wake_up_is_lost: bool) {
    let Some(mut arriving) = world.ingests[ingest].take() else {
        return;
    };
    let (step, first) = decide(plan, &arriving);
    let conversation = plan.sends[arriving.sent].conversation;
    let stored = &mut world.conversations[conversation];
    let seen = arriving.seen.as_ref().map_or(0, |seen| seen.version);
    let mut version = seen;
    if let Some(next) = step.conversation {
        if stored.version() != seen {
            arriving.seen.clone_from(&stored.header);
            arriving.first = None;
            world.ingests[ingest] = Some(arriving);
            return;
        }
        version += 1;
        if step.answer == Joined::Accepted {
            stored
                .arrivals_s
                .push(plan.time(arriving.instant).as_second());
        }
        stored.header = Some(Header {
            version,
            conversation: next,
        });
    }
    let sequence = plan.sends[arriving.sent].sequence;
    match step.answer {
        Joined::Accepted | Joined::Repeated => {
            let given: usize = first.request_id.0.parse().expect("a number");
            stored.answered.insert((sequence, given));
            let (mine, theirs) = (&plan.sends[arriving.sent], &plan.sends[given]);
            stored.answered_wrong |= (mine.content, mine.calls) != (theirs.content, theirs.calls);
        }
        Joined::Refused(_) => {}
    }
    settle(world, conversation, version, &step.actions, wake_up_is_lost);
}

/// Whether a commit would leave a wake-up to be sent, so that losing it makes a difference.
pub fn would_wake_up(plan: &Plan, arriving: &Arriving) -> bool {
    arriving.first.is_some() && !decide(plan, arriving).0.actions.is_empty()
}

fn decide(plan: &Plan, arriving: &Arriving) -> (Step<Joined>, Call) {
    let call = call_of(plan, arriving, arriving.sent);
    let first = call_of(plan, arriving, arriving.first.unwrap_or(arriving.sent));
    let now = call.arrived_at;
    let before = match (is_counted(arriving, &call), first.digest == call.digest) {
        (false, true) => Seen::Never,
        (true, true) => Seen::SameContent,
        (_, false) => Seen::OtherContent,
    };
    let step = match (arriving.seen.clone().map(|seen| seen.conversation), before) {
        (Some(conversation), Seen::OtherContent) => conversation.join(&call, before, now),
        (Some(conversation), Seen::Never | Seen::SameContent) => {
            conversation.join(&first, before, now)
        }
        (None, Seen::Never | Seen::SameContent) => Conversation::open(&first, now),
        (None, Seen::OtherContent) => {
            let opened = Conversation::open(&first, now);
            let joined = opened
                .conversation
                .clone()
                .map(|it| it.join(&call, before, now));
            match joined {
                Some(joined) if joined.conversation.is_some() => joined,
                Some(joined) => Step {
                    answer: joined.answer,
                    ..opened
                },
                None => opened,
            }
        }
    };
    (step, first)
}

fn is_counted(arriving: &Arriving, call: &Call) -> bool {
    let seen = arriving.seen.as_ref();
    seen.is_some_and(|seen| seen.conversation.arrived.contains(call.place.sequence()))
}

fn call_of(plan: &Plan, arriving: &Arriving, sent: usize) -> Call {
    plan.sends[sent].call(sent, plan.time(arriving.instant))
}

/// The actions of a committed step go into the queue, or are lost on the way.
pub fn settle(
    world: &mut World,
    conversation: usize,
    step: u64,
    actions: &[Action],
    is_lost: bool,
) {
    if is_lost {
        world.losses -= 1;
        return;
    }
    for actions in actions {
        let not_before_s = match actions {
            Action::WakeUp => i64::MIN,
            Action::WakeUpAt(at) => at.as_second(),
            // Only for a header that keeps its reply; the model keeps replies apart.
            Action::Reply => continue,
        };
        world.wake_ups.insert(WakeUp {
            conversation,
            step,
            not_before_s,
        });
    }
}

/// Its own wake-up, for that time.
pub fn wake_at(world: &mut World, conversation: usize, step: u64, at: Timestamp) {
    settle(world, conversation, step, &[Action::WakeUpAt(at)], false);
}
