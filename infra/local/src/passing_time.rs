//! How time is moved on: from one due thing to the next, and never while a function runs.
//!
//! A function has its own idea of how long things may take: a lease, the answer of a backend, its deadline. Were
//! the clock moved in the middle of that, all of them would be over though no time had passed, and what is
//! under way would be taken for lost: a reply would be posted twice, a forwarded call be unknown.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use crate::stack::{EventSource, Stack};

/// Longest wait for everything that is in progress, after time has been moved on.
const STARTED_WITHIN: Duration = Duration::from_secs(20);

/// Longest wait for functions to end that run while the clock is to be moved, of which no other begins
/// meanwhile: they are killed at their deadline. Only one behind an endpoint that is not ours can take longer.
const ENDED_WITHIN: Duration = Duration::from_secs(crate::names::VISIBILITY_SECONDS.unsigned_abs());

/// Most stops while time is moved on: an entry that is always due must not hold it up.
const STOPS_MAX: usize = 5_000;

impl Stack {
    /// Held by whoever lets a function run: the clock is not moved meanwhile.
    pub(crate) async fn begin_invocation(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.running).read_owned().await
    }

    /// Waits until no function runs, and lets none begin while it is held.
    pub(crate) async fn at_rest(&self) -> Option<OwnedRwLockWriteGuard<()>> {
        let at_rest = Arc::clone(&self.running).write_owned();
        let at_rest = tokio::time::timeout(ENDED_WITHIN, at_rest).await;
        if at_rest.is_err() {
            tracing::warn!("the clock is moved while a function runs, which takes too long");
        }
        at_rest.ok()
    }

    /// The timekeeper runs once.
    pub(crate) async fn tick(&self) {
        let running = self.begin_invocation().await;
        if let Err(error) = self.functions.tick().await {
            tracing::warn!(%error, "the timekeeper met trouble");
        }
        drop(running);
    }

    /// Time passes, and all that is due on the way happens: for tests, one thing after the other.
    pub async fn pass(&self, time: SignedDuration) {
        let until = self.local.clock().now() + time;
        for _ in 0..STOPS_MAX {
            let next = self.next_event(until);
            if next > self.local.clock().now() {
                self.local.clock().set(next);
            }
            self.local.fire_due();
            self.tick().await;
            self.settle().await;
            if next >= until {
                return;
            }
        }
        if until > self.local.clock().now() {
            self.local.clock().set(until);
        }
    }

    /// The same beside loops that drain the queues: moves the clock from one due thing to the next.
    pub async fn pass_running(&self, time: SignedDuration) -> anyhow::Result<()> {
        self.wait_until_idle().await;
        let until = self.local.clock().now() + time;
        for _ in 0..STOPS_MAX {
            let at_rest = self.at_rest().await;
            let now = self.local.clock().now();
            let next = self.next_event(until);
            let by = next.duration_since(now).max(SignedDuration::ZERO);
            self.local.clock().advance_for_good(by)?;
            drop(at_rest);
            self.local.fire_due();
            self.tick().await;
            self.wait_until_idle().await;
            if next >= until {
                break;
            }
        }
        Ok(())
    }

    /// Waits until every queue is drained and every function is done, with a time limit.
    pub async fn wait_until_idle(&self) {
        let waited = tokio::time::timeout(STARTED_WITHIN, async {
            let ready =
                |event_source: &EventSource| self.local.sqs().has_ready(event_source.queue());
            let mail_events_are_delivered = || {
                let next = self.local.next_event_at();
                next.is_none_or(|at| at > self.local.clock().now())
            };
            while EventSource::ALL.iter().any(ready)
                || !mail_events_are_delivered()
                || self.busy.load(Ordering::SeqCst) > 0
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        if waited.await.is_err() {
            tracing::info!("the clock goes on while work still waits");
        }
    }

    /// The next instant at which something is due, and not after `until`.
    fn next_event(&self, until: Timestamp) -> Timestamp {
        let now = self.local.clock().now();
        let mut next = until;
        let mut consider = |at: Option<Timestamp>| {
            if let Some(at) = at.filter(|at| *at > now) {
                next = next.min(at);
            }
        };
        consider(self.local.scheduler().next_due());
        consider(self.local.sqs().next_visible_at());
        consider(self.local.next_event_at());
        // What is overdue and could not be done is tried again with the next thing that is due.
        let due = self.local.dynamodb().next_due();
        consider(due.map(|due| due.max(now + SignedDuration::from_secs(1))));
        next
    }
}
