//! What a request asks for: the service, the operation, and what it is about.

use std::fmt;

use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use crate::names::queue_of_url;

/// Longest key in the journal: enough to recognise a record.
const KEY_CHARS_MAX: usize = 200;

/// The services that have stand-ins, and the addresses outside AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Service {
    DynamoDb,
    Sqs,
    Scheduler,
    Ses,
    /// Texts and calls by voice.
    Phone,
    S3,
    Kms,
    SecretsManager,
    /// Metrics alone.
    CloudWatch,
    /// Any address that is not of AWS.
    Callback,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::DynamoDb => "DynamoDB",
            Self::Sqs => "SQS",
            Self::Scheduler => "Scheduler",
            Self::Ses => "SES",
            Self::Phone => "End User Messaging",
            Self::S3 => "S3",
            Self::Kms => "KMS",
            Self::SecretsManager => "Secrets Manager",
            Self::CloudWatch => "CloudWatch",
            Self::Callback => "callback",
        };
        f.write_str(name)
    }
}

/// One request, as far as faults, journal and usage need to know it.
#[derive(Clone, Debug)]
pub struct AwsRequest {
    pub service: Service,
    /// By AWS's name for it; method and path where it has none here.
    pub operation: String,
    /// The table, queue, schedule group or bucket; the address of a callback.
    pub resource: String,
    /// The key of what is read or written, shortened.
    pub key: String,
    /// The body, where the protocol is JSON.
    pub json: Value,
}

impl AwsRequest {
    /// Recognises a request to AWS.
    pub fn of(request: &Request<Bytes>) -> Self {
        if let Some(target) = header(request, "x-amz-target") {
            return Self::of_target(target, request.body());
        }
        let path = request.uri().path();
        match signing_scope(request) {
            Some("scheduler") => Self::of_scheduler(request),
            Some("ses") => Self::of_ses(request),
            Some("s3") => Self::of_s3(request),
            Some(_) | None if path.starts_with("/v2/email/") => Self::of_ses(request),
            Some(_) | None if path.starts_with("/schedule") => Self::of_scheduler(request),
            Some(_) | None => Self::of_s3(request),
        }
    }

    /// A request to an address that is not of AWS.
    pub fn of_callback(method: &Method, url: &str) -> Self {
        Self {
            service: Service::Callback,
            operation: method.to_string(),
            resource: url.to_owned(),
            key: String::new(),
            json: Value::Null,
        }
    }

    fn of_target(target: &str, body: &Bytes) -> Self {
        let (name, operation) = target.split_once('.').unwrap_or((target, ""));
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = |name: &str| text(&json, name).unwrap_or_default().to_owned();
        let (service, resource, key) = match name {
            "AmazonSQS" => {
                let mut queues = ["QueueUrl", "QueueName"].iter();
                let queue = queues.find_map(|name| text(&json, name));
                let queue = queue.map(queue_of_url).unwrap_or_default().to_owned();
                (Service::Sqs, queue, sqs_keys(&json))
            }
            // By its name from before it had one.
            "TrentService" => {
                let context = json["EncryptionContext"].to_string();
                (Service::Kms, said("KeyId"), context)
            }
            "secretsmanager" => (Service::SecretsManager, said("SecretId"), String::new()),
            "GraniteServiceVersion20100801" => {
                (Service::CloudWatch, "metrics".to_owned(), String::new())
            }
            "PinpointSMSVoiceV2" => {
                let number = said("DestinationPhoneNumber");
                (Service::Phone, said("OriginationIdentity"), number)
            }
            _ => {
                let tables = tables(&json).join(", ");
                (Service::DynamoDb, tables, record_keys(&json))
            }
        };
        let known = service != Service::DynamoDb || name.starts_with("DynamoDB_");
        Self {
            service,
            operation: if known { operation } else { target }.to_owned(),
            resource,
            key: shortened(key),
            json,
        }
    }

    fn of_scheduler(request: &Request<Bytes>) -> Self {
        let json: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let path = request.uri().path();
        let (kind, name) = path
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or((path, ""));
        let operation = match (request.method().as_str(), kind, name.is_empty()) {
            ("POST", "schedules", false) => "CreateSchedule",
            ("GET", "schedules", false) => "GetSchedule",
            ("DELETE", "schedules", false) => "DeleteSchedule",
            ("GET", _, _) if path == "/schedules" || path == "/schedules/" => "ListSchedules",
            ("POST", "schedule-groups", false) => "CreateScheduleGroup",
            _ => "",
        };
        let group = text(&json, "GroupName").map(str::to_owned);
        Self {
            service: Service::Scheduler,
            operation: named_or_path(operation, request),
            resource: group
                .or_else(|| query(request, "groupName"))
                .or_else(|| query(request, "ScheduleGroup"))
                .unwrap_or_else(|| "default".to_owned()),
            key: decoded(name),
            json,
        }
    }

    fn of_ses(request: &Request<Bytes>) -> Self {
        let json: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let sends =
            request.method() == Method::POST && request.uri().path() == "/v2/email/outbound-emails";
        let asks = request.method() == Method::GET && request.uri().path() == "/v2/email/account";
        let operation = match (sends, asks) {
            (true, _) => "SendEmail",
            (false, true) => "GetAccount",
            (false, false) => "",
        };
        let to = json["Destination"]["ToAddresses"].as_array();
        let to: Vec<_> = to.into_iter().flatten().filter_map(Value::as_str).collect();
        Self {
            service: Service::Ses,
            operation: named_or_path(operation, request),
            resource: text(&json, "FromEmailAddress")
                .unwrap_or("account")
                .to_owned(),
            key: shortened(to.join(", ")),
            json,
        }
    }

    fn of_s3(request: &Request<Bytes>) -> Self {
        let (bucket, key) = bucket_and_key(request);
        let lists = query(request, "list-type").is_some_and(|version| version == "2");
        // A parameter that belongs to no operation by itself, such as `uploadId` or `acl`, makes it
        // another operation.
        let known = [
            "x-id",
            "list-type",
            "prefix",
            "max-keys",
            "start-after",
            "continuation-token",
            "encoding-type",
        ];
        let plain = request.headers().get("x-amz-copy-source").is_none()
            && queries(request)
                .iter()
                .all(|(name, _)| known.contains(&name.as_str()));
        let has = |name: &str| query(request, name).is_some();
        let copies = request.headers().contains_key("x-amz-copy-source");
        let only = |wanted: &str| {
            let mut names = queries(request).into_iter();
            names.all(|(name, _)| name == wanted || name == "x-id")
        };
        let operation = match (request.method().as_str(), key.is_empty()) {
            ("PUT", false) if copies && only("x-id") => "CopyObject",
            ("DELETE", false) if has("tagging") && only("tagging") => "DeleteObjectTagging",
            ("POST", false) if has("uploads") => "CreateMultipartUpload",
            ("POST", false) if has("uploadId") => "CompleteMultipartUpload",
            ("PUT", false) if has("uploadId") && has("partNumber") => "UploadPart",
            ("PUT", false) if plain => "PutObject",
            ("GET", false) if plain => "GetObject",
            ("HEAD", false) if plain => "HeadObject",
            ("DELETE", false) if plain => "DeleteObject",
            ("GET", true) if plain && lists => "ListObjectsV2",
            ("PUT", true) if plain && !bucket.is_empty() => "CreateBucket",
            _ => "",
        };
        Self {
            service: Service::S3,
            operation: named_or_path(operation, request),
            resource: bucket,
            key,
            json: Value::Null,
        }
    }
}

fn named_or_path(operation: &str, request: &Request<Bytes>) -> String {
    match operation {
        "" => format!("{} {}", request.method(), request.uri()),
        named => named.to_owned(),
    }
}

pub(crate) fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The service that the signature was made for.
fn signing_scope(request: &Request<Bytes>) -> Option<&str> {
    let (_, credential) = header(request, "authorization")?.split_once("Credential=")?;
    credential.split(',').next()?.rsplit('/').nth(1)
}

pub(crate) fn queries(request: &Request<Bytes>) -> Vec<(String, String)> {
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

pub(crate) fn query(request: &Request<Bytes>, name: &str) -> Option<String> {
    queries(request)
        .into_iter()
        .find_map(|(found, value)| (found == name).then_some(value))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The bucket is in the host (`bucket.s3.us-east-1.amazonaws.com`) or begins the path.
fn bucket_and_key(request: &Request<Bytes>) -> (String, String) {
    let host = request
        .uri()
        .host()
        .or_else(|| header(request, "host"))
        .unwrap_or_default();
    let path = request.uri().path().trim_start_matches('/');
    let in_host = host
        .split_once(".s3.")
        .or_else(|| host.split_once(".localhost"));
    match in_host {
        Some((bucket, _)) => (bucket.to_owned(), decoded(path)),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (decoded(bucket), decoded(key))
        }
    }
}

fn text<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name)?.as_str()
}

fn sqs_keys(json: &Value) -> String {
    let entries = json.get("Entries").and_then(Value::as_array);
    let one = [json];
    let each = entries.map_or_else(|| one.to_vec(), |entries| entries.iter().collect());
    let names = ["MessageGroupId", "ReceiptHandle"];
    let keys = each
        .iter()
        .filter_map(|entry| names.iter().find_map(|name| text(entry, name)));
    keys.collect::<Vec<_>>().join(", ")
}

/// The actions of a transaction or a batch, or the request itself.
fn actions(json: &Value) -> Vec<&Value> {
    if let Some(items) = json.get("TransactItems").and_then(Value::as_array) {
        return items
            .iter()
            .filter_map(|item| item.as_object()?.values().next())
            .collect();
    }
    if let Some(tables) = json.get("RequestItems").and_then(Value::as_object) {
        let writes = tables.values().filter_map(Value::as_array).flatten();
        let writes = writes.filter_map(|write| write.as_object()?.values().next());
        let reads = tables
            .values()
            .filter_map(|table| table.get("Keys")?.as_array())
            .flatten();
        return writes.chain(reads).collect();
    }
    vec![json]
}

fn tables(json: &Value) -> Vec<String> {
    let batch = json.get("RequestItems").and_then(Value::as_object);
    let mut tables: Vec<_> = match batch {
        Some(tables) => tables.keys().cloned().collect(),
        None => actions(json)
            .into_iter()
            .filter_map(|action| text(action, "TableName"))
            .map(str::to_owned)
            .collect(),
    };
    tables.dedup();
    tables
}

fn record_keys(json: &Value) -> String {
    let keys = actions(json).into_iter().filter_map(|action| {
        let record = action
            .get("Key")
            .or_else(|| action.get("Item"))
            .unwrap_or(action);
        let part = |name: &str| record.get(name)?.as_object()?.values().next()?.as_str();
        let pk = part("pk")?;
        Some(part("sk").map_or_else(|| pk.to_owned(), |sk| format!("{pk}/{sk}")))
    });
    keys.collect::<Vec<_>>().join(", ")
}

fn shortened(key: String) -> String {
    match key.char_indices().nth(KEY_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key,
    }
}
