//! Replies and their delivery logs: one, those of a conversation, or those of an account within a time.
//!
//! What is not delivered is found through the index of failures; all others lie with their conversations,
//! which are gone through as they were opened. Neither is a scan: a page looks at so many records and no
//! more, and says where to go on.

use std::collections::{HashMap, HashSet};
use std::fmt;

use calls::{AccountId, AsyncResponseType, Reply, ReplyState, RequestId, SequenceCode};
use jiff::Timestamp;

use crate::Cloud;
use crate::aws::table::{Key, Range, key_of};
use crate::error::Error;
use crate::read::conversation_list::{
    ConversationFilter, EXAMINED_MAX, ListCursor, ListOrder, ListQuery, ListedBy, LookBack,
    failed_parts,
};
use crate::read::found_reply::{FoundReply, read};
use crate::read::parts::IndexEntries;
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::Item;
use crate::records::mail_record::MailRecord;
use crate::records::outcome_record::OutcomeRecord;
use crate::records::reply_record::{ReplyRecord, reply_key};

/// Records that are read in one request of those of a conversation.
const REPLIES_PAGE: i32 = 250;

/// Most conversations that a page looks at: two requests for each.
const CONVERSATIONS_EXAMINED_MAX: usize = 200;

/// What a reply is called outside: its `webhook-id`, stable over attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyId {
    pub request_id: RequestId,
    pub number: u32,
}

/// How a reply stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// No attempt has failed.
    Waiting,
    /// One has, and the next is made at its time.
    Retrying,
    Delivered,
    GivenUp,
}

impl DeliveryState {
    pub const ALL: [Self; 4] = [
        Self::Waiting,
        Self::Retrying,
        Self::Delivered,
        Self::GivenUp,
    ];

    pub fn of(reply: &Reply) -> Self {
        match reply.state {
            ReplyState::Pending(_) if reply.is_failing() => Self::Retrying,
            ReplyState::Pending(_) => Self::Waiting,
            ReplyState::Delivered => Self::Delivered,
            ReplyState::GivenUp => Self::GivenUp,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }

    /// Whether all that stand so are in the index of failures.
    const fn is_listed(self) -> bool {
        match self {
            Self::Retrying | Self::GivenUp => true,
            Self::Waiting | Self::Delivered => false,
        }
    }
}

/// Which replies of an account are wanted.
#[derive(Clone, Debug)]
pub struct ReplyQuery {
    pub account: AccountId,
    /// Pending since a time from one to another, both included. Where the states asked for are not only
    /// those of failures: of conversations that were opened then.
    pub from: Timestamp,
    pub to: Timestamp,
    pub order: ListOrder,
    /// One of these; none: any.
    pub states: Vec<DeliveryState>,
    /// What the receiver's address begins with, `https://shop.example/` say.
    pub receiver: Option<String>,
}

#[derive(Debug, Default)]
pub struct ReplyPage {
    pub replies: Vec<ReplyRecord>,
    /// Where to go on, if there may be more.
    pub next: Option<ListCursor>,
}

/// Replies of a conversation, in the order of its calls.
#[derive(Debug)]
pub struct ConversationReplies {
    pub replies: Vec<ReplyRecord>,
    /// Where to go on, if there may be more.
    pub next: Option<SequenceCode>,
}

impl ReplyId {
    pub fn of(reply: &Reply) -> Self {
        Self {
            request_id: reply.request_id.clone(),
            number: reply.number,
        }
    }

    /// `msg_`, the RequestID without its hyphens, `_` and a number; `None`: it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, number) = text.strip_prefix("msg_")?.split_once('_')?;
        let id = uuid::Uuid::try_parse(id).ok()?;
        Some(Self {
            request_id: RequestId(id.to_string()),
            number: number.parse().ok()?,
        })
    }
}

impl fmt::Display for ReplyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.request_id.0.replace('-', "");
        write!(formatter, "msg_{id}_{}", self.number)
    }
}

impl ReplyQuery {
    fn admits(&self, record: &ReplyRecord) -> bool {
        let reply = &record.reply;
        let state = DeliveryState::of(reply);
        let address = &reply.subscription.address;
        let is_to = |receiver: &String| address.starts_with(receiver.as_str());
        (self.from..=self.to).contains(&reply.pending_since)
            && (self.states.is_empty() || self.states.contains(&state))
            && self.receiver.as_ref().is_none_or(is_to)
    }

    /// Whether all that can be admitted is in the index of failures.
    fn is_of_failures(&self) -> bool {
        !self.states.is_empty() && self.states.iter().all(|state| state.is_listed())
    }

    fn conversations(&self) -> ListQuery {
        ListQuery {
            account: self.account.clone(),
            by: ListedBy::Opened,
            from: self.from,
            to: self.to,
            look_back: LookBack::Nothing,
            order: self.order,
            filter: ConversationFilter::default(),
        }
    }
}

impl Cloud {
    /// The reply of a `webhook-id`, wherever it lies.
    pub async fn reply_of_id(
        &self,
        account: &AccountId,
        id: &ReplyId,
    ) -> Result<Option<ReplyRecord>, Error> {
        let Some(located) = self.call_of_request(account, &id.request_id).await? else {
            return Ok(None);
        };
        let (header, sequence) = (&located.header, located.call.place.sequence());
        let is_it = |record: &ReplyRecord| record.reply.number == id.number;
        if let Some(embedded) = ReplyRecord::of_header(header.clone()).filter(is_it) {
            return Ok(Some(embedded));
        }
        let apart = reply_key(&header.key, sequence, id.number);
        let with_outcome = OutcomeRecord::key(&header.key, sequence);
        let mut noted = Vec::new();
        for item in self.calls.get_many(&[apart, with_outcome]).await? {
            match read(item)? {
                FoundReply::Stored(found) if is_it(&found) => return Ok(Some(*found)),
                FoundReply::ByHeader(item) => noted.push(item),
                FoundReply::Stored(_) | FoundReply::None => {}
            }
        }
        let replies = self.replies_by_header(&header.key, noted).await?;
        Ok(replies.into_iter().find(is_it))
    }

    /// Replies of a conversation to its calls from one on.
    pub async fn replies_from(
        &self,
        header: &ConversationRecord,
        first: SequenceCode,
    ) -> Result<ConversationReplies, Error> {
        if header.has_end_at_hand() {
            return Ok(ConversationReplies {
                replies: ReplyRecord::of_header(header.clone()).into_iter().collect(),
                next: None,
            });
        }
        let apart = self.some_replies(header, reply_key(&header.key, first, 0), "REPLY$");
        let with_outcome = OutcomeRecord::key(&header.key, first);
        let with_outcome = self.some_replies(header, with_outcome, "OUTCOME$");
        let (apart, with_outcome) = tokio::try_join!(apart, with_outcome)?;
        let ends = [apart.next, with_outcome.next];
        let next = ends.into_iter().flatten().min();
        let by_header = self.replies_by_header(&header.key, with_outcome.by_header);
        let mut replies = by_header.await?;
        let is_read: HashSet<Key> = replies.iter().map(ReplyRecord::key_apart).collect();
        let apart = apart.replies.into_iter();
        replies.extend(apart.filter(|it| !is_read.contains(&it.key_apart())));
        replies.extend(with_outcome.replies);
        // What comes behind the end of one is not known of both.
        replies.retain(|it| next.is_none_or(|next| it.reply.sequence < next));
        replies.sort_by_key(|it| (it.reply.sequence, it.reply.subject, it.reply.number));
        Ok(ConversationReplies { replies, next })
    }

    /// Those of one kind of record; where they were cut off, the last call's are not all there.
    async fn some_replies(
        &self,
        header: &ConversationRecord,
        first: Key,
        last: &str,
    ) -> Result<StoredReplies, Error> {
        let range = Range::Between(&first.sk, last);
        let page = self.calls.query(&header.key.0, range, REPLIES_PAGE, None);
        let page = page.await?;
        let end = page.next.as_ref().and_then(|key| sequence_of(&key.sk));
        let mut some = StoredReplies {
            next: end,
            ..StoredReplies::default()
        };
        for item in page.items {
            match read(item)? {
                FoundReply::Stored(record) => some.replies.push(*record),
                FoundReply::ByHeader(item) => some.by_header.push(item),
                FoundReply::None => {}
            }
        }
        Ok(some)
    }

    /// At least `size` of them, if there are so many, and at most one conversation's more.
    pub async fn reply_page(
        &self,
        query: &ReplyQuery,
        cursor: ListCursor,
        size: usize,
    ) -> Result<ReplyPage, Error> {
        match query.is_of_failures() {
            true => self.failing_replies(query, cursor, size).await,
            false => self.replies_as_opened(query, cursor, size).await,
        }
    }

    async fn failing_replies(
        &self,
        query: &ReplyQuery,
        mut cursor: ListCursor,
        size: usize,
    ) -> Result<ReplyPage, Error> {
        let mut page = ReplyPage::default();
        let mut examined = 0;
        // A header stands where its conversation failed, which is when its reply became pending.
        let parts = failed_parts(&query.account, (query.from, query.to), query.order);
        loop {
            let IndexEntries { entries, are_last } = parts.entries(&self.calls, &cursor).await?;
            if entries.is_empty() {
                return Ok(page);
            }
            examined += entries.len();
            // Mails are listed among the failures, too.
            let keys = entries.iter().map(|it| it.entry.key.clone());
            let keys: Vec<Key> = keys.filter(|key| !MailRecord::is_at(key)).collect();
            let mut found = HashMap::new();
            for item in self.calls.get_many(&keys).await? {
                let key = key_of(&item);
                found.extend(key.map(|key| ((key.pk, key.sk), item)));
            }
            for entry in entries {
                if page.replies.len() >= size {
                    page.next = Some(cursor);
                    return Ok(page);
                }
                cursor.pass(&entry);
                let Key { pk, sk } = entry.entry.key;
                let Some(item) = found.remove(&(pk, sk)) else {
                    continue;
                };
                // One that a header answers for has not failed.
                if let FoundReply::Stored(record) = read(item)?
                    && query.admits(&record)
                {
                    page.replies.push(*record);
                }
            }
            if examined >= EXAMINED_MAX {
                page.next = Some(cursor);
                return Ok(page);
            }
            if are_last {
                return Ok(page);
            }
        }
    }

    async fn replies_as_opened(
        &self,
        query: &ReplyQuery,
        mut cursor: ListCursor,
        size: usize,
    ) -> Result<ReplyPage, Error> {
        let mut page = ReplyPage::default();
        let list = self.conversation_list();
        let conversations = query.conversations();
        let at_once = CONVERSATIONS_EXAMINED_MAX.min(size.max(1));
        let mut examined = 0;
        loop {
            let listed = list.page(&conversations, cursor, at_once).await?;
            for conversation in listed.conversations {
                examined += 1;
                let mut first = Some(SequenceCode::FIRST);
                while let Some(from) = first {
                    let some = self.replies_from(&conversation.record, from).await?;
                    let admitted = some.replies.into_iter().filter(|it| query.admits(it));
                    page.replies.extend(admitted);
                    first = some.next;
                }
                if page.replies.len() >= size {
                    page.next = Some(conversation.behind);
                    return Ok(page);
                }
            }
            match listed.next {
                Some(next) if examined < CONVERSATIONS_EXAMINED_MAX => cursor = next,
                next => {
                    page.next = next;
                    return Ok(page);
                }
            }
        }
    }
}

/// Some replies of one kind of record.
#[derive(Default)]
struct StoredReplies {
    replies: Vec<ReplyRecord>,
    /// Outcomes whose replies the header answers for.
    by_header: Vec<Item>,
    next: Option<SequenceCode>,
}

/// The call that a record is about: the number behind the first `#`.
fn sequence_of(sk: &str) -> Option<SequenceCode> {
    SequenceCode::new(sk.split('#').nth(1)?.parse().ok()?)
}

/// Whom a reply goes to, as a list shows it: without the user and password that an address may hold.
pub fn shown_receiver(reply: &Reply) -> String {
    let address = &reply.subscription.address;
    if reply.subscription.response_type != AsyncResponseType::HttpPost {
        return address.clone();
    }
    let Ok(mut url) = url::Url::parse(address) else {
        return String::new();
    };
    let _has_user = url.set_username("").is_ok() && url.set_password(None).is_ok();
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let text = "msg_0f0e0d0c0b0a09080706050403020100_7";
        let id = ReplyId::parse(text).expect("an id");
        assert_eq!(id.request_id.0, "0f0e0d0c-0b0a-0908-0706-050403020100");
        assert_eq!((id.number, id.to_string().as_str()), (7, text));
        for other in [
            "",
            "msg_",
            "msg_1_1",
            "0f0e0d0c0b0a09080706050403020100_7",
            "msg_0f0e0d0c0b0a09080706050403020100_x",
        ] {
            assert_eq!(ReplyId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_call_of_a_record_is_in_its_sort_key() {
        for (sk, sequence) in [
            ("REPLY#0000000012#00", Some(12)),
            ("OUTCOME#0000000003", Some(3)),
            ("CONVERSATION", None),
        ] {
            assert_eq!(sequence_of(sk).map(SequenceCode::get), sequence, "{sk}");
        }
    }
}
