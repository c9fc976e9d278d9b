//! The records by which the end of a call is committed: its outcome and its replies, each laid where
//! it belongs.
//!
//! | what                                         | lies                                        |
//! |----------------------------------------------|---------------------------------------------|
//! | outcome and only reply of a small call alone | in the header                               |
//! | only reply, if the run posts it              | in the outcome's record; the header answers for it |
//! | only reply, if it is small                   | in the outcome's record                     |
//! | all else                                     | in records of their own                     |

use calls::conversation::LOOK_AGAIN;
use calls::{AsyncResponseType, Due, Reply, SubjectKind};
use jiff::{SignedDuration, Timestamp};

use crate::records::conversation_record::{ConversationRecord, FirstReply};
use crate::records::embedded_call::EmbeddedEnd;
use crate::records::item::Item;
use crate::records::outcome_record::OutcomeRecord;
use crate::records::reply_record::ReplyRecord;

/// What is written of a call that ended.
pub(crate) struct EndRecords {
    /// The header that is committed with it.
    pub(crate) header: ConversationRecord,
    pub(crate) header_item: Item,
    pub(crate) outcome: OutcomeRecords,
}

/// An outcome and the replies that tell of it.
#[derive(Default)]
pub(crate) struct OutcomeRecords {
    /// New items beside the header.
    pub(crate) items: Vec<Item>,
    pub(crate) replies: Vec<ReplyRecord>,
}

impl EndRecords {
    /// `next` is the header without the end of the call; the conversation was due `before` it.
    pub(crate) fn of(
        next: ConversationRecord,
        before: Due,
        outcome: &OutcomeRecord,
        replies: Vec<Reply>,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Self {
        match EmbeddedEnd::within(&next, before, outcome, &replies, results_retention, now) {
            Some((header, header_item)) => Self {
                outcome: OutcomeRecords {
                    items: Vec::new(),
                    replies: ReplyRecord::of_header(header.clone()).into_iter().collect(),
                },
                header,
                header_item,
            },
            None => {
                let header = next.noted(now);
                let records = OutcomeRecords::of(&header, outcome, replies, results_retention, now);
                Self::beside(header, records, results_retention, now)
            }
        }
    }

    /// Nothing of the end lies in the header.
    pub(crate) fn beside(
        next: ConversationRecord,
        outcome: OutcomeRecords,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Self {
        let header = next.noted(now);
        Self {
            outcome,
            header_item: header.to_item(results_retention, now),
            header,
        }
    }
}

impl OutcomeRecords {
    /// An outcome with the only reply that tells of it, for which the header answers; `None`: whoever
    /// has the header in hand does not post it, or it is another kind of reply.
    pub(crate) fn by_header(
        seen: &ConversationRecord,
        outcome: &OutcomeRecord,
        replies: &[Reply],
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Option<Self> {
        let [reply] = replies else { return None };
        let is_post = reply.subject == SubjectKind::Call
            && reply.subscription.response_type == AsyncResponseType::HttpPost;
        let is_said = seen.first_reply == FirstReply::ByHeader && is_post;
        // The header of a call alone expires.
        let can = seen.conversation.conversation_id.is_some()
            && seen.conversation.can_answer_for(outcome.sequence);
        if !is_said || !can {
            return None;
        }
        let (reply, due) = (reply.clone(), now + LOOK_AGAIN);
        let (reply, item) = ReplyRecord::by_header(seen, outcome, reply, due, results_retention);
        Some(Self {
            items: vec![item],
            replies: vec![reply],
        })
    }

    /// Beside the header of its conversation.
    pub(crate) fn of(
        header: &ConversationRecord,
        outcome: &OutcomeRecord,
        replies: Vec<Reply>,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Self {
        let due = now + LOOK_AGAIN;
        let with_outcome = ReplyRecord::with_outcome(
            &header.conversation,
            outcome,
            &replies,
            due,
            results_retention,
            now,
        );
        if let Some((reply, item)) = with_outcome {
            return Self {
                items: vec![item],
                replies: vec![reply],
            };
        }
        let mut records = Self::replies(header, replies, results_retention, now);
        let outcome = outcome.to_item(results_retention);
        records.items.insert(0, outcome);
        records
    }

    /// Replies alone, each in a record of its own.
    pub(crate) fn replies(
        header: &ConversationRecord,
        replies: Vec<Reply>,
        results_retention: SignedDuration,
        now: Timestamp,
    ) -> Self {
        let mut records = Self::default();
        for reply in replies {
            // Those of the conversation a moment later, so that the timekeeper, too, finds them behind
            // those of its calls.
            let behind = match reply.subject {
                SubjectKind::Call => SignedDuration::ZERO,
                SubjectKind::Conversation => SignedDuration::from_millis(1),
            };
            let due = now + LOOK_AGAIN + behind;
            let record = ReplyRecord::apart(header, reply, due);
            let item = record.to_item(results_retention, now);
            records.items.push(item);
            records.replies.push(record);
        }
        records
    }
}
