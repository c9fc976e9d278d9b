//! All stand-ins behind one address: takes a request of the AWS wire protocol, returns its answer.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::aws_request::{AwsRequest, Service};
use crate::billed::{count_queried_metrics, recipients};
use crate::callbacks::Callbacks;
use crate::clock::LocalClock;
use crate::delivery::{FifoSettings, Redrive};
use crate::dynamodb::{Durability, DynamoDb};
use crate::failure::{NOT_BUILT, WireFailure};
use crate::faults::Faults;
use crate::folder::Folder;
use crate::kms::Kms;
use crate::mail_events::PendingEvent;
use crate::phone::Phone;
use crate::recorded_metrics::RecordedMetrics;
use crate::s3::S3;
use crate::scheduler::Scheduler;
use crate::secrets::StoredSecrets;
use crate::ses::Ses;
use crate::sqs::Sqs;
use crate::usage::Usage;
use crate::wire_answer::{json_response, json_type, query_code, xml_response};
use crate::{held, names};

/// A whole local AWS. Clones share it.
#[derive(Clone)]
pub struct LocalCloud(Arc<Standins>);

struct Standins {
    clock: LocalClock,
    dynamodb: DynamoDb,
    sqs: Sqs,
    scheduler: Scheduler,
    ses: Ses,
    phone: Phone,
    s3: S3,
    kms: Kms,
    secrets: StoredSecrets,
    metrics: RecordedMetrics,
    callbacks: Callbacks,
    faults: Faults,
    usage: Usage,
    refused: Mutex<Vec<String>>,
    answered: AtomicU64,
    /// Held for as long as the cloud is there.
    _folder: Option<Folder>,
}

impl LocalCloud {
    /// In memory, with the product's tables, queues, bucket and schedule group, and a running clock.
    pub fn with_tables() -> anyhow::Result<Self> {
        Self::with_tables_at(LocalClock::running())
    }

    /// The same with this clock.
    pub fn with_tables_at(clock: LocalClock) -> anyhow::Result<Self> {
        let cloud = Self::empty(clock)?;
        cloud.create_product()?;
        Ok(cloud)
    }

    /// In memory, with nothing in it.
    pub fn empty(clock: LocalClock) -> anyhow::Result<Self> {
        let usage = Usage::default();
        let dynamodb = DynamoDb::in_memory(clock.clone(), usage.clone())?;
        Ok(Self::around(dynamodb, clock, usage, None))
    }

    /// With the product's tables and everything else, kept in this folder. Queues are in memory
    /// only.
    pub fn in_folder(
        folder: &Path,
        durability: Durability,
        clock: LocalClock,
    ) -> anyhow::Result<Self> {
        let folder = Folder::hold(folder)?;
        clock.keep_in(&folder.file("clock.txt"))?;
        let usage = Usage::default();
        let tables = folder.tables();
        let dynamodb = DynamoDb::in_file(&tables, durability, clock.clone(), usage.clone())
            .with_context(|| format!("reading {}", tables.display()))?;
        let (schedules, mails) = (folder.file("schedules.jsonl"), folder.file("mails.jsonl"));
        let texts = folder.file("texts.jsonl");
        let (objects, key) = (folder.file("objects"), folder.file("kms.key"));
        let cloud = Self::around(dynamodb, clock, usage, Some(folder));
        cloud.create_product()?;
        cloud.scheduler().keep_in(&schedules)?;
        cloud.ses().keep_in(&mails)?;
        cloud.phone().keep_in(&texts)?;
        cloud.s3().keep_in(&objects)?;
        cloud.kms().keep_in(&key)?;
        Ok(cloud)
    }

    fn around(dynamodb: DynamoDb, clock: LocalClock, usage: Usage, folder: Option<Folder>) -> Self {
        let sqs = Sqs::new(clock.clone(), usage.clone());
        Self(Arc::new(Standins {
            dynamodb,
            scheduler: Scheduler::new(clock.clone(), sqs.clone(), usage.clone()),
            ses: Ses::new(clock.clone()),
            phone: Phone::new(clock.clone()),
            s3: S3::new(clock.clone()),
            kms: Kms::default(),
            secrets: StoredSecrets::default(),
            metrics: RecordedMetrics::default(),
            callbacks: Callbacks::new(clock.clone()),
            faults: Faults::default(),
            refused: Mutex::default(),
            answered: AtomicU64::new(0),
            clock,
            sqs,
            usage,
            _folder: folder,
        }))
    }

    /// Empties tables, queues and what was sent. Files of the bucket stay, and so do schedules: they wake
    /// what is not there any more.
    pub(crate) fn empty_product(&self) -> anyhow::Result<()> {
        self.dynamodb().empty_product_tables(&names::TABLES)?;
        self.sqs().begin_again();
        self.ses().empty()?;
        self.phone().empty()
    }

    fn create_product(&self) -> anyhow::Result<()> {
        for table in names::TABLES {
            self.dynamodb().create_product_table(table)?;
        }
        for queue in names::QUEUES {
            let dead_letters = names::dead_letter_queue(queue);
            let alike = FifoSettings {
                visibility_timeout: SignedDuration::from_secs(names::VISIBILITY_SECONDS),
                content_based_deduplication: true,
                deduplicate_by_group: true,
                throughput_per_group: true,
                redrive: None,
            };
            self.sqs().create(&dead_letters, alike.clone());
            let max_receive_count = names::RECEIVE_COUNT_MAX;
            let redrive = Some(Redrive {
                dead_letters,
                max_receive_count,
            });
            self.sqs().create(queue, FifoSettings { redrive, ..alike });
        }
        self.s3().create_bucket(names::BODIES_BUCKET);
        self.scheduler().create_group(names::SCHEDULE_GROUP);
        Ok(())
    }

    pub fn clock(&self) -> &LocalClock {
        &self.0.clock
    }

    pub fn dynamodb(&self) -> &DynamoDb {
        &self.0.dynamodb
    }

    pub fn sqs(&self) -> &Sqs {
        &self.0.sqs
    }

    pub fn scheduler(&self) -> &Scheduler {
        &self.0.scheduler
    }

    pub fn ses(&self) -> &Ses {
        &self.0.ses
    }

    pub fn phone(&self) -> &Phone {
        &self.0.phone
    }

    /// The next event that EventBridge hands to the notifier.
    pub(crate) fn take_event(&self) -> Option<PendingEvent> {
        self.ses()
            .take_event()
            .or_else(|| self.phone().take_event())
    }

    /// A function failed to handle it: it is delivered again, as Lambda does.
    pub(crate) fn event_failed(&self, event: PendingEvent) {
        match event.event["source"].as_str() {
            Some("aws.sms-voice") => self.phone().event_failed(event),
            Some(_) | None => self.ses().event_failed(event),
        }
    }

    pub(crate) fn next_event_at(&self) -> Option<Timestamp> {
        let both = [self.ses().next_event_at(), self.phone().next_event_at()];
        both.into_iter().flatten().min()
    }

    pub fn s3(&self) -> &S3 {
        &self.0.s3
    }

    pub fn kms(&self) -> &Kms {
        &self.0.kms
    }

    pub fn secrets(&self) -> &StoredSecrets {
        &self.0.secrets
    }

    /// What functions count, where they are told to.
    pub fn recorded_metrics(&self) -> &RecordedMetrics {
        &self.0.metrics
    }

    pub fn callbacks(&self) -> &Callbacks {
        &self.0.callbacks
    }

    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub fn usage(&self) -> &Usage {
        &self.0.usage
    }

    /// Waits until everything that is visible is on the disk, if there is one. Everything that
    /// leaves this process waits for it.
    pub async fn durable(&self) -> anyhow::Result<()> {
        self.dynamodb().durable().await
    }

    /// Fires all schedules that are due by the cloud's own clock; returns how many.
    pub fn fire_due(&self) -> usize {
        self.scheduler().fire_due(self.clock().now())
    }

    /// Operations that were requested and do not exist here. A test of the product ends with none.
    pub fn refused(&self) -> Vec<String> {
        held(&self.0.refused).clone()
    }

    /// Answers one request to AWS. Signatures are not checked.
    pub fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let aws_request = AwsRequest::of(&request);
        self.answer_parsed(&aws_request, &request)
    }

    pub(crate) fn answer_parsed(
        &self,
        aws_request: &AwsRequest,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        let operation = aws_request.operation.as_str();
        let answered = match aws_request.service {
            Service::DynamoDb => self
                .dynamodb()
                .answer(operation, &aws_request.json)
                .map(|(status, body)| json_response(aws_request, status, &body)),
            Service::Sqs => self.sqs().answer(operation, &aws_request.json).map(|body| {
                self.usage()
                    .count_sqs_request(operation, &aws_request.json, &body);
                json_response(aws_request, 200, &body)
            }),
            Service::Scheduler => self.scheduler().answer(aws_request).map(|body| {
                self.usage()
                    .count_billed(Service::Scheduler, operation, 0.0);
                json_response(aws_request, 200, &body)
            }),
            Service::Ses => self.ses().answer(aws_request).map(|body| {
                self.usage()
                    .count_billed(Service::Ses, operation, recipients(&aws_request.json));
                json_response(aws_request, 200, &body)
            }),
            Service::Phone => self.phone().answer(aws_request).map(|(body, parts)| {
                self.usage()
                    .count_billed(Service::Phone, operation, f64::from(parts));
                json_response(aws_request, 200, &body)
            }),
            Service::S3 => self.s3().answer(aws_request, request).inspect(|_| {
                self.usage().count_billed(Service::S3, operation, 1.0);
            }),
            Service::Kms => self.kms().answer(aws_request).map(|body| {
                self.usage().count_billed(Service::Kms, operation, 1.0);
                json_response(aws_request, 200, &body)
            }),
            Service::SecretsManager => self.secrets().answer(aws_request).map(|body| {
                self.usage()
                    .count_billed(Service::SecretsManager, operation, 1.0);
                json_response(aws_request, 200, &body)
            }),
            Service::CloudWatch => self.recorded_metrics().answer(aws_request).map(|body| {
                count_queried_metrics(self.usage(), aws_request);
                json_response(aws_request, 200, &body)
            }),
            Service::Callback => Err(WireFailure::not_built(format!(
                "AWS at {}",
                aws_request.resource
            ))),
        };
        match answered {
            Ok(response) => self.stamped(response),
            Err(failure) => self.failed(aws_request, &failure),
        }
    }

    /// The failure in the form that the service's protocol wants.
    pub(crate) fn failed(
        &self,
        aws_request: &AwsRequest,
        failure: &WireFailure,
    ) -> Response<Bytes> {
        let WireFailure {
            status,
            code,
            message,
            reason,
        } = failure;
        if *code == NOT_BUILT {
            held(&self.0.refused).push(format!("{}: {message}", aws_request.service));
        }
        let mut response = match aws_request.service {
            Service::DynamoDb
            | Service::Sqs
            | Service::Kms
            | Service::SecretsManager
            | Service::CloudWatch => {
                let body =
                    json!({ "__type": json_type(aws_request.service, code), "message": message });
                json_response(aws_request, *status, &body)
            }
            Service::Phone => {
                let mut body =
                    json!({ "__type": json_type(aws_request.service, code), "Message": message });
                if let Some(reason) = reason {
                    body["Reason"] = json!(reason);
                }
                json_response(aws_request, *status, &body)
            }
            Service::Scheduler | Service::Ses | Service::Callback => json_response(
                aws_request,
                *status,
                &json!({ "message": message, "Message": message }),
            ),
            Service::S3 => xml_response(aws_request, failure),
        };
        let named = match aws_request.service {
            Service::Sqs => Some(("x-amzn-query-error", format!("{};Sender", query_code(code)))),
            Service::Scheduler | Service::Ses => Some(("x-amzn-errortype", (*code).to_owned())),
            Service::DynamoDb
            | Service::Phone
            | Service::S3
            | Service::Kms
            | Service::SecretsManager
            | Service::CloudWatch
            | Service::Callback => None,
        };
        if let Some((name, Ok(value))) = named.map(|(name, code)| (name, code.parse())) {
            response.headers_mut().insert(name, value);
        }
        self.stamped(response)
    }

    fn stamped(&self, mut response: Response<Bytes>) -> Response<Bytes> {
        // Counted, not random, so that two runs of a test are the same.
        let number = self.0.answered.fetch_add(1, Ordering::Relaxed) + 1;
        if let Ok(id) = HeaderValue::from_str(&format!("LOCAL{number:027}")) {
            response
                .headers_mut()
                .insert("x-amzn-requestid", id.clone());
            response.headers_mut().insert("x-amz-request-id", id);
        }
        response
    }
}

impl fmt::Debug for LocalCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalCloud({:?}, {:?})", self.clock(), self.faults())
    }
}

/// Whether a request goes to AWS: by its host, or by its signature where an endpoint is set.
pub(crate) fn is_to_aws(request: &Request<Bytes>) -> bool {
    let host = request.uri().host().unwrap_or_default();
    let signed = request.headers().get("authorization");
    host.ends_with(".amazonaws.com")
        || signed.is_some_and(|value| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256"))
        || (request.method() == Method::POST && request.headers().contains_key("x-amz-target"))
}
