//! The whole set on one loopback port: the product's own routes, the AWS wire for other processes,
//! and under `/_local/` the console, what went out as JSON, and a hand on the clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use jiff::SignedDuration;
use operator_console::admission::{BODY_WITHIN, Reach, admit, whole_body};
use operator_console::connections;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::callback_log::CallbackLog;
use crate::names::BODIES_BUCKET;
use crate::site_state::Site;
use crate::stack::Stack;
use crate::warning_log::{self, WarningLog};
use crate::{console_pages, event_source, port};

/// Longest body, as at API Gateway; the product refuses earlier, and says so.
const REQUEST_BYTES_MAX: usize = 10_000_000;

/// Largest file that is put here: a million rows and more. It is held in memory on its way.
const FILE_BYTES_MAX: usize = 1_000_000_000;

/// How often the timekeeper runs. In AWS each minute; here nobody wants to wait.
const TICK: Duration = Duration::from_secs(5);

/// Serves until the process ends.
pub async fn serve(
    stack: Stack,
    callback_log: CallbackLog,
    listener: TcpListener,
    cloud_only: bool,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    port::answer_at(&stack.local, address);
    event_source::drive(&stack, TICK).detach_all();
    let durably = from_fn_with_state(stack.local.clone(), port::durably);
    let site = Site {
        stack,
        callback_log,
        warning_log: WarningLog::default(),
        cloud_only,
    };
    let router = Router::new()
        // The AWS wire is on the same path.
        .route("/", get(to_page).fallback(product))
        .route("/_local", get(to_page))
        .route("/_local/mails", get(mails))
        .route("/_local/texts", get(texts))
        .route("/_local/bucket/", get(files))
        .route("/_local/bucket/{*key}", get(file).put(put_file))
        .route("/_local/callbacks", get(callbacks).post(take_callback))
        .route("/_local/clock/advance", post(advance))
        .route("/_local/maintenance", post(maintenance))
        .fallback(product)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(site.clone())
        .merge(console_pages::router(&site, address))
        .layer(durably)
        .layer(from_fn_with_state(Reach::of(address.ip()), admit));
    connections::serve(listener, router).await
}

/// What somebody sees first who opens the printed address in a browser.
async fn to_page(State(site): State<Site>, request: Request) -> Response {
    match is_aws(request.headers()) {
        true => product(State(site), request).await,
        false => Redirect::to("/_local/").into_response(),
    }
}

async fn mails(State(site): State<Site>) -> Json<Value> {
    Json(json!(site.stack.local.ses().mails()))
}

async fn texts(State(site): State<Site>) -> Json<Value> {
    Json(json!(site.stack.local.phone().texts()))
}

async fn callbacks(State(site): State<Site>) -> Json<Value> {
    Json(json!(site.callback_log.posted()))
}

/// The keys of the files that people put and fetch.
async fn files(State(site): State<Site>) -> Json<Value> {
    let keys = site.stack.local.s3().keys(BODIES_BUCKET);
    let is_file = |key: &String| key.starts_with("extract/") || key.starts_with("import/");
    Json(json!(keys.into_iter().filter(is_file).collect::<Vec<_>>()))
}

async fn file(State(site): State<Site>, Path(key): Path<String>) -> Response {
    match site.stack.local.s3().object(BODIES_BUCKET, &key) {
        Some(bytes) => {
            let content_type = [(header::CONTENT_TYPE, "application/octet-stream")];
            (content_type, bytes).into_response()
        }
        None => say(
            StatusCode::NOT_FOUND,
            "There is no such file; GET /_local/bucket/ lists them\n",
        ),
    }
}

/// Puts a file to be imported: its body is the file.
async fn put_file(State(site): State<Site>, Path(key): Path<String>, request: Request) -> Response {
    if !key.starts_with("import/") {
        return say(
            StatusCode::FORBIDDEN,
            "Files are put below import/, as PUT /_local/bucket/import/NAME\n",
        );
    }
    let (head, body) = request.into_parts();
    let whole = whole_body(&head.headers, body, FILE_BYTES_MAX);
    let body = match tokio::time::timeout(BODY_WITHIN, whole).await {
        Ok(Ok(body)) => body,
        Ok(Err(refused)) => return refused.into_response(),
        Err(_) => return say(StatusCode::REQUEST_TIMEOUT, "The body takes too long.\n"),
    };
    match site.stack.local.s3().put_object(BODIES_BUCKET, &key, body) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => say(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}\n")),
    }
}

/// A receiver for whoever has none: the callback log has it already.
async fn take_callback() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn advance(
    State(site): State<Site>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let seconds = query
        .get("seconds")
        .and_then(|text| text.parse::<i64>().ok());
    let Some(seconds) =
        seconds.filter(|seconds| (0..=console_pages::ADVANCE_SECONDS_MAX).contains(seconds))
    else {
        return say(
            StatusCode::BAD_REQUEST,
            "seconds must be a number from 0 to 31622400\n",
        );
    };
    let time = SignedDuration::from_secs(seconds);
    if let Err(error) = site.stack.pass_running(time).await {
        return say(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}\n"));
    }
    Json(json!({ "now": site.stack.cloud.now().to_string() })).into_response()
}

async fn maintenance(
    State(site): State<Site>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let on = match query.get("on").map(String::as_str) {
        Some("true") => true,
        Some("false") => false,
        Some(_) | None => return say(StatusCode::BAD_REQUEST, "on must be true or false\n"),
    };
    if let Err(error) = site.stack.set_maintenance(on).await {
        return say(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("{}\n", error.in_full()),
        );
    }
    // Calls that waited for the end of maintenance go on at once.
    let _running = site.stack.begin_invocation().await;
    if !on && let Err(error) = site.stack.functions.tick().await {
        return say(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}\n"));
    }
    Json(json!({ "maintenance": on })).into_response()
}

async fn product(State(site): State<Site>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let is_aws = is_aws(&head.headers);
    let bytes_max = match is_aws {
        true => port::AWS_REQUEST_BYTES_MAX,
        false => REQUEST_BYTES_MAX,
    };
    let whole = whole_body(&head.headers, body, bytes_max);
    let body = match tokio::time::timeout(BODY_WITHIN, whole).await {
        Ok(Ok(body)) => body,
        Ok(Err(refused)) => return refused.into_response(),
        Err(_) => return say(StatusCode::REQUEST_TIMEOUT, "The body takes too long.\n"),
    };
    if is_aws {
        return aws(&site, head, body).await;
    }
    if site.cloud_only {
        return say(
            StatusCode::NOT_FOUND,
            "Only the local cloud is here; the functions are where --lambda says.\n",
        );
    }
    let headers = ingest::gateway::headers(&head.headers);
    let operation = warning_log::operation_of(&headers, head.uri.path());
    let host = headers.get("host").cloned().unwrap_or_default();
    let request = ingest::Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_vec(),
        origin: format!("http://{host}"),
        api_id: String::new(),
        source: String::new(),
    };
    match site.answered(&operation, request).await {
        Some(answer) => {
            let status =
                StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = answer
                .compressed
                .unwrap_or_else(|| answer.body.into_bytes());
            // A body of axum's own names no type; bytes would, beside the answer's.
            let mut response = (status, axum::body::Body::from(body)).into_response();
            for (name, value) in answer.headers {
                if let Ok(value) = value.parse() {
                    response.headers_mut().append(name, value);
                }
            }
            response
        }
        None => say(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error\n"),
    }
}

/// SDKs sign what they send; callers of the product do not.
fn is_aws(headers: &HeaderMap) -> bool {
    headers.contains_key("x-amz-target")
        || headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256"))
}

async fn aws(site: &Site, head: Parts, body: Bytes) -> Response {
    let turns_switch = turns_switch(&head.headers, &body);
    let request = http::Request::from_parts(head, body);
    let local = site.stack.local.clone();
    // A task of its own, for the same reason.
    match tokio::spawn(async move { local.answer(request) }).await {
        Ok(answer) => {
            if turns_switch {
                let stack = site.stack.clone();
                tokio::spawn(async move { stack.tick().await });
            }
            answer.map(axum::body::Body::from).into_response()
        }
        Err(_) => say(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the local cloud panicked\n",
        ),
    }
}

/// The operator's command ends maintenance: waiting calls go on at once, rather than at the
/// timekeeper's next run.
fn turns_switch(headers: &HeaderMap, body: &Bytes) -> bool {
    let target = headers.get("x-amz-target");
    let target = target
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let body = std::str::from_utf8(body).unwrap_or_default();
    target.ends_with(".PutItem") && body.contains(r#""S":"SWITCH""#)
}

fn say(status: StatusCode, text: &str) -> Response {
    (status, text.to_owned()).into_response()
}

/// Binds to a loopback address; any other is refused.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    anyhow::ensure!(
        address.ip().is_loopback(),
        "{address} is not a loopback address, and whoever can reach this server reads every secret \
         in it and sends from this machine. Give --expose-every-secret as well if that is wanted"
    );
    listen_on_network(address).await
}

/// Binds to any address. Whoever can reach it may read and change everything.
pub async fn listen_on_network(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address}"))
}
