//! How long what is kept of a call lasts: as long as its results, however long it waits for its turn.
//!
//! A call's record is written with a time of expiry, a week after that of results that came at once,
//! so that a call of usual patience costs no further write. A conversation
//! that waits for longer has it taken from them, and its header says so (`calls_kept`); each of its
//! calls is given one again before its end is committed. Whatever happens in between, a call that has
//! not had its turn is there. The same holds for what its records point at in the bucket, and for what
//! a call has left that is carried out in part: results of its chunks, and mails.

use calls::{Call, ConversationKey, Phase, SequenceCode};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::aws::table::{Key, Range, key_of};
use crate::error::{Committed, Error};
use crate::records::call_record::{Body, EXTRA_RETENTION, call_key, large_body_of};
use crate::records::conversation_record::ConversationRecord;
use crate::records::mail_record::mail_prefix;
use crate::records::outcome_record::chunk_prefix;

/// A conversation that waits for longer than this has its calls kept until they have had their turn:
/// well before they would expire, so that there is time to meet failures.
pub const LONG: SignedDuration = SignedDuration::from_hours(24 * 3);

/// Parts that take more than [`LONG`] to come, one every five minutes.
const SLOWLY_GATHERED: u32 = 864;

/// Calls that are read at once, and records that are written side by side.
const CALLS_IN_PAGE: i32 = 100;
const WRITES_AT_ONCE: usize = 8;

/// Whether a conversation has waited so long, or can have, that its calls must be kept.
pub fn has_waited_long(conversation: &calls::Conversation, now: Timestamp) -> bool {
    match conversation.phase {
        Phase::Gathering => conversation.arrived.count() > SLOWLY_GATHERED,
        Phase::Running(_) => now.duration_since(conversation.last_arrival) > LONG,
        Phase::Closing { .. } | Phase::Ended(_) => false,
    }
}

impl Cloud {
    /// When a call's record expires, if it is carried out or ended about then.
    pub(crate) fn call_expires(&self, ended_at: Timestamp) -> Timestamp {
        ended_at + self.results_retention() + EXTRA_RETENTION
    }

    /// Keeps the calls of a conversation that is going to wait, or has waited, for as long as that
    /// takes. The header that is committed next says so.
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
        // Of each pause anew: it may have come further since the last.
        let in_part = self.done_in_part(header).await?;
        let is_in_part = !in_part.is_empty();
        self.set_expiry(in_part, None).await?;
        if header.calls_kept == arrived {
            return Ok(header.clone());
        }
        let kept = ConversationRecord {
            calls_kept: arrived,
            ..header.clone()
        };
        if header.only.call.is_some() {
            // It lies in its header and lasts as long as that, but for what lies elsewhere.
            let body = only_large_body(header);
            if let Some(name) = body {
                self.large_bodies.keep(name).await?;
            }
            return Ok(match body.is_some() || is_in_part {
                true => kept,
                false => header.clone(),
            });
        }
        let (first, last) = (call_key(&header.key, from).sk, "CALL$");
        let mut start = None;
        loop {
            let range = Range::Between(&first, last);
            let page = self
                .calls
                .query(&header.key.0, range, CALLS_IN_PAGE, start.as_ref())
                .await?;
            let mut keys = Vec::new();
            for item in page.items {
                keys.extend(key_of(&item));
            }
            self.set_expiry(keys, None).await?;
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        Ok(kept)
    }

    /// The same for one that is looked at, committed at once.
    pub async fn keep_calls_of(&self, key: &ConversationKey, now: Timestamp) -> Result<(), Error> {
        let Some(header) = self.conversation_record(key).await? else {
            return Ok(());
        };
        let keeping = self.keep_calls(&header).await?;
        if keeping.calls_kept == header.calls_kept {
            return Ok(());
        }
        let conversation = keeping.conversation.clone();
        // Whoever was first is looked at again.
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
        if header.only.call.is_none() {
            keys.push(call_key(&call.conversation_key(), call.place.sequence()));
        }
        if let Some(name) = only_large_body(header) {
            self.large_bodies.let_expire(name).await?;
        }
        let expires = self.call_expires(now);
        self.set_expiry(keys, Some(expires)).await
    }

    /// What the call whose turn it is has left so far: results of its chunks, and mails.
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

/// The object of the bucket that holds the body of a call in its header.
fn only_large_body(header: &ConversationRecord) -> Option<&str> {
    match &header.only.call.as_ref()?.body {
        Body::InBucket(name) => Some(name),
        Body::Inline(_) | Body::None => None,
    }
}
