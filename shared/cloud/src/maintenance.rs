//! The switch for maintenance, as it is read by whoever carries something out.
//!
//! Everybody looks at it, and one record gives 3,000 reads a second. So a warm function remembers it
//! for a second: it takes effect everywhere within that, and is read once a second by each function.
//! Whoever turns it in the same process, as the local server does, waits for what is being carried
//! out: when the switch has been turned on, it holds.

use jiff::Timestamp;
use tokio::sync::OwnedRwLockReadGuard;

use crate::Cloud;
use crate::accounts::switch::Look;
pub use crate::accounts::switch::REMEMBERED;
use crate::accounts::{Accounts, is_on};
use crate::error::Error;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// Held by whoever carries something out, from before the look at the switch until it is committed.
#[derive(Debug)]
pub struct CarryingOut(#[expect(dead_code, reason = "held, not used")] OwnedRwLockReadGuard<()>);

impl Accounts {
    /// What the switch was a moment ago; `None`: it has to be read.
    pub(crate) fn recall_switch(&self, now: Timestamp) -> Option<bool> {
        self.switch.recall(now)
    }

    pub(crate) fn look_at_switch(&self) -> Look {
        self.switch.look()
    }

    /// The switch's record was read.
    pub(crate) fn saw_switch(&self, look: Look, record: Option<Item>, now: Timestamp) -> bool {
        let on = record.is_some_and(|item| is_on(&ItemReader(item)));
        self.switch.saw(look, on, now);
        on
    }

    /// Turns the switch. In this process nothing is carried out while it is turned.
    pub async fn set_maintenance(&self, on: bool) -> Result<(), Error> {
        let (table, key) = self.switch_record();
        let item = ItemWriter::new(key).text("on", on.to_string()).done();
        let _nobody = self.switch.carrying_out.write().await;
        let put = table.put(item).await;
        // Whether or not the answer came.
        self.switch.forget();
        put
    }
}

impl Cloud {
    /// Waits while the switch is being turned in this process.
    pub async fn carrying_out(&self) -> CarryingOut {
        let carrying_out = self.accounts.switch.carrying_out.clone();
        CarryingOut(carrying_out.read_owned().await)
    }

    /// Whether calls are held back, as of a second ago at most.
    pub async fn in_maintenance(&self) -> Result<bool, Error> {
        if let Some(on) = self.accounts.recall_switch(self.now()) {
            return Ok(on);
        }
        let look = self.accounts.look_at_switch();
        let (table, key) = self.accounts.switch_record();
        let record = table.get(&key).await?;
        Ok(self.accounts.saw_switch(look, record, self.now()))
    }
}
