//! The files that the pages load: all are served from here, none from another host.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Other files of another version have other addresses, so that a browser may keep these.
const KEPT: &str = "public, max-age=31536000, immutable";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// htmx 4.0.1, as its package on npm has it (`dist/htmx.min.js`); its licence lies beside it.
const HTMX: &str = include_str!("../assets/htmx.min.js");
const SCRIPT: &str = include_str!("../assets/console.js");
const STYLE: &str = include_str!("../assets/console.css");
const ICON: &str = include_str!("../assets/icon.svg");

pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let (content_type, text) = match name.as_str() {
        "htmx.min.js" => (JAVASCRIPT, HTMX),
        "console.js" => (JAVASCRIPT, SCRIPT),
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, KEPT),
    ];
    (headers, text).into_response()
}

/// Changes with the files: a part of their addresses.
pub(crate) fn version() -> String {
    let calls::Digest(digest) =
        calls::Digest::of(format!("{HTMX}{SCRIPT}{STYLE}{ICON}").as_bytes());
    digest.chars().take(12).collect()
}
