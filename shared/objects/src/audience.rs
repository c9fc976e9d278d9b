//! Whom an EmailSendDefinition is for: its SendDefinitionList, read into sources and exclusions.

use calls::AccountId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soap::{Element, MailAddress};

use crate::data_extension_keys;
use crate::field::Field;
use crate::key::{self, ObjectKey};
use crate::keyed;
use crate::missing::Missing;
use crate::object_types::data_extension;
use crate::object_types::data_extension_object::key_by;
use crate::object_types::list;
use crate::overlay::View;
use crate::retention::RowRetention;
use crate::row_partitions::ROWS;
use crate::tree;
use crate::verdict::Refused;

/// The protocol's code of what is not carried out here.
pub(crate) const NOT_IMPLEMENTED: u32 = 42_000;
const LIST_NOT_FOUND: u32 = 42_007;
const DATA_EXTENSION_NOT_FOUND: u32 = 42_008;
const ENTRY_INVALID: u32 = 42_110;

/// Where people come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AudienceSource {
    /// Members of any of these lists: one look through all subscribers.
    Lists(Vec<Element>),
    Rows(Box<SendableRows>),
    /// These, whoever has them.
    Addresses(Vec<String>),
}

/// The rows of a sendable data extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SendableRows {
    /// Where they lie.
    pub(crate) partition: String,
    pub(crate) names: SubscriberField,
    /// The field that has the address, if there is one.
    pub(crate) address_field: Option<String>,
    /// Who has unsubscribed from this list gets nothing.
    pub(crate) list: Option<Element>,
    /// No two rows are of one subscriber.
    pub(crate) is_unique: bool,
    pub(crate) retention: RowRetention,
}

/// The field of a sendable data extension that says whose row it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SubscriberField {
    pub(crate) name: String,
    /// By the address; else by the SubscriberKey.
    pub(crate) is_address: bool,
}

/// Who is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Exclusion {
    /// Whoever is on this list.
    Members(Element),
    /// Whoever has opted out by being on this list, or by having left it.
    OptedOut(Element),
    Rows(RowLookup),
}

/// A data extension in which a person is looked up by its primary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowLookup {
    /// With the one field that is its key.
    definition: Element,
    pub(crate) names: SubscriberField,
    pub(crate) retention: RowRetention,
}

impl RowLookup {
    /// Where the row of somebody lies, if there is one; `None`: nobody of that name can have one.
    pub(crate) fn key(
        &self,
        account: &AccountId,
        value: &str,
        now: Timestamp,
    ) -> Option<ObjectKey> {
        key_by(account, &self.definition, &self.names.name, value, now)
    }

    /// The rows of a data extension by that field, if it alone is the primary key.
    pub(crate) fn of(definition: &Element, names: SubscriberField) -> Option<Self> {
        let fields = data_extension::fields_in(definition);
        let mut keys = fields.filter(|field| tree::is_true(field, "IsPrimaryKey") == Some(true));
        let key = keys.next().filter(|_| keys.next().is_none())?;
        let is_same = |name: &str| name.eq_ignore_ascii_case(&names.name);
        if !key.text_of("Name").is_some_and(is_same) {
            return None;
        }
        let rows = definition.text_of(ROWS).unwrap_or_default();
        let retention = RowRetention::of(definition);
        let definition = Element::new("DataExtension")
            .with(Element::of(ROWS, rows))
            .with(Element::new("Fields").with(key.clone()));
        Some(Self {
            definition,
            names,
            retention,
        })
    }
}

/// Whom a send is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audience {
    pub(crate) sources: Vec<AudienceSource>,
    pub(crate) exclusions: Vec<Exclusion>,
}

/// What an entry of the SendDefinitionList is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKind {
    Source,
    Exclusion,
    OptOut,
}

impl EntryKind {
    fn of(entry: &Element) -> Result<Self, Refused> {
        match tree::filled(entry, "SendDefinitionListType") {
            None | Some("SourceList") => Ok(Self::Source),
            Some("ExclusionList") => Ok(Self::Exclusion),
            Some("OptOutList") => Ok(Self::OptOut),
            Some(other) => Err(Refused::new(
                NOT_IMPLEMENTED,
                format!(
                    "SendDefinitionListType {} is not carried out here",
                    soap::echo(other)
                ),
            )),
        }
    }
}

/// What a send is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendPurpose {
    /// All of the audience.
    Start,
    /// Those who look at the mail before.
    Test,
}

/// The entries of a definition that are for that.
fn entries(definition: &Element, purpose: SendPurpose) -> impl Iterator<Item = &Element> {
    let all = definition.all("SendDefinitionList");
    let is_of_tests = |entry: &Element| tree::is_true(entry, "IsTestObject") == Some(true);
    all.filter(move |entry| !entry.nil && is_of_tests(entry) == (purpose == SendPurpose::Test))
}

/// The addresses that tests go to.
pub(crate) fn test_addresses(definition: &Element) -> Result<Vec<String>, Refused> {
    let text = tree::filled(definition, "TestEmailAddr").unwrap_or_default();
    let addresses = text.split([';', ',']).map(str::trim);
    let addresses = addresses.filter(|address| !address.is_empty());
    let read = |address: &str| match MailAddress::parse(address) {
        Ok(_address) => Ok(address.to_owned()),
        Err(_wrong) => {
            let message = format!("TestEmailAddr {} is no address", soap::echo(address));
            Err(Refused::new(ENTRY_INVALID, message))
        }
    };
    addresses.map(read).collect()
}

/// What can be said against the entries before what they name is looked at.
pub(crate) fn check_entries(definition: &Element) -> Result<(), Refused> {
    test_addresses(definition)?;
    let of = |purpose| entries(definition, purpose);
    for entry in of(SendPurpose::Start).chain(of(SendPurpose::Test)) {
        EntryKind::of(entry)?;
        let is_named = |name: &str| {
            let child = entry.child(name).filter(|child| !child.nil);
            child.is_some_and(|child| !child.children.is_empty() || !child.text.is_empty())
        };
        for field in ["FilterDefinition", "SalesForceObjectID"] {
            if is_named(field) {
                let message = format!("{field} of a SendDefinitionList is not carried out here");
                return Err(Refused::new(NOT_IMPLEMENTED, message));
            }
        }
        if !is_named("List") && !is_named("CustomObjectID") {
            let message =
                "A SendDefinitionList names a List, or a data extension by its CustomObjectID";
            return Err(Refused::new(ENTRY_INVALID, message));
        }
    }
    Ok(())
}

/// Whom a definition is for, or why that cannot be said.
pub(crate) fn audience_of(
    view: View<'_, '_>,
    definition: &Element,
    purpose: SendPurpose,
) -> Result<Result<Audience, Refused>, Missing> {
    let mut audience = Audience::default();
    let mut lists = Vec::new();
    for entry in entries(definition, purpose) {
        let kind = match EntryKind::of(entry) {
            Ok(kind) => kind,
            Err(refused) => return Ok(Err(refused)),
        };
        let list = match list_of(view, entry)? {
            Ok(list) => list,
            Err(refused) => return Ok(Err(refused)),
        };
        let data_extension = match data_extension_of(view, entry)? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        let taken = match (kind, data_extension, list) {
            (EntryKind::Source, Some(found), list) => {
                let rows = sendable_rows(view.account(), found, list);
                rows.map(|rows| audience.sources.push(AudienceSource::Rows(Box::new(rows))))
            }
            (EntryKind::Source, None, list) => {
                lists.extend(list);
                Ok(())
            }
            (EntryKind::Exclusion | EntryKind::OptOut, Some(found), _) => {
                lookup(found).map(|rows| audience.exclusions.push(Exclusion::Rows(rows)))
            }
            (EntryKind::Exclusion, None, list) => {
                audience.exclusions.extend(list.map(Exclusion::Members));
                Ok(())
            }
            (EntryKind::OptOut, None, list) => {
                audience.exclusions.extend(list.map(Exclusion::OptedOut));
                Ok(())
            }
        };
        if let Err(refused) = taken {
            return Ok(Err(refused));
        }
    }
    if !lists.is_empty() {
        audience.sources.insert(0, AudienceSource::Lists(lists));
    }
    if purpose == SendPurpose::Test {
        match test_addresses(definition) {
            Ok(addresses) if addresses.is_empty() => {}
            Ok(addresses) => audience.sources.push(AudienceSource::Addresses(addresses)),
            Err(refused) => return Ok(Err(refused)),
        }
    }
    if audience.sources.is_empty() {
        return Ok(Err(nobody(purpose)));
    }
    Ok(Ok(audience))
}

fn nobody(purpose: SendPurpose) -> Refused {
    let message = match purpose {
        SendPurpose::Start => {
            "The EmailSendDefinition has no SendDefinitionList of the type SourceList"
        }
        SendPurpose::Test => {
            "The EmailSendDefinition has no TestEmailAddr, and no SendDefinitionList whose IsTestObject is true"
        }
    };
    Refused::new(ENTRY_INVALID, message)
}

/// The list that an entry names, by all that its memberships are known by.
fn list_of(
    view: View<'_, '_>,
    entry: &Element,
) -> Result<Result<Option<Element>, Refused>, Missing> {
    let Some(named) = entry.child("List").filter(|list| !list.nil) else {
        return Ok(Ok(None));
    };
    if named.children.is_empty() {
        return Ok(Ok(None));
    }
    let found = keyed::find(view, list::TYPE.name, "ListName", named)?;
    let Some(found) = found.and_then(|found| found.object) else {
        let message = "A List of the SendDefinitionList was not found";
        return Ok(Err(Refused::new(LIST_NOT_FOUND, message)));
    };
    let kept = ["ID", "ObjectID", "CustomerKey", "Type", list::MEMBERS];
    let kept = kept.into_iter().filter_map(|name| found.child(name));
    let list = kept.cloned().fold(Element::new("List"), Element::with);
    Ok(Ok(Some(list)))
}

fn data_extension_of<'a>(
    view: View<'a, '_>,
    entry: &Element,
) -> Result<Result<Option<&'a Element>, Refused>, Missing> {
    let Some(id) = tree::filled(entry, "CustomObjectID").map(str::trim) else {
        return Ok(Ok(None));
    };
    let named = Element::new("DataExtension").with(Element::of("ObjectID", id));
    let found = match data_extension_keys::find_named(view, &named)? {
        None => data_extension_keys::find(view, id)?,
        found => found,
    };
    let lacking = || {
        let message = format!("There is no data extension {}", soap::echo(id));
        Refused::new(DATA_EXTENSION_NOT_FOUND, message)
    };
    Ok(found.map_or_else(|| Err(lacking()), |(_, found)| Ok(Some(found))))
}

fn name_of(definition: &Element) -> &str {
    let key = tree::filled(definition, "CustomerKey");
    key.unwrap_or_default()
}

/// Which of its fields says whose a row is.
fn subscriber_field(definition: &Element) -> Result<SubscriberField, Refused> {
    let text = |path: &str| definition.at(path).map_or("", |found| found.text.trim());
    let field = text("SendableDataExtensionField.Name");
    let of_subscriber = text("SendableSubscriberField.Name").to_lowercase();
    let is_sendable = tree::is_true(definition, "IsSendable") == Some(true);
    if !is_sendable || field.is_empty() {
        let message = format!(
            "The data extension {} is not sendable: it needs IsSendable and a SendableDataExtensionField",
            soap::echo(name_of(definition))
        );
        return Err(Refused::new(ENTRY_INVALID, message));
    }
    let is_address = match of_subscriber.replace([' ', '_'], "").as_str() {
        "" | "subscriberkey" | "subscriberid" => false,
        "emailaddress" | "email" => true,
        _ => {
            let message = "A SendableSubscriberField is 'Subscriber Key' or 'Email Address'";
            return Err(Refused::new(ENTRY_INVALID, message));
        }
    };
    Ok(SubscriberField {
        name: field.to_owned(),
        is_address,
    })
}

fn sendable_rows(
    account: &AccountId,
    definition: &Element,
    list: Option<Element>,
) -> Result<SendableRows, Refused> {
    let names = subscriber_field(definition)?;
    let mut fields = data_extension::fields_in(definition);
    let is_there = fields
        .by_ref()
        .filter_map(|field| Field::read(field).ok())
        .any(|field| field.is_called(&names.name));
    if !is_there {
        let message = format!(
            "The data extension {} has no field {}",
            soap::echo(name_of(definition)),
            soap::echo(&names.name)
        );
        return Err(Refused::new(ENTRY_INVALID, message));
    }
    let address_field = match names.is_address {
        true => Some(names.name.clone()),
        false => data_extension::fields_in(definition)
            .find(|field| field.text_of("FieldType") == Some("EmailAddress"))
            .and_then(|field| field.text_of("Name"))
            .map(str::to_owned),
    };
    let rows = definition.text_of(ROWS).unwrap_or_default();
    Ok(SendableRows {
        partition: key::rows_partition(account, rows),
        address_field,
        list,
        is_unique: RowLookup::of(definition, names.clone()).is_some(),
        retention: RowRetention::of(definition),
        names,
    })
}

fn lookup(definition: &Element) -> Result<RowLookup, Refused> {
    let names = subscriber_field(definition)?;
    RowLookup::of(definition, names).ok_or_else(|| {
        let message = format!(
            "The data extension {} of an ExclusionList must have its SendableDataExtensionField, and no other field, for its primary key",
            soap::echo(name_of(definition))
        );
        Refused::new(ENTRY_INVALID, message)
    })
}
