//! Whether what every call needs is in reach: the tables of calls and of accounts are read.
//!
//! Anybody may ask, so the answer is remembered for a second, and who asks meanwhile waits for the
//! same look: a process reads each table once a second at most, however often it is asked.

use std::sync::Arc;
use std::time::Duration;

use calls::ConversationKey;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tracing::warn;

use crate::Cloud;

/// How long an answer counts.
const CACHED: SignedDuration = SignedDuration::from_secs(1);

/// Longest wait for the tables: whoever watches the service gives up sooner or later, too.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// A key that no conversation has: those are hashes.
const NOBODYS: &str = "HEALTH";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableHealth {
    Ok,
    /// A table did not answer, or not in time.
    OutOfReach,
}

/// What this process found last, and when. Held while it is looked again.
#[derive(Clone, Default)]
pub struct LastTableHealth(Arc<Mutex<Option<(TableHealth, Timestamp)>>>);

impl Cloud {
    /// As of a second ago at most.
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
