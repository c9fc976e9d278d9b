//! The circuit breakers of all backends, in one record that every function reads.
//!
//! | pk         | sk         | written by            | holds                     |
//! |------------|------------|-----------------------|---------------------------|
//! | `BREAKERS` | `BREAKERS` | processor, timekeeper | version, breakers by name |
//!
//! Written only when it changes. A warm function caches it for a second, like the switch for
//! maintenance.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use calls::{BackendName, Breaker};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::accounts::switch::REMEMBERED;
use crate::aws::table::Key;
use crate::error::{Committed, Error, SHARED_RECORD_CONFLICTS_MAX};
use crate::records::item::{ItemReader, ItemWriter};

type Breakers = BTreeMap<BackendName, Breaker>;

/// The breakers that this process has cached, and since when.
#[derive(Clone, Default)]
pub struct CachedBreakers(Arc<Mutex<Option<(Breakers, Timestamp)>>>);

impl CachedBreakers {
    fn recall(&self, now: Timestamp) -> Option<Breakers> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (breakers, read_at) = known.as_ref()?;
        let age = now.duration_since(*read_at);
        (age >= SignedDuration::ZERO && age < REMEMBERED).then(|| breakers.clone())
    }

    fn learn(&self, breakers: Breakers, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((breakers, now));
    }
}

fn key() -> Key {
    Key::new("BREAKERS", "BREAKERS")
}

impl Cloud {
    /// A backend's breaker, as of at most a second ago.
    pub async fn breaker(&self, name: &BackendName) -> Result<Breaker, Error> {
        let now = self.now();
        let breakers = match self.known_breakers.recall(now) {
            Some(breakers) => breakers,
            None => self.breakers().await?,
        };
        Ok(breakers.get(name).cloned().unwrap_or_else(Breaker::closed))
    }

    /// All breakers that were ever opened, at present.
    pub async fn breakers(&self) -> Result<Breakers, Error> {
        let (_, breakers) = self.read_breakers().await?;
        Ok(breakers)
    }

    async fn read_breakers(&self) -> Result<(u64, Breakers), Error> {
        let read = match self.calls.get(&key()).await?.map(ItemReader) {
            None => (0, Breakers::new()),
            Some(item) => (item.number("version")?, item.json("breakers")?),
        };
        self.known_breakers.learn(read.1.clone(), self.now());
        Ok(read)
    }

    /// Changes one of them, conditional on its present state. Nothing is written if it does not
    /// change.
    pub async fn change_breaker(
        &self,
        name: &BackendName,
        change: impl Fn(Breaker) -> Breaker,
    ) -> Result<Breaker, Error> {
        for _ in 0..SHARED_RECORD_CONFLICTS_MAX {
            let (version, mut breakers) = self.read_breakers().await?;
            let before = breakers.get(name).cloned().unwrap_or_else(Breaker::closed);
            let after = change(before.clone());
            if before == after {
                return Ok(after);
            }
            breakers.insert(name.clone(), after.clone());
            let item = ItemWriter::new(key())
                .number("version", version + 1)
                .json("breakers", &breakers)
                .done();
            let seen = (version > 0).then_some(version);
            match Committed::of(self.calls.put_over(item, seen).await)? {
                Committed::Written(()) => {
                    self.known_breakers.learn(breakers, self.now());
                    return Ok(after);
                }
                Committed::Conflict => {}
            }
        }
        Err(Error::Conflict(SHARED_RECORD_CONFLICTS_MAX))
    }
}
