//! The replies that a run leaves to be sent. The first attempt at a reply by HTTP POST is made
//! here, while the run goes on with the next call: for most replies that saves a message, an
//! invocation and a read.
//!
//! The notifier does everything else: mails, further attempts, receivers that are slow or not
//! known, and every reply behind one that was left to it, so that replies stay in order.

use std::collections::BTreeMap;
use std::time::Duration;

use calls::{AsyncResponseType, ReplyState};
use cloud::aws::lanes::Lane;
use cloud::aws::queues::{BATCH_MAX, ReplyWakeUp};
use cloud::memory::Budget;
use cloud::outbound::receiver_health::{Pace, Receiver};
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, Committed, Outbox, ReplyAction};
use jiff::Timestamp;
use replies::{Means, Preparation, Prepared};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tracing::warn;

/// How long a run that has come to its end goes on posting before it leaves the rest to the
/// notifier: other runs wait for its place.
const WAIT_MAX: Duration = Duration::from_secs(1);

enum OutboxCommand {
    Action(ReplyAction),
    /// Replies that were left to the notifier wait for no others of this run.
    SendAll,
    /// An earlier run was here. It may have left some replies to the notifier, and it may not have
    /// sent these at all.
    GoesOnBehind(Vec<ReplyWakeUp>),
}

/// Where a run puts the replies that are to be sent.
pub struct Replies(UnboundedSender<OutboxCommand>);

/// Sends the replies of a run in order, until the run has dropped its [`Replies`].
pub struct ReplySender {
    commands: UnboundedReceiver<OutboxCommand>,
    means: Means,
    /// Whether an earlier reply was left to the notifier, or may have been.
    handed_to_notifier: bool,
    /// Receivers whose replies the notifier posts, and the lane where these wait.
    lanes: BTreeMap<Receiver, Lane>,
    /// Since when the run has had nothing else to do.
    waits_since: Option<Instant>,
    waiting: Vec<ReplyWakeUp>,
    outbox: Outbox,
}

impl Replies {
    pub fn add(&self, actions: Vec<ReplyAction>) {
        for action in actions {
            self.enqueue(OutboxCommand::Action(action));
        }
    }

    pub fn send_all(&self) {
        self.enqueue(OutboxCommand::SendAll);
    }

    pub fn go_on_behind(&self, pending: Vec<ReplyWakeUp>) {
        self.enqueue(OutboxCommand::GoesOnBehind(pending));
    }

    fn enqueue(&self, command: OutboxCommand) {
        if self.0.send(command).is_err() {
            warn!("replies left for the timekeeper: nobody settles them");
        }
    }
}

pub fn replies(deadline: Timestamp, outbox: Outbox, budget: Budget) -> (Replies, ReplySender) {
    let (sender, commands) = unbounded_channel();
    let reply_sender = ReplySender {
        commands,
        means: Means { budget, deadline },
        handed_to_notifier: false,
        lanes: BTreeMap::new(),
        waits_since: None,
        waiting: Vec::new(),
        outbox,
    };
    (Replies(sender), reply_sender)
}

impl ReplySender {
    /// If the process dies here, the timekeeper finds what is pending.
    pub async fn settle(mut self, cloud: &Cloud) {
        while let Some(command) = self.commands.recv().await {
            match command {
                OutboxCommand::Action(action) => self.settle_one(cloud, action).await,
                OutboxCommand::SendAll => self.send_waiting(cloud).await,
                OutboxCommand::GoesOnBehind(pending) => {
                    self.handed_to_notifier = true;
                    self.waiting.extend(pending);
                }
            }
            if self.waiting.len() >= BATCH_MAX {
                self.send_waiting(cloud).await;
            }
        }
        self.send_waiting(cloud).await;
    }

    async fn settle_one(&mut self, cloud: &Cloud, action: ReplyAction) {
        let Some(reply) = action.reply else {
            // Mails have an order of their own.
            return self.waiting.push(action.wake);
        };
        if self.handed_to_notifier || !is_first_post(&reply) {
            self.handed_to_notifier = true;
            return self.waiting.push(action.wake);
        }
        if let Some(lane) = self.lane_of(cloud, &reply).await {
            return self.waiting.push(ReplyWakeUp {
                lane,
                ..action.wake
            });
        }
        if !self.has_time(&reply, cloud.now()) || self.has_waited_long() {
            self.handed_to_notifier = true;
            return self.waiting.push(action.wake);
        }
        if let Some(wake) = self.attempt(cloud, &reply, action.wake).await {
            self.waiting.push(wake);
            self.send_waiting(cloud).await;
        }
    }

    /// A run that has come to its end holds its place only for its replies.
    fn has_waited_long(&mut self) -> bool {
        if !self.commands.is_closed() {
            return false;
        }
        let since = self.waits_since.get_or_insert_with(Instant::now);
        since.elapsed() > WAIT_MAX
    }

    /// Where a reply waits whose receiver is not known to be quick; `None`: it is posted here.
    async fn lane_of(&mut self, cloud: &Cloud, record: &ReplyRecord) -> Option<Lane> {
        let receiver = Receiver::of(&record.account, &record.reply.subscription.address);
        if let Some(lane) = self.lanes.get(&receiver) {
            return Some(lane.clone());
        }
        let pace = cloud.pace(&receiver).await;
        if pace == Pace::Quick {
            return None;
        }
        let lane = receiver.lane(pace, record.class, &record.conversation);
        self.lanes.insert(receiver, lane.clone());
        Some(lane)
    }

    /// Whether an attempt ends before the invocation does, and before the lease does. A reply that
    /// has waited long for its turn is left to the notifier.
    fn has_time(&self, record: &ReplyRecord, now: Timestamp) -> bool {
        let over = now + replies::ATTEMPT_MAX;
        over <= self.means.deadline && record.leased_until().is_some_and(|until| over <= until)
    }

    async fn send_waiting(&mut self, cloud: &Cloud) {
        let waiting = std::mem::take(&mut self.waiting);
        self.outbox.send(cloud, waiting).await;
    }

    /// Makes the first attempt at a reply. Returns the wake-up for what is left to do.
    async fn attempt(
        &self,
        cloud: &Cloud,
        record: &ReplyRecord,
        wake: ReplyWakeUp,
    ) -> Option<ReplyWakeUp> {
        match replies::prepare(cloud, record, &self.means).await {
            Ok(Preparation::Ready(prepared)) if self.has_time(record, cloud.now()) => {
                post(cloud, record, prepared, wake).await
            }
            Ok(Preparation::Ready(_) | Preparation::NoRoom) => Some(wake),
            Err(error) => {
                warn!(error = error.in_full(), "reply left to the notifier");
                Some(wake)
            }
        }
    }
}

fn is_first_post(record: &ReplyRecord) -> bool {
    let reply = &record.reply;
    reply.subscription.response_type == AsyncResponseType::HttpPost && reply.is_unattempted()
}

async fn post(
    cloud: &Cloud,
    record: &ReplyRecord,
    prepared: Prepared,
    wake: ReplyWakeUp,
) -> Option<ReplyWakeUp> {
    let found = replies::post(cloud, record, prepared).await;
    match Committed::of(replies::commit(cloud, record, found).await) {
        Ok(Committed::Written(attempted)) => match attempted.state {
            ReplyState::Pending(_) => Some(ReplyWakeUp {
                step: record.version + 1,
                ..wake
            }),
            ReplyState::Delivered | ReplyState::GivenUp => None,
        },
        Ok(Committed::Conflict) => None,
        // It is not known whether this was committed, so the notifier looks.
        Err(error) => {
            warn!(error = error.in_full(), "reply left to the notifier");
            Some(wake)
        }
    }
}
