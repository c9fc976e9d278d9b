//! Extract: accepts a call that starts the extract and is carried out like any other. The answer
//! has its RequestID, by which the caller finds its result.

use calls::Refusal;
use cloud::conversation::accept::Accepted;
use cloud::{Cloud, Error, OwnHosts};
use objects::{ASYNC_RESULTS, ASYNC_RESULTS_ID, EXTRACT_REFUSED, ExtractOrder};
use soap::{Element, Extract, ExtractRequest, Operation, RequestResult};

use crate::accept::{self, CanonicalPayload};
use crate::caller::Caller;

/// Starts the requested extracts; one result each.
pub async fn extract(
    cloud: &Cloud,
    caller: &Caller,
    request: &ExtractRequest,
    own: &OwnHosts,
) -> Result<String, Error> {
    let mut results = Vec::with_capacity(request.extracts.len());
    for extract in &request.extracts {
        results.push(start(cloud, caller, extract, own).await?);
    }
    if results.is_empty() {
        let message = "No object specified. A request must hold at least one object";
        results.push(refused(6, message.to_owned()));
    }
    Ok(soap::write_extracted(&results, &cloud.random.guid()))
}

async fn start(
    cloud: &Cloud,
    caller: &Caller,
    extract: &Extract,
    own: &OwnHosts,
) -> Result<RequestResult, Error> {
    let echoed = |result: RequestResult| RequestResult {
        object: Some(extract.request.clone()),
        ..result
    };
    if let Err(message) = check(cloud, caller, extract) {
        return Ok(echoed(refused(EXTRACT_REFUSED, message)));
    }
    let body = call_of(extract);
    let payload = CanonicalPayload::of(&body);
    let call = match soap::take_operation(body, None, None) {
        Ok(Operation::Call(call)) => call,
        Ok(_) | Err(_) => {
            let message = "The extract cannot be written as a call".to_owned();
            return Ok(echoed(refused(EXTRACT_REFUSED, message)));
        }
    };
    let result = match accept::take_in(cloud, caller, &call, &payload, own).await? {
        Accepted::Accepted(request_id) => RequestResult {
            ok: true,
            status_message: "Queued".to_owned(),
            error_code: None,
            request_id: Some(request_id.0),
            ..RequestResult::default()
        },
        Accepted::Refused(refusal) => of_refusal(&refusal),
        Accepted::KeyUsed => refused(EXTRACT_REFUSED, "The extract was not taken in".to_owned()),
    };
    Ok(echoed(result))
}

/// Whether it extracts results of calls, which are stored here whatever backend the account has.
pub fn is_ours(extract: &Extract) -> bool {
    let known = [ASYNC_RESULTS, ASYNC_RESULTS_ID];
    let named = named(extract);
    known.iter().any(|known| known.eq_ignore_ascii_case(named))
}

/// What it extracts: its ID, or the name of its description.
fn named(extract: &Extract) -> &str {
    match extract.id.as_str() {
        "" => extract.name.as_deref().unwrap_or_default(),
        id => id,
    }
}

/// Checks an extract before it is accepted.
fn check(cloud: &Cloud, caller: &Caller, extract: &Extract) -> Result<(), String> {
    if !is_ours(extract) {
        return Err(format!(
            "The extract '{}' is not supported, only {ASYNC_RESULTS} (ID {ASYNC_RESULTS_ID})",
            soap::echo(named(extract))
        ));
    }
    let client = extract.client.as_ref();
    let client = client.map(|client| client.account()).transpose();
    let client = client.map_err(|several| several.to_string())?.flatten();
    if client.is_some_and(|client| client != caller.account) {
        return Err(
            "An extract is of the calls that its own account has sent: leave its Client out"
                .to_owned(),
        );
    }
    let parameters = extract.parameters.iter();
    let parameters = parameters.map(|(name, value)| (name.as_str(), value.as_str()));
    ExtractOrder::read(parameters, cloud.now()).map(drop)
}

/// The Perform that starts the same extract.
fn call_of(extract: &Extract) -> Element {
    let options = Element::new("Options").with(Element::of("RequestType", "Asynchronous"));
    let activity = objects::extract_activity(&extract.parameters);
    Element::new("PerformRequestMsg")
        .with(options)
        .with(Element::of("Action", "start"))
        .with(Element::new("Definitions").with(activity))
}

fn of_refusal(refusal: &Refusal) -> RequestResult {
    refused(refusal.error_code(), refusal.to_string())
}

fn refused(error_code: u32, status_message: String) -> RequestResult {
    RequestResult {
        ok: false,
        status_message,
        error_code: Some(error_code),
        ..RequestResult::default()
    }
}
