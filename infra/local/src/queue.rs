//! One FIFO queue: order, blocked groups, visibility, deduplication and receive counts, as on AWS.
//!
//! The time that an operation takes grows with the logarithm of the number of messages.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::clock::later;
use crate::delivery::{FifoSettings, QueuedMessage, ReceivedMessage};

/// How long SQS remembers a deduplication id. AWS's figure, and not a setting there.
pub(crate) const DEDUPLICATION_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Default)]
struct Group {
    waiting: BTreeSet<u64>,
    in_flight: usize,
}

/// The answer to a sender: the message's id and sequence; for a repeat, those of the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentMessage {
    pub(crate) message_id: String,
    pub(crate) sequence: u64,
}

/// What one request to receive has come to.
#[derive(Debug)]
pub(crate) struct ReceivedBatch {
    pub(crate) deliveries: Vec<ReceivedMessage>,
    /// Messages that were received too often and belong in the dead-letter queue.
    pub(crate) dead: Vec<QueuedMessage>,
}

/// Why a receipt handle cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// No queue ever gave out this handle.
    NotAHandle,
    /// The message was received again or became visible since.
    Expired,
    /// The message is no longer there.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Fifo {
    pub(crate) name: String,
    pub(crate) settings: FifoSettings,
    /// Notified of every new message; one of the waiting receivers then looks for it.
    pub(crate) arrival: Arc<Notify>,
    messages: BTreeMap<u64, QueuedMessage>,
    groups: HashMap<String, Group>,
    /// Groups with a message to give and none in flight, by the sequence of that message.
    ready: BTreeMap<u64, String>,
    in_flight: BTreeSet<(Timestamp, u64)>,
    remembered: HashMap<(String, String), SentMessage>,
    forgotten_in_order: VecDeque<(Timestamp, (String, String))>,
}

impl Fifo {
    pub(crate) fn new(name: &str, settings: FifoSettings) -> Self {
        Self {
            name: name.to_owned(),
            settings,
            arrival: Arc::default(),
            messages: BTreeMap::new(),
            groups: HashMap::new(),
            ready: BTreeMap::new(),
            in_flight: BTreeSet::new(),
            remembered: HashMap::new(),
            forgotten_in_order: VecDeque::new(),
        }
    }

    /// Adds a message, unless its deduplication id is still remembered.
    pub(crate) fn send(&mut self, message: QueuedMessage, sequence: u64) -> SentMessage {
        let now = message.sent_at;
        self.forget(now);
        let scope = match self.settings.deduplicate_by_group {
            true => message.group.clone(),
            false => String::new(),
        };
        let remembered_as = (scope, message.deduplication_id.clone());
        if let Some(first) = self.remembered.get(&remembered_as) {
            return first.clone();
        }
        let sent = SentMessage {
            message_id: message.id.clone(),
            sequence,
        };
        self.remembered.insert(remembered_as.clone(), sent.clone());
        self.forgotten_in_order
            .push_back((later(now, DEDUPLICATION_INTERVAL), remembered_as));
        self.put(message, sequence);
        sent
    }

    /// Adds a message without checking whether it is a repeat.
    pub(crate) fn put(&mut self, message: QueuedMessage, sequence: u64) {
        let name = message.group.clone();
        self.messages.insert(sequence, message);
        self.change_group(&name, |group| {
            group.waiting.insert(sequence);
        });
        self.arrival.notify_one();
    }

    /// Hands out at most `max` messages: all that a group has, then those of the next.
    pub(crate) fn receive(
        &mut self,
        max: usize,
        visibility: Option<SignedDuration>,
        now: Timestamp,
    ) -> ReceivedBatch {
        self.release(now);
        let until = later(now, visibility.unwrap_or(self.settings.visibility_timeout));
        let mut deliveries = Vec::new();
        let mut dead = Vec::new();
        let mut taken = Vec::new();
        while deliveries.len() < max {
            let Some((_, group)) = self.ready.pop_first() else {
                break;
            };
            while let Some(sequence) = self
                .groups
                .get_mut(&group)
                .and_then(|group| group.waiting.pop_first())
            {
                match self.hand_out(sequence, until, now) {
                    Ok(delivery) => deliveries.push(delivery),
                    Err(message) => dead.push(*message),
                }
                if deliveries.len() == max {
                    break;
                }
            }
            taken.push(group);
        }
        for group in taken {
            self.change_group(&group, |_| {});
        }
        ReceivedBatch { deliveries, dead }
    }

    /// Marks one message as received, or takes it out if it was received too often already.
    fn hand_out(
        &mut self,
        sequence: u64,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ReceivedMessage, Box<QueuedMessage>> {
        let too_often = self
            .settings
            .redrive
            .as_ref()
            .map(|redrive| redrive.max_receive_count);
        let Some(mut message) = self.messages.remove(&sequence) else {
            unreachable!("a waiting message is one of the queue's")
        };
        if too_often.is_some_and(|max| message.receive_count >= max) {
            return Err(Box::new(message));
        }
        message.receive_count += 1;
        message.invisible_until = Some(until);
        message.first_received_at.get_or_insert(now);
        self.in_flight.insert((until, sequence));
        if let Some(group) = self.groups.get_mut(&message.group) {
            group.in_flight += 1;
        }
        let handle = format!("{sequence}.{}", message.receive_count);
        let delivery = message.delivery(&self.name, sequence, handle);
        self.messages.insert(sequence, message);
        Ok(delivery)
    }

    /// Deletes the message; one that is gone already is no error, as on AWS.
    pub(crate) fn delete(&mut self, handle: &str, now: Timestamp) -> Result<(), Stale> {
        self.release(now);
        match self.held_by(handle) {
            Ok((sequence, until)) => {
                self.land(sequence, until);
                let message = self.messages.remove(&sequence);
                if let Some(message) = message {
                    self.change_group(&message.group, |group| group.in_flight -= 1);
                }
                Ok(())
            }
            Err(Stale::Gone) => Ok(()),
            Err(stale @ (Stale::NotAHandle | Stale::Expired)) => Err(stale),
        }
    }

    pub(crate) fn change_visibility(
        &mut self,
        handle: &str,
        visibility: SignedDuration,
        now: Timestamp,
    ) -> Result<(), Stale> {
        self.release(now);
        let (sequence, until) = self.held_by(handle)?;
        self.in_flight.remove(&(until, sequence));
        let until = later(now, visibility);
        self.in_flight.insert((until, sequence));
        if let Some(message) = self.messages.get_mut(&sequence) {
            message.invisible_until = Some(until);
        }
        self.release(now);
        Ok(())
    }

    /// Makes SQS deliver this message once more, whether it was deleted or is still in flight.
    pub(crate) fn deliver_again(&mut self, delivery: &ReceivedMessage) {
        let sequence = delivery.sequence;
        match self
            .messages
            .get(&sequence)
            .map(|message| message.invisible_until)
        {
            Some(Some(until)) => self.give_back(sequence, until),
            Some(None) => {}
            None => {
                let mut message = QueuedMessage::new(
                    delivery.message_id.clone(),
                    delivery.body.clone(),
                    delivery.group.clone(),
                    delivery.deduplication_id.clone(),
                    delivery.sent_at,
                );
                message.receive_count = delivery.receive_count;
                message.first_received_at = Some(delivery.first_received_at);
                self.put(message, sequence);
            }
        }
    }

    /// Makes messages visible again whose time has passed.
    pub(crate) fn release(&mut self, now: Timestamp) {
        while let Some(&(until, sequence)) = self.in_flight.first() {
            if until > now {
                return;
            }
            self.give_back(sequence, until);
        }
    }

    pub(crate) fn purge(&mut self) {
        self.messages.clear();
        self.groups.clear();
        self.ready.clear();
        self.in_flight.clear();
    }

    /// As it was when it was made: it remembers no deduplication id, either, which a purge leaves.
    pub(crate) fn begin_again(&mut self) {
        self.purge();
        self.remembered.clear();
        self.forgotten_in_order.clear();
    }

    /// All messages, those in flight too.
    pub(crate) fn depth(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether a receive would give something.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) fn next_visible_at(&self) -> Option<Timestamp> {
        self.in_flight.first().map(|(until, _)| *until)
    }

    /// The messages in their order, without receiving them.
    pub(crate) fn messages(&self) -> Vec<ReceivedMessage> {
        let seen = |(sequence, message): (&u64, &QueuedMessage)| {
            message.delivery(&self.name, *sequence, String::new())
        };
        self.messages.iter().map(seen).collect()
    }

    /// The message that this handle holds in flight, and until when.
    fn held_by(&self, handle: &str) -> Result<(u64, Timestamp), Stale> {
        let (sequence, count) = handle.split_once('.').ok_or(Stale::NotAHandle)?;
        let sequence: u64 = sequence.parse().map_err(|_| Stale::NotAHandle)?;
        let count: u32 = count.parse().map_err(|_| Stale::NotAHandle)?;
        let message = self.messages.get(&sequence).ok_or(Stale::Gone)?;
        match message.invisible_until {
            Some(until) if message.receive_count == count => Ok((sequence, until)),
            Some(_) | None => Err(Stale::Expired),
        }
    }

    fn land(&mut self, sequence: u64, until: Timestamp) {
        self.in_flight.remove(&(until, sequence));
    }

    fn give_back(&mut self, sequence: u64, until: Timestamp) {
        self.land(sequence, until);
        let Some(message) = self.messages.get_mut(&sequence) else {
            return;
        };
        message.invisible_until = None;
        let name = message.group.clone();
        self.change_group(&name, |group| {
            group.in_flight -= 1;
            group.waiting.insert(sequence);
        });
    }

    /// Changes a group and brings the list of ready groups up to date with it.
    ///
    /// A group gives nothing while any of its messages is in flight.
    fn change_group(&mut self, name: &str, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.to_owned()).or_default();
        if let Some(first) = group.waiting.first() {
            self.ready.remove(first);
        }
        change(group);
        match group.waiting.first() {
            Some(first) if group.in_flight == 0 => {
                self.ready.insert(*first, name.to_owned());
            }
            None if group.in_flight == 0 => {
                self.groups.remove(name);
            }
            Some(_) | None => {}
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.forgotten_in_order.front() {
            if *at > now {
                return;
            }
            if let Some((_, remembered_as)) = self.forgotten_in_order.pop_front() {
                self.remembered.remove(&remembered_as);
            }
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
