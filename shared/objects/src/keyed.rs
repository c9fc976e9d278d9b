//! Objects that are kept by their CustomerKey and also found by ID, ObjectID or name: how one is
//! found, made, changed and removed.

use calls::Method;
use soap::{Element, ObjectResult};

use crate::context::Asked;
use crate::key::{self, ObjectKey};
use crate::saving::{self, Deed, LEFT, Wish};
use crate::tree;
use crate::unit::whole;
use crate::verdict::{Decision, Refused, Stop};
use crate::working::{Missing, Working};

/// How often another ID is tried where two keys meet at one: a hundred thousand objects of a type
/// in an account meet twice in a row about once in two hundred million.
const ID_ATTEMPTS: u32 = 8;

/// What is particular to a type of object.
pub(crate) struct Kind<'a> {
    pub(crate) type_name: &'a str,
    /// The field that names an object without CustomerKey, and becomes its key.
    pub(crate) name_field: &'static str,
    pub(crate) no_key: (u32, &'static str),
    pub(crate) exists: (u32, &'static str),
    pub(crate) lacking: (u32, &'static str),
    /// Messages of Create and Update, and of whatever removes.
    pub(crate) created: &'a str,
    pub(crate) updated: &'a str,
    pub(crate) deleted: &'a str,
}

/// An object's key, and the object if there is one.
pub(crate) struct Found<'a> {
    pub(crate) key: ObjectKey,
    pub(crate) customer_key: String,
    pub(crate) object: Option<&'a Element>,
}

fn no(reason: (u32, &'static str)) -> Refused {
    Refused::new(reason.0, reason.1)
}

/// Finds what `object` names: by CustomerKey, else by ObjectID or ID, else by its name. `None`: it
/// names nothing.
pub(crate) fn find<'a>(
    working: &'a Working,
    type_name: &str,
    name_field: &str,
    object: &Element,
) -> Result<Option<Found<'a>>, Missing> {
    if let Some(customer_key) = tree::filled(object, "CustomerKey") {
        return at(working, type_name, customer_key).map(Some);
    }
    if let Some(found) = numbered(working, type_name, object)? {
        return Ok(Some(found));
    }
    match tree::filled(object, name_field) {
        Some(name) => at(working, type_name, name).map(Some),
        None => Ok(None),
    }
}

fn at<'a>(working: &'a Working, type_name: &str, customer_key: &str) -> Result<Found<'a>, Missing> {
    let key = key::object(working.account(), type_name, customer_key);
    let object = working.get(&key)?;
    Ok(Found {
        key,
        customer_key: customer_key.to_owned(),
        object,
    })
}

/// Finds an object by its ObjectID or ID.
fn numbered<'a>(
    working: &'a Working,
    type_name: &str,
    object: &Element,
) -> Result<Option<Found<'a>>, Missing> {
    let object_id = tree::filled(object, "ObjectID");
    let id = match object_id {
        Some(object_id) => key::number_in(object_id),
        None => tree::filled(object, "ID").and_then(|id| id.trim().parse().ok()),
    };
    let Some(id) = id.filter(|id: &i32| *id > 0) else {
        return Ok(None);
    };
    let pointer = key::by_id(working.account(), type_name, &id.to_string());
    let Some(pointer) = working.get(&pointer)? else {
        return Ok(None);
    };
    let found = at(working, type_name, &pointer.text)?;
    let same = |asked: &str| {
        let has = found.object.and_then(|object| object.text_of("ObjectID"));
        has.is_some_and(|has| has.eq_ignore_ascii_case(asked.trim()))
    };
    Ok(object_id.is_none_or(same).then_some(found))
}

/// Whether an object is addressed by a number that leads nowhere. Its name must not be taken
/// instead: a rename of something else would become a change of the wrong object.
fn is_lost(asked: &Asked<'_>, found: &Found<'_>) -> bool {
    let object = asked.object;
    let is_numbered = ["ObjectID", "ID"]
        .iter()
        .any(|name| tree::filled(object, name).is_some());
    tree::filled(object, "CustomerKey").is_none()
        && is_numbered
        && matches!(asked.wish(), Wish::Change | Wish::Remove)
        && !has_number(found.object, object)
}

fn has_number(stored: Option<&Element>, object: &Element) -> bool {
    let Some(stored) = stored else { return false };
    match (tree::filled(object, "ObjectID"), tree::filled(object, "ID")) {
        (Some(object_id), _) => stored
            .text_of("ObjectID")
            .is_some_and(|has| has.eq_ignore_ascii_case(object_id.trim())),
        (None, Some(id)) => stored.text_of("ID") == Some(id.trim()),
        (None, None) => false,
    }
}

/// Whether an object names itself at all, by a key, a number or its name.
pub(crate) fn check_named(
    wish: Wish,
    name_field: &str,
    no_key: (u32, &'static str),
    object: &Element,
) -> Result<(), Refused> {
    let names = ["CustomerKey", "ObjectID", "ID", name_field];
    let is_named = names
        .iter()
        .any(|name| tree::filled(object, name).is_some());
    if is_named || wish == Wish::Leave {
        Ok(())
    } else {
        Err(no(no_key))
    }
}

/// Decides on one object. `check` sees what is stored and what it is to become, and may refuse it
/// or complete it.
pub(crate) fn decide(
    asked: &Asked<'_>,
    kind: &Kind<'_>,
    check: impl Fn(&Asked<'_>, Option<&Element>, &mut Element) -> Result<(), Stop>,
) -> Result<Decision, Stop> {
    let found = find(asked.working, kind.type_name, kind.name_field, asked.object)?;
    let found = match found {
        Some(found) if !is_lost(asked, &found) => found,
        Some(_) => return Err(no(kind.lacking).into()),
        None if is_numbered_only(asked) => return Err(no(kind.lacking).into()),
        None => return Err(no(kind.no_key).into()),
    };
    match asked.wish().on(found.object) {
        Deed::Leave => Ok(Decision::only(whole(asked.done(LEFT)))),
        Deed::Exists => Err(no(kind.exists).into()),
        Deed::Lacking => Err(no(kind.lacking).into()),
        Deed::Create => {
            let mut becomes = tree::kept(asked.object);
            check(asked, None, &mut becomes)?;
            create(asked, kind, found, becomes)
        }
        Deed::Change(stored) => {
            let mut becomes = stored.clone();
            saving::overlay(
                &mut becomes,
                asked.object,
                asked.request.options,
                &["CustomerKey"],
            );
            check(asked, Some(stored), &mut becomes)?;
            tree::set(&mut becomes, "ModifiedDate", asked.request.now.to_string());
            let result = whole(kept(asked, saved(asked, kind), &becomes));
            Ok(Decision::only(result).changing(found.key, Some(becomes)))
        }
        Deed::Remove(stored) => {
            let pointer = pointer_of(asked, kind, stored);
            let _known = asked.working.get(&pointer)?;
            let result = whole(ObjectResult {
                new_id: None,
                ..asked.done(kind.deleted)
            });
            Ok(Decision::only(result)
                .changing(found.key, None)
                .changing(pointer, None))
        }
    }
}

fn is_numbered_only(asked: &Asked<'_>) -> bool {
    ["ObjectID", "ID"]
        .iter()
        .any(|name| tree::filled(asked.object, name).is_some())
        && matches!(asked.wish(), Wish::Change | Wish::Remove)
}

/// What the original says of an object that is there now: it goes by the method, not by whether
/// SaveOptions made one of the other.
fn saved<'a>(asked: &Asked<'_>, kind: &Kind<'a>) -> &'a str {
    match asked.request.method {
        Method::Create => kind.created,
        Method::Update | Method::Perform | Method::Delete => kind.updated,
    }
}

fn pointer_of(asked: &Asked<'_>, kind: &Kind<'_>, stored: &Element) -> ObjectKey {
    let id = stored.text_of("ID").unwrap_or_default();
    key::by_id(asked.working.account(), kind.type_name, id)
}

/// Stores a new object under its key, with an ID, and a pointer from the ID to the key.
fn create(
    asked: &Asked<'_>,
    kind: &Kind<'_>,
    found: Found<'_>,
    mut becomes: Element,
) -> Result<Decision, Stop> {
    let account = asked.working.account();
    let (id, pointer) = free_id(asked, kind, &found.customer_key)?;
    let now = asked.request.now.to_string();
    tree::set(&mut becomes, "CreatedDate", now.clone());
    tree::set(&mut becomes, "ModifiedDate", now);
    tree::set(&mut becomes, "ID", id.to_string());
    tree::set(
        &mut becomes,
        "ObjectID",
        key::guid(account, kind.type_name, id),
    );
    tree::set(&mut becomes, "CustomerKey", found.customer_key.clone());
    let result = whole(kept(asked, saved(asked, kind), &becomes));
    Ok(Decision::only(result)
        .changing(found.key, Some(becomes))
        .changing(
            pointer,
            Some(Element::of("CustomerKey", found.customer_key)),
        ))
}

fn free_id(
    asked: &Asked<'_>,
    kind: &Kind<'_>,
    customer_key: &str,
) -> Result<(i32, ObjectKey), Stop> {
    let account = asked.working.account();
    for attempt in 0..ID_ATTEMPTS {
        let id = key::number(account, kind.type_name, customer_key, attempt);
        let pointer = key::by_id(account, kind.type_name, &id.to_string());
        let taken_by = asked.working.get(&pointer)?;
        if taken_by.is_none_or(|other| other.text.eq_ignore_ascii_case(customer_key)) {
            return Ok((id, pointer));
        }
    }
    Err(Refused::new(1, "No ID is free for this CustomerKey, choose another one").into())
}

/// The result of an object that is kept: the object as it came, with the numbers and the key it has.
pub(crate) fn kept(asked: &Asked<'_>, message: &str, stored: &Element) -> ObjectResult {
    let mut echo = asked.object.clone();
    for name in ["ID", "ObjectID", "CustomerKey"] {
        if let Some(text) = stored.text_of(name) {
            tree::set(&mut echo, name, text);
        }
    }
    let is_create = asked.request.method == Method::Create;
    let id = stored.text_of("ID").and_then(|id| id.parse().ok());
    ObjectResult {
        new_id: if is_create { id } else { None },
        new_object_id: stored
            .text_of("ObjectID")
            .filter(|_| is_create)
            .map(str::to_owned),
        object: Some(echo),
        ..asked.done(message)
    }
}
