//! Queries that DynamoDB refuses, and the embedded engine answers.

use dynoxide::errors::DynoxideError;
use serde_json::Value;

/// A query by an empty key, which the engine would answer and DynamoDB refuses.
pub(crate) fn refusal(request: &Value) -> Option<DynoxideError> {
    let condition = request["KeyConditionExpression"].as_str()?;
    let values = request["ExpressionAttributeValues"].as_object()?;
    let is_named = |name: &str| {
        condition
            .split(|c: char| !(c.is_alphanumeric() || ":_".contains(c)))
            .any(|word| word == name)
    };
    let mut empty = values
        .iter()
        .filter(|(name, value)| value["S"] == "" && is_named(name));
    empty.next().map(|_| {
        DynoxideError::ValidationException(
            "One or more parameter values are not valid. The AttributeValue for a key attribute \
             cannot contain an empty string value."
                .to_owned(),
        )
    })
}
