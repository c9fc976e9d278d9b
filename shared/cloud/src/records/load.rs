//! Reads what is kept of a conversation's calls, wherever it lies: in the header, beside something
//! else, or in a record of its own. Only `records` knows which, so everybody else reads with this.

use calls::{ConversationKey, SequenceCode, UNDELIVERED_MAX, Undelivered};

use crate::aws::queues::{ReplyTarget, ReplyWakeUp};
use crate::aws::table::{Range, Table};
use crate::error::Error;
use crate::records::call_record::{CallRecord, FIRST_CALL, LAST_CALL, call_key};
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::{Item, ItemReader};
use crate::records::outcome_record::{LAST_OUTCOME, OutcomeRecord, outcome_sort};
use crate::records::reply_record::{ReplyLocation, ReplyRecord, reply_key};

/// Calls of a conversation, in order.
#[derive(Debug)]
pub(crate) struct CallRecordPage {
    pub(crate) records: Vec<CallRecord>,
    /// Where the next page begins, if there are more.
    pub(crate) rest: Option<SequenceCode>,
}

/// How some calls of a conversation ended.
#[derive(Debug)]
pub struct OutcomePage {
    /// In the order of their calls.
    pub outcomes: Vec<OutcomeRecord>,
    /// Where the next page begins, if there are more.
    pub rest: Option<SequenceCode>,
}

/// A conversation with some of its calls.
#[derive(Debug)]
pub struct HeaderWithCalls {
    pub header: ConversationRecord,
    pub calls: Vec<CallRecord>,
}

/// One call of a conversation; `None`: it is not kept any more.
pub(crate) async fn load_call(
    table: &Table,
    header: &ConversationRecord,
    sequence: SequenceCode,
) -> Result<Option<CallRecord>, Error> {
    match &header.embedded.call {
        Some(record) => Ok(Some(CallRecord::clone(record))),
        None => load_call_apart(table, &header.key, sequence).await,
    }
}

/// The same for one whose header has not been read: most calls do without it.
pub(crate) async fn load_call_by_key(
    table: &Table,
    conversation: &ConversationKey,
    sequence: SequenceCode,
) -> Result<Option<CallRecord>, Error> {
    if let Some(record) = load_call_apart(table, conversation, sequence).await? {
        return Ok(Some(record));
    }
    let header = ConversationRecord::load(table, conversation).await?;
    let call = header.and_then(|header| header.embedded.call);
    Ok(call.map(|record| *record))
}

async fn load_call_apart(
    table: &Table,
    conversation: &ConversationKey,
    sequence: SequenceCode,
) -> Result<Option<CallRecord>, Error> {
    let item = table.get(&call_key(conversation, sequence)).await?;
    item.map(CallRecord::from_item).transpose()
}

/// The calls of a conversation from one on, in order, at most `limit`: also those that were kept and
/// never counted.
pub(crate) async fn load_calls(
    table: &Table,
    header: &ConversationRecord,
    first: SequenceCode,
    limit: i32,
) -> Result<CallRecordPage, Error> {
    if let Some(record) = &header.embedded.call {
        let is_in_range = record.call.place.sequence() >= first;
        let records = is_in_range.then(|| CallRecord::clone(record));
        return Ok(CallRecordPage {
            records: records.into_iter().collect(),
            rest: None,
        });
    }
    let first = call_key(&header.key, first).sk;
    let range = Range::Between(&first, LAST_CALL);
    let page = table.query(&header.key.0, range, limit, None).await?;
    let items = page.items.into_iter();
    let records: Vec<CallRecord> = items.map(CallRecord::from_item).collect::<Result<_, _>>()?;
    let last = records.last().map(|record| record.call.place.sequence());
    Ok(CallRecordPage {
        records,
        rest: page.next.and(last).map(SequenceCode::next),
    })
}

/// The call that is next, and up to `count - 1` behind it. Only the first has to be readable: a
/// damaged one is read once more when its turn has come, and those before it can do without it.
pub(crate) async fn load_next_calls(
    table: &Table,
    header: &ConversationRecord,
    first: SequenceCode,
    count: u32,
) -> Result<Vec<CallRecord>, Error> {
    if let Some(record) = &header.embedded.call {
        return Ok(vec![CallRecord::clone(record)]);
    }
    let key = &header.key;
    let last = first.get().saturating_add(count.saturating_sub(1));
    let last = SequenceCode::new(last).unwrap_or(first);
    let (first, last) = (call_key(key, first).sk, call_key(key, last).sk);
    let range = Range::Between(&first, &last);
    let limit = i32::try_from(count).unwrap_or(i32::MAX);
    let page = table.query(&key.0, range, limit, None).await?;
    let mut items = page.items.into_iter();
    let next = items.next().map(CallRecord::from_item).transpose()?;
    Ok(next.into_iter().chain(readable(items)).collect())
}

/// A header, and in the same request up to `limit` of its last calls, those that can be read; `None`:
/// there is no header, which is so with calls that were kept and never counted.
pub(crate) async fn load_header_with_calls(
    table: &Table,
    conversation: &ConversationKey,
    limit: i32,
) -> Result<Option<HeaderWithCalls>, Error> {
    let key = ConversationRecord::table_key(conversation);
    // The header sorts behind its calls, so that it is read first from behind.
    let range = Range::Down(&key.sk, FIRST_CALL);
    let page = table.query(&conversation.0, range, 1 + limit, None).await?;
    let mut items = page.items.into_iter();
    let Some(first) = items.next().map(ItemReader) else {
        return Ok(None);
    };
    if first.text("sk")? != key.sk {
        return Ok(None);
    }
    Ok(Some(HeaderWithCalls {
        header: ConversationRecord::from_item(conversation.clone(), first.0)?,
        calls: readable(items).collect(),
    }))
}

fn readable(items: impl Iterator<Item = Item>) -> impl Iterator<Item = CallRecord> {
    items.filter_map(|item| CallRecord::from_item(item).ok())
}

/// How one call ended; `None`: it has not, or its results are not kept any more.
pub(crate) async fn load_outcome(
    table: &Table,
    header: &ConversationRecord,
    sequence: SequenceCode,
) -> Result<Option<OutcomeRecord>, Error> {
    match &header.embedded.end {
        Some(end) => Ok(Some(end.outcome.clone())),
        None => load_outcome_apart(table, &header.key, sequence).await,
    }
}

/// The outcome that a reply tells of.
pub(crate) async fn load_outcome_of_reply(
    table: &Table,
    reply: &ReplyRecord,
) -> Result<Option<OutcomeRecord>, Error> {
    match &reply.location {
        ReplyLocation::InHeader(header) => {
            Ok(header.embedded.end.as_ref().map(|end| end.outcome.clone()))
        }
        ReplyLocation::WithOutcome(outcome) | ReplyLocation::ByHeader(outcome) => {
            Ok(Some(OutcomeRecord::clone(outcome)))
        }
        ReplyLocation::Apart => {
            load_outcome_apart(table, &reply.conversation, reply.reply.sequence).await
        }
    }
}

async fn load_outcome_apart(
    table: &Table,
    conversation: &ConversationKey,
    sequence: SequenceCode,
) -> Result<Option<OutcomeRecord>, Error> {
    let key = OutcomeRecord::key(conversation, sequence);
    let item = table.get(&key).await?;
    item.map(|item| OutcomeRecord::from_item(conversation.clone(), item))
        .transpose()
}

/// How the calls of a conversation ended, as far as it is stored: from one on, in order, at most
/// `limit`.
pub(crate) async fn load_outcomes(
    table: &Table,
    header: &ConversationRecord,
    first: SequenceCode,
    limit: i32,
) -> Result<OutcomePage, Error> {
    if let Some(end) = &header.embedded.end {
        let is_in_range = end.outcome.sequence >= first;
        let outcomes = is_in_range.then(|| end.outcome.clone());
        return Ok(OutcomePage {
            outcomes: outcomes.into_iter().collect(),
            rest: None,
        });
    }
    let conversation = &header.key;
    let first = outcome_sort(first);
    let range = Range::Between(&first, LAST_OUTCOME);
    let page = table.query(&conversation.0, range, limit, None).await?;
    let items = page.items.into_iter();
    let outcomes: Vec<OutcomeRecord> = items
        .map(|item| OutcomeRecord::from_item(conversation.clone(), item))
        .collect::<Result<_, _>>()?;
    let last = outcomes.last().map(|record| record.sequence);
    let rest = page.next.and(last).map(SequenceCode::next);
    Ok(OutcomePage { outcomes, rest })
}

/// The reply that a wake-up is for; `None`: there is none any more, or it is for mails.
pub(crate) async fn load_reply(
    table: &Table,
    wake: &ReplyWakeUp,
) -> Result<Option<ReplyRecord>, Error> {
    let (conversation, sequence) = (&wake.conversation, wake.sequence);
    let key = match wake.what {
        ReplyTarget::Reply(number) => reply_key(conversation, sequence, number),
        ReplyTarget::OutcomeReply => OutcomeRecord::key(conversation, sequence),
        ReplyTarget::EmbeddedReply => {
            let header = ConversationRecord::load(table, conversation).await?;
            return Ok(header.and_then(ReplyRecord::of_header));
        }
        ReplyTarget::Mails => return Ok(None),
    };
    ReplyRecord::load(table, &key).await
}

/// The replies for which a header answers, in the order of their calls; some may have records of their
/// own by now.
pub(crate) async fn load_undelivered(
    table: &Table,
    header: &ConversationRecord,
) -> Result<Vec<ReplyRecord>, Error> {
    let Some(Undelivered { first, last }) = header.conversation.undelivered else {
        return Ok(Vec::new());
    };
    let (first, last) = (outcome_sort(first), outcome_sort(last));
    let limit = i32::try_from(UNDELIVERED_MAX).unwrap_or(i32::MAX);
    let mut replies = Vec::new();
    let mut start = None;
    loop {
        let range = Range::Between(&first, &last);
        let page = table.query(&header.key.0, range, limit, start.as_ref());
        let page = page.await?;
        for item in page.items {
            replies.extend(ReplyRecord::of_outcome(header, item)?);
        }
        start = page.next;
        if start.is_none() {
            return Ok(replies);
        }
    }
}
