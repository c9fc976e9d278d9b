//! How long a call is kept: as long as its results, however long it waits for its turn.
//!
//! A call's record is written with a time of expiry, a week after that of results
//! that came at once, so that a call that waits for the usual time costs no further write. If a
//! conversation waits for longer, the expiry is removed from its calls and its header says so
//! (`calls_kept`); each call gets one again before its end is committed. So a call that has not had
//! its turn is always there. The same holds for the objects of the bucket that its records name,
//! and for the chunk results and mails of a call that is carried out in part.

use calls::{Call, ConversationKey, Phase, SequenceCode};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::table::{Key, Range, key_of};
use crate::error::{Committed, Error};
use crate::records::call_record::{EXTRA_RETENTION, large_body_of};
use crate::records::conversation_record::ConversationRecord;
use crate::records::load::load_calls;
use crate::records::mail_record::mail_prefix;
use crate::records::outcome_record::chunk_prefix;

/// A conversation that waits for longer than this has its calls kept until they have had their
/// turn: long before they would expire, so that there is time to recover from failures.
pub const LONG: SignedDuration = SignedDuration::from_hours(24 * 3);

/// Parts that take more than [`LONG`] to arrive, one every five minutes.
const SLOWLY_GATHERED: u32 = 864;

/// Calls that are read in one request, and records that are written at the same time.
const CALLS_IN_PAGE: i32 = 100;
const WRITES_AT_ONCE: usize = 8;

/// Whether a conversation has waited, or can have waited, so long that its calls must be kept.
pub fn has_waited_long(conversation: &calls::Conversation, now: Timestamp) -> bool {
    match conversation.phase {
        Phase::Gathering => conversation.arrived.count() > SLOWLY_GATHERED,
        Phase::Running(_) => now.duration_since(conversation.last_arrival) > LONG,
        Phase::Closing { .. } | Phase::Ended(_) => false,
    }
}

impl Cloud {
    /// When a call's record expires, if the call ends about then.
    pub(crate) fn call_expires(&self, ended_at: Timestamp) -> Timestamp {
        ended_at + self.results_retention() + EXTRA_RETENTION
    }

    /// Keeps the calls of a conversation that waits for as long as it does. The header that is
    /// committed next says so.
    pub async fn keep_calls(
        &self,
        header: &ConversationRecord,
    ) -> Result<ConversationRecord, Error> {
        let from = match &header.conversation.phase {
            Phase::Running(progress) => progress.next,
            Phase::Gathering => SequenceCode::FIRST,
            Phase::Closing { .. } | Phase::Ended(_) => return Ok(header.clone()),
        };
        let arrived = header.conversation.arrived.count();
        // At each pause again: the call may have got further since the last one.
        let in_part = self.done_in_part(header).await?;
        let is_in_part = !in_part.is_empty();
        self.set_expiry(in_part, None).await?;
        if header.calls_kept == arrived {
            return Ok(header.clone());
        }
        let mut kept = header.clone();
        kept.calls_kept = arrived;
        let mut has_kept = is_in_part;
        let mut first = Some(from);
        while let Some(from) = first {
            let page = load_calls(&self.calls, header, from, CALLS_IN_PAGE).await?;
            let mut keys = Vec::new();
            for record in &page.records {
                let of_call = header.records_of_call(&record.call);
                if let Some(name) = of_call.large_body {
                    self.large_bodies.keep(name).await?;
                    has_kept = true;
                }
                keys.extend(of_call.keys);
            }
            has_kept |= !keys.is_empty();
            self.set_expiry(keys, None).await?;
            first = page.rest;
        }
        // A call that lasts as long as its header needs no more.
        Ok(match has_kept {
            true => kept,
            false => header.clone(),
        })
    }

    /// The same for a conversation that is looked at; committed at once.
    pub async fn keep_calls_of(&self, key: &ConversationKey, now: Timestamp) -> Result<(), Error> {
        let Some(header) = self.conversation_record(key).await? else {
            return Ok(());
        };
        let keeping = self.keep_calls(&header).await?;
        if keeping.calls_kept == header.calls_kept {
            return Ok(());
        }
        let conversation = keeping.conversation.clone();
        // If somebody else was first, the timekeeper looks again.
        let _whoever = Committed::of(self.commit_header(&keeping, conversation, now).await)?;
        Ok(())
    }

    /// Before the end of a call is committed whose record does not expire.
    pub(crate) async fn let_expire(
        &self,
        header: &ConversationRecord,
        call: &Call,
        now: Timestamp,
    ) -> Result<(), Error> {
        if header.calls_kept == 0 {
            return Ok(());
        }
        let mut keys = self.done_in_part(header).await?;
        let of_call = header.records_of_call(call);
        keys.extend(of_call.keys);
        if let Some(name) = of_call.large_body {
            self.large_bodies.let_expire(name).await?;
        }
        let expires = self.call_expires(now);
        self.set_expiry(keys, Some(expires)).await
    }

    /// What the call that is next has written so far: results of its chunks, and mails.
    async fn done_in_part(&self, header: &ConversationRecord) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::new();
        let Phase::Running(progress) = &header.conversation.phase else {
            return Ok(keys);
        };
        if progress.chunks == 0 {
            return Ok(keys);
        }
        for prefix in [chunk_prefix(progress.next), mail_prefix(progress.next)] {
            let mut start = None;
            loop {
                let range = Range::Prefix(&prefix);
                let page = self
                    .calls
                    .query(&header.key.0, range, CALLS_IN_PAGE, start.as_ref())
                    .await?;
                keys.extend(page.items.iter().filter_map(key_of));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(keys)
    }

    async fn set_expiry(&self, keys: Vec<Key>, expires: Option<Timestamp>) -> Result<(), Error> {
        let all = keys.into_iter().map(|key| async move {
            let item = self.calls.set_expiry(&key, expires).await?;
            match (item.as_ref().and_then(large_body_of), expires) {
                (None, _) => Ok(()),
                (Some(name), None) => self.large_bodies.keep(name).await,
                (Some(name), Some(_)) => self.large_bodies.let_expire(name).await,
            }
        });
        stream::iter(all)
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }
}
