//! Whether an object says which one it is.

use soap::Element;

use crate::alias::PARTNER_KEY;
use crate::saving::Intent;
use crate::tree;
use crate::verdict::Refused;

/// Whether an object names itself at all, by a key, a number or its name.
pub(crate) fn check_named(
    intent: Intent,
    name_field: &str,
    no_key: (u32, &'static str),
    object: &Element,
) -> Result<(), Refused> {
    let names = ["CustomerKey", "ObjectID", "ID", PARTNER_KEY, name_field];
    let is_named = names
        .iter()
        .any(|name| tree::filled(object, name).is_some());
    if is_named || intent == Intent::Leave {
        Ok(())
    } else {
        Err(Refused::new(no_key.0, no_key.1))
    }
}
