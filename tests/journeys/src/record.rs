//! What lies in the tables: for what no caller can see. Read past the faults.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use local::LocalCloud;
use local::names::{ACCOUNTS_TABLE, CALLS_TABLE, OBJECTS_TABLE};
use serde_json::{Value, json};

/// One record, attribute by attribute as DynamoDB writes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Record(Value);

impl Record {
    /// An attribute's text, whether it is text or number; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        let attribute = &self.0[name];
        attribute["S"]
            .as_str()
            .or_else(|| attribute["N"].as_str())
            .unwrap_or_default()
    }

    /// The RequestID of the call that an outcome tells of, said by itself or by the call beside it.
    pub fn request_id(&self) -> String {
        let compressed = self.0["call"]["B"].as_str().unwrap_or_default();
        let call = BASE64_STANDARD.decode(compressed).expect("Base64");
        match cloud::decompress(&call) {
            Some(call) => {
                let call: Value = serde_json::from_str(&call).expect("JSON");
                call["request_id"].as_str().expect("a text").to_owned()
            }
            None => self.text("request_id").to_owned(),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        !self.0[name].is_null()
    }

    /// As it stands on the wire.
    pub const fn json(&self) -> &Value {
        &self.0
    }

    pub fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or(0)
    }

    /// Its name in the table, without the numbers.
    pub fn kind(&self) -> &str {
        self.text("sk").split('#').next().unwrap_or_default()
    }
}

pub fn calls_table(local: &LocalCloud) -> Vec<Record> {
    scan(local, CALLS_TABLE)
}

pub fn objects_table(local: &LocalCloud) -> Vec<Record> {
    scan(local, OBJECTS_TABLE)
}

pub fn accounts_table(local: &LocalCloud) -> Vec<Record> {
    scan(local, ACCOUNTS_TABLE)
}

/// Puts a record into the accounts table, as whoever may write there could.
pub fn put_account_record(local: &LocalCloud, item: &Value) {
    put(local, ACCOUNTS_TABLE, item);
}

/// The same into the calls table: damage, say.
pub fn put_call_record(local: &LocalCloud, item: &Value) {
    put(local, CALLS_TABLE, item);
}

/// Puts many records into the objects table, in requests of as many as one takes.
pub fn put_object_records(local: &LocalCloud, items: &[Value]) {
    put_many(local, OBJECTS_TABLE, items);
}

/// The same into the calls table.
pub fn put_call_records(local: &LocalCloud, items: &[Value]) {
    put_many(local, CALLS_TABLE, items);
}

fn put_many(local: &LocalCloud, table: &str, items: &[Value]) {
    const AT_ONCE: usize = 25;
    for items in items.chunks(AT_ONCE) {
        let put = |item: &Value| json!({ "PutRequest": { "Item": item } });
        let puts: Vec<Value> = items.iter().map(put).collect();
        let body = json!({ "RequestItems": { table: puts } });
        let request = http::Request::builder()
            .method("POST")
            .uri("/")
            .header("x-amz-target", "DynamoDB_20120810.BatchWriteItem")
            .body(Bytes::from(body.to_string()))
            .expect("a request");
        assert_eq!(local.answer(request).status(), 200);
    }
}

fn put(local: &LocalCloud, table: &str, item: &Value) {
    let put = json!({ "TableName": table, "Item": item });
    let request = http::Request::builder()
        .method("POST")
        .uri("/")
        .header("x-amz-target", "DynamoDB_20120810.PutItem")
        .body(Bytes::from(put.to_string()))
        .expect("a request");
    assert_eq!(local.answer(request).status(), 200);
}

/// The records of all tables.
pub fn everything(local: &LocalCloud) -> Vec<Record> {
    local::names::TABLES
        .iter()
        .flat_map(|table| scan(local, table))
        .collect()
}

fn scan(local: &LocalCloud, table: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let mut start = Value::Null;
    loop {
        let mut scan = json!({ "TableName": table });
        if !start.is_null() {
            scan["ExclusiveStartKey"] = start;
        }
        let request = http::Request::builder()
            .method("POST")
            .uri("/")
            .header("x-amz-target", "DynamoDB_20120810.Scan")
            .body(Bytes::from(scan.to_string()))
            .expect("a request");
        let answer = local.answer(request);
        let mut answer: Value = serde_json::from_slice(answer.body()).expect("JSON");
        if let Value::Array(items) = answer["Items"].take() {
            records.extend(items.into_iter().map(Record));
        }
        start = answer["LastEvaluatedKey"].take();
        if start.is_null() {
            return records;
        }
    }
}
