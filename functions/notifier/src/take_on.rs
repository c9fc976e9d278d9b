//! Messages of others, taken on while an attempt of this invocation waits for its receiver.
//!
//! A function has few places, and a receiver may take fifteen seconds to answer nothing. With as many
//! accounts that have such receivers as there are places, all of them would be waiting, and nobody else's
//! reply or mail find one. But who waits has nothing else to do: so it receives what waits in the queue
//! itself, and settles it beside its own. The queue still gives each message group to one at a time,
//! whoever receives it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloud::aws::lanes::Queue;
use cloud::aws::queues::Delivery;
use cloud::outbound::receiver_health::QUICK_MAX;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use crate::poison::LaneMessages;
use crate::{ReplyBatch, ReplyMessage, by_lane, read};

/// Messages in hand from which on no more are taken on: what replies hold while they are posted is bounded
/// by the budget of the invocation, the rest is a few kilobytes for each.
const IN_HAND_MAX: usize = 100;

/// A receive waits so long for a message. One that comes back empty before is not made again at once.
const RECEIVE_WAIT: Duration = Duration::from_secs(1);

/// How long nothing is taken on after a message was put back for others.
const PAUSED_FOR: Duration = Duration::from_secs(1);

/// When a message comes again that is not to be done beside others.
const ALONE_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Whether others' messages are taken on.
#[derive(Debug, Default)]
pub(crate) struct TakingOn {
    /// Attempts under way at receivers that are not known to be quick.
    slow: AtomicUsize,
    began: Notify,
    stopped: AtomicBool,
    /// A request for messages is made.
    receiving: AtomicBool,
    paused_until: Mutex<Option<Instant>>,
    in_hand: AtomicUsize,
}

/// An attempt that may take long is under way as long as this is held.
pub(crate) struct SlowAttempt<'a>(&'a TakingOn);

impl Drop for SlowAttempt<'_> {
    fn drop(&mut self) {
        self.0.slow.fetch_sub(1, Ordering::SeqCst);
    }
}

impl TakingOn {
    pub(crate) fn slow_attempt(&self) -> SlowAttempt<'_> {
        self.slow.fetch_add(1, Ordering::SeqCst);
        self.began.notify_one();
        SlowAttempt(self)
    }

    /// For the rest of the invocation.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Somebody else is to have what was just put back.
    pub(crate) fn pause(&self) {
        *self.paused() = Some(Instant::now() + PAUSED_FOR);
    }

    /// Until when nothing is taken on, if that is later than now.
    fn paused_until(&self) -> Option<Instant> {
        self.paused().filter(|until| *until > Instant::now())
    }

    fn paused(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_waited(&self) -> bool {
        self.slow.load(Ordering::SeqCst) > 0
    }

    fn has_room(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst) && self.in_hand.load(Ordering::SeqCst) < IN_HAND_MAX
    }
}

/// What one of the things under way came to.
enum Completed {
    Settled,
    Received(Vec<Delivery>),
}

impl ReplyBatch<'_> {
    /// Runs the invocation's own work. While any of it waits for a receiver that is not known to be quick,
    /// or takes longer than a quick one, others' messages are taken on.
    pub(crate) async fn beside_others(&self, own: impl Future<Output = ()> + Send) {
        let slow_from = Instant::now() + QUICK_MAX;
        let mut under_way: FuturesUnordered<BoxFuture<'_, Completed>> = FuturesUnordered::new();
        under_way.push(own.map(|()| Completed::Settled).boxed());
        let mut is_receiving = false;
        loop {
            let now = Instant::now();
            let waits = !is_receiving && !under_way.is_empty() && self.has_time_for_others();
            let paused_until = self.taking_on.paused_until();
            if waits && paused_until.is_none() && (now >= slow_from || self.taking_on.is_waited()) {
                is_receiving = true;
                under_way.push(self.receive().map(Completed::Received).boxed());
            }
            // When it is looked again whether to take on any, if nothing happens before.
            let later = paused_until.or((now < slow_from).then_some(slow_from));
            tokio::select! {
                biased;
                progress = under_way.next() => match progress {
                    None => return,
                    Some(Completed::Settled) => {}
                    Some(Completed::Received(deliveries)) => {
                        is_receiving = false;
                        if !deliveries.is_empty() {
                            let settling = self.settle_others(deliveries);
                            under_way.push(settling.map(|()| Completed::Settled).boxed());
                        }
                    }
                },
                () = self.taking_on.began.notified(), if waits && !is_receiving => {}
                () = sleep_until(later.unwrap_or(now)), if waits && !is_receiving && later.is_some() => {}
            }
        }
    }

    /// Whether an attempt at another's reply would be over before the invocation is.
    fn has_time_for_others(&self) -> bool {
        let received = self.cloud.now() + RECEIVE_WAIT;
        self.taking_on.has_room() && received + replies::ATTEMPT_MAX <= self.means.deadline
    }

    async fn receive(&self) -> Vec<Delivery> {
        self.taking_on.receiving.store(true, Ordering::SeqCst);
        let began = Instant::now();
        let in_hand = self.taking_on.in_hand.load(Ordering::SeqCst);
        let room = IN_HAND_MAX.saturating_sub(in_hand);
        let received = self.cloud.queues.receive(Queue::Replies, room).await;
        let received = received.unwrap_or_else(|error| {
            warn!(error = error.in_full(), "nothing is taken on");
            self.taking_on.stop();
            Vec::new()
        });
        if received.is_empty() {
            sleep(RECEIVE_WAIT.saturating_sub(began.elapsed())).await;
        }
        self.taking_on.receiving.store(false, Ordering::SeqCst);
        received
    }

    async fn settle_others(&self, deliveries: Vec<Delivery>) {
        let number = deliveries.len();
        self.taking_on.in_hand.fetch_add(number, Ordering::SeqCst);
        {
            let mut done = self.done();
            let ids = deliveries.iter().map(|it| it.message_id.clone());
            done.taken_on.extend(ids);
        }
        let messages = read(deliveries);
        let known = messages.into_iter().map(|message| self.look_up(message));
        let known: Vec<ReplyMessage> = join_all(known).await.into_iter().flatten().collect();
        let lanes = by_lane(self.cloud, known.into_iter());
        let lanes = lanes
            .into_iter()
            .map(|messages| self.settle_lane_of_others(messages));
        join_all(lanes).await;
        self.taking_on.in_hand.fetch_sub(number, Ordering::SeqCst);
    }

    /// What is to be done alone is left to an invocation that the platform gives it to, with nothing of
    /// others beside it; so is what stands behind it.
    async fn settle_lane_of_others(&self, messages: Vec<ReplyMessage>) {
        let LaneMessages {
            together,
            alone,
            behind,
        } = LaneMessages::of(messages);
        if alone.is_some() {
            self.taking_on.stop();
        }
        let later = self.cloud.now() + ALONE_AGAIN;
        for message in alone.into_iter().chain(behind) {
            self.put_back(message, later).await;
        }
        self.settle_lane(together).await;
        self.delete_settled().await;
    }

    /// A lane that the platform has given. Where the invocation goes on for others, what is done of it is
    /// deleted now: its group must not wait for them.
    pub(crate) async fn settle_own_lane(&self, messages: Vec<ReplyMessage>) {
        self.settle_lane(messages).await;
        if self.taking_on.is_waited() || self.taking_on.receiving.load(Ordering::SeqCst) {
            self.delete_settled().await;
        }
    }

    /// The platform deletes what it has given, and nothing else.
    pub(crate) async fn delete_taken_on(&self) {
        let is_any = {
            let done = self.done();
            let mut settled = done.settled.iter();
            settled.any(|delivery| done.taken_on.contains(&delivery.message_id))
        };
        if is_any {
            self.delete_settled().await;
        }
    }
}
