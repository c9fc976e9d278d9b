//! List: a name that subscribers are members of. The membership itself stands at the subscriber.

use soap::Element;

use crate::context::DecisionContext;
use crate::key;
use crate::keyed::{self, KeyKind};
use crate::naming;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only;
use crate::saving::Intent;
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

/// Longest ListName. The protocol's figure (13010).
const NAME_CHARS_MAX: usize = 50;

/// Where a list, and each of its memberships, says whose they are: a list that is made again under the
/// key of one that was deleted begins without members. Ours, so it has no name of the protocol.
pub(crate) const MEMBERS: &str = "_Members";

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

/// The type of a list that every subscriber is on.
pub(crate) const MASTER: &str = "Master";

const TYPES: [&str; 5] = [
    "Public",
    "Private",
    "SalesForce",
    "GlobalUnsubscribe",
    MASTER,
];

pub(crate) const TYPE: ObjectType = ObjectType {
    name: KIND.type_name,
    work: Work::Whole(decide),
    check,
    ..stored_only::TYPE
};

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    keyed::decide(context, &KIND, complete)
}

fn check(intent: Intent, object: &Element) -> Result<(), Refused> {
    naming::check_named(intent, KIND.name_field, KIND.no_key, object)?;
    match intent {
        Intent::Add => check_name(object),
        Intent::Change | Intent::Save if tree::filled(object, "ListName").is_some() => {
            check_name(object)
        }
        Intent::Change | Intent::Save | Intent::Remove | Intent::Leave => return Ok(()),
    }?;
    check_type(object)
}

fn check_type(list: &Element) -> Result<(), Refused> {
    match tree::filled(list, "Type") {
        Some(list_type) if !TYPES.contains(&list_type) => {
            let message = format!("List validation error: {list_type} is not a type of list");
            Err(Refused::new(13013, message))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_name(list: &Element) -> Result<(), Refused> {
    let Some(name) = tree::filled(list, "ListName") else {
        return Err(Refused::new(
            13013,
            "List validation error: a ListName is required",
        ));
    };
    if name.chars().count() > NAME_CHARS_MAX {
        let message = format!("The List name is too long: {NAME_CHARS_MAX} characters at most");
        return Err(Refused::new(13010, message));
    }
    Ok(())
}

fn complete(
    context: &DecisionContext<'_>,
    stored: Option<&Element>,
    becomes: &mut Element,
) -> Result<(), Stop> {
    let members = match stored.and_then(|stored| tree::filled(stored, MEMBERS)) {
        Some(members) => members.to_owned(),
        None => key::rows_of(&context.request.request_id.0, context.ordinal),
    };
    tree::set(becomes, MEMBERS, members);
    check_name(becomes)?;
    check_type(becomes)?;
    if tree::filled(becomes, "Type").is_none() {
        tree::set(becomes, "Type", "Private");
    }
    Ok(())
}
