//! Retrieve: which properties of which objects are selected, and what remains of each object.

use calls::Warning;

use crate::client::ClientContext;
use crate::element::Element;
use crate::fault::Fault;
use crate::fields::{self, unreadable};
use crate::filter::{self, Filter};
use crate::model::{self, Complex, OBJECT};
use crate::not_read;

/// One Retrieve.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrieveRequest {
    /// `Subscriber`, or `DataExtensionObject[key]`; empty where only more is asked for.
    pub object_type: String,
    /// In the order asked for; paths with dots for what is nested.
    pub properties: Vec<String>,
    pub filter: Option<Filter>,
    /// RequestID of the answer whose next page is asked for.
    pub continue_request: Option<String>,
    /// Most results in one answer.
    pub batch_size: Option<u32>,
    pub clients: Vec<ClientContext>,
    pub query_all_accounts: bool,
    /// Elements and attributes that were sent and are not read.
    pub warnings: Vec<Warning>,
}

impl RetrieveRequest {
    /// The properties that it selects.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().map(String::as_str)
    }

    /// The properties that its filter names.
    pub fn filtered_by(&self) -> Vec<&str> {
        self.filter
            .as_ref()
            .map(Filter::properties)
            .unwrap_or_default()
    }
}

pub(crate) fn read(body: &Element) -> Result<RetrieveRequest, Fault> {
    let Some(request) = fields::single(body, "RetrieveRequest")? else {
        return Err(Fault::client("RetrieveRequestMsg holds no RetrieveRequest"));
    };
    let continue_request = fields::trimmed(request, "ContinueRequest")?;
    Ok(RetrieveRequest {
        object_type: fields::trimmed(request, "ObjectType")?
            .unwrap_or_default()
            .to_owned(),
        properties: properties(request)?,
        filter: fields::single(request, "Filter")?
            .map(filter::read)
            .transpose()?,
        continue_request: continue_request
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        batch_size: read_batch_size(request)?,
        clients: clients(request),
        query_all_accounts: fields::boolean(request, "QueryAllAccounts")?.unwrap_or(false),
        warnings: not_read::in_look(body),
    })
}

/// The accounts whose objects are asked for.
pub(crate) fn clients(request: &Element) -> Vec<ClientContext> {
    request.all("ClientIDs").map(ClientContext::read).collect()
}

/// The named properties, without blanks around them and without empty ones.
pub(crate) fn properties(request: &Element) -> Result<Vec<String>, Fault> {
    let names = fields::texts(request, "Properties")?;
    Ok(names
        .iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

fn read_batch_size(request: &Element) -> Result<Option<u32>, Fault> {
    let Some(options) = fields::single(request, "Options")? else {
        return Ok(None);
    };
    let narrow = |size: i64| {
        u32::try_from(size)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| unreadable("BatchSize", &size.to_string(), "a number from 1"))
    };
    fields::number(options, "BatchSize")?
        .map(narrow)
        .transpose()
}

/// Those of the properties that no object of that type can have.
pub fn unknown_properties<'a>(
    object_type: &str,
    properties: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let Some(complex) = model::model().complex(object_type) else {
        return Vec::new();
    };
    let paths = properties.into_iter();
    paths.filter(|path| !leads_on(complex, path)).collect()
}

fn leads_on(complex: &Complex, path: &str) -> bool {
    if complex.is_open() {
        return true;
    }
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let Some(position) = complex.position(name) else {
        return false;
    };
    // Where a type that says more may stand, its elements may be meant.
    let stands_for_more = complex
        .child_type(position)
        .is_some_and(|name| model::model().is_extended(name));
    match (rest, complex.child(position)) {
        (None, _) => true,
        (Some(_), _) if stands_for_more => true,
        (Some(rest), Some(child)) => leads_on(child, rest),
        (Some(_), None) => false,
    }
}

/// The object with only the named properties: `Client.ID` keeps Client with its ID alone, `Client`
/// keeps it whole. What an object of its type is not without is kept, too: an attribute that is
/// asked for by name keeps its value, which would be taken for an empty one. Objects whose fields
/// stand in pairs, such as the rows of a data extension, are asked for by their columns: a name also
/// keeps the `Property` of that name.
pub fn project(object: &Element, properties: &[String]) -> Element {
    let paths: Vec<&str> = properties.iter().map(String::as_str).collect();
    let type_name = object.type_name.as_deref().unwrap_or(OBJECT);
    let mut projected = keep(object, &paths, model::model().complex(type_name));
    if let Some(columns) = object
        .child("Properties")
        .filter(|_| projected.child("Properties").is_none())
    {
        let mut row = Element::new("Properties");
        let is_named = |column: &&Element| {
            column
                .text_of("Name")
                .is_some_and(|name| paths.iter().any(|path| path.eq_ignore_ascii_case(name)))
        };
        row.children = columns.all("Property").filter(is_named).cloned().collect();
        if !row.children.is_empty() {
            projected.children.push(row);
        }
    }
    projected
}

fn keep(object: &Element, paths: &[&str], complex: Option<&Complex>) -> Element {
    let mut projected = Element {
        name: object.name.clone(),
        type_name: object.type_name.clone(),
        nil: object.nil,
        ..Element::default()
    };
    let is_required = |name: &str| {
        let position = complex.and_then(|complex| Some((complex, complex.position(name)?)));
        position.is_some_and(|(complex, position)| complex.is_required(position))
    };
    for child in &object.children {
        if paths.contains(&child.name.as_str()) || is_required(&child.name) {
            projected.children.push(child.clone());
            continue;
        }
        let nested: Vec<&str> = paths
            .iter()
            .filter_map(|path| path.strip_prefix(child.name.as_str())?.strip_prefix('.'))
            .collect();
        if !nested.is_empty() {
            let own = child.type_name.as_deref();
            let own = own.and_then(|name| model::model().complex(name));
            let declared = complex.and_then(|it| it.child(it.position(&child.name)?));
            let child = keep(child, &nested, own.or(declared));
            if !child.children.is_empty() {
                projected.children.push(child);
            }
        }
    }
    projected
}
