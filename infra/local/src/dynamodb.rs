//! DynamoDB: an embedded engine does the work, and every unit that it consumes is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dynoxide::actions::batch_get_item::BatchGetItemRequest;
use dynoxide::actions::batch_write_item::BatchWriteItemRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::actions::transact_get_items::TransactGetItemsRequest;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::actions::update_item::UpdateItemRequest;
use dynoxide::errors::DynoxideError;
use dynoxide::types::ConsumedCapacity;
use dynoxide::{Database, storage_backend};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client_tokens::ClientTokens;
use crate::clock::LocalClock;
use crate::disk::Disk;
use crate::due_watch::{self, KeyUse, Watch};
use crate::failure::WireFailure;
use crate::usage::Usage;
use crate::{held, product_tables};
use crate::{refused_query, refused_write};

/// The tables. Clones share them.
#[derive(Clone)]
pub struct DynamoDb {
    engine: Database,
    tokens: Arc<Mutex<ClientTokens>>,
    usage: Usage,
    disk: Option<Disk>,
    clock: LocalClock,
    watch: Arc<Mutex<Option<Watch>>>,
}

/// How durable a write is when its caller gets the answer, if the tables are in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Visible at once, and on the disk before anything that depends on it leaves this process:
    /// what was answered survives a power cut.
    PowerCut,
    /// With the operating system: it survives the death of the process.
    ProcessDeath,
}

/// An answer with its HTTP status.
pub(crate) type EngineAnswer = (u16, Value);

struct EngineClock(LocalClock);

impl storage_backend::Clock for EngineClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now().as_second()).unwrap_or_default()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.0.now().as_duration().as_secs_f64()
    }
}

impl DynamoDb {
    pub(crate) fn in_memory(clock: LocalClock, usage: Usage) -> anyhow::Result<Self> {
        let engine_clock = Arc::new(EngineClock(clock.clone()));
        Ok(Self {
            engine: Database::memory_with_clock(engine_clock)?,
            tokens: Arc::default(),
            usage,
            disk: None,
            clock,
            watch: Arc::default(),
        })
    }

    pub(crate) fn in_file(
        file: &Path,
        durability: Durability,
        clock: LocalClock,
        usage: Usage,
    ) -> anyhow::Result<Self> {
        let engine = Database::new(&file.to_string_lossy())?;
        // The engine opens its file with a sync for each commit. Its way back from bulk loading is
        // the mode that leaves syncing to others, except when its log is moved into its file.
        engine.disable_bulk_loading()?;
        let disk = match durability {
            Durability::PowerCut => Some(Disk::new(&log_of(file))?),
            Durability::ProcessDeath => None,
        };
        Ok(Self {
            engine,
            tokens: Arc::default(),
            usage,
            disk,
            clock,
            watch: Arc::default(),
        })
    }

    /// Waits until everything that can be seen by now is as durable as it was asked to be.
    pub(crate) async fn durable(&self) -> anyhow::Result<()> {
        match &self.disk {
            Some(disk) => disk.reached().await,
            None => Ok(()),
        }
    }

    /// Deletes what has expired; says how many items. AWS does it within days, and so is never
    /// to be depended on.
    pub fn sweep_expired(&self) -> anyhow::Result<usize> {
        Ok(self.engine.sweep_ttl()?)
    }

    /// When the first of all entries of the index is due, whether or not it is shown yet.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let shards = cloud::due::shards();
        let first = shards.filter_map(|shard| due_watch::first_due(&self.engine, &shard));
        let first = first.min()?;
        Timestamp::from_millisecond(first).ok()
    }

    /// All entries of the index that are due, by pk and sk, whether or not they are shown yet.
    pub fn due_entries(&self) -> anyhow::Result<Vec<(String, String)>> {
        Ok(due_watch::entries(&self.engine)?.into_keys().collect())
    }

    /// The parts of the index that are not empty.
    pub fn filled_shards(&self) -> anyhow::Result<Vec<String>> {
        let entries = due_watch::entries(&self.engine)?;
        let watch = held(&self.watch);
        let shown = watch.iter().flat_map(Watch::shown_in);
        let filled = entries.values().map(|(shard, _)| shard.as_str());
        let filled = filled.chain(shown).map(cloud::due::beside_parked);
        let filled: BTreeSet<String> = filled.map(str::to_owned).collect();
        Ok(filled.into_iter().collect())
    }

    /// Shows the index of what is due as it was so long ago, as AWS may do.
    pub fn let_index_lag(&self, by: SignedDuration) -> anyhow::Result<()> {
        self.watch(|watch| watch.lag_by(by))
    }

    /// Counts from now on how often each key is read and written.
    pub fn count_keys(&self) -> anyhow::Result<()> {
        self.watch(Watch::count_keys)
    }

    /// How often each key was read and written since it is counted.
    pub fn key_uses(&self) -> BTreeMap<String, KeyUse> {
        let watch = held(&self.watch);
        watch.as_ref().map(Watch::uses).unwrap_or_default()
    }

    fn watch(&self, change: impl FnOnce(&mut Watch)) -> anyhow::Result<()> {
        let mut watch = held(&self.watch);
        if watch.is_none() {
            *watch = Some(Watch::begin(&self.engine)?);
        }
        if let Some(watch) = watch.as_mut() {
            change(watch);
        }
        Ok(())
    }

    /// Creates one of the product's tables, unless it is there.
    pub(crate) fn create_product_table(&self, table: &str) -> anyhow::Result<()> {
        let request = product_tables::definition(table);
        match self.engine.create_table(serde_json::from_value(request)?) {
            Ok(_) => {}
            Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let expiry = json!({
            "TableName": table,
            "TimeToLiveSpecification": { "AttributeName": "expires_at", "Enabled": true },
        });
        let expiry = serde_json::from_value(expiry)?;
        self.engine.update_time_to_live(expiry)?;
        Ok(())
    }

    /// Makes the product's tables anew, with nothing in them.
    pub(crate) fn empty_product_tables(&self, tables: &[&str]) -> anyhow::Result<()> {
        let mut watch = held(&self.watch);
        for table in tables {
            let request = json!({ "TableName": table });
            self.engine.delete_table(serde_json::from_value(request)?)?;
            self.create_product_table(table)?;
        }
        // It knows keys that are gone; whoever needs one begins it again.
        *watch = None;
        Ok(())
    }

    /// Answers one request of AWS's JSON protocol.
    pub(crate) fn answer(
        &self,
        operation: &str,
        request: &Value,
    ) -> Result<EngineAnswer, WireFailure> {
        let requested = request["ReturnConsumedCapacity"].as_str().unwrap_or("NONE");
        let writing = self.disk.as_ref().filter(|_| !only_reads(operation));
        let writing = writing.map(Disk::writing);
        let done = self.carry_out(operation, request)?;
        drop(writing);
        match done {
            Ok(mut answer) => {
                if let Some(watch) = &mut *held(&self.watch) {
                    watch.answered(
                        &self.engine,
                        operation,
                        request,
                        &mut answer,
                        self.clock.now(),
                    );
                }
                let consumed = consumed(&answer)?;
                self.usage.count_dynamodb(operation, &consumed);
                trim_capacity(&mut answer, requested);
                Ok((200, answer))
            }
            Err(error) => {
                let consumed = refused_write::units(&self.engine, operation, request, &error);
                self.usage.count_refused_write(operation, consumed);
                let body = serde_json::from_str(&error.to_json()).unwrap_or_default();
                Ok((error.status_code(), body))
            }
        }
    }

    fn carry_out(
        &self,
        operation: &str,
        request: &Value,
    ) -> Result<Result<Value, DynoxideError>, WireFailure> {
        let engine = &self.engine;
        // The engine is always asked for the consumed units, whether or not the caller asks.
        macro_rules! moved {
            ($request:ty, $act:ident) => {
                done(request, |mut request: $request| {
                    request.return_consumed_capacity = Some("INDEXES".to_owned());
                    engine.$act(request)
                })
            };
        }
        Ok(match operation {
            "CreateTable" => done(request, |request| engine.create_table(request)),
            "DescribeTable" => done(request, |request| engine.describe_table(request)),
            "ListTables" => done(request, |request| engine.list_tables(request)),
            "UpdateTimeToLive" => done(request, |request| engine.update_time_to_live(request)),
            "PutItem" => moved!(PutItemRequest, put_item),
            "GetItem" => moved!(GetItemRequest, get_item),
            "UpdateItem" => moved!(UpdateItemRequest, update_item),
            "DeleteItem" => moved!(DeleteItemRequest, delete_item),
            "Query" => match refused_query::refusal(request) {
                Some(refused) => Err(refused),
                None => moved!(QueryRequest, query),
            },
            "Scan" => moved!(ScanRequest, scan),
            "BatchGetItem" => moved!(BatchGetItemRequest, batch_get_item),
            "BatchWriteItem" => moved!(BatchWriteItemRequest, batch_write_item),
            "TransactWriteItems" => return self.transact(request),
            "TransactGetItems" => moved!(TransactGetItemsRequest, transact_get_items),
            other => return Err(WireFailure::not_built(format!("DynamoDB {other}"))),
        })
    }

    fn transact(&self, request: &Value) -> Result<Result<Value, DynoxideError>, WireFailure> {
        held(&self.tokens).once(request, || {
            Ok(done(request, |mut request: TransactWriteItemsRequest| {
                request.client_request_token = None;
                request.return_consumed_capacity = Some("INDEXES".to_owned());
                self.engine.transact_write_items(request)
            }))
        })
    }
}

impl std::fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DynamoDb")
    }
}

/// The engine's log, beside its file.
fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn only_reads(operation: &str) -> bool {
    matches!(
        operation,
        "GetItem"
            | "Query"
            | "Scan"
            | "BatchGetItem"
            | "TransactGetItems"
            | "DescribeTable"
            | "ListTables"
    )
}

fn done<Q: DeserializeOwned, A: Serialize>(
    request: &Value,
    act: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Result<Value, DynoxideError> {
    let answer = act(Q::deserialize(request).map_err(|error| malformed(&error))?)?;
    serde_json::to_value(answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// The engine marks in the reader's message which of AWS's errors it stands for.
fn malformed(error: &serde_json::Error) -> DynoxideError {
    let message = error.to_string();
    let marked = ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"];
    if let Some(message) = marked
        .iter()
        .find_map(|marker| message.strip_prefix(marker))
    {
        return DynoxideError::ValidationException(message.to_owned());
    }
    let marked = ["SERIALIZATION_AS_READ:", "SERIALIZATION:"];
    if let Some(message) = marked
        .iter()
        .find_map(|marker| message.strip_prefix(marker))
    {
        return DynoxideError::SerializationException(message.to_owned());
    }
    DynoxideError::ValidationException(message)
}

/// What the answer says was consumed: one table's, or a list of them.
fn consumed(answer: &Value) -> Result<Vec<ConsumedCapacity>, WireFailure> {
    let consumed = match &answer["ConsumedCapacity"] {
        Value::Null => return Ok(Vec::new()),
        Value::Array(tables) => tables.iter().map(ConsumedCapacity::deserialize).collect(),
        one @ (Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            ConsumedCapacity::deserialize(one).map(|one| vec![one])
        }
    };
    consumed.map_err(|error| WireFailure::unreadable("ConsumedCapacity", &error))
}

/// Leaves in the answer the consumed capacity that the caller asked for.
fn trim_capacity(answer: &mut Value, requested: &str) {
    let Some(members) = answer.as_object_mut() else {
        return;
    };
    match requested {
        "INDEXES" => {}
        "TOTAL" => match members.get_mut("ConsumedCapacity") {
            Some(Value::Array(tables)) => tables.iter_mut().for_each(trim_to_total),
            Some(one) => trim_to_total(one),
            None => {}
        },
        _ => {
            members.remove("ConsumedCapacity");
        }
    }
}

fn trim_to_total(consumed: &mut Value) {
    if let Some(members) = consumed.as_object_mut() {
        members.retain(|name, _| {
            !matches!(
                name.as_str(),
                "Table" | "GlobalSecondaryIndexes" | "LocalSecondaryIndexes"
            )
        });
    }
}
