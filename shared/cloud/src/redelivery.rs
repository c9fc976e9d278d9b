//! Messages whose work failed: they are delivered again after a pause, and an invocation that dies
//! is told apart from one that hands the message back.
//!
//! | pk                      | sk                      | written by          | read by  |
//! |-------------------------|-------------------------|---------------------|----------|
//! | key of the conversation | `ATTEMPTS#<message id>` | processor, notifier | the same |
//!
//! The receive count of a message does not say why it was received again: ten minutes of throttling
//! raise it just like a call that kills its process each time. So a run that may follow a death
//! first writes that it begins, and removes that mark when it hands the message back. A first run
//! writes nothing, so that successful work costs no write.

use calls::ConversationKey;
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::lanes::Queue;
use crate::aws::queues::{Delivery, VISIBILITY};
use crate::aws::table::Key;
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// First pause of a message that is handed back; it is doubled each time.
const PAUSE_FIRST_S: u64 = 1;

/// Longest pause: after an outage, work goes on within a minute.
const PAUSE_MAX_S: u64 = 60;

/// A message that was received so often is replaced by a new one when it is handed back. The
/// dead-letter queue is for messages that invocations die with; it takes those that were received
/// [`crate::aws::queues::RECEIVES_MAX`] times.
pub const REPLACED_AT: u32 = 20;

/// After a death, a message is invisible for the whole visibility timeout; the clocks of queue and
/// function may differ by so much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(10);

/// Longer than any queue keeps a message.
const RETENTION: SignedDuration = SignedDuration::from_hours(24 * 15);

/// After so many deaths, the work of a message is done alone, so that no other work dies with it.
pub const DEATHS_TOGETHER: u32 = 2;

/// After so many deaths the work is given up. In the last two of them no other work was in hand.
pub const DEATHS_MAX: u32 = 4;

/// What was done about a message that must come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandedBack {
    /// The message itself comes again.
    Pausing,
    /// It was replaced by a new message and can be deleted.
    Replaced,
}

impl Delivery {
    /// Whether an invocation can have died with it: after a death a message is invisible for the
    /// whole visibility timeout.
    pub fn may_have_died(&self, now: Timestamp) -> bool {
        let silent = VISIBILITY - CLOCKS_DIFFER;
        self.count > 1 && now.duration_since(self.first_received) >= silent
    }

    /// How often it was received, including the messages that it replaces.
    pub(crate) fn times(&self) -> u32 {
        self.count.saturating_add(self.handed_back)
    }
}

impl Cloud {
    /// How many invocations have died with this message, as far as is known.
    pub async fn deaths(
        &self,
        conversation: &ConversationKey,
        delivery: &Delivery,
    ) -> Result<u32, Error> {
        if !delivery.may_have_died(self.now()) {
            return Ok(0);
        }
        match self
            .calls
            .get(&attempts_key(conversation, delivery))
            .await?
        {
            Some(item) => ItemReader(item).number("deaths"),
            // The previous run wrote nothing, so it must be assumed that it died.
            None => Ok(1),
        }
    }

    /// Writes that a run begins. Unless the mark is removed, the run counts as one more death.
    pub async fn begin_attempt(
        &self,
        conversation: &ConversationKey,
        delivery: &Delivery,
        deaths: u32,
    ) -> Result<(), Error> {
        let item = attempts(conversation, delivery, deaths.saturating_add(1), self.now());
        self.calls.put(item).await
    }

    /// The run did not die. If this write fails, it counts as a death.
    pub async fn end_attempt(
        &self,
        conversation: &ConversationKey,
        delivery: &Delivery,
        deaths: u32,
    ) -> Result<(), Error> {
        let item = attempts(conversation, delivery, deaths, self.now());
        self.calls.put(item).await
    }

    /// Delivers the message again in its group after a pause: 1 s, 2 s, 4 s and so on, up to a
    /// minute.
    pub async fn hand_back(
        &self,
        queue: Queue,
        group: &str,
        delivery: &Delivery,
    ) -> Result<HandedBack, Error> {
        if delivery.count >= REPLACED_AT {
            self.queues
                .replace(queue, group, delivery, delivery.times())
                .await?;
            return Ok(HandedBack::Replaced);
        }
        let pause = pause(delivery.times(), |bound| self.random.below(bound));
        self.queues.hold(queue, delivery, pause).await?;
        Ok(HandedBack::Pausing)
    }
}

/// Between half of the longest pause and all of it, so that messages that were handed back together
/// do not come again together.
fn pause(times: u32, random_below: impl Fn(u64) -> u64) -> std::time::Duration {
    let doubled = times.saturating_sub(1).min(PAUSE_MAX_S.ilog2() + 1);
    let longest_ms = (PAUSE_FIRST_S << doubled).min(PAUSE_MAX_S) * 1_000;
    let shortest_ms = longest_ms / 2;
    std::time::Duration::from_millis(shortest_ms + random_below(longest_ms - shortest_ms + 1))
}

fn attempts_key(conversation: &ConversationKey, delivery: &Delivery) -> Key {
    Key::new(&conversation.0, format!("ATTEMPTS#{}", delivery.message_id))
}

fn attempts(
    conversation: &ConversationKey,
    delivery: &Delivery,
    deaths: u32,
    now: Timestamp,
) -> Item {
    ItemWriter::new(attempts_key(conversation, delivery))
        .number("deaths", deaths)
        .expires(Some(now + RETENTION))
        .done()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(count: u32, first_received: Timestamp) -> Delivery {
        Delivery {
            message_id: "m".to_owned(),
            receipt_handle: String::new(),
            body: String::new(),
            count,
            first_received,
            handed_back: 0,
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_vary_by_half() {
        let seconds = |times, random: u64| {
            let pause = pause(times, |bound| random.min(bound - 1));
            pause.as_secs_f64()
        };
        let longest: Vec<f64> = (1..=9).map(|times| seconds(times, u64::MAX)).collect();
        assert_eq!(longest, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]);
        assert_eq!((seconds(3, 0), seconds(9, 0)), (2.0, 30.0));
        assert_eq!(seconds(u32::MAX, u64::MAX), 60.0);
    }

    #[test]
    fn who_comes_again_too_soon_cannot_have_died() {
        let first = Timestamp::UNIX_EPOCH;
        let died = |count, after| {
            let now = first + SignedDuration::from_secs(after);
            delivery(count, first).may_have_died(now)
        };
        assert!(!died(1, 1_000), "nobody has had it");
        assert!(!died(2, 61), "it was held for a minute");
        assert!(died(2, 80) && died(2, 90));
    }
}
