//! Events of a send, counted without decompressing them.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Key, Table, key_item, key_of};
use crate::error::Error;

/// What some events count as, and where to go on.
pub(crate) struct MarkedPage {
    pub(crate) counted_as: Vec<String>,
    pub(crate) next: Option<Key>,
}

impl Table {
    /// A page of a partition: 1 MB of it is read, however much of that belongs to the send.
    pub(crate) async fn marked(
        &self,
        pk: &str,
        send: &str,
        after: Option<&Key>,
    ) -> Result<MarkedPage, Error> {
        let answer = self
            .dynamodb
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .filter_expression("#send = :send")
            .expression_attribute_names("#send", "send")
            .expression_attribute_values(":send", AttributeValue::S(send.to_owned()))
            .projection_expression("counts_as")
            .set_exclusive_start_key(after.map(key_item))
            .send()
            .await
            .map_err(|error| self.out_of_reach("Query", error))?;
        let items = answer.items.unwrap_or_default().into_iter();
        let kind = |mut item: std::collections::HashMap<String, AttributeValue>| match item
            .remove("counts_as")
        {
            Some(AttributeValue::S(kind)) => Some(kind),
            Some(_) | None => None,
        };
        Ok(MarkedPage {
            counted_as: items.filter_map(kind).collect(),
            next: answer.last_evaluated_key.as_ref().and_then(key_of),
        })
    }
}
