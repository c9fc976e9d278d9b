//! SuppressionListDefinition: addresses that certain sends leave out. They are the rows of a data extension
//! of the same key, as in the original; the definition says which sends these are.

use soap::Element;

use crate::audience::{RowLookup, SubscriberField};
use crate::context::{DecisionContext, account_of};
use crate::data_extension_keys;
use crate::keyed;
use crate::missing::Missing;
use crate::object_type::{ObjectType, Work};
use crate::object_types::{data_extension, stored_only};
use crate::overlay::View;
use crate::saving::Intent;
use crate::tree;
use crate::verdict::{Decision, Refused, Stop};

pub(crate) const TYPE: ObjectType = ObjectType {
    name: NAME,
    work: Work::Whole(decide),
    check,
    ..stored_only::TYPE
};

const NAME: &str = "SuppressionListDefinition";

/// The field of its rows that has the address.
const ADDRESS: &str = "Email Address";

const CONTEXTS: [&str; 6] = [
    "Enterprise",
    "BusinessUnit",
    "SendClassification",
    "Send",
    "Global",
    "SenderProfile",
];

fn check(intent: Intent, object: &Element) -> Result<(), Refused> {
    (stored_only::TYPE.check)(intent, object)?;
    for context in contexts_in(object) {
        let name = tree::filled(context, "Context").unwrap_or_default();
        if !CONTEXTS.contains(&name) {
            let name = soap::echo(name);
            let message = format!("'{name}' is not a Context of a SuppressionListDefinition");
            return Err(Refused::new(204, message));
        }
    }
    Ok(())
}

fn contexts_in(definition: &Element) -> impl Iterator<Item = &Element> {
    let contexts = definition.child("Contexts").into_iter();
    contexts.flat_map(|contexts| contexts.all("Context"))
}

/// The definition is made and removed together with its data extension.
fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let stored = keyed::find(
        context.overlay,
        NAME,
        stored_only::NAME_FIELD,
        context.object,
    )?;
    let stored = stored.and_then(|found| found.object);
    let rows = match (context.intent(), stored) {
        (Intent::Add | Intent::Save, None) => Some(rows_of(context.object)),
        (Intent::Remove, Some(stored)) => {
            let key = tree::filled(stored, "CustomerKey").unwrap_or_default();
            let rows = Element::new("Objects").typed(data_extension::TYPE.name);
            Some(rows.with(Element::of("CustomerKey", key)))
        }
        (Intent::Change | Intent::Leave, _)
        | (Intent::Add | Intent::Save, Some(_))
        | (Intent::Remove, None) => None,
    };
    let decision = stored_only::decide(context)?;
    let Some(rows) = rows else {
        return Ok(decision);
    };
    let of_rows = DecisionContext {
        object: &rows,
        ..*context
    };
    let rows = data_extension::decide(&of_rows)?;
    Ok(decision.changing_all(rows.changes))
}

/// The data extension of a new one: its own fields beside the address.
fn rows_of(definition: &Element) -> Element {
    let field = |name: &str, text: &str| Element::of(name, text);
    let address = Element::new("Field")
        .with(field("Name", ADDRESS))
        .with(field("FieldType", "EmailAddress"))
        .with(field("IsPrimaryKey", "true"))
        .with(field("IsRequired", "true"));
    let is_address = |own: &&Element| {
        let name = own.text_of("Name").unwrap_or_default();
        name.eq_ignore_ascii_case(ADDRESS)
    };
    let own = data_extension::fields_in(definition).filter(|own| !is_address(own));
    let fields = own
        .cloned()
        .fold(Element::new("Fields").with(address), Element::with);
    let name = tree::filled(definition, stored_only::NAME_FIELD);
    let key = tree::filled(definition, "CustomerKey").or(name);
    let key = key.unwrap_or_default();
    Element::new("Objects")
        .typed(data_extension::TYPE.name)
        .with(field("CustomerKey", key))
        .with(field("Name", name.unwrap_or(key)))
        .with(fields)
}

/// What a send is, for the contexts of suppression lists.
pub(crate) struct SendContext<'a> {
    pub(crate) is_operational: bool,
    /// The SendClassification and the SenderProfile: as the definition names them, and as they are
    /// stored.
    pub(crate) classification: [Option<&'a Element>; 2],
    pub(crate) profile: [Option<&'a Element>; 2],
}

impl SendContext<'_> {
    /// The addresses of a list, where a send leaves them out.
    pub(crate) fn suppressed_by(
        &self,
        view: View<'_, '_>,
        list: &Element,
    ) -> Result<Option<RowLookup>, Missing> {
        let account = view.account();
        if !contexts_in(list).any(|context| self.is_in(view, context)) {
            return Ok(None);
        }
        let key = tree::filled(list, "CustomerKey").unwrap_or_default();
        let rows = data_extension_keys::find(view.of(account), key)?;
        let names = SubscriberField {
            name: ADDRESS.to_owned(),
            is_address: true,
        };
        Ok(rows.and_then(|(_, definition)| RowLookup::of(definition, names)))
    }

    fn is_in(&self, view: View<'_, '_>, context: &Element) -> bool {
        // One of another account is its business.
        if account_of(context, view.account()).as_deref() != Some(view.account()) {
            return false;
        }
        if tree::is_true(context, "AppliesToAllSends") == Some(true) {
            return true;
        }
        let own_type = match self.is_operational {
            true => "Operational",
            false => "Marketing",
        };
        let wanted = tree::filled(context, "SendClassificationType");
        if wanted.is_some_and(|wanted| wanted != own_type) {
            return false;
        }
        match tree::filled(context, "Context") {
            Some("Enterprise" | "BusinessUnit" | "Global") => true,
            Some("SendClassification") => {
                is_one_of(context, "SendClassification", self.classification)
            }
            Some("SenderProfile") => is_one_of(context, "SenderProfile", self.profile),
            // Its number is known only once it is started.
            Some(_) | None => false,
        }
    }
}

/// Whether a context names one of these by any of its keys.
fn is_one_of(context: &Element, name: &str, known: [Option<&Element>; 2]) -> bool {
    let Some(named) = context.child(name) else {
        return false;
    };
    let is_same = |known: &Element| {
        ["CustomerKey", "ObjectID", "ID", "Name"]
            .iter()
            .any(|field| {
                let text = |of: &Element| tree::filled(of, field).map(str::to_lowercase);
                text(named).is_some_and(|text_named| Some(text_named) == text(known))
            })
    };
    known.into_iter().flatten().any(is_same)
}
