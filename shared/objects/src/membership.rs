//! Which lists a subscriber is on: what the `Lists` of a call ask for, by the rules of lists.
//!
//! A membership stands at the subscriber. It names its list by every number and key the list has,
//! whichever of them the caller wrote.

use calls::AccountId;
use soap::Element;

use crate::alias::PARTNER_KEY;
use crate::key::{self, ObjectKey};
use crate::keyed::{self, Located};
use crate::missing::Missing;
use crate::object_types::list::{self, MEMBERS};
use crate::overlay::{Overlay, View};
use crate::tree;
use crate::verdict::{Refused, Stop};

const NOT_FOUND: u32 = 13000;
const NOT_SPECIFIED: u32 = 13001;
const UNKNOWN_ID: u32 = 13004;
const IS_MEMBER: u32 = 13006;
const IS_NO_MEMBER: u32 = 13007;
const NOT_VALID: u32 = 13013;
const STATUS_NOT_VALID: u32 = 13014;

pub(crate) const STATUSES: [&str; 5] = ["Active", "Bounced", "Held", "Unsubscribed", "Deleted"];

/// What a caller wants of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MembershipAction {
    Create,
    Update,
    /// Create or Update, whichever it takes: the default.
    Upsert,
    Delete,
}

impl MembershipAction {
    fn of(wanted: &Element) -> Result<Self, Refused> {
        let action = tree::filled(wanted, "Action").unwrap_or_default();
        match action.trim().to_ascii_lowercase().as_str() {
            "" | "upsert" => Ok(Self::Upsert),
            "create" => Ok(Self::Create),
            "update" => Ok(Self::Update),
            "delete" => Ok(Self::Delete),
            _ => Err(Refused::new(
                NOT_VALID,
                format!(
                    "List validation error: the Action '{}' of a membership is none of create, update, upsert and delete",
                    soap::echo(action)
                ),
            )),
        }
    }
}

/// What can be said against the memberships of a call before the lists are looked at.
pub(crate) fn check(subscriber: &Element) -> Result<(), Refused> {
    for wanted in wanted_in(subscriber) {
        if list_in(wanted).is_none() {
            return Err(Refused::new(
                NOT_SPECIFIED,
                "The List ID was not specified. Each Lists needs the ID, the ObjectID, the CustomerKey or the PartnerKey of a List",
            ));
        }
        MembershipAction::of(wanted)?;
        match tree::filled(wanted, "Status") {
            Some(status) if !STATUSES.contains(&status) => {
                let message = format!("{} is not a status of a list member", soap::echo(status));
                return Err(Refused::new(STATUS_NOT_VALID, message));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn wanted_in(subscriber: &Element) -> impl Iterator<Item = &Element> {
    subscriber.all("Lists").filter(|wanted| !wanted.nil)
}

/// What names the list: clients write its number or key either at the membership or in its List.
fn list_in(wanted: &Element) -> Option<&Element> {
    let names_one = |element: &&Element| {
        ["ID", "ObjectID", "CustomerKey", PARTNER_KEY]
            .iter()
            .any(|name| tree::filled(element, name).is_some())
    };
    Some(wanted)
        .filter(names_one)
        .or_else(|| wanted.child("List").filter(names_one))
}

/// Brings the memberships of a subscriber to what `incoming` wants of them.
pub(crate) fn lay_over(
    overlay: View<'_, '_>,
    becomes: &mut Element,
    incoming: &Element,
    now: &str,
) -> Result<(), Stop> {
    if wanted_in(incoming).next().is_none() {
        return Ok(());
    }
    let mut lists: Vec<Element> = becomes.all("Lists").cloned().collect();
    for RequestedMembership { wanted, list } in lists_of(overlay, incoming)? {
        change(&mut lists, wanted, list?, now)?;
    }
    tree::replace(becomes, "Lists", lists);
    Ok(())
}

/// A membership that is wanted, and its list.
struct RequestedMembership<'a> {
    wanted: &'a Element,
    list: Result<&'a Element, Refused>,
}

/// Each membership that is wanted; all lists are asked for at once.
fn lists_of<'a>(
    overlay: View<'a, '_>,
    incoming: &'a Element,
) -> Result<Vec<RequestedMembership<'a>>, Missing> {
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for wanted in wanted_in(incoming) {
        match list_of(overlay, wanted) {
            Ok(list) => found.push(RequestedMembership { wanted, list }),
            Err(Missing(more)) => missing.extend(more),
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(Missing(missing))
    }
}

fn list_of<'a>(
    overlay: View<'a, '_>,
    wanted: &Element,
) -> Result<Result<&'a Element, Refused>, Missing> {
    let Some(named) = list_in(wanted) else {
        return Ok(Err(Refused::new(
            NOT_SPECIFIED,
            "The List ID was not specified",
        )));
    };
    let found = keyed::find(overlay, list::TYPE.name, "CustomerKey", named)?;
    Ok(match found {
        Some(Located {
            object: Some(list), ..
        }) => Ok(list),
        Some(Located { customer_key, .. }) => Err(Refused::new(
            NOT_FOUND,
            format!(
                "The List was not found: there is none of CustomerKey '{}'",
                soap::echo(&customer_key)
            ),
        )),
        None => {
            let id = ["ObjectID", "ID", PARTNER_KEY]
                .iter()
                .find_map(|name| tree::filled(named, name));
            Err(Refused::new(
                UNKNOWN_ID,
                format!(
                    "The List ID is unknown: there is no List {}",
                    soap::echo(id.unwrap_or_default())
                ),
            ))
        }
    })
}

/// One membership of those that there are.
fn change(
    lists: &mut Vec<Element>,
    wanted: &Element,
    list: &Element,
    now: &str,
) -> Result<(), Refused> {
    lists.retain(|other| !is_stale_membership(other, list));
    let place = lists.iter().position(|other| is_same_list(other, list));
    let named = list.text_of("ListName").unwrap_or_default();
    let is_no_member = || {
        let message = format!("The subscriber is not on the list {}", soap::echo(named));
        Refused::new(IS_NO_MEMBER, message)
    };
    match (MembershipAction::of(wanted)?, place) {
        (MembershipAction::Create, Some(_)) => {
            let message = format!(
                "The subscriber is already on the list {}",
                soap::echo(named)
            );
            Err(Refused::new(IS_MEMBER, message))
        }
        (MembershipAction::Update | MembershipAction::Delete, None) => Err(is_no_member()),
        (MembershipAction::Delete, Some(place)) => {
            lists.remove(place);
            Ok(())
        }
        (MembershipAction::Update | MembershipAction::Upsert, Some(place)) => {
            lay_fields(&mut lists[place], wanted, list);
            tree::set(&mut lists[place], "ModifiedDate", now);
            Ok(())
        }
        (MembershipAction::Create | MembershipAction::Upsert, None) => {
            let mut membership = Element::new("Lists").with(Element::of("Status", "Active"));
            lay_fields(&mut membership, wanted, list);
            tree::set(&mut membership, "CreatedDate", now);
            tree::set(&mut membership, "ModifiedDate", now);
            lists.push(membership);
            Ok(())
        }
    }
}

/// Fields of a membership that are not said stay as they are.
fn lay_fields(membership: &mut Element, wanted: &Element, list: &Element) {
    const OF_THE_CALL: [&str; 6] = [
        "Action",
        "Subscriber",
        "Client",
        "List",
        // Ours to say.
        "CreatedDate",
        "ModifiedDate",
    ];
    for field in wanted.children.iter().filter(|field| !field.nil) {
        let is_said = !field.children.is_empty() || !field.text.is_empty();
        if is_said && !OF_THE_CALL.contains(&field.name.as_str()) {
            tree::replace(membership, &field.name, vec![field.clone()]);
        }
    }
    for name in ["ID", "ObjectID", "CustomerKey", PARTNER_KEY, MEMBERS] {
        if let Some(text) = tree::filled(list, name) {
            tree::set(membership, name, text);
        }
    }
}

/// Whether a membership is of a list, or of the list that another element names.
pub(crate) fn is_same_list(one: &Element, other: &Element) -> bool {
    has_same_key(one, other) && !has_other_members(one, other)
}

/// Whether a membership is of a list that was deleted, and made again since then.
fn is_stale_membership(membership: &Element, list: &Element) -> bool {
    has_same_key(membership, list) && has_other_members(membership, list)
}

fn has_other_members(one: &Element, other: &Element) -> bool {
    match (tree::filled(one, MEMBERS), tree::filled(other, MEMBERS)) {
        (Some(one), Some(other)) => one != other,
        // Who names a list does not know.
        (None, _) | (_, None) => false,
    }
}

fn has_same_key(one: &Element, other: &Element) -> bool {
    let field = |list: &'_ Element, name: &str| {
        tree::filled(list, name)
            .or_else(|| tree::filled_at(list, &format!("List.{name}")))
            .map(str::to_lowercase)
    };
    ["ID", "CustomerKey", "ObjectID", PARTNER_KEY]
        .iter()
        .any(|name| field(one, name).is_some_and(|found| Some(found) == field(other, name)))
}

/// Where the lists lie that a subscriber is on, or was when they were deleted.
pub(crate) fn lists_in(account: &AccountId, subscriber: &Element) -> Vec<ObjectKey> {
    let keys = subscriber
        .all("Lists")
        .filter_map(|membership| tree::filled(membership, "CustomerKey"));
    keys.map(|list| key::object(account, list::TYPE.name, list))
        .collect()
}

/// A subscriber without the memberships of lists that were deleted: these stay with the subscriber
/// until its lists change, since a list does not know its members.
pub(crate) fn without_stale_memberships(overlay: &Overlay, mut subscriber: Element) -> Element {
    let account = overlay.caller();
    let is_there = |membership: &Element| {
        let Some(named) = tree::filled(membership, "CustomerKey") else {
            return true;
        };
        let key = key::object(account, list::TYPE.name, named);
        match overlay.get(&key) {
            Ok(Some(list)) => !is_stale_membership(membership, list),
            Ok(None) => false,
            Err(Missing(_)) => true,
        }
    };
    subscriber
        .children
        .retain(|child| child.name != "Lists" || is_there(child));
    subscriber
}
