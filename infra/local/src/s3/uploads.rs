//! Objects that are written part by part. An upload and its parts are objects, too, until it is
//! completed, under keys that nobody else can name: those begin with a character that no key has.

use std::path::Path;

use bytes::Bytes;
use calls::hex;
use cloud::aws::files::PART_BYTES_MIN;
use http::{Request, Response};
use jiff::Timestamp;
use md5::{Digest, Md5};
use soap::escaped;

use super::object::{Object, Objects, StoredBody, put, remove, with_headers};
use crate::aws_request::{AwsRequest, query};
use crate::chunked::body_of;
use crate::failure::WireFailure;

const HIDDEN: char = '\0';

pub(super) fn is_hidden(key: &str) -> bool {
    key.starts_with(HIDDEN)
}

fn upload_key(id: &str) -> String {
    format!("{HIDDEN}{id}")
}

fn part_key(id: &str, number: u32) -> String {
    format!("{HIDDEN}{id}/{number:05}")
}

/// CreateMultipartUpload, UploadPart and CompleteMultipartUpload.
pub(super) fn answer(
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
    objects: &mut Objects,
    folder: Option<&Path>,
    now: Timestamp,
) -> Result<Response<Bytes>, WireFailure> {
    if aws_request.operation == "CreateMultipartUpload" {
        let id = format!("{} {} {}", aws_request.key, now, objects.len());
        let id = hex(&Md5::digest(id));
        keep(upload_key(&id), aws_request, request, objects, folder, now)?;
        return Ok(xml(
            "InitiateMultipartUploadResult",
            aws_request,
            &format!("<UploadId>{id}</UploadId>"),
        ));
    }
    let id = query(request, "uploadId").unwrap_or_default();
    if !objects.contains_key(&upload_key(&id)) {
        let message = "The specified multipart upload does not exist.";
        return Err(WireFailure::new(404, "NoSuchUpload", message));
    }
    if aws_request.operation == "UploadPart" {
        let number = query(request, "partNumber").and_then(|number| number.parse().ok());
        let number = number.filter(|number| (1..=10_000).contains(number));
        let number = number.ok_or_else(|| {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            WireFailure::new(400, "InvalidArgument", message)
        })?;
        let key = part_key(&id, number);
        let etag = keep(key, aws_request, request, objects, folder, now)?;
        return Ok(with_headers(&[("etag".to_owned(), etag)], Bytes::new()));
    }
    let etag = complete(&id, aws_request, request, objects, folder, now)?;
    let etag = format!("<ETag>{}</ETag>", escaped(&etag));
    Ok(xml("CompleteMultipartUploadResult", aws_request, &etag))
}

/// Keeps what was sent under another key; gives back its ETag.
fn keep(
    key: String,
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
    objects: &mut Objects,
    folder: Option<&Path>,
    now: Timestamp,
) -> Result<String, WireFailure> {
    let hidden = AwsRequest {
        key: key.clone(),
        ..aws_request.clone()
    };
    let object = Object::of_request(&hidden, request, objects, now)?;
    put(key, object, objects, folder)
}

fn complete(
    id: &str,
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
    objects: &mut Objects,
    folder: Option<&Path>,
    now: Timestamp,
) -> Result<String, WireFailure> {
    let body = body_of(request).unwrap_or_default();
    let named = parts_in(&String::from_utf8_lossy(&body));
    let mut whole = Vec::new();
    for (at, (number, etag)) in named.iter().enumerate() {
        let part = objects.get(&part_key(id, *number));
        let part = part.filter(|part| part.head.etag == *etag);
        let bytes = part.and_then(Object::bytes).ok_or_else(|| {
            let message = "One or more of the specified parts could not be found.";
            WireFailure::new(400, "InvalidPart", message)
        })?;
        if at + 1 < named.len() && bytes.len() < PART_BYTES_MIN {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            return Err(WireFailure::new(400, "EntityTooSmall", message));
        }
        whole.extend_from_slice(&bytes);
    }
    let upload = objects.get(&upload_key(id));
    let mut head = upload
        .map(|upload| upload.head.clone())
        .ok_or_else(|| WireFailure::new(404, "NoSuchUpload", "The upload does not exist."))?;
    head.key.clone_from(&aws_request.key);
    head.size = whole.len();
    head.etag = format!("\"{}-{}\"", hex(&Md5::digest(&whole)), named.len());
    head.modified_at = now;
    let body = StoredBody::InMemory(Bytes::from(whole));
    let object = Object { head, body };
    let etag = put(aws_request.key.clone(), object, objects, folder)?;
    let prefix = upload_key(id);
    let done: Vec<String> = objects
        .range(prefix.clone()..)
        .map(|(key, _)| key.clone())
        .take_while(|key| key.starts_with(&prefix))
        .collect();
    for key in done {
        remove(&key, objects)?;
    }
    Ok(etag)
}

/// Number and ETag of each part that a CompleteMultipartUpload names.
fn parts_in(body: &str) -> Vec<(u32, String)> {
    let between = |text: &str, name: &str| -> Option<String> {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.replace("&quot;", "\"").replace("&#34;", "\""))
    };
    let parts = body.split("<Part>").skip(1);
    let part = |part: &str| {
        let number = between(part, "PartNumber")?.trim().parse().ok()?;
        Some((number, between(part, "ETag")?))
    };
    parts.filter_map(part).collect()
}

fn xml(name: &str, aws_request: &AwsRequest, more: &str) -> Response<Bytes> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <{name} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>{}</Bucket>\
         <Key>{}</Key>{more}</{name}>",
        escaped(&aws_request.resource),
        escaped(&aws_request.key),
    );
    let content_type = ("content-type".to_owned(), "application/xml".to_owned());
    with_headers(&[content_type], Bytes::from(text))
}
