//! What AWS does between the functions: event source mappings take batches from the queues and give
//! them to the functions, as many at the same time as the template allows; schedules fire; and the
//! timekeeper runs.

use std::sync::Arc;
use std::time::Duration;

use cloud::aws::lanes::{Concurrency, Queue};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::stack::{EventSource, Stack};

/// How long an empty queue is left alone, unless a message arrives or is deleted: a message can
/// also become visible just by time.
const PAUSE: Duration = Duration::from_millis(50);

/// Concurrent invocations for a queue, as configured.
pub fn invocations_max(concurrency: Concurrency, event_source: EventSource) -> usize {
    let places = concurrency.of(match event_source {
        EventSource::Processor(priority) => Queue::Calls(priority),
        EventSource::Notifier => Queue::Replies,
    });
    usize::try_from(places).unwrap_or(usize::MAX)
}

/// Runs all of it until the tasks are dropped. `tick`: how often the timekeeper runs.
#[must_use = "nothing happens any more once it is dropped"]
pub fn drive(stack: &Stack, tick: Duration) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for event_source in EventSource::ALL {
        tasks.spawn(feed(stack.clone(), event_source));
    }
    tasks.spawn(deliver_mail_events(stack.clone()));
    tasks.spawn(keep_time(stack.clone(), tick));
    tasks
}

async fn feed(stack: Stack, event_source: EventSource) {
    let places = invocations_max(stack.cloud.settings.concurrency, event_source);
    let places = Arc::new(Semaphore::new(places));
    let is_free = Arc::new(Notify::new());
    let mut invocations = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        while invocations.try_join_next().is_some() {}
        let running = stack.begin_invocation().await;
        let Some(batch) = stack.take(event_source) else {
            drop((place, running));
            let arrival = stack.local.sqs().arrival(event_source.queue());
            tokio::select! {
                () = arrival => {}
                () = is_free.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
            continue;
        };
        let (stack, is_free) = (stack.clone(), Arc::clone(&is_free));
        invocations.spawn(async move {
            stack.carry(batch).await;
            drop((place, running));
            // The groups that it held may have more messages.
            is_free.notify_one();
        });
    }
}

/// Delivers the events of mails, texts and voice calls, one after the other.
async fn deliver_mail_events(stack: Stack) {
    loop {
        let running = stack.begin_invocation().await;
        let delivered = stack.deliver_mail_event().await;
        drop(running);
        if !delivered {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn keep_time(stack: Stack, tick: Duration) {
    loop {
        stack.local.fire_due();
        stack.tick().await;
        tokio::time::sleep(tick).await;
    }
}

impl Stack {
    /// Delivers one event of a mail, a text or a call to its function. `false`: there was none.
    pub async fn deliver_mail_event(&self) -> bool {
        let busy = self.one_more_busy();
        let Some(event) = self.local.take_event() else {
            return false;
        };
        let delivered = self.functions.deliver_mail_event(&event.event).await;
        if delivered.is_err() || self.local.faults().crashed() {
            tracing::warn!(?delivered, "an event of a mail or a text comes again");
            self.local.event_failed(event);
        }
        drop(busy);
        true
    }
}
