//! What holds in every world at every moment, and what must have happened in the end.

use calls::{Due, EndReason, Phase, RespondWhen};
use stateright::Property;

use crate::plan::{Plan, Where};
use crate::world::{Header, How, Status, StoredConversation, World};

/// The contract's longest silence.
const SILENCE_MAX_S: i64 = 300;

pub fn all() -> Vec<Property<Plan>> {
    [
        in_the_end(),
        of_carrying_out(),
        of_forwarding(),
        of_replying(),
        of_first_replies(),
    ]
    .concat()
}

/// What must have happened in the end.
fn in_the_end() -> Vec<Property<Plan>> {
    vec![
        Property::eventually(
            "an answered call gets its outcome, and its conversation ends",
            |plan: &Plan, world: &World| {
                is_over(plan, world) && world.conversations.iter().all(is_settled)
            },
        ),
        Property::eventually(
            "whoever wants to know is told",
            |plan: &Plan, world: &World| {
                is_over(plan, world)
                    && every(plan, world, |plan, stored| {
                        replied(stored) == actions(plan, stored)
                            && stored.header.as_ref().is_none_or(is_rid_of_replies)
                    })
            },
        ),
    ]
}

/// Carrying out, at every moment.
fn of_carrying_out() -> Vec<Property<Plan>> {
    vec![
        Property::always(
            "a call is carried out once, in order, when all have come",
            |_, world: &World| world.conversations.iter().all(ran_in_order),
        ),
        Property::always(
            "nothing is carried out after a call that is not OK",
            |_, world: &World| world.conversations.iter().all(stops_at_the_first_error),
        ),
        Property::always(
            "nothing is carried out after a silence",
            |_, world: &World| {
                world
                    .conversations
                    .iter()
                    .all(|stored| stored.ran.is_empty() || longest_gap_s(stored) <= SILENCE_MAX_S)
            },
        ),
        Property::always("nobody is timed out who was in time", |_, world: &World| {
            world.conversations.iter().all(|stored| {
                !is_timed_out(stored) || !has_all(stored) || longest_gap_s(stored) > SILENCE_MAX_S
            })
        }),
        Property::always(
            "nothing is carried out before its time",
            |plan: &Plan, world: &World| every(plan, world, never_early),
        ),
        Property::always(
            "nothing is carried out in maintenance",
            |_, world: &World| {
                world
                    .conversations
                    .iter()
                    .all(|stored| !stored.ran_in_maintenance)
            },
        ),
    ]
}

/// Requests to a backend, by its own log.
fn of_forwarding() -> Vec<Property<Plan>> {
    vec![
        Property::always(
            "a call is sent once, unless it is safe to repeat",
            |plan: &Plan, world: &World| every(plan, world, sent_once),
        ),
        Property::always(
            "calls are sent in order, and none after one that is not OK",
            |_, world: &World| {
                world.conversations.iter().all(|stored| {
                    let failed = stored
                        .outcomes
                        .iter()
                        .find(|(_, (_, status))| *status == Status::NotOk);
                    stored.sent.is_sorted()
                        && failed.is_none_or(|(by, _)| stored.sent.iter().all(|sent| sent <= by))
                })
            },
        ),
        Property::always(
            "what is told of a call is what the backend knows of it",
            |plan: &Plan, world: &World| {
                every(plan, world, |plan, stored| {
                    stored.outcomes.iter().all(|(sequence, (how, _))| {
                        let is_forwarded = plan.sends[stored.calls[sequence]].at != Where::Here;
                        let was_sent = stored.sent.contains(sequence);
                        match how {
                            How::CarriedOut => !is_forwarded || was_sent,
                            // Whoever begins it may die before it is sent.
                            How::Unknown => is_forwarded,
                            How::Expired | How::Cancelled | How::NotProcessed => !was_sent,
                        }
                    })
                })
            },
        ),
    ]
}

fn sent_once(plan: &Plan, stored: &StoredConversation) -> bool {
    stored.sent.iter().all(|sequence| {
        let times = stored.sent.iter().filter(|sent| *sent == sequence).count();
        times == 1 || plan.sends[stored.calls[sequence]].at == Where::AtBackendSafely
    })
}

/// Answers, replies and cancelling, at every moment.
fn of_replying() -> Vec<Property<Plan>> {
    vec![
        Property::always(
            "a conversation has the priority of its highest part",
            |plan: &Plan, world: &World| {
                every(plan, world, |plan, stored| {
                    stored.header.as_ref().is_none_or(|header| {
                        let arrived = header.conversation.arrived.iter();
                        let highest = arrived
                            .map(|sequence| plan.sends[stored.calls[&sequence.get()]].priority)
                            .max();
                        highest == Some(header.conversation.priority)
                    })
                })
            },
        ),
        Property::always(
            "a reply is written once, with or after its outcome",
            |plan: &Plan, world: &World| {
                every(plan, world, |plan, stored| {
                    !stored.replied_twice && replied(stored).is_subset(&actions(plan, stored))
                })
            },
        ),
        Property::always(
            "nobody is told of an end while a call of the conversation has no outcome",
            |plan: &Plan, world: &World| every(plan, world, replied_last),
        ),
        Property::always(
            "a call that is sent again gets its first RequestID",
            |_, world: &World| {
                world.conversations.iter().all(|stored| {
                    let calls = stored.answered.iter().map(|(sequence, _)| sequence);
                    let different: std::collections::BTreeSet<_> = calls.collect();
                    different.len() == stored.answered.len() && !stored.answered_wrong
                })
            },
        ),
        Property::always(
            "what was cancelled before it began is not carried out",
            |_, world: &World| {
                world.conversations.iter().all(|stored| {
                    stored.outcomes.iter().all(|(sequence, (how, _))| {
                        *how != How::Cancelled || stored.ran.iter().all(|(ran, _)| ran < sequence)
                    })
                })
            },
        ),
        Property::sometimes("a conversation ends", |_, world: &World| {
            world
                .conversations
                .iter()
                .any(|stored| end_reason(stored).is_some())
        }),
    ]
}

/// Replies that the header answers for, at every moment.
fn of_first_replies() -> Vec<Property<Plan>> {
    vec![
        Property::always(
            "a reply is told twice only if whoever posted it died",
            |plan: &Plan, world: &World| {
                let has_died = world.crashes < plan.crashes;
                let is_twice = |stored: &StoredConversation| {
                    let is_left = |call: &u32| stored.replies.contains(&stored.first_reply(*call));
                    let by_others = stored.posted.iter().any(is_left);
                    stored.posted_twice || (is_over(plan, world) && by_others)
                };
                has_died || !world.conversations.iter().any(is_twice)
            },
        ),
        Property::always(
            "what waits for an unknown time answers for no reply",
            |_, world: &World| {
                world.conversations.iter().all(|stored| {
                    stored.header.as_ref().is_none_or(|header| {
                        let due = header.conversation.due;
                        let waits = matches!(due, Due::Parked(_) | Due::Held(_) | Due::Never);
                        !waits || is_rid_of_replies(header)
                    })
                })
            },
        ),
    ]
}

fn every(plan: &Plan, world: &World, holds: impl Fn(&Plan, &StoredConversation) -> bool) -> bool {
    world.conversations.iter().all(|stored| holds(plan, stored))
}

/// The replies that have records, or were posted without one.
fn replied(stored: &StoredConversation) -> std::collections::BTreeSet<(u32, u32)> {
    let posted = stored.posted.iter().map(|call| stored.first_reply(*call));
    stored.replies.iter().copied().chain(posted).collect()
}

fn is_rid_of_replies(header: &Header) -> bool {
    header.conversation.undelivered.is_none()
}

/// Nothing can happen any more.
fn is_over(plan: &Plan, world: &World) -> bool {
    world.instant == plan.last_instant()
        && world.wake_ups.is_empty()
        && world.processors.iter().all(Option::is_none)
        && world.timekeeper.is_none()
}

fn is_settled(stored: &StoredConversation) -> bool {
    let answered = stored.answered.iter().map(|(sequence, _)| sequence);
    let Some(header) = &stored.header else {
        return stored.answered.is_empty();
    };
    matches!(header.conversation.phase, Phase::Ended(_))
        && answered
            .into_iter()
            .all(|sequence| stored.outcomes.contains_key(sequence))
}

fn ran_in_order(stored: &StoredConversation) -> bool {
    let in_order = stored
        .ran
        .iter()
        .map(|(sequence, _)| *sequence)
        .eq((1..).take(stored.ran.len()));
    in_order && (stored.ran.is_empty() || has_all(stored))
}

fn has_all(stored: &StoredConversation) -> bool {
    stored.header.as_ref().is_some_and(|header| {
        let conversation = &header.conversation;
        conversation.arrived.count() == conversation.calls_in_conversation.get()
    })
}

fn stops_at_the_first_error(stored: &StoredConversation) -> bool {
    let failed = stored.outcomes.iter().find(|(_, (how, status))| {
        matches!(how, How::CarriedOut | How::Expired | How::Unknown) && *status == Status::NotOk
    });
    failed.is_none_or(|(failed, _)| stored.ran.iter().all(|(ran, _)| ran <= failed))
}

/// The silence between a part and the latest of those that were counted before it.
fn longest_gap_s(stored: &StoredConversation) -> i64 {
    let mut last = None;
    let gaps = stored.arrivals_s.iter().map(|at| {
        let gap = last.map_or(0, |last: i64| at - last);
        last = last.max(Some(*at));
        gap
    });
    gaps.max().unwrap_or(0)
}

fn is_timed_out(stored: &StoredConversation) -> bool {
    end_reason(stored).is_some_and(|(end_reason, _)| *end_reason == EndReason::TimedOut)
}

fn replied_last(plan: &Plan, stored: &StoredConversation) -> bool {
    let is_of_the_end = |(sequence, number): &(u32, u32)| {
        let respond_when = &plan.sends[stored.calls[sequence]].respond_when;
        let when = usize::try_from(*number)
            .ok()
            .and_then(|number| respond_when.get(number));
        matches!(
            when,
            Some(RespondWhen::OnConversationComplete | RespondWhen::OnConversationError)
        )
    };
    let arrived = |stored: &StoredConversation| {
        let header = stored.header.as_ref();
        header.map_or(0, |header| header.conversation.arrived.count())
    };
    !stored.replies.iter().any(is_of_the_end)
        || u32::try_from(stored.outcomes.len()) == Ok(arrived(stored))
}

fn never_early(plan: &Plan, stored: &StoredConversation) -> bool {
    stored.ran.iter().all(|(sequence, instant)| {
        let scheduled = plan.sends[stored.calls[sequence]].scheduled_s;
        scheduled.is_none_or(|at| plan.instants_s[usize::from(*instant)] >= at)
    })
}

/// How a conversation ends, and whether every call was OK.
fn end_reason(stored: &StoredConversation) -> Option<(&EndReason, bool)> {
    match &stored.header.as_ref()?.conversation.phase {
        Phase::Gathering | Phase::Running(_) => None,
        Phase::Closing { end_reason, .. } | Phase::Ended(end_reason) => {
            Some((end_reason, *end_reason == EndReason::Complete))
        }
    }
}

/// The replies that are due, by what is known of the calls.
fn actions(plan: &Plan, stored: &StoredConversation) -> std::collections::BTreeSet<(u32, u32)> {
    let ended = end_reason(stored);
    let mut actions = std::collections::BTreeSet::new();
    for (sequence, (how, status)) in &stored.outcomes {
        for (number, when) in (0..).zip(&plan.sends[stored.calls[sequence]].respond_when) {
            let is_pending = match when {
                RespondWhen::Never => false,
                RespondWhen::Always | RespondWhen::OnCallComplete => true,
                RespondWhen::OnError => *status == Status::NotOk,
                RespondWhen::OnExpired => *how == How::Expired,
                RespondWhen::OnConversationComplete => ended.is_some(),
                RespondWhen::OnConversationError => ended.is_some_and(|(_, well)| !well),
            };
            if is_pending {
                actions.insert((*sequence, number));
            }
        }
    }
    actions
}
