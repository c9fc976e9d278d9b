//! Carries out what a wake-up names: a conversation or, for a call in its account's queue, the
//! queue.

use calls::ConversationKey;
use cloud::memory::Budget;
use cloud::{Cloud, Error, Outbox};

use crate::conversation::{self, RunEnd};
use crate::given_up::fail_next;
use crate::in_order;
use crate::reply::replies;
use crate::run_step::WakeUpDisposition;
use crate::slice::Slice;

/// Goes on with the conversation or the queue, as far as possible.
pub(crate) async fn carry_on(
    cloud: &Cloud,
    key: &ConversationKey,
    slice: Slice,
    outbox: Outbox,
    budget: &Budget,
) -> Result<WakeUpDisposition, Error> {
    let Some(start) = cloud.begin_run(key).await? else {
        return Ok(WakeUpDisposition::Nothing);
    };
    if let Some(queue) = start.header.conversation.queue() {
        // Boxed, or the future of every run would be as large as that of a queue.
        let queue = in_order::carry_on(cloud, &start.header, queue, slice, outbox, budget);
        return Box::pin(queue).await;
    }
    let (replies, reply_sender) = replies(slice.deadline, outbox, budget.clone());
    let running = conversation::run(cloud, start, slice, replies, budget);
    // The run drops its replies however it ends, and all of them are dealt with.
    let (ran, ()) = tokio::join!(running, reply_sender.settle(cloud));
    Ok(match ran? {
        RunEnd::Ended => WakeUpDisposition::Nothing,
        RunEnd::Stopped(disposition) => disposition,
    })
}

/// Ends the call that invocations die with, and its conversation with it.
pub(crate) async fn give_up(cloud: &Cloud, woken: &ConversationKey) -> Result<(), Error> {
    let key = in_order::at_fault(cloud, woken).await?;
    fail_next(cloud, &key).await
}
