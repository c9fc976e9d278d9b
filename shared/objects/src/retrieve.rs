//! For Retrieve: where the objects of a type lie, and what their properties are called.

use calls::AccountId;
use jiff::Timestamp;
use soap::{Element, Filter, RetrieveRequest};
use thiserror::Error;

use crate::columns::SYSTEM_COLUMNS;
use crate::data_extension_keys;
use crate::event_keys;
use crate::field;
use crate::key::{self, KeyRange, ObjectKey};
use crate::membership;
use crate::missing::Missing;
use crate::object_type::Retrieval;
use crate::object_types::data_extension;
use crate::object_types::{data_extension_object, send, subscriber, triggered_send_definition};
use crate::overlay::Overlay;
use crate::registry;
use crate::retention::{self, Retained, RowRetention};
use crate::row_partitions::ROWS;
use crate::send_summary::summary_of;
use crate::tree;

/// Why a type cannot be retrieved. The text is that of OverallStatus, after `Error: `.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RetrieveError {
    #[error(
        "Unable to find a handler for object type: {0}. Object types are case-sensitive, check spelling."
    )]
    NoHandler(String),
    #[error("Data extension does not exist: {0}")]
    NoDataExtension(String),
    #[error(
        "The Request Property(s) {properties} do not match with the fields of {object_type} retrieve"
    )]
    UnknownProperties {
        /// With commas between them.
        properties: String,
        object_type: String,
    },
    #[error("The Filter Property '{0}' is not a retrievable property.")]
    UnknownFilterProperty(String),
    #[error("a {0} is counted for one definition: filter by CustomerKey equals, or IN, its keys")]
    NeedsKey(String),
    #[error(
        "there are too many events to count a {0} in time; retrieve the events themselves by EventDate"
    )]
    TooManyToCount(String),
}

impl RetrieveError {
    /// The refusal of properties that are not known: those asked for, all at once; those filtered
    /// by, one after the other. Of none there is none.
    pub fn of_unknown(
        object_type: &str,
        requested: &[&str],
        filtered_by: &[&str],
    ) -> Result<(), Self> {
        /// Most of them that are named.
        const NAMED_MAX: usize = 20;
        if !requested.is_empty() {
            return Err(Self::UnknownProperties {
                properties: requested[..requested.len().min(NAMED_MAX)].join(", "),
                object_type: object_type.to_owned(),
            });
        }
        match filtered_by.first() {
            Some(unknown) => Err(Self::UnknownFilterProperty((*unknown).to_owned())),
            None => Ok(()),
        }
    }
}

/// Where the objects of a type lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSource<'a> {
    /// To be queried, unless [`ObjectSource::direct_key`] makes a look at one key enough.
    pub partition: String,
    account: &'a AccountId,
    kind: SourceKind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceKind<'a> {
    Objects {
        type_name: &'a str,
        key_field: &'static str,
    },
    Subscribers,
    /// Rows of this data extension.
    Rows(&'a Element),
    /// Fields of data extensions: they stand in the definitions.
    Fields,
    /// Members of lists: they stand at the subscribers.
    Members,
    /// What became of mails, of this type.
    Events(&'a str),
    /// How many of a definition's mails went where: the counts are not stored with it.
    Summaries,
}

/// Where the objects of a type lie. For `DataExtensionObject[Name or key]` the definition is needed
/// first, and asked for like any other missing record.
pub fn retrieve_from<'a>(
    overlay: &'a Overlay,
    object_type: &'a str,
) -> Result<Result<ObjectSource<'a>, RetrieveError>, Missing> {
    let account = overlay.caller();
    let source = |type_name: &str, kind| {
        Ok(Ok(ObjectSource {
            partition: key::partition(account, type_name),
            account,
            kind,
        }))
    };
    let unknown = || Ok(Err(RetrieveError::NoHandler(object_type.to_owned())));
    let (name, address) = name_and_address(object_type);
    let Some(known) = registry::object_type(name) else {
        return unknown();
    };
    if let (Retrieval::Rows, Some(address)) = (known.retrieval, address) {
        let Some((_, definition)) = data_extension_keys::find(overlay.own(), address)? else {
            return Ok(Err(RetrieveError::NoDataExtension(address.to_owned())));
        };
        let rows = definition.text_of(ROWS).unwrap_or_default();
        let partition = key::rows_partition(account, rows);
        return Ok(Ok(ObjectSource {
            partition,
            account,
            kind: SourceKind::Rows(definition),
        }));
    }
    match (known.retrieval, address) {
        (Retrieval::Subscribers, None) => source(SUBSCRIBERS, SourceKind::Subscribers),
        (Retrieval::Members, None) => source(SUBSCRIBERS, SourceKind::Members),
        (Retrieval::Fields, None) => source(DEFINITIONS, SourceKind::Fields),
        (Retrieval::Partition, None) => source(
            known.name,
            SourceKind::Objects {
                type_name: known.name,
                key_field: known.key_field,
            },
        ),
        (Retrieval::Summaries, None) => source(SENDS, SourceKind::Summaries),
        (Retrieval::Events, None) => source(known.name, SourceKind::Events(known.name)),
        (Retrieval::Nothing | Retrieval::Calls(_) | Retrieval::Rows, _) | (_, Some(_)) => unknown(),
    }
}

const SUBSCRIBERS: &str = subscriber::TYPE.name;
const DEFINITIONS: &str = data_extension::TYPE.name;
const SENDS: &str = triggered_send_definition::TYPE.name;

/// `DataExtensionObject[Name or key]` taken apart.
fn name_and_address(object_type: &str) -> (&str, Option<&str>) {
    let bracketed = object_type
        .strip_suffix(']')
        .and_then(|text| text.split_once('['));
    bracketed.map_or((object_type, None), |(name, address)| (name, Some(address)))
}

impl ObjectSource<'_> {
    /// The one key that can hold what has `value` for its `property`, if that property is the key.
    pub fn direct_key(&self, property: &str, value: &str, now: Timestamp) -> Option<ObjectKey> {
        match (self.kind, property) {
            (_, _) if value.is_empty() => None,
            (SourceKind::Subscribers, "SubscriberKey") | (SourceKind::Members, "SubscriberKey") => {
                Some(key::object(self.account, SUBSCRIBERS, value))
            }
            (
                SourceKind::Objects {
                    type_name,
                    key_field,
                },
                _,
            ) if key_field == property => Some(key::object(self.account, type_name, value)),
            (SourceKind::Summaries, "CustomerKey" | "TriggeredSendDefinition.CustomerKey") => {
                Some(key::object(self.account, SENDS, value))
            }
            (SourceKind::Fields, "DataExtension.CustomerKey") => {
                Some(key::object(self.account, DEFINITIONS, value))
            }
            (SourceKind::Rows(definition), _) => {
                data_extension_object::key_by(self.account, definition, property, value, now)
            }
            (
                SourceKind::Subscribers
                | SourceKind::Objects { .. }
                | SourceKind::Fields
                | SourceKind::Members
                | SourceKind::Summaries
                | SourceKind::Events(_),
                _,
            ) => None,
        }
    }

    /// The keys that lie around all that the filter can admit, both excluded; of objects that lie in
    /// the order of time, so that a look at a day does not read a month.
    pub fn within(&self, filter: Option<&Filter>) -> KeyRange {
        match (self.kind, filter) {
            (SourceKind::Events(_), Some(filter)) => event_keys::keys_within(filter),
            (
                SourceKind::Events(_)
                | SourceKind::Subscribers
                | SourceKind::Objects { .. }
                | SourceKind::Fields
                | SourceKind::Members
                | SourceKind::Summaries
                | SourceKind::Rows(_),
                _,
            ) => KeyRange::default(),
        }
    }

    /// Whether such objects can have the properties that are asked for and filtered by; the
    /// columns, of rows.
    pub fn check_properties(&self, request: &RetrieveRequest) -> Result<(), RetrieveError> {
        let object_type = request.object_type.as_str();
        let requested = self.unknown(object_type, request.properties());
        let filtered_by = self.unknown(object_type, request.filtered_by());
        RetrieveError::of_unknown(object_type, &requested, &filtered_by)
    }

    fn unknown<'p>(
        &self,
        object_type: &str,
        properties: impl IntoIterator<Item = &'p str>,
    ) -> Vec<&'p str> {
        let SourceKind::Rows(definition) = self.kind else {
            let mut unknown = soap::unknown_properties(object_type, properties);
            unknown.retain(|path| object_type != send::TYPE.name || *path != send::MISSPELT);
            return unknown;
        };
        let mut unknown = soap::unknown_properties("DataExtensionObject", properties);
        let is_column = |path: &str| {
            SYSTEM_COLUMNS
                .iter()
                .any(|name| name.eq_ignore_ascii_case(path))
                || data_extension::fields_in(definition).any(|field| {
                    field
                        .text_of("Name")
                        .is_some_and(|name| name.eq_ignore_ascii_case(path))
                })
        };
        unknown.retain(|path| !is_column(path));
        unknown
    }

    /// Where the lists lie without which it cannot be said which memberships of a stored object there
    /// still are; none, if memberships are not asked for.
    pub fn lists_needed(&self, request: &RetrieveRequest, stored: &Element) -> Vec<ObjectKey> {
        let is_selected = |path: &str| path.split('.').next() == Some("Lists");
        let shows_lists = match self.kind {
            SourceKind::Members => true,
            SourceKind::Subscribers => {
                request.properties().any(is_selected)
                    || request.filtered_by().into_iter().any(is_selected)
            }
            SourceKind::Objects { .. }
            | SourceKind::Rows(_)
            | SourceKind::Fields
            | SourceKind::Summaries
            | SourceKind::Events(_) => false,
        };
        match shows_lists {
            true => membership::lists_in(self.account, stored),
            false => Vec::new(),
        }
    }

    /// The stored object as it is now that some lists may be gone: `lists` holds those that are needed.
    pub fn with_lists(&self, stored: Element, lists: &Overlay) -> Element {
        membership::without_stale_memberships(lists, stored)
    }

    /// Whether its objects are counted when they are asked for, which takes reading all events of the
    /// account: they are looked up one by one, by their keys.
    pub const fn is_counted(&self) -> bool {
        matches!(self.kind, SourceKind::Summaries)
    }

    /// The objects that a stored one stands for: itself, or what stands in it; none, if its time is over.
    pub fn objects_in(&self, stored: Element, now: Timestamp) -> Vec<Element> {
        if matches!(retention::retained(&stored, now), Retained::Nothing) {
            return Vec::new();
        }
        match self.kind {
            SourceKind::Rows(definition)
                if RowRetention::of(definition).has_ended(&stored, now) =>
            {
                Vec::new()
            }
            SourceKind::Objects { .. } | SourceKind::Subscribers | SourceKind::Rows(_) => {
                vec![stored]
            }
            // One that another one has replaced is none of them any more.
            SourceKind::Events(type_name) if stored.type_name.as_deref() != Some(type_name) => {
                Vec::new()
            }
            SourceKind::Events(_) => vec![stored],
            SourceKind::Fields => fields_of(self.account, &stored),
            SourceKind::Members => memberships_of(&stored),
            SourceKind::Summaries => vec![summary_of(&stored)],
        }
    }
}

/// The fields of a data extension, with what goes without saying in the definition.
fn fields_of(account: &AccountId, definition: &Element) -> Vec<Element> {
    let customer_key = definition.text_of("CustomerKey").unwrap_or_default();
    let owner = Element::new("DataExtension").with(Element::of("CustomerKey", customer_key));
    let numbered = data_extension::fields_in(definition).enumerate();
    let fields = numbered.map(|(ordinal, field)| {
        let name = field.text_of("Name").unwrap_or_default();
        let is_key = tree::is_true(field, "IsPrimaryKey").unwrap_or(false);
        let is_required = is_key || tree::is_true(field, "IsRequired").unwrap_or(false);
        let mut whole = Element {
            name: "Objects".to_owned(),
            ..field.clone().typed("DataExtensionField")
        };
        tree::set(&mut whole, "IsPrimaryKey", is_key.to_string());
        tree::set(&mut whole, "IsRequired", is_required.to_string());
        let object_id = field::id(account, definition, name);
        tree::set(&mut whole, "ObjectID", object_id);
        for (property, unsaid) in [
            ("CustomerKey", format!("[{customer_key}].[{name}]")),
            ("FieldType", "Text".to_owned()),
            ("Ordinal", ordinal.to_string()),
        ] {
            if tree::filled(field, property).is_none() {
                tree::set(&mut whole, property, unsaid);
            }
        }
        whole.with(owner.clone())
    });
    fields.collect()
}

fn memberships_of(subscriber: &Element) -> Vec<Element> {
    let subscriber_key = subscriber.text_of("SubscriberKey").unwrap_or_default();
    subscriber
        .all("Lists")
        .map(|membership| {
            let list = ["ID", "List.ID"]
                .iter()
                .find_map(|path| membership.at(path));
            let status = membership.text_of("Status").unwrap_or("Active");
            let dates = ["CreatedDate", "ModifiedDate"]
                .iter()
                .filter_map(|name| membership.child(name).cloned());
            let member = Element::new("Objects").typed("ListSubscriber");
            dates
                .fold(member, Element::with)
                .with(Element::of("Status", status))
                .with(Element::of(
                    "ListID",
                    list.map_or("", |list| list.text.as_str()),
                ))
                .with(Element::of("SubscriberKey", subscriber_key))
        })
        .collect()
}
