//! Extract and Execute: requests that name an action and its parameters.

use crate::client::ClientContext;
use crate::element::Element;
use crate::fault::Fault;
use crate::fields;

/// The extracts of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtractRequest {
    pub extracts: Vec<Extract>,
}

/// One extract: `ID` is its kind; the parameters say what it contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    pub id: String,
    pub client: Option<ClientContext>,
    /// `Name` of its Description or Definition, if it has one.
    pub name: Option<String>,
    /// Name and value, in order.
    pub parameters: Vec<(String, String)>,
    /// As it was sent, for the result.
    pub request: Element,
}

/// The procedures of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecuteRequest {
    pub requests: Vec<Execute>,
}

/// One procedure, for example `LogUnsubEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execute {
    pub name: String,
    pub client: Option<ClientContext>,
    /// Name and value, in order.
    pub parameters: Vec<(String, String)>,
}

pub(crate) fn read_extract(body: &Element) -> Result<ExtractRequest, Fault> {
    let extracts = body
        .all("Requests")
        .filter(|request| !request.nil)
        .map(read_one_extract);
    Ok(ExtractRequest {
        extracts: extracts.collect::<Result<_, _>>()?,
    })
}

fn read_one_extract(request: &Element) -> Result<Extract, Fault> {
    let described = fields::single(request, "Description")?;
    let described = described.or(fields::single(request, "Definition")?);
    let name = described
        .map(|described| fields::trimmed(described, "Name"))
        .transpose()?
        .flatten();
    let parameters = fields::single(request, "Parameters")?;
    Ok(Extract {
        id: fields::trimmed(request, "ID")?
            .unwrap_or_default()
            .to_owned(),
        client: read_client(request)?,
        name: name.map(str::to_owned),
        parameters: parameters
            .map(|list| pairs(list, "Parameter"))
            .transpose()?
            .unwrap_or_default(),
        request: request.clone(),
    })
}

pub(crate) fn read_execute(body: &Element) -> Result<ExecuteRequest, Fault> {
    let read = |request: &Element| -> Result<Execute, Fault> {
        Ok(Execute {
            name: fields::trimmed(request, "Name")?
                .unwrap_or_default()
                .to_owned(),
            client: read_client(request)?,
            parameters: pairs(request, "Parameters")?,
        })
    };
    let requests = body
        .all("Requests")
        .filter(|request| !request.nil)
        .map(read);
    Ok(ExecuteRequest {
        requests: requests.collect::<Result<_, _>>()?,
    })
}

fn read_client(request: &Element) -> Result<Option<ClientContext>, Fault> {
    Ok(fields::single(request, "Client")?.map(ClientContext::read))
}

fn pairs(list: &Element, name: &str) -> Result<Vec<(String, String)>, Fault> {
    let read = |pair: &Element| -> Result<(String, String), Fault> {
        let key = fields::trimmed(pair, "Name")?.unwrap_or_default();
        let value = fields::text(pair, "Value")?.unwrap_or_default();
        Ok((key.to_owned(), value.to_owned()))
    };
    list.all(name).filter(|pair| !pair.nil).map(read).collect()
}
