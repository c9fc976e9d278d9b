//! What was sent and what came back: whether calls were lost, doubled or reordered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::percentile::percentiles;

/// Most errors that are listed one by one.
const SHOWN_MAX: usize = 10;

#[derive(Debug, Default)]
struct Conversation {
    /// When the first of its parts was sent, or should have been.
    begun: Option<Instant>,
    parts: usize,
    answered: usize,
    called_back: Vec<usize>,
}

#[derive(Debug, Default)]
struct Book {
    conversations: Vec<Conversation>,
    answers: Vec<(Instant, Duration)>,
    callbacks: Vec<Instant>,
    /// When conversations were called back in full, and how long after their begin.
    wholes: Vec<(Instant, Duration)>,
    doubled: usize,
    reordered: usize,
    refused: usize,
    begun: usize,
    under_way: usize,
    wrong: Vec<String>,
}

/// Shared by those who send and those who receive.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a conversation; gives its number.
    pub fn open(&self, parts: usize) -> usize {
        let mut book = self.book();
        book.conversations.push(Conversation {
            parts,
            ..Conversation::default()
        });
        book.begun += parts;
        book.under_way += parts;
        book.conversations.len() - 1
    }

    /// Calls of all conversations that were opened.
    pub fn begun(&self) -> usize {
        self.book().begun
    }

    /// Calls that were begun and not yet called back.
    pub fn under_way(&self) -> usize {
        self.book().under_way
    }

    pub fn sent(&self, conversation: usize, at: Instant) {
        let mut book = self.book();
        let begun = &mut book.conversations[conversation].begun;
        *begun = Some(begun.map_or(at, |first| first.min(at)));
    }

    pub fn answered(&self, conversation: usize, sent_at: Instant, now: Instant) {
        let mut book = self.book();
        book.conversations[conversation].answered += 1;
        book.answers.push((now, now.duration_since(sent_at)));
    }

    /// A call was not accepted; the answer is kept.
    pub fn refused(&self, conversation: usize, answer: &str) {
        let mut book = self.book();
        book.refused += 1;
        book.under_way = book.under_way.saturating_sub(1);
        let cut: String = answer.chars().take(300).collect();
        book.say(format!("conversation {conversation} was refused: {cut}"));
    }

    pub fn called_back(&self, conversation: usize, sequence: usize, now: Instant) {
        let mut book = self.book();
        let Some(one) = book.conversations.get_mut(conversation) else {
            book.say(format!(
                "a callback for {conversation}, which was never sent"
            ));
            return;
        };
        if one.called_back.contains(&sequence) {
            book.doubled += 1;
            book.say(format!("{conversation}/{sequence} was called back twice"));
            return;
        }
        let behind = one.called_back.iter().any(|earlier| *earlier > sequence);
        one.called_back.push(sequence);
        let whole = (one.called_back.len() == one.parts)
            .then_some(one.begun)
            .flatten();
        book.callbacks.push(now);
        book.under_way = book.under_way.saturating_sub(1);
        if behind {
            book.reordered += 1;
            book.say(format!("{conversation}/{sequence} came behind a later one"));
        }
        if let Some(begun) = whole {
            book.wholes.push((now, now.duration_since(begun)));
        }
    }

    /// Everything between two instants as JSON; errors over the whole run.
    pub fn summary(&self, from: Instant, to: Instant) -> Value {
        let book = self.book();
        let inside = |at: &Instant| *at >= from && *at < to;
        let seconds = to.duration_since(from).as_secs_f64();
        let callbacks = book.callbacks.iter().filter(|at| inside(at)).count();
        let in_window = |times: &[(Instant, Duration)]| -> Vec<Duration> {
            let these = times.iter().filter(|(at, _)| inside(at));
            these.map(|(_, time)| *time).collect()
        };
        let answers = in_window(&book.answers);
        let lost: usize = book.conversations.iter().map(Conversation::missing).sum();
        json!({
            "seconds": seconds,
            "answered_in_all": book.answers.len(),
            "callbacks_in_all": book.callbacks.len(),
            "answers_per_s": rate(answers.len(), seconds),
            "callbacks_per_s": rate(callbacks, seconds),
            "answer_ms": percentiles(answers),
            "whole_ms": percentiles(in_window(&book.wholes)),
            "lost": lost,
            "doubled": book.doubled,
            "reordered": book.reordered,
            "refused": book.refused,
            "wrong": book.wrong,
        })
    }
}

impl Conversation {
    /// Calls that were answered and never called back.
    fn missing(&self) -> usize {
        self.answered.saturating_sub(self.called_back.len())
    }
}

impl Book {
    fn say(&mut self, wrong: String) {
        if self.wrong.len() < SHOWN_MAX {
            self.wrong.push(wrong);
        }
    }
}

fn rate(count: usize, seconds: f64) -> f64 {
    // Counts here are far below 2^32.
    let count = u32::try_from(count).map_or(f64::MAX, f64::from);
    (count / seconds * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Ledger;

    #[test]
    fn lost_doubled_and_reordered_calls_are_reported() {
        let ledger = Ledger::default();
        let from = Instant::now();
        let conversation = ledger.open(3);
        ledger.sent(conversation, from);
        for _ in 1..=3 {
            ledger.answered(conversation, from, from);
        }
        for sequence in [2, 1, 1] {
            ledger.called_back(conversation, sequence, from);
        }
        let summary = ledger.summary(from, from + Duration::from_secs(1));
        assert_eq!(summary["lost"], 1);
        assert_eq!(summary["doubled"], 1);
        assert_eq!(summary["reordered"], 1);
        assert_eq!(summary["callbacks_per_s"], 2.0);
        assert_eq!(ledger.under_way(), 1);
    }
}
