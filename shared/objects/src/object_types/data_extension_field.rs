//! DataExtensionField: one more field of a data extension. It stands in the definition, and is changed
//! and taken away by an Update and a Delete of that.

use calls::Method;
use soap::{Element, ObjectResult};

use crate::columns::VALIDATION;
use crate::context::DecisionContext;
use crate::data_extension_keys;
use crate::field::{self, Field};
use crate::object_type::{ObjectType, Retrieval, Work};
use crate::object_types::data_extension::{check_fields, check_widening, fields_in, merge_fields};
use crate::object_types::data_extension_object::NO_DATA_EXTENSION;
use crate::object_types::stored_only;
use crate::saving::{Intent, NOTHING_DONE};
use crate::tree;
use crate::unit::whole;
use crate::verdict::{Decision, Refused, Stop};

pub(crate) const TYPE: ObjectType = ObjectType {
    name: "DataExtensionField",
    methods: &[Method::Create],
    work: Work::Whole(decide),
    retrieval: Retrieval::Fields,
    check,
    ..stored_only::TYPE
};

fn check(_intent: Intent, field: &Element) -> Result<(), Refused> {
    data_extension_of(field)?;
    let read = Field::read(field).map_err(invalid)?;
    read.check_bounds(field).map_err(invalid)?;
    match read.is_key {
        true => Err(invalid("a primary key field cannot be added later")),
        false => Ok(()),
    }
}

fn invalid(what: impl std::fmt::Display) -> Refused {
    Refused::new(
        VALIDATION,
        format!("Data Extension validation error: {what}"),
    )
}

/// The object that names the data extension.
fn data_extension_of(field: &Element) -> Result<&Element, Refused> {
    let named = field.child("DataExtension").filter(|named| !named.nil);
    let is_named = |named: &&Element| {
        ["CustomerKey", "ObjectID", "PartnerKey", "Name"]
            .iter()
            .any(|name| tree::filled(named, name).is_some())
    };
    named.filter(is_named).ok_or_else(|| {
        let message = "The DataExtension of the field is needed, with its CustomerKey";
        Refused::new(NO_DATA_EXTENSION, message)
    })
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    check(context.intent(), context.object)?;
    let named = data_extension_of(context.object)?;
    let account = context.account_of(named)?;
    let found = data_extension_keys::find_named(context.overlay.of(&account), named)?;
    let Some((key, stored)) = found else {
        let message = "There is no such DataExtension to add the field to";
        return Err(Refused::new(NO_DATA_EXTENSION, message).into());
    };
    let name = context.object.text_of("Name").unwrap_or_default();
    let is_there = fields_in(stored).any(|other| field::is_called(other, name));
    match (context.intent(), is_there) {
        (Intent::Leave, _) => return Ok(Decision::only(whole(context.done(NOTHING_DONE)))),
        (_, true) => return Err(invalid(format!("the field [{name}] is there already")).into()),
        (_, false) => {}
    }
    let mut field = tree::stored_fields(context.object);
    "Field".clone_into(&mut field.name);
    field.type_name = None;
    tree::remove(&mut field, "DataExtension");
    let incoming = Element::new("Objects").with(Element {
        children: vec![field],
        ..Element::new("Fields")
    });
    let mut becomes = stored.clone();
    merge_fields(stored, &incoming, &mut becomes);
    check_fields(&becomes)?;
    check_widening(stored, &becomes)?;
    let now = context.request.now.to_string();
    tree::set(&mut becomes, "ModifiedDate", now);
    let mut echo = context.object.clone();
    tree::set(&mut echo, "ObjectID", field::id(&account, stored, name));
    let result = whole(ObjectResult {
        object: Some(echo),
        ..context.done("DataExtensionField created")
    });
    Ok(Decision::only(result).changing(key, Some(becomes)))
}
