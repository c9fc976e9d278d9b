//! Objects that are kept by their CustomerKey and also found by ID, ObjectID, PartnerKey or name: how one is
//! found, made, changed and removed.

use calls::Method;
use soap::{Element, ObjectResult};

use crate::alias::{self, Named, PARTNER_KEY};
use crate::carry_out::{Asked, whole};
use crate::key::{self, ObjectKey};
use crate::saving::{self, Deed, LEFT, Wish};
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};
use crate::working::{Missing, View};

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

/// Finds what `object` names: by CustomerKey, else by ObjectID or ID, else by PartnerKey, else by its
/// name. `None`: it names nothing, or several.
pub(crate) fn find<'a>(
    working: View<'a, '_>,
    type_name: &str,
    name_field: &str,
    object: &Element,
) -> Result<Option<Found<'a>>, Missing> {
    if let Some(found) = find_by_key(working, type_name, object)? {
        return Ok(Some(found));
    }
    let Some(name) = tree::filled(object, name_field) else {
        return Ok(None);
    };
    let named = match is_alias(type_name, name_field) {
        true => alias::find(working, type_name, name_field, name)?,
        false => Named::Nobody,
    };
    match named {
        Named::One(customer_key) => at(working, type_name, customer_key).map(Some),
        Named::Several => Ok(None),
        // One that has it for its key and another name is not meant.
        Named::Nobody => {
            let found = at(working, type_name, name)?;
            let is_meant = found.object.is_none_or(|stored| {
                tree::filled(stored, name_field).is_none_or(|has| has.eq_ignore_ascii_case(name))
            });
            Ok(is_meant.then_some(found))
        }
    }
}

fn find_by_key<'a>(
    working: View<'a, '_>,
    type_name: &str,
    object: &Element,
) -> Result<Option<Found<'a>>, Missing> {
    if let Some(customer_key) = tree::filled(object, "CustomerKey") {
        return at(working, type_name, customer_key).map(Some);
    }
    if let Some(found) = numbered(working, type_name, object)? {
        return Ok(Some(found));
    }
    let Some(partner_key) = tree::filled(object, PARTNER_KEY) else {
        return Ok(None);
    };
    match alias::find(working, type_name, PARTNER_KEY, partner_key)? {
        Named::One(customer_key) => at(working, type_name, customer_key).map(Some),
        Named::Nobody | Named::Several => Ok(None),
    }
}

/// What a new object is to be called: the name of one that is there does not stand in its way, unless
/// that is its key, too.
fn find_place<'a>(asked: &Asked<'a>, kind: &Kind<'_>) -> Result<Option<Found<'a>>, Missing> {
    let (working, object) = (asked.working, asked.object);
    let found = match asked.wish() {
        Wish::Add => find_by_key(working, kind.type_name, object)?,
        Wish::Change | Wish::Save | Wish::Remove | Wish::Leave => {
            find(working, kind.type_name, kind.name_field, object)?
        }
    };
    if found.is_some() || !matches!(asked.wish(), Wish::Add | Wish::Save) {
        return Ok(found);
    }
    let name = tree::filled(object, kind.name_field).or_else(|| tree::filled(object, PARTNER_KEY));
    name.map(|name| at(working, kind.type_name, name))
        .transpose()
}

/// Whether objects of a type are found by that field without having it for their key. Data extensions
/// have a rule of their own for their names.
fn is_alias(type_name: &str, name_field: &str) -> bool {
    name_field != "CustomerKey" && type_name != "DataExtension"
}

fn aliases<'k>(kind: &Kind<'k>) -> Vec<&'k str> {
    let name = Some(kind.name_field).filter(|field| is_alias(kind.type_name, field));
    name.into_iter().chain([PARTNER_KEY]).collect()
}

fn at<'a>(
    working: View<'a, '_>,
    type_name: &str,
    customer_key: &str,
) -> Result<Found<'a>, Missing> {
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
    working: View<'a, '_>,
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

/// Decides on one object. `check` sees what is stored and what it is to become, and may refuse it
/// or complete it.
pub(crate) fn decide(
    asked: &Asked<'_>,
    kind: &Kind<'_>,
    check: impl Fn(&Asked<'_>, Option<&Element>, &mut Element) -> Result<(), Stop>,
) -> Result<Decision, Stop> {
    let found = match find_place(asked, kind)? {
        Some(found) if !is_lost(asked, &found) => found,
        Some(_) => return Err(no(kind.lacking).into()),
        None if is_numbered_only(asked) => return Err(no(kind.lacking).into()),
        None if has_namesakes(asked, kind)? => {
            return Err(Refused::new(
                NAMESAKES,
                format!(
                    "More than one {} has this {}: say which one is meant by its CustomerKey",
                    kind.type_name, kind.name_field
                ),
            )
            .into());
        }
        None if is_addressed(asked, kind) => return Err(no(kind.lacking).into()),
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
            let names = alias::changes(
                asked,
                &aliases(kind),
                &found.customer_key,
                Some(stored),
                Some(&becomes),
            )?;
            Ok(Decision::only(result)
                .changing(found.key, Some(becomes))
                .changing_all(names))
        }
        Deed::Remove(stored) => {
            let pointer = pointer_of(asked, kind, stored);
            let _known = asked.working.get(&pointer)?;
            let names = alias::changes(
                asked,
                &aliases(kind),
                &found.customer_key,
                Some(stored),
                None,
            )?;
            let result = whole(ObjectResult {
                new_id: None,
                ..asked.done(kind.deleted)
            });
            Ok(Decision::only(result)
                .changing(found.key, None)
                .changing(pointer, None)
                .changing_all(names))
        }
    }
}

/// The code of an object that is not named well enough.
const NAMESAKES: u32 = 204;

/// Whether several objects have the name that this one is addressed by.
fn has_namesakes(asked: &Asked<'_>, kind: &Kind<'_>) -> Result<bool, Missing> {
    let Some(name) = tree::filled(asked.object, kind.name_field) else {
        return Ok(false);
    };
    if !is_alias(kind.type_name, kind.name_field) {
        return Ok(false);
    }
    let named = alias::find(asked.working, kind.type_name, kind.name_field, name)?;
    Ok(matches!(named, Named::Several))
}

/// Whether an object says by a PartnerKey or a name which one it is.
fn is_addressed(asked: &Asked<'_>, kind: &Kind<'_>) -> bool {
    [PARTNER_KEY, kind.name_field]
        .iter()
        .any(|field| tree::filled(asked.object, field).is_some())
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
    let names = alias::changes(
        asked,
        &aliases(kind),
        &found.customer_key,
        None,
        Some(&becomes),
    )?;
    let result = whole(kept(asked, saved(asked, kind), &becomes));
    Ok(Decision::only(result)
        .changing(found.key, Some(becomes))
        .changing(
            pointer,
            Some(Element::of("CustomerKey", found.customer_key)),
        )
        .changing_all(names))
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
