//! The backends that calls are forwarded to: settings, breaker, and what waits for each.
//!
//! Those that have ever not been ready are known by their breakers, which are one record. All others stand
//! in the table of accounts alone, which only those read whole who ask for it.

use std::collections::{BTreeMap, BTreeSet};

use calls::{BackendName, Breaker};

use crate::Cloud;
use crate::accounts::Accounts;
use crate::accounts::backends::BackendSettings;
use crate::error::Error;
use crate::pauses::is_pause;
use crate::read::overview::HeldDepth;

/// Backends of which it is counted what waits for them: a request for each part of the index.
const COUNTED_MAX: usize = 5;

/// Which backends are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedBackends {
    /// Those that have ever not been ready.
    WithBreakers,
    /// All; reads the table of accounts.
    All,
}

/// A backend and how it stands.
#[derive(Clone, Debug)]
pub struct ReadBackend {
    pub name: BackendName,
    /// `None`: there is none of that name any more.
    pub settings: Option<BackendSettings>,
    pub breaker: Breaker,
    /// `None`: nobody has counted it.
    pub held: Option<HeldDepth>,
}

impl Cloud {
    /// By their names. `accounts` of a person's command know where the backends are.
    pub async fn read_backends(
        &self,
        accounts: &Accounts,
        listed: ListedBackends,
    ) -> Result<Vec<ReadBackend>, Error> {
        let mut breakers = self.breakers().await?;
        // What is paused waits under a name like a backend's.
        breakers.retain(|name, _| !is_pause(name));
        let mut settings: BTreeMap<BackendName, BackendSettings> = match listed {
            ListedBackends::All => accounts.all_backends().await?.into_iter().collect(),
            ListedBackends::WithBreakers => BTreeMap::new(),
        };
        let all = breakers.keys().chain(settings.keys()).cloned();
        let all: BTreeSet<BackendName> = all.collect();
        let mut read = Vec::new();
        for name in all {
            let known = match (settings.remove(&name), listed) {
                (None, ListedBackends::WithBreakers) => accounts.backend_settings(&name).await?,
                (known, ListedBackends::All | ListedBackends::WithBreakers) => known,
            };
            let breaker = breakers.remove(&name);
            let held = match &breaker {
                // One that was always ready has nothing waiting.
                Some(_) if read.len() < COUNTED_MAX => Some(self.held_for(&name).await?),
                Some(_) | None => None,
            };
            read.push(ReadBackend {
                name,
                settings: known,
                breaker: breaker.unwrap_or_else(Breaker::closed),
                held,
            });
        }
        Ok(read)
    }
}
