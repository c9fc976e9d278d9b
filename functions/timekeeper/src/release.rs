//! Wakes the conversations that waited for the end of maintenance or for a backend: High first, then
//! Medium, then Low, each in the order of acceptance.
//!
//! The parts of the index are read side by side and merged. An entry may go on only if it comes before
//! the last entry of every full page: behind that one, a part may have entries that come first.

use calls::BackendName;
use cloud::aws::table::DueEntry;
use cloud::due::held_shard;
use cloud::records::conversation_record::{parked_priority, parked_shard};
use cloud::{Cloud, Error};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tracing::warn;

use crate::{ENTRIES_AT_ONCE, MinuteReport, PartReport, Round, look_at};

/// Parts that are read at the same time.
const PARKED_PARTS_AT_ONCE: usize = 4;

/// Conversations that are woken at the same time: few, so that the wake-ups leave nearly in order.
const WOKEN_AT_ONCE: usize = 8;

/// Most times that the parts are read in one minute: an index that lags still shows conversations
/// that have been woken.
const ROUNDS_MAX: usize = 400;

/// What conversations wait for.
#[derive(Clone, Copy)]
pub(crate) enum WaitingFor<'a> {
    /// The end of maintenance: all may go on.
    ForMaintenance,
    /// A backend, which takes at most so many conversations this minute.
    ForBackend {
        name: &'a BackendName,
        at_most: usize,
    },
}

impl WaitingFor<'_> {
    const fn at_most(self) -> usize {
        match self {
            Self::ForMaintenance => usize::MAX,
            Self::ForBackend { at_most, .. } => at_most,
        }
    }

    /// The part of the index where those of a shard wait.
    pub(crate) fn part(self, shard: &str) -> String {
        match self {
            Self::ForMaintenance => parked_shard(shard),
            Self::ForBackend { name, .. } => held_shard(name.as_str(), shard),
        }
    }
}

/// Wakes waiting conversations until none is left or the deadline is reached.
pub(crate) async fn release(round: Round<'_>, waiting: WaitingFor<'_>) -> PartReport {
    let mut minute = MinuteReport::default();
    for _ in 0..ROUNDS_MAX {
        let remaining = waiting.at_most().saturating_sub(minute.looked_at);
        if round.cloud.now() >= round.deadline || remaining == 0 {
            break;
        }
        let FirstWaiting {
            mut entries,
            is_complete,
        } = match first_waiting(round.cloud, waiting).await {
            Ok(first) => first,
            Err(error) => {
                let work = "waiting conversations";
                warn!(work, error = error.in_full(), "left for the next minute");
                return PartReport::incomplete(minute, error);
            }
        };
        entries.truncate(remaining);
        let found = entries.len();
        let mut errors = 0;
        for entries in by_priority(entries) {
            errors += let_go_on(round, entries).await;
        }
        minute.looked_at += found;
        minute.errors += errors;
        if is_complete || errors == found {
            break;
        }
    }
    PartReport::complete(minute)
}

/// Groups the entries by priority: all of one are woken before the first of the next.
fn by_priority(entries: Vec<DueEntry>) -> Vec<Vec<DueEntry>> {
    let same = |one: &DueEntry, other: &DueEntry| {
        parked_priority(one.due_at) == parked_priority(other.due_at)
    };
    entries.chunk_by(same).map(<[DueEntry]>::to_vec).collect()
}

/// How many of them failed.
async fn let_go_on(round: Round<'_>, entries: Vec<DueEntry>) -> usize {
    let looking = entries
        .into_iter()
        .map(|entry| Box::pin(look_at(round, entry)));
    stream::iter(looking)
        .buffered(WOKEN_AT_ONCE)
        .fold(0, |all, handled| async move { all + handled.errors() })
        .await
}

/// The entries that certainly come before all others.
struct FirstWaiting {
    /// In their order.
    entries: Vec<DueEntry>,
    /// There are no others.
    is_complete: bool,
}

async fn first_waiting(cloud: &Cloud, waiting: WaitingFor<'_>) -> Result<FirstWaiting, Error> {
    let shards = cloud.shards.list().into_iter();
    let reading = shards.map(|shard| page(cloud, waiting.part(&shard)));
    let pages: Vec<_> = stream::iter(reading)
        .buffer_unordered(PARKED_PARTS_AT_ONCE)
        .collect()
        .await;
    let pages = pages.into_iter().collect::<Result<Vec<_>, _>>()?;
    let is_full =
        |page: &&Vec<DueEntry>| page.len() >= usize::try_from(ENTRIES_AT_ONCE).unwrap_or(1);
    let ends = pages.iter().filter(is_full);
    let end = ends.filter_map(|page| Some(page.last()?.due_at)).min();
    Ok(FirstWaiting {
        entries: merged(pages, end),
        is_complete: end.is_none(),
    })
}

async fn page(cloud: &Cloud, part: String) -> Result<Vec<DueEntry>, Error> {
    cloud
        .calls
        .due(&part, Timestamp::MAX, ENTRIES_AT_ONCE)
        .await
}

fn merged(pages: Vec<Vec<DueEntry>>, end: Option<Timestamp>) -> Vec<DueEntry> {
    let mut entries: Vec<DueEntry> = pages.into_iter().flatten().collect();
    entries.retain(|entry| end.is_none_or(|end| entry.due_at <= end));
    entries.sort_by(|one, other| (one.due_at, &one.key.pk).cmp(&(other.due_at, &other.key.pk)));
    entries
}

#[cfg(test)]
mod tests {
    use cloud::aws::table::Key;

    use super::*;

    fn page(seconds: &[i64]) -> Vec<DueEntry> {
        let entry = |second: &i64| DueEntry {
            key: Key::new(format!("{second}"), "CONVERSATION"),
            due_at: Timestamp::from_second(*second).expect("a time"),
        };
        seconds.iter().map(entry).collect()
    }

    #[test]
    fn nothing_overtakes_what_a_part_may_still_hold() {
        let order = |end: Option<i64>| -> Vec<i64> {
            let end = end.map(|end| Timestamp::from_second(end).expect("a time"));
            let merged = merged(vec![page(&[1, 4, 9]), page(&[2, 3]), page(&[7])], end);
            merged
                .iter()
                .map(|entry| entry.due_at.as_second())
                .collect()
        };
        assert_eq!(order(None), [1, 2, 3, 4, 7, 9]);
        assert_eq!(order(Some(4)), [1, 2, 3, 4]);
    }
}
