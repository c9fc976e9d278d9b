//! One wake-up, and what becomes of its message: deleted, held until a time, handed back, or
//! recorded as one that invocations die with.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use calls::QueuePriority;
use cloud::aws::lanes::{Queue, RunLane};
use cloud::aws::queues::{Delivery, WakeUp};
use cloud::memory::Budget;
use cloud::redelivery::{DEATHS_MAX, DEATHS_TOGETHER, HandedBack};
use cloud::{Cloud, Error, Outbox};
use futures_util::future::FutureExt;
use jiff::Timestamp;
use tracing::{error, warn};

use crate::run_step::WakeUpDisposition;
use crate::slice::Slice;
use crate::wake_up;

/// What the messages of one invocation have in common.
pub(crate) struct CallBatch<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) priority: QueuePriority,
    pub(crate) deadline: Timestamp,
    pub(crate) outbox: Outbox,
    pub(crate) budget: Budget,
}

pub(crate) struct WakeUpMessage {
    delivery: Delivery,
    wake: WakeUp,
    /// How many invocations have died with this message.
    deaths: u32,
}

impl WakeUpMessage {
    pub(crate) fn new(delivery: Delivery, wake: WakeUp) -> Self {
        Self {
            delivery,
            wake,
            deaths: 0,
        }
    }

    pub(crate) fn deaths(&self) -> u32 {
        self.deaths
    }

    pub(crate) fn runs_alone(&self) -> bool {
        self.deaths >= DEATHS_TOGETHER
    }

    pub(crate) fn wake(&self) -> &WakeUp {
        &self.wake
    }

    /// Until when it waits in a lane with many others.
    pub(crate) fn deferred_until(&self) -> Option<Timestamp> {
        match self.wake.lane {
            RunLane::Deferred { second } => Timestamp::from_second(second).ok(),
            RunLane::Own | RunLane::Long { .. } | RunLane::Flood => None,
        }
    }
}

impl CallBatch<'_> {
    /// Counts the invocations that have died with a message, if any can have. If the count cannot
    /// be read, the message is handed back: its id, if it must come again.
    pub(crate) async fn look_up(
        &self,
        mut message: WakeUpMessage,
    ) -> Result<WakeUpMessage, Option<String>> {
        let conversation = &message.wake.conversation;
        match self.cloud.deaths(conversation, &message.delivery).await {
            Ok(deaths) => {
                message.deaths = deaths;
                Ok(message)
            }
            Err(error) => Err(self.hand_back(message, &error).await),
        }
    }

    /// Goes on with the conversation. Returns the message's id if it must come again.
    pub(crate) async fn run(&self, message: WakeUpMessage) -> Option<String> {
        if message.deaths >= DEATHS_MAX {
            return self.fail(message).await;
        }
        let cloud = self.cloud;
        let key = &message.wake.conversation;
        if message.deaths > 0
            && let Err(error) = cloud
                .begin_attempt(key, &message.delivery, message.deaths)
                .await
        {
            return self.hand_back(message, &error).await;
        }
        // A panic in one call does not end the others. Not a task of its own: everything that an
        // invocation does must end with it.
        let has_waited = message.delivery.handed_back > 0;
        let slice = Slice::of(&message.wake.lane, has_waited, cloud.now(), self.deadline);
        let running = wake_up::carry_on(cloud, key, slice, self.outbox.clone(), &self.budget);
        match AssertUnwindSafe(Box::pin(running)).catch_unwind().await {
            Ok(Ok(WakeUpDisposition::Nothing)) => None,
            Ok(Ok(WakeUpDisposition::WaitsUntil(at))) => {
                self.end_attempt(&message).await;
                if message.wake.lane != RunLane::Own {
                    return self.leave_lane(message).await;
                }
                Some(self.hold_until(message, at).await)
            }
            Ok(Err(error)) => {
                self.end_attempt(&message).await;
                self.hand_back(message, &error).await
            }
            // Treated as if the process had died: the message comes again by itself, and a death is
            // counted.
            Err(panic) => {
                let (panic, deaths) = (said(&*panic), message.deaths);
                error!(conversation = %key, panic, deaths, "a call panicked");
                Some(message.delivery.message_id)
            }
        }
    }

    /// Ends the call that is next and its conversation with it. Returns the message's id if that
    /// failed.
    async fn fail(&self, message: WakeUpMessage) -> Option<String> {
        let key = &message.wake.conversation;
        error!(conversation = %key, deaths = message.deaths, "a call that invocations die with is failed");
        // Boxed, as the run itself is: the futures of a batch stay of one size.
        match Box::pin(wake_up::give_up(self.cloud, key)).await {
            Ok(()) => None,
            Err(error) => self.hand_back(message, &error).await,
        }
    }

    /// The invocation did not die, whatever the result is.
    async fn end_attempt(&self, message: &WakeUpMessage) {
        if message.deaths == 0 {
            return;
        }
        let (key, delivery) = (&message.wake.conversation, &message.delivery);
        let ended = self.cloud.end_attempt(key, delivery, message.deaths).await;
        if let Err(error) = ended {
            warn!(conversation = %key, error = error.in_full(), "an attempt counts as a death");
        }
    }

    pub(crate) async fn hand_back(&self, message: WakeUpMessage, error: &Error) -> Option<String> {
        let (key, delivery) = (&message.wake.conversation, &message.delivery);
        warn!(conversation = %key, error = error.in_full(), "handed back");
        if let RunLane::Flood | RunLane::Deferred { .. } = message.wake.lane {
            // All others of its lane would wait as long.
            let queues = &self.cloud.queues;
            let left = queues.leave_lane(self.priority, &message.wake, delivery);
            if left.await.is_ok() {
                return None;
            }
        }
        let group = self.cloud.queues.group(self.priority, &message.wake);
        let queue = Queue::Calls(self.priority);
        match self.cloud.hand_back(queue, &group, delivery).await {
            Ok(HandedBack::Replaced) => None,
            Ok(HandedBack::Pausing) => Some(message.delivery.message_id),
            Err(error) => {
                // The message comes again when its visibility ends, or the timekeeper finds the
                // conversation.
                warn!(error = error.in_full(), "wake-up could not be held");
                Some(message.delivery.message_id)
            }
        }
    }

    /// The message waits in a group of its own, where nothing waits behind it.
    async fn leave_lane(&self, message: WakeUpMessage) -> Option<String> {
        let queues = &self.cloud.queues;
        let leaving = queues.leave_lane(self.priority, &message.wake, &message.delivery);
        match leaving.await {
            Ok(()) => None,
            Err(error) => self.hand_back(message, &error).await,
        }
    }

    /// Makes the message visible at once, for another invocation.
    pub(crate) async fn put_back(&self, message: WakeUpMessage) -> String {
        self.hold_for(&message.delivery, Duration::ZERO).await;
        message.delivery.message_id
    }

    /// Has it come again then. Gives back its id.
    pub(crate) async fn hold_until(&self, message: WakeUpMessage, at: Timestamp) -> String {
        self.hold(&message.delivery, at).await;
        message.delivery.message_id
    }

    async fn hold(&self, delivery: &Delivery, at: Timestamp) {
        let time = at.duration_since(self.cloud.now());
        let time = Duration::try_from(time).unwrap_or(Duration::ZERO);
        self.hold_for(delivery, time).await;
    }

    async fn hold_for(&self, delivery: &Delivery, time: Duration) {
        let queue = Queue::Calls(self.priority);
        if let Err(error) = self.cloud.queues.hold(queue, delivery, time).await {
            // The message comes again when its visibility ends, or the timekeeper finds the
            // conversation.
            warn!(error = error.in_full(), "wake-up could not be held");
        }
    }
}

/// The text of a panic.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word")
}
