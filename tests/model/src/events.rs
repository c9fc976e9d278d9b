//! The events that can happen next in a world.

use std::collections::BTreeSet;

use stateright::{Model, Property};

use crate::plan::Plan;
use crate::properties;
use crate::world::{StoredConversation, Switch, WakeUp, World};
use crate::{arriving, carrying, keeping, replying};

/// One event; the numbers say at which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Arrives {
        ingest: usize,
        sent: usize,
    },
    IsKept {
        ingest: usize,
    },
    IsCommitted {
        ingest: usize,
        wake_up_is_lost: bool,
    },
    IngestDies {
        ingest: usize,
    },
    IsReceived {
        processor: usize,
        wake: WakeUp,
    },
    GoesOn {
        processor: usize,
    },
    /// It posts a reply that it has in hand.
    Posts {
        processor: usize,
    },
    ProcessorDies {
        processor: usize,
    },
    IsFound {
        conversation: usize,
    },
    IsLookedAt {
        wake_up_is_lost: bool,
    },
    IsCancelled {
        conversation: usize,
    },
    OutageBegins,
    OutageEnds,
    MaintenanceBegins,
    MaintenanceEnds,
    TimePasses,
}

impl Model for Plan {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            instant: 0,
            maintenance: Switch::NotYet,
            outage: Switch::NotYet,
            unsent: (0..self.sends.len()).collect(),
            uncancelled: self.cancels.iter().copied().collect(),
            crashes: self.crashes,
            redeliveries: self.redeliveries,
            losses: self.losses,
            conversations: vec![StoredConversation::default(); self.conversations()],
            wake_ups: BTreeSet::new(),
            ingests: vec![None; self.ingests],
            processors: vec![None; self.processors],
            timekeeper: None,
        }]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        at_the_door(self, world, events);
        at_the_processor(self, world, events);
        at_the_timekeeper(self, world, events);
        let conversations = world.uncancelled.iter();
        events.extend(conversations.map(|conversation| Event::IsCancelled {
            conversation: *conversation,
        }));
        match world.maintenance {
            Switch::NotYet if self.maintenance => events.push(Event::MaintenanceBegins),
            Switch::On => events.push(Event::MaintenanceEnds),
            Switch::NotYet | Switch::OffAgain => {}
        }
        match world.outage {
            Switch::NotYet if self.outage => events.push(Event::OutageBegins),
            Switch::On => events.push(Event::OutageEnds),
            Switch::NotYet | Switch::OffAgain => {}
        }
        if time_can_pass(self, world) {
            events.push(Event::TimePasses);
        }
    }

    fn next_state(&self, before: &World, event: Event) -> Option<World> {
        let mut world = before.clone();
        match event {
            Event::Arrives { ingest, sent } => arriving::arrive(&mut world, self, ingest, sent),
            Event::IsKept { ingest } => arriving::keep(&mut world, self, ingest),
            Event::IsCommitted {
                ingest,
                wake_up_is_lost,
            } => {
                arriving::commit(&mut world, self, ingest, wake_up_is_lost);
            }
            Event::IngestDies { ingest } => {
                world.crashes -= 1;
                world.ingests[ingest] = None;
            }
            Event::IsReceived { processor, wake } => {
                carrying::receive(&mut world, processor, wake);
            }
            Event::GoesOn { processor } => carrying::go_on(&mut world, self, processor),
            Event::Posts { processor } => {
                replying::post(&mut world, processor);
            }
            Event::ProcessorDies { processor } => {
                world.crashes -= 1;
                world.processors[processor] = None;
            }
            Event::IsFound { conversation } => keeping::load(&mut world, conversation),
            Event::IsLookedAt { wake_up_is_lost } => {
                keeping::commit(&mut world, self, wake_up_is_lost)
            }
            Event::IsCancelled { conversation } => keeping::cancel(&mut world, self, conversation),
            Event::OutageBegins => world.outage = Switch::On,
            Event::OutageEnds => world.outage = Switch::OffAgain,
            Event::MaintenanceBegins => world.maintenance = Switch::On,
            Event::MaintenanceEnds => world.maintenance = Switch::OffAgain,
            Event::TimePasses => world.instant += 1,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

fn at_the_door(plan: &Plan, world: &World, events: &mut Vec<Event>) {
    let free = world.ingests.iter().position(Option::is_none);
    if let Some(ingest) = free {
        events.extend(world.unsent.iter().map(|sent| Event::Arrives {
            ingest,
            sent: *sent,
        }));
    }
    for (ingest, arriving) in world.ingests.iter().enumerate() {
        let Some(arriving) = arriving else { continue };
        if arriving.first.is_none() {
            events.push(Event::IsKept { ingest });
        } else {
            events.push(Event::IsCommitted {
                ingest,
                wake_up_is_lost: false,
            });
            if world.losses > 0 && arriving::would_wake_up(plan, arriving) {
                events.push(Event::IsCommitted {
                    ingest,
                    wake_up_is_lost: true,
                });
            }
        }
        if world.crashes > 0 {
            events.push(Event::IngestDies { ingest });
        }
    }
}

fn at_the_processor(plan: &Plan, world: &World, events: &mut Vec<Event>) {
    let now_s = plan.time(world.instant).as_second();
    let free = world.processors.iter().position(Option::is_none);
    for wake in &world.wake_ups {
        let in_flight = world
            .processors
            .iter()
            .flatten()
            .any(|carrying| carrying.wake == *wake);
        let Some(processor) = free else { break };
        if wake.not_before_s <= now_s && (!in_flight || world.redeliveries > 0) {
            events.push(Event::IsReceived {
                processor,
                wake: *wake,
            });
        }
    }
    for (processor, carrying) in world.processors.iter().enumerate() {
        if let Some(carrying) = carrying {
            events.push(Event::GoesOn { processor });
            if carrying.replies.calls.iter().any(|(_, posted)| !posted) {
                events.push(Event::Posts { processor });
            }
            if world.crashes > 0 {
                events.push(Event::ProcessorDies { processor });
            }
        }
    }
}

fn at_the_timekeeper(plan: &Plan, world: &World, events: &mut Vec<Event>) {
    let Some(looking) = &world.timekeeper else {
        let found = (0..world.conversations.len())
            .filter(|conversation| keeping::is_found(world, plan, *conversation));
        events.extend(found.map(|conversation| Event::IsFound { conversation }));
        return;
    };
    events.push(Event::IsLookedAt {
        wake_up_is_lost: false,
    });
    if world.losses > 0 && keeping::would_wake_up(plan, looking) {
        events.push(Event::IsLookedAt {
            wake_up_is_lost: true,
        });
    }
}

/// Time goes on to the last instant, which has no end, only when no request is left.
fn time_can_pass(plan: &Plan, world: &World) -> bool {
    let last = plan.last_instant();
    let all_is_said = world.unsent.is_empty()
        && world.uncancelled.is_empty()
        && world.ingests.iter().all(Option::is_none)
        && world.maintenance != Switch::On
        && (world.maintenance == Switch::OffAgain || !plan.maintenance)
        && world.outage != Switch::On
        && (world.outage == Switch::OffAgain || !plan.outage);
    world.instant + 1 < last || (world.instant + 1 == last && all_is_said)
}
