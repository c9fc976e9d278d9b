//! Every minute: whatever is due in the table and was not done by itself. Silence in a
//! conversation, wake-ups that were lost, replies to be tried again, calls that waited for the end
//! of maintenance.
//!
//! What it finds twice does no harm: it only wakes, and moves the time of the next look.

use calls::{ConversationKey, Owed, Phase, Step};
use cloud::standing::{Standing, parked_shard};
use cloud::table::DueEntry;
use cloud::{Cloud, CommitError, Trouble};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

/// The index of what is due is dealt out to so many parts, by the first digit of the key.
const SHARDS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
];

/// Entries that are read in one request.
const PAGE: i32 = 100;

/// Pages of one part that are looked at in one minute: what is left waits for the next.
const PAGES_MAX: usize = 20;

/// Entries that are looked at at the same time.
const AT_ONCE: usize = 8;

/// What a minute came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    pub looked_at: usize,
    pub trouble: usize,
}

/// Looks at all that is due. `deadline`: when to leave the rest to the next minute.
pub async fn tick(cloud: &Cloud, deadline: Timestamp) -> Result<Minute, Trouble> {
    look_ahead(cloud, SignedDuration::ZERO, deadline).await
}

/// The same for all that will be due within a time: for a cloud whose queues have lost everything.
pub async fn look_ahead(
    cloud: &Cloud,
    ahead: SignedDuration,
    deadline: Timestamp,
) -> Result<Minute, Trouble> {
    let maintenance = cloud.accounts.maintenance().await?;
    let mut minute = Minute::default();
    let by = cloud.now() + ahead;
    for shard in SHARDS.map(String::from) {
        look_through(cloud, &shard, by, maintenance, deadline, &mut minute).await?;
        if !maintenance {
            let parked = parked_shard(&shard);
            look_through(cloud, &parked, by, maintenance, deadline, &mut minute).await?;
        }
    }
    if minute != Minute::default() {
        info!(
            looked_at = minute.looked_at,
            trouble = minute.trouble,
            "timekeeper came by"
        );
    }
    Ok(minute)
}

async fn look_through(
    cloud: &Cloud,
    shard: &str,
    by: Timestamp,
    maintenance: bool,
    deadline: Timestamp,
    minute: &mut Minute,
) -> Result<(), Trouble> {
    for _ in 0..PAGES_MAX {
        if cloud.now() >= deadline {
            return Ok(());
        }
        let entries = cloud.calls.due(shard, by, PAGE).await?;
        let found = entries.len();
        let looking = entries
            .into_iter()
            .map(|entry| look_at(cloud, entry, maintenance));
        let went: Vec<_> = stream::iter(looking)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let troubles = went.iter().filter(|went| went.is_err()).count();
        minute.looked_at += found;
        minute.trouble += troubles;
        // What was looked at has moved on; a page of nothing but trouble would be read again.
        if found < usize::try_from(PAGE).unwrap_or(0) || troubles == found {
            return Ok(());
        }
    }
    Ok(())
}

async fn look_at(cloud: &Cloud, entry: DueEntry, maintenance: bool) -> Result<(), ()> {
    let now = cloud.now();
    let looked = if Standing::is_at(&entry.key) {
        let key = ConversationKey(entry.key.pk.clone());
        cloud
            .take_step(&key, now, |conversation| {
                look_or_park(conversation, maintenance, now)
            })
            .await
            .map(|_| ())
    } else {
        match cloud.look_at_owed(&entry.key, now).await {
            // Whoever was first has done it.
            Ok(()) | Err(CommitError::Overtaken) => Ok(()),
            Err(CommitError::Unavailable(trouble)) => Err(trouble),
        }
    };
    looked.map_err(|trouble| {
        warn!(
            pk = entry.key.pk,
            sk = entry.key.sk,
            trouble = trouble.in_full(),
            "left for the next minute"
        );
    })
}

/// In maintenance a running conversation is not woken: it would only be parked by the processor.
fn look_or_park(conversation: calls::Conversation, maintenance: bool, now: Timestamp) -> Step<()> {
    if maintenance && matches!(conversation.phase, Phase::Running(_)) {
        let parked = conversation.park(now);
        return Step {
            conversation: Some(parked),
            answer: (),
            owed: Vec::<Owed>::new(),
        };
    }
    conversation.look(now)
}
