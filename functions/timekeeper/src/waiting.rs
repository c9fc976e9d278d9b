//! Counts the waiting conversations by priority for the metrics, in the index. Messages in the queues
//! are counted by SQS itself.

use std::collections::BTreeMap;

use calls::QueuePriority;
use cloud::metrics::Metric;
use cloud::records::conversation_record::parked_priority;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tracing::warn;

use crate::Round;
use crate::release::WaitingFor;

/// Most conversations that are counted in one part; beyond it the metric is a lower bound. A full
/// count of all parts reads some 1,600 units, a fiftieth of a cent.
const COUNTED_MAX: i32 = 1_000;

/// Parts that are read at the same time.
const PARTS_AT_ONCE: usize = 4;

/// Counts the conversations that wait for the same thing, if metrics are on.
pub(crate) async fn count(round: Round<'_>, waiting: WaitingFor<'_>) {
    let cloud = round.cloud;
    if !cloud.metrics.are_on() {
        return;
    }
    let parts = cloud.shards.list().into_iter();
    let reading = parts.map(|shard| in_part(round, waiting.part(&shard)));
    let all = stream::iter(reading)
        .buffer_unordered(PARTS_AT_ONCE)
        .fold(BTreeMap::new(), |mut all, found| async move {
            for (priority, number) in found {
                *all.entry(priority).or_default() += number;
            }
            all
        })
        .await;
    for (priority, number) in all {
        cloud.metrics.add(Metric::waiting(priority), number);
    }
}

async fn in_part(round: Round<'_>, part: String) -> BTreeMap<QueuePriority, u64> {
    let mut found = BTreeMap::new();
    let cloud = round.cloud;
    if cloud.now() >= round.deadline {
        return found;
    }
    match cloud.calls.due(&part, Timestamp::MAX, COUNTED_MAX).await {
        Ok(entries) => {
            for entry in entries {
                *found.entry(parked_priority(entry.due_at)).or_default() += 1;
            }
        }
        Err(error) => warn!(part, error = error.in_full(), "what waits is not counted"),
    }
    found
}
