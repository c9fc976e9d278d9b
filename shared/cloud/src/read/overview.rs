//! How a stack stands: what waits, since when and what for; what failed of late; how much comes in.
//!
//! Everything is read from the indexes, so many entries of each part and no more: of a large backlog it
//! says "at least so many". A hundred and some requests, less than a thousandth of a dollar.

use std::collections::BTreeMap;

use calls::{AccountId, BackendName, Breaker, Due, Phase, QueuePriority};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::table::{DueEntry, Key, ListIndex, ListOrder, PartQuery};
use crate::by_account::{self, Gathering};
use crate::conversation::unknown::UnknownQuery;
use crate::due::{held_shard, parked_shard, shards};
use crate::error::Error;
use crate::maintenance::MaintenanceSwitch;
use crate::read::conversation_list::failed_parts;
use crate::records::conversation_record::{ConversationRecord, parked_priority, parked_since};
use crate::records::mail_record::MailsRecord;
use crate::records::reply_record::ReplyRecord;

/// Entries that are read of each part of the index of what is due: 6,400 in all.
const OF_PART: i32 = 100;

/// Entries that are counted of each part of a list.
const COUNTED_OF_PART: i32 = 1_000;

/// Parts that are read side by side.
const AT_ONCE: usize = 16;

/// Most calls of unknown fate that are counted.
const UNKNOWN_COUNTED: usize = 1_000;

/// What is due later than this waits for its time: a conversation that runs is looked after sooner.
const LATER: SignedDuration = SignedDuration::from_mins(10);

/// How many there are, and since when the oldest of them waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub count: usize,
    pub oldest: Option<Timestamp>,
}

/// What waits, and what for.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// Conversations of which not all calls are there; the oldest by its last call.
    pub gathering: Depth,
    /// Whose next call has its time ahead; the oldest is the next that comes.
    pub scheduled: Depth,
    /// That can be carried out; the oldest by its last call.
    pub running: BTreeMap<QueuePriority, Depth>,
    /// That have ended, with replies or outcomes still to be written.
    pub closing: Depth,
    /// Waiting for the end of maintenance.
    pub parked: BTreeMap<QueuePriority, Depth>,
    /// Waiting for a backend.
    pub held: BTreeMap<BackendName, Depth>,
    /// To be attempted, or attempted again; the oldest by the time at which it was first due.
    pub replies: Depth,
    /// Calls with mails that are still to be sent.
    pub mails: Depth,
    /// Forwarded calls of which nobody has said what became of them.
    pub unknown: Depth,
    /// Whether all of it was counted: otherwise there is at least so much.
    pub is_complete: bool,
    pub breakers: BTreeMap<BackendName, Breaker>,
    pub maintenance: MaintenanceSwitch,
}

/// What waits for one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldDepth {
    pub depth: Depth,
    /// Whether all were counted: otherwise there are at least so many.
    pub is_complete: bool,
}

/// What an account has done of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    pub opened: usize,
    /// Conversations that failed, replies that did not get through, and mails.
    pub failed: usize,
    /// Whether all were counted: otherwise there are at least so many.
    pub is_complete: bool,
}

impl Depth {
    fn add(&mut self, since: Timestamp) {
        self.count += 1;
        self.oldest = Some(self.oldest.map_or(since, |oldest| oldest.min(since)));
    }
}

impl Cloud {
    /// What waits in the whole stack. `accounts` of a person's command know where its switch is.
    pub async fn overview(&self, accounts: &crate::accounts::Accounts) -> Result<Overview, Error> {
        let now = self.now();
        let mut overview = Overview {
            is_complete: true,
            breakers: self.breakers().await?,
            maintenance: accounts.maintenance_switch().await?.unwrap_or_default(),
            ..Overview::default()
        };
        let waiting = self.first_due(shards().collect()).await?;
        overview.is_complete &= !waiting.is_cut_off;
        self.classify(waiting.entries, &mut overview, now).await?;
        let parked = shards().map(|shard| parked_shard(&shard)).collect();
        let parked = self.first_due(parked).await?;
        overview.is_complete &= !parked.is_cut_off;
        for entry in parked.entries {
            let priority = parked_priority(entry.due_at);
            let depth = overview.parked.entry(priority).or_default();
            depth.add(parked_since(entry.due_at));
        }
        for name in overview.breakers.keys() {
            let held = self.held_for(name).await?;
            overview.is_complete &= held.is_complete;
            overview.held.insert(name.clone(), held.depth);
        }
        let query = UnknownQuery {
            account: None,
            with_settled: false,
            limit: UNKNOWN_COUNTED,
        };
        for record in self.unknown_calls(&query).await? {
            overview.unknown.add(record.about.ended_at);
        }
        overview.is_complete &= overview.unknown.count < UNKNOWN_COUNTED;
        Ok(overview)
    }

    /// What waits for a backend: a request for each part of the index.
    pub async fn held_for(&self, name: &BackendName) -> Result<HeldDepth, Error> {
        let held = shards().map(|shard| held_shard(name.as_str(), &shard));
        let held = self.first_due(held.collect()).await?;
        let mut depth = Depth::default();
        for entry in &held.entries {
            depth.add(parked_since(entry.due_at));
        }
        Ok(HeldDepth {
            depth,
            is_complete: !held.is_cut_off,
        })
    }

    /// What was opened, and what failed, from then until now.
    pub async fn recent(&self, account: &AccountId, from: Timestamp) -> Result<Recent, Error> {
        let to = self.now();
        let shares = [Gathering::Quick, Gathering::Long].into_iter();
        let shares = shares.flat_map(Gathering::shares);
        let opened: Vec<String> = shares.map(|it| by_account::part(account, it)).collect();
        let failed = failed_parts(account, (from, to), ListOrder::NewestFirst);
        let failed: Vec<String> = failed.parts.into_iter().map(|part| part.name).collect();
        let (opened, failed) = tokio::try_join!(
            self.counted(ListIndex::Account, opened, (from, to)),
            self.counted(ListIndex::Failed, failed, (from, to)),
        )?;
        let most = usize::try_from(COUNTED_OF_PART).unwrap_or(usize::MAX);
        let is_whole = |counts: &[usize]| counts.iter().all(|count| *count < most);
        Ok(Recent {
            opened: opened.iter().sum(),
            failed: failed.iter().sum(),
            is_complete: is_whole(&opened) && is_whole(&failed),
        })
    }

    async fn counted(
        &self,
        index: ListIndex,
        parts: Vec<String>,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<usize>, Error> {
        let counting = parts.into_iter().map(async |part| {
            let wanted = PartQuery {
                index,
                part: &part,
                from,
                to,
                order: ListOrder::NewestFirst,
                behind: None,
                limit: COUNTED_OF_PART,
            };
            self.calls.count_of_part(&wanted).await
        });
        stream::iter(counting)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// The first entries of each of these parts.
    async fn first_due(&self, parts: Vec<String>) -> Result<FirstDue, Error> {
        let reading = parts
            .into_iter()
            .map(async |part| self.calls.due(&part, Timestamp::MAX, OF_PART).await);
        let pages: Vec<Vec<DueEntry>> = stream::iter(reading)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let most = usize::try_from(OF_PART).unwrap_or(usize::MAX);
        Ok(FirstDue {
            is_cut_off: pages.iter().any(|page| page.len() >= most),
            entries: pages.into_iter().flatten().collect(),
        })
    }

    /// What each of them waits for: only the records say.
    async fn classify(
        &self,
        entries: Vec<DueEntry>,
        overview: &mut Overview,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut headers: Vec<Key> = Vec::new();
        for entry in entries {
            if ConversationRecord::is_at(&entry.key) {
                headers.push(entry.key);
            } else if ReplyRecord::is_at(&entry.key) {
                overview.replies.add(entry.due_at);
            } else if MailsRecord::is_at(&entry.key) {
                overview.mails.add(entry.due_at);
            }
        }
        for item in self.calls.get_many(&headers).await? {
            let header = ConversationRecord::from_keyed_item(item)?;
            let conversation = &header.conversation;
            let since = conversation.last_arrival;
            match (&conversation.phase, conversation.due) {
                (Phase::Gathering, _) => overview.gathering.add(since),
                (Phase::Running(_), Due::At(at)) if at.duration_since(now) > LATER => {
                    overview.scheduled.add(at);
                }
                (Phase::Running(_), _) => {
                    let depth = overview.running.entry(conversation.priority);
                    depth.or_default().add(since);
                }
                (Phase::Closing { .. }, _) => overview.closing.add(since),
                (Phase::Ended(_), _) if conversation.undelivered.is_some() => {
                    overview.replies.add(since);
                }
                // Looked at again for the reply that lies with it.
                (Phase::Ended(_), _) => {
                    if let Some(record) = ReplyRecord::of_header(header) {
                        overview.replies.add(record.reply.pending_since);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What was read of some parts.
struct FirstDue {
    entries: Vec<DueEntry>,
    is_cut_off: bool,
}
