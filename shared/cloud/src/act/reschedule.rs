//! A call that has not begun gets another ScheduledTime.
//!
//! The time stands in the call, and whoever carries it out commits over the header that he read: both
//! are written together, so that a call is either begun at its old time or waits for the new one.

use calls::{AccountId, Call, Refusal, RequestId, Rescheduled};
use jiff::Timestamp;

use crate::Cloud;
use crate::act::{Run, unwoken};
use crate::aws::table::Transaction;
use crate::conversation::conflicts::spread_out;
use crate::conversation::find::LocatedCall;
use crate::error::{CONFLICTS_MAX, CommitError, Committed, Error};
use crate::records::call_record::CallRecord;
use crate::records::compression::Compressed;
use crate::records::conversation_record::ConversationRecord;
use crate::records::expiry::ChangedCall;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RescheduleAnswer {
    Rescheduled {
        before: Option<Timestamp>,
    },
    /// The call has begun, has ended, or stands in its account's queue.
    TooLate,
    /// The protocol does not allow that time.
    Refused(Refusal),
    /// The account has no such call.
    Unknown,
}

impl Cloud {
    /// `at`: `None`, as soon as its turn comes.
    pub async fn reschedule_by_hand(
        &self,
        account: &AccountId,
        request_id: &RequestId,
        at: Option<Timestamp>,
        run: Run,
    ) -> Result<RescheduleAnswer, Error> {
        let now = self.now();
        for tried in 0..CONFLICTS_MAX {
            let Some(located) = self.call_of_request(account, request_id).await? else {
                return Ok(RescheduleAnswer::Unknown);
            };
            let LocatedCall { header, call } = &located;
            let before = call.options.scheduled_time;
            let mut changed: Call = call.clone();
            changed.options.scheduled_time = at;
            let calls = call.place.calls_in_conversation().get();
            if let Err(refusal) = changed.options.check_times(calls, now) {
                return Ok(RescheduleAnswer::Refused(refusal));
            }
            let step = header.conversation.clone();
            let step = step.reschedule(call.place.sequence());
            if step.answer == Rescheduled::TooLate {
                return Ok(RescheduleAnswer::TooLate);
            }
            let answer = RescheduleAnswer::Rescheduled { before };
            if run == Run::Rehearsed || before == at {
                return Ok(answer);
            }
            let Some(conversation) = unwoken(step, now).conversation else {
                return Ok(answer);
            };
            let next = header.next(conversation);
            let committed = self.commit_rescheduled(&located, next, changed, now).await;
            match Committed::of(committed)? {
                Committed::Written(()) => return Ok(answer),
                Committed::Conflict => spread_out(request_id, tried).await,
            }
        }
        Err(Error::Conflict(CONFLICTS_MAX))
    }

    async fn commit_rescheduled(
        &self,
        located: &LocatedCall,
        next: ConversationRecord,
        changed: Call,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let (seen, sequence) = (&located.header, changed.place.sequence());
        let record = CallRecord {
            body: self.require_call(seen, sequence).await?.body,
            call: Compressed::of(changed),
        };
        let changed = ChangedCall::of(next, record, self.results_retention(), now);
        let mut transaction = Transaction::default();
        if let Some(call) = changed.call {
            transaction.put_there(&self.calls, call);
        }
        self.commit_with(seen, changed.header, transaction).await
    }
}
