//! One SOAP request, from its bytes to its answer.

use calls::{Refusal, Warning};
use cloud::{Cloud, Error};
use soap::{Answering, CallRequest, ClientContext, Fault, Opened, Operation, SoapVersion};
use tracing::error;

use crate::answer::{self, Answer};
use crate::caller::{self, Caller};
use crate::forwards_to::ForwardsTo;
use crate::http::{Request, Response, service_url};
use crate::{accept, extract, forwarded, not_read, retrieve, schedule, synchronous, system};

pub async fn answer(cloud: &Cloud, request: &Request) -> Response {
    let message_id = cloud.random.guid();
    let url = service_url(cloud, request);
    let now = cloud.now();
    let content_type = request.header("content-type");
    let read = check_plain(request).and_then(|()| soap::open_envelope(&request.body, content_type));
    let opened = match read {
        Ok(opened) => opened,
        Err(fault) => {
            let version = SoapVersion::guess(&request.body, content_type);
            let answering = Answering {
                version,
                relates_to: None,
                message_id: &message_id,
                now,
                url: &url,
            };
            return respond(&answering, "", Err(fault));
        }
    };
    let version = opened.version;
    let relates_to = opened.message_id.clone();
    let answering = Answering {
        version,
        relates_to: relates_to.as_deref(),
        message_id: &message_id,
        now,
        url: &url,
    };
    let mut warnings = Vec::new();
    let answered = match carry_through(cloud, request, opened, &mut warnings).await {
        Ok(answered) => answered,
        Err(error) => {
            error!(
                message_id,
                error = error.in_full(),
                "request could not be answered"
            );
            OperationAnswer::fault(out_of_order(&message_id))
        }
    };
    let response = respond(&answering, answered.operation, answered.answer);
    not_read::with_warnings(response, warnings, &message_id)
}

/// The answer to a request, and the operation that it names.
struct OperationAnswer {
    /// Empty if the request was refused before its operation was known.
    operation: &'static str,
    answer: Answer,
}

impl OperationAnswer {
    /// A refusal before the operation is known.
    const fn fault(fault: Fault) -> Self {
        Self {
            operation: "",
            answer: Err(fault),
        }
    }
}

/// A compressed body is not decompressed: a small one could become very large.
fn check_plain(request: &Request) -> Result<(), Fault> {
    let encoding = request.header("content-encoding").unwrap_or_default();
    let encoding = encoding.trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    Err(Fault::client(format!(
        "Content-Encoding '{}' is not supported. Send the envelope as it is",
        soap::echo(encoding)
    )))
}

/// Does not say what failed; the log names it under the same id.
fn out_of_order(message_id: &str) -> Fault {
    Fault::server(
        1,
        format!(
            "The request could not be taken in or carried out at this time. Send it again. \
             ErrorID: {message_id}"
        ),
    )
}

/// A synchronous call leaves no record by which a repeated one could be recognised, so its caller must
/// not be led to believe that sending it again is safe.
fn not_once() -> Fault {
    Fault::client(
        "The Idempotency-Key header is for asynchronous calls. Send the call with RequestType \
         Asynchronous, or without the header",
    )
}

async fn carry_through(
    cloud: &Cloud,
    request: &Request,
    opened: Opened<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<OperationAnswer, Error> {
    let credentials = opened.credentials.as_ref();
    let caller = match caller::identify(cloud, request, credentials).await? {
        Ok(caller) => caller,
        Err(fault) => return Ok(OperationAnswer::fault(fault)),
    };
    if let Some(seconds) = caller::held_back(cloud, &caller, request.body.len()).await? {
        return Ok(OperationAnswer::fault(Fault::rate_limited(seconds)));
    }
    // The whole envelope is read only after the caller is known.
    let envelope = match opened.read() {
        Ok(envelope) => envelope,
        Err(fault) => return Ok(OperationAnswer::fault(fault)),
    };
    warnings.extend(envelope.unread_attributes.iter().map(soap::of_attribute));
    // Before the payload is consumed below: what is stored of a call is what was read of it.
    let canonical_payload = accept::CanonicalPayload::of(&envelope.body);
    let named = soap::clients_in(&envelope.body);
    let soap_action = request.header("soapaction");
    let operation =
        match soap::take_operation(envelope.body, soap_action, envelope.action.as_deref()) {
            Ok(operation) => operation,
            Err(fault) => return Ok(OperationAnswer::fault(fault)),
        };
    let name = operation.name();
    let backend = match backend_for(cloud, &caller, &operation, &named).await? {
        Ok(backend) => backend,
        Err(refusal) => {
            return Ok(OperationAnswer {
                operation: name,
                answer: refused(cloud, &operation, &refusal),
            });
        }
    };
    let done = carry_out(
        cloud,
        request,
        &caller,
        operation,
        backend,
        canonical_payload,
        warnings,
    );
    Ok(OperationAnswer {
        operation: name,
        answer: done.await?,
    })
}

/// Here, or at the backend that it goes to.
async fn carry_out(
    cloud: &Cloud,
    request: &Request,
    caller: &Caller,
    operation: Operation,
    backend: Option<ForwardsTo>,
    payload: accept::CanonicalPayload,
    warnings: &mut Vec<Warning>,
) -> Result<Answer, Error> {
    match (operation, backend) {
        (Operation::Call(call), backend) => {
            let backend = backend.as_ref();
            carry_out_call(cloud, request, caller, call, payload, warnings, backend).await
        }
        (operation, Some(backend)) => {
            forwarded::pass_through(cloud, &backend.name, operation.name(), &payload).await
        }
        (operation, None) => operate(cloud, request, caller, operation, &payload, warnings).await,
    }
}

/// Where a request is carried out, if the caller may act for the accounts that it names; `None`:
/// here.
async fn backend_for(
    cloud: &Cloud,
    caller: &Caller,
    operation: &Operation,
    named: &[ClientContext],
) -> Result<Result<Option<ForwardsTo>, Refusal>, Error> {
    let backend = forwarded::backend_of(cloud, caller).await?;
    let may_act = match &backend {
        None => caller::may_act_for(cloud, caller, named).await?,
        Some(backend) => forwarded::may_name(cloud, caller, &backend.name, named).await?,
    };
    if let Err(refusal) = may_act {
        return Ok(Err(refusal));
    }
    Ok(Ok(match backend {
        Some(_) if forwarded::is_ours(operation) => None,
        Some(to) => forwarded::unless_continued(cloud, caller, operation, to).await?,
        None => None,
    }))
}

/// The answer to a request for an account for which the caller may not act.
fn refused(cloud: &Cloud, operation: &Operation, refusal: &Refusal) -> Answer {
    let request_id = cloud.random.request_id();
    match operation {
        Operation::Call(call) => Ok(answer::refused(cloud, call, refusal)),
        Operation::Retrieve(_) => Ok(soap::write_retrieved(
            &format!("Error: {refusal}"),
            &request_id.0,
            "",
        )),
        Operation::Query(_) => Ok(soap::write_queried(
            &format!("Error: {refusal}"),
            &request_id.0,
            "",
        )),
        Operation::Describe(_)
        | Operation::GetSystemStatus
        | Operation::VersionInfo { .. }
        | Operation::Extract(_)
        | Operation::Execute(_)
        | Operation::Schedule(_)
        | Operation::Configure(_) => Err(Fault::client(refusal.to_string())),
    }
}

/// Create, Update, Delete and Perform, asynchronous or synchronous.
async fn carry_out_call(
    cloud: &Cloud,
    request: &Request,
    caller: &Caller,
    mut call: CallRequest,
    canonical_payload: accept::CanonicalPayload,
    warnings: &mut Vec<Warning>,
    backend: Option<&ForwardsTo>,
) -> Result<Answer, Error> {
    if call.request_type.is_none() && caller::is_async_by_default(cloud, caller).await? {
        call.request_type = Some(calls::RequestType::Asynchronous);
    }
    warnings.extend(call.warnings());
    if let Some(refusal) = not_read::refusal(cloud, caller, warnings).await? {
        return Ok(Ok(answer::refused(cloud, &call, &refusal)));
    }
    let idempotency_key = request.header("idempotency-key");
    if call.is_asynchronous() {
        let own = request.own_hosts(cloud);
        call.options.warnings = soap::bounded(warnings.clone());
        let backend = match backend {
            Some(backend) => Some(forwarded::for_later(cloud, backend).await?),
            None => None,
        };
        return accept::accept(
            cloud,
            caller,
            &call,
            canonical_payload,
            idempotency_key,
            &own,
            backend.as_ref(),
        )
        .await;
    }
    if idempotency_key.is_some() {
        return Ok(Err(not_once()));
    }
    match backend {
        None => {
            let own = request.own_hosts(cloud);
            synchronous::carry_out(cloud, caller, &call, &canonical_payload, &own).await
        }
        Some(backend) => {
            forwarded::carry_out(cloud, &backend.name, &call, &canonical_payload).await
        }
    }
}

async fn operate(
    cloud: &Cloud,
    request: &Request,
    caller: &Caller,
    operation: Operation,
    canonical_payload: &accept::CanonicalPayload,
    warnings: &mut Vec<Warning>,
) -> Result<Answer, Error> {
    match operation {
        // Handled by `carry_out_call`.
        Operation::Call(call) => {
            let own = request.own_hosts(cloud);
            synchronous::carry_out(cloud, caller, &call, canonical_payload, &own).await
        }
        Operation::Retrieve(wanted) => {
            warnings.extend(wanted.warnings.iter().cloned());
            retrieve::retrieve(cloud, caller, wanted, canonical_payload.canonical())
                .await
                .map(Ok)
        }
        Operation::Query(query) => {
            warnings.extend(query.warnings.iter().cloned());
            retrieve::query(cloud, caller, query, canonical_payload.canonical())
                .await
                .map(Ok)
        }
        Operation::Describe(described) => Ok(Ok(system::describe(cloud, &described))),
        Operation::GetSystemStatus => system::status(cloud, caller).await.map(Ok),
        Operation::VersionInfo { include_history } => {
            Ok(Ok(system::version(cloud, include_history)))
        }
        Operation::Extract(wanted) => {
            let own = request.own_hosts(cloud);
            extract::extract(cloud, caller, &wanted, &own).await.map(Ok)
        }
        Operation::Execute(execute) => Ok(Ok(system::execute(cloud, &execute))),
        Operation::Schedule(wanted) => {
            let own = request.own_hosts(cloud);
            schedule::schedule(cloud, caller, &wanted, &own)
                .await
                .map(Ok)
        }
        Operation::Configure(configure) => Ok(Ok(system::configure(cloud, &configure))),
    }
}

fn respond(answering: &Answering<'_>, name: &str, answered: Answer) -> Response {
    let content_type = answering.version.content_type();
    match answered {
        Ok(payload) => {
            let body = soap::envelope(answering, &format!("{name}Response"), &payload);
            Response::new(200, content_type, body)
        }
        Err(fault) => {
            let body = soap::write_fault(answering, &fault);
            Response::new(500, content_type, body).retry_after(fault.retry_after)
        }
    }
}
