//! Every type of object that there is, as a constant table: which methods it has, how its work is
//! planned, decided and merged, where it is retrieved from, what is checked of it at the door, what
//! it sends.
//!
//! A new type is one file under `object_types` with its `TYPE`, and one line in [`TYPES`].
//!
//! **Architecture Invariant:** nobody outside this crate compares the name of a type. Whoever needs
//! to know what a type can do asks [`object_type`].

use soap::Element;

use crate::object_type::ObjectType;
use crate::object_types::{
    data_extension, data_extension_field, data_extension_object, data_extract_activity,
    email_send_definition, import_definition, import_results_summary, list, mail_event, own,
    phone_send, phone_send_definition, property_definition, send, stored_only, subscriber,
    suppression_list_definition, triggered_send, triggered_send_definition,
};
use crate::verdict::Refused;

/// Types with a meaning of their own. The rest is in `own`, `mail_event` and `stored_only`.
const TYPES: [ObjectType; 18] = [
    subscriber::TYPE,
    list::TYPE,
    data_extension::TYPE,
    data_extension_field::TYPE,
    data_extension_object::TYPE,
    data_extract_activity::TYPE,
    email_send_definition::TYPE,
    send::TYPE,
    suppression_list_definition::TYPE,
    import_definition::TYPE,
    import_results_summary::TYPE,
    triggered_send_definition::TYPE,
    triggered_send::TYPE,
    phone_send_definition::TEXT,
    phone_send::TEXT,
    phone_send_definition::VOICE,
    phone_send::VOICE,
    property_definition::TYPE,
];

/// The type of that name. The case of letters counts, as in the original.
pub fn object_type(name: &str) -> Option<ObjectType> {
    let is_named = |object_type: &&ObjectType| object_type.name == name;
    let special = TYPES
        .iter()
        .chain(&own::TYPES)
        .chain(&mail_event::TYPES)
        .chain(&stored_only::READ_ONLY)
        .find(is_named)
        .copied();
    special.or_else(|| stored_only::named(name))
}

/// The type that an object says it is of.
pub(crate) fn type_of(object: &Element) -> Result<ObjectType, Refused> {
    let name = object.type_name.as_deref().unwrap_or_default();
    object_type(name).ok_or_else(|| unknown(name))
}

/// The names of all types, for what says which one was meant.
pub fn names() -> impl Iterator<Item = &'static str> {
    let special = TYPES
        .iter()
        .chain(&own::TYPES)
        .chain(&mail_event::TYPES)
        .chain(&stored_only::READ_ONLY);
    special
        .map(|object_type| object_type.name)
        .chain(stored_only::names())
}

/// The refusal of a type that there is not. What would send something and cannot belongs here, too:
/// better refused than kept and never sent.
pub(crate) fn unknown(type_name: &str) -> Refused {
    let type_name = soap::echo(type_name);
    let message = format!("This operation does not support the APIObject of type [{type_name}]");
    Refused::new(8, message)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::object_type::Sending;

    #[test]
    fn every_type_is_found_by_its_name_and_stands_there_once() {
        let mut seen = BTreeSet::new();
        for name in names() {
            assert!(seen.insert(name), "{name} is there twice");
            assert_eq!(object_type(name).map(|found| found.name), Some(name));
        }
        assert!(object_type("subscriber").is_none(), "case counts");
        assert!(object_type("APIObject").is_none(), "the base is no type");
    }

    #[test]
    fn what_sends_says_so() {
        let sending: Vec<&str> = names()
            .filter(|name| object_type(name).is_some_and(|found| found.sending != Sending::Nothing))
            .collect();
        let expected = ["TriggeredSend", "SMSTriggeredSend", "VoiceTriggeredSend"];
        assert_eq!(sending, expected);
    }
}
