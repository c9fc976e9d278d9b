//! Replies that a processor posts itself, for which the header answers.

use calls::{Reply, SequenceCode, SubjectKind};

use crate::carrying::commit;
use crate::world::{Carrying, Header, InFlight, World};

impl InFlight {
    /// The call through which all have been posted.
    pub fn posted_through(&self) -> Option<SequenceCode> {
        let posted = self.calls.iter().take_while(|(_, posted)| *posted);
        posted.last().and_then(|(call, _)| SequenceCode::new(*call))
    }

    fn answers_for(&self, header: &Header) -> bool {
        let undelivered = header.conversation.undelivered;
        let last = self.last;
        undelivered.is_none_or(|it| last.is_some_and(|last| it.first.get() <= last))
    }

    /// A commit has said what was posted through a call.
    pub fn recorded(&mut self, through: Option<SequenceCode>) {
        self.calls
            .retain(|(call, _)| through.is_none_or(|through| *call > through.get()));
    }
}

/// Whether the header is going to answer for a call's replies.
pub fn is_by_header(carrying: &Carrying, seen: &Header, replies: &[Reply]) -> bool {
    let [reply] = replies else { return false };
    reply.subject == SubjectKind::Call
        && !carrying.replies.is_behind
        && seen.conversation.can_answer_for(reply.sequence)
}

/// Posts the next one. `false`: there is none.
pub fn post(world: &mut World, processor: usize) -> bool {
    let Some(carrying) = &mut world.processors[processor] else {
        return false;
    };
    let unposted = carrying
        .replies
        .calls
        .iter_mut()
        .find(|(_, posted)| !posted);
    let Some((call, posted)) = unposted else {
        return false;
    };
    *posted = true;
    let stored = &mut world.conversations[carrying.wake.conversation];
    stored.posted_twice |= !stored.posted.insert(*call);
    true
}

/// Looks at a header before anything is done with it: takes over what another processor had in hand, and
/// lets go of what another has taken over. `None`: something was done.
pub fn look(
    world: &mut World,
    processor: usize,
    carrying: &Carrying,
    mut seen: Header,
) -> Option<Header> {
    let undelivered = seen.conversation.undelivered;
    let is_covered = |(call, _): &(u32, bool)| {
        let call = SequenceCode::new(*call);
        undelivered.is_some_and(|it| call.is_some_and(|call| it.covers(call)))
    };
    if !carrying.replies.calls.iter().all(is_covered) {
        let stored = &mut world.conversations[carrying.wake.conversation];
        // What was posted is said in the records that it has by now.
        for (call, posted) in &carrying.replies.calls {
            if *posted {
                let reply = stored.first_reply(*call);
                stored.replies.remove(&reply);
            }
        }
        if let Some(carrying) = &mut world.processors[processor] {
            carrying.replies.calls.clear();
            carrying.replies.is_behind = true;
        }
        return None;
    }
    if !carrying.replies.answers_for(&seen) {
        take_over(world, processor, carrying, &seen);
        return None;
    }
    if let Some(through) = carrying.replies.posted_through() {
        seen.conversation = seen.conversation.delivered_through(through);
    }
    Some(seen)
}

/// Gives records to the replies that a header answers for. `false`: it answers for none.
pub fn take_over(world: &mut World, processor: usize, carrying: &Carrying, seen: &Header) -> bool {
    let Some(undelivered) = seen.conversation.undelivered else {
        return false;
    };
    let next = seen.conversation.clone().handed_over();
    if commit(world, processor, carrying.wake, seen, next) {
        let stored = &mut world.conversations[carrying.wake.conversation];
        let is_covered =
            |call: u32| SequenceCode::new(call).is_some_and(|it| undelivered.covers(it));
        let replies = stored.first_replies.iter();
        let replies = replies.map(|(call, number)| (*call, *number));
        let replies: Vec<(u32, u32)> = replies.filter(|(call, _)| is_covered(*call)).collect();
        stored.replies.extend(replies);
        if let Some(carrying) = &mut world.processors[processor] {
            carrying.replies.is_behind = true;
        }
    }
    true
}

/// What is left of the replies once nothing else is left to do. `false`: nothing.
pub fn finish(world: &mut World, processor: usize) -> bool {
    if post(world, processor) {
        return true;
    }
    let Some(carrying) = world.processors[processor].clone() else {
        return false;
    };
    let (Some(through), Some(seen)) = (carrying.replies.posted_through(), &carrying.seen) else {
        return false;
    };
    let next = seen.conversation.clone().delivered_through(through);
    if commit(world, processor, carrying.wake, seen, next)
        && let Some(carrying) = &mut world.processors[processor]
    {
        carrying.replies.recorded(Some(through));
    }
    true
}
