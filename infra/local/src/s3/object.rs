//! An object of a bucket, in memory or as a file in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use calls::hex;
use http::{Request, Response};
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::aws_request::{AwsRequest, header};
use crate::chunked::body_of;
use crate::disk;
use crate::failure::WireFailure;

/// Headers that are the object's own, and come back with it.
const KEPT_HEADERS: [&str; 4] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-language",
];

/// Those of a bucket, by their keys.
pub(super) type Objects = BTreeMap<String, Object>;

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) head: ObjectHead,
    pub(super) body: StoredBody,
}

#[derive(Clone, Debug)]
pub(super) enum StoredBody {
    InMemory(Bytes),
    /// In this file, behind its first line.
    File(PathBuf),
}

/// The first line of an object's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ObjectHead {
    pub(super) key: String,
    pub(super) size: usize,
    pub(super) etag: String,
    pub(super) modified_at: Timestamp,
    pub(super) headers: Vec<(String, String)>,
    /// As a request writes them: `name=value&other=value`.
    #[serde(default)]
    pub(super) tags: String,
}

impl Object {
    /// The object that a request puts.
    pub(super) fn of_request(
        aws_request: &AwsRequest,
        request: &Request<Bytes>,
        objects: &Objects,
        now: Timestamp,
    ) -> Result<Self, WireFailure> {
        match header(request, "if-none-match") {
            Some("*") if objects.contains_key(&aws_request.key) => {
                let message = "At least one of the pre-conditions you specified did not hold";
                return Err(WireFailure::new(412, "PreconditionFailed", message));
            }
            Some("*") | None => {}
            Some(_) => return Err(WireFailure::not_built("IfNoneMatch other than *")),
        }
        let body = body_of(request).ok_or_else(|| {
            WireFailure::new(
                400,
                "IncompleteBody",
                "The request body terminated unexpectedly",
            )
        })?;
        let allowed = request.headers().iter().filter(|(name, _)| {
            KEPT_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-")
        });
        let mut headers: Vec<_> = allowed
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let encoding = header(request, "content-encoding").unwrap_or_default();
        let encodings: Vec<_> = encoding
            .split(',')
            .map(str::trim)
            .filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked")
            .collect();
        if !encodings.is_empty() {
            headers.push(("content-encoding".to_owned(), encodings.join(", ")));
        }
        let head = ObjectHead {
            key: aws_request.key.clone(),
            size: body.len(),
            etag: format!("\"{}\"", hex(&Md5::digest(&body))),
            modified_at: now,
            headers,
            tags: header(request, "x-amz-tagging")
                .unwrap_or_default()
                .to_owned(),
        };
        Ok(Self {
            head,
            body: StoredBody::InMemory(body),
        })
    }

    /// An object of bytes alone, without headers or tags.
    pub(super) fn of_bytes(key: &str, bytes: Bytes, now: Timestamp) -> Self {
        let head = ObjectHead {
            key: key.to_owned(),
            size: bytes.len(),
            etag: format!("\"{}\"", hex(&Md5::digest(&bytes))),
            modified_at: now,
            headers: Vec::new(),
            tags: String::new(),
        };
        Self {
            head,
            body: StoredBody::InMemory(bytes),
        }
    }

    pub(super) fn bytes(&self) -> Option<Bytes> {
        match &self.body {
            StoredBody::InMemory(bytes) => Some(bytes.clone()),
            StoredBody::File(path) => Some(read_file(path)?.1),
        }
    }

    /// On the disk when it returns: records in the tables refer to it.
    pub(super) fn into_file(self, folder: &Path) -> Result<Self, WireFailure> {
        let StoredBody::InMemory(bytes) = &self.body else {
            return Ok(self);
        };
        // A key can be longer than a file's name, or hold anything.
        let path = folder.join(hex(&Sha256::digest(self.head.key.as_bytes())));
        let mut text = serde_json::to_vec(&self.head).map_err(|error| broken_disk(error.into()))?;
        text.push(b'\n');
        text.extend_from_slice(bytes);
        std::fs::create_dir_all(folder)
            .and_then(|()| disk::replace(&path, &text))
            .map_err(broken_disk)?;
        Ok(Self {
            head: self.head,
            body: StoredBody::File(path),
        })
    }
}

pub(super) fn read_file(path: &Path) -> Option<(ObjectHead, Bytes)> {
    let content = Bytes::from(std::fs::read(path).ok()?);
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let head = serde_json::from_slice(&content[..end]).ok()?;
    Some((head, content.slice(end + 1..)))
}

fn broken_disk(error: std::io::Error) -> WireFailure {
    WireFailure::new(500, "InternalError", error)
}

/// On the disk when it returns, where there is a folder; gives back its ETag.
pub(super) fn put(
    key: String,
    object: Object,
    objects: &mut Objects,
    folder: Option<&Path>,
) -> Result<String, WireFailure> {
    let object = match folder {
        Some(folder) => object.into_file(folder)?,
        None => object,
    };
    let etag = object.head.etag.clone();
    objects.insert(key, object);
    Ok(etag)
}

pub(super) fn remove(key: &str, objects: &mut Objects) -> Result<(), WireFailure> {
    let removed = objects.remove(key);
    if let Some(Object {
        body: StoredBody::File(path),
        ..
    }) = removed
    {
        std::fs::remove_file(path).map_err(broken_disk)?;
    }
    Ok(())
}

pub(super) fn with_headers(headers: &[(String, String)], body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
