//! What a run owes to callers. A reply by HTTP POST has its first attempt here, while the run goes
//! on with the next call: that saves a message, an invocation and a read for most replies there
//! are. Everything else is the notifier's - mails, further attempts, receivers that hang, and
//! whatever comes after something that was left to it, so that replies stay in order.

use std::time::Duration;

use calls::{AsyncResponseType, ReplyState};
use cloud::aws::queues::{BATCH_MAX, ReplyWakeUp};
use cloud::outbound::callback::TIMEOUT;
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, CommitError, Outbox, ReplyAction};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::warn;

/// A reply that has waited so long for its turn is the notifier's, or the timekeeper could wake it
/// for a reply that is being posted here.
const WAITED_MAX: SignedDuration = SignedDuration::from_secs(30);

/// Time before the deadline by which the longest attempt must be over and committed.
const HEAD_ROOM: Duration = Duration::from_secs(2);

enum OutboxCommand {
    Action(ReplyAction),
    /// What was left to the notifier waits for no more of it.
    SendAll,
    /// An earlier run was here: it may have left something to the notifier, and these to nobody.
    GoesOnBehind(Vec<ReplyWakeUp>),
}

/// Where a run puts what it owes.
pub struct Replies(UnboundedSender<OutboxCommand>);

/// Settles what a run owes, in order, until the run has let go of its [`Replies`].
pub struct Telling {
    told: UnboundedReceiver<OutboxCommand>,
    deadline: Timestamp,
    /// Something earlier was, or may have been.
    left_to_notifier: bool,
    waiting: Vec<ReplyWakeUp>,
    outbox: Outbox,
}

impl Replies {
    pub fn add(&self, actions: Vec<ReplyAction>) {
        for action in actions {
            self.tell(OutboxCommand::Action(action));
        }
    }

    pub fn send_all(&self) {
        self.tell(OutboxCommand::SendAll);
    }

    pub fn go_on_behind(&self, left: Vec<ReplyWakeUp>) {
        self.tell(OutboxCommand::GoesOnBehind(left));
    }

    fn tell(&self, told: OutboxCommand) {
        if self.0.send(told).is_err() {
            warn!("replies left for the timekeeper: nobody settles them");
        }
    }
}

pub fn replies(deadline: Timestamp, outbox: Outbox) -> (Replies, Telling) {
    let (sender, told) = unbounded_channel();
    let telling = Telling {
        told,
        deadline,
        left_to_notifier: false,
        waiting: Vec::new(),
        outbox,
    };
    (Replies(sender), telling)
}

impl Telling {
    /// If the power goes in the middle, the timekeeper finds what is owed.
    pub async fn settle(mut self, cloud: &Cloud) {
        while let Some(told) = self.told.recv().await {
            match told {
                OutboxCommand::Action(action) => self.settle_one(cloud, action).await,
                OutboxCommand::SendAll => self.send_waiting(cloud).await,
                OutboxCommand::GoesOnBehind(left) => {
                    self.left_to_notifier = true;
                    self.waiting.extend(left);
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
        if self.left_to_notifier || !self.is_for_us(cloud, &reply) {
            self.left_to_notifier = true;
            return self.waiting.push(action.wake);
        }
        if let Some(wake) = attempt(cloud, &reply, action.wake).await {
            self.waiting.push(wake);
            self.send_waiting(cloud).await;
        }
    }

    fn is_for_us(&self, cloud: &Cloud, record: &ReplyRecord) -> bool {
        let now = cloud.now();
        let reply = &record.reply;
        reply.subscription.response_type == AsyncResponseType::HttpPost
            && reply.state == ReplyState::Pending(reply.pending_since)
            && now.duration_since(reply.pending_since) <= WAITED_MAX
            && now + TIMEOUT + HEAD_ROOM <= self.deadline
            && cloud.receivers.are_quick(&record.account, now)
    }

    async fn send_waiting(&mut self, cloud: &Cloud) {
        let waiting = std::mem::take(&mut self.waiting);
        self.outbox.send(cloud, waiting).await;
    }
}

/// Makes the first attempt at a reply. Gives back the wake-up for what is left to do about it.
async fn attempt(cloud: &Cloud, record: &ReplyRecord, wake: ReplyWakeUp) -> Option<ReplyWakeUp> {
    let began = tokio::time::Instant::now();
    let found = match replies::post(cloud, record).await {
        Ok(found) => found,
        Err(error) => {
            warn!(error = error.in_full(), "reply left to the notifier");
            return Some(wake);
        }
    };
    let (took, now) = (began.elapsed(), cloud.now());
    cloud.receivers.answered(&record.account, &found, took, now);
    match replies::commit(cloud, record, found).await {
        Ok(attempted) => match attempted.state {
            ReplyState::Pending(_) => Some(ReplyWakeUp {
                step: record.version + 1,
                ..wake
            }),
            ReplyState::Delivered | ReplyState::GivenUp => None,
        },
        Err(CommitError::Conflict) => None,
        // Nobody knows whether it is committed: the notifier looks.
        Err(CommitError::Cloud(error)) => {
            warn!(error = error.in_full(), "reply left to the notifier");
            Some(wake)
        }
    }
}
