//! Where an object lies in the table, and the numbers and names that are derived from its key.
//!
//! | partition                        | sort                        | holds                        |
//! |----------------------------------|-----------------------------|------------------------------|
//! | `<account>#<type>`               | its key                     | an object                    |
//! | `<account>#<type>#ID`            | its ID                      | where the object of an ID is |
//! | `<account>#<type>#<field>`       | a PartnerKey, or a name     | the keys of the objects that have it |
//! | `<account>#DataExtension#Name`   | its Name                    | the data extension's key     |
//! | `<account>#BlockedAddress`       | a mail address              | whose doing it is that it is not mailed |
//! | `<account>#Row#<hash>`           | its primary key             | a row of a data extension    |
//! | `<account>#Mailed#<hash>`        | SubscriberKey or address    | that a send has come to it; until results are gone |
//! | `<account>#Scheduled`            | time in ms, `#`, a definition's key | which call sends it then |

use calls::{AccountId, hash_parts, hex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest sort key that is readable; DynamoDB takes 1024 bytes. Longer ones are hashed.
const SORT_BYTES_MAX: usize = 512;

/// Key of one stored object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Account and type; for rows, account and data extension.
    pub partition: String,
    pub sort: String,
}

/// Sort keys around what is looked for, both excluded; `None`: no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    pub after: Option<String>,
    pub before: Option<String>,
}

/// All objects of a type.
pub(crate) fn partition(account: &AccountId, type_name: &str) -> String {
    format!("{}#{type_name}", escaped(&account.0))
}

pub(crate) fn object(account: &AccountId, type_name: &str, key: &str) -> ObjectKey {
    ObjectKey {
        partition: partition(account, type_name),
        sort: sort(key),
    }
}

/// The record that says which object has this ID.
pub(crate) fn by_id(account: &AccountId, type_name: &str, id: &str) -> ObjectKey {
    ObjectKey {
        partition: partition(account, type_name) + "#ID",
        sort: sort(id),
    }
}

/// The record that says which data extension has this Name.
pub(crate) fn by_name(account: &AccountId, name: &str) -> ObjectKey {
    ObjectKey {
        partition: partition(account, "DataExtension") + "#Name",
        sort: sort(name),
    }
}

/// The record that says which objects have this value in that field.
pub(crate) fn by_alias(
    account: &AccountId,
    type_name: &str,
    field: &str,
    value: &str,
) -> ObjectKey {
    ObjectKey {
        partition: partition(account, type_name) + "#" + field,
        sort: sort(value),
    }
}

/// All rows that belong together; `rows` is what [`rows_of`] made.
pub(crate) fn rows_partition(account: &AccountId, rows: &str) -> String {
    partition(account, "Row") + "#" + rows
}

/// A row by the values of its primary key, in the order of the fields.
pub(crate) fn row<'a>(
    account: &AccountId,
    rows: &str,
    values: impl Iterator<Item = &'a str>,
) -> ObjectKey {
    let values: Vec<String> = values.map(escaped).collect();
    ObjectKey {
        partition: rows_partition(account, rows),
        sort: sort(&values.join("#")),
    }
}

/// A row of a data extension without primary key: named by the call and the place that made it.
pub(crate) fn unkeyed_row(
    account: &AccountId,
    rows: &str,
    request_id: &str,
    ordinal: usize,
) -> ObjectKey {
    ObjectKey {
        partition: rows_partition(account, rows),
        sort: sort(&format!("{request_id}#{ordinal:05}")),
    }
}

/// Where it is noted that a send has come to somebody: by the SubscriberKey, or by the address.
pub(crate) fn mailed(account: &AccountId, send: &str, by: &str, name: &str) -> ObjectKey {
    ObjectKey {
        partition: format!("{}#{send}", partition(account, "Mailed")),
        sort: sort(&format!("{by}#{name}")),
    }
}

/// Where it is noted which call sends a definition at a time.
pub(crate) fn scheduled(account: &AccountId, definition_key: &str, at: Timestamp) -> ObjectKey {
    let at = at.as_millisecond().max(0);
    ObjectKey {
        partition: partition(account, "Scheduled"),
        sort: sort(&format!("{at:015}#{definition_key}")),
    }
}

/// A fresh name for the rows of a data extension, made from what gives it its rows.
pub(crate) fn rows_of(request_id: &str, ordinal: usize) -> String {
    hex(&hash_parts(&["rows", request_id, &ordinal.to_string()])[..16])
}

/// The number of a row, made from where it lies and what made it: of 63 bits, so that two of a
/// hundred million rows meet once in two thousand data extensions.
pub(crate) fn row_number(at: &ObjectKey, request_id: &str, ordinal: usize) -> u64 {
    let parts = [
        "row",
        &at.partition,
        &at.sort,
        request_id,
        &ordinal.to_string(),
    ];
    let hash = hash_parts(&parts);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    (u64::from_be_bytes(bytes) >> 1).max(1)
}

/// The ID of an object: positive, and always the same for the same key. `attempt` gives another
/// one where two keys meet.
pub(crate) fn number(account: &AccountId, type_name: &str, key: &str, attempt: u32) -> i32 {
    let hash = hash_parts(&[
        &account.0,
        type_name,
        &key.to_lowercase(),
        &attempt.to_string(),
    ]);
    let number = i32::from_be_bytes([hash[0] & 0x7f, hash[1], hash[2], hash[3]]);
    number.max(1)
}

/// The ObjectID of an object: a GUID that begins with its ID, so that one record finds both.
pub(crate) fn guid(account: &AccountId, type_name: &str, id: i32) -> String {
    let hash = hash_parts(&["guid", &account.0, type_name, &id.to_string()]);
    let rest = hex(&hash[..12]);
    // Version 8 (made by the application's own rule) and the variant of RFC 9562.
    format!(
        "{id:08x}-{}-8{}-a{}-{}",
        &rest[..4],
        &rest[4..7],
        &rest[7..10],
        &rest[10..22]
    )
}

/// The ID that an ObjectID begins with.
pub(crate) fn number_in(guid: &str) -> Option<i32> {
    i32::from_str_radix(guid.trim().get(..8)?, 16).ok()
}

/// Case does not count in a key, as it does not in a filter: who has unsubscribed as `ann@` gets no
/// mail as `Ann@`.
fn sort(key: &str) -> String {
    let folded = key.to_lowercase();
    if folded.len() <= SORT_BYTES_MAX {
        folded
    } else {
        hex(&hash_parts(&[&folded]))
    }
}

/// Free of the separator, and different for different texts.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId(name.to_owned())
    }

    #[test]
    fn free_text_never_reaches_into_another_partition() {
        let keys = [
            object(&account("a"), "List", "x"),
            object(&account("a#List"), "x", ""),
            object(&account("a%23List"), "x", ""),
            by_id(&account("a"), "List", "x"),
            object(&account("a"), "Email", "x"),
        ];
        let partitions: std::collections::BTreeSet<_> =
            keys.iter().map(|key| &key.partition).collect();
        assert_eq!(partitions.len(), keys.len());
    }

    #[test]
    fn primary_keys_of_several_fields_do_not_meet() {
        let sort = |values: &[&str]| row(&account("a"), "r", values.iter().copied()).sort;
        assert_ne!(sort(&["a#b", "c"]), sort(&["a", "b#c"]));
        assert_ne!(sort(&["a%23b", "c"]), sort(&["a#b", "c"]));
        assert_eq!(sort(&["a", "b"]), "a#b");
    }

    #[test]
    fn long_keys_fit_the_table() {
        assert_eq!(
            object(&account("a"), "List", &"x".repeat(512)).sort.len(),
            512
        );
        assert_eq!(
            object(&account("a"), "List", &"x".repeat(513)).sort.len(),
            64
        );
    }

    #[test]
    fn case_does_not_count() {
        let key = |key: &str| object(&account("a"), "Subscriber", key);
        assert_eq!(key("Ann@Example.com"), key("ann@example.COM"));
        let number = |key: &str| number(&account("a"), "Subscriber", key, 0);
        assert_eq!(number("Ann"), number("aNN"));
    }

    #[test]
    fn an_object_id_leads_to_the_id() {
        for attempt in 0..100 {
            let id = number(&account("a"), "List", "news", attempt);
            assert!(id > 0);
            let guid = guid(&account("a"), "List", id);
            assert_eq!(guid.len(), 36, "{guid}");
            assert_eq!(number_in(&guid), Some(id));
        }
        assert_eq!(number_in("not a guid"), None);
        assert_eq!(number_in(""), None);
    }
}
