//! A call on its way to the backend: begun, sent, answered, each as an event of its own.

use calls::safe_to_repeat::CallFate;
use calls::{Begun, Call, Ended, OverallStatus, Phase, repeated_after};
use jiff::SignedDuration;

use crate::arriving::wake_at;
use crate::carrying::{commit, end, number_of, put_down};
use crate::plan::{Does, Plan, backend_name};
use crate::replying;
use crate::world::{Back, Carrying, Flight, Header, Switch, World};

/// How long whoever began a call has to commit the result.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// One step of a call whose turn it is.
pub fn go_on(
    world: &mut World,
    plan: &Plan,
    processor: usize,
    (carrying, seen): (&Carrying, &Header),
    call: &Call,
) {
    match carrying.flight {
        Flight::Begun => send(world, plan, processor, carrying, call),
        Flight::Back(back) => take_back(world, plan, processor, (carrying, seen), call, back),
        Flight::None => begin(world, plan, processor, (carrying, seen), call),
    }
}

fn begin(
    world: &mut World,
    plan: &Plan,
    processor: usize,
    (carrying, seen): (&Carrying, &Header),
    call: &Call,
) {
    let (wake, now) = (carrying.wake, plan.time(world.instant));
    let Phase::Running(progress) = seen.conversation.phase else {
        return;
    };
    if let Some(begun) = progress.begun {
        // The last instant has no end.
        if begun.until > now && world.instant < plan.last_instant() {
            if put_down(world, processor) {
                wake_at(world, wake.conversation, wake.step, begun.until);
            }
            return;
        }
        return lost(world, plan, processor, (carrying, seen), call);
    }
    if progress.repeats > 0 && call.options.is_past(now) {
        let how = (Ended::Unknown, OverallStatus::Error);
        end(world, plan, processor, (carrying, seen), call, how);
        return;
    }
    if world.maintenance == Switch::On {
        if replying::take_over(world, processor, carrying, seen) {
            return;
        }
        let parked = seen.conversation.clone().park(now);
        if parked == seen.conversation || commit(world, processor, wake, seen, parked) {
            put_down(world, processor);
        }
        return;
    }
    if world.outage == Switch::On {
        return hold(world, plan, processor, (carrying, seen));
    }
    let begun = Begun {
        until: now + ANSWERED_WITHIN,
        by: seen.version,
    };
    let begins = seen.conversation.clone().begin(begun);
    if commit(world, processor, wake, seen, begins) {
        fly(world, processor, Flight::Begun);
    }
}

fn send(world: &mut World, plan: &Plan, processor: usize, carrying: &Carrying, call: &Call) {
    let back = if world.outage == Switch::On {
        Back::NotReady
    } else {
        let stored = &mut world.conversations[carrying.wake.conversation];
        let sequence = call.place.sequence().get();
        let before = stored.sent.contains(&sequence);
        stored.sent.push(sequence);
        match plan.sends[number_of(call)].does {
            Does::Well | Does::WellInTwo => Back::Well,
            Does::Badly => Back::Badly,
            // The backend receives it a second time.
            Does::Lost if before => Back::Well,
            Does::Lost => Back::Lost,
        }
    };
    fly(world, processor, Flight::Back(back));
}

fn take_back(
    world: &mut World,
    plan: &Plan,
    processor: usize,
    at: (&Carrying, &Header),
    call: &Call,
    back: Back,
) {
    let how = match back {
        Back::Well => (Ended::CarriedOut, OverallStatus::Ok),
        Back::Badly => (Ended::CarriedOut, OverallStatus::Error),
        Back::NotReady => return hold(world, plan, processor, at),
        Back::Lost => return lost(world, plan, processor, at, call),
    };
    end(world, plan, processor, at, call, how);
}

/// It waits for the backend.
fn hold(world: &mut World, plan: &Plan, processor: usize, (carrying, seen): (&Carrying, &Header)) {
    if replying::take_over(world, processor, carrying, seen) {
        return;
    }
    let now = plan.time(world.instant);
    let held = seen.conversation.clone().hold(&backend_name(), now);
    if held == seen.conversation || commit(world, processor, carrying.wake, seen, held) {
        put_down(world, processor);
    }
}

/// Sent again where that is safe; otherwise its fate is unknown.
fn lost(
    world: &mut World,
    plan: &Plan,
    processor: usize,
    (carrying, seen): (&Carrying, &Header),
    call: &Call,
) {
    let Phase::Running(progress) = seen.conversation.phase else {
        return;
    };
    // In this small world every call has a ConversationID; only whether it is alone matters.
    let alone = Call {
        conversation_id: call
            .conversation_id
            .clone()
            .filter(|_| call.place.calls_in_conversation().get() > 1),
        ..call.clone()
    };
    let conversation = &seen.conversation;
    match repeated_after(&alone, conversation, progress, CallFate::MayStillHappen) {
        Some(_) => {
            let again = conversation.clone().repeat();
            commit(world, processor, carrying.wake, seen, again);
        }
        None => {
            let how = (Ended::Unknown, OverallStatus::Error);
            end(world, plan, processor, (carrying, seen), call, how);
        }
    }
}

fn fly(world: &mut World, processor: usize, flight: Flight) {
    if let Some(carrying) = &mut world.processors[processor] {
        carrying.flight = flight;
    }
}
