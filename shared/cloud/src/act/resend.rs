//! A reply is sent again by a person: with the same id, so that its receiver can tell a repeat, and with
//! all waits anew.
//!
//! It becomes due, and the timekeeper finds it: nothing is sent from here. Whoever is cut off among many
//! and begins again leaves those alone that have not been attempted since.

use calls::{AccountId, ReplyState};
use jiff::Timestamp;

use crate::Cloud;
use crate::act::Run;
use crate::error::{Committed, Error};
use crate::read::replies::{DeliveryState, ReplyId};
use crate::records::reply_record::ReplyRecord;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendAnswer {
    /// It will be sent; so it stood before.
    Resent(DeliveryState),
    /// It will be sent anyway: no attempt has been made since it was made, or sent again, last.
    Already,
    /// Somebody is at it at this moment.
    UnderWay,
    /// There is no such reply, or it is not kept any more.
    Unknown,
}

impl ReplyRecord {
    /// Whether an attempt may be under way: it is due, and somebody holds it.
    fn is_under_way(&self, now: Timestamp) -> bool {
        let is_due = matches!(self.reply.state, ReplyState::Pending(at) if at <= now);
        is_due && self.is_leased(now)
    }
}

impl Cloud {
    /// The reply of a `webhook-id`, as soon as may be.
    pub async fn resend_reply(
        &self,
        account: &AccountId,
        id: &ReplyId,
        run: Run,
    ) -> Result<ResendAnswer, Error> {
        match self.reply_of_id(account, id).await? {
            Some(record) => self.resend_at(&record, self.now(), run).await,
            None => Ok(ResendAnswer::Unknown),
        }
    }

    /// A reply that was listed, not before that instant.
    pub async fn resend_at(
        &self,
        seen: &ReplyRecord,
        not_before: Timestamp,
        run: Run,
    ) -> Result<ResendAnswer, Error> {
        let now = self.now();
        if seen.is_under_way(now) {
            return Ok(ResendAnswer::UnderWay);
        }
        if seen.reply.is_round_fresh() {
            return Ok(ResendAnswer::Already);
        }
        let answer = ResendAnswer::Resent(DeliveryState::of(&seen.reply));
        if run == Run::Rehearsed {
            return Ok(answer);
        }
        let reply = seen.reply.clone().resent(not_before);
        // It is kept from the time on at which it is sent.
        let from = not_before.max(now);
        let committed = self
            .commit_reply_record(seen, reply, not_before, from)
            .await;
        Ok(match Committed::of(committed)? {
            Committed::Written(_) => answer,
            // Whoever was first is at it, or has just been.
            Committed::Conflict => ResendAnswer::UnderWay,
        })
    }
}
