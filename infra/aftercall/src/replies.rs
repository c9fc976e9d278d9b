//! `aftercall replies list`, `show`, `resend` and `resend-all`.

use calls::{AccountId, Attempt, DeliveryResult, ReplyState, SequenceCode};
use cloud::Cloud;
use cloud::act::Run;
use cloud::act::resend::ResendAnswer;
use cloud::read::conversation_list::{ListCursor, ListOrder};
use cloud::read::replies::{DeliveryState, ReplyId, ReplyQuery, shown_receiver};
use cloud::records::reply_record::ReplyRecord;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::call_lines::{maybe, not_found, second};
use crate::failure::CommandFailure;
use crate::output::{Output, Record};
use crate::progress::BulkProgress;
use crate::reply_arguments::{ReplyList, ReplyName, ReplyRange, ReplyVerb};

/// Replies that are read at once where all are gone through.
const REPLIES_AT_ONCE: usize = 100;

/// How far back is looked, if nothing is said.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24);

pub(crate) async fn carry_out(
    cloud: &Cloud,
    verb: &ReplyVerb,
    run: Run,
) -> Result<Output, CommandFailure> {
    match verb {
        ReplyVerb::List(wanted) => list(cloud, wanted).await,
        ReplyVerb::Show(name) => show(cloud, name).await,
        ReplyVerb::Resend(name) => resend(cloud, name, run).await,
        ReplyVerb::ResendAll { list, rate } => resend_all(cloud, list, *rate, run).await,
        // Without a stack, see `main`.
        ReplyVerb::Verify(_) | ReplyVerb::Listen { .. } => Ok(Output::Written),
    }
}

fn query(
    wanted: &ReplyRange,
    order: ListOrder,
    now: Timestamp,
) -> Result<ReplyQuery, CommandFailure> {
    let to = wanted.to.unwrap_or(now);
    let from = wanted
        .from
        .or_else(|| to.checked_sub(LOOKED_BACK).ok())
        .unwrap_or(Timestamp::MIN);
    if from > to {
        return Err(CommandFailure::Usage(format!(
            "--from {from} is after --to {to}"
        )));
    }
    let mut states: Vec<DeliveryState> = wanted.state.iter().map(|it| (*it).into()).collect();
    if states.is_empty() {
        states = vec![DeliveryState::Retrying, DeliveryState::GivenUp];
    }
    Ok(ReplyQuery {
        account: AccountId(wanted.account.clone()),
        from,
        to,
        order,
        states,
        receiver: wanted.receiver.clone(),
    })
}

async fn list(cloud: &Cloud, wanted: &ReplyList) -> Result<Output, CommandFailure> {
    if let Some(id) = &wanted.conversation {
        return of_conversation(cloud, wanted, id).await;
    }
    let query = query(&wanted.range, ListOrder::NewestFirst, cloud.now())?;
    let mut shown = Vec::new();
    let mut cursor = ListCursor::default();
    while shown.len() < wanted.limit {
        let page = cloud
            .reply_page(&query, cursor, wanted.limit - shown.len())
            .await?;
        shown.extend(page.replies.iter().map(line));
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    shown.truncate(wanted.limit);
    Ok(Output::List(shown))
}

async fn of_conversation(
    cloud: &Cloud,
    wanted: &ReplyList,
    id: &str,
) -> Result<Output, CommandFailure> {
    let account = AccountId(wanted.range.account.clone());
    let found = cloud.conversation_list().find(&account, id).await?;
    let header = found.ok_or_else(|| not_found(&account, id))?;
    let states: Vec<DeliveryState> = wanted.range.state.iter().map(|it| (*it).into()).collect();
    let receiver = wanted.range.receiver.as_deref().unwrap_or("");
    let is_wanted = |record: &&ReplyRecord| {
        let state = DeliveryState::of(&record.reply);
        (states.is_empty() || states.contains(&state))
            && record.reply.subscription.address.starts_with(receiver)
    };
    let mut shown = Vec::new();
    let mut first = Some(SequenceCode::FIRST);
    while let Some(from) = first.filter(|_| shown.len() < wanted.limit) {
        let some = cloud.replies_from(&header, from).await?;
        shown.extend(some.replies.iter().filter(is_wanted).map(line));
        first = some.next;
    }
    shown.truncate(wanted.limit);
    Ok(Output::List(shown))
}

/// A reply in a list, with what its last attempt came to.
pub(crate) fn line(record: &ReplyRecord) -> Record {
    let reply = &record.reply;
    let name = record.conversation_id.as_ref();
    let last = reply.attempts.last();
    let next = match reply.state {
        ReplyState::Pending(at) => Some(second(at)),
        ReplyState::Delivered | ReplyState::GivenUp => None,
    };
    Record::of("id", ReplyId::of(reply).to_string())
        .and("conversation", maybe(name.map(|name| name.as_str())))
        .and("sequence", reply.sequence.get())
        .and("due", second(reply.pending_since))
        .and("state", DeliveryState::of(reply).name())
        .and("attempts", reply.attempts.len())
        .and("last", maybe(last.map(|it| found(&it.result))))
        .and("next", maybe(next))
        .and("receiver", shown_receiver(reply))
}

/// What an attempt came to, in a few words.
pub(crate) fn found(result: &DeliveryResult) -> String {
    match result {
        DeliveryResult::Status {
            status,
            retry_after_s: Some(seconds),
        } => format!("HTTP {status}, Retry-After {seconds} s"),
        DeliveryResult::Status { status, .. } => format!("HTTP {status}"),
        DeliveryResult::Taken => "taken".to_owned(),
        DeliveryResult::TimedOut => "no answer in time".to_owned(),
        DeliveryResult::Unreachable => "no connection, or it broke".to_owned(),
        DeliveryResult::Forbidden => "leads where replies may not go".to_owned(),
        DeliveryResult::Rejected => "the mail service will never take it".to_owned(),
        DeliveryResult::GivenUp => "whoever made it ended before, each time".to_owned(),
    }
}

fn reply_id(text: &str) -> Result<ReplyId, CommandFailure> {
    ReplyId::parse(text).ok_or_else(|| {
        CommandFailure::Usage(format!(
            "a reply is named by its webhook-id, msg_0f0e0d0c0b0a09080706050403020100_0 say, not \
             {text}; `aftercall replies list` shows it"
        ))
    })
}

fn no_such_reply(name: &ReplyName) -> CommandFailure {
    let (account, id) = (&name.account, &name.id);
    CommandFailure::NotFound(format!(
        "account {account} has no reply {id}, or none that is still kept"
    ))
}

async fn show(cloud: &Cloud, name: &ReplyName) -> Result<Output, CommandFailure> {
    let account = AccountId(name.account.clone());
    let record = cloud.reply_of_id(&account, &reply_id(&name.id)?).await?;
    let record = record.ok_or_else(|| no_such_reply(name))?;
    let reply = &record.reply;
    let attempt = |attempt: &Attempt| {
        Value::from(format!(
            "{}: {}",
            second(attempt.at),
            found(&attempt.result)
        ))
    };
    let log: Vec<Value> = reply.attempts.iter().map(attempt).collect();
    let record = line(&record)
        .and("request", reply.request_id.0.as_str())
        .and("status", reply.overall_status.text())
        .and("code", maybe(reply.error_code))
        .and("earlier_attempts", reply.earlier_attempts)
        .and("log", log);
    Ok(Output::One(record))
}

async fn resend(cloud: &Cloud, name: &ReplyName, run: Run) -> Result<Output, CommandFailure> {
    let account = AccountId(name.account.clone());
    let id = reply_id(&name.id)?;
    let result = match (cloud.resend_reply(&account, &id, run).await?, run) {
        (ResendAnswer::Resent(_), Run::Real) => "will be sent within a minute or two",
        (ResendAnswer::Resent(_), Run::Rehearsed) => "would be sent again",
        (ResendAnswer::Already, _) => "is going to be sent already",
        (ResendAnswer::UnderWay, _) => {
            return Err(CommandFailure::NotAllowed(format!(
                "somebody is at reply {id} at this moment; `aftercall replies show` tells what comes of it"
            )));
        }
        (ResendAnswer::Unknown, _) => return Err(no_such_reply(name)),
    };
    let record = Record::of("id", id.to_string()).and("result", result);
    Ok(Output::One(record))
}

/// What came of sending many again.
#[derive(Default)]
struct Resent {
    resent: u64,
    already: u64,
    under_way: u64,
}

async fn resend_all(
    cloud: &Cloud,
    wanted: &ReplyRange,
    rate: u32,
    run: Run,
) -> Result<Output, CommandFailure> {
    let now = cloud.now();
    let query = query(wanted, ListOrder::OldestFirst, now)?;
    let progress = BulkProgress::counting("replies");
    let mut done = Resent::default();
    let mut cursor = ListCursor::default();
    loop {
        let page = cloud.reply_page(&query, cursor, REPLIES_AT_ONCE).await?;
        for record in &page.replies {
            let at = due_at(now, done.resent, rate);
            match cloud.resend_at(record, at, run).await? {
                ResendAnswer::Resent(_) => done.resent += 1,
                ResendAnswer::Already => done.already += 1,
                ResendAnswer::UnderWay | ResendAnswer::Unknown => done.under_way += 1,
            }
            progress.one_more();
        }
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    progress.done();
    let last = due_at(now, done.resent.saturating_sub(1), rate);
    let name = match run {
        Run::Real => "resent",
        Run::Rehearsed => "would_be_resent",
    };
    let record = Record::of(name, done.resent)
        .and("going_to_be_sent_already", done.already)
        .and("under_way", done.under_way)
        .and(
            "last_is_due",
            maybe((done.resent > 0).then(|| second(last))),
        );
    Ok(Output::One(record))
}

/// When the next of them is due, so many before it.
fn due_at(now: Timestamp, before: u64, rate: u32) -> Timestamp {
    let ms = before.saturating_mul(1_000) / u64::from(rate.max(1));
    now + SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX / 4_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_due_one_after_another_at_the_rate() {
        let now = Timestamp::UNIX_EPOCH;
        let at = |before| due_at(now, before, 20).as_millisecond();
        assert_eq!([at(0), at(1), at(20), at(1_200)], [0, 50, 1_000, 60_000]);
    }
}
