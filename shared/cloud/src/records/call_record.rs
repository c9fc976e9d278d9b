//! One call as it was taken in.
//!
//! | pk                                   | sk                | written by   | read by              |
//! |--------------------------------------|-------------------|--------------|----------------------|
//! | key of the conversation              | `CALL#0000000001` | ingest, once | processor, ingest, retrieval |
//! | key of (account, `Idempotency-Key`)  | `IDEMPOTENCY`     | ingest       | ingest               |
//!
//! The body is written once, deflated, and never changed; past [`STORED_BYTES_MAX`] it lies in the
//! bodies bucket. A call is found by its RequestID, which tells where it lies; one outside any
//! conversation lies in that one's header if it is small, see [`crate::records`].

use calls::{Call, ConversationKey, Digest, RequestId, SequenceCode};
use jiff::{SignedDuration, Timestamp};

use crate::aws::large_bodies::LargeBodies;
use crate::aws::table::Key;
use crate::error::Error;
use crate::random::Random;
use crate::records::compression::{Compressed, decompress, pack_measured, unpacked_bytes};
use crate::records::item::{Item, ItemReader, ItemWriter};

/// Packed bytes that go into the item itself: an item ends at 400 KB, the rest of it is small.
pub const STORED_BYTES_MAX: usize = 350_000;

/// Kept so much longer than its results could be wanted had it been carried out at once: a usual wait
/// costs no further write. Who waits for longer is kept for as long as that takes, see
/// [`crate::conversation::waiting`].
pub(crate) const EXTRA_RETENTION: SignedDuration = SignedDuration::from_hours(24 * 7);

/// How long an `Idempotency-Key` is remembered.
pub const IDEMPOTENCY_RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// Where the body of a call lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Packed.
    Inline(Vec<u8>),
    InBucket(String),
    /// Not kept any more: the call has had its turn.
    None,
}

/// The body of a call before it is unpacked.
pub struct PackedBody {
    compressed: Vec<u8>,
    /// Of the record that it is kept in.
    sk: String,
}

impl PackedBody {
    pub fn unpacked_bytes(&self) -> usize {
        unpacked_bytes(&self.compressed)
    }

    /// The canonical payload, as `soap` wrote it.
    pub fn decompress(self) -> Result<String, Error> {
        decompress(&self.compressed).ok_or(Error::Unreadable {
            sk: self.sk,
            attribute: "body",
        })
    }
}

/// A call with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    pub call: Compressed<Call>,
    pub body: Body,
}

/// Before all calls of a conversation, and behind them, in the order of their sort keys.
pub(in crate::records) const FIRST_CALL: &str = "CALL#";
pub(in crate::records) const LAST_CALL: &str = "CALL$";

/// Ten digits, so that the order of the keys is the order of the calls.
pub(crate) fn call_key(conversation: &ConversationKey, sequence: SequenceCode) -> Key {
    Key::new(&conversation.0, format!("CALL#{:010}", sequence.get()))
}

/// What is said of a call that should be there.
pub(crate) fn missing_call(conversation: &ConversationKey, sequence: SequenceCode) -> Error {
    Error::Missing(format!("call {sequence} of {conversation}"))
}

/// The object of the bucket that a record points at: the body of a call, or results.
pub(crate) fn large_body_of(item: &Item) -> Option<&str> {
    let name = item.get("body_at").or_else(|| item.get("results_at"))?;
    name.as_s().ok().map(String::as_str)
}

impl CallRecord {
    /// Packs the body, and puts a large one into the bucket, under a name that no other has: a part
    /// that comes again, or another with its place, must not touch the body of the one that is kept.
    pub(crate) async fn keep_body(
        bodies: &LargeBodies,
        random: &Random,
        call: &Call,
        canonical: &str,
    ) -> Result<Body, Error> {
        let compressed = pack_measured(canonical);
        if compressed.len() <= STORED_BYTES_MAX {
            return Ok(Body::Inline(compressed));
        }
        let name = format!("calls/{}/{}", call.conversation_key(), random.guid());
        bodies.put(&name, compressed).await?;
        Ok(Body::InBucket(name))
    }

    pub(crate) async fn packed_body(&self, bodies: &LargeBodies) -> Result<PackedBody, Error> {
        let sk = call_key(&self.call.conversation_key(), self.call.place.sequence()).sk;
        let compressed = match &self.body {
            Body::Inline(compressed) => compressed.clone(),
            Body::None => {
                return Err(Error::Unreadable {
                    sk,
                    attribute: "body",
                });
            }
            Body::InBucket(name) => {
                let compressed = bodies.get(name).await?;
                compressed.ok_or_else(|| Error::Missing(name.clone()))?
            }
        };
        Ok(PackedBody { compressed, sk })
    }

    pub(crate) fn to_item(&self, results_retention: SignedDuration) -> Item {
        let call = &self.call;
        let waits_until = call.options.scheduled_time.unwrap_or(call.arrived_at);
        let expires = waits_until.max(call.arrived_at) + results_retention + EXTRA_RETENTION;
        let key = call_key(&call.conversation_key(), call.place.sequence());
        self.write(ItemWriter::new(key))
            .expires(Some(expires))
            .done()
    }

    /// All but key and expiry.
    pub(crate) fn write(&self, writing: ItemWriter) -> ItemWriter {
        let writing = writing.bytes("call", self.call.bytes());
        match &self.body {
            Body::Inline(compressed) => writing.bytes("body", compressed),
            Body::InBucket(name) => writing.text("body_at", name),
            Body::None => writing,
        }
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Error> {
        Self::read(&ItemReader(item))
    }

    pub(crate) fn read(item: &ItemReader) -> Result<Self, Error> {
        let body = match (item.maybe_text("body_at"), item.bytes("body")) {
            (Some(name), _) => Body::InBucket(name.to_owned()),
            (None, []) => Body::None,
            (None, compressed) => Body::Inline(compressed.to_vec()),
        };
        Ok(Self {
            call: Compressed::read(item.bytes("call")).ok_or_else(|| item.unreadable("call"))?,
            body,
        })
    }
}

/// What an `Idempotency-Key` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Idempotency {
    pub(crate) digest: Digest,
    pub(crate) request_id: RequestId,
    pub(crate) at: Timestamp,
    pub(crate) version: u64,
}

impl Idempotency {
    pub(crate) fn to_item(&self, key: Key) -> Item {
        ItemWriter::new(key)
            .text("digest", &self.digest.0)
            .text("request_id", &self.request_id.0)
            .number("at", self.at.as_millisecond())
            .number("version", self.version)
            .expires(Some(self.at + IDEMPOTENCY_RETENTION))
            .done()
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, Error> {
        let item = ItemReader(item);
        Ok(Self {
            digest: Digest(item.text("digest")?.to_owned()),
            request_id: RequestId(item.text("request_id")?.to_owned()),
            at: item.time("at")?,
            version: item.number("version")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::{AccountId, Method, Options, Place};

    fn call() -> Call {
        Call {
            request_id: RequestId("r-1".to_owned()),
            account: AccountId("1".to_owned()),
            conversation_id: None,
            place: Place::parse(2, 3).expect("a place"),
            method: Method::Update,
            options: Options {
                scheduled_time: Some("2026-12-01T00:00:00Z".parse().expect("a time")),
                ..Options::default()
            },
            digest: Digest("d".to_owned()),
            objects: 7,
            object_type: "Subscriber".to_owned(),
            arrived_at: "2026-11-20T10:00:00Z".parse().expect("a time"),
            backend: None,
            safe_to_repeat: false,
            resubmitted_from: None,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for body in [
            Body::Inline(pack_measured("<a/>")),
            Body::InBucket("calls/x".to_owned()),
        ] {
            let call = Compressed::of(call());
            let record = CallRecord { call, body };
            let item = record.to_item(SignedDuration::from_hours(720));
            assert_eq!(CallRecord::from_item(item).expect("readable"), record);
        }
    }

    #[test]
    fn keys_sort_like_calls() {
        let key = |number| {
            let sequence = SequenceCode::new(number).expect("not zero");
            call_key(&ConversationKey("x".to_owned()), sequence).sk
        };
        assert!(key(2) < key(10) && key(999) < key(10_000));
    }
}
