//! Defaults of subscriber attributes: what a field of a mail becomes whose value nobody says. A
//! PropertyDefinition of that name has it as its DefaultValue.

use std::collections::BTreeSet;

use soap::Element;

use crate::keyed;
use crate::missing::Missing;
use crate::object_types::stored_only;
use crate::overlay::View;
use crate::personalise::fields_in;
use crate::tree;

const TYPE_NAME: &str = "PropertyDefinition";

/// Most fields of a mail whose defaults are looked for. Nobody writes so many, and each is two looks at
/// the table.
const FIELDS_MAX: usize = 200;

/// What every mail knows of its reader: it has no defaults.
pub(crate) const KNOWN_OF_ALL: [&str; 4] = [
    "emailaddr",
    "emailaddress",
    "subscriberkey",
    "_subscriberkey",
];

/// An attribute, and what it is where nobody says.
pub(crate) struct AttributeDefault<'a> {
    pub(crate) name: String,
    pub(crate) value: &'a str,
}

/// The fields that words have, each once, but for those that every mail knows.
pub(crate) fn fields_of<'w>(words: impl Iterator<Item = &'w str>) -> BTreeSet<String> {
    let names = words.flat_map(fields_in).map(str::to_lowercase);
    let names = names.filter(|name| !KNOWN_OF_ALL.contains(&name.as_str()));
    names.take(FIELDS_MAX).collect()
}

/// The defaults of these attributes, as far as they have any. All records are asked for at once.
pub(crate) fn defaults_of<'a>(
    overlay: View<'a, '_>,
    names: &BTreeSet<String>,
) -> Result<Vec<AttributeDefault<'a>>, Missing> {
    let mut missing = Vec::new();
    let mut defaults = Vec::new();
    for name in names {
        let named = Element::new(TYPE_NAME).with(Element::of(stored_only::NAME_FIELD, name));
        match keyed::find(overlay, TYPE_NAME, stored_only::NAME_FIELD, &named) {
            Err(Missing(keys)) => missing.extend(keys),
            Ok(found) => {
                let definition = found.and_then(|found| found.object);
                let value = definition.and_then(|found| tree::filled(found, "DefaultValue"));
                defaults.extend(value.map(|value| AttributeDefault {
                    name: name.clone(),
                    value,
                }));
            }
        }
    }
    match missing.is_empty() {
        true => Ok(defaults),
        false => Err(Missing(missing)),
    }
}
