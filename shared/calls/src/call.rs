//! One call: who made it, which conversation it belongs to, and its place in it.

use std::fmt;
use std::num::NonZeroU32;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::backend::BackendName;
use crate::hash::{hash_parts, hex};
use crate::options::{Options, QueuePriority};
use crate::refusal::Refusal;

/// Most calls in one conversation: their arrival bitmap then fits 1,250 bytes of the header record.
pub const CALLS_MAX: u32 = 10_000;

/// Most objects in one call. The protocol's figure: fewer than 32,767.
pub const OBJECTS_MAX: usize = 32_766;

/// Longest ConversationID, in characters.
pub const CONVERSATION_ID_CHARS_MAX: usize = 255;

/// The account that makes a call, as in the accounts table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

/// An API client, by the hash under which its record stands in the accounts table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientKey(pub String);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A call's own id: a GUID in lower case, made at the door.
///
/// That of a call in a named conversation tells where the call lies, so that no record has to say it:
/// a UUID of version 8 (RFC 9562, 5.8) out of the conversation's key and the SequenceCode. That of a
/// call alone is random, of version 4.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub String);

/// Hex digits of the key of a named conversation: what a UUID has room for beside version, variant
/// and SequenceCode. Two of a thousand million conversations have the same key with a probability of
/// 1 in 10^13.
const NAMED_KEY_DIGITS: usize = 26;

// Four hex digits hold a SequenceCode.
const _: () = assert!(CALLS_MAX <= 0xffff);

/// Where a call of a named conversation lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLocation {
    pub conversation: ConversationKey,
    pub sequence: SequenceCode,
}

impl RequestId {
    /// The id of a call in a named conversation: `kkkkkkkk-kkkk-8kkk-8kkk-kkkkkkkkssss`, the key and the
    /// SequenceCode in hex. The same part of the same conversation has the same id each time.
    pub fn of_part(conversation: &ConversationKey, sequence: SequenceCode) -> Self {
        let key = &conversation.0;
        debug_assert_eq!(key.len(), NAMED_KEY_DIGITS, "of a named conversation");
        let (first, rest) = key.split_at(8);
        let (second, rest) = rest.split_at(4);
        let (third, rest) = rest.split_at(3);
        let (fourth, fifth) = rest.split_at(3);
        let sequence = sequence.get();
        Self(format!(
            "{first}-{second}-8{third}-8{fourth}-{fifth}{sequence:04x}"
        ))
    }

    /// Where a call of this id would lie in a named conversation; `None`: it is no such id. Nothing says
    /// that the call is there, or whose the conversation is.
    pub fn location(&self) -> Option<CallLocation> {
        let groups: Vec<&str> = self.0.split('-').collect();
        let [first, second, third, fourth, fifth] = groups.as_slice() else {
            return None;
        };
        let (third, fourth) = (third.strip_prefix('8')?, fourth.strip_prefix('8')?);
        let (fifth, sequence) = fifth.split_at_checked(8)?;
        let lengths = [first, second, third, fourth, fifth, sequence].map(str::len);
        if lengths != [8, 4, 3, 3, 8, 4] {
            return None;
        }
        let key = [*first, second, third, fourth, fifth].concat();
        let is_lower_hex =
            |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_lower_hex(&key) || !is_lower_hex(sequence) {
            return None;
        }
        Some(CallLocation {
            conversation: ConversationKey(key),
            sequence: SequenceCode::new(u32::from_str_radix(sequence, 16).ok()?)?,
        })
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The caller's own name for a conversation, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationId(String);

impl ConversationId {
    /// Takes the text as it stands after unescaping; nothing is trimmed.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::ConversationIdMissing);
        }
        if text.chars().count() > CONVERSATION_ID_CHARS_MAX {
            return Err(Refusal::ConversationIdTooLong);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of one conversation everywhere: table partition, queue group, schedule name.
///
/// A hash, because a ConversationID is free text while a queue group is 128 plain characters, and
/// because no account may be able to name another's conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationKey(pub String);

impl ConversationKey {
    /// The conversation of a ConversationID.
    pub fn named(account: &AccountId, conversation: &ConversationId) -> Self {
        let Self(mut key) = Self::hashed("conversation", &account.0, conversation.as_str());
        key.truncate(NAMED_KEY_DIGITS);
        Self(key)
    }

    /// The conversation of one that a call without ConversationID is.
    pub fn of_request(account: &AccountId, request: &RequestId) -> Self {
        Self::hashed("request", &account.0, &request.0)
    }

    /// The record of an `Idempotency-Key`.
    pub fn of_idempotency(account: &AccountId, idempotency_key: &str) -> Self {
        Self::hashed("idempotency", &account.0, idempotency_key)
    }

    /// The queue of an account and a priority for calls outside any conversation.
    pub fn of_queue(account: &AccountId, priority: QueuePriority) -> Self {
        Self::hashed("queue", &account.0, priority.name())
    }

    /// The same of an API client, whatever account it acts for.
    pub fn of_client_queue(client: &ClientKey, priority: QueuePriority) -> Self {
        Self::hashed("client queue", &client.0, priority.name())
    }

    fn hashed(kind: &str, account: &str, name: &str) -> Self {
        Self(hex(&hash_parts(&[kind, account, name])[..20]))
    }
}

impl fmt::Display for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 over a call's Body as parsed: tells a resend from another call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    pub fn of(canonical: &[u8]) -> Self {
        Self(hex(&Sha256::digest(canonical)))
    }
}

/// The methods that can be asynchronous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Method {
    Create,
    Update,
    Delete,
    Perform,
}

impl Method {
    pub const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Perform];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::Perform => "Perform",
        }
    }
}

/// A call's number in its conversation, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SequenceCode(NonZeroU32);

impl SequenceCode {
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    pub const fn get(self) -> u32 {
        self.0.get()
    }

    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SequenceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many calls a conversation has.
pub type CallsInConversation = NonZeroU32;

/// Where a call stands in its conversation: the second of three, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    sequence: SequenceCode,
    calls_in_conversation: CallsInConversation,
}

impl Place {
    /// The place of a call outside any conversation.
    pub const ONLY: Self = Self {
        sequence: SequenceCode::FIRST,
        calls_in_conversation: NonZeroU32::MIN,
    };

    /// Takes the two numbers as the caller wrote them: 205 and 206 are refused here.
    pub fn parse(sequence: i64, calls_in_conversation: i64) -> Result<Self, Refusal> {
        let calls_in_conversation = u32::try_from(calls_in_conversation)
            .ok()
            .and_then(NonZeroU32::new)
            .ok_or(Refusal::CallsInConversationOutOfBounds)?;
        if calls_in_conversation.get() > CALLS_MAX {
            return Err(Refusal::ConversationTooLong);
        }
        let sequence = u32::try_from(sequence)
            .ok()
            .and_then(SequenceCode::new)
            .filter(|sequence| sequence.get() <= calls_in_conversation.get())
            .ok_or(Refusal::SequenceCodeOutOfBounds)?;
        Ok(Self {
            sequence,
            calls_in_conversation,
        })
    }

    pub const fn sequence(self) -> SequenceCode {
        self.sequence
    }

    pub const fn calls_in_conversation(self) -> CallsInConversation {
        self.calls_in_conversation
    }
}

/// One call as it was accepted: everything but its Body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub request_id: RequestId,
    pub account: AccountId,
    /// `None`: the call is outside any conversation, and its conversation of one has the key of its
    /// RequestID.
    pub conversation_id: Option<ConversationId>,
    pub place: Place,
    pub method: Method,
    pub options: Options,
    /// Of the Body as parsed.
    pub digest: Digest,
    /// Top-level objects in the Body.
    pub objects: u32,
    /// Type of the first object, for results and logs.
    pub object_type: String,
    pub arrived_at: Timestamp,
    /// The backend that it is forwarded to, fixed when it was accepted. `None`: the built-in
    /// objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendName>,
    /// Whether it may be sent to its backend once more if its fate is unknown: what its account had
    /// declared when it was accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub safe_to_repeat: bool,
    /// The call that an operator submitted once more as this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resubmitted_from: Option<RequestId>,
}

impl Call {
    /// The conversation it belongs to.
    pub fn conversation_key(&self) -> ConversationKey {
        match &self.conversation_id {
            Some(conversation) => ConversationKey::named(&self.account, conversation),
            None => ConversationKey::of_request(&self.account, &self.request_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_checked_once() {
        check(1, 1, Ok((1, 1)));
        check(3, 3, Ok((3, 3)));
        check(0, 3, Err(205));
        check(4, 3, Err(205));
        check(-1, 3, Err(205));
        check(1, 0, Err(206));
        check(1, -5, Err(206));
        check(1, 10_001, Err(206));
        check(10_000, 10_000, Ok((10_000, 10_000)));
        check(i64::from(i32::MAX) + 1, 3, Err(205));
    }

    #[track_caller]
    fn check(sequence: i64, calls: i64, expected: Result<(u32, u32), u32>) {
        let found = Place::parse(sequence, calls)
            .map(|place| (place.sequence().get(), place.calls_in_conversation().get()))
            .map_err(|refusal| refusal.error_code());
        assert_eq!(found, expected);
    }

    #[test]
    fn keys_of_different_things_differ() {
        let account = |name: &str| AccountId(name.to_owned());
        let named = |who: &str, name: &str| {
            ConversationKey::named(&account(who), &ConversationId::parse(name).expect("a name"))
        };
        assert_ne!(named("a", "bc"), named("ab", "c"));
        assert_ne!(named("a", "x"), named("b", "x"));
        assert_ne!(
            named("a", "x"),
            ConversationKey::of_request(&account("a"), &RequestId("x".to_owned()))
        );
        assert!(
            named("a", "x # \u{e9}").0.len() <= 64,
            "also the name of a schedule"
        );
    }

    #[test]
    fn a_request_id_tells_where_its_call_lies() {
        let account = AccountId("7001".to_owned());
        let name = ConversationId::parse("nightly").expect("a name");
        let conversation = ConversationKey::named(&account, &name);
        let part = |number| SequenceCode::new(number).expect("not zero");
        for sequence in [part(1), part(2), part(255), part(CALLS_MAX)] {
            let id = RequestId::of_part(&conversation, sequence);
            assert_eq!(id.0.len(), 36);
            let conversation = conversation.clone();
            let expected = CallLocation {
                conversation,
                sequence,
            };
            assert_eq!(id.location(), Some(expected), "{id}");
        }
        assert_ne!(
            RequestId::of_part(&conversation, part(1)),
            RequestId::of_part(&conversation, part(2))
        );
    }

    #[test]
    fn other_ids_tell_nothing() {
        for id in [
            "",
            "r-1",
            "5f2b6c1e-8a0d-4f7e-9b1a-0c3d2e4f5a6b", // version 4
            "5f2b6c1e-8a0d-8f7e-9b1a-0c3d2e4f5a6b", // our variant begins with 8
            "5f2b6c1e-8a0d-8f7e-8b1a-0c3d2e4f0000", // there is no part 0
            "5F2B6C1E-8a0d-8f7e-8b1a-0c3d2e4f0001",
            "5f2b6c1e-8a0d-8f7e-8b1a-0c3d2e4g0001",
            "5f2b6c1e8a0d8f7e8b1a0c3d2e4f0001",
            "5f2b6c1e-8a0d-8f7e-8b1a-0c3d2e4f00010",
            "5f2b6c1e-8a0d-8f7e-8b1a-0c3d2e4\u{e9}001",
            "5f2b6c1e-8a0d-8f7e-8b1a-0c3d2e4f0001-1",
        ] {
            assert_eq!(RequestId(id.to_owned()).location(), None, "{id}");
        }
    }

    #[test]
    fn conversation_ids_are_taken_byte_for_byte() {
        assert_eq!(
            ConversationId::parse(" a ").expect("blanks count").as_str(),
            " a "
        );
        assert!(ConversationId::parse("").is_err());
        assert!(ConversationId::parse(&"\u{e9}".repeat(255)).is_ok());
        assert!(ConversationId::parse(&"x".repeat(256)).is_err());
    }

    #[test]
    fn ids_are_written_as_they_are() {
        assert_eq!(AccountId("a".to_owned()).to_string(), "a");
        assert_eq!(RequestId("r".to_owned()).to_string(), "r");
        assert_eq!(ConversationId::parse("c").expect("a name").to_string(), "c");
        let key = ConversationKey("4f".to_owned());
        assert_eq!(key.to_string(), "4f");
    }

    #[test]
    fn methods_have_the_names_of_the_protocol() {
        let methods = [
            Method::Create,
            Method::Update,
            Method::Delete,
            Method::Perform,
        ];
        assert_eq!(
            methods.map(Method::name),
            ["Create", "Update", "Delete", "Perform"]
        );
    }
}
