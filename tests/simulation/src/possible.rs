//! The states that a conversation may be in, as far as the outside can know.

use crate::happenings::{Name, Part};
use crate::reference::{Answer, Outcome, Phase, State};

/// More than this would be an error of the simulation.
const STATES_MAX: usize = 400;

#[derive(Clone, Debug)]
pub struct Possible {
    pub name: Name,
    pub states: Vec<State>,
}

impl Possible {
    pub fn new(name: Name) -> Self {
        Self {
            name,
            states: vec![State::default()],
        }
    }

    fn become_one_of(&mut self, states: impl IntoIterator<Item = State>) {
        let mut different = Vec::new();
        for state in states {
            if !different.contains(&state) {
                different.push(state);
            }
        }
        assert!(different.len() <= STATES_MAX, "too many possible states");
        self.states = different;
    }

    /// A part was sent and got this answer; `None`: the answer is unknown.
    pub fn sent(&mut self, part: &Part, now_ms: i64, answer: Option<Answer>) {
        let mut after = Vec::new();
        for before in &self.states {
            let (state, expected) = self.one_sent(before.clone(), part, now_ms);
            match answer {
                Some(answer) if answer == expected => after.push(state),
                Some(_) => {}
                None => after.extend(
                    [Some(before.clone()), before.kept(part, now_ms), Some(state)]
                        .into_iter()
                        .flatten(),
                ),
            }
        }
        self.become_one_of(after);
    }

    fn one_sent(&self, before: State, part: &Part, now_ms: i64) -> (State, Answer) {
        let Name::Keyed(_) = self.name else {
            return before.sent(part, now_ms);
        };
        let first = before.parts.get(&1).or_else(|| before.claimed.get(&1));
        match first {
            Some(first) if first != part => (before, Answer::KeyUsed),
            Some(_) | None => before.sent(part, now_ms),
        }
    }

    /// Two parts were sent at the same time: in either order, or one between the two steps that
    /// keep the other.
    pub fn sent_together(&mut self, parts: &[Part; 2], now_ms: i64, answers: [Option<Answer>; 2]) {
        let mut after = Vec::new();
        for before in &self.states {
            for order in [[0, 1], [1, 0]] {
                for begun in [None, Some(0), Some(1)] {
                    let mut state = before.clone();
                    if let Some(begun) = begun {
                        let Some(kept) = state.kept(&parts[begun], now_ms) else {
                            continue;
                        };
                        state = kept;
                    }
                    let mut agrees = true;
                    for number in order {
                        let (next, expected) = self.one_sent(state, &parts[number], now_ms);
                        agrees &= answers[number].is_none_or(|answer| answer == expected);
                        state = next;
                    }
                    if agrees {
                        after.push(state);
                    }
                }
            }
        }
        self.become_one_of(after);
    }

    /// A Delete was sent and got this code; `None`: the answer is unknown.
    pub fn cancelled(&mut self, answer: Option<Option<u32>>) {
        let mut after = Vec::new();
        for before in &self.states {
            let (state, expected) = before.clone().cancelled();
            match answer {
                Some(answer) if answer == expected => after.push(state),
                Some(_) => {}
                None => after.extend([before.clone(), state]),
            }
        }
        self.become_one_of(after);
    }

    /// Time has passed in which things can happen by themselves.
    pub fn may_go_on(&mut self, now_ms: i64, maintenance: bool) {
        let mut reached = Vec::new();
        let mut open = self.states.clone();
        while let Some(state) = open.pop() {
            if !reached.contains(&state) {
                open.extend(state.goes_on(now_ms, maintenance));
                open.extend(state.begins(now_ms, maintenance));
                reached.push(state);
            }
        }
        self.become_one_of(reached);
    }

    /// Everything that can happen by itself has happened, except what is held in its queue until
    /// its second.
    pub fn has_settled(&mut self, now_ms: i64, maintenance: bool) {
        let mut settled = Vec::new();
        for before in &self.states {
            let mut state = before.clone();
            while let Some(after) = state.goes_on(now_ms, maintenance) {
                if state.may_be_held(now_ms) {
                    settled.push(state);
                }
                state = after;
            }
            settled.push(state);
        }
        self.become_one_of(settled);
    }

    /// Its parts were seen with these statuses, in their order.
    pub fn seen(&mut self, statuses: &[String], now_ms: i64) {
        self.states
            .retain(|state| state.is_seen_as(statuses, now_ms));
    }

    /// Whether a reply can be due.
    pub fn may_leave_actions(&self, sequence: u32, variant: u8, number: usize) -> bool {
        self.states.iter().any(|state| {
            state.actions().contains(&(sequence, number))
                && state
                    .parts
                    .get(&sequence)
                    .is_some_and(|part| part.variant == variant)
        })
    }

    pub fn is_absent(&self) -> bool {
        self.states.iter().all(|state| state.phase == Phase::Absent)
    }

    /// Whether it is certain that a call was carried out well.
    pub fn outcome(&self, sequence: u32) -> Option<Outcome> {
        self.states
            .first()
            .and_then(|state| state.outcomes.get(&sequence).copied())
    }
}
