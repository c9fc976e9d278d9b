//! The queue of an account or an API client whose calls alone are carried out one after another.
//!
//! | pk               | sk                            | holds                                        |
//! |------------------|-------------------------------|----------------------------------------------|
//! | key of the queue | `LAST`                        | the number of the last call that was accepted |
//! | key of the queue | `ENTRY#00000000000000000001`  | which conversation of one has that number    |
//!
//! An entry is written with the header that it names, and deleted once that has ended: whoever takes
//! the first entry that is there carries out the calls in their order, however often and by however
//! many it is tried. Numbers can be missing, never given twice.

use calls::{ConversationKey, QueuePriority};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::lanes::Queue;
use crate::aws::queues::WakeUp;
use crate::aws::table::{Key, Range, Transaction};
use crate::error::{CommitError, Error};
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::{Item, ItemReader, ItemWriter};

const PREFIX: &str = "ENTRY#";

/// A call in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    queue: ConversationKey,
    pub number: u64,
    pub conversation: ConversationKey,
}

impl QueueEntry {
    /// Of a header that stands in a queue.
    pub(crate) fn of(header: &ConversationRecord) -> Option<Self> {
        let place = header.conversation.queue_place.as_ref()?;
        Some(Self {
            queue: header.conversation.queue()?,
            number: place.number,
            conversation: header.key.clone(),
        })
    }

    fn key(&self) -> Key {
        Key::new(&self.queue.0, format!("{PREFIX}{:020}", self.number))
    }

    pub(crate) fn to_item(&self) -> Item {
        ItemWriter::new(self.key())
            .number("number", self.number)
            .text("conversation", &self.conversation.0)
            .done()
    }

    fn from_item(queue: &ConversationKey, item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        Ok(Self {
            queue: queue.clone(),
            number: item.number("number")?,
            conversation: ConversationKey(item.text("conversation")?.to_owned()),
        })
    }
}

impl Cloud {
    /// A number larger than all that were given before.
    pub(crate) async fn next_in_queue(&self, queue: &ConversationKey) -> Result<u64, Error> {
        self.calls.next_number(&Key::new(&queue.0, "LAST")).await
    }

    /// The call whose turn it is.
    pub async fn first_in_queue(
        &self,
        queue: &ConversationKey,
    ) -> Result<Option<QueueEntry>, Error> {
        let page = self.calls.query(&queue.0, Range::Prefix(PREFIX), 1, None);
        let first = page.await?.items.into_iter().next();
        first
            .map(|item| QueueEntry::from_item(queue, item))
            .transpose()
    }

    /// Removes the entry of a call that has ended. Doing it again changes nothing.
    pub async fn leave_queue(&self, entry: &QueueEntry) -> Result<(), Error> {
        self.calls.delete(&entry.key()).await
    }

    /// The time of a deferred call has come: it takes its place in the queue.
    pub async fn enter_queue(
        &self,
        seen: &ConversationRecord,
        now: Timestamp,
    ) -> Result<ConversationRecord, CommitError> {
        let next = seen.next(seen.conversation.clone().entered());
        let mut transaction = Transaction::default();
        if let Some(entry) = QueueEntry::of(&next) {
            transaction.put_new(&self.calls, entry.to_item());
        }
        let header = next.to_item(self.results_retention(), now);
        self.commit_with(seen, header, transaction).await?;
        Ok(next)
    }

    /// Wakes whoever carries out a queue, on behalf of one call in it. If many wake a queue at the
    /// same time, one message is enough: it goes through all of the queue.
    pub(crate) async fn wake_queue(
        &self,
        priority: QueuePriority,
        wake: &WakeUp,
        queue: &ConversationKey,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(first) = self.first_in_queue(queue).await? else {
            return Ok(());
        };
        // Different from time to time, because a message that was received in vain may have to come
        // again.
        let (number, step, second) = (first.number, wake.step, now.as_second());
        let once = format!("{queue} {number} step {step} at {second}");
        self.send_once(priority, wake, &once).await
    }

    async fn send_once(
        &self,
        priority: QueuePriority,
        wake: &WakeUp,
        once: &str,
    ) -> Result<(), Error> {
        let (queue, group) = (Queue::Calls(priority), self.queues.group(priority, wake));
        let body = serde_json::to_string(wake).unwrap_or_default();
        self.queues.send_once(queue, &group, &body, once).await
    }

    /// The next message for a queue whose first call waits, sent by a run that has carried out
    /// others.
    pub async fn go_on_with_queue(
        &self,
        priority: QueuePriority,
        wake: &WakeUp,
        first: &QueueEntry,
    ) -> Result<(), Error> {
        let once = format!("{} from {}", first.queue, first.number);
        self.send_once(priority, wake, &once).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_as_it_was_and_sorts_by_its_number() {
        let entry = |number| QueueEntry {
            queue: ConversationKey("q".to_owned()),
            number,
            conversation: ConversationKey("c".to_owned()),
        };
        let read = QueueEntry::from_item(&entry(7).queue, entry(7).to_item());
        assert_eq!(read.expect("readable"), entry(7));
        assert!(entry(9).key().sk < entry(10).key().sk);
    }
}
