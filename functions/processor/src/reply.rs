//! The replies that a run leaves to be sent. The first attempt at a reply by HTTP POST is made
//! here, while the run goes on with the next call: for most replies that saves a message, an
//! invocation and a read.
//!
//! The notifier does everything else: mails, further attempts, receivers that are slow or not
//! known, and every reply behind one that was left to it, so that replies stay in order.

use std::collections::BTreeMap;
use std::time::Duration;

use calls::{AsyncResponseType, ConversationKey, Reply, ReplyState, SequenceCode};
use cloud::aws::lanes::Lane;
use cloud::aws::queues::{BATCH_MAX, ReplyWakeUp};
use cloud::error::CONFLICTS_MAX;
use cloud::memory::Budget;
use cloud::outbound::receiver_health::{Pace, Receiver};
use cloud::records::reply_record::ReplyRecord;
use cloud::{Cloud, CommitError, Committed, Error, Outbox, ReplyAction};
use jiff::Timestamp;
use replies::{Means, Preparation, Prepared};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::warn;

use crate::in_flight::{Delivered, FirstAttempt, InFlight};

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
    /// Answered once those before it have been dealt with.
    SayWhenDone(oneshot::Sender<()>),
}

/// Where a run puts the replies that are to be sent.
pub struct Replies {
    commands: UnboundedSender<OutboxCommand>,
    pub(crate) in_flight: InFlight,
}

/// Sends the replies of a run in order, until the run has dropped its [`Replies`].
pub struct ReplySender {
    commands: UnboundedReceiver<OutboxCommand>,
    means: Means,
    /// It also says whether an earlier reply was left to the notifier, or may have been.
    in_flight: InFlight,
    /// Which conversation the header is of that answers for them.
    conversation: Option<ConversationKey>,
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
            if let Some(record) = action.reply.as_ref().filter(|record| record.is_by_header()) {
                self.in_flight.add(record);
            }
            self.enqueue(OutboxCommand::Action(action));
        }
    }

    pub fn send_all(&self) {
        self.enqueue(OutboxCommand::SendAll);
    }

    pub fn go_on_behind(&self, pending: Vec<ReplyWakeUp>) {
        self.in_flight.leave_to_notifier();
        self.enqueue(OutboxCommand::GoesOnBehind(pending));
    }

    /// Returns when the replies so far have been dealt with, or after a second.
    pub(crate) async fn done(&self) {
        let (said, done) = oneshot::channel();
        self.enqueue(OutboxCommand::SayWhenDone(said));
        // What is not done is done later.
        let _late = tokio::time::timeout(WAIT_MAX, done).await;
    }

    fn enqueue(&self, command: OutboxCommand) {
        if self.commands.send(command).is_err() {
            warn!("replies left for the timekeeper: nobody settles them");
        }
    }
}

pub fn replies(deadline: Timestamp, outbox: Outbox, budget: Budget) -> (Replies, ReplySender) {
    let (sender, commands) = unbounded_channel();
    let in_flight = InFlight::default();
    let replies = Replies {
        commands: sender,
        in_flight: in_flight.clone(),
    };
    let reply_sender = ReplySender {
        commands,
        means: Means { budget, deadline },
        in_flight,
        conversation: None,
        lanes: BTreeMap::new(),
        waits_since: None,
        waiting: Vec::new(),
        outbox,
    };
    (replies, reply_sender)
}

impl ReplySender {
    /// If the process dies here, the timekeeper finds what is pending.
    pub async fn settle(mut self, cloud: &Cloud) {
        while let Some(command) = self.next_command(cloud).await {
            match command {
                OutboxCommand::Action(action) => self.settle_one(cloud, action).await,
                OutboxCommand::SendAll => self.send_waiting(cloud).await,
                OutboxCommand::GoesOnBehind(pending) => self.waiting.extend(pending),
                // Whoever asked may have gone on without the answer.
                OutboxCommand::SayWhenDone(said) => drop(said.send(())),
            }
            if self.waiting.len() >= BATCH_MAX {
                self.send_waiting(cloud).await;
            }
        }
        self.send_waiting(cloud).await;
        self.record_delivered(cloud).await;
    }

    /// What has been delivered is committed meanwhile, if the run does not come to it in time.
    async fn next_command(&mut self, cloud: &Cloud) -> Option<OutboxCommand> {
        let now = cloud.now();
        if let Some(at) = self.in_flight.to_be_recorded_by() {
            let time = Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
            if !time.is_zero()
                && let Ok(command) = tokio::time::timeout(time, self.commands.recv()).await
            {
                return command;
            }
            self.record_delivered(cloud).await;
        }
        self.commands.recv().await
    }

    async fn settle_one(&mut self, cloud: &Cloud, action: ReplyAction) {
        let Some(reply) = action.reply else {
            // Mails have an order of their own.
            return self.waiting.push(action.wake);
        };
        self.conversation = Some(reply.conversation.clone());
        if self.in_flight.is_left_to_notifier() || !is_first_post(&reply) {
            self.in_flight.leave_to_notifier();
            return self.leave(cloud, &reply, action.wake).await;
        }
        if let Some(lane) = self.lane_of(cloud, &reply).await {
            let wake = ReplyWakeUp {
                lane,
                ..action.wake
            };
            return self.leave(cloud, &reply, wake).await;
        }
        if !self.has_time(&reply, cloud.now()) || self.has_waited_long() {
            self.in_flight.leave_to_notifier();
            return self.leave(cloud, &reply, action.wake).await;
        }
        let attempted = self.attempt(cloud, &reply, action.wake.clone()).await;
        match attempted {
            FirstAttemptEnd::Over => {}
            FirstAttemptEnd::NotMade => {
                self.leave(cloud, &reply, action.wake).await;
                self.send_waiting(cloud).await;
            }
            FirstAttemptEnd::GoesOn(wake) => {
                self.waiting.push(wake);
                self.send_waiting(cloud).await;
            }
        }
    }

    /// Leaves a reply to the notifier, which finds it in a record.
    async fn leave(&mut self, cloud: &Cloud, record: &ReplyRecord, wake: ReplyWakeUp) {
        if record.is_by_header() {
            let sequence = record.reply.sequence;
            let put = cloud.put_reply_apart(record, cloud.now()).await;
            if let Err(error) = put {
                warn!(error = error.in_full(), "reply left for the timekeeper");
                return self.in_flight.attempted(sequence, FirstAttempt::Unknown);
            }
            self.in_flight.attempted(sequence, FirstAttempt::Apart);
        }
        self.waiting.push(wake);
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

    /// Makes the first attempt at a reply.
    async fn attempt(
        &mut self,
        cloud: &Cloud,
        record: &ReplyRecord,
        wake: ReplyWakeUp,
    ) -> FirstAttemptEnd {
        let prepared = replies::prepare(cloud, record, &self.means).await;
        let now = cloud.now();
        // Nothing of what has been delivered may be unsaid when its lease ends.
        if self
            .in_flight
            .to_be_recorded_by()
            .is_some_and(|by| by <= now)
        {
            self.record_delivered(cloud).await;
        }
        match prepared {
            Ok(Preparation::Ready(prepared)) if self.has_time(record, cloud.now()) => {
                self.post(cloud, record, prepared, wake).await
            }
            Ok(Preparation::Ready(_) | Preparation::NoRoom) => FirstAttemptEnd::NotMade,
            Err(error) => {
                warn!(error = error.in_full(), "reply left to the notifier");
                FirstAttemptEnd::NotMade
            }
        }
    }

    async fn post(
        &mut self,
        cloud: &Cloud,
        record: &ReplyRecord,
        prepared: Prepared,
        wake: ReplyWakeUp,
    ) -> FirstAttemptEnd {
        let found = replies::post(cloud, record, prepared).await;
        let committed = Committed::of(replies::commit(cloud, record, found).await);
        let first = first_attempt(record, &committed);
        self.in_flight.attempted(record.reply.sequence, first);
        match committed {
            Ok(Committed::Written(attempted)) => match attempted.state {
                ReplyState::Pending(_) => FirstAttemptEnd::GoesOn(ReplyWakeUp {
                    step: record.version + 1,
                    ..wake
                }),
                ReplyState::Delivered | ReplyState::GivenUp => FirstAttemptEnd::Over,
            },
            Ok(Committed::Conflict) => FirstAttemptEnd::Over,
            Err(error) => {
                warn!(error = error.in_full(), "reply left to the notifier");
                match record.is_by_header() {
                    // Whoever finds the conversation looks.
                    true => FirstAttemptEnd::Over,
                    // It is not known whether this was committed, so the notifier looks.
                    false => FirstAttemptEnd::GoesOn(wake),
                }
            }
        }
    }

    /// Commits what the header does not say yet: that replies were delivered, or lie apart.
    async fn record_delivered(&mut self, cloud: &Cloud) {
        let Some(key) = self.conversation.clone() else {
            return;
        };
        for _ in 0..CONFLICTS_MAX {
            let Some(through) = self.in_flight.settled_through() else {
                return;
            };
            match Committed::of(self.record_through(cloud, &key, through).await) {
                Ok(Committed::Written(())) => return self.in_flight.recorded(through),
                Ok(Committed::Conflict) => {}
                Err(error) => {
                    warn!(error = error.in_full(), "replies left for the timekeeper");
                    break;
                }
            }
        }
        // They are made again, or are not: nothing waits for the next try here.
        if let Some(through) = self.in_flight.settled_through() {
            self.in_flight.recorded(through);
        }
    }

    async fn record_through(
        &self,
        cloud: &Cloud,
        key: &ConversationKey,
        through: SequenceCode,
    ) -> Result<(), CommitError> {
        let header = match self.in_flight.take_header() {
            Some(header) => Some(header),
            None => cloud.conversation_record(key).await?,
        };
        let Some(header) = header else { return Ok(()) };
        let now = cloud.now();
        let undelivered = header.conversation.undelivered;
        if undelivered.is_some_and(|undelivered| undelivered.first <= through) {
            let next = header.conversation.clone().delivered_through(through);
            return cloud.commit_header(&header, next, now).await.map(drop);
        }
        // Somebody has taken them over.
        for delivered in self.in_flight.delivered() {
            let Delivered { record, reply } = delivered;
            let said = cloud.commit_taken_over(&record, reply, now).await;
            let _whoever = Committed::of(said)?;
        }
        Ok(())
    }
}

/// What the first attempt at a reply came to.
enum FirstAttemptEnd {
    /// Nothing is left to do here.
    Over,
    NotMade,
    /// Somebody has to be woken for what follows.
    GoesOn(ReplyWakeUp),
}

/// The same for the header that answers for the reply.
fn first_attempt(
    record: &ReplyRecord,
    committed: &Result<Committed<Reply>, Error>,
) -> FirstAttempt {
    match committed {
        Ok(Committed::Written(reply)) if reply.state == ReplyState::Delivered => {
            FirstAttempt::Delivered(Box::new(Delivered {
                record: record.clone(),
                reply: reply.clone(),
            }))
        }
        Ok(Committed::Written(_) | Committed::Conflict) => FirstAttempt::Apart,
        Err(_) => FirstAttempt::Unknown,
    }
}

fn is_first_post(record: &ReplyRecord) -> bool {
    let reply = &record.reply;
    reply.subscription.response_type == AsyncResponseType::HttpPost && reply.is_unattempted()
}
