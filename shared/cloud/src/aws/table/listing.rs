//! All records of one kind in a whole table: for the operator, never for a call.

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::Table;
use crate::error::Error;
use crate::records::item::Item;

impl Table {
    /// Those whose sort keys have this prefix, and that have this text in an attribute, in no
    /// order.
    pub(crate) async fn all_where(
        &self,
        sk_prefix: &str,
        attribute: &str,
        text: &str,
    ) -> Result<Vec<Item>, Error> {
        let scan = self
            .dynamodb
            .scan()
            .filter_expression("begins_with(sk, :prefix) AND #attribute = :text")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":prefix", AttributeValue::S(sk_prefix.to_owned()))
            .expression_attribute_values(":text", AttributeValue::S(text.to_owned()));
        self.scanned(scan).await
    }

    /// Those with that sort key whose partition keys have this prefix, in no order.
    pub(crate) async fn all_of(&self, pk_prefix: &str, sk: &str) -> Result<Vec<Item>, Error> {
        let scan = self
            .dynamodb
            .scan()
            .filter_expression("begins_with(pk, :prefix) AND sk = :sk")
            .expression_attribute_values(":prefix", AttributeValue::S(pk_prefix.to_owned()))
            .expression_attribute_values(":sk", AttributeValue::S(sk.to_owned()));
        self.scanned(scan).await
    }

    /// Those with that sort key, in no order.
    pub(crate) async fn all_sorted(&self, sk: &str) -> Result<Vec<Item>, Error> {
        let scan = self.dynamodb.scan().filter_expression("sk = :sk");
        let scan = scan.expression_attribute_values(":sk", AttributeValue::S(sk.to_owned()));
        self.scanned(scan).await
    }

    async fn scanned(&self, scan: ScanFluentBuilder) -> Result<Vec<Item>, Error> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let page = scan.clone().table_name(&self.name).consistent_read(true);
            let page = page.set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| self.out_of_reach("Scan", error))?;
            found.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}
