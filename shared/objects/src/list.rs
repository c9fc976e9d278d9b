//! List: a name that subscribers are members of. The membership itself stands at the subscriber.

use soap::Element;

use crate::carry_out::DecisionContext;
use crate::keyed::{self, KeyKind};
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

/// Longest ListName. The protocol's figure (13010).
const NAME_CHARS_MAX: usize = 50;

const KIND: KeyKind<'static> = KeyKind {
    type_name: "List",
    name_field: "ListName",
    no_key: (
        13001,
        "The List ID was not specified. An ID, a CustomerKey or a ListName is needed",
    ),
    exists: (1, "A List with this name or CustomerKey already exists"),
    lacking: (13000, "The List was not found"),
    created: "Created List.",
    updated: "Updated List.",
    deleted: "List deleted",
};

const TYPES: [&str; 5] = [
    "Public",
    "Private",
    "SalesForce",
    "GlobalUnsubscribe",
    "Master",
];

pub(crate) fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    keyed::decide(context, &KIND, check)
}

fn check(
    _asked: &DecisionContext<'_>,
    _stored: Option<&Element>,
    becomes: &mut Element,
) -> Result<(), Stop> {
    let Some(name) = tree::filled(becomes, "ListName") else {
        return Err(Refused::new(13013, "List validation error: a ListName is required").into());
    };
    if name.chars().count() > NAME_CHARS_MAX {
        let message = format!("The List name is too long: {NAME_CHARS_MAX} characters at most");
        return Err(Refused::new(13010, message).into());
    }
    match tree::filled(becomes, "Type") {
        Some(list_type) if !TYPES.contains(&list_type) => {
            let message = format!("List validation error: {list_type} is not a type of list");
            Err(Refused::new(13013, message).into())
        }
        Some(_) => Ok(()),
        None => {
            becomes.children.push(Element::of("Type", "Private"));
            Ok(())
        }
    }
}
