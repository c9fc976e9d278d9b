//! All records of one kind, out of a whole table: for the operator, never for a call.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Table;
use crate::error::Error;
use crate::records::item::Item;

impl Table {
    /// Those with that sort key whose partition keys begin so, in no order.
    pub(crate) async fn all_of(&self, pk_prefix: &str, sk: &str) -> Result<Vec<Item>, Error> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .dynamodb
                .scan()
                .table_name(&self.name)
                .consistent_read(true)
                .filter_expression("begins_with(pk, :prefix) AND sk = :sk")
                .expression_attribute_values(":prefix", AttributeValue::S(pk_prefix.to_owned()))
                .expression_attribute_values(":sk", AttributeValue::S(sk.to_owned()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| self.out_of_reach("Scan", error))?;
            found.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}
