//! How a subscriber stands to lists: a member, one who has left, or neither.

use soap::Element;

use crate::membership::NamedList;
use crate::object_types::list;
use crate::tree;

/// How somebody stands to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListMembership {
    Member,
    Left,
    NoMember,
}

pub(crate) fn membership_on(list: &Element, stored: &Element) -> ListMembership {
    let named = NamedList::Is(list);
    let membership = stored.all("Lists").find(|membership| named.has(membership));
    let is_master = tree::filled(list, "Type") == Some(list::MASTER);
    match membership.map(|membership| tree::filled(membership, "Status")) {
        Some(None | Some("Active")) => ListMembership::Member,
        Some(Some(_)) => ListMembership::Left,
        None if is_master => ListMembership::Member,
        None => ListMembership::NoMember,
    }
}

/// To several of them: whoever is a member of any is meant.
pub(crate) fn membership_of_any(lists: &[Element], stored: &Element) -> ListMembership {
    let on = |wanted: ListMembership| {
        let mut lists = lists.iter();
        lists.any(|list| membership_on(list, stored) == wanted)
    };
    match (on(ListMembership::Member), on(ListMembership::Left)) {
        (true, _) => ListMembership::Member,
        (false, true) => ListMembership::Left,
        (false, false) => ListMembership::NoMember,
    }
}
