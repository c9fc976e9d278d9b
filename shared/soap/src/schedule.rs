//! Schedule and Configure: requests for objects that exist already, with an action.

use crate::client::ClientContext;
use crate::element::Element;
use crate::fault::Fault;
use crate::fields;
use crate::options;

/// When which objects are to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRequest {
    pub client: Option<ClientContext>,
    /// The same as it came.
    pub client_element: Option<Element>,
    pub action: Option<String>,
    pub schedule: Option<Element>,
    /// Elements `Interaction`.
    pub interactions: Vec<Element>,
}

/// Objects that are to be configured. Configure is refused for each of them, so its Options and its
/// Action are validated and not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigureRequest {
    /// Elements `Configuration`.
    pub configurations: Vec<Element>,
}

pub(crate) fn take_schedule(body: Element) -> Result<ScheduleRequest, Fault> {
    let options = fields::single(&body, "Options")?;
    Ok(ScheduleRequest {
        client: options::read(&body)?.client,
        client_element: options.and_then(|options| options.child("Client")).cloned(),
        action: fields::trimmed(&body, "Action")?.map(str::to_owned),
        schedule: fields::single(&body, "Schedule")?.cloned(),
        interactions: take_list(body, "Interactions", "Interaction")?,
    })
}

pub(crate) fn take_configure(body: Element) -> Result<ConfigureRequest, Fault> {
    options::read(&body)?;
    fields::trimmed(&body, "Action")?;
    Ok(ConfigureRequest {
        configurations: take_list(body, "Configurations", "Configuration")?,
    })
}

fn take_list(body: Element, list: &str, item: &str) -> Result<Vec<Element>, Fault> {
    fields::single(&body, list)?;
    let list = body.children.into_iter().find(|child| child.name == list);
    let items = list.map(|list| list.children).unwrap_or_default();
    Ok(items
        .into_iter()
        .filter(|child| child.name == item)
        .collect())
}
