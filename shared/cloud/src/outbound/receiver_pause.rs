//! A receiver whose callbacks a person has paused: they stay pending, and no attempt is made or counted.
//!
//! The pause stands in the receiver's health record (see `receiver_health`), which whoever makes
//! an attempt reads anyway and remembers for half a minute: it costs nothing more. It ends by itself within
//! [`PAUSE_MAX`], after which such a record says nothing any more.

use calls::AccountId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Cloud;
use crate::aws::table::{Key, Range};
use crate::error::Error;
use crate::outbound::receiver::{Receiver, receivers_of};
use crate::records::item::{Item, ItemReader, ItemWriter};

/// The longest pause: replies are not tried for longer anyway.
pub const PAUSE_MAX: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How long a callback is put off at a time: one write for each, and the longest that it takes to go on
/// when the pause is over.
pub const PUT_OFF: SignedDuration = SignedDuration::from_mins(15);

/// Receivers of an account that are read in one request.
const RECEIVERS_PAGE: i32 = 250;

/// From when to when, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverPause {
    pub from: Timestamp,
    pub until: Timestamp,
    pub reason: String,
}

/// A paused receiver, by its scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedReceiver {
    pub origin: String,
    pub pause: ReceiverPause,
}

/// From when to when, for whoever looks before an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PausedTime {
    from: Timestamp,
    until: Timestamp,
}

impl PausedTime {
    pub(crate) fn of(item: &ItemReader) -> Result<Option<Self>, Error> {
        let pause = item
            .has("paused")
            .then(|| item.json::<ReceiverPause>("paused"));
        let pause = pause.transpose()?;
        Ok(pause.map(|pause| Self {
            from: pause.from,
            until: pause.until,
        }))
    }

    /// `None`: it does not hold.
    pub(crate) fn ends_after(self, now: Timestamp) -> Option<Timestamp> {
        (self.from <= now && now < self.until).then_some(self.until)
    }
}

impl Cloud {
    /// When a callback to this receiver may be attempted next, if it is paused.
    pub async fn put_off_until(&self, receiver: &Receiver) -> Option<Timestamp> {
        let now = self.now();
        let until = self.paused_until(receiver, now).await?;
        Some(until.min(now + PUT_OFF))
    }

    /// Set as it is said, over an earlier one; `None`: it is paused no longer. What functions remember of it
    /// is over within half a minute.
    pub async fn set_receiver_pause(
        &self,
        receiver: &Receiver,
        pause: Option<&ReceiverPause>,
    ) -> Result<(), Error> {
        let writing = ItemWriter::over(Item::new()).text("account", &receiver.account().0);
        let writing = writing.text("origin", receiver.origin());
        match pause {
            Some(pause) => {
                let item = writing.json("paused", pause);
                // Not before it is over.
                let item = item.expires(Some(pause.until + PAUSE_MAX));
                self.calls.merge(&receiver.key(), item.done()).await
            }
            None => self.calls.remove_attribute(&receiver.key(), "paused").await,
        }
    }

    /// The pause of a receiver, if it has one that is not over.
    pub async fn receiver_pause(
        &self,
        receiver: &Receiver,
    ) -> Result<Option<ReceiverPause>, Error> {
        let item = self.calls.get(&receiver.key()).await?.map(ItemReader);
        let paused = item.filter(|item| item.has("paused"));
        let paused = paused.map(|item| item.json::<ReceiverPause>("paused"));
        let now = self.now();
        Ok(paused.transpose()?.filter(|pause| pause.until > now))
    }

    /// Receivers of an account that are paused, or will be.
    pub async fn paused_receivers(
        &self,
        account: &AccountId,
    ) -> Result<Vec<PausedReceiver>, Error> {
        let now = self.now();
        let mut paused = Vec::new();
        let mut start: Option<Key> = None;
        loop {
            let range = Range::Prefix("RECEIVER#");
            let partition = receivers_of(account);
            let page = self
                .calls
                .query(&partition, range, RECEIVERS_PAGE, start.as_ref());
            let page = page.await?;
            for item in page.items.into_iter().map(ItemReader) {
                if item.has("paused") {
                    let pause: ReceiverPause = item.json("paused")?;
                    let origin = item.text("origin")?.to_owned();
                    paused.push(PausedReceiver { origin, pause });
                }
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        paused.retain(|it| it.pause.until > now);
        paused.sort_by(|one, other| one.origin.cmp(&other.origin));
        Ok(paused)
    }
}
