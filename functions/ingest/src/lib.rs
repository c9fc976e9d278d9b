//! The function `ingest`: HTTP requests and their answers.
//!
//! Read in this order: this file (routes), [`soap_endpoint`] (one SOAP request, from its bytes to
//! its answer), [`caller`] (authentication), then the operations: [`accept`] (asynchronous calls),
//! [`synchronous`] (synchronous calls), [`retrieve`] with its [`page`]s (retrieving), [`not_read`]
//! (warnings about what is not read), [`forwarded`] and [`forwards_to`] (accounts with a backend),
//! [`object_query`], [`results`], [`result_message`] and [`request_state`] (states and results of
//! calls), [`system`] (status, version, description), [`tokens`] (access tokens), [`rest`] (states
//! and results as JSON), [`documents`] (WSDL and schema), [`unsubscribing`] (the link in mails),
//! [`health`] (health check). [`gateway`] translates the events of API Gateway for `main.rs`.

pub mod accept;
pub mod answer;
pub mod caller;
pub mod documents;
pub mod extract;
pub mod forwarded;
pub mod forwards_to;
pub mod gateway;
pub mod health;
pub mod http;
pub mod not_read;
pub mod object_query;
pub mod page;
pub mod request_state;
pub mod rest;
pub mod result_message;
pub mod results;
pub mod retrieve;
mod retrieve_selection;
pub mod schedule;
mod sends;
pub mod soap_endpoint;
mod summaries;
pub mod synchronous;
pub mod system;
mod task;
pub mod tokens;
pub mod unsubscribing;

use cloud::Cloud;
use cloud::metrics::Function;

pub use http::{Request, Response};

/// Answers one HTTP request. HEAD is answered like GET, without the body.
pub async fn answer(cloud: &Cloud, request: &Request) -> Response {
    let response = match request.method.as_str() {
        "HEAD" => route(cloud, request, "GET").await.without_body(),
        method => route(cloud, request, method).await,
    };
    cloud.metrics.end_invocation(Function::Ingest, cloud.now());
    response
}

/// Paths are compared without regard to case, and by their ends only, since some clients add a
/// prefix.
async fn route(cloud: &Cloud, request: &Request, method: &str) -> Response {
    if let Some(token) = unsubscribing::token_in(&request.path) {
        return unsubscribing::answer(cloud, request, token, method).await;
    }
    let path = request.path.to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    if let Some((request_id, question)) = rest::parse_path(path) {
        return match method {
            "GET" => rest::answer(cloud, request, &request_id, question).await,
            _ => Response::text(405, "Use GET here.\n").with_header("allow", "GET, HEAD"),
        };
    }
    let wants_wsdl = request.query.to_ascii_lowercase().starts_with("wsdl");
    match (method, path) {
        ("GET", path) if path.ends_with("/etframework.wsdl") => documents::wsdl(cloud, request),
        ("GET", path) if path.ends_with("/service.asmx") && wants_wsdl => {
            documents::wsdl(cloud, request)
        }
        ("GET", path) if path.ends_with("/etframeworkfault.xsd") => {
            documents::fault_schema(request)
        }
        ("POST", path) if path.ends_with("/service.asmx") => {
            soap_endpoint::answer(cloud, request).await
        }
        ("POST", path) if path.ends_with("/v2/token") => tokens::v2(cloud, request).await,
        ("POST", path) if path.ends_with("/v1/requesttoken") => tokens::v1(cloud, request).await,
        ("GET", path) if path.ends_with("/platform/v1/endpoints/soap") => {
            tokens::soap_endpoint(cloud, request).await
        }
        ("GET", "/health") => health::answer(cloud).await,
        (_, "/health") => Response::text(405, "Use GET here.\n").with_header("allow", "GET, HEAD"),
        (_, path) if path.ends_with("/service.asmx") || path.ends_with("/v2/token") => {
            Response::text(405, "Use POST here.\n").with_header("allow", "POST")
        }
        ("GET", path) if path.ends_with("/errors") => {
            Response::new(200, "text/plain; charset=utf-8", ERRORS.to_owned())
        }
        (_, path) if is_rest(path) => rest::said(404, 404, &format!("Not Found. {WHAT_IS_HERE}")),
        (_, _) => Response::text(404, &format!("Nothing is here. {WHAT_IS_HERE}\n")),
    }
}

/// The page about errors to which answers refer.
const ERRORS: &str = include_str!("../../../docs/errors.md");

const WHAT_IS_HERE: &str = "SOAP requests go to /Service.asmx, its WSDL is at /etframework.wsdl, \
    tokens are at /v2/token, what became of a call at /data/v1/async/{requestId}/status.";

/// Whether a path belongs to a REST service, whose clients expect JSON: one of its parts is a
/// version.
fn is_rest(path: &str) -> bool {
    let is_version = |part: &str| {
        part.strip_prefix('v').is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    path.split('/').any(is_version)
}
