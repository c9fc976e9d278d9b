//! The reference: one conversation as the contract describes it, without a cloud and without any
//! code of the product.
//!
//! Where it cannot be known whether something happened, because an answer was lost or a function
//! died, several states are possible. What is seen later leaves those that agree with it.

use std::collections::BTreeMap;

use calls::{Method, RespondWhen};

use crate::happenings::{Part, Write};

/// The contract's longest silence.
const SILENCE_MAX_MS: i64 = 300_000;

/// A deferred call is exact to the second: a queue holds its wake-up for whole ones.
const HELD_LATE_MS: i64 = 1_000;

/// Most objects of a call that are done in one go.
const AT_ONCE: usize = 60;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub parts: BTreeMap<u32, Part>,
    /// Parts that were kept by a request that did not finish: they count once they are sent again.
    pub claimed: BTreeMap<u32, Part>,
    pub calls: u32,
    pub last_ms: i64,
    pub phase: Phase,
    pub outcomes: BTreeMap<u32, Outcome>,
    /// The objects that its calls have made, with what was written to them last.
    pub store: BTreeMap<u8, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Absent,
    Gathering,
    /// `begun`: some of its objects are done.
    Running {
        next: u32,
        begun: bool,
    },
    Over(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Complete,
    Failed,
    TimedOut,
    Invalidated,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Complete,
    Error,
    Expired,
    Cancelled,
    NotProcessed,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Refused(u32),
    /// A fault that says that the Idempotency-Key was used.
    KeyUsed,
}

impl Outcome {
    pub const fn status(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Error => "Error",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
            Self::NotProcessed => "NotProcessed",
        }
    }
}

/// Whether a part comes too late, if it has not come before.
pub fn is_past(part: &Part, now_ms: i64) -> bool {
    part.expires_ms.is_some_and(|at| at <= now_ms)
}

impl State {
    /// A part arrives.
    pub fn sent(mut self, part: &Part, now_ms: i64) -> (Self, Answer) {
        let there = self.parts.get(&part.sequence);
        let same = there == Some(part);
        if is_past(part, now_ms) && !same {
            return (self, Answer::Refused(228));
        }
        match self.phase {
            Phase::Over(End::TimedOut | End::Invalidated) => (self, Answer::Refused(213)),
            Phase::Over(_) | Phase::Running { .. } if same => (self, Answer::Accepted),
            Phase::Over(_) => (self, Answer::Refused(211)),
            Phase::Running { .. } => (self, Answer::Refused(215)),
            Phase::Gathering if self.is_silent(now_ms) => {
                self.phase = Phase::Over(End::TimedOut);
                (self, Answer::Refused(203))
            }
            Phase::Gathering if part.calls != self.calls => self.invalidated(200),
            Phase::Gathering if same => (self, Answer::Accepted),
            Phase::Gathering if there.is_some() => self.invalidated(214),
            Phase::Gathering if self.is_claimed_by_another(part) => self.invalidated(214),
            Phase::Absent if self.is_claimed_by_another(part) => {
                let first = self.claimed[&part.sequence].clone();
                self.open(&first, now_ms).sent_to_opened(part, now_ms)
            }
            Phase::Absent => (self.open(part, now_ms), Answer::Accepted),
            Phase::Gathering => (self.count(part, now_ms), Answer::Accepted),
        }
    }

    /// The other part was kept first, so it came first, and may have been the only one.
    fn sent_to_opened(self, part: &Part, now_ms: i64) -> (Self, Answer) {
        self.sent(part, now_ms)
    }

    fn is_claimed_by_another(&self, part: &Part) -> bool {
        self.claimed
            .get(&part.sequence)
            .is_some_and(|claimed| claimed != part)
    }

    fn invalidated(mut self, code: u32) -> (Self, Answer) {
        self.phase = Phase::Over(End::Invalidated);
        (self, Answer::Refused(code))
    }

    fn open(mut self, part: &Part, now_ms: i64) -> Self {
        self.phase = Phase::Gathering;
        self.calls = part.calls;
        self.count(part, now_ms)
    }

    fn count(mut self, part: &Part, now_ms: i64) -> Self {
        self.parts.insert(part.sequence, part.clone());
        self.last_ms = now_ms;
        if self.parts.len() == usize::try_from(self.calls).unwrap_or(usize::MAX) {
            self.phase = Phase::Running {
                next: 1,
                begun: false,
            };
        }
        self
    }

    /// A part arrives, and whoever accepted it died before it was counted.
    pub fn kept(&self, part: &Part, now_ms: i64) -> Option<Self> {
        let free = match self.phase {
            Phase::Absent => true,
            Phase::Gathering => !self.is_silent(now_ms) && part.calls == self.calls,
            Phase::Running { .. } | Phase::Over(_) => false,
        };
        let new = free && !self.parts.contains_key(&part.sequence) && !is_past(part, now_ms);
        new.then(|| {
            let mut kept = self.clone();
            kept.claimed
                .entry(part.sequence)
                .or_insert_with(|| part.clone());
            kept
        })
    }

    pub fn is_silent(&self, now_ms: i64) -> bool {
        self.phase == Phase::Gathering && now_ms - self.last_ms > SILENCE_MAX_MS
    }

    /// Its caller deletes it: 220, 222, or no error.
    pub fn cancelled(mut self) -> (Self, Option<u32>) {
        match self.phase {
            Phase::Absent => (self, Some(220)),
            Phase::Gathering | Phase::Running { begun: false, .. } => {
                self.phase = Phase::Over(End::Cancelled);
                (self, None)
            }
            Phase::Over(End::Cancelled) => (self, None),
            Phase::Running { begun: true, .. }
            | Phase::Over(End::Complete | End::Failed | End::TimedOut | End::Invalidated) => {
                (self, Some(222))
            }
        }
    }

    /// The next thing that happens by itself, if anything can.
    pub fn goes_on(&self, now_ms: i64, maintenance: bool) -> Option<Self> {
        let mut after = self.clone();
        match self.phase {
            Phase::Gathering if self.is_silent(now_ms) => {
                after.phase = Phase::Over(End::TimedOut);
                Some(after)
            }
            Phase::Running { next, begun } if !maintenance => {
                let part = self.parts.get(&next)?;
                if part.scheduled_ms.is_some_and(|at| at > now_ms) {
                    return None;
                }
                let expired = is_past(part, now_ms);
                // A call that was begun in time is finished.
                let outcome = if expired && !begun {
                    Outcome::Expired
                } else {
                    carried_out(part, &mut after.store)
                };
                after.outcomes.insert(next, outcome);
                after.phase = match outcome {
                    Outcome::Complete if next == self.calls => Phase::Over(End::Complete),
                    Outcome::Complete => Phase::Running {
                        next: next + 1,
                        begun: false,
                    },
                    Outcome::Error
                    | Outcome::Expired
                    | Outcome::Cancelled
                    | Outcome::NotProcessed => Phase::Over(End::Failed),
                };
                Some(after)
            }
            Phase::Over(_) => self.closes(),
            Phase::Absent | Phase::Gathering | Phase::Running { .. } => None,
        }
    }

    /// Whether the wake-up of the next call may still be held: whoever looked shortly before its time
    /// waits whole seconds.
    pub fn may_be_held(&self, now_ms: i64) -> bool {
        let Phase::Running { next, begun: false } = self.phase else {
            return false;
        };
        let scheduled_ms = self.parts.get(&next).and_then(|part| part.scheduled_ms);
        scheduled_ms.is_some_and(|at| (0..HELD_LATE_MS).contains(&(now_ms - at)))
    }

    /// The first part of a call of many objects is done.
    pub fn begins(&self, now_ms: i64, maintenance: bool) -> Option<Self> {
        let Phase::Running { next, begun: false } = self.phase else {
            return None;
        };
        let part = self.parts.get(&next)?;
        let waits = maintenance || part.scheduled_ms.is_some_and(|at| at > now_ms);
        let expired = is_past(part, now_ms);
        (!waits && !expired && part.change.objects.len() > AT_ONCE).then(|| {
            let phase = Phase::Running { next, begun: true };
            Self {
                phase,
                ..self.clone()
            }
        })
    }

    /// The outcome of calls that are not carried out.
    fn closes(&self) -> Option<Self> {
        let mut after = self.clone();
        for sequence in self.parts.keys() {
            after.outcomes.entry(*sequence).or_insert(self.skipped());
        }
        (after.outcomes != self.outcomes).then_some(after)
    }

    fn skipped(&self) -> Outcome {
        match self.phase {
            Phase::Over(End::Cancelled) => Outcome::Cancelled,
            Phase::Over(_) | Phase::Absent | Phase::Gathering | Phase::Running { .. } => {
                Outcome::NotProcessed
            }
        }
    }

    /// Whether its parts, in their order, can be seen with these statuses.
    pub fn is_seen_as(&self, statuses: &[String], now_ms: i64) -> bool {
        self.parts.len() == statuses.len()
            && self
                .parts
                .iter()
                .zip(statuses)
                .all(|((sequence, part), status)| {
                    self.status(*sequence, part, now_ms) == status
                        || (matches!(self.phase, Phase::Over(_))
                            && !self.outcomes.contains_key(sequence)
                            && self.skipped().status() == status)
                })
    }

    fn status(&self, sequence: u32, part: &Part, now_ms: i64) -> &'static str {
        match (self.outcomes.get(&sequence), self.phase) {
            (Some(outcome), _) => outcome.status(),
            (None, Phase::Gathering | Phase::Absent) => "Gathering",
            (None, Phase::Running { next, begun: true }) if next == sequence => "Processing",
            (None, Phase::Running { .. }) if part.scheduled_ms.is_some_and(|at| at > now_ms) => {
                "Scheduled"
            }
            (None, Phase::Running { .. }) => "Queued",
            (None, Phase::Over(_)) => "Processing",
        }
    }

    /// The replies that are due by now: SequenceCode and number of the SendResponseTo.
    pub fn actions(&self) -> Vec<(u32, usize)> {
        let ended = match self.phase {
            Phase::Over(end) => Some(end),
            Phase::Absent | Phase::Gathering | Phase::Running { .. } => None,
        };
        let mut actions = Vec::new();
        for (sequence, outcome) in &self.outcomes {
            let Some(part) = self.parts.get(sequence) else {
                continue;
            };
            for (number, when) in part.respond_when.iter().enumerate() {
                let is_pending = match when {
                    RespondWhen::Never => false,
                    RespondWhen::Always | RespondWhen::OnCallComplete => true,
                    RespondWhen::OnError => *outcome != Outcome::Complete,
                    RespondWhen::OnExpired => *outcome == Outcome::Expired,
                    RespondWhen::OnConversationComplete => ended.is_some(),
                    RespondWhen::OnConversationError => {
                        ended.is_some_and(|end| end != End::Complete)
                    }
                };
                if is_pending {
                    actions.push((*sequence, number));
                }
            }
        }
        actions
    }
}

/// The value that a part writes into its objects.
pub fn written(part: &Part) -> String {
    format!("{} {}", part.sequence, part.variant)
}

fn carried_out(part: &Part, store: &mut BTreeMap<u8, String>) -> Outcome {
    let Write { method, objects } = &part.change;
    let mut all_well = true;
    for object in objects {
        let is_there = store.contains_key(object);
        match method {
            Method::Create if !is_there => drop(store.insert(*object, written(part))),
            Method::Update | Method::Perform if is_there => {
                store.insert(*object, written(part));
            }
            Method::Delete if is_there => drop(store.remove(object)),
            Method::Create | Method::Update | Method::Perform | Method::Delete => all_well = false,
        }
    }
    if all_well {
        Outcome::Complete
    } else {
        Outcome::Error
    }
}
