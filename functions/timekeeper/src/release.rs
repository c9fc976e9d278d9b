//! What maintenance held back goes on: High first, then Medium, then Low, and as it was accepted.
//!
//! The parts of the index are read side by side and merged: only what comes before the end of every
//! page that was read may go on, since a part may hold more before that.

use calls::BackendName;
use cloud::aws::table::DueEntry;
use cloud::due::held_shard;
use cloud::records::conversation_record::{parked_priority, parked_shard};
use cloud::{Cloud, Error};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tracing::warn;

use crate::{ENTRIES_AT_ONCE, MinuteReport, Round, look_at};

/// Parts that are read at the same time.
const PARKED_PARTS_AT_ONCE: usize = 4;

/// Conversations that are woken at the same time: few, so that they go out nearly in their order.
const WOKEN_AT_ONCE: usize = 8;

/// How often the parts are read in one minute: an index that lags shows again what went on already.
const ROUNDS_MAX: usize = 400;

/// What is waited for.
#[derive(Clone, Copy)]
pub(crate) enum WaitingFor<'a> {
    /// The end of maintenance: all may go on.
    ForMaintenance,
    /// A backend, which takes so many conversations this minute.
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

/// Lets go on what was held back, until nothing is left or the minute is over.
pub(crate) async fn release(
    round: Round<'_>,
    waiting: WaitingFor<'_>,
) -> (MinuteReport, Option<Error>) {
    let mut minute = MinuteReport::default();
    for _ in 0..ROUNDS_MAX {
        let remaining = waiting.at_most().saturating_sub(minute.looked_at);
        if round.cloud.now() >= round.deadline || remaining == 0 {
            break;
        }
        let (mut entries, all_read) = match first_parked(round.cloud, waiting).await {
            Ok(found) => found,
            Err(error) => {
                warn!(
                    error = error.in_full(),
                    "the parked are left for the next minute"
                );
                return (minute, Some(error));
            }
        };
        entries.truncate(remaining);
        let found = entries.len();
        let mut errors = 0;
        for entries in by_priority(entries) {
            errors += let_go_on(round, entries).await;
        }
        minute.looked_at += found;
        minute.error += errors;
        if all_read || errors == found {
            break;
        }
    }
    (minute, None)
}

/// Those of one priority together: none of the next is woken before all of them are.
fn by_priority(entries: Vec<DueEntry>) -> Vec<Vec<DueEntry>> {
    let same = |one: &DueEntry, other: &DueEntry| {
        parked_priority(one.due_at) == parked_priority(other.due_at)
    };
    entries.chunk_by(same).map(<[DueEntry]>::to_vec).collect()
}

/// How many of them met an error.
async fn let_go_on(round: Round<'_>, entries: Vec<DueEntry>) -> usize {
    let looking = entries
        .into_iter()
        .map(|entry| Box::pin(look_at(round, entry)));
    stream::iter(looking)
        .buffered(WOKEN_AT_ONCE)
        .fold(0, |all, looked| async move {
            all + usize::from(looked.is_err())
        })
        .await
}

/// Those that come before all others, in their order; and whether they are all.
async fn first_parked(
    cloud: &Cloud,
    waiting: WaitingFor<'_>,
) -> Result<(Vec<DueEntry>, bool), Error> {
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
    Ok((merged(pages, end), end.is_none()))
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
