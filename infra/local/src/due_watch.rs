//! For tests: the index of what is due as AWS shows it, a little late, and how often each key of
//! the tables is used. Nothing is watched unless a test asks for it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::AddAssign;

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::names::{CALLS_TABLE, DUE_INDEX};

/// pk and sk.
pub(crate) type ItemKey = (String, String);

/// The place of an entry in the index: its part, and when it is due in milliseconds.
pub(crate) type IndexPosition = (String, i64);

/// How often a key was used: records read, records written (those of a transaction twice), as AWS
/// holds it against the 3,000 and the 1,000 a second that one key has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    pub reads: u32,
    pub writes: u32,
}

impl AddAssign for KeyUse {
    fn add_assign(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
    }
}

#[derive(Debug)]
pub(crate) struct Watch {
    /// The index as it is.
    entries: BTreeMap<ItemKey, IndexPosition>,
    lag: Option<Lag>,
    uses: Option<BTreeMap<String, KeyUse>>,
}

#[derive(Debug)]
struct Lag {
    by: SignedDuration,
    /// The index as it is shown.
    shown: BTreeMap<ItemKey, IndexPosition>,
    /// Changes that are not shown yet, in their order.
    changes: VecDeque<(Timestamp, ItemKey, Option<IndexPosition>)>,
}

impl Watch {
    /// Of an index that may hold entries already.
    pub(crate) fn begin(engine: &Database) -> anyhow::Result<Self> {
        Ok(Self {
            entries: entries(engine)?,
            lag: None,
            uses: None,
        })
    }

    pub(crate) fn lag_by(&mut self, by: SignedDuration) {
        match &mut self.lag {
            Some(lag) => lag.by = by,
            None => {
                self.lag = Some(Lag {
                    by,
                    shown: self.entries.clone(),
                    changes: VecDeque::new(),
                });
            }
        }
    }

    /// The parts of what is shown, or will be, though it is not so any more.
    pub(crate) fn shown_in(&self) -> impl Iterator<Item = &str> {
        let lag = self.lag.iter();
        lag.flat_map(|lag| {
            let shown = lag.shown.values();
            let to_come = lag.changes.iter().filter_map(|(_, _, to)| to.as_ref());
            shown.chain(to_come).map(|(shard, _)| shard.as_str())
        })
    }

    pub(crate) fn count_keys(&mut self) {
        self.uses = Some(BTreeMap::new());
    }

    pub(crate) fn uses(&self) -> BTreeMap<String, KeyUse> {
        self.uses.clone().unwrap_or_default()
    }

    /// A request was carried out; its answer gets the index as it is shown.
    pub(crate) fn answered(
        &mut self,
        engine: &Database,
        operation: &str,
        request: &Value,
        answer: &mut Value,
        now: Timestamp,
    ) {
        for (table, key) in read(operation, request) {
            self.used(
                format!("{table} {}/{}", key.0, key.1),
                KeyUse {
                    reads: 1,
                    writes: 0,
                },
            );
        }
        let writes = if operation == "TransactWriteItems" {
            2
        } else {
            1
        };
        for (table, key) in written(operation, request) {
            self.used(
                format!("{table} {}/{}", key.0, key.1),
                KeyUse { reads: 0, writes },
            );
            if table == CALLS_TABLE {
                let place = place_of(engine, &key);
                self.moved(key, place, now);
            }
        }
        if operation == "Query" && request["IndexName"] == DUE_INDEX {
            self.show(request, answer, now);
        }
    }

    fn used(&mut self, name: String, by: KeyUse) {
        if let Some(uses) = &mut self.uses {
            *uses.entry(name).or_default() += by;
        }
    }

    /// An entry that changes its place is taken out of one part and put into another.
    fn moved(&mut self, key: ItemKey, to: Option<IndexPosition>, now: Timestamp) {
        let from = match &to {
            Some(place) => self.entries.insert(key.clone(), place.clone()),
            None => self.entries.remove(&key),
        };
        if from == to {
            return;
        }
        for (shard, _) in from.iter().chain(&to) {
            self.used(
                format!("{DUE_INDEX} {shard}"),
                KeyUse {
                    reads: 0,
                    writes: 1,
                },
            );
        }
        if let Some(lag) = &mut self.lag {
            lag.changes.push_back((now, key, to));
        }
    }

    fn show(&mut self, request: &Value, answer: &mut Value, now: Timestamp) {
        let Some(lag) = &mut self.lag else { return };
        while let Some((_, key, to)) = lag
            .changes
            .pop_front_if(|(at, _, _)| now.duration_since(*at) >= lag.by)
        {
            match to {
                Some(place) => lag.shown.insert(key, place),
                None => lag.shown.remove(&key),
            };
        }
        let values = &request["ExpressionAttributeValues"];
        let (shard, by) = (values[":shard"]["S"].as_str(), millisecond(&values[":by"]));
        let start = &request["ExclusiveStartKey"];
        let behind = key(start)
            .zip(place(start))
            .map(|(key, (_, due))| (due, key));
        let mut found: Vec<(i64, ItemKey)> = lag
            .shown
            .iter()
            .filter(|(_, (of, due))| Some(of.as_str()) == shard && Some(*due) <= by)
            .map(|(key, (_, due))| (*due, key.clone()))
            .filter(|entry| behind.as_ref().is_none_or(|behind| entry > behind))
            .collect();
        found.sort();
        let limit = request["Limit"]
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok());
        found.truncate(limit.unwrap_or(usize::MAX));
        let items = found.into_iter().map(|(due, (pk, sk))| {
            json!({
                "pk": { "S": pk }, "sk": { "S": sk },
                "due_shard": { "S": shard }, "due_at": { "N": due.to_string() },
            })
        });
        let items: Vec<Value> = items.collect();
        answer["Count"] = json!(items.len());
        answer["ScannedCount"] = json!(items.len());
        answer["Items"] = Value::Array(items);
    }
}

/// The index as it is.
pub(crate) fn entries(engine: &Database) -> anyhow::Result<BTreeMap<ItemKey, IndexPosition>> {
    let mut entries = BTreeMap::new();
    let mut scan = json!({ "TableName": CALLS_TABLE, "IndexName": DUE_INDEX });
    loop {
        let found = engine.scan(serde_json::from_value(scan.clone())?)?;
        let found = serde_json::to_value(found)?;
        let items = found["Items"].as_array().into_iter().flatten();
        entries.extend(items.filter_map(|item| Some((key(item)?, place(item)?))));
        let last = &found["LastEvaluatedKey"];
        if last.is_null() {
            return Ok(entries);
        }
        scan["ExclusiveStartKey"] = last.clone();
    }
}

/// The first entry of a part, by its time in milliseconds.
pub(crate) fn first_due(engine: &Database, shard: &str) -> Option<i64> {
    let query = json!({
        "TableName": CALLS_TABLE,
        "IndexName": DUE_INDEX,
        "KeyConditionExpression": "due_shard = :shard",
        "ExpressionAttributeValues": { ":shard": { "S": shard } },
        "Limit": 1,
    });
    let found = engine.query(serde_json::from_value(query).ok()?).ok()?;
    let found = serde_json::to_value(found).ok()?;
    millisecond(&found["Items"][0]["due_at"])
}

fn place_of(engine: &Database, (pk, sk): &ItemKey) -> Option<IndexPosition> {
    let get = json!({ "TableName": CALLS_TABLE, "Key": { "pk": { "S": pk }, "sk": { "S": sk } } });
    let found = engine.get_item(serde_json::from_value(get).ok()?).ok()?;
    place(&serde_json::to_value(found).ok()?["Item"])
}

fn key(item: &Value) -> Option<ItemKey> {
    let part = |name: &str| Some(item[name]["S"].as_str()?.to_owned());
    Some((part("pk")?, part("sk")?))
}

fn place(item: &Value) -> Option<IndexPosition> {
    Some((
        item["due_shard"]["S"].as_str()?.to_owned(),
        millisecond(&item["due_at"])?,
    ))
}

fn millisecond(value: &Value) -> Option<i64> {
    value["N"].as_str()?.parse().ok()
}

/// The records that a request reads by their keys, with their tables.
fn read(operation: &str, request: &Value) -> Vec<(String, ItemKey)> {
    match operation {
        "GetItem" => of_table(request, [&request["Key"]]),
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            let keys = tables.flat_map(|(table, wanted)| {
                let keys = wanted["Keys"].as_array().into_iter().flatten();
                keys.filter_map(move |item| Some((table.clone(), key(item)?)))
            });
            keys.collect()
        }
        _ => Vec::new(),
    }
}

/// The records that a request writes, with their tables.
fn written(operation: &str, request: &Value) -> Vec<(String, ItemKey)> {
    match operation {
        "PutItem" => of_table(request, [&request["Item"]]),
        "UpdateItem" | "DeleteItem" => of_table(request, [&request["Key"]]),
        "TransactWriteItems" => {
            let actions = request["TransactItems"].as_array().into_iter().flatten();
            let written = actions.flat_map(|action| {
                let put = of_table(&action["Put"], [&action["Put"]["Item"]]);
                let others = ["Update", "Delete"].map(|name| &action[name]);
                let others = others
                    .into_iter()
                    .flat_map(|one| of_table(one, [&one["Key"]]));
                put.into_iter().chain(others)
            });
            written.collect()
        }
        "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            let written = tables.flat_map(|(table, writes)| {
                let writes = writes.as_array().into_iter().flatten();
                let items = writes.flat_map(|write| {
                    [&write["PutRequest"]["Item"], &write["DeleteRequest"]["Key"]]
                });
                items.filter_map(move |item| Some((table.clone(), key(item)?)))
            });
            written.collect()
        }
        _ => Vec::new(),
    }
}

fn of_table<const N: usize>(request: &Value, items: [&Value; N]) -> Vec<(String, ItemKey)> {
    let table = request["TableName"].as_str().unwrap_or_default();
    let items = items.into_iter();
    items
        .filter_map(|item| Some((table.to_owned(), key(item)?)))
        .collect()
}
