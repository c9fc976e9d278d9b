//! What is kept of a person, found by a SubscriberKey or a mail address: for a person who has all of it
//! taken away.
//!
//! A key is a word like any other (`1`, say), so that it counts only where something says that it is a
//! SubscriberKey. An address counts wherever it stands.

use std::collections::BTreeSet;

use calls::AccountId;
use serde_json::Value;

use crate::key::{self, ObjectKey};

/// Fields of rows that hold a SubscriberKey: letters alone, small.
const KEY_FIELDS: [&str; 2] = ["subscriberkey", "contactkey"];

/// Kinds of objects that are a person's own, so that they go with the person. All that is noted of mails
/// ends with [`EVENT`].
const OWN_TYPES: [&str; 5] = [
    SUBSCRIBER,
    "ListSubscriber",
    "Row",
    "Mailed",
    "BlockedAddress",
];
const EVENT: &str = "Event";
const SUBSCRIBER: &str = "Subscriber";

/// Whose data is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonNames {
    /// Small letters: case does not count in keys.
    keys: BTreeSet<String>,
    addresses: BTreeSet<String>,
}

/// What an object is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// It does not name the person.
    Others,
    /// The subscriber itself, by which all else is found: it goes last.
    Subscriber,
    Own,
    /// It names the person, and is somebody else's: a definition with the address of its sender, say.
    Named,
}

impl PersonNames {
    pub fn of_key(key: &str) -> Self {
        let mut person = Self::default();
        person.add_key(key);
        person
    }

    pub fn of_address(address: &str) -> Self {
        let mut person = Self::default();
        person.addresses.insert(address.to_lowercase());
        person
    }

    /// A key that is an address is one wherever it stands.
    fn add_key(&mut self, key: &str) {
        let key = key.to_lowercase();
        if key.contains('@') {
            self.addresses.insert(key.clone());
        }
        self.keys.insert(key);
    }

    /// Takes over what a subscriber is called, if it is this person's; `object`: as it is stored.
    pub fn learn(&mut self, object: &Value) {
        let key = child_text(object, "SubscriberKey");
        let address = child_text(object, "EmailAddress");
        let has_key = key.is_some_and(|key| self.keys.contains(&key.to_lowercase()));
        let has_address =
            address.is_some_and(|address| self.addresses.contains(&address.to_lowercase()));
        if has_key || has_address {
            if let Some(key) = key {
                self.add_key(key);
            }
            self.addresses
                .extend(address.map(str::to_lowercase).filter(|it| !it.is_empty()));
        }
    }

    /// What it is called, by which it is found.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let all = self.keys.union(&self.addresses);
        all.map(String::as_str)
    }

    /// Whether something that is kept as JSON names the person: objects, results, mails.
    pub fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_in_text(text),
            Value::Array(values) => {
                is_pair_with(values, |name, text| is_key_field(name) && self.is_key(text))
                    || values.iter().any(|value| self.is_in(value))
            }
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("");
                // An element that is named so; whom a mail is for.
                (is_key_field(text("n")) && self.is_key(text("v")))
                    || (fields.contains_key("o") && self.is_key(text("k")))
                    || fields.values().any(|value| self.is_in(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Whether a text holds an address of the person.
    pub fn is_in_text(&self, text: &str) -> bool {
        if self.addresses.is_empty() || !text.contains('@') {
            return false;
        }
        let text = text.to_lowercase();
        let mut addresses = self.addresses.iter();
        addresses.any(|address| is_word_of(&text, address))
    }

    /// What a stored object is to the person.
    pub fn belonging(&self, at: &ObjectKey, object: &Value) -> Belonging {
        let type_name = type_of(at);
        let is_own = OWN_TYPES.contains(&type_name) || type_name.ends_with(EVENT);
        // What leads to an object holds its key, and no field says so.
        let is_pointed_to = is_own && type_name != "Row" && {
            let mut parts = at.sort.split('#');
            parts.any(|part| self.keys.contains(part) || self.addresses.contains(part))
                || (at.partition.matches('#').count() > 1 && self.is_any_text(object))
        };
        match (is_pointed_to || self.is_in(object), is_own) {
            (false, _) => Belonging::Others,
            (true, false) => Belonging::Named,
            (true, true) if type_name == SUBSCRIBER && at.partition.ends_with(SUBSCRIBER) => {
                Belonging::Subscriber
            }
            (true, true) => Belonging::Own,
        }
    }

    fn is_key(&self, text: &str) -> bool {
        !text.is_empty() && self.keys.contains(&text.to_lowercase())
    }

    fn is_any_text(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_key(text),
            Value::Array(values) => values.iter().any(|value| self.is_any_text(value)),
            Value::Object(fields) => fields.values().any(|value| self.is_any_text(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

/// How the partitions of all objects of an account begin.
pub fn partitions_of(account: &AccountId) -> String {
    key::partition(account, "")
}

/// The type of what lies at a key.
pub fn type_of(at: &ObjectKey) -> &str {
    at.partition.split('#').nth(1).unwrap_or_default()
}

fn is_key_field(name: &str) -> bool {
    let letters = name.chars().filter(|character| character.is_alphanumeric());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    KEY_FIELDS.contains(&letters.as_str())
}

/// Whether children are a Name and a Value, as those of attributes and of the fields of rows are.
fn is_pair_with(children: &[Value], is_wanted: impl Fn(&str, &str) -> bool) -> bool {
    let text = |name: &str| {
        let mut children = children.iter();
        let child = children.find(|child| child.get("n").and_then(Value::as_str) == Some(name));
        child
            .and_then(|child| child.get("v"))
            .and_then(Value::as_str)
    };
    match (text("Name"), text("Value")) {
        (Some(name), Some(value)) => is_wanted(name, value),
        (Some(_) | None, _) => false,
    }
}

fn child_text<'a>(element: &'a Value, name: &str) -> Option<&'a str> {
    let mut children = element.get("c")?.as_array()?.iter();
    let child = children.find(|child| child.get("n").and_then(Value::as_str) == Some(name))?;
    child.get("v")?.as_str()
}

/// Whether an address stands in a text, and not only as the end or the beginning of a longer one.
fn is_word_of(text: &str, address: &str) -> bool {
    let is_of_address =
        |character: char| character.is_alphanumeric() || "._%+-@".contains(character);
    text.match_indices(address).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let mut behind = text.get(at + address.len()..).unwrap_or("").chars();
        let ends = match behind.next() {
            // The end of a sentence, or a longer name of a host.
            Some('.') => !behind.next().is_some_and(char::is_alphanumeric),
            Some(character) => !is_of_address(character),
            None => true,
        };
        ends && !before.is_some_and(is_of_address)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use soap::Element;

    use super::*;

    fn json_of(element: &Element) -> Value {
        serde_json::to_value(element).expect("JSON")
    }

    #[test]
    fn a_key_counts_only_where_it_is_said_to_be_one() {
        let person = PersonNames::of_key("1");
        let property = |name, value| {
            let pair = Element::new("Property").with(Element::of("Name", name));
            Element::new("Properties").with(pair.with(Element::of("Value", value)))
        };
        for (element, is_in) in [
            (Element::of("SubscriberKey", "1"), true),
            (Element::of("SubscriberKey", "12"), false),
            (Element::of("Quantity", "1"), false),
            (property("Subscriber Key", "1"), true),
            (property("Quantity", "1"), false),
        ] {
            assert_eq!(person.is_in(&json_of(&element)), is_in, "{element:?}");
        }
        assert!(person.is_in(&json!({"r": {"a": "7001", "o": "7001", "k": "1"}})));
    }

    #[test]
    fn an_address_counts_wherever_it_stands_whole() {
        let person = PersonNames::of_address("Ann@Example.com");
        for (text, is_in) in [
            ("ann@example.com", true),
            ("Dear <ANN@example.com>, hello", true),
            ("It was ann@example.com.", true),
            ("joann@example.com", false),
            ("ann@example.com.au", false),
            ("ann@example.community", false),
            ("ann", false),
        ] {
            assert_eq!(person.is_in_text(text), is_in, "{text}");
        }
    }

    #[test]
    fn who_is_known_by_one_name_is_found_by_the_others() {
        let subscriber = Element::new("Objects")
            .with(Element::of("SubscriberKey", "k-1"))
            .with(Element::of("EmailAddress", "ann@example.com"));
        let mut person = PersonNames::of_address("ann@example.com");
        person.learn(&json_of(&subscriber));
        assert_eq!(
            person.names().collect::<Vec<_>>(),
            ["ann@example.com", "k-1"]
        );
        let mut other = PersonNames::of_key("k-2");
        other.learn(&json_of(&subscriber));
        assert_eq!(other.names().collect::<Vec<_>>(), ["k-2"]);
    }

    #[test]
    fn what_is_somebody_elses_is_only_named() {
        let person = PersonNames::of_address("ann@example.com");
        let at = |partition: &str, sort: &str| ObjectKey {
            partition: partition.to_owned(),
            sort: sort.to_owned(),
        };
        let empty = json!({});
        let blocked = at("7001#BlockedAddress", "ann@example.com");
        assert_eq!(person.belonging(&blocked, &empty), Belonging::Own);
        let mailed = at("7001#Mailed#0f", "address#ann@example.com");
        assert_eq!(person.belonging(&mailed, &empty), Belonging::Own);
        let address = json_of(&Element::of("EmailAddress", "ann@example.com"));
        let subscriber = at("7001#Subscriber", "k-1");
        assert_eq!(
            person.belonging(&subscriber, &address),
            Belonging::Subscriber
        );
        let definition = at("7001#TriggeredSendDefinition", "welcome");
        assert_eq!(person.belonging(&definition, &address), Belonging::Named);
        assert_eq!(person.belonging(&definition, &empty), Belonging::Others);
        assert!(partitions_of(&AccountId("7#1".to_owned())).ends_with("7%231#"));
    }
}
