//! Messages that invocations die with: a reply, or a mail, whose processing ends the process.
//!
//! The same rule as for calls, see [`cloud::redelivery`]: only deaths count. After two of them what
//! the message brings is done alone, after four it is given up, and whatever is behind it goes on.

use std::collections::VecDeque;

use calls::DeliveryResult;
use cloud::Error;
use cloud::aws::queues::ReplyTarget;
use cloud::redelivery::{DEATHS_MAX, DEATHS_TOGETHER};
use futures_util::future::join_all;
use jiff::Timestamp;
use tracing::{error, warn};

use crate::{ReplyBatch, ReplyDisposition, ReplyMessage, mails};

/// The messages of one lane, by what is done about them now.
#[derive(Default)]
pub(crate) struct LaneMessages {
    /// Side by side with those of other lanes.
    pub(crate) together: Vec<ReplyMessage>,
    /// One that is done alone, when nothing else is under way.
    pub(crate) alone: Option<ReplyMessage>,
    /// Those behind it: they come again.
    pub(crate) behind: VecDeque<ReplyMessage>,
}

impl LaneMessages {
    /// In the order of their lane.
    pub(crate) fn of(messages: Vec<ReplyMessage>) -> Self {
        let mut sorted = Self::default();
        for message in messages {
            if sorted.alone.is_some() {
                sorted.behind.push_back(message);
            } else if message.runs_alone() {
                sorted.alone = Some(message);
            } else {
                sorted.together.push(message);
            }
        }
        sorted
    }
}

impl ReplyBatch<'_> {
    /// Asks how many have died with it, where one can have, and writes down that the next one may.
    /// `None`: that could not be done, and it is handed back.
    pub(crate) async fn look_up(&self, mut message: ReplyMessage) -> Option<ReplyMessage> {
        let (conversation, delivery) = (&message.wake.conversation, &message.delivery);
        let deaths = match self.cloud.deaths(conversation, delivery).await {
            Ok(0) => return Some(message),
            Ok(deaths) => deaths,
            Err(error) => {
                self.end(message, Err(error)).await;
                return None;
            }
        };
        message.deaths = deaths;
        if deaths >= DEATHS_TOGETHER {
            // It begins when its turn comes.
            return Some(message);
        }
        self.begin(message).await
    }

    async fn begin(&self, message: ReplyMessage) -> Option<ReplyMessage> {
        let (conversation, delivery) = (&message.wake.conversation, &message.delivery);
        let begun = self
            .cloud
            .begin_attempt(conversation, delivery, message.deaths)
            .await;
        match begun {
            Ok(()) => Some(message),
            Err(error) => {
                self.end(message, Err(error)).await;
                None
            }
        }
    }

    /// It is handed back, so nobody died of it.
    pub(crate) async fn survived(&self, message: &ReplyMessage) {
        if message.deaths == 0 {
            return;
        }
        let (conversation, delivery) = (&message.wake.conversation, &message.delivery);
        let ended = self
            .cloud
            .end_attempt(conversation, delivery, message.deaths)
            .await;
        if let Err(error) = ended {
            warn!(%conversation, error = error.in_full(), "an attempt counts as a death");
        }
    }

    /// One of those that invocations have died with, when nothing else is under way; the others are
    /// handed back first, or they would die with it once more.
    pub(crate) async fn run_alone(&self, mut alone: Vec<ReplyMessage>, behind: Vec<ReplyMessage>) {
        alone.sort_by_key(|message| message.deaths);
        let mut alone = alone.into_iter();
        let Some(first) = alone.next() else {
            return;
        };
        let others = alone.chain(behind);
        join_all(others.map(|message| self.put_back(message, Timestamp::MIN))).await;
        if first.deaths >= DEATHS_MAX {
            let given_up = self.give_up(&first).await;
            return self.end(first, given_up).await;
        }
        if let Some(message) = self.begin(first).await {
            self.settle_lane(vec![message]).await;
        }
    }

    /// It comes again then, to another invocation.
    pub(crate) async fn put_back(&self, message: ReplyMessage, at: Timestamp) {
        if message.deaths < DEATHS_TOGETHER {
            // It has begun.
            self.survived(&message).await;
        }
        crate::hold(self.cloud, &message.delivery, at).await;
        self.hand_back(message.delivery);
    }

    async fn give_up(&self, message: &ReplyMessage) -> Result<ReplyDisposition, Error> {
        let (conversation, deaths) = (&message.wake.conversation, message.deaths);
        error!(%conversation, deaths, "a reply or mail that invocations die with is given up");
        if message.wake.what == ReplyTarget::Mails {
            return mails::give_up_next(self.cloud, &message.wake).await;
        }
        let Some(record) = self.cloud.load_reply(&message.wake).await? else {
            return Ok(ReplyDisposition::Nothing);
        };
        replies::commit(self.cloud, &record, DeliveryResult::GivenUp).await?;
        Ok(ReplyDisposition::Nothing)
    }
}
