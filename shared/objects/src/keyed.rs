//! Objects by CustomerKey, ID, ObjectID, PartnerKey or name: found, made, changed and removed.

use calls::Method;
use soap::{Element, ObjectResult};

use crate::alias::{self, Named, PARTNER_KEY};
use crate::context::DecisionContext;
use crate::key::{self, ObjectKey};
use crate::missing::Missing;
use crate::naming;
use crate::overlay::View;
use crate::saving::{self, Intent, NOTHING_DONE, Write};
use crate::tree;
use crate::unit::whole;
use crate::verdict::{Decision, Refused, Stop};

/// How often another ID is tried where two keys meet at one: a hundred thousand objects of a type
/// in an account meet twice in a row about once in two hundred million.
const ID_ATTEMPTS: u32 = 8;

/// What is particular to a type of object.
pub(crate) struct KeyKind<'a> {
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
pub(crate) struct Located<'a> {
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
    overlay: View<'a, '_>,
    type_name: &str,
    name_field: &str,
    object: &Element,
) -> Result<Option<Located<'a>>, Missing> {
    if let Some(found) = find_by_key(overlay, type_name, object)? {
        return Ok(Some(found));
    }
    let Some(name) = tree::filled(object, name_field) else {
        return Ok(None);
    };
    let named = match is_alias(type_name, name_field) {
        true => alias::find(overlay, type_name, name_field, name)?,
        false => Named::Nobody,
    };
    match named {
        Named::One(customer_key) => at(overlay, type_name, customer_key).map(Some),
        Named::Several => Ok(None),
        // One that has it for its key and another name is not meant.
        Named::Nobody => {
            let found = at(overlay, type_name, name)?;
            let is_meant = found.object.is_none_or(|stored| {
                tree::filled(stored, name_field).is_none_or(|has| has.eq_ignore_ascii_case(name))
            });
            Ok(is_meant.then_some(found))
        }
    }
}

/// Finds what `object` names by CustomerKey, else by ObjectID or ID, else by PartnerKey.
pub(crate) fn find_by_key<'a>(
    overlay: View<'a, '_>,
    type_name: &str,
    object: &Element,
) -> Result<Option<Located<'a>>, Missing> {
    if let Some(customer_key) = tree::filled(object, "CustomerKey") {
        return at(overlay, type_name, customer_key).map(Some);
    }
    if let Some(found) = numbered(overlay, type_name, object)? {
        return Ok(Some(found));
    }
    let Some(partner_key) = tree::filled(object, PARTNER_KEY) else {
        return Ok(None);
    };
    match alias::find(overlay, type_name, PARTNER_KEY, partner_key)? {
        Named::One(customer_key) => at(overlay, type_name, customer_key).map(Some),
        Named::Nobody | Named::Several => Ok(None),
    }
}

/// What a new object is to be called: the name of one that is there does not stand in its way, unless
/// that is its key, too.
fn find_place<'a>(
    context: &DecisionContext<'a>,
    kind: &KeyKind<'_>,
) -> Result<Option<Located<'a>>, Missing> {
    let (overlay, object) = (context.overlay, context.object);
    let found = match context.intent() {
        Intent::Add => find_by_key(overlay, kind.type_name, object)?,
        Intent::Change | Intent::Save | Intent::Remove | Intent::Leave => {
            find(overlay, kind.type_name, kind.name_field, object)?
        }
    };
    if found.is_some() || !matches!(context.intent(), Intent::Add | Intent::Save) {
        return Ok(found);
    }
    let name = tree::filled(object, kind.name_field).or_else(|| tree::filled(object, PARTNER_KEY));
    name.map(|name| at(overlay, kind.type_name, name))
        .transpose()
}

/// Whether objects of a type are found by that field without having it for their key. Data extensions
/// have a rule of their own for their names.
fn is_alias(type_name: &str, name_field: &str) -> bool {
    name_field != "CustomerKey" && type_name != "DataExtension"
}

fn aliases<'k>(kind: &KeyKind<'k>) -> Vec<&'k str> {
    let name = Some(kind.name_field).filter(|field| is_alias(kind.type_name, field));
    name.into_iter().chain([PARTNER_KEY]).collect()
}

fn at<'a>(
    overlay: View<'a, '_>,
    type_name: &str,
    customer_key: &str,
) -> Result<Located<'a>, Missing> {
    let key = key::object(overlay.account(), type_name, customer_key);
    let object = overlay.get(&key)?;
    Ok(Located {
        key,
        customer_key: customer_key.to_owned(),
        object,
    })
}

/// Finds an object by its ObjectID or ID.
fn numbered<'a>(
    overlay: View<'a, '_>,
    type_name: &str,
    object: &Element,
) -> Result<Option<Located<'a>>, Missing> {
    let object_id = tree::filled(object, "ObjectID");
    let id = match object_id {
        Some(object_id) => key::number_in(object_id),
        None => tree::filled(object, "ID").and_then(|id| id.trim().parse().ok()),
    };
    let Some(id) = id.filter(|id: &i32| *id > 0) else {
        return Ok(None);
    };
    let pointer = key::by_id(overlay.account(), type_name, &id.to_string());
    let Some(pointer) = overlay.get(&pointer)? else {
        return Ok(None);
    };
    let found = at(overlay, type_name, &pointer.text)?;
    let same = |context: &str| {
        let has = found.object.and_then(|object| object.text_of("ObjectID"));
        has.is_some_and(|has| has.eq_ignore_ascii_case(context.trim()))
    };
    Ok(object_id.is_none_or(same).then_some(found))
}

/// Whether an object is addressed by a number that leads nowhere. Its name must not be taken
/// instead: a rename of something else would become a change of the wrong object.
fn is_lost(context: &DecisionContext<'_>, found: &Located<'_>) -> bool {
    let object = context.object;
    let is_numbered = ["ObjectID", "ID"]
        .iter()
        .any(|name| tree::filled(object, name).is_some());
    tree::filled(object, "CustomerKey").is_none()
        && is_numbered
        && matches!(context.intent(), Intent::Change | Intent::Remove)
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
    context: &DecisionContext<'_>,
    kind: &KeyKind<'_>,
    check: impl Fn(&DecisionContext<'_>, Option<&Element>, &mut Element) -> Result<(), Stop>,
) -> Result<Decision, Stop> {
    let found = find_or_refuse(context, kind)?;
    match context.intent().on(found.object) {
        Write::Leave => Ok(Decision::only(whole(context.done(NOTHING_DONE)))),
        Write::Exists => Err(no(kind.exists).into()),
        Write::Lacking => Err(no(kind.lacking).into()),
        Write::Create => {
            let mut becomes = tree::stored_fields(context.object);
            check(context, None, &mut becomes)?;
            create(context, kind, found, becomes)
        }
        Write::Change(stored) => {
            let mut becomes = stored.clone();
            saving::overlay(
                &mut becomes,
                context.object,
                context.request.options,
                &["CustomerKey"],
            );
            check(context, Some(stored), &mut becomes)?;
            tree::set(
                &mut becomes,
                "ModifiedDate",
                context.request.now.to_string(),
            );
            let result = whole(stored_result(context, saved(context, kind), &becomes));
            let names = alias::changes(
                context,
                &aliases(kind),
                &found.customer_key,
                Some(stored),
                Some(&becomes),
            )?;
            Ok(Decision::only(result)
                .changing(found.key, Some(becomes))
                .changing_all(names))
        }
        Write::Remove(stored) => remove(context, kind, found, stored),
    }
}

/// What is meant, or why it cannot be said.
fn find_or_refuse<'a>(
    context: &DecisionContext<'a>,
    kind: &KeyKind<'_>,
) -> Result<Located<'a>, Stop> {
    match find_place(context, kind)? {
        Some(found) if !is_lost(context, &found) => Ok(found),
        Some(_) => Err(no(kind.lacking).into()),
        None if naming::is_numbered_only(context) => Err(no(kind.lacking).into()),
        None if has_namesakes(context, kind)? => {
            let message = format!(
                "More than one {} has this {}: say which one is meant by its CustomerKey",
                kind.type_name, kind.name_field
            );
            Err(Refused::new(NAMESAKES, message).into())
        }
        None if is_addressed(context, kind) => Err(no(kind.lacking).into()),
        None => Err(no(kind.no_key).into()),
    }
}

fn remove(
    context: &DecisionContext<'_>,
    kind: &KeyKind<'_>,
    found: Located<'_>,
    stored: &Element,
) -> Result<Decision, Stop> {
    let pointer = pointer_of(context, kind, stored);
    let _known = context.overlay.get(&pointer)?;
    let names = alias::changes(
        context,
        &aliases(kind),
        &found.customer_key,
        Some(stored),
        None,
    )?;
    let result = whole(ObjectResult {
        new_id: None,
        ..context.done(kind.deleted)
    });
    Ok(Decision::only(result)
        .changing(found.key, None)
        .changing(pointer, None)
        .changing_all(names))
}

/// The code of an object that is not named well enough.
const NAMESAKES: u32 = 204;

/// Whether several objects have the name that this one is addressed by.
fn has_namesakes(context: &DecisionContext<'_>, kind: &KeyKind<'_>) -> Result<bool, Missing> {
    let Some(name) = tree::filled(context.object, kind.name_field) else {
        return Ok(false);
    };
    if !is_alias(kind.type_name, kind.name_field) {
        return Ok(false);
    }
    let named = alias::find(context.overlay, kind.type_name, kind.name_field, name)?;
    Ok(matches!(named, Named::Several))
}

/// Whether an object says by a PartnerKey or a name which one it is.
fn is_addressed(context: &DecisionContext<'_>, kind: &KeyKind<'_>) -> bool {
    [PARTNER_KEY, kind.name_field]
        .iter()
        .any(|field| tree::filled(context.object, field).is_some())
}

/// What the original says of an object that is there now: it goes by the method, not by whether
/// SaveOptions made one of the other.
fn saved<'a>(context: &DecisionContext<'_>, kind: &KeyKind<'a>) -> &'a str {
    match context.request.method {
        Method::Create => kind.created,
        Method::Update | Method::Perform | Method::Delete => kind.updated,
    }
}

fn pointer_of(context: &DecisionContext<'_>, kind: &KeyKind<'_>, stored: &Element) -> ObjectKey {
    let id = stored.text_of("ID").unwrap_or_default();
    key::by_id(context.overlay.account(), kind.type_name, id)
}

/// Stores a new object under its key, with an ID, and a pointer from the ID to the key.
fn create(
    context: &DecisionContext<'_>,
    kind: &KeyKind<'_>,
    found: Located<'_>,
    mut becomes: Element,
) -> Result<Decision, Stop> {
    let account = context.overlay.account();
    let (id, pointer) = free_id(context, kind, &found.customer_key)?;
    let now = context.request.now.to_string();
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
        context,
        &aliases(kind),
        &found.customer_key,
        context.overlay.ended(&found.key),
        Some(&becomes),
    )?;
    let result = whole(stored_result(context, saved(context, kind), &becomes));
    Ok(Decision::only(result)
        .changing(found.key, Some(becomes))
        .changing(
            pointer,
            Some(Element::of("CustomerKey", found.customer_key)),
        )
        .changing_all(names))
}

fn free_id(
    context: &DecisionContext<'_>,
    kind: &KeyKind<'_>,
    customer_key: &str,
) -> Result<(i32, ObjectKey), Stop> {
    let account = context.overlay.account();
    for attempt in 0..ID_ATTEMPTS {
        let id = key::number(account, kind.type_name, customer_key, attempt);
        let pointer = key::by_id(account, kind.type_name, &id.to_string());
        let taken_by = context.overlay.get(&pointer)?;
        if taken_by.is_none_or(|other| other.text.eq_ignore_ascii_case(customer_key)) {
            return Ok((id, pointer));
        }
    }
    Err(Refused::new(1, "No ID is free for this CustomerKey, choose another one").into())
}

/// The result of an object that is kept: the object as it came, with the numbers and the key it has.
pub(crate) fn stored_result(
    context: &DecisionContext<'_>,
    message: &str,
    stored: &Element,
) -> ObjectResult {
    let mut echo = context.object.clone();
    for name in ["ID", "ObjectID", "CustomerKey"] {
        if let Some(text) = stored.text_of(name) {
            tree::set(&mut echo, name, text);
        }
    }
    let is_create = context.request.method == Method::Create;
    let id = stored.text_of("ID").and_then(|id| id.parse().ok());
    ObjectResult {
        new_id: if is_create { id } else { None },
        new_object_id: stored
            .text_of("ObjectID")
            .filter(|_| is_create)
            .map(str::to_owned),
        object: Some(echo),
        ..context.done(message)
    }
}
