//! PropertyDefinition: an attribute of subscribers. Its DefaultValue is what a mail has where nobody says the
//! attribute; attributes themselves are taken as they come.

use soap::Element;

use crate::context::DecisionContext;
use crate::naming;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only::{self, NAME_FIELD, NO_KEY};
use crate::saving::Intent;
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

pub(crate) const TYPE: ObjectType = ObjectType {
    name: "PropertyDefinition",
    work: Work::Whole(decide),
    check,
    ..stored_only::TYPE
};

/// What it would ask of attributes: better refused than kept and never held against one.
const NOT_CHECKED: [&str; 5] = [
    "IsRequired",
    "IsRestrictedPicklist",
    "MinLength",
    "MinValue",
    "MaxValue",
];

fn check(intent: Intent, object: &Element) -> Result<(), Refused> {
    naming::check_named(intent, NAME_FIELD, NO_KEY, object)?;
    let says = |field: &&str| {
        let text = tree::filled(object, field).map(str::trim);
        !matches!(text, None | Some("" | "0" | "false" | "False"))
    };
    match NOT_CHECKED.into_iter().find(says) {
        Some(field) if !matches!(intent, Intent::Remove | Intent::Leave) => {
            let message =
                format!("{field} of a PropertyDefinition is not held against attributes here");
            Err(Refused::new(NO_KEY.0, message))
        }
        Some(_) | None => Ok(()),
    }
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    check(context.intent(), context.object)?;
    stored_only::decide(context)
}
