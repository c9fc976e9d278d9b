//! The calls of a queue of an account or an API client, one after another as they were accepted.
//!
//! Whoever is woken for one of them carries out the first that is there, then the next, for as long
//! as time and the queue's rate allow. The first entry of the queue stays until its call has ended,
//! so that two runs at once are at the same call, and the table lets one of them through.

use calls::{AccountId, ConversationKey, QueueOwner, QueuePriority};
use cloud::aws::lanes::RunLane;
use cloud::aws::queues::WakeUp;
use cloud::conversation::ordered_queue::QueueEntry;
use cloud::memory::Budget;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, Error, Outbox};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tracing::error;

use crate::conversation::{RunEnd, run};
use crate::run_step::WakeUpDisposition;
use crate::slice::Slice;

/// Calls whose replies are sent while the next calls are carried out. A slow receiver does not hold
/// up the queue, and a run has no more than these in progress.
const REPLY_TASKS_MAX: usize = 20;

/// What one look at a queue came to.
struct QueueTurn<'a> {
    cloud: &'a Cloud,
    queue: ConversationKey,
    account: AccountId,
    owner: QueueOwner,
    priority: QueuePriority,
    /// The call that the next message names.
    wake: WakeUp,
    slice: Slice,
    outbox: Outbox,
    budget: &'a Budget,
}

/// Goes on with the queue that a call is in.
pub(crate) async fn carry_on(
    cloud: &Cloud,
    header: &ConversationRecord,
    queue: ConversationKey,
    slice: Slice,
    outbox: Outbox,
    budget: &Budget,
) -> Result<WakeUpDisposition, Error> {
    let place = header.conversation.queue_place.as_ref();
    let turn = QueueTurn {
        cloud,
        account: header.conversation.account.clone(),
        owner: place.map(|place| place.owner.clone()).unwrap_or_default(),
        priority: header.conversation.priority,
        wake: WakeUp {
            conversation: header.key.clone(),
            step: header.version,
            queue: Some(queue.clone()),
            lane: RunLane::Own,
        },
        queue,
        slice,
        outbox,
        budget,
    };
    let mut reply_tasks = JoinSet::new();
    let disposition = turn.take(&mut reply_tasks).await;
    while let Some(joined) = reply_tasks.join_next().await {
        note(joined);
    }
    disposition
}

impl QueueTurn<'_> {
    async fn take(&self, reply_tasks: &mut JoinSet<()>) -> Result<WakeUpDisposition, Error> {
        let mut is_first = true;
        loop {
            let Some(first) = self.cloud.first_in_queue(&self.queue).await? else {
                return Ok(WakeUpDisposition::Nothing);
            };
            if !is_first && self.cloud.now() >= self.slice.ends {
                return self.go_on_later(&first).await;
            }
            match self.may_begin().await? {
                None => {}
                // The same message waits, but only once: after other calls it has been delivered
                // for them.
                Some(at) if is_first => return Ok(WakeUpDisposition::WaitsUntil(at)),
                Some(_) => return self.go_on_later(&first).await,
            }
            while reply_tasks.len() >= REPLY_TASKS_MAX
                && let Some(joined) = reply_tasks.join_next().await
            {
                note(joined);
            }
            match self.carry_out(&first, reply_tasks).await? {
                RunEnd::Ended => self.cloud.leave_queue(&first).await?,
                RunEnd::Stopped(disposition) => return Ok(disposition),
            }
            is_first = false;
        }
    }

    async fn carry_out(
        &self,
        first: &QueueEntry,
        reply_tasks: &mut JoinSet<()>,
    ) -> Result<RunEnd, Error> {
        let Some(start) = self.cloud.begin_run(&first.conversation).await? else {
            // The call has outlived its retention.
            return Ok(RunEnd::Ended);
        };
        let outbox = self.outbox.clone();
        let (replies, settling) =
            crate::reply::replies(self.slice.deadline, outbox, self.budget.clone());
        let cloud = self.cloud.clone();
        reply_tasks.spawn(async move { settling.settle(&cloud).await });
        run(self.cloud, start, self.slice, replies, self.budget).await
    }

    /// `None`: now.
    async fn may_begin(&self) -> Result<Option<Timestamp>, Error> {
        let accounts = &self.cloud.accounts;
        let now = self.cloud.now();
        let settings = match &self.owner {
            QueueOwner::Account => {
                let account = accounts.account(&self.account, now).await?;
                account.map(|account| account.queue).unwrap_or_default()
            }
            QueueOwner::Client(client) => accounts.client_queue(client, now).await?,
        };
        match settings.rate(self.priority) {
            Some(rate) => self.cloud.take_queue_token(&self.queue, rate).await,
            None => Ok(None),
        }
    }

    async fn go_on_later(&self, first: &QueueEntry) -> Result<WakeUpDisposition, Error> {
        self.cloud
            .go_on_with_queue(self.priority, &self.wake, first)
            .await?;
        Ok(WakeUpDisposition::Nothing)
    }
}

fn note(joined: Result<(), tokio::task::JoinError>) {
    if let Err(panic) = joined {
        // Pending replies are in the table.
        error!(%panic, "replies left for the timekeeper");
    }
}

/// The call that cannot be carried out and that a message is about: in a queue, the first one.
pub(crate) async fn at_fault(
    cloud: &Cloud,
    woken: &ConversationKey,
) -> Result<ConversationKey, Error> {
    let header = cloud.conversation_record(woken).await?;
    let Some(queue) = header.and_then(|header| header.conversation.queue()) else {
        return Ok(woken.clone());
    };
    let first = cloud.first_in_queue(&queue).await?;
    Ok(first.map_or_else(|| woken.clone(), |first| first.conversation))
}
