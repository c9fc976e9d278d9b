//! The switch for maintenance, as it is read before calls are carried out.
//!
//! Maintenance is on because an operator has turned it on, or for a planned time. Every function
//! reads the switch, and one record allows 3,000 reads a second. So a warm function caches it for a
//! second: it takes effect everywhere within that time, and each function reads it once a second.
//! In the process that turns it (the local server), turning waits until calls in progress are
//! committed, so that the switch is in effect when it has been turned.

use calls::{BackendName, BadWindow, Conversation, MaintenanceWindow};
use jiff::Timestamp;
use tokio::sync::OwnedRwLockReadGuard;

use crate::Cloud;
use crate::accounts::Accounts;
use crate::accounts::switch::Look;
pub use crate::accounts::switch::REMEMBERED;
use crate::aws::table::Key;
use crate::error::{Committed, Error, FEW_CONFLICTS_MAX};
use crate::pauses::Pause;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// Held while a call is carried out, from before the switch is read until the call is committed.
#[derive(Debug)]
pub struct CarryingOut(#[expect(dead_code, reason = "held, not used")] OwnedRwLockReadGuard<()>);

/// Whether calls are held back: an operator has turned it on, or it is planned.
///
/// | pk       | sk            | written by             | holds                      |
/// |----------|---------------|------------------------|----------------------------|
/// | `SWITCH` | `MAINTENANCE` | the operator's command | version, on, what is planned or paused |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaintenanceSwitch {
    pub on: bool,
    pub windows: Vec<MaintenanceWindow>,
    /// What is paused, in addition.
    pub pauses: Vec<Pause>,
    version: u64,
}

impl MaintenanceSwitch {
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.on || self.windows.iter().any(|window| window.holds_at(now))
    }

    fn read(item: &ItemReader) -> Result<Self, Error> {
        Ok(Self {
            on: item.maybe_text("on") == Some("true"),
            windows: match item.has("windows") {
                true => item.json("windows")?,
                false => Vec::new(),
            },
            pauses: match item.has("pauses") {
                true => item.json("pauses")?,
                false => Vec::new(),
            },
            version: item.maybe_number("version").unwrap_or_default(),
        })
    }

    fn to_item(&self, key: Key) -> Item {
        let item = ItemWriter::new(key)
            .number("version", self.version + 1)
            .text("on", self.on.to_string())
            .json("windows", &self.windows);
        match self.pauses.is_empty() {
            true => item.done(),
            false => item.json("pauses", &self.pauses).done(),
        }
    }
}

impl Accounts {
    /// The cached switch; `None`: it has to be read.
    pub(crate) fn recall_switch(&self, now: Timestamp) -> Option<bool> {
        self.switch.recall(now)
    }

    pub(crate) fn look_at_switch(&self) -> Look {
        self.switch.look()
    }

    /// Caches the switch that was read.
    pub(crate) fn saw_switch(
        &self,
        look: Look,
        record: Option<Item>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let switch = record.map(|item| MaintenanceSwitch::read(&ItemReader(item)));
        let switch = switch.transpose()?.unwrap_or_default();
        let holds = switch.holds_at(now);
        self.switch.saw(look, holds, switch.pauses, now);
        Ok(holds)
    }

    /// The switch itself; `None`: it was never set.
    pub async fn maintenance_switch(&self) -> Result<Option<MaintenanceSwitch>, Error> {
        let (table, key) = self.switch_record();
        let item = table.get(&key).await?.map(ItemReader);
        item.map(|item| MaintenanceSwitch::read(&item)).transpose()
    }

    /// Turns the switch. In this process nothing is carried out while it is turned. Turning it off
    /// also ends planned maintenance that has begun.
    pub async fn set_maintenance(&self, on: bool, now: Timestamp) -> Result<(), Error> {
        let turned = |switch: &mut MaintenanceSwitch| {
            switch.on = on;
            switch
                .windows
                .retain(|it| !it.is_over(now) && (on || !it.holds_at(now)));
            Ok(())
        };
        self.change_switch(turned).await.map(drop)
    }

    /// Plans maintenance for that window.
    pub async fn plan_maintenance(
        &self,
        window: &MaintenanceWindow,
        now: Timestamp,
    ) -> Result<Result<(), BadWindow>, Error> {
        let planned =
            |switch: &mut MaintenanceSwitch| window.clone().planned_among(&mut switch.windows, now);
        self.change_switch(planned).await
    }

    /// Removes all planned maintenance.
    pub async fn unplan_maintenance(&self) -> Result<(), Error> {
        let unplanned = |switch: &mut MaintenanceSwitch| {
            switch.windows.clear();
            Ok(())
        };
        self.change_switch(unplanned).await.map(drop)
    }

    /// The present pauses.
    pub async fn pauses(&self) -> Result<Vec<Pause>, Error> {
        let switch = self.maintenance_switch().await?;
        Ok(switch.unwrap_or_default().pauses)
    }

    pub(crate) async fn add_pause(&self, pause: &Pause) -> Result<(), Error> {
        let added = |switch: &mut MaintenanceSwitch| {
            if !switch.pauses.iter().any(|it| it.is_same(pause)) {
                switch.pauses.push(pause.clone());
            }
            Ok(())
        };
        self.change_switch(added).await.map(drop)
    }

    pub(crate) async fn remove_pause(&self, pause: &Pause) -> Result<(), Error> {
        let removed = |switch: &mut MaintenanceSwitch| {
            switch.pauses.retain(|it| !it.is_same(pause));
            Ok(())
        };
        self.change_switch(removed).await.map(drop)
    }

    async fn change_switch(
        &self,
        change: impl Fn(&mut MaintenanceSwitch) -> Result<(), BadWindow>,
    ) -> Result<Result<(), BadWindow>, Error> {
        let (table, key) = self.switch_record();
        let _nobody = self.switch.carrying_out.write().await;
        for _ in 0..FEW_CONFLICTS_MAX {
            let before = self.maintenance_switch().await?;
            let mut after = before.clone().unwrap_or_default();
            if let Err(bad) = change(&mut after) {
                return Ok(Err(bad));
            }
            // It is so already: perhaps the answer to this very change was lost.
            if before.as_ref() == Some(&after) {
                self.switch.forget();
                return Ok(Ok(()));
            }
            let seen = before.map(|it| it.version);
            let put = table.put_over(after.to_item(key.clone()), seen).await;
            // Whether or not the answer arrived.
            self.switch.forget();
            match Committed::of(put)? {
                Committed::Written(()) => return Ok(Ok(())),
                Committed::Conflict => {}
            }
        }
        Err(Error::Conflict(FEW_CONFLICTS_MAX))
    }
}

impl Cloud {
    /// Waits while the switch is being turned in this process.
    pub async fn carrying_out(&self) -> CarryingOut {
        let carrying_out = self.accounts.switch.carrying_out.clone();
        CarryingOut(carrying_out.read_owned().await)
    }

    /// The pause that holds this conversation back, according to the cached switch, which the
    /// caller has read within the last second.
    pub fn pause_of(&self, conversation: &Conversation) -> Option<BackendName> {
        let pauses = self.accounts.switch.pauses();
        let pause = pauses.iter().find(|pause| pause.is_of(conversation))?;
        pause.name()
    }

    /// Whether calls are held back, as of at most a second ago.
    pub async fn in_maintenance(&self) -> Result<bool, Error> {
        if let Some(on) = self.accounts.recall_switch(self.now()) {
            return Ok(on);
        }
        let look = self.accounts.look_at_switch();
        let (table, key) = self.accounts.switch_record();
        let record = table.get(&key).await?;
        self.accounts.saw_switch(look, record, self.now())
    }
}
