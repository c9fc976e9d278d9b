//! Documents that need no login: the WSDL, and the schema of faults. They are long, and every byte
//! that is sent costs money. So they are written once for an address, compressed for clients that
//! accept it, and not sent again to clients that have them.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use cloud::Cloud;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::http::{self, Request, Response};
use crate::system::last_modified;

/// How long clients may cache them: an hour, so that a deployment is noticed within one.
const CACHED: &str = "public, max-age=3600";

struct PublishedDocument {
    text: String,
    compressed: Vec<u8>,
    /// A weak tag, since the compressed and the plain text have the same one.
    tag: String,
}

impl PublishedDocument {
    fn of(text: String) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Compressing into memory does not fail; if it did, the text would be sent uncompressed.
        let written = encoder.write_all(text.as_bytes());
        let compressed = written.and_then(|()| encoder.finish()).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let digest = calls::hex(&digest[..16]);
        Self {
            compressed,
            tag: format!("W/\"{digest}\""),
            text,
        }
    }
}

/// The last address for which the WSDL was written, and that WSDL. There is rarely another one.
static WSDL: Mutex<Option<(String, Arc<PublishedDocument>)>> = Mutex::new(None);

pub fn wsdl(cloud: &Cloud, request: &Request) -> Response {
    let url = http::service_url(cloud, request);
    let mut cached = WSDL.lock().unwrap_or_else(PoisonError::into_inner);
    let document = match cached.as_ref().filter(|(address, _)| *address == url) {
        Some((_, document)) => Arc::clone(document),
        None => {
            let document = Arc::new(PublishedDocument::of(soap::wsdl(&url)));
            *cached = Some((url, Arc::clone(&document)));
            document
        }
    };
    drop(cached);
    answer(request, &document)
}

pub fn fault_schema(request: &Request) -> Response {
    answer(request, &PublishedDocument::of(soap::fault_schema()))
}

fn answer(request: &Request, document: &PublishedDocument) -> Response {
    let is_packed = takes_gzip(request) && !document.compressed.is_empty();
    let response = if is_there_already(request, document) {
        Response::new(304, "text/xml; charset=utf-8", String::new())
    } else if is_packed {
        Response::compressed("text/xml; charset=utf-8", document.compressed.clone())
    } else {
        Response::new(200, "text/xml; charset=utf-8", document.text.clone())
    };
    response
        .with_header("etag", &document.tag)
        .with_header("cache-control", CACHED)
        .with_header("vary", "accept-encoding")
        .with_header("last-modified", &last_modified())
}

/// Whether `gzip` is accepted, with a quality above 0.
fn takes_gzip(request: &Request) -> bool {
    let taken = request.header("accept-encoding").unwrap_or_default();
    taken.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let worth = parts.find_map(|part| part.strip_prefix("q="));
        is_gzip && worth.is_none_or(|worth| worth.parse().is_ok_and(|worth: f32| worth > 0.0))
    })
}

/// If a client sends both, the tag takes precedence over the time.
fn is_there_already(request: &Request, document: &PublishedDocument) -> bool {
    if let Some(tags) = request.header("if-none-match") {
        let strong = document.tag.trim_start_matches("W/");
        let same = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == strong;
        return tags.split(',').map(str::trim).any(same);
    }
    let since = request
        .header("if-modified-since")
        .and_then(|date| httpdate::parse_http_date(date).ok());
    let changed = httpdate::parse_http_date(&last_modified()).ok();
    match (since, changed) {
        (Some(since), Some(changed)) => changed <= since,
        (_, _) => false,
    }
}
