//! The operation of a request: the payload's root decides, and headers must agree with it.

use crate::call::{self, CallRequest};
use crate::describe::{self, DescribeRequest};
use crate::element::Element;
use crate::extract::{self, ExecuteRequest, ExtractRequest};
use crate::fault::{Fault, echo};
use crate::fields;
use crate::namespaces::API;
use crate::query::{self, QueryRequest};
use crate::retrieve::{self, RetrieveRequest};
use crate::schedule::{self, ConfigureRequest, ScheduleRequest};
use calls::Method;

/// One request, read.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Create, Update, Delete, Perform: what can be asynchronous.
    Call(CallRequest),
    Retrieve(RetrieveRequest),
    Describe(DescribeRequest),
    GetSystemStatus,
    VersionInfo {
        include_history: bool,
    },
    Extract(ExtractRequest),
    Execute(ExecuteRequest),
    Query(QueryRequest),
    Schedule(ScheduleRequest),
    Configure(ConfigureRequest),
}

impl Operation {
    /// Its name: that of the SOAPAction, and, followed by `Response`, of the answer's action.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Call(call) => call.method.name(),
            Self::Retrieve(_) => "Retrieve",
            Self::Describe(_) => "Describe",
            Self::GetSystemStatus => "GetSystemStatus",
            Self::VersionInfo { .. } => "VersionInfo",
            Self::Extract(_) => "Extract",
            Self::Execute(_) => "Execute",
            Self::Query(_) => "Query",
            Self::Schedule(_) => "Schedule",
            Self::Configure(_) => "Configure",
        }
    }
}

/// Reads the payload of an envelope; its objects are moved out of it, so [`crate::canonical`] must
/// be called before. `soap_action` is the HTTP header, quoted or not, `wsa_action` the one of the
/// envelope; either may be missing, but must not name another operation.
pub fn take_operation(
    body: Element,
    soap_action: Option<&str>,
    wsa_action: Option<&str>,
) -> Result<Operation, Fault> {
    let operation = take_body(body)?;
    let own = operation.name();
    for (action, of) in [(soap_action, "SOAPAction"), (wsa_action, "wsa:Action")] {
        let named = action.unwrap_or_default().trim().trim_matches('"').trim();
        if !named.is_empty() && named != own {
            let named = echo(named);
            return Err(Fault::client(format!(
                "Server did not recognize the value of HTTP Header SOAPAction: {named}. The {of} is \
                 '{named}' and the Body is a {own}: send one of both otherwise"
            )));
        }
    }
    Ok(operation)
}

fn take_body(body: Element) -> Result<Operation, Fault> {
    match body.name.as_str() {
        "CreateRequest" => call::take(Method::Create, body).map(Operation::Call),
        "UpdateRequest" => call::take(Method::Update, body).map(Operation::Call),
        "DeleteRequest" => call::take(Method::Delete, body).map(Operation::Call),
        "PerformRequestMsg" => call::take(Method::Perform, body).map(Operation::Call),
        "RetrieveRequestMsg" => retrieve::read(&body).map(Operation::Retrieve),
        "DefinitionRequestMsg" => describe::read(&body).map(Operation::Describe),
        "SystemStatusRequestMsg" => Ok(Operation::GetSystemStatus),
        "VersionInfoRequestMsg" => Ok(Operation::VersionInfo {
            include_history: fields::boolean(&body, "IncludeVersionHistory")?.unwrap_or(false),
        }),
        "ExtractRequestMsg" => extract::read_extract(&body).map(Operation::Extract),
        "ExecuteRequestMsg" => extract::read_execute(&body).map(Operation::Execute),
        "QueryRequestMsg" => query::read(&body).map(Operation::Query),
        "ScheduleRequestMsg" => schedule::take_schedule(body).map(Operation::Schedule),
        "ConfigureRequestMsg" => schedule::take_configure(body).map(Operation::Configure),
        other => Err(unknown(other)),
    }
}

/// The fault for a payload whose root is in another namespace than the service's.
pub(crate) fn of_namespace(root: &str, namespace: &str) -> Fault {
    Fault::client(format!(
        "'{}' is not a request of this service: it is {namespace}, and they are in the namespace {API}",
        echo(root)
    ))
}

/// The fault for a payload whose root is not a request of the service.
pub(crate) fn unknown(root: &str) -> Fault {
    Fault::client(format!("'{}' is not a request of this service", echo(root)))
}
