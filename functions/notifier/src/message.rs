//! One wake-up for a reply or for mails, and what becomes of its message: it is done, it is held until
//! a second, it is handed back, or it is one that invocations die with.

use std::time::Duration;

use cloud::aws::queues::{Delivery, Queue, ReplyTarget, ReplyWakeUp};
use cloud::redelivery::HandedBack;
use cloud::{Cloud, Error};
use jiff::Timestamp;
use tracing::warn;

use crate::Disposition;

/// After so many deaths it is settled alone, so that it takes no others with it.
pub(crate) const DEATHS_TOGETHER: u32 = 2;

/// After so many a reply is given up. Mails are not: each is claimed before it is sent, and what an
/// invocation dies with is *unknown* after a while.
pub(crate) const DEATHS_MAX: u32 = 4;

pub(crate) struct Message {
    pub(crate) delivery: Delivery,
    pub(crate) wake: ReplyWakeUp,
    /// How many invocations have died with it.
    pub(crate) deaths: u32,
}

impl Message {
    pub(crate) fn new(delivery: Delivery, wake: ReplyWakeUp) -> Self {
        Self {
            delivery,
            wake,
            deaths: 0,
        }
    }

    /// Asks how many have died with it, where one can have. Without an answer it is handed back: its
    /// id, if it must come again.
    pub(crate) async fn looked_up(mut self, cloud: &Cloud) -> Result<Self, Option<String>> {
        match cloud.deaths(&self.wake.conversation, &self.delivery).await {
            Ok(deaths) => {
                self.deaths = deaths;
                Ok(self)
            }
            Err(error) => Err(self.hand_back(cloud, &error).await),
        }
    }

    /// Settles what it is about. Gives back its id, if it must come again.
    pub(crate) async fn settle(self, cloud: &Cloud, deadline: Timestamp) -> Option<String> {
        let gives_up = self.deaths >= DEATHS_MAX && self.wake.what != ReplyTarget::Mails;
        let settled = match gives_up {
            true => crate::give_up(cloud, &self.wake).await,
            false => self.try_to_settle(cloud, deadline).await,
        };
        if self.deaths > 0 {
            self.end_attempt(cloud).await;
        }
        match settled {
            Ok(Disposition::Nothing) => None,
            Ok(Disposition::WaitsUntil(at)) => {
                let time = Duration::try_from(at.duration_since(cloud.now()));
                self.hold(cloud, time.unwrap_or(Duration::ZERO)).await;
                Some(self.delivery.message_id)
            }
            Err(error) => self.hand_back(cloud, &error).await,
        }
    }

    async fn try_to_settle(
        &self,
        cloud: &Cloud,
        deadline: Timestamp,
    ) -> Result<Disposition, Error> {
        let conversation = &self.wake.conversation;
        if self.deaths > 0 {
            let deaths = self.deaths;
            cloud
                .begin_attempt(conversation, &self.delivery, deaths)
                .await?;
        }
        crate::settle(cloud, &self.wake, deadline).await
    }

    /// It did not die, whatever became of it.
    async fn end_attempt(&self, cloud: &Cloud) {
        let conversation = &self.wake.conversation;
        let ended = cloud
            .end_attempt(conversation, &self.delivery, self.deaths)
            .await;
        if let Err(error) = ended {
            warn!(%conversation, error = error.in_full(), "an attempt counts as a death");
        }
    }

    async fn hand_back(self, cloud: &Cloud, error: &Error) -> Option<String> {
        let conversation = &self.wake.conversation;
        warn!(%conversation, error = error.in_full(), "reply handed back");
        match cloud
            .hand_back(Queue::Replies, conversation, &self.delivery)
            .await
        {
            Ok(HandedBack::Replaced) => return None,
            Ok(HandedBack::ReplyLocation) => {}
            // It comes again when its visibility ends by itself, or the timekeeper finds it.
            Err(error) => warn!(error = error.in_full(), "wake-up could not be held"),
        }
        Some(self.delivery.message_id)
    }

    /// Has it come again after that time.
    pub(crate) async fn hold(&self, cloud: &Cloud, time: Duration) {
        let held = cloud.queues.hold(Queue::Replies, &self.delivery, time);
        if let Err(error) = held.await {
            // It comes again when its visibility ends by itself, or the timekeeper finds it.
            warn!(error = error.in_full(), "wake-up could not be held");
        }
    }
}
