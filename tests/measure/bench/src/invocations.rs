//! Where the local cloud hands events for functions to: whoever starts them takes them from here.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// An event for a function, and where its answer goes.
#[derive(Debug)]
pub struct Event {
    pub function: String,
    pub body: Bytes,
    pub answer: oneshot::Sender<Bytes>,
}

/// Listens on this port of the loopback interface; gives what comes, minutes for the timekeeper
/// excepted.
pub async fn listen(port: u16) -> anyhow::Result<mpsc::UnboundedReceiver<Event>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let (sender, events) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let _ended = tokio::spawn(async move {
                let service = service_fn(|request| invoke(sender.clone(), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                served.await.is_ok()
            });
        }
    });
    Ok(events)
}

async fn invoke(
    events: mpsc::UnboundedSender<Event>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let function = request
        .uri()
        .path()
        .split('/')
        .nth(3)
        .unwrap_or_default()
        .to_owned();
    let body = request.into_body().collect().await;
    if function == "timekeeper" {
        return Ok(Response::new(Full::new(Bytes::from_static(b"null"))));
    }
    let (answer, answered) = oneshot::channel();
    let sent = body.ok().map(|body| Event {
        function,
        body: body.to_bytes(),
        answer,
    });
    let sent = sent.is_some_and(|event| events.send(event).is_ok());
    match answered.await {
        Ok(answer) if sent => Ok(Response::new(Full::new(answer))),
        Ok(_) | Err(_) => {
            let mut failed = Response::new(Full::new(Bytes::new()));
            *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            Ok(failed)
        }
    }
}
