//! What a write costs that its condition refused: AWS consumes the units nevertheless.

use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use dynoxide::types::{Item, TRANSACTIONAL_CAPACITY_FACTOR, item_size, table_write_capacity_units};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Write units of the request, where a condition refused it; the engine does not report them.
pub(crate) fn units(
    engine: &Database,
    operation: &str,
    request: &Value,
    error: &DynoxideError,
) -> f64 {
    if matches!(error, DynoxideError::ConditionalCheckFailedException(..)) {
        return units_of(engine, request);
    }
    if !matches!(error, DynoxideError::TransactionCanceledException(..))
        || operation != "TransactWriteItems"
    {
        return 0.0;
    }
    let actions = request["TransactItems"].as_array().into_iter().flatten();
    let actions = actions.filter_map(|action| action.as_object()?.values().next());
    actions
        .map(|action| TRANSACTIONAL_CAPACITY_FACTOR * units_of(engine, action))
        .sum()
}

/// The size of the item that is there or of the new one, whichever is larger.
fn units_of(engine: &Database, action: &Value) -> f64 {
    let new = action.get("Item");
    let present = present_item(engine, action);
    table_write_capacity_units(present.as_ref().and_then(size), new.and_then(size))
}

fn present_item(engine: &Database, action: &Value) -> Option<Value> {
    let table = action.get("TableName")?;
    let key = match action.get("Key") {
        Some(key) => key.clone(),
        None => key_of(engine, table, action.get("Item")?)?,
    };
    let request = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
    let answer = engine
        .get_item(serde_json::from_value(request).ok()?)
        .ok()?;
    serde_json::to_value(answer).ok()?.get("Item").cloned()
}

fn key_of(engine: &Database, table: &Value, item: &Value) -> Option<Value> {
    let request = serde_json::from_value(json!({ "TableName": table })).ok()?;
    let described = serde_json::to_value(engine.describe_table(request).ok()?).ok()?;
    let schema = described["Table"]["KeySchema"].as_array()?;
    let mut key = Map::new();
    for part in schema {
        let name = part["AttributeName"].as_str()?;
        key.insert(name.to_owned(), item.get(name)?.clone());
    }
    Some(Value::Object(key))
}

fn size(item: &Value) -> Option<usize> {
    Item::deserialize(item).ok().as_ref().map(item_size)
}
