//! Whether the tables of calls and of accounts can be read, which every call needs.
//!
//! Anybody may ask, so the answer is cached for a second, and requests meanwhile wait for the same
//! read: a process reads each table at most once a second.

use std::sync::Arc;
use std::time::Duration;

use calls::ConversationKey;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tracing::warn;

use crate::Cloud;

/// How long an answer is cached.
const CACHED: SignedDuration = SignedDuration::from_secs(1);

/// Longest wait for the tables, since a monitor has a timeout, too.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// A key that no conversation has, since those are hashes.
const NOBODYS: &str = "HEALTH";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableHealth {
    Ok,
    /// A table did not answer, or not in time.
    OutOfReach,
}

/// The last answer of this process, and its time. Locked while the tables are read again.
#[derive(Clone, Default)]
pub struct LastTableHealth(Arc<Mutex<Option<(TableHealth, Timestamp)>>>);

impl Cloud {
    /// As of at most a second ago.
    pub async fn table_health(&self) -> TableHealth {
        let mut last = self.last_health.0.lock().await;
        let now = self.now();
        if let Some((health, at)) = *last {
            let age = now.duration_since(at);
            if age >= SignedDuration::ZERO && age < CACHED {
                return health;
            }
        }
        let health = self.look_at_tables().await;
        *last = Some((health, self.now()));
        health
    }

    async fn look_at_tables(&self) -> TableHealth {
        let nobody = ConversationKey(NOBODYS.to_owned());
        let looking = async {
            let calls = self.conversation_record(&nobody);
            let accounts = self.accounts.maintenance_switch();
            tokio::try_join!(calls, accounts)
        };
        match tokio::time::timeout(ANSWER_MAX, looking).await {
            Ok(Ok(_)) => TableHealth::Ok,
            Ok(Err(error)) => {
                warn!(error = error.in_full(), "the tables are out of reach");
                TableHealth::OutOfReach
            }
            Err(_) => {
                warn!("the tables do not answer");
                TableHealth::OutOfReach
            }
        }
    }
}
