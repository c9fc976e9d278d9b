//! Runs every minute and looks for what is due in the table but was not done: conversations that
//! have timed out, lost wake-ups, replies to be attempted again, calls that waited for the end of
//! maintenance.
//!
//! Handling the same entry twice is harmless: the timekeeper only sends wake-ups and moves the time
//! at which an entry is due.

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

/// Pages of one part that are read in one minute; the rest waits for the next minute.
const PAGES_MAX: usize = 20;

/// Parts that are read at the same time. Each read needs a connection, and a cold function has one:
/// beyond three, opening connections takes longer than reading side by side saves.
const PARTS_AT_ONCE: usize = 3;

/// Conversations of one part that are handled at the same time.
const CONVERSATIONS_AT_ONCE: usize = 3;

/// What one run of the timekeeper did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteReport {
    /// Entries of the index that were handled.
    pub looked_at: usize,
    /// How many of them could not be handled; the next minute does it.
    pub errors: usize,
    /// How long ago the oldest of them was due, in seconds.
    pub oldest_due_s: i64,
}

impl MinuteReport {
    fn add(&mut self, other: Self) {
        self.looked_at += other.looked_at;
        self.errors += other.errors;
        self.oldest_due_s = self.oldest_due_s.max(other.oldest_due_s);
    }
}

/// What one part of a run did, and the error that kept it from doing the rest.
struct PartReport {
    done: MinuteReport,
    failed: Option<Error>,
}

impl PartReport {
    const fn complete(done: MinuteReport) -> Self {
        Self { done, failed: None }
    }

    const fn incomplete(done: MinuteReport, error: Error) -> Self {
        Self {
            done,
            failed: Some(error),
        }
    }

    /// Of `work` that reports only how many records it handled.
    fn of_work(work: &str, looked_at: Result<usize, Error>) -> Self {
        match looked_at {
            Ok(looked_at) => Self::complete(MinuteReport {
                looked_at,
                ..MinuteReport::default()
            }),
            Err(error) => {
                warn!(work, error = error.in_full(), "left for the next minute");
                Self::incomplete(MinuteReport::default(), error)
            }
        }
    }
}

/// What became of one entry. Why one failed has been logged.
#[derive(Clone, Copy)]
enum Handled {
    Done,
    Failed,
}

impl Handled {
    const fn errors(self) -> usize {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
        }
    }
}

/// What the maintenance switch says when a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maintenance {
    /// The table has no switch.
    NeverSet,
    Off,
    On,
}

/// The limits of one run: entries that are due `by` then are handled, until `deadline`.
#[derive(Clone, Copy)]
struct Round<'a> {
    cloud: &'a Cloud,
    by: Timestamp,
    maintenance: bool,
    deadline: Timestamp,
}

/// Handles all that is due. At the `deadline` it stops and leaves the rest to the next minute.
pub async fn tick(cloud: &Cloud, deadline: Timestamp) -> Result<MinuteReport, Error> {
    tick_until(cloud, SignedDuration::ZERO, deadline).await
}

/// The same for all that will be due within the `horizon`, for a cloud whose queues have lost all
/// messages. A part that cannot be read fails the run, but only after all others were handled.
pub async fn tick_until(
    cloud: &Cloud,
    horizon: SignedDuration,
    deadline: Timestamp,
) -> Result<MinuteReport, Error> {
    let looked = look_at_minute(cloud, horizon, deadline).await;
    cloud
        .metrics
        .end_invocation(Function::Timekeeper, cloud.now());
    looked
}

async fn look_at_minute(
    cloud: &Cloud,
    horizon: SignedDuration,
    deadline: Timestamp,
) -> Result<MinuteReport, Error> {
    let switch = cloud.accounts.maintenance_switch().await?;
    let now = cloud.now();
    let maintenance = match switch.map(|it| it.holds_at(now)) {
        None => Maintenance::NeverSet,
        Some(false) => Maintenance::Off,
        Some(true) => Maintenance::On,
    };
    let round = Round {
        cloud,
        by: now + horizon,
        maintenance: maintenance == Maintenance::On,
        deadline,
    };
    let parts = cloud.shards.list();
    // Boxed, like those below: all of these futures together would not fit a small stack.
    let looking = parts
        .into_iter()
        .map(|part| Box::pin(look_through(round, part)));
    let looking = stream::iter(looking).buffer_unordered(PARTS_AT_ONCE);
    let looking = looking.collect::<Vec<_>>();
    let releasing = async {
        match may_go_on(maintenance, now) {
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
    let (mut parts, released, probed, held, kept, ()) =
        futures_util::join!(looking, releasing, asking, holding, keeping, counting);
    parts.extend(released);
    parts.extend([probed, held, kept]);
    let mut minute = MinuteReport::default();
    let mut first_error = None;
    for part in parts {
        minute.add(part.done);
        first_error = first_error.or(part.failed);
    }
    if minute != MinuteReport::default() {
        info!(
            looked_at = minute.looked_at,
            errors = minute.errors,
            oldest_due_s = minute.oldest_due_s,
            "timekeeper has run"
        );
    }
    first_error.map_or(Ok(minute), Err)
}

/// Sends the mails that a definition held back, once it is active.
async fn release_mails(round: Round<'_>) -> PartReport {
    let released = round.cloud.release_held_mails(round.deadline).await;
    PartReport::of_work("held mails", released)
}

/// Deletes rows and data extensions that have expired.
async fn keep_up(round: Round<'_>) -> PartReport {
    PartReport::of_work("upkeep", round.cloud.keep_up(round.deadline).await)
}

/// Whether parked conversations are looked for: not during maintenance, and not where there never
/// was any, since only maintenance parks them. Once an hour they are looked for in any case: a
/// person may have removed the switch from the table.
fn may_go_on(maintenance: Maintenance, now: Timestamp) -> bool {
    match maintenance {
        Maintenance::NeverSet => now.as_second().rem_euclid(3_600) < 60,
        Maintenance::Off => true,
        Maintenance::On => false,
    }
}

/// Handles what is due in one part of the index.
async fn look_through(round: Round<'_>, part: String) -> PartReport {
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
                return PartReport::incomplete(minute, error);
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
        minute.errors += errors;
        if found < usize::try_from(ENTRIES_AT_ONCE).unwrap_or(0) {
            break;
        }
    }
    PartReport::complete(minute)
}

/// Groups the entries by conversation, in the order in which they are due, so that the replies of
/// a conversation are woken in their order.
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

/// How many of them failed.
async fn look_at_all(round: Round<'_>, entries: Vec<DueEntry>) -> usize {
    let mut errors = 0;
    for entry in entries {
        errors += look_at(round, entry).await.errors();
    }
    errors
}

async fn look_at(round: Round<'_>, entry: DueEntry) -> Handled {
    let (cloud, by) = (round.cloud, round.by);
    let now = cloud.now();
    let looked = if ConversationRecord::is_at(&entry.key) {
        look_at_conversation(round, &ConversationKey(entry.key.pk.clone()), now).await
    } else {
        let done = cloud.look_at_pending(&entry.key, by, now).await;
        // After a conflict, the other writer has done it.
        Committed::of(done).map(drop)
    };
    let Err(error) = looked else {
        return Handled::Done;
    };
    warn!(
        pk = entry.key.pk,
        sk = entry.key.sk,
        error = error.in_full(),
        "left for the next minute"
    );
    Handled::Failed
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
        // Before it is parked, since it is not known for how long.
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

/// What the header of a conversation says.
struct HeaderLook {
    waits_long: bool,
    priority: QueuePriority,
    /// For how long a run should have gone on with it. `None`: it is not due, or it waits for
    /// maintenance or a backend.
    overdue_s: Option<u64>,
}

/// During maintenance a running conversation is not woken, since the processor would only park it.
/// The index lags behind the headers, so a conversation that it gives as due may not be due any more.
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
    fn parked_conversations_are_looked_for_where_there_may_be_some() {
        let at = |seconds: i64| Timestamp::from_second(1_772_442_000 + seconds).expect("a time");
        assert_eq!(at(0).to_string(), "2026-03-02T09:00:00Z");
        for seconds in [0, 59, 60, 3_599] {
            assert!(!may_go_on(Maintenance::On, at(seconds)), "in maintenance");
            assert!(may_go_on(Maintenance::Off, at(seconds)), "it has ended");
        }
        let never_set = |seconds: i64| may_go_on(Maintenance::NeverSet, at(seconds));
        assert!(never_set(59) && never_set(3_600), "once an hour");
        assert!(!never_set(60) && !never_set(3_599), "not in between");
    }
}
