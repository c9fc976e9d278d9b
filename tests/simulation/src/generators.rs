//! The events of a seed's world.

use calls::{Method, QueuePriority, RespondWhen};
use local::InjectedFault;

use crate::dice::Dice;
use crate::happenings::{Error, Failing, Flaw, Happening, Name, Part, Write};

/// When every world begins.
pub const START_MS: i64 = 1_795_000_000_000;

/// Seeds between two worlds that send a call of too many objects: reading one takes a while.
const SEEDS_PER_LARGE: u64 = 400;

/// A world: its happenings, in their order.
pub fn world(seed: u64) -> Vec<Happening> {
    let mut maker = Maker::new(seed);
    let steps = 10 + maker.dice.below(22);
    let mut happenings = Vec::new();
    if seed.is_multiple_of(SEEDS_PER_LARGE) {
        happenings.push(Happening::SendsFlawed(Flaw::TooManyObjects));
    }
    for _ in 0..steps {
        let happening = maker.happening();
        if let Happening::Jumps { ms } = happening {
            maker.now_ms += ms;
        }
        happenings.push(happening);
    }
    // With random numbers of its own, so that existing seeds keep their events.
    if maker.stormy && !seed.is_multiple_of(2) {
        let mut dice = Dice::new(seed ^ 0x4a06_0dea_d11e);
        happenings
            .iter_mut()
            .for_each(|happening| may_hang(&mut dice, happening));
    }
    happenings
}

/// A function that would have finished hangs at one of its requests, until it is killed at its
/// deadline.
fn may_hang(dice: &mut Dice, happening: &mut Happening) {
    let (Happening::Works { error, .. } | Happening::Ticks { error }) = happening else {
        return;
    };
    if error.is_none() && dice.one_in(3) {
        *error = Some(Error {
            nth: 1 + dice.below(12),
            fault: InjectedFault::Hang,
        });
    }
}

struct Maker {
    dice: Dice,
    /// Half of all worlds have no faults: there, everything must be done at once.
    stormy: bool,
    now_ms: i64,
    maintenance: bool,
    cast: Vec<Planned>,
}

/// A conversation, and which of its parts have not been sent yet.
struct Planned {
    name: Name,
    parts: Vec<Part>,
    unsent: Vec<usize>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let stormy = dice.one_in(2);
        let mut maker = Self {
            dice,
            stormy,
            now_ms: START_MS,
            maintenance: false,
            cast: Vec::new(),
        };
        for number in 0..=u8::from(maker.dice.one_in(2)) {
            maker.cast(Name::Named(number));
        }
        if maker.dice.one_in(2) {
            maker.cast(Name::Alone(0));
        }
        if maker.dice.one_in(2) {
            maker.cast(Name::Keyed(0));
        }
        maker
    }

    fn cast(&mut self, name: Name) {
        let calls = match name {
            Name::Named(_) => self.dice.pick(&[1, 2, 2, 3, 3, 4]),
            Name::Alone(_) | Name::Keyed(_) => 1,
        };
        let parts: Vec<Part> = (1..=calls)
            .map(|sequence| self.part(sequence, calls))
            .collect();
        let mut unsent: Vec<usize> = (0..parts.len()).collect();
        for last in (1..unsent.len()).rev() {
            let other = usize::try_from(self.dice.draw() % 1_000).unwrap_or(0) % (last + 1);
            unsent.swap(last, other);
        }
        self.cast.push(Planned {
            name,
            parts,
            unsent,
        });
    }

    fn part(&mut self, sequence: u32, calls: u32) -> Part {
        let own = u8::try_from(sequence).unwrap_or(0);
        let (method, objects) = match self.dice.below(40) {
            0..20 => (Method::Create, vec![own]),
            20..28 => (Method::Update, vec![own - 1]),
            28..31 => (Method::Update, vec![1]),
            31..33 => (Method::Delete, vec![own - 1]),
            // Many objects are done in two chunks, and something may happen in between.
            36.. if self.stormy || self.dice.one_in(4) => (Method::Create, (10..80).collect()),
            33..36 => (Method::Create, vec![own, 1]),
            _ => (Method::Create, vec![1]),
        };
        let scheduled_ms = self.dice.one_in(6).then(|| {
            self.now_ms
                + self
                    .dice
                    .pick(&[500, 20_000, 60_000, 290_000, 301_000, 900_000])
        });
        let expires_ms = (calls == 1 && self.dice.one_in(4)).then(|| {
            scheduled_ms.unwrap_or(self.now_ms) + self.dice.pick(&[1_000, 60_000, 400_000])
        });
        let respond_when = (0..self.dice.below(3)).map(|_| self.when()).collect();
        let priority = self.dice.pick(&[
            QueuePriority::Medium,
            QueuePriority::Medium,
            QueuePriority::High,
            QueuePriority::Low,
        ]);
        let change = Write { method, objects };
        Part {
            sequence,
            calls,
            change,
            scheduled_ms,
            expires_ms,
            priority,
            respond_when,
            variant: 0,
        }
    }

    fn when(&mut self) -> RespondWhen {
        self.dice.pick(&[
            RespondWhen::Never,
            RespondWhen::OnError,
            RespondWhen::Always,
            RespondWhen::OnConversationError,
            RespondWhen::OnConversationComplete,
            RespondWhen::OnCallComplete,
            RespondWhen::OnExpired,
        ])
    }

    fn happening(&mut self) -> Happening {
        match self.dice.below(100) {
            0..42 => self.sends(),
            42..46 => self.send_together(),
            46..48 => Happening::SendsFlawed(self.dice.pick(&Flaw::ALL[..17])),
            48..63 => Happening::Works {
                queue: self.queue(),
                error: self.out_of_reach(),
            },
            63..66 => Happening::WorkTogether {
                queue: self.queue(),
                spread: self.dice.draw(),
            },
            66..69 => Happening::TicksAmidWork {
                queue: self.queue(),
                spread: self.dice.draw(),
            },
            69..70 => Happening::ComesAgain {
                which: self.dice.draw(),
            },
            70..74 => Happening::Ticks {
                error: self.out_of_reach(),
            },
            74..86 => Happening::Jumps {
                ms: self.dice.pick(&[
                    1, 1_000, 20_000, 60_000, 61_000, 299_999, 300_000, 300_000, 300_001, 600_000,
                ]),
            },
            86..92 => Happening::Settles,
            92..94 => {
                self.maintenance = !self.maintenance;
                Happening::Maintenance(self.maintenance)
            }
            94..98 => self.cancels(),
            _ => Happening::ReceiverFails {
                times: 1 + u8::try_from(self.dice.below(3)).unwrap_or(0),
                how: self.dice.pick(&[
                    Failing::Status(503),
                    Failing::Status(302),
                    Failing::Unreachable,
                    Failing::NoAnswer,
                ]),
            },
        }
    }

    fn queue(&mut self) -> usize {
        self.dice.pick(&[0, 1, 1, 2, 3, 3])
    }

    fn out_of_reach(&mut self) -> Option<Error> {
        if !self.stormy || !self.dice.one_in(3) {
            return None;
        }
        let fault = self.dice.pick(&[
            InjectedFault::LoseRequest,
            InjectedFault::LoseAnswer,
            InjectedFault::LoseAnswer,
            InjectedFault::Throttle,
            InjectedFault::Refuse(500),
            InjectedFault::Conflict,
            InjectedFault::CrashBefore,
            InjectedFault::CrashAfter,
            InjectedFault::CrashAfter,
        ]);
        Some(Error {
            nth: 1 + self.dice.below(12),
            fault,
        })
    }

    fn any(&mut self) -> usize {
        let bound = u64::try_from(self.cast.len()).unwrap_or(1);
        usize::try_from(self.dice.below(bound)).unwrap_or(0)
    }

    fn sends(&mut self) -> Happening {
        let index = self.any();
        let error = self.out_of_reach();
        let wilful = self.dice.below(24);
        let planned = &mut self.cast[index];
        let to = planned.name;
        let next = planned.unsent.pop();
        let part = match (next, to) {
            (Some(next), _) if wilful > 3 => planned.parts[next].clone(),
            (_, Name::Alone(_)) if next.is_none() => return Happening::Settles,
            (Some(next), Name::Alone(_)) => planned.parts[next].clone(),
            (next, _) => {
                planned.unsent.extend(next);
                let again = self.dice.pick(&self.cast[index].parts.clone());
                spoilt(again, wilful, to)
            }
        };
        Happening::Sends { to, part, error }
    }

    fn send_together(&mut self) -> Happening {
        let index = self.any();
        let to = self.cast[index].name;
        if matches!(to, Name::Alone(_)) {
            return Happening::Settles;
        }
        let parts = self.cast[index].parts.clone();
        let wilful = self.dice.below(24);
        let (one, other) = (self.dice.pick(&parts), self.dice.pick(&parts));
        let parts = [one, spoilt(other, wilful, to)];
        Happening::SendTogether {
            to,
            parts,
            spread: self.dice.draw(),
        }
    }

    fn cancels(&mut self) -> Happening {
        let index = self.any();
        let Planned { name, parts, .. } = &self.cast[index];
        let (name, parts) = (*name, parts.clone());
        if matches!(name, Name::Named(_)) && !self.dice.one_in(3) {
            return Happening::Cancels {
                name,
                error: self.out_of_reach(),
            };
        }
        let part = self.dice.pick(&parts);
        Happening::CancelsRequest {
            name,
            sequence: part.sequence,
        }
    }
}

/// A part as it was sent before, or with something else in it.
fn spoilt(mut part: Part, how: u64, to: Name) -> Part {
    match how {
        0 | 8 => part.variant += 1,
        1 if matches!(to, Name::Named(_)) && part.expires_ms.is_none() => part.calls += 1,
        _ => {}
    }
    part
}
