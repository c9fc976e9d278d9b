//! Replies of High before all others of their account, where they share its lane: each that waits is
//! posted before the next attempt at another reply, so that it waits for the posts under way and no
//! longer. Its own message finds it posted, and is done with.

use std::collections::BTreeMap;

use calls::AccountId;
use cloud::aws::lanes::Lane;
use cloud::aws::queues::ReplyWakeUp;
use cloud::outbound::receiver_health::{Pace, Receiver};
use cloud::records::reply_record::ReplyRecord;
use futures_util::future::join_all;
use tracing::warn;

use crate::reply::{AttemptEnd, ReplyTurn};
use crate::{ReplyBatch, ReplyDisposition, reply};

/// A reply of High whose turn it is.
struct WaitingHigh {
    record: ReplyRecord,
    wake: ReplyWakeUp,
}

impl ReplyBatch<'_> {
    /// Posts those of High that wait in the lane of an account.
    pub(crate) async fn post_high_first(&self, account: &AccountId) {
        if !self.cloud.replies_share_a_lane() || !self.may_take_on_others {
            return;
        }
        // Whoever else is about to attempt one of the others waits until these are posted.
        let _turn = self.high_turn.lock().await;
        let waiting = match self.cloud.high_replies(account).await {
            Ok(waiting) => waiting,
            Err(error) => {
                warn!(%account, error = error.in_full(), "replies of High wait for their turn");
                return;
            }
        };
        let mut by_receiver: BTreeMap<Receiver, Vec<WaitingHigh>> = BTreeMap::new();
        for high in waiting {
            if let Some(waiting) = self.look_at_high(high.wake).await
                && let Some(receiver) = reply::receiver(&waiting.record)
            {
                by_receiver.entry(receiver).or_default().push(waiting);
            }
        }
        let posting = by_receiver
            .into_iter()
            .map(|(receiver, waiting)| self.post_high_to(receiver, waiting));
        join_all(posting).await;
    }

    async fn look_at_high(&self, wake: ReplyWakeUp) -> Option<WaitingHigh> {
        match self.cloud.load_reply(&wake).await {
            Ok(Some(record))
                if reply::turn(&record, wake.step, self.cloud.now()) == ReplyTurn::Now =>
            {
                Some(WaitingHigh { record, wake })
            }
            // Posted, or somebody is at it.
            Ok(Some(_) | None) => {
                self.had_its_turn(&wake).await;
                None
            }
            Err(error) => {
                warn!(
                    error = error.in_full(),
                    "a reply of High waits for its turn"
                );
                None
            }
        }
    }

    /// One at a time of those to a receiver that hangs or that nobody knows, so that the others go on,
    /// too; to another conversations side by side, within one in order.
    async fn post_high_to(&self, receiver: Receiver, waiting: Vec<WaitingHigh>) {
        let at_once = match self.cloud.pace(&receiver).await {
            Pace::Quick | Pace::Dawdling => waiting.len(),
            Pace::Unknown | Pace::Hanging => 1,
        };
        let mut by_conversation: BTreeMap<_, Vec<WaitingHigh>> = BTreeMap::new();
        for one in waiting.into_iter().take(at_once) {
            let key = one.record.conversation.clone();
            by_conversation.entry(key).or_default().push(one);
        }
        let posting = by_conversation.into_values().map(|waiting| async move {
            for one in waiting {
                self.post_high(one).await;
            }
        });
        join_all(posting).await;
    }

    async fn post_high(&self, WaitingHigh { record, wake }: WaitingHigh) {
        if !reply::has_time(self.cloud, self.means.deadline) {
            return;
        }
        match reply::attempt(self.cloud, &record, &self.means).await {
            Ok(AttemptEnd::Over) => {}
            // Its own message, or the next look, comes to it.
            Ok(AttemptEnd::NoRoom) => return,
            Ok(AttemptEnd::Failed { next, step }) => {
                if let ReplyDisposition::WaitsUntil(_) = reply::wait(next, self.cloud.now()) {
                    let again = ReplyWakeUp {
                        lane: Lane::Conversation,
                        step,
                        ..wake.clone()
                    };
                    self.cloud.send_reply_wake_ups(&[again]).await;
                }
            }
            Err(error) => {
                warn!(
                    error = error.in_full(),
                    "a reply of High waits for its turn"
                );
                return;
            }
        }
        self.had_its_turn(&wake).await;
    }

    pub(crate) async fn had_its_turn(&self, wake: &ReplyWakeUp) {
        if let Err(error) = self.cloud.has_had_its_turn(wake).await {
            // It is looked at once more.
            warn!(
                error = error.in_full(),
                "a reply of High is still written down"
            );
        }
    }
}
