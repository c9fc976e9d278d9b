//! ImportDefinition: a file of the bucket, and what its rows go into. It is kept like other objects; its
//! Perform reads the file, row by row, as a task.

use calls::{AccountId, AsyncResponseType, Method, RespondWhen, Subscription};
use serde::{Deserialize, Serialize};
use soap::{Element, MailAddress};

use crate::context::{DecisionContext, account_of};
use crate::data_extension_keys;
use crate::field::Field;
use crate::import_columns::{ColumnMapping, ImportColumn, ImportFields};
use crate::import_format::ImportFormat;
use crate::key::ObjectKey;
use crate::keyed;
use crate::missing::Missing;
use crate::object_type::{ObjectType, Work};
use crate::object_types::{data_extension, list, stored_only};
use crate::overlay::{Overlay, View};
use crate::saving::Intent;
use crate::task::{TaskKind, TaskRefused};
use crate::tree;
use crate::unit::MethodCall;
use crate::verdict::{Decision, Refused, Stop};

pub(crate) const TYPE: ObjectType = ObjectType {
    name: NAME,
    actions: &["start"],
    task: Some(TaskKind::Import),
    work: Work::Whole(decide),
    check,
    ..stored_only::TYPE
};

const NAME: &str = "ImportDefinition";

const NOT_FOUND: u32 = 43_010;

/// The protocol's code of a definition that does not fit.
pub const IMPORT_REFUSED: u32 = 43_060;

/// It has a key, or says by itself what it is to read.
fn check(intent: Intent, object: &Element) -> Result<(), Refused> {
    let says_all = matches!(intent, Intent::Change) && tree::filled(object, "FileSpec").is_some();
    match says_all {
        true => Ok(()),
        false => (stored_only::TYPE.check)(intent, object),
    }
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    if context.request.method == Method::Perform {
        return Err(Refused::mixed_task(IMPORT_REFUSED, NAME).into());
    }
    stored_only::decide(context)
}

/// What an import does with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ImportUpdate {
    AddAndUpdate,
    AddAndDoNotUpdate,
    UpdateButDoNotAdd,
    Overwrite,
}

/// What the rows go into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ImportDestination {
    DataExtension {
        key: ObjectKey,
        customer_key: String,
        object_id: String,
        fields: Vec<String>,
        is_keyed: bool,
    },
    /// The list, by the keys that it has.
    List { named: Element, id: String },
}

/// What an import is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPlan {
    /// Whose definition, file and destination they are.
    pub account: AccountId,
    pub definition_key: String,
    pub format: ImportFormat,
    /// Whether it goes on behind a row that is wrong.
    pub allows_errors: bool,
    /// Who is told of its end.
    pub notifies: Option<Subscription>,
    pub(crate) update: ImportUpdate,
    pub(crate) mapping: ColumnMapping,
    pub(crate) destination: ImportDestination,
}

impl ImportPlan {
    pub fn needs_headings(&self) -> bool {
        self.mapping.needs_headings()
    }

    /// Whether what was there before goes.
    pub fn overwrites(&self) -> bool {
        self.update == ImportUpdate::Overwrite
    }

    /// The data extension that the rows go into.
    pub fn data_extension(&self) -> Option<&ObjectKey> {
        match &self.destination {
            ImportDestination::DataExtension { key, .. } => Some(key),
            ImportDestination::List { .. } => None,
        }
    }

    /// The columns that are read; what is wrong otherwise.
    pub fn columns(&self, headings: &[String]) -> Result<Vec<ImportColumn>, String> {
        let fields = match &self.destination {
            ImportDestination::DataExtension { fields, .. } => ImportFields {
                names: fields.clone(),
                first_ordinal: 1,
            },
            ImportDestination::List { .. } => ImportFields {
                names: Vec::new(),
                first_ordinal: 0,
            },
        };
        self.mapping.columns(headings, &fields)
    }

    /// What a summary names the destination by.
    pub fn destination_id(&self) -> &str {
        match &self.destination {
            ImportDestination::DataExtension { object_id, .. } => object_id,
            ImportDestination::List { id, .. } => id,
        }
    }

    pub fn import_type(&self) -> &'static str {
        match &self.destination {
            ImportDestination::DataExtension { .. } => "DataExtension",
            ImportDestination::List { .. } => "List",
        }
    }
}

/// What the import that an object starts is to do, or why it cannot.
pub fn import_plan(
    overlay: &Overlay,
    request: &MethodCall<'_>,
    object: &Element,
) -> Result<Result<ImportPlan, TaskRefused>, Missing> {
    let Some(account) = account_of(object, request.client) else {
        return Ok(refused(4, "The object names several accounts"));
    };
    let view = overlay.of(&account);
    let found = keyed::find(view, NAME, stored_only::NAME_FIELD, object)?;
    let stored = found.and_then(|found| found.object);
    if stored.is_none() && tree::filled(object, "FileSpec").is_none() {
        return Ok(refused(NOT_FOUND, "The ImportDefinition was not found"));
    }
    // What a Perform says counts before what is stored.
    let mut definition = stored
        .cloned()
        .unwrap_or_else(|| Element::new("Definition"));
    for field in &object.children {
        let same = object.all(&field.name).cloned().collect();
        tree::replace(&mut definition, &field.name, same);
    }
    let destination = match destination(view, &definition)? {
        Ok(destination) => destination,
        Err(why) => return Ok(refused(IMPORT_REFUSED, why)),
    };
    Ok(read(&account, &definition, destination, request)
        .or_else(|why| refused(IMPORT_REFUSED, why)))
}

fn refused<T>(code: u32, message: impl Into<String>) -> Result<T, TaskRefused> {
    let message = message.into();
    Err(TaskRefused { code, message })
}

fn read(
    account: &AccountId,
    definition: &Element,
    destination: ImportDestination,
    request: &MethodCall<'_>,
) -> Result<ImportPlan, String> {
    let update = update(definition, &destination)?;
    let mapping = ColumnMapping::read(definition)?;
    if tree::filled(definition, "SubscriberImportType").is_some_and(|kind| kind != "Email") {
        return Err("SubscriberImportType is Email".to_owned());
    }
    Ok(ImportPlan {
        account: account.clone(),
        definition_key: tree::filled(definition, "CustomerKey")
            .unwrap_or_default()
            .to_owned(),
        format: ImportFormat::read(definition, mapping.needs_headings(), request.now)?,
        allows_errors: tree::is_true(definition, "AllowErrors").unwrap_or(true),
        notifies: notified(definition)?,
        update,
        mapping,
        destination,
    })
}

fn update(definition: &Element, destination: &ImportDestination) -> Result<ImportUpdate, String> {
    let name = tree::filled(definition, "UpdateType").unwrap_or("AddAndUpdate");
    let update = match name {
        "AddAndUpdate" => ImportUpdate::AddAndUpdate,
        "AddAndDoNotUpdate" => ImportUpdate::AddAndDoNotUpdate,
        "UpdateButDoNotAdd" => ImportUpdate::UpdateButDoNotAdd,
        "Overwrite" => ImportUpdate::Overwrite,
        other => return Err(format!("UpdateType {} is not supported", soap::echo(other))),
    };
    match (update, destination) {
        (ImportUpdate::Overwrite, ImportDestination::List { .. }) => {
            Err("UpdateType Overwrite is for data extensions".to_owned())
        }
        _ => Ok(update),
    }
}

/// By mail, to an address: the only kind that there is.
fn notified(definition: &Element) -> Result<Option<Subscription>, String> {
    let Some(notification) = definition.child("Notification").filter(|it| !it.nil) else {
        return Ok(None);
    };
    let kind = tree::filled(notification, "ResponseType").unwrap_or("email");
    let address = tree::filled(notification, "ResponseAddress").map(str::trim);
    let Some(address) = address.filter(|_| kind != "None") else {
        return Ok(None);
    };
    if kind != "email" || MailAddress::parse(address).is_err() {
        return Err("The Notification is by email, to one valid address".to_owned());
    }
    Ok(Some(Subscription {
        response_type: AsyncResponseType::Email,
        address: address.to_owned(),
        respond_when: RespondWhen::OnCallComplete,
        include_results: true,
        include_objects: false,
        only_include_base: false,
    }))
}

fn destination(
    view: View<'_, '_>,
    definition: &Element,
) -> Result<Result<ImportDestination, String>, Missing> {
    let Some(named) = definition.child("DestinationObject").filter(|it| !it.nil) else {
        return Ok(Err(
            "The ImportDefinition needs a DestinationObject".to_owned()
        ));
    };
    if named.type_name.as_deref() == Some(list::TYPE.name) {
        let found = keyed::find(view, list::TYPE.name, "ListName", named)?;
        let Some(list) = found.and_then(|found| found.object) else {
            return Ok(Err(
                "The List of the DestinationObject was not found".to_owned()
            ));
        };
        let fields = ["ID", "ObjectID", "CustomerKey"].into_iter();
        let fields = fields.filter_map(|name| Some(Element::of(name, list.text_of(name)?)));
        return Ok(Ok(ImportDestination::List {
            named: fields.fold(Element::new("Lists"), Element::with),
            id: list.text_of("ID").unwrap_or_default().to_owned(),
        }));
    }
    let Some((key, found)) = data_extension_keys::find_named(view, named)? else {
        let why = "The data extension of the DestinationObject was not found";
        return Ok(Err(why.to_owned()));
    };
    let fields: Vec<Field<'_>> = data_extension::fields_in(found)
        .filter_map(|field| Field::read(field).ok())
        .collect();
    let is_keyed = fields.iter().any(|field| field.is_key);
    let update = tree::filled(definition, "UpdateType");
    if !is_keyed && update == Some("UpdateButDoNotAdd") {
        let why = "UpdateType UpdateButDoNotAdd needs a data extension with a primary key";
        return Ok(Err(why.to_owned()));
    }
    Ok(Ok(ImportDestination::DataExtension {
        key,
        customer_key: found.text_of("CustomerKey").unwrap_or_default().to_owned(),
        object_id: found.text_of("ObjectID").unwrap_or_default().to_owned(),
        fields: fields.iter().map(|field| field.name.to_owned()).collect(),
        is_keyed,
    }))
}
