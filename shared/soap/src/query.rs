//! Query: the older sibling of Retrieve.

use calls::Warning;

use crate::client::ClientContext;
use crate::element::Element;
use crate::fault::Fault;
use crate::fields;
use crate::filter::{self, Filter};
use crate::not_read;
use crate::retrieve::{self, RetrieveRequest};

/// One Query.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRequest {
    pub object_type: String,
    pub properties: Vec<String>,
    pub filter: Option<Filter>,
    pub continue_request: Option<String>,
    pub clients: Vec<ClientContext>,
    /// What was sent and nothing reads.
    pub warnings: Vec<Warning>,
}

impl QueryRequest {
    /// The Retrieve that asks for the same.
    pub fn into_retrieve(self) -> RetrieveRequest {
        RetrieveRequest {
            object_type: self.object_type,
            properties: self.properties,
            filter: self.filter,
            continue_request: self.continue_request,
            batch_size: None,
            clients: self.clients,
            query_all_accounts: false,
            warnings: self.warnings,
        }
    }
}

pub(crate) fn read(body: &Element) -> Result<QueryRequest, Fault> {
    let Some(request) = fields::single(body, "QueryRequest")? else {
        return Err(Fault::client("QueryRequestMsg holds no QueryRequest"));
    };
    let empty = Element::default();
    let query = fields::single(request, "Query")?.unwrap_or(&empty);
    let object = fields::single(query, "Object")?.unwrap_or(&empty);
    let continue_request = fields::trimmed(request, "ContinueRequest")?;
    Ok(QueryRequest {
        object_type: fields::trimmed(object, "ObjectType")?
            .unwrap_or_default()
            .to_owned(),
        properties: retrieve::properties(object)?,
        filter: fields::single(query, "Filter")?
            .map(filter::read)
            .transpose()?,
        continue_request: continue_request
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        clients: retrieve::clients(request),
        warnings: not_read::in_look(body),
    })
}
