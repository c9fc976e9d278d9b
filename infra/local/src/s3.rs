//! S3: objects in memory, or as files in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use soap::escaped;

use crate::aws_request::{AwsRequest, header, query};
use crate::clock::LocalClock;
use crate::failure::WireFailure;
use crate::held;

mod object;
mod uploads;

use object::{Object, Objects, StoredBody, read_file, with_headers};

/// Most keys in one answer to ListObjectsV2. AWS's figure.
const KEYS_MAX: usize = 1000;

/// Headers of features that do not exist here.
const REFUSED_HEADERS: [&str; 1] = ["if-modified-since"];

/// Those that only a GetObject may have here.
const HEADERS_OF_GETS: [&str; 2] = ["range", "if-match"];

/// What the bucket's lifecycle rule selects, and after how many days; the template says the same.
const EXPIRING_TAG: &str = "expires=yes";
pub const EXPIRES_DAYS: i64 = 300;

/// All buckets. Clones share them.
#[derive(Clone, Debug)]
pub struct S3 {
    store: Arc<Mutex<Store>>,
    clock: LocalClock,
}

#[derive(Debug, Default)]
struct Store {
    buckets: BTreeMap<String, Objects>,
    folder: Option<PathBuf>,
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
                let (head, _) = read_file(&path).with_context(|| {
                    format!(
                        "{} is no object of the bucket: it is damaged. Put it back from a copy, \
                         or take it out if it is not needed",
                        path.display()
                    )
                })?;
                let object = Object {
                    head,
                    body: StoredBody::File(path),
                };
                objects.insert(object.head.key.clone(), object);
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
            .map(|objects| {
                let keys = objects.keys().filter(|key| !uploads::is_hidden(key));
                keys.cloned().collect()
            })
            .unwrap_or_default()
    }

    /// Deletes what the bucket's lifecycle rule expires, as AWS does once a day.
    pub fn sweep_expired(&self, bucket: &str) {
        let now = self.clock.now();
        let lasts = SignedDuration::from_hours(24 * EXPIRES_DAYS);
        if let Some(objects) = held(&self.store).buckets.get_mut(bucket) {
            objects.retain(|_, object| {
                let expires = object.head.tags.split('&').any(|tag| tag == EXPIRING_TAG);
                !expires || now.duration_since(object.head.modified_at) < lasts
            });
        }
    }

    /// An object's bytes.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        held(&self.store).buckets.get(bucket)?.get(key)?.bytes()
    }

    /// Puts an object, as its owner does.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: Bytes) -> anyhow::Result<()> {
        let mut store = held(&self.store);
        let folder = store.folder.as_ref().map(|folder| folder.join(bucket));
        let objects = store.buckets.entry(bucket.to_owned()).or_default();
        let object = Object::of_bytes(key, bytes, self.clock.now());
        object::put(key.to_owned(), object, objects, folder.as_deref())
            .map(drop)
            .map_err(|failure| anyhow::anyhow!("{key} was not put: {failure:?}"))
    }

    /// Answers one request of AWS's REST protocol; a failure's body is XML, which the wire writes.
    pub(crate) fn answer(
        &self,
        aws_request: &AwsRequest,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, WireFailure> {
        check_headers(aws_request, request)?;
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
                let object = Object::of_request(aws_request, request, objects, self.clock.now())?;
                let key = aws_request.key.clone();
                let etag = object::put(key, object, objects, folder.as_deref())?;
                Ok(with_headers(&[("etag".to_owned(), etag)], Bytes::new()))
            }
            "GetObject" | "HeadObject" => found(objects, aws_request, request),
            "DeleteObject" => {
                object::remove(&aws_request.key, objects)?;
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                Ok(response)
            }
            "CopyObject" => {
                let copy = copied(objects, aws_request, request, self.clock.now())?;
                let etag = copy.head.etag.clone();
                object::put(aws_request.key.clone(), copy, objects, folder.as_deref())?;
                Ok(Response::new(Bytes::from(format!(
                    "<CopyObjectResult><ETag>{}</ETag></CopyObjectResult>",
                    escaped(&etag)
                ))))
            }
            "DeleteObjectTagging" => {
                let object = untagged(objects, &aws_request.key)?;
                object::put(aws_request.key.clone(), object, objects, folder.as_deref())?;
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                Ok(response)
            }
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
                let now = self.clock.now();
                uploads::answer(aws_request, request, objects, folder.as_deref(), now)
            }
            "ListObjectsV2" => Ok(listed(objects, aws_request, request)),
            other => Err(WireFailure::not_built(format!("S3 {other}"))),
        }
    }
}

fn check_headers(aws_request: &AwsRequest, request: &Request<Bytes>) -> Result<(), WireFailure> {
    let of_gets = HEADERS_OF_GETS
        .iter()
        .filter(|_| aws_request.operation != "GetObject");
    let refused = REFUSED_HEADERS
        .iter()
        .chain(of_gets)
        .find(|name| request.headers().contains_key(**name));
    match refused {
        Some(name) => Err(WireFailure::not_built(format!(
            "S3 {} with {name}",
            aws_request.operation
        ))),
        None => Ok(()),
    }
}

/// An object without its tags. In memory, since its file says what tags it had.
fn untagged(objects: &Objects, key: &str) -> Result<Object, WireFailure> {
    let mut object = there(objects, key)?.clone();
    object.head.tags.clear();
    object.body = StoredBody::InMemory(object.bytes().ok_or_else(missing)?);
    Ok(object)
}

fn missing() -> WireFailure {
    WireFailure::new(404, "NoSuchKey", "The specified key does not exist.")
}

fn there<'a>(objects: &'a Objects, key: &str) -> Result<&'a Object, WireFailure> {
    objects.get(key).ok_or_else(missing)
}

/// Copies an object over itself, with the headers and tags of the request: no other copy exists
/// here.
fn copied(
    objects: &Objects,
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
    now: Timestamp,
) -> Result<Object, WireFailure> {
    let source = header(request, "x-amz-copy-source").unwrap_or_default();
    let own = format!("{}/{}", aws_request.resource, aws_request.key);
    if source.trim_start_matches('/') != own {
        return Err(WireFailure::not_built("S3 CopyObject of another object"));
    }
    let replaces = |name| header(request, name) == Some("REPLACE");
    if !replaces("x-amz-metadata-directive") || !replaces("x-amz-tagging-directive") {
        let message = "This copy request is illegal because it is trying to copy an object to itself \
                       without changing the object's metadata, storage class, website redirect \
                       location or encryption attributes.";
        return Err(WireFailure::new(400, "InvalidRequest", message));
    }
    let mut object = there(objects, &aws_request.key)?.clone();
    object.body = StoredBody::InMemory(object.bytes().ok_or_else(missing)?);
    object.head.modified_at = now;
    object.head.headers.clear();
    object.head.tags = header(request, "x-amz-tagging")
        .unwrap_or_default()
        .to_owned();
    Ok(object)
}

fn found(
    objects: &Objects,
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, WireFailure> {
    let object = there(objects, &aws_request.key)?;
    let is_other = |etag: &str| etag != "*" && etag != object.head.etag;
    if header(request, "if-match").is_some_and(is_other) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(WireFailure::new(412, "PreconditionFailed", message));
    }
    let range = header(request, "range");
    let range = range
        .map(|text| ByteRange::read(text, object.head.size))
        .transpose()?;
    let length = range.map_or(object.head.size, ByteRange::len);
    let mut headers = object.head.headers.clone();
    headers.push(("etag".to_owned(), object.head.etag.clone()));
    headers.push(("content-length".to_owned(), length.to_string()));
    if let Some(ByteRange { first, last }) = range {
        let size = object.head.size;
        headers.push((
            "content-range".to_owned(),
            format!("bytes {first}-{last}/{size}"),
        ));
    }
    let modified_at = object
        .head
        .modified_at
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    headers.push(("last-modified".to_owned(), modified_at));
    let body = match *request.method() == Method::HEAD {
        true => Bytes::new(),
        false => object.bytes().ok_or_else(missing)?,
    };
    let Some(ByteRange { first, last }) = range else {
        return Ok(with_headers(&headers, body));
    };
    let mut response = with_headers(&headers, body.slice(first..=last));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    Ok(response)
}

/// Bytes of an object from the first to the last, both included.
#[derive(Clone, Copy)]
struct ByteRange {
    first: usize,
    last: usize,
}

impl ByteRange {
    /// `bytes=FIRST-LAST`: other forms are not asked for here.
    fn read(text: &str, size: usize) -> Result<Self, WireFailure> {
        let unknown = || WireFailure::not_built(format!("S3 GetObject with the range {text}"));
        let (first, last) = text
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
            .ok_or_else(unknown)?;
        let first: usize = first.parse().map_err(|_| unknown())?;
        let last: usize = last.parse().map_err(|_| unknown())?;
        if first >= size || last < first {
            let message = "The requested range is not satisfiable";
            return Err(WireFailure::new(416, "InvalidRange", message));
        }
        let last = last.min(size - 1);
        Ok(Self { first, last })
    }

    const fn len(self) -> usize {
        self.last - self.first + 1
    }
}

fn listed(
    objects: &Objects,
    aws_request: &AwsRequest,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let prefix = query(request, "prefix").unwrap_or_default();
    let after = query(request, "continuation-token").or_else(|| query(request, "start-after"));
    let max = query(request, "max-keys").and_then(|max| max.parse().ok());
    let max = max.unwrap_or(KEYS_MAX).min(KEYS_MAX);
    let after = after.unwrap_or_default();
    let mut wanted = objects.values().filter(|object| {
        !uploads::is_hidden(&object.head.key)
            && object.head.key.starts_with(&prefix)
            && (after.is_empty() || object.head.key > after)
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
        let token = escaped(&last.head.key);
        xml += &format!("<NextContinuationToken>{token}</NextContinuationToken>");
    }
    for Object { head, .. } in page {
        xml += &format!(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag>\
             <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            shown(&head.key),
            head.modified_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            escaped(&head.etag),
            head.size,
        );
    }
    xml.push_str("</ListBucketResult>");
    with_headers(
        &[("content-type".to_owned(), "application/xml".to_owned())],
        Bytes::from(xml),
    )
}
