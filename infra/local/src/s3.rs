//! S3: objects in memory, or as files in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use bytes::Bytes;
use calls::hex;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use md5::{Digest, Md5};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use soap::escaped;

use crate::aws_request::{AwsRequest, header, query};
use crate::chunked::body_of;
use crate::clock::LocalClock;
use crate::failure::WireFailure;
use crate::{disk, held};

/// Most keys in one answer to ListObjectsV2. AWS's figure.
const KEYS_MAX: usize = 1000;

/// Headers that are the object's own, and come back with it.
const KEPT_HEADERS: [&str; 4] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-language",
];

/// Headers that ask for what is not built here.
const REFUSED_HEADERS: [&str; 4] = ["range", "if-match", "if-modified-since", "x-amz-tagging"];

/// All buckets. Clones share them.
#[derive(Clone, Debug)]
pub struct S3 {
    store: Arc<Mutex<Store>>,
    clock: LocalClock,
}

#[derive(Debug, Default)]
struct Store {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    folder: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Object {
    about: ObjectHead,
    body: StoredBody,
}

#[derive(Clone, Debug)]
enum StoredBody {
    Here(Bytes),
    /// In this file, behind its first line.
    File(PathBuf),
}

/// The first line of an object's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ObjectHead {
    key: String,
    size: usize,
    etag: String,
    modified_at: Timestamp,
    headers: Vec<(String, String)>,
}

impl S3 {
    pub(crate) fn new(clock: LocalClock) -> Self {
        Self {
            store: Arc::default(),
            clock,
        }
    }

    /// Keeps objects in this folder from now on, and takes in what it holds.
    pub(crate) fn keep_in(&self, folder: &Path) -> anyhow::Result<()> {
        let mut store = held(&self.store);
        std::fs::create_dir_all(folder)?;
        for bucket in std::fs::read_dir(folder)? {
            let bucket = bucket?;
            let mut objects = BTreeMap::new();
            for file in std::fs::read_dir(bucket.path())? {
                let path = file?.path();
                // A file whose writing was cut short still has its other name.
                if path.extension().is_some_and(|extension| extension == "new") {
                    continue;
                }
                let (about, _) = read_file(&path).with_context(|| {
                    format!(
                        "{} is no object of the bucket: it is damaged. Put it back from a copy, \
                         or take it out if it is not needed",
                        path.display()
                    )
                })?;
                let object = Object {
                    about,
                    body: StoredBody::File(path),
                };
                objects.insert(object.about.key.clone(), object);
            }
            store
                .buckets
                .insert(bucket.file_name().to_string_lossy().into_owned(), objects);
        }
        store.folder = Some(folder.to_owned());
        Ok(())
    }

    /// Creates the bucket; one of that name stays.
    pub fn create_bucket(&self, bucket: &str) {
        held(&self.store)
            .buckets
            .entry(bucket.to_owned())
            .or_default();
    }

    /// The keys in a bucket, in their order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let store = held(&self.store);
        store
            .buckets
            .get(bucket)
            .map(|objects| objects.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// An object's bytes.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        held(&self.store).buckets.get(bucket)?.get(key)?.bytes()
    }

    /// Answers one request of AWS's REST protocol; a failure's body is XML, which the wire writes.
    pub(crate) fn answer(
        &self,
        aws_request: &AwsRequest,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, WireFailure> {
        if let Some(name) = REFUSED_HEADERS
            .iter()
            .find(|name| request.headers().contains_key(**name))
        {
            return Err(WireFailure::not_built(format!(
                "S3 {} with {name}",
                aws_request.operation
            )));
        }
        let mut store = held(&self.store);
        if aws_request.operation == "CreateBucket" {
            store
                .buckets
                .entry(aws_request.resource.clone())
                .or_default();
            return Ok(Response::new(Bytes::new()));
        }
        let folder = store
            .folder
            .as_ref()
            .map(|folder| folder.join(&aws_request.resource));
        let objects = store
            .buckets
            .get_mut(&aws_request.resource)
            .ok_or_else(|| {
                WireFailure::new(404, "NoSuchBucket", "The specified bucket does not exist")
            })?;
        match aws_request.operation.as_str() {
            "PutObject" => {
                let object = self.object_from(aws_request, request, objects)?;
                let object = match folder {
                    Some(folder) => object.into_file(&folder)?,
                    None => object,
                };
                let etag = object.about.etag.clone();
                objects.insert(aws_request.key.clone(), object);
                Ok(with_headers(&[("etag".to_owned(), etag)], Bytes::new()))
            }
            "GetObject" | "HeadObject" => found(objects, aws_request, request),
            "DeleteObject" => {
                if let Some(Object {
                    body: StoredBody::File(path),
                    ..
                }) = objects.remove(&aws_request.key)
                {
                    std::fs::remove_file(path).map_err(broken_disk)?;
                }
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                Ok(response)
            }
            "ListObjectsV2" => Ok(listed(objects, aws_request, request)),
            other => Err(WireFailure::not_built(format!("S3 {other}"))),
        }
    }

    fn object_from(
        &self,
        aws_request: &AwsRequest,
        request: &Request<Bytes>,
        objects: &BTreeMap<String, Object>,
    ) -> Result<Object, WireFailure> {
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
        let kept = request.headers().iter().filter(|(name, _)| {
            KEPT_HEADERS.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-")
        });
        let mut headers: Vec<_> = kept
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
        let about = ObjectHead {
            key: aws_request.key.clone(),
            size: body.len(),
            etag: format!("\"{}\"", hex(&Md5::digest(&body))),
            modified_at: self.clock.now(),
            headers,
        };
        Ok(Object {
            about,
            body: StoredBody::Here(body),
        })
    }
}

impl Object {
    fn bytes(&self) -> Option<Bytes> {
        match &self.body {
            StoredBody::Here(bytes) => Some(bytes.clone()),
            StoredBody::File(path) => Some(read_file(path)?.1),
        }
    }

    /// On the disk when it returns: records in the tables point at what is here.
    fn into_file(self, folder: &Path) -> Result<Self, WireFailure> {
        let StoredBody::Here(bytes) = &self.body else {
            return Ok(self);
        };
        // A key can be longer than a file's name, or hold anything.
        let path = folder.join(hex(&Sha256::digest(self.about.key.as_bytes())));
        let mut text =
            serde_json::to_vec(&self.about).map_err(|error| broken_disk(error.into()))?;
        text.push(b'\n');
        text.extend_from_slice(bytes);
        std::fs::create_dir_all(folder)
            .and_then(|()| disk::replace(&path, &text))
            .map_err(broken_disk)?;
        Ok(Self {
            about: self.about,
            body: StoredBody::File(path),
        })
    }
}

fn read_file(path: &Path) -> Option<(ObjectHead, Bytes)> {
    let content = Bytes::from(std::fs::read(path).ok()?);
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let about = serde_json::from_slice(&content[..end]).ok()?;
    Some((about, content.slice(end + 1..)))
}

fn broken_disk(error: std::io::Error) -> WireFailure {
    WireFailure::new(500, "InternalError", error)
}

fn found(
    objects: &BTreeMap<String, Object>,
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, WireFailure> {
    let missing = || WireFailure::new(404, "NoSuchKey", "The specified key does not exist.");
    let object = objects.get(&aws_request.key).ok_or_else(missing)?;
    let mut headers = object.about.headers.clone();
    headers.push(("etag".to_owned(), object.about.etag.clone()));
    headers.push(("content-length".to_owned(), object.about.size.to_string()));
    let modified_at = object
        .about
        .modified_at
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    headers.push(("last-modified".to_owned(), modified_at));
    let body = match *request.method() == Method::HEAD {
        true => Bytes::new(),
        false => object.bytes().ok_or_else(missing)?,
    };
    Ok(with_headers(&headers, body))
}

fn listed(
    objects: &BTreeMap<String, Object>,
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let prefix = query(request, "prefix").unwrap_or_default();
    let after = query(request, "continuation-token").or_else(|| query(request, "start-after"));
    let max = query(request, "max-keys").and_then(|max| max.parse().ok());
    let max = max.unwrap_or(KEYS_MAX).min(KEYS_MAX);
    let after = after.unwrap_or_default();
    let mut wanted = objects.values().filter(|object| {
        object.about.key.starts_with(&prefix) && (after.is_empty() || object.about.key > after)
    });
    let page: Vec<_> = wanted.by_ref().take(max).collect();
    let more = wanted.next().is_some();
    let encoded = query(request, "encoding-type").is_some_and(|encoding| encoding == "url");
    let shown = |key: &str| match encoded {
        true => utf8_percent_encode(key, NON_ALPHANUMERIC).to_string(),
        false => escaped(key),
    };
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{}</Name>\
         <Prefix>{}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{max}</MaxKeys>\
         <IsTruncated>{more}</IsTruncated>",
        escaped(&aws_request.resource),
        shown(&prefix),
        page.len(),
    );
    if encoded {
        xml += "<EncodingType>url</EncodingType>";
    }
    if let (true, Some(last)) = (more, page.last()) {
        let token = escaped(&last.about.key);
        xml += &format!("<NextContinuationToken>{token}</NextContinuationToken>");
    }
    for Object { about, .. } in page {
        xml += &format!(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag>\
             <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            shown(&about.key),
            about.modified_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            escaped(&about.etag),
            about.size,
        );
    }
    xml.push_str("</ListBucketResult>");
    with_headers(
        &[("content-type".to_owned(), "application/xml".to_owned())],
        Bytes::from(xml),
    )
}

fn with_headers(headers: &[(String, String)], body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
