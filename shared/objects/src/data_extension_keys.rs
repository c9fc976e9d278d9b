//! Which data extension somebody means: by one address, or by any of the keys that it has.

use soap::Element;

use crate::key::{self, ObjectKey};
use crate::keyed;
use crate::missing::Missing;
use crate::object_types::data_extension::TYPE;
use crate::overlay::View;
use crate::tree;

/// A data extension by CustomerKey or, failing that, by Name.
pub(crate) fn find<'a>(
    overlay: View<'a, '_>,
    key_or_name: &str,
) -> Result<Option<(ObjectKey, &'a Element)>, Missing> {
    let by_key = key::object(overlay.account(), TYPE.name, key_or_name);
    let by_name = key::by_name(overlay.account(), key_or_name);
    let pointer = match (overlay.get(&by_key), overlay.get(&by_name)) {
        (Ok(Some(definition)), _) => return Ok(Some((by_key, definition))),
        (Ok(None), pointer) => pointer?,
        // Both are asked for at once: one round to the table, not two.
        (Err(Missing(mut keys)), pointer) => {
            keys.extend(pointer.err().into_iter().flat_map(|missing| missing.0));
            return Err(Missing(keys));
        }
    };
    let Some(pointer) = pointer else {
        return Ok(None);
    };
    let named = key::object(overlay.account(), TYPE.name, &pointer.text);
    Ok(overlay.get(&named)?.map(|definition| (named, definition)))
}

/// The data extension that an object names by any of the keys that it may have: CustomerKey, else
/// ObjectID, else PartnerKey, else Name.
pub(crate) fn find_named<'a>(
    overlay: View<'a, '_>,
    object: &Element,
) -> Result<Option<(ObjectKey, &'a Element)>, Missing> {
    if let Some(customer_key) = tree::filled(object, "CustomerKey") {
        return find(overlay, customer_key);
    }
    if let Some(found) = keyed::find_by_key(overlay, TYPE.name, object)? {
        return Ok(found.object.map(|definition| (found.key, definition)));
    }
    let is_numbered = tree::filled(object, "ObjectID").is_some();
    match tree::filled(object, "Name").filter(|_| !is_numbered) {
        Some(name) => find(overlay, name),
        None => Ok(None),
    }
}
