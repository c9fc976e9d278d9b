//! Describe: which properties an object type has.

use crate::element::Element;
use crate::fault::Fault;
use crate::fields;

/// The object types to be described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribeRequest {
    pub object_types: Vec<String>,
}

pub(crate) fn read(body: &Element) -> Result<DescribeRequest, Fault> {
    let mut object_types = Vec::new();
    if let Some(list) = fields::single(body, "DescribeRequests")? {
        for request in list
            .all("ObjectDefinitionRequest")
            .filter(|request| !request.nil)
        {
            let object_type = fields::trimmed(request, "ObjectType")?.unwrap_or_default();
            object_types.push(object_type.to_owned());
        }
    }
    Ok(DescribeRequest { object_types })
}
