//! DataExtension: the definition of a table of the caller's own.
//!
//! Its rows lie in a partition named by the definition ([`ROWS`]), not by its key: clearing or
//! removing a data extension gives up the partition in one write, however many rows there are, and
//! one made again under the same key begins empty.

use calls::Method;
use soap::{Detail, Element, ObjectResult};

use crate::alias;
use crate::columns::{SYSTEM_COLUMNS, VALIDATION};
use crate::context::DecisionContext;
use crate::field::{self, Field};
use crate::key;
use crate::keyed::{self, KeyKind};
use crate::naming;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only;
use crate::retention_change;
use crate::row_partitions::{DATA_EXTENSION, REPLACED, ROWS, with_fresh_rows};
use crate::saving::Intent;
use crate::task::{TaskKind, task_number};
use crate::tree;
use crate::unit::whole;
use crate::verdict::{Decision, Refused, Stop};

/// Most fields of a data extension: with rows of 380 KB there is no use for more.
const FIELDS_MAX: usize = 1000;

const KIND: KeyKind<'static> = KeyKind {
    type_name: DATA_EXTENSION,
    name_field: "Name",
    no_key: (
        310_001,
        "No key found: an ObjectID, a CustomerKey or a Name is needed",
    ),
    exists: (
        310_003,
        "Updating an existing Data Extension definition is not allowed when doing an add-only operation.",
    ),
    lacking: (
        310_004,
        "Adding a new Data Extension definition is not allowed when doing an update-only operation.",
    ),
    created: "Data Extension created.",
    updated: "Data Extension updated.",
    deleted: "Data Extension deleted.",
};

/// For Delete, where the words of [`KIND`] do not fit.
const TO_DELETE: KeyKind<'static> = KeyKind {
    lacking: (310_002, "The Data Extension to delete was not found."),
    ..KIND
};

const TO_CLEAR: (u32, &str) = (KIND.no_key.0, "The Data Extension to clear was not found.");

pub(crate) const TYPE: ObjectType = ObjectType {
    name: KIND.type_name,
    actions: &["ClearData"],
    task: Some(TaskKind::ClearData),
    work: Work::Whole(decide),
    check: check_object,
    ..stored_only::TYPE
};

fn check_object(intent: Intent, object: &Element) -> Result<(), Refused> {
    naming::check_named(intent, KIND.name_field, KIND.no_key, object)?;
    match intent {
        Intent::Add => check_fields(object),
        Intent::Change | Intent::Save | Intent::Remove | Intent::Leave => Ok(()),
    }
}

pub(crate) fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    if context.request.method == Method::Perform {
        return clear(context);
    }
    if context.intent() == Intent::Remove {
        return match context.object.at("Fields.Field") {
            Some(_) => without_fields(context),
            None => remove(context),
        };
    }
    let named = named(context, KIND.lacking)?;
    let context = DecisionContext {
        object: &named,
        ..*context
    };
    let decision = keyed::decide(&context, &KIND, check)?;
    let decision = with_name(&context, decision)?;
    Ok(retention_change::with_upkeep(&context, decision)?)
}

/// The object, addressed by CustomerKey where it came with another address. A Name finds the
/// definition that has it, which need not have it for its key; one that has it for its key, and
/// another Name, is not meant.
fn named(context: &DecisionContext<'_>, lacking: (u32, &'static str)) -> Result<Element, Stop> {
    let mut object = context.object.clone();
    let is_numbered = ["CustomerKey", "ObjectID", "ID"]
        .iter()
        .any(|field| tree::filled(context.object, field).is_some())
        || alias::has_partner_key(context)?;
    let Some(name) = tree::filled(context.object, "Name").filter(|_| !is_numbered) else {
        return Ok(object);
    };
    let pointer = key::by_name(context.overlay.account(), name);
    match (context.overlay.get(&pointer)?, context.intent()) {
        (Some(pointer), _) => {
            tree::set(&mut object, "CustomerKey", pointer.text.clone());
            Ok(object)
        }
        (None, Intent::Change | Intent::Remove) => Err(Refused::new(lacking.0, lacking.1).into()),
        (None, Intent::Add | Intent::Save | Intent::Leave) => Ok(object),
    }
}

fn remove(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let named = named(context, TO_DELETE.lacking)?;
    let context = DecisionContext {
        object: &named,
        ..*context
    };
    let decision = keyed::decide(&context, &TO_DELETE, check)?;
    let decision = retention_change::with_upkeep(&context, decision)?;
    let Some((key, None)) = decision.changes.first() else {
        return Ok(decision);
    };
    let Some(name) = context
        .overlay
        .get(key)?
        .and_then(|stored| stored.text_of("Name"))
    else {
        return Ok(decision);
    };
    let pointer = key::by_name(context.overlay.account(), name);
    let _known = context.overlay.get(&pointer)?;
    Ok(decision.changing(pointer, None))
}

/// Delete with fields takes those fields away, and leaves the data extension.
fn without_fields(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let named = named(context, TO_DELETE.lacking)?;
    let found = keyed::find(context.overlay, KIND.type_name, KIND.name_field, &named)?;
    let stored = found.and_then(|found| found.object.map(|object| (found.key, object)));
    let Some((key, stored)) = stored else {
        return Err(Refused::new(TO_DELETE.lacking.0, TO_DELETE.lacking.1).into());
    };
    let mut becomes = stored.clone();
    for field in fields_in(context.object) {
        let id = tree::filled(field, "ObjectID");
        let is_meant = |other: &Element| match tree::filled(field, "Name") {
            Some(name) => field::is_called(other, name),
            None => id.is_some_and(|id| {
                let name = other.text_of("Name").unwrap_or_default();
                field::id(context.overlay.account(), stored, name).eq_ignore_ascii_case(id.trim())
            }),
        };
        let name = tree::filled(field, "Name").or(id).unwrap_or_default();
        let Some(fields) = becomes
            .children
            .iter_mut()
            .find(|child| child.name == "Fields")
        else {
            break;
        };
        let place = fields.children.iter().position(is_meant);
        let is_key = |field: &Element| tree::is_true(field, "IsPrimaryKey") == Some(true);
        match place {
            Some(place) if !is_key(&fields.children[place]) => {
                fields.children.remove(place);
            }
            Some(_) => {
                return Err(
                    invalid(format!("the primary key field [{name}] cannot be deleted")).into(),
                );
            }
            None => return Err(invalid(format!("there is no field [{name}]")).into()),
        }
    }
    tree::set(
        &mut becomes,
        "ModifiedDate",
        context.request.now.to_string(),
    );
    let result = ObjectResult {
        new_id: None,
        ..context.done("Data Extension Fields deleted")
    };
    Ok(Decision::only(whole(result)).changing(key, Some(becomes)))
}

/// Perform ClearData gives the data extension fresh rows.
fn clear(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let named = named(context, TO_CLEAR)?;
    let found = keyed::find(context.overlay, KIND.type_name, KIND.name_field, &named)?;
    let stored = found.and_then(|found| found.object.map(|object| (found.key, object)));
    let Some((key, stored)) = stored else {
        return Err(Refused::new(TO_CLEAR.0, TO_CLEAR.1).into());
    };
    let request = context.request;
    let task = task_number(
        context.overlay.caller(),
        request.request_id,
        context.ordinal,
    );
    let result = ObjectResult {
        object: Some(context.object.clone()),
        detail: Detail::Task {
            id: task.to_string(),
            interaction_object_id: stored.text_of("ObjectID").map(str::to_owned),
        },
        ..context.done("Data Extension cleared.")
    };
    let decision = Decision::only(whole(result));
    Ok(match with_fresh_rows(stored, own_rows(context)) {
        Some(becomes) => {
            let account = context.overlay.account();
            let late = retention_change::delete_late_rows(account, stored, request.now);
            decision
                .changing(key, Some(becomes))
                .changing_all(vec![late])
        }
        None => decision,
    })
}

/// The name of the rows that a call gives a data extension: the same however often it is decided.
fn own_rows(context: &DecisionContext<'_>) -> String {
    key::rows_of(&context.request.request_id.0, context.ordinal)
}

pub(crate) fn fields_in(definition: &Element) -> impl Iterator<Item = &Element> {
    definition
        .child("Fields")
        .into_iter()
        .flat_map(|fields| fields.all("Field"))
}

fn invalid(what: impl std::fmt::Display) -> Refused {
    Refused::new(
        VALIDATION,
        format!("Data Extension validation error: {what}"),
    )
}

/// Completes and checks a definition that is made or changed.
fn check(
    context: &DecisionContext<'_>,
    stored: Option<&Element>,
    becomes: &mut Element,
) -> Result<(), Stop> {
    if tree::filled(becomes, "Name").is_none() {
        let name = tree::filled(context.object, "CustomerKey")
            .unwrap_or_default()
            .to_owned();
        tree::replace(becomes, "Name", vec![Element::of("Name", name)]);
    }
    match stored {
        None => {
            tree::set(becomes, ROWS, own_rows(context));
            tree::remove(becomes, REPLACED);
        }
        Some(stored) => {
            merge_fields(stored, context.object, becomes);
            // The caller cannot point a data extension at the rows of another.
            tree::set(becomes, ROWS, stored.text_of(ROWS).unwrap_or_default());
            tree::replace(becomes, REPLACED, stored.all(REPLACED).cloned().collect());
        }
    }
    retention_change::settle(stored, context.object, becomes, context.request.now)
        .map_err(invalid)?;
    check_fields(becomes)?;
    match stored {
        Some(stored) => check_widening(stored, becomes),
        None => Ok(()),
    }
}

/// Fields that come with an update are laid over those of the same name, or added.
pub(crate) fn merge_fields(stored: &Element, incoming: &Element, becomes: &mut Element) {
    let mut fields: Vec<Element> = fields_in(stored).cloned().collect();
    for field in fields_in(incoming) {
        let name = field.text_of("Name").unwrap_or_default();
        match fields
            .iter_mut()
            .find(|other| field::is_called(other, name))
        {
            None => fields.push(field.clone()),
            Some(same) => {
                for property in &field.children {
                    tree::replace(same, &property.name, vec![property.clone()]);
                }
            }
        }
    }
    let holder = Element {
        children: fields,
        ..Element::new("Fields")
    };
    tree::replace(becomes, "Fields", vec![holder]);
}

pub(crate) fn check_fields(definition: &Element) -> Result<(), Refused> {
    let mut names = std::collections::BTreeSet::new();
    for said in fields_in(definition) {
        let field = Field::read(said).map_err(invalid)?;
        field.check_bounds(said).map_err(invalid)?;
        if SYSTEM_COLUMNS.iter().any(|name| field.is_called(name)) {
            let name = field.name;
            return Err(invalid(format!("every row has a [{name}] of its own")));
        }
        if !names.insert(field.name.to_ascii_lowercase()) {
            return Err(invalid(format!(
                "the field [{}] is there twice",
                field.name
            )));
        }
        let now = jiff::Timestamp::UNIX_EPOCH;
        if let Some(fault) = field
            .default
            .and_then(|default| field.take(default, now).err())
        {
            return Err(invalid(format!("DefaultValue: {}", fault.message)));
        }
    }
    match names.len() {
        0 => Err(invalid("at least one field is needed")),
        1..=FIELDS_MAX => Ok(()),
        _ => Err(invalid(format!("at most {FIELDS_MAX} fields are possible"))),
    }
}

/// Rows that are there must go on fitting.
pub(crate) fn check_widening(stored: &Element, becomes: &Element) -> Result<(), Stop> {
    for field in fields_in(becomes) {
        let field = Field::read(field).map_err(invalid)?;
        let before = fields_in(stored).find(|other| field::is_called(other, field.name));
        let before = before.map(Field::read).transpose().map_err(invalid)?;
        match before {
            Some(before) => {
                if let Some(why) = field.narrower_than(&before) {
                    return Err(invalid(why).into());
                }
            }
            None if field.is_key => {
                return Err(invalid("a primary key field cannot be added later").into());
            }
            None if field.is_required && field.default.is_none() => {
                return Err(invalid("a required field added later needs a DefaultValue").into());
            }
            None => {}
        }
    }
    Ok(())
}

/// Adds the pointers from the Name to the key that the decision brings about.
fn with_name(context: &DecisionContext<'_>, decision: Decision) -> Result<Decision, Stop> {
    let Some((key, Some(becomes))) = decision.changes.first() else {
        return Ok(decision);
    };
    let name = becomes.text_of("Name").unwrap_or_default().to_owned();
    let customer_key = becomes
        .text_of("CustomerKey")
        .unwrap_or_default()
        .to_owned();
    let account = context.overlay.account();
    let stored = context.overlay.get(key)?;
    let stored = stored.or_else(|| context.overlay.ended(key));
    let before = stored.and_then(|stored| stored.text_of("Name"));
    if before == Some(name.as_str()) {
        return Ok(decision);
    }
    let pointer = key::by_name(account, &name);
    let of_another = context.overlay.get(&pointer)?;
    let of_another = of_another.filter(|has_it| has_it.text != customer_key);
    let at = of_another.map(|has_it| key::object(account, DATA_EXTENSION, &has_it.text));
    if let Some(at) = at
        && context.overlay.get(&at)?.is_some()
    {
        return Err(invalid("this Name is already in use by another Data Extension").into());
    }
    let own_key = customer_key.clone();
    let decision = decision.changing(pointer, Some(Element::of("CustomerKey", customer_key)));
    let Some(before) = before else {
        return Ok(decision);
    };
    let old = key::by_name(account, before);
    let is_own = context
        .overlay
        .get(&old)?
        .is_some_and(|has_it| has_it.text == own_key);
    Ok(match is_own {
        true => decision.changing(old, None),
        false => decision,
    })
}
