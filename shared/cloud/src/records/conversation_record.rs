//! The header record of a conversation: how it stands, without its calls.
//!
//! | pk                      | sk             | written by                              | read by  |
//! |-------------------------|----------------|-----------------------------------------|----------|
//! | key of the conversation | `CONVERSATION` | ingest, processor, notifier, timekeeper | the same |
//!
//! Never expires for a conversation that its caller named: a ConversationID is used once, however
//! long ago. That of a call alone expires with its results, and holds the call and them where they
//! fit; the notifier, too, writes it for the reply that lies with them.

use calls::reply::TRIED_MAX;
use calls::{
    AccountId, BackendName, Call, Conversation, ConversationId, ConversationKey, Due, Phase,
    QueuePriority, ReceivedSet, SequenceCode,
};
use jiff::{SignedDuration, Timestamp};

use crate::aws::table::{Key, Table, key_of};
use crate::by_account;
pub use crate::due::parked_shard;
use crate::due::{held_by, held_shard};
use crate::error::Error;
use crate::records::compression::{compress_bytes, decompress_bytes};
use crate::records::embedded_call::EmbeddedCall;
use crate::records::item::{Item, ItemReader, ItemWriter, LAYOUT_WITH_UNDELIVERED, due_shard};

const SORT: &str = "CONVERSATION";

/// A conversation as it was read, and the version that a change of it must find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRecord {
    pub key: ConversationKey,
    pub version: u64,
    pub conversation: Conversation,
    /// What of a call alone is kept with it.
    pub(in crate::records) embedded: EmbeddedCall,
    /// How many of its calls do not expire until they have had their turn, see
    /// [`crate::conversation::waiting`].
    pub calls_kept: u32,
    /// When its first call was taken in. With its account it says where the conversation is listed.
    pub opened_at: Timestamp,
    /// When it was first committed that it, or the reply that lies with it, has failed: where it is
    /// listed among the failures. Not touched after that.
    pub failed_at: Option<Timestamp>,
    /// Since when nobody has gone on with it though somebody should have, once that was found.
    pub overdue_since: Option<Timestamp>,
    /// Not stored: what whoever has it in hand has said of the reply to the call that is next.
    pub first_reply: FirstReply,
}

/// Where the only reply to a call that ends is noted until its first attempt has been made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstReply {
    /// By itself: the header was read, and nobody has said anything of it.
    #[default]
    Unsaid,
    /// By itself: the run that has the header in hand leaves it to the notifier, or has enough in
    /// hand.
    ByItself,
    /// By the header: the run that has it in hand makes the attempt itself.
    ByHeader,
}

/// How far those of a priority lie behind those of the highest in the part of the index where
/// conversations wait: further than any two calls are apart, and before the end of time.
fn before_parked(priority: QueuePriority) -> SignedDuration {
    let rank = match priority {
        QueuePriority::High => 0,
        QueuePriority::Medium => 1,
        QueuePriority::Low => 2,
    };
    PARKED_APART * rank
}

/// Three thousand years.
const PARKED_APART: SignedDuration = SignedDuration::from_hours(24 * 365 * 3_000);

/// The priority of what waits at that place.
pub fn parked_priority(place: Timestamp) -> QueuePriority {
    let since = place.duration_since(Timestamp::UNIX_EPOCH);
    match since.as_secs() / PARKED_APART.as_secs() {
        0 => QueuePriority::High,
        1 => QueuePriority::Medium,
        _ => QueuePriority::Low,
    }
}

/// The time of what waits at that place.
pub fn parked_since(place: Timestamp) -> Timestamp {
    place - before_parked(parked_priority(place))
}

/// Where a conversation waits among the others: by its priority, then by time.
fn parked_at(priority: QueuePriority, at: Timestamp) -> Timestamp {
    at.checked_add(before_parked(priority))
        .unwrap_or(Timestamp::MAX)
}

impl ConversationRecord {
    pub fn table_key(conversation: &ConversationKey) -> Key {
        Key::new(&conversation.0, SORT)
    }

    pub fn is_at(key: &Key) -> bool {
        key.sk == SORT
    }

    /// When somebody should go on with it, or should have. `None`: nothing is to be carried out, or it
    /// waits on purpose: for the end of maintenance, for a backend, in its account's queue.
    pub fn goes_on_at(&self) -> Option<Timestamp> {
        let has_work = match self.conversation.phase {
            Phase::Running(_) | Phase::Closing { .. } => true,
            Phase::Gathering | Phase::Ended(_) => false,
        };
        match self.conversation.due {
            Due::At(at) if has_work && self.conversation.queue().is_none() => {
                Some(self.overdue_since.unwrap_or(at))
            }
            Due::At(_) | Due::Parked(_) | Due::Held(_) | Due::Never => None,
        }
    }

    pub(crate) async fn load(
        table: &Table,
        conversation: &ConversationKey,
    ) -> Result<Option<Self>, Error> {
        let item = table.get(&Self::table_key(conversation)).await?;
        item.map(|item| Self::from_item(conversation.clone(), item))
            .transpose()
    }

    /// The same with another conversation: what the next commit writes.
    pub(crate) fn next(&self, conversation: Conversation) -> Self {
        Self {
            key: self.key.clone(),
            version: self.version + 1,
            embedded: self.embedded.clone(),
            calls_kept: self.calls_kept,
            opened_at: self.opened_at,
            failed_at: self.failed_at,
            overdue_since: None,
            first_reply: self.first_reply,
            conversation,
        }
    }

    /// Whether the reply to a call may not have been delivered, as far as the header answers for it.
    pub(in crate::records) fn answers_for(&self, sequence: SequenceCode) -> bool {
        let undelivered = self.conversation.undelivered;
        undelivered.is_some_and(|undelivered| undelivered.covers(sequence))
    }

    /// The only call, where it was read with the header. `None`: there are more, or it takes another
    /// request.
    pub fn call_at_hand(&self) -> Option<&Call> {
        let record = self.embedded.call.as_ref()?;
        Some(&record.call)
    }

    /// Whether the end of the only call, and with it all replies, was read with the header.
    pub(crate) fn has_end_at_hand(&self) -> bool {
        self.embedded.end.is_some()
    }

    /// The call has been carried out and has results: its body is not kept with the header any longer.
    pub(crate) fn drop_body(&mut self) {
        self.embedded = self.embedded.carried_out();
    }

    /// The lease on a reply in the header is over.
    pub(crate) fn release_reply(&mut self) {
        self.embedded.release_reply();
    }

    /// The same with the time at which it was listed as failed, if it is: what is written now.
    pub(crate) fn noted(self, now: Timestamp) -> Self {
        Self {
            failed_at: self.listed_as_failed(now),
            ..self
        }
    }

    /// Where it stands among the failures; `None`: nothing of it has failed.
    fn listed_as_failed(&self, now: Timestamp) -> Option<Timestamp> {
        let has_failed = match &self.conversation.phase {
            Phase::Closing { end_reason, .. } | Phase::Ended(end_reason) => end_reason.is_failure(),
            Phase::Gathering | Phase::Running(_) => false,
        };
        let is_listed = has_failed || self.embedded.is_reply_failing();
        is_listed.then(|| self.failed_at.unwrap_or(now))
    }

    /// Expires once it has ended, for a call alone.
    pub(crate) fn to_item(&self, results_retention: SignedDuration, now: Timestamp) -> Item {
        let conversation = &self.conversation;
        let writing = ItemWriter::new(Self::table_key(&self.key))
            .number("version", self.version)
            .listed(
                &by_account::part_of(&self.key, conversation),
                self.opened_at,
            )
            .text("account", &conversation.account.0)
            .maybe_text(
                "conversation_id",
                conversation
                    .conversation_id
                    .as_ref()
                    .map(ConversationId::as_str),
            )
            .number("calls_in_conversation", conversation.calls_in_conversation)
            .bytes("arrived", &compressed(&conversation.arrived))
            .bytes("told_at_end", &compressed(&conversation.subscribers_at_end))
            .number("last_arrival", conversation.last_arrival.as_millisecond())
            .text("priority", conversation.priority.name())
            .json("phase", &conversation.phase);
        let writing = match &conversation.queue_place {
            Some(place) => writing.json("queue_place", place),
            None => writing,
        };
        let writing = match self.calls_kept {
            0 => writing,
            retention => writing.number("calls_kept", retention),
        };
        let writing = writing.failed(
            &by_account::failed_part_of(&self.key, &conversation.account),
            self.listed_as_failed(now),
        );
        let writing = match self.overdue_since {
            Some(since) => writing.number("overdue_since", since.as_millisecond()),
            None => writing,
        };
        let writing = match &conversation.undelivered {
            Some(undelivered) => writing
                .json("undelivered", undelivered)
                .laid_out(LAYOUT_WITH_UNDELIVERED),
            None => writing,
        };
        let writing = self.write_due(writing);
        let ended = matches!(conversation.phase, Phase::Ended(_));
        // Not before the last attempt at a reply.
        let retention = match self.embedded.is_reply_pending() {
            true => results_retention + TRIED_MAX,
            false => results_retention,
        };
        let expires = (ended && conversation.conversation_id.is_none()).then(|| now + retention);
        self.embedded.write(writing.expires(expires)).done()
    }

    /// The entry in the index of what is due.
    fn write_due(&self, writing: ItemWriter) -> ItemWriter {
        let conversation = &self.conversation;
        let shard = due_shard(&self.key);
        match conversation.due {
            Due::At(at) => writing.due(&shard, at),
            Due::Parked(at) => {
                writing.due(&parked_shard(&shard), parked_at(conversation.priority, at))
            }
            Due::Held(at) => {
                let backend = conversation.waits_for.as_ref();
                let shard = held_shard(backend.map_or("", BackendName::as_str), &shard);
                writing.due(&shard, parked_at(conversation.priority, at))
            }
            Due::Never => writing,
        }
    }

    /// One that was found by its record.
    pub(crate) fn from_keyed_item(item: Item) -> Result<Self, Error> {
        let key = key_of(&item).unwrap_or_else(|| Key::new("", SORT));
        Self::from_item(ConversationKey(key.pk), item)
    }

    pub(crate) fn from_item(key: ConversationKey, item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        let conversation_id = item
            .maybe_text("conversation_id")
            .map(ConversationId::parse)
            .transpose()
            .map_err(|_| item.unreadable("conversation_id"))?;
        let priority = QueuePriority::ALL
            .into_iter()
            .find(|priority| Some(priority.name()) == item.maybe_text("priority"))
            .ok_or_else(|| item.unreadable("priority"))?;
        let due = match (item.maybe_text("due_shard"), item.time("due_at")) {
            (Some(shard), Ok(at)) if shard.starts_with("parked-") => {
                Due::Parked(at - before_parked(priority))
            }
            (Some(shard), Ok(at)) if held_by(shard).is_some() => {
                Due::Held(at - before_parked(priority))
            }
            (Some(_), Ok(at)) => Due::At(at),
            (Some(_) | None, _) => Due::Never,
        };
        Ok(Self {
            embedded: EmbeddedCall::read(&key, &item)?,
            calls_kept: item.maybe_number("calls_kept").unwrap_or_default(),
            key,
            opened_at: item.time("opened_at")?,
            failed_at: item.time("failed_at").ok(),
            overdue_since: item.time("overdue_since").ok(),
            first_reply: FirstReply::default(),
            version: item.number("version")?,
            conversation: Conversation {
                account: AccountId(item.text("account")?.to_owned()),
                conversation_id,
                calls_in_conversation: item.number("calls_in_conversation")?,
                arrived: unpacked(&item, "arrived")?,
                subscribers_at_end: unpacked(&item, "told_at_end")?,
                last_arrival: item.time("last_arrival")?,
                priority,
                phase: item.json("phase")?,
                due,
                waits_for: item
                    .maybe_text("due_shard")
                    .and_then(held_by)
                    .and_then(BackendName::parse),
                queue_place: match item.has("queue_place") {
                    true => Some(item.json("queue_place")?),
                    false => None,
                },
                undelivered: match item.has("undelivered") {
                    true => Some(item.json("undelivered")?),
                    false => None,
                },
            },
        })
    }
}

/// Packed, thousands of calls that are all there take a dozen bytes of the header, which every call
/// of the conversation writes.
fn compressed(received: &ReceivedSet) -> Vec<u8> {
    match received.as_bytes() {
        [] => Vec::new(),
        bytes => compress_bytes(bytes),
    }
}

fn unpacked(item: &ItemReader, name: &'static str) -> Result<ReceivedSet, Error> {
    match item.bytes(name) {
        [] => Ok(ReceivedSet::default()),
        compressed => {
            let bytes = decompress_bytes(compressed).ok_or_else(|| item.unreadable(name))?;
            Ok(ReceivedSet::from_bytes(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::{
        Begun, ClientKey, ClosingStep, EndReason, OverallStatus, Progress, QueueOwner, QueuePlace,
        RequestId, Undelivered,
    };
    use proptest::prelude::*;

    fn times() -> impl Strategy<Value = Timestamp> {
        (0_i64..4_000_000_000_000).prop_map(|ms| Timestamp::from_millisecond(ms).expect("a time"))
    }

    fn sequences() -> impl Strategy<Value = SequenceCode> {
        (1_u32..=10_000).prop_map(|number| SequenceCode::new(number).expect("not zero"))
    }

    fn places() -> impl Strategy<Value = QueuePlace> {
        let place = (any::<u64>(), any::<bool>());
        place.prop_map(|(number, entered)| QueuePlace {
            number,
            entered,
            owner: match number % 2 {
                0 => QueueOwner::Account,
                _ => QueueOwner::Client(ClientKey(number.to_string())),
            },
        })
    }

    #[test]
    fn those_of_high_priority_wait_before_all_others() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let (early, late) = (at(1_800_000_000), at(4_000_000_000));
        let order = [
            parked_at(QueuePriority::High, early),
            parked_at(QueuePriority::High, late),
            parked_at(QueuePriority::Medium, early),
            parked_at(QueuePriority::Medium, late),
            parked_at(QueuePriority::Low, early),
            parked_at(QueuePriority::Low, late),
        ];
        assert!(order.is_sorted() && order[5] < Timestamp::MAX, "{order:?}");
        for priority in QueuePriority::ALL {
            assert_eq!(parked_since(parked_at(priority, late)), late);
            assert_eq!(parked_priority(parked_at(priority, early)), priority);
            assert_eq!(parked_priority(parked_at(priority, late)), priority);
        }
    }

    fn end_reasons() -> impl Strategy<Value = EndReason> {
        prop_oneof![
            Just(EndReason::Complete),
            Just(EndReason::TimedOut),
            Just(EndReason::Invalidated { error_code: 214 }),
            sequences().prop_map(|from| EndReason::Cancelled { from }),
            (sequences(), any::<Option<u32>>(), ".*").prop_map(|(by, error_code, message)| {
                EndReason::Failed {
                    by,
                    request_id: RequestId("r".to_owned()),
                    overall_status: OverallStatus::HasErrors,
                    error_code,
                    message,
                }
            }),
        ]
    }

    fn phases() -> impl Strategy<Value = Phase> {
        prop_oneof![
            Just(Phase::Gathering),
            (sequences(), any::<u32>(), any::<u32>()).prop_map(|(next, done_through, chunks)| {
                Phase::Running(Progress {
                    next,
                    done_through,
                    chunks,
                    begun: (chunks % 2 == 1).then_some(Begun {
                        until: Timestamp::UNIX_EPOCH,
                        by: u64::MAX,
                    }),
                    repeats: chunks % 3,
                })
            }),
            (sequences(), end_reasons(), any::<bool>(), times()).prop_map(
                |(next, end_reason, last, at)| {
                    Phase::Closing {
                        next,
                        end_reason,
                        step: match last {
                            true => ClosingStep::LastReplies,
                            false => ClosingStep::Outcomes,
                        },
                        at,
                    }
                }
            ),
            end_reasons().prop_map(Phase::Ended),
        ]
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(
            phase in phases(),
            arrived in proptest::collection::vec(sequences(), 0..20),
            name in proptest::option::of(".{1,255}"),
            last_arrival in times(),
            due in prop_oneof![
                Just(Due::Never),
                times().prop_map(Due::At),
                times().prop_map(Due::Parked),
                times().prop_map(Due::Held),
            ],
            version in any::<u64>(),
            place in proptest::option::of(places()),
            undelivered in proptest::option::of((sequences(), sequences())),
        ) {
            let mut bits = ReceivedSet::default();
            arrived.into_iter().for_each(|sequence| bits.insert(sequence));
            let header = ConversationRecord {
                key: ConversationKey("7a".to_owned()),
                version,
                embedded: EmbeddedCall::default(),
                calls_kept: u32::from(version % 2 == 0),
                opened_at: last_arrival,
                failed_at: None,
                overdue_since: (version % 3 == 0).then_some(last_arrival),
                first_reply: FirstReply::default(),
                conversation: Conversation {
                    account: AccountId("1 # \u{e9}".to_owned()),
                    conversation_id: name.map(|name| ConversationId::parse(&name).expect("a name")),
                    calls_in_conversation: 3.try_into().expect("not zero"),
                    subscribers_at_end: bits.clone(),
                    arrived: bits,
                    last_arrival,
                    priority: QueuePriority::High,
                    phase,
                    due,
                    waits_for: matches!(due, Due::Held(_))
                        .then(|| BackendName::parse("mc-1").expect("a name")),
                    queue_place: place,
                    undelivered: undelivered.map(|(first, last)| Undelivered { first, last }),
                },
            };
            let item = header.to_item(SignedDuration::from_hours(720), last_arrival);
            let header = header.noted(last_arrival);
            prop_assert_eq!(item.contains_key("failed_share"), header.failed_at.is_some());
            let read = ConversationRecord::from_item(header.key.clone(), item);
            prop_assert_eq!(read.expect("readable"), header);
        }
    }
}
