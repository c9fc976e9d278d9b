//! Receives callbacks: one path for each part, 200 for all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::envelope::Part;
use crate::ledger::Ledger;

/// Listens on a loopback port and enters what comes; gives the address.
pub async fn listen(ledger: Arc<Ledger>) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ledger = ledger.clone();
            let _ended = tokio::spawn(async move {
                // Without it, small answers wait for the other side's acknowledgement.
                let quick = stream.set_nodelay(true);
                let service = service_fn(|request| take(ledger.clone(), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A sender that goes away is not our business.
                (quick.is_ok(), served.await.is_ok())
            });
        }
    });
    Ok(format!("http://{address}"))
}

async fn take(
    ledger: Arc<Ledger>,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let part = Part::from_path(request.uri().path());
    let whole = request.into_body().collect().await;
    let mut answer = Response::new(Empty::new());
    match (part, whole) {
        (Some((conversation, sequence)), Ok(_)) => {
            ledger.called_back(conversation, sequence, Instant::now());
        }
        (None, _) | (_, Err(_)) => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    Ok(answer)
}
