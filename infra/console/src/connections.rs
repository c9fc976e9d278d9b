//! The connections of a listener: HTTP/1 on each, with a time limit for each request.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

/// A connection is closed if the head of the next request is not complete in this time: a client
/// that sends a byte a minute, or nothing, would hold it for ever. As long as a body may take.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

/// How long to wait after a connection could not be accepted, mostly because there are too many.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, router: Router) -> ! {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(answer(stream, router.clone()))),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Errors of a connection are left to its client.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection broke off");
    }
}
