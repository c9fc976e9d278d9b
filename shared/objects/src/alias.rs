//! Other names of an object beside its CustomerKey and its ID: its PartnerKey, and its name where that
//! is not its key. A record for each says which objects have it, so that one is found by any of them.

use soap::Element;

use crate::context::DecisionContext;
use crate::key::{self, ObjectKey};
use crate::missing::Missing;
use crate::overlay::View;
use crate::tree;
use crate::verdict::{Refused, Stop};

pub(crate) const PARTNER_KEY: &str = "PartnerKey";

/// Objects of one name that are told apart. Of a name that more have had, none is found any more but
/// by its other keys: the record must not grow with them.
const NAMESAKES_MAX: usize = 20;

/// What the record of such a name holds.
const TOO_MANY: &str = "TooMany";

/// Which objects have a name.
pub(crate) enum Named<'a> {
    Nobody,
    /// Its CustomerKey.
    One(&'a str),
    Several,
}

/// Which object of a type has that value in that field.
pub(crate) fn find<'a>(
    overlay: View<'a, '_>,
    type_name: &str,
    field: &str,
    value: &str,
) -> Result<Named<'a>, Missing> {
    let key = key::by_alias(overlay.account(), type_name, field, value);
    let Some(record) = overlay.get(&key)? else {
        return Ok(Named::Nobody);
    };
    let mut keys = record.all("CustomerKey");
    Ok(match (keys.next(), keys.next()) {
        _ if record.child(TOO_MANY).is_some() => Named::Several,
        (None, _) => Named::Nobody,
        (Some(only), None) => Named::One(&only.text),
        (Some(_), Some(_)) => Named::Several,
    })
}

/// Whether the PartnerKey of an object leads to one that is there; else it is a new one.
pub(crate) fn has_partner_key(context: &DecisionContext<'_>) -> Result<bool, Missing> {
    let Some(partner_key) = tree::filled(context.object, PARTNER_KEY) else {
        return Ok(false);
    };
    let named = find(
        context.overlay,
        context.type_name(),
        PARTNER_KEY,
        partner_key,
    )?;
    Ok(matches!(named, Named::One(_)))
}

/// What becomes of the records of an object's names when it changes from `before` to `after`; `None`:
/// it was not there, or is not any more. A PartnerKey is one object's alone.
pub(crate) fn changes(
    context: &DecisionContext<'_>,
    fields: &[&str],
    customer_key: &str,
    before: Option<&Element>,
    after: Option<&Element>,
) -> Result<Vec<(ObjectKey, Option<Element>)>, Stop> {
    let mut changes = Vec::new();
    for field in fields {
        let value = |object: Option<&Element>| {
            let text = tree::filled(object?, field).map(str::to_lowercase);
            // The key itself needs no record.
            text.filter(|text| *field == PARTNER_KEY || *text != customer_key.to_lowercase())
        };
        let (before, after) = (value(before), value(after));
        if before == after {
            continue;
        }
        let record_of = |value: &str| {
            key::by_alias(context.overlay.account(), context.type_name(), field, value)
        };
        if let Some(before) = before {
            let at = record_of(&before);
            if let Some(record) = context.overlay.get(&at)? {
                changes.push((at, without(record, customer_key)));
            }
        }
        if let Some(after) = after {
            let at = record_of(&after);
            let record = context.overlay.get(&at)?;
            if *field == PARTNER_KEY && record.is_some() {
                return Err(Refused::new(1, "Another object has this PartnerKey already").into());
            }
            changes.extend(with(record, customer_key).map(|record| (at, Some(record))));
        }
    }
    Ok(changes)
}

fn is_key(child: &Element, customer_key: &str) -> bool {
    child.name == "CustomerKey" && child.text.eq_ignore_ascii_case(customer_key)
}

/// `None`: nobody has the name any more.
fn without(record: &Element, customer_key: &str) -> Option<Element> {
    let mut record = record.clone();
    record.children.retain(|child| !is_key(child, customer_key));
    (!record.children.is_empty()).then_some(record)
}

/// `None`: it stays as it is.
fn with(record: Option<&Element>, customer_key: &str) -> Option<Element> {
    let mut record = record.cloned().unwrap_or_else(|| Element::new("Names"));
    let is_there = |child: &Element| child.name == TOO_MANY || is_key(child, customer_key);
    if record.children.iter().any(is_there) {
        return None;
    }
    if record.children.len() >= NAMESAKES_MAX {
        record.children = vec![Element::new(TOO_MANY)];
    } else {
        record
            .children
            .push(Element::of("CustomerKey", customer_key));
    }
    Some(record)
}
