//! Every minute: whatever is due in the table and was not done by itself. Silence in a
//! conversation, wake-ups that were lost, replies to be tried again, calls that waited for the end
//! of maintenance.
//!
//! What it finds twice does no harm: it only wakes, and moves the time of the next look.

mod breakers;
mod release;
mod waiting;

use std::collections::BTreeMap;

use calls::{Action, ConversationKey, Due, Phase, QueuePriority, Step};
use cloud::aws::table::DueEntry;
use cloud::conversation::waiting::has_waited_long;
use cloud::metrics::{Function, Metric};
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, Committed, Error};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use crate::release::WaitingFor;

/// Entries that are read in one request.
const ENTRIES_AT_ONCE: i32 = 100;

/// Pages of one part that are looked at in one minute: what is left waits for the next.
const PAGES_MAX: usize = 20;

/// Parts that are asked at the same time. Each of them needs a connection, and a cold function has
/// one: with more than three it takes longer to open the others than they save.
const PARTS_AT_ONCE: usize = 3;

/// Conversations of one part that are looked at at the same time.
const CONVERSATIONS_AT_ONCE: usize = 3;

/// What a minute came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteReport {
    pub looked_at: usize,
    pub error: usize,
    /// How long ago the oldest of them was due, in seconds.
    pub oldest_due_s: i64,
}

/// How a minute goes: what is due by when is looked for, and until when.
#[derive(Clone, Copy)]
struct Round<'a> {
    cloud: &'a Cloud,
    by: Timestamp,
    maintenance: bool,
    deadline: Timestamp,
}

/// Looks at all that is due. `deadline`: when to leave the rest to the next minute.
pub async fn tick(cloud: &Cloud, deadline: Timestamp) -> Result<MinuteReport, Error> {
    tick_ahead(cloud, SignedDuration::ZERO, deadline).await
}

/// The same for all that will be due within a time: for a cloud whose queues have lost everything.
/// A part that cannot be read fails the whole, but only after all others were looked through.
pub async fn tick_ahead(
    cloud: &Cloud,
    prefetched: SignedDuration,
    deadline: Timestamp,
) -> Result<MinuteReport, Error> {
    let looked = look_at_minute(cloud, prefetched, deadline).await;
    cloud
        .metrics
        .end_invocation(Function::Timekeeper, cloud.now());
    looked
}

async fn look_at_minute(
    cloud: &Cloud,
    prefetched: SignedDuration,
    deadline: Timestamp,
) -> Result<MinuteReport, Error> {
    let switch = cloud.accounts.maintenance_switch().await?;
    let now = cloud.now();
    let switch = switch.map(|it| it.holds_at(now));
    let round = Round {
        cloud,
        by: now + prefetched,
        maintenance: switch == Some(true),
        deadline,
    };
    let parts = cloud.shards.list();
    // Boxed, as those below are: all of them at once would not fit a small stack.
    let looking = parts
        .into_iter()
        .map(|part| Box::pin(look_through(round, part)));
    let looking = stream::iter(looking).buffer_unordered(PARTS_AT_ONCE);
    let looking = looking.collect::<Vec<_>>();
    let releasing = async {
        match may_go_on(switch, now) {
            true => Some(Box::pin(release::release(round, WaitingFor::ForMaintenance)).await),
            false => None,
        }
    };
    let counting = async {
        if round.maintenance {
            Box::pin(waiting::count(round, WaitingFor::ForMaintenance)).await;
        }
    };
    let asking = Box::pin(breakers::look_at_all(round));
    let holding = Box::pin(release_mails(round));
    let keeping = Box::pin(keep_up(round));
    let (mut scanned, released, probed, held, kept, ()) =
        futures_util::join!(looking, releasing, asking, holding, keeping, counting);
    scanned.extend(released);
    scanned.extend([probed, held, kept]);
    let mut minute = MinuteReport::default();
    let mut first_error = None;
    for (looked, error) in scanned {
        minute.looked_at += looked.looked_at;
        minute.error += looked.error;
        minute.oldest_due_s = minute.oldest_due_s.max(looked.oldest_due_s);
        first_error = first_error.or(error);
    }
    if minute != MinuteReport::default() {
        info!(
            looked_at = minute.looked_at,
            error = minute.error,
            oldest_due_s = minute.oldest_due_s,
            "timekeeper came by"
        );
    }
    first_error.map_or(Ok(minute), Err)
}

/// Mails that a definition held back go out once it is active.
async fn release_mails(round: Round<'_>) -> (MinuteReport, Option<Error>) {
    match round.cloud.release_held_mails(round.deadline).await {
        Ok(looked_at) => {
            let minute = MinuteReport {
                looked_at,
                ..MinuteReport::default()
            };
            (minute, None)
        }
        Err(error) => {
            warn!(
                error = error.in_full(),
                "held mails are left for the next minute"
            );
            (MinuteReport::default(), Some(error))
        }
    }
}

/// Rows and data extensions whose time is over are deleted.
async fn keep_up(round: Round<'_>) -> (MinuteReport, Option<Error>) {
    match round.cloud.keep_up(round.deadline).await {
        Ok(looked_at) => {
            let minute = MinuteReport {
                looked_at,
                ..MinuteReport::default()
            };
            (minute, None)
        }
        Err(error) => {
            warn!(
                error = error.in_full(),
                "upkeep is left for the next minute"
            );
            (MinuteReport::default(), Some(error))
        }
    }
}

/// Whether what is parked is looked for: not during maintenance, and not where there never was any,
/// since only maintenance parks. Once an hour it is looked all the same: somebody may have taken the
/// switch out of the table by hand.
fn may_go_on(switch: Option<bool>, now: Timestamp) -> bool {
    let first_minute_of_an_hour = now.as_second().rem_euclid(3_600) < 60;
    switch.map_or(first_minute_of_an_hour, |maintenance| !maintenance)
}

/// What was looked at in one part, and what kept the rest of it from being read.
async fn look_through(round: Round<'_>, part: String) -> (MinuteReport, Option<Error>) {
    let mut minute = MinuteReport::default();
    let mut last = None;
    for _ in 0..PAGES_MAX {
        if round.cloud.now() >= round.deadline {
            break;
        }
        let calls = &round.cloud.calls;
        let found = calls
            .due_behind(&part, round.by, ENTRIES_AT_ONCE, last.as_ref())
            .await;
        let entries = match found {
            Ok(entries) => entries,
            Err(error) => {
                warn!(part, error = error.in_full(), "left for the next minute");
                return (minute, Some(error));
            }
        };
        let found = entries.len();
        if let Some(oldest) = entries.first() {
            let late = round.cloud.now().duration_since(oldest.due_at).as_secs();
            minute.oldest_due_s = minute.oldest_due_s.max(late);
        }
        last = entries.last().cloned();
        let looking = by_conversation(entries).into_iter();
        let looking = looking.map(|entries| look_at_all(round, entries));
        let errors: usize = stream::iter(looking)
            .buffer_unordered(CONVERSATIONS_AT_ONCE)
            .fold(0, |all, errors| async move { all + errors })
            .await;
        minute.looked_at += found;
        minute.error += errors;
        if found < usize::try_from(ENTRIES_AT_ONCE).unwrap_or(0) {
            break;
        }
    }
    (minute, None)
}

/// Those of a conversation together, as they are due: its replies are woken in their order.
fn by_conversation(entries: Vec<DueEntry>) -> Vec<Vec<DueEntry>> {
    let mut places = BTreeMap::new();
    let mut conversations: Vec<Vec<DueEntry>> = Vec::new();
    for entry in entries {
        let place = *places
            .entry(entry.key.pk.clone())
            .or_insert(conversations.len());
        match conversations.get_mut(place) {
            Some(conversation) => conversation.push(entry),
            None => conversations.push(vec![entry]),
        }
    }
    conversations
}

/// How many of them met trouble.
async fn look_at_all(round: Round<'_>, entries: Vec<DueEntry>) -> usize {
    let mut errors = 0;
    for entry in entries {
        errors += usize::from(look_at(round, entry).await.is_err());
    }
    errors
}

async fn look_at(round: Round<'_>, entry: DueEntry) -> Result<(), ()> {
    let (cloud, by) = (round.cloud, round.by);
    let now = cloud.now();
    let looked = if ConversationRecord::is_at(&entry.key) {
        look_at_conversation(round, &ConversationKey(entry.key.pk.clone()), now).await
    } else {
        let done = cloud.look_at_pending(&entry.key, by, now).await;
        // After a conflict whoever was first has done it.
        Committed::of(done).map(drop)
    };
    looked.map_err(|error| {
        warn!(
            pk = entry.key.pk,
            sk = entry.key.sk,
            error = error.in_full(),
            "left for the next minute"
        );
    })
}

async fn look_at_conversation(
    round: Round<'_>,
    key: &ConversationKey,
    now: Timestamp,
) -> Result<(), Error> {
    let Round {
        cloud,
        maintenance,
        by,
        ..
    } = round;
    if maintenance {
        // Before it is parked: nobody knows for how long.
        cloud.keep_calls_of(key, now).await?;
    }
    let looked = cloud.look_and_step(key, now, |header| {
        let conversation = header.conversation.clone();
        let waits_long = has_waited_long(&conversation, now);
        let priority = conversation.priority;
        let step = look_or_park(conversation, maintenance, by, now);
        let is_woken = step.actions.contains(&Action::WakeUp);
        let overdue_s = header
            .goes_on_at()
            .filter(|_| is_woken)
            .and_then(|at| u64::try_from(now.duration_since(at).as_secs()).ok());
        Step {
            conversation: step.conversation,
            answer: HeaderLook {
                waits_long,
                priority,
                overdue_s,
            },
            actions: step.actions,
        }
    });
    let Some(look) = looked.await? else {
        return Ok(());
    };
    if let Some(overdue_s) = look.overdue_s {
        let metric = Metric::oldest_due(look.priority);
        cloud.metrics.highest(metric, overdue_s);
    }
    if look.waits_long {
        cloud.keep_calls_of(key, now).await?;
    }
    Ok(())
}

/// What a look at a conversation found.
struct HeaderLook {
    waits_long: bool,
    priority: QueuePriority,
    /// How long somebody should have gone on with it by now; `None`: it is not due, or waits on
    /// purpose.
    overdue_s: Option<u64>,
}

/// In maintenance a running conversation is not woken: it would only be parked by the processor.
/// What the index says is due `by` then may have moved on since: the index lags.
fn look_or_park(
    conversation: calls::Conversation,
    maintenance: bool,
    by: Timestamp,
    now: Timestamp,
) -> Step<()> {
    let is_parked = matches!(conversation.due, Due::Parked(_) | Due::Held(_));
    if !conversation.is_due(by) || (maintenance && is_parked) {
        return Step {
            conversation: None,
            answer: (),
            actions: Vec::new(),
        };
    }
    // Replies go on in maintenance: whoever is woken sees to those that the header answers for.
    let is_delivered = conversation.undelivered.is_none();
    if maintenance && is_delivered && matches!(conversation.phase, Phase::Running(_)) {
        let parked = conversation.park(now);
        return Step {
            conversation: Some(parked),
            answer: (),
            actions: Vec::<Action>::new(),
        };
    }
    conversation.look(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parked_are_looked_for_where_there_may_be_some() {
        let at = |seconds: i64| Timestamp::from_second(1_772_442_000 + seconds).expect("a time");
        assert_eq!(at(0).to_string(), "2026-03-02T09:00:00Z");
        for seconds in [0, 59, 60, 3_599] {
            assert!(!may_go_on(Some(true), at(seconds)), "in maintenance");
            assert!(may_go_on(Some(false), at(seconds)), "it has ended");
        }
        assert!(may_go_on(None, at(59)) && may_go_on(None, at(3_600)));
        assert!(!may_go_on(None, at(60)) && !may_go_on(None, at(3_599)));
    }
}
