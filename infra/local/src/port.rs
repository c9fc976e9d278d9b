//! The local cloud on a loopback port, for the SDKs of other processes.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use tokio::net::TcpListener;

use crate::aws_request::{AwsRequest, header};
use crate::aws_wire::LocalCloud;
use operator_console::admission::{Reach, admit, whole_body};
use operator_console::connections;

/// Longest request body: a mail of 40 MB as JSON.
pub(crate) const AWS_REQUEST_BYTES_MAX: usize = 64 << 20;

/// Serves the wire until the process ends. Loopback only, since signatures are not checked.
pub async fn serve(cloud: LocalCloud, listener: TcpListener) -> anyhow::Result<()> {
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    ensure!(
        address.ip().is_loopback(),
        "{address} is not a loopback address"
    );
    answer_at(&cloud, address);
    connections::serve(listener, router(cloud)).await
}

/// Makes queue URLs point at this address.
pub fn answer_at(cloud: &LocalCloud, address: SocketAddr) {
    cloud.sqs().answer_at(&format!("http://{address}"));
}

/// The wire as a router, for whoever serves other things too.
pub fn router(cloud: LocalCloud) -> Router {
    let durably = from_fn_with_state(cloud.clone(), durably);
    Router::new()
        .fallback(move |request: axum::extract::Request| answer(cloud.clone(), request))
        .layer(durably)
        .layer(from_fn_with_state(Reach::ThisMachine, admit))
}

async fn answer(cloud: LocalCloud, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match whole_body(&parts.headers, body, AWS_REQUEST_BYTES_MAX).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    let request = Request::from_parts(parts, body);
    if header(&request, "x-amz-target") == Some("AmazonSQS.ReceiveMessage") {
        cloud
            .sqs()
            .wait_as_requested(&AwsRequest::of(&request))
            .await;
    }
    // A task of its own: a client that hangs up does not stop it.
    match tokio::spawn(async move { cloud.answer(request) }).await {
        Ok(response) => response.map(Body::from),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Sends an answer when everything that it depends on is on the disk, and never before.
pub(crate) async fn durably(
    State(cloud): State<LocalCloud>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await;
    match cloud.durable().await {
        Ok(()) => answer,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
