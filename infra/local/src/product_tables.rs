//! How the product's tables are made, as the template has them.

use serde_json::{Value, json};

use crate::names::{ACCOUNT_INDEX, CALLS_TABLE, DUE_INDEX, FAILED_INDEX};

/// The indexes of the calls table: name, partition and sort key.
const INDEXES: [[&str; 3]; 3] = [
    [DUE_INDEX, "due_shard", "due_at"],
    [ACCOUNT_INDEX, "account_share", "opened_at"],
    [FAILED_INDEX, "failed_share", "failed_at"],
];

/// The request that creates a table.
pub(crate) fn definition(table: &str) -> Value {
    let indexes: &[[&str; 3]] = match table {
        CALLS_TABLE => &INDEXES,
        _ => &[],
    };
    let of_indexes = indexes
        .iter()
        .flat_map(|[_, pk, sk]| [(*pk, "S"), (*sk, "N")]);
    let keys = [("pk", "S"), ("sk", "S")].into_iter().chain(of_indexes);
    let attribute = |(name, kind)| json!({ "AttributeName": name, "AttributeType": kind });
    let mut request = json!({
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": keys.map(attribute).collect::<Vec<_>>(),
        "KeySchema": key_schema("pk", "sk"),
    });
    if !indexes.is_empty() {
        request["GlobalSecondaryIndexes"] = indexes.iter().map(keys_only).collect();
    }
    request
}

fn key_schema(partition: &str, sort: &str) -> Value {
    json!([
        { "AttributeName": partition, "KeyType": "HASH" },
        { "AttributeName": sort, "KeyType": "RANGE" },
    ])
}

/// An index that has nothing but keys.
fn keys_only([name, partition, sort]: &[&str; 3]) -> Value {
    json!({
        "IndexName": name,
        "KeySchema": key_schema(partition, sort),
        "Projection": { "ProjectionType": "KEYS_ONLY" },
    })
}
