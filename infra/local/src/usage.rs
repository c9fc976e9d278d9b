//! What has been used, and what it would cost on AWS.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use dynoxide::types::{CapacityDetail, ConsumedCapacity};
use serde_json::Value;

use crate::aws_request::Service;
use crate::names::{ACCOUNT_INDEX, FAILED_INDEX};
use crate::{held, prices};

/// SQS counts one request for each of these.
const SQS_CHUNK_BYTES: usize = 64 * 1024;

/// Counts what is used. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Usage(Arc<Mutex<Counts>>);

/// What was used up to one moment, or between two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    operations: BTreeMap<(Service, String), Used>,
    /// Requests that came in by the HTTP API.
    pub http_requests: f64,
    pub invocations: f64,
    pub gb_seconds: f64,
}

/// What one operation used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    pub requests: f64,
    pub table_writes: f64,
    pub index_writes: f64,
    /// Of the index of conversations by account and time, which serves lists and no call.
    pub list_writes: f64,
    pub table_reads: f64,
    pub index_reads: f64,
    /// What the service counts of its own: SQS requests of 64 KB, schedules fired, mails by
    /// recipient, parts of texts, S3 and KMS requests.
    pub billed: f64,
}

impl Usage {
    pub fn counts(&self) -> Counts {
        held(&self.0).clone()
    }

    /// What was used since these counts were taken.
    pub fn since(&self, mark: &Counts) -> Counts {
        self.counts().without(mark)
    }

    /// A request came in by the HTTP API.
    pub fn count_http_request(&self) {
        held(&self.0).http_requests += 1.0;
    }

    pub(crate) fn count_dynamodb(&self, operation: &str, consumed: &[ConsumedCapacity]) {
        let reads = matches!(
            operation,
            "GetItem" | "Query" | "Scan" | "BatchGetItem" | "TransactGetItems"
        );
        let mut used = Used {
            requests: 1.0,
            ..Used::default()
        };
        for one in consumed {
            let indexes = [&one.global_secondary_indexes, &one.local_secondary_indexes];
            let index: f64 = indexes.into_iter().flatten().map(units_of_all).sum();
            let list = one.global_secondary_indexes.as_ref();
            let of_list = |name: &str| {
                let index = list.and_then(|indexes| indexes.get(name));
                index.map_or(0.0, |index| index.capacity_units)
            };
            let list = of_list(ACCOUNT_INDEX) + of_list(FAILED_INDEX);
            // A query of an index names the table without units of its own.
            let whole = one
                .table
                .as_ref()
                .map_or(one.capacity_units, |table| table.capacity_units);
            // A transaction that is sent again is billed as reads.
            if reads || one.read_capacity_units.is_some() {
                used.table_reads += whole;
                used.index_reads += index;
            } else {
                used.table_writes += whole;
                used.index_writes += index - list;
                used.list_writes += list;
            }
        }
        self.count(Service::DynamoDb, operation, used);
    }

    pub(crate) fn count_refused_write(&self, operation: &str, units: f64) {
        let used = Used {
            requests: 1.0,
            table_writes: units,
            ..Used::default()
        };
        self.count(Service::DynamoDb, operation, used);
    }

    /// An SQS request that carried so many bytes of bodies, there or back.
    pub(crate) fn count_sqs(&self, operation: &str, bytes: usize) {
        let mut chunks = 1.0;
        for _ in 1..bytes.div_ceil(SQS_CHUNK_BYTES) {
            chunks += 1.0;
        }
        self.count_billed(Service::Sqs, operation, chunks);
    }

    /// An SQS request as it came over the wire.
    pub(crate) fn count_sqs_request(&self, operation: &str, request: &Value, answer: &Value) {
        let bodies = |list: &Value, name: &str| -> usize {
            let entries = list.as_array().into_iter().flatten();
            entries
                .filter_map(|entry| entry[name].as_str())
                .map(str::len)
                .sum()
        };
        let bytes = request["MessageBody"].as_str().map_or(0, str::len)
            + bodies(&request["Entries"], "MessageBody")
            + bodies(&answer["Messages"], "Body");
        self.count_sqs(operation, bytes);
    }

    pub(crate) fn count_invocation_of_schedule(&self) {
        self.count_billed(Service::Scheduler, "(fired)", 1.0);
    }

    /// A request of a service that bills the quantity given here.
    pub(crate) fn count_billed(&self, service: Service, operation: &str, billed: f64) {
        self.count(
            service,
            operation,
            Used {
                requests: 1.0,
                billed,
                ..Used::default()
            },
        );
    }

    fn count(&self, service: Service, operation: &str, used: Used) {
        let mut counts = held(&self.0);
        counts
            .operations
            .entry((service, operation.to_owned()))
            .or_default()
            .add(used, 1.0);
    }
}

impl Used {
    fn add(&mut self, other: Self, times: f64) {
        self.requests += times * other.requests;
        self.table_writes += times * other.table_writes;
        self.index_writes += times * other.index_writes;
        self.list_writes += times * other.list_writes;
        self.table_reads += times * other.table_reads;
        self.index_reads += times * other.index_reads;
        self.billed += times * other.billed;
    }

    /// Dollars for a million times this.
    fn price(self, service: Service, operation: &str) -> f64 {
        let own = match (service, operation) {
            (Service::Sqs, _) => prices::FIFO_REQUEST,
            (Service::Scheduler, "(fired)") => prices::SCHEDULE_INVOCATION,
            (Service::Ses, "SendEmail") => prices::MAIL,
            (Service::Phone, "SendTextMessage") => prices::TEXT_PART,
            (Service::Phone, "SendVoiceMessage") => prices::VOICE_MINUTE,
            (Service::S3, "GetObject" | "HeadObject") => prices::S3_READ,
            (
                Service::S3,
                "PutObject"
                | "CopyObject"
                | "DeleteObjectTagging"
                | "ListObjectsV2"
                | "CreateMultipartUpload"
                | "UploadPart"
                | "CompleteMultipartUpload",
            ) => prices::S3_WRITE,
            (Service::Kms, _) => prices::KMS_REQUEST,
            (Service::SecretsManager, _) => prices::SECRET_REQUEST,
            (Service::CloudWatch, _) => prices::METRIC_READ,
            (
                Service::DynamoDb
                | Service::Scheduler
                | Service::Ses
                | Service::Phone
                | Service::S3
                | Service::Callback,
                _,
            ) => 0.0,
        };
        prices::WRITE_UNIT * (self.table_writes + self.index_writes)
            + prices::READ_UNIT * (self.table_reads + self.index_reads)
            + own * self.billed
    }
}

impl Counts {
    /// What one operation used.
    pub fn used(&self, service: Service, operation: &str) -> Used {
        self.operations
            .get(&(service, operation.to_owned()))
            .copied()
            .unwrap_or_default()
    }

    /// What all operations of a service used.
    pub fn used_of(&self, service: Service) -> Used {
        let mut all = Used::default();
        for ((of, _), used) in &self.operations {
            if *of == service {
                all.add(*used, 1.0);
            }
        }
        all
    }

    /// All operations that were used at all.
    pub fn operations(&self) -> impl Iterator<Item = (Service, &str, Used)> {
        self.operations
            .iter()
            .map(|((service, operation), used)| (*service, operation.as_str(), *used))
    }

    /// Dollars for a million times this for listing, which no call needs: shown beside the price of
    /// the calls.
    pub fn lists_per_million(&self) -> f64 {
        self.operations()
            .map(|(_, _, used)| prices::WRITE_UNIT * used.list_writes)
            .sum()
    }

    /// Dollars for a million times this, at list prices in us-east-1, but for being listed.
    pub fn price_per_million(&self) -> f64 {
        let operations: f64 = self
            .operations()
            .map(|(service, operation, used)| used.price(service, operation))
            .sum();
        operations
            + prices::HTTP_REQUEST * self.http_requests
            + prices::INVOCATION * self.invocations
            + prices::GB_SECOND * self.gb_seconds
    }

    /// The same, divided by this many calls.
    pub fn per_call(&self, calls: u32) -> Self {
        let share = 1.0 / f64::from(calls.max(1));
        let mut counts = Self::default();
        for (key, used) in &self.operations {
            counts
                .operations
                .entry(key.clone())
                .or_default()
                .add(*used, share);
        }
        counts.http_requests = share * self.http_requests;
        counts.invocations = share * self.invocations;
        counts.gb_seconds = share * self.gb_seconds;
        counts
    }

    fn without(mut self, mark: &Self) -> Self {
        for (key, used) in &mark.operations {
            self.operations
                .entry(key.clone())
                .or_default()
                .add(*used, -1.0);
        }
        self.operations.retain(|_, used| *used != Used::default());
        self.http_requests -= mark.http_requests;
        self.invocations -= mark.invocations;
        self.gb_seconds -= mark.gb_seconds;
        self
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<34}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}{:>11}",
            "operation", "requests", "WRU", "index", "RRU", "index", "billed", "$/million"
        )?;
        for (service, operation, used) in self.operations() {
            writeln!(
                f,
                "{:<34}{:>9.2}{:>8.2}{:>8.2}{:>8.2}{:>8.2}{:>8.2}{:>11.3}",
                format!("{service} {operation}"),
                used.requests,
                used.table_writes,
                used.index_writes,
                used.table_reads,
                used.index_reads,
                used.billed,
                used.price(service, operation),
            )?;
        }
        let mut line = |name: &str, count: f64, price: f64| {
            writeln!(f, "{name:<34}{count:>9.3}{:>51.3}", count * price)
        };
        line(
            "HTTP API requests",
            self.http_requests,
            prices::HTTP_REQUEST,
        )?;
        line("Lambda invocations", self.invocations, prices::INVOCATION)?;
        line("Lambda GB-seconds", self.gb_seconds, prices::GB_SECOND)?;
        let lists = self.lists_per_million();
        writeln!(f, "{:<34}{lists:>60.3}", "lists, beside the rest")?;
        write!(f, "{:<34}{:>60.3}", "all", self.price_per_million())
    }
}

#[expect(clippy::disallowed_methods, reason = "a sum is the same in any order")]
fn units_of_all(indexes: &HashMap<String, CapacityDetail>) -> f64 {
    indexes.values().map(|index| index.capacity_units).sum()
}
