//! Replies of High that wait in a lane with others.
//!
//! | pk                  | sk                     | written by          | read by  |
//! |---------------------|------------------------|---------------------|----------|
//! | hash of the account | `HIGH#<reply>`         | processor, notifier | notifier |
//!
//! Where an account has one lane for replies, a reply of High would stand behind all that are in it: a
//! queue gives the messages of a group in their order. So it is written down here before its wake-up is
//! sent, and whoever has the lane posts what is written here before each attempt at another reply. The
//! entry says nothing but that: it may be there for a reply that has been posted, and then it is deleted.

use calls::AccountId;
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::accounts::hashed;
use crate::aws::lanes::{Lane, LaneClass, Queue};
use crate::aws::queues::ReplyWakeUp;
use crate::aws::table::{Key, Range};
use crate::error::Error;
use crate::records::item::{ItemReader, ItemWriter};

const PREFIX: &str = "HIGH#";

/// Entries that are read in one request: as many as a batch has messages.
const PAGE: i32 = 10;

/// The reply is tried for longer than this, but after it the timekeeper finds it.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A reply of High, and since when it has waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HighReply {
    pub wake: ReplyWakeUp,
    since: Timestamp,
}

/// The account in whose lane a wake-up waits among replies that are not of High.
fn account_among_others(wake: &ReplyWakeUp) -> Option<&AccountId> {
    match &wake.lane {
        Lane::FirstContact { account, class } | Lane::Slow { account, class, .. } => {
            (*class == LaneClass::High).then_some(account)
        }
        Lane::Conversation => None,
    }
}

fn key_of(account: &AccountId, wake: &ReplyWakeUp) -> Key {
    let ReplyWakeUp {
        conversation,
        sequence,
        what,
        ..
    } = wake;
    let sort = format!("{PREFIX}{conversation}#{sequence}#{what:?}");
    Key::new(hashed(&["HIGH-REPLIES", &account.0]), sort)
}

impl Cloud {
    /// Whether those of High share their account's lane with all others.
    pub fn replies_share_a_lane(&self) -> bool {
        self.settings.concurrency.lanes(Queue::Replies) < 2
    }

    /// Sends wake-ups in the order given, and records those of High so that they are found before
    /// their turn.
    pub async fn send_to_lanes(&self, wake_ups: &[ReplyWakeUp]) -> Result<(), Error> {
        if self.replies_share_a_lane() {
            let now = self.now();
            for wake in wake_ups {
                if let Some(account) = account_among_others(wake) {
                    let entry = ItemWriter::new(key_of(account, wake))
                        .json("wake", wake)
                        .number("since", now.as_millisecond())
                        .expires(Some(now + KEPT));
                    self.calls.put(entry.done()).await?;
                }
            }
        }
        self.queues.send_reply_wake_ups_in_order(wake_ups).await
    }

    /// The recorded replies of an account, the oldest first.
    pub async fn high_replies(&self, account: &AccountId) -> Result<Vec<HighReply>, Error> {
        let pk = hashed(&["HIGH-REPLIES", &account.0]);
        let page = self.calls.query(&pk, Range::Prefix(PREFIX), PAGE, None);
        let mut waiting = Vec::new();
        for item in page.await?.items {
            let item = ItemReader(item);
            waiting.push(HighReply {
                wake: item.json("wake")?,
                since: item.time("since")?,
            });
        }
        waiting.sort_by_key(|reply| (reply.since, reply.wake.sequence));
        Ok(waiting)
    }

    /// Removes the record of a reply that has had its turn. Doing it again changes nothing.
    pub async fn has_had_its_turn(&self, wake: &ReplyWakeUp) -> Result<(), Error> {
        match account_among_others(wake) {
            Some(account) if self.replies_share_a_lane() => {
                self.calls.delete(&key_of(account, wake)).await
            }
            Some(_) | None => Ok(()),
        }
    }
}
