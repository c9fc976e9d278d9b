//! The timekeeper: looks at what is due, in a load and a commit.

use calls::{Cancelled, Due, Phase, Step};
use jiff::Timestamp;

use crate::arriving::settle;
use crate::plan::Plan;
use crate::world::{Header, Looking, Switch, World};

/// Whether the timekeeper finds a conversation in the index.
///
/// The last instant stands for all time to come, so everything is due in it. A conversation whose
/// wake-up is still in flight is left to that, or the world would not end.
pub fn is_found(world: &World, plan: &Plan, conversation: usize) -> bool {
    let Some(header) = &world.conversations[conversation].header else {
        return false;
    };
    let in_the_end = world.instant == plan.last_instant()
        && world
            .wake_ups
            .iter()
            .all(|wake| wake.conversation != conversation);
    match header.conversation.due {
        Due::At(at) if plan.last_instant() == world.instant => in_the_end && at < Timestamp::MAX,
        Due::At(at) => at <= plan.time(world.instant),
        Due::Parked(_) | Due::Held(_) => {
            // The breaker of a backend closes once it answers.
            let is_held = matches!(header.conversation.due, Due::Held(_));
            world.maintenance != Switch::On
                && !(is_held && world.outage == Switch::On)
                && (world.instant < plan.last_instant() || in_the_end)
        }
        Due::Never => false,
    }
}

pub fn load(world: &mut World, conversation: usize) {
    let Some(seen) = world.conversations[conversation].header.clone() else {
        return;
    };
    let maintenance = world.maintenance == Switch::On;
    let instant = world.instant;
    world.timekeeper = Some(Looking {
        conversation,
        seen,
        instant,
        maintenance,
    });
}

pub fn commit(world: &mut World, plan: &Plan, wake_up_is_lost: bool) {
    let Some(mut looking) = world.timekeeper.take() else {
        return;
    };
    let stored = &mut world.conversations[looking.conversation];
    if stored.version() != looking.seen.version {
        if let Some(header) = &stored.header {
            looking.seen = header.clone();
        }
        world.timekeeper = Some(looking);
        return;
    }
    let step = decide(plan, &looking);
    let mut version = stored.version();
    if let Some(conversation) = step.conversation {
        version += 1;
        stored.header = Some(Header {
            version,
            conversation,
        });
    }
    settle(
        world,
        looking.conversation,
        version,
        &step.actions,
        wake_up_is_lost,
    );
}

/// Whether a commit would leave a wake-up to be sent.
pub fn would_wake_up(plan: &Plan, looking: &Looking) -> bool {
    !decide(plan, looking).actions.is_empty()
}

fn decide(plan: &Plan, looking: &Looking) -> Step<()> {
    let conversation = looking.seen.conversation.clone();
    let now = plan.time(looking.instant);
    let is_delivered = conversation.undelivered.is_none();
    if looking.maintenance && is_delivered && matches!(conversation.phase, Phase::Running(_)) {
        let parked = conversation.park(now);
        return Step {
            conversation: Some(parked),
            answer: (),
            actions: Vec::new(),
        };
    }
    conversation.look(now)
}

/// Its caller deletes a conversation, in one step.
pub fn cancel(world: &mut World, plan: &Plan, conversation: usize) {
    world.uncancelled.remove(&conversation);
    let now = plan.time(world.instant);
    let stored = &mut world.conversations[conversation];
    let Some(header) = stored.header.clone() else {
        return;
    };
    let step = header.conversation.cancel(now);
    stored.cancelled |= step.answer == Cancelled::Yes;
    let mut version = header.version;
    if let Some(conversation) = step.conversation {
        version += 1;
        stored.header = Some(Header {
            version,
            conversation,
        });
    }
    settle(world, conversation, version, &step.actions, false);
}
