//! What is to be done with data extensions beside any call: rows that nobody sees any more are deleted,
//! what has reached the end of its time is ended, rows are told when the table may remove them.
//!
//! | partition | sort                                | holds                   | written by                  | read by    |
//! |-----------|-------------------------------------|-------------------------|-----------------------------|------------|
//! | `Upkeep`  | when it is due in ms, `#`, a digest | what is to be looked at | whoever changes a definition | timekeeper |
//!
//! A record is written in the transaction that makes the work, and removed when the work is done. It says
//! only where to look: done twice, or for a definition that has changed since, it does no harm.

use calls::{AccountId, hash_parts, hex};
use jiff::{SignedDuration, Timestamp};
use soap::Element;

use crate::alias::PARTNER_KEY;
use crate::key::{self, ObjectKey};
use crate::missing::Missing;
use crate::overlay::Overlay;
use crate::retention;
use crate::row_partitions::{DATA_EXTENSION, REPLACED, names_in};
use crate::tree;

/// The partition of all that is to be done.
pub const UPKEEP: &str = "Upkeep";

/// Names of the records.
const DELETE_ROWS: &str = "DeleteRows";
const LOOK: &str = "LookAtDefinition";
const MARK_ROWS: &str = "MarkRows";

/// For how long somebody may still write by a definition that has changed: no function runs longer.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(20);

/// One thing that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// Rows that no data extension has are deleted.
    DeleteRows { partitions: Vec<String> },
    /// A definition has reached the end of its time, or has rows that are replaced.
    LookAtDefinition {
        account: AccountId,
        definition: ObjectKey,
    },
    /// The time from which the table may remove each row is written anew; `after`: the last row that has
    /// it.
    MarkRows {
        account: AccountId,
        definition: ObjectKey,
        after: Option<String>,
    },
}

impl Upkeep {
    /// The record of this, for then. `source`: what makes it, so that two never are one record.
    pub(crate) fn due(&self, at: Timestamp, source: &[&str]) -> (ObjectKey, Option<Element>) {
        let record = self.record();
        let mut parts: Vec<&str> = record.children.iter().map(|it| it.text.as_str()).collect();
        parts.extend(source);
        let digest = hex(&hash_parts(&parts)[..16]);
        let key = ObjectKey {
            partition: UPKEEP.to_owned(),
            sort: format!("{}{digest}", due_prefix(at)),
        };
        (key, Some(record))
    }

    /// As the record that it is kept as.
    pub fn record(&self) -> Element {
        let at = |name: &str, account: &AccountId, definition: &ObjectKey| {
            Element::new(name)
                .with(Element::of("Account", &account.0))
                .with(Element::of("Partition", &definition.partition))
                .with(Element::of("Sort", &definition.sort))
        };
        match self {
            Self::DeleteRows { partitions } => {
                let partitions = partitions.iter().map(|it| Element::of("Partition", it));
                partitions.fold(Element::new(DELETE_ROWS), Element::with)
            }
            Self::LookAtDefinition {
                account,
                definition,
            } => at(LOOK, account, definition),
            Self::MarkRows {
                account,
                definition,
                after,
            } => {
                let after = after.iter().map(|after| Element::of("After", after));
                after.fold(at(MARK_ROWS, account, definition), Element::with)
            }
        }
    }

    /// What a record says.
    pub fn read(record: &Element) -> Option<Self> {
        let text = |name: &str| record.text_of(name).map(str::to_owned);
        if record.name == DELETE_ROWS {
            let partitions = record.all("Partition").map(|it| it.text.clone());
            let partitions = partitions.collect();
            return Some(Self::DeleteRows { partitions });
        }
        let account = AccountId(text("Account")?);
        let definition = ObjectKey {
            partition: text("Partition")?,
            sort: text("Sort")?,
        };
        match record.name.as_str() {
            LOOK => Some(Self::LookAtDefinition {
                account,
                definition,
            }),
            MARK_ROWS => Some(Self::MarkRows {
                account,
                definition,
                after: text("After"),
            }),
            _ => None,
        }
    }
}

/// How the sort keys of all begin that are due then.
fn due_prefix(at: Timestamp) -> String {
    format!("{:015}#", at.as_millisecond().max(0))
}

/// Behind the sort keys of all that is due by then.
pub fn due_by(now: Timestamp) -> String {
    format!("{}~", due_prefix(now))
}

/// When the record of a sort key was due.
pub fn due_at(sort: &str) -> Option<Timestamp> {
    let (at, _) = sort.split_once('#')?;
    Timestamp::from_millisecond(at.parse().ok()?).ok()
}

/// The record that has rows deleted, by the names of their partitions.
pub(crate) fn delete_rows<'a>(
    account: &AccountId,
    rows: impl Iterator<Item = &'a str>,
    at: Timestamp,
) -> (ObjectKey, Option<Element>) {
    let partitions = rows.map(|rows| key::rows_partition(account, rows));
    let partitions = partitions.collect();
    Upkeep::DeleteRows { partitions }.due(at, &[])
}

/// The record that has all rows of a definition deleted, those that it has and had.
pub(crate) fn delete_rows_of(
    account: &AccountId,
    definition: &Element,
    now: Timestamp,
) -> (ObjectKey, Option<Element>) {
    delete_rows(account, names_in(definition), now)
}

/// The record that has a definition looked at.
pub(crate) fn look_at(
    account: &AccountId,
    definition: &ObjectKey,
    at: Timestamp,
    source: &[&str],
) -> (ObjectKey, Option<Element>) {
    let look = Upkeep::LookAtDefinition {
        account: account.clone(),
        definition: definition.clone(),
    };
    look.due(at, source)
}

/// Does what is due at a definition: it is removed if its time is over, and rows that it does not have
/// any more are given to be deleted.
pub fn look_at_definition(
    overlay: &mut Overlay,
    account: &AccountId,
    definition: &ObjectKey,
    now: Timestamp,
) -> Result<(), Missing> {
    if let Some(stored) = overlay.get(definition)? {
        let mut becomes = stored.clone();
        becomes.children.retain(|child| child.name != REPLACED);
        if becomes == *stored {
            return Ok(());
        }
        let mut replaced = stored.clone();
        replaced.children.retain(|child| child.name == REPLACED);
        let next = retention::ends_at(&becomes);
        let source = now.to_string();
        let next = next.map(|end| look_at(account, definition, end, &[&source]));
        let delete = delete_rows_of(account, &replaced, now);
        change_all(overlay, std::iter::once(delete).chain(next), now);
        overlay.change(definition.clone(), Some(becomes), now);
        return Ok(());
    }
    let Some(ended) = overlay.ended(definition).cloned() else {
        return Ok(());
    };
    let mut pointers = Vec::new();
    let customer_key = ended.text_of("CustomerKey").unwrap_or_default();
    for pointer in pointers_to(account, &ended) {
        // One that another has by now is not touched.
        let leads_here = overlay.get(&pointer)?.is_some_and(|record| {
            let mut keys = record.all("CustomerKey").chain([record]);
            keys.any(|key| key.text.eq_ignore_ascii_case(customer_key))
        });
        if leads_here {
            pointers.push((pointer, None));
        }
    }
    pointers.push(delete_rows_of(account, &ended, now));
    change_all(overlay, pointers.into_iter(), now);
    overlay.change(definition.clone(), None, now);
    Ok(())
}

fn change_all(
    overlay: &mut Overlay,
    changes: impl Iterator<Item = (ObjectKey, Option<Element>)>,
    now: Timestamp,
) {
    for (key, becomes) in changes {
        overlay.change(key, becomes, now);
    }
}

/// The records that lead to a definition: by its ID, its Name and its PartnerKey.
pub(crate) fn pointers_to(account: &AccountId, definition: &Element) -> Vec<ObjectKey> {
    let value = |name: &str| tree::filled(definition, name);
    let by_id = value("ID").map(|id| key::by_id(account, DATA_EXTENSION, id));
    let by_name = value("Name").map(|name| key::by_name(account, name));
    let by_partner = value(PARTNER_KEY);
    let by_partner =
        by_partner.map(|partner| key::by_alias(account, DATA_EXTENSION, PARTNER_KEY, partner));
    by_id.into_iter().chain(by_name).chain(by_partner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_again_and_lie_in_the_order_of_their_time() {
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let upkeep = Upkeep::DeleteRows {
            partitions: vec!["acme#Row#1".to_owned()],
        };
        let (key, record) = upkeep.due(at(1_800_000_000), &["call-1"]);
        assert_eq!(record.as_ref().and_then(Upkeep::read), Some(upkeep.clone()));
        let mark = |after: Option<&str>| Upkeep::MarkRows {
            account: AccountId("acme".to_owned()),
            definition: key::object(&AccountId("acme".to_owned()), DATA_EXTENSION, "k"),
            after: after.map(str::to_owned),
        };
        for mark in [mark(None), mark(Some("row-7"))] {
            assert_eq!(Upkeep::read(&mark.record()), Some(mark));
        }
        assert_eq!(due_at(&key.sort), Some(at(1_800_000_000)));
        let (later, _) = upkeep.due(at(1_800_000_001), &["call-1"]);
        assert!(key.sort < due_by(at(1_800_000_000)) && later.sort > due_by(at(1_800_000_000)));
        let (other, _) = upkeep.due(at(1_800_000_000), &["call-2"]);
        assert_ne!(key, other, "of two calls");
    }
}
