//! The records of a conversation as they are looked through for a person, or taken away with an account:
//! attribute by attribute, whatever record they lie in.

use std::collections::BTreeSet;

use calls::{AccountId, Phase};
use objects::PersonNames;
use serde_json::Value;

use crate::aws::table::{Key, key_of};
use crate::records::call_record::large_body_of;
use crate::records::compression::{compress, decompress};
use crate::records::conversation_record::ConversationRecord;
use crate::records::item::{Item, ItemReader, ItemWriter};

/// What a conversation is called whose account was expunged: its key, a hash of what it was called, stays,
/// and it is never carried out again.
const EXPUNGED: &str = "(expunged)";

/// The attributes of a header that stay when its account is expunged: enough to refuse a call of it.
const STAYING: [&str; 10] = [
    "pk",
    "sk",
    "version",
    "account",
    "calls_in_conversation",
    "arrived",
    "last_arrival",
    "priority",
    "phase",
    "opened_at",
];

/// All records of one partition of the table of calls.
pub(crate) struct Partition {
    pub(crate) pk: String,
    pub(crate) items: Vec<Item>,
}

/// What becomes of a record.
#[derive(Debug)]
pub(crate) enum Expunged {
    /// It is written over the version that was seen, if it has one.
    Changed {
        item: Item,
        seen: Option<u64>,
    },
    Deleted(Key),
}

impl Partition {
    /// Whose calls these are; `None`: it is no conversation, and no mails of a synchronous call.
    pub(crate) fn account(&self) -> Option<AccountId> {
        let of_calls = |item: &&Item| {
            let sk = text(item, "sk");
            ConversationRecord::is_at(&Key::new("", sk)) || sk.starts_with("MAILS#")
        };
        let item = self.items.iter().find(of_calls)?;
        Some(AccountId(text(item, "account").to_owned()))
    }

    pub(crate) fn header(&self) -> Option<&Item> {
        let is_header = |item: &&Item| ConversationRecord::is_at(&Key::new("", text(item, "sk")));
        self.items.iter().find(is_header)
    }

    /// Whether nothing is carried out any more. Replies and mails may still be due.
    pub(crate) fn has_ended(&self) -> bool {
        self.header().is_none_or(|header| {
            let phase: Option<Phase> = serde_json::from_str(text(header, "phase")).ok();
            matches!(phase, Some(Phase::Ended(_)))
        })
    }

    /// Whether somebody still has to go on with something of it.
    pub(crate) fn is_due(&self) -> bool {
        self.items.iter().any(|item| item.contains_key("due_at"))
    }

    /// Objects of the bucket that its records name.
    pub(crate) fn large_bodies(&self) -> impl Iterator<Item = &str> {
        self.items.iter().flat_map(large_bodies_of)
    }

    /// The same of some calls.
    pub(crate) fn large_bodies_of(&self, calls: &BTreeSet<u32>) -> Vec<&str> {
        let of_calls = self.items.iter().filter(|item| {
            let sequence = sequence_of(text(item, "sk"));
            sequence.is_some_and(|sequence| calls.contains(&sequence))
        });
        of_calls.flat_map(large_bodies_of).collect()
    }

    /// All but the header.
    pub(crate) fn keys_beside_header(&self) -> Vec<Key> {
        let keys = self.items.iter().filter_map(key_of);
        keys.filter(|key| !ConversationRecord::is_at(key)).collect()
    }

    /// What is left of the header when all else is gone; `None`: there is none, or it is so already.
    pub(crate) fn reduced_header(&self) -> Option<Expunged> {
        let header = self.header()?;
        let version = ItemReader(header.clone()).number("version").ok()?;
        match text(header, "conversation_id") {
            "" => Some(Expunged::Deleted(key_of(header)?)),
            EXPUNGED => None,
            _ => {
                let fields = STAYING
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), header.get(*name)?.clone())));
                let item = ItemWriter::over(fields.collect())
                    .text("conversation_id", EXPUNGED)
                    .number("version", version + 1);
                Some(Expunged::Changed {
                    item: item.done(),
                    seen: Some(version),
                })
            }
        }
    }

    /// The version of the header that was seen.
    pub(crate) fn header_version(&self) -> Option<u64> {
        ItemReader(self.header()?.clone()).number("version").ok()
    }

    /// Whether its ConversationID names the person.
    pub(crate) fn is_called_after(&self, person: &PersonNames) -> bool {
        let name = self.header().map(|header| text(header, "conversation_id"));
        name.is_some_and(|name| person.is_in_text(name))
    }

    /// The calls that name the person: in their bodies and results, here or in the bucket, or in their mails.
    pub(crate) fn calls_naming(
        &self,
        person: &PersonNames,
        in_bucket: &dyn Fn(&str) -> Option<String>,
    ) -> BTreeSet<u32> {
        let names = |item: &&Item| {
            let large = large_bodies_of(item).filter_map(in_bucket);
            let mut large = large.collect::<Vec<_>>().into_iter();
            let of_item = ["body", "results", "order"].into_iter();
            let mut of_item = of_item.filter_map(|name| unpacked(item, name));
            of_item.any(|text| is_named_in(person, &text))
                || large.any(|text| is_named_in(person, &text))
        };
        let named = self.items.iter().filter(names);
        named
            .filter_map(|item| sequence_of(text(item, "sk")))
            .collect()
    }

    /// What becomes of the records: bodies and results are taken out of those calls, mails to the person are
    /// deleted, and so is what a receiver has said of the person. What became of the calls stays.
    pub(crate) fn without(&self, person: &PersonNames, calls: &BTreeSet<u32>) -> Vec<Expunged> {
        let expunged = |item: &Item| {
            let sequence = sequence_of(text(item, "sk"));
            let is_of_call = sequence.is_some_and(|sequence| calls.contains(&sequence));
            item_without(item, person, is_of_call)
        };
        self.items.iter().filter_map(expunged).collect()
    }
}

/// A record that lies in a partition with those of other accounts.
pub(crate) fn is_of(item: &Item, account: &AccountId) -> bool {
    text(item, "account") == account.0
}

/// `is_of_call`: the call that it is about names the person.
fn item_without(item: &Item, person: &PersonNames, is_of_call: bool) -> Option<Expunged> {
    let mut next = item.clone();
    if is_of_call {
        let sk = text(item, "sk");
        if sk.starts_with("RESULTS#") {
            return key_of(item).map(Expunged::Deleted);
        }
        if sk.starts_with("MAIL#") {
            let order = unpacked(item, "order")?;
            let is_named = is_named_in(person, &order);
            return is_named.then(|| key_of(item).map(Expunged::Deleted))?;
        }
        for gone in ["body", "body_at", "results_at", "results_bytes"] {
            next.remove(gone);
        }
        if item.contains_key("outcome") {
            // No results, rather than none that were kept: those would be made of the body.
            let none = compress("[]");
            next = ItemWriter::over(next).bytes("results", &none).done();
        }
    }
    if let Some(reply) = unpacked(item, "reply").and_then(|reply| reply_without(&reply, person)) {
        let reply = compress(&reply);
        next = ItemWriter::over(next).bytes("reply", &reply).done();
    }
    if next == *item {
        return None;
    }
    let seen = ItemReader(item.clone()).maybe_number::<u64>("version");
    let next = match seen {
        Some(seen) => ItemWriter::over(next).number("version", seen + 1).done(),
        None => next,
    };
    Some(Expunged::Changed { item: next, seen })
}

/// Without what its receiver said, if that names the person.
fn reply_without(reply: &str, person: &PersonNames) -> Option<String> {
    let mut reply: Value = serde_json::from_str(reply).ok()?;
    let attempts = reply.get_mut("attempts")?.as_array_mut()?;
    let mut is_changed = false;
    for attempt in attempts.iter_mut().filter_map(Value::as_object_mut) {
        if attempt
            .get("answer")
            .is_some_and(|answer| person.is_in(answer))
        {
            attempt.remove("answer");
            is_changed = true;
        }
    }
    is_changed.then(|| reply.to_string())
}

/// Bodies are envelopes' payloads; all else is JSON.
fn is_named_in(person: &PersonNames, text: &str) -> bool {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return person.is_in(&value);
    }
    match soap::read_canonical(text) {
        Ok(element) => serde_json::to_value(&element).is_ok_and(|value| person.is_in(&value)),
        Err(_) => person.is_in_text(text),
    }
}

fn large_bodies_of(item: &Item) -> impl Iterator<Item = &str> {
    let results = text(item, "results_at");
    let results = (!results.is_empty()).then_some(results);
    let first = large_body_of(item);
    first
        .into_iter()
        .chain(results.filter(|it| Some(*it) != first))
}

/// The call that a record is about; a header is that of a call alone.
fn sequence_of(sk: &str) -> Option<u32> {
    match sk.split_once('#') {
        Some((_, rest)) => rest.split('#').next()?.parse().ok(),
        None => ConversationRecord::is_at(&Key::new("", sk)).then_some(1),
    }
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map_or("", String::as_str)
}

fn unpacked(item: &Item, name: &str) -> Option<String> {
    decompress(item.get(name)?.as_b().ok()?.as_ref())
}
