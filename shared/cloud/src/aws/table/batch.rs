//! Reads or deletes many records in one request.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest};

use super::{Key, Table, key_item, key_of};
use crate::error::Error;
use crate::records::item::{Item, known};

/// Most records in one batch of reads. The platform's figure.
pub(crate) const BATCH_GET_MAX: usize = 100;

/// Most records that are deleted in one request. The platform's figure.
const BATCH_DELETE_MAX: usize = 25;

/// How often the records that the service left undone are requested again.
const BATCH_TRIES_MAX: u32 = 8;

impl Table {
    /// Those of these records that exist, in no order.
    pub(crate) async fn get_many(&self, keys: &[Key]) -> Result<Vec<Item>, Error> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH_GET_MAX) {
            let wanted = HashMap::from([(self.name.clone(), self.wanted(keys)?)]);
            let mut answer = self.get_batch(wanted).await?;
            found.extend(answer.remove(&self.name).unwrap_or_default());
        }
        Ok(found)
    }

    /// The same for less than [`BATCH_GET_MAX`], and one record of another table, in one request.
    pub(crate) async fn get_many_and(
        &self,
        keys: &[Key],
        other: &Self,
        key: &Key,
    ) -> Result<(Vec<Item>, Option<Item>), Error> {
        let of_other = other.wanted(std::slice::from_ref(key))?;
        let wanted = HashMap::from([
            (self.name.clone(), self.wanted(keys)?),
            (other.name.clone(), of_other),
        ]);
        let mut answer = self.get_batch(wanted).await?;
        let mut of_table = |table: &Self| answer.remove(&table.name).unwrap_or_default();
        Ok((of_table(self), of_table(other).pop()))
    }

    fn wanted(&self, keys: &[Key]) -> Result<KeysAndAttributes, Error> {
        KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(key_item).collect()))
            .consistent_read(true)
            .build()
            .map_err(|error| self.out_of_reach("BatchGetItem", error))
    }

    /// By table. Records that the service leaves undone are requested again.
    async fn get_batch(
        &self,
        wanted: HashMap<String, KeysAndAttributes>,
    ) -> Result<HashMap<String, Vec<Item>>, Error> {
        let mut found: HashMap<String, Vec<Item>> = HashMap::new();
        let mut unprocessed = wanted;
        for tried in 0..BATCH_TRIES_MAX {
            back_off(tried).await;
            let answer = self
                .dynamodb
                .batch_get_item()
                .set_request_items(Some(unprocessed))
                .send()
                .await
                .map_err(|error| self.out_of_reach("BatchGetItem", error))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                let items: Result<Vec<_>, _> = items.into_iter().map(known).collect();
                found.entry(table).or_default().extend(items?);
            }
            unprocessed = answer.unprocessed_keys.unwrap_or_default();
            if unprocessed.is_empty() {
                return Ok(found);
            }
        }
        Err(self.out_of_reach("BatchGetItem", "keys stayed unprocessed"))
    }

    /// Keys of a partition, the first ones; at most `limit`.
    pub(crate) async fn keys_in(&self, pk: &str, limit: i32) -> Result<Vec<Key>, Error> {
        let answer = self
            .dynamodb
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(limit)
            .key_condition_expression("pk = :pk")
            .projection_expression("pk, sk")
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .send()
            .await
            .map_err(|error| self.out_of_reach("Query", error))?;
        Ok(answer.items().iter().filter_map(key_of).collect())
    }

    /// Deletes records unconditionally. A record that does not exist is ignored.
    pub(crate) async fn delete_many(&self, keys: &[Key]) -> Result<(), Error> {
        for keys in keys.chunks(BATCH_DELETE_MAX) {
            let deletions = keys.iter().map(|key| {
                let deletion = DeleteRequest::builder()
                    .set_key(Some(key_item(key)))
                    .build();
                deletion.map(|deletion| WriteRequest::builder().delete_request(deletion).build())
            });
            let deletions = deletions.collect::<Result<Vec<_>, _>>();
            let deletions =
                deletions.map_err(|error| self.out_of_reach("BatchWriteItem", error))?;
            self.delete_batch(deletions).await?;
        }
        Ok(())
    }

    /// Records that the service leaves undone are requested again.
    async fn delete_batch(&self, deletions: Vec<WriteRequest>) -> Result<(), Error> {
        let mut left = HashMap::from([(self.name.clone(), deletions)]);
        for tried in 0..BATCH_TRIES_MAX {
            back_off(tried).await;
            let answer = self
                .dynamodb
                .batch_write_item()
                .set_request_items(Some(left))
                .send()
                .await
                .map_err(|error| self.out_of_reach("BatchWriteItem", error))?;
            left = answer.unprocessed_items.unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
        }
        Err(self.out_of_reach("BatchWriteItem", "deletions stayed unprocessed"))
    }
}

/// Waits longer each time: 0, 20, 40, 80 … ms.
pub(super) async fn back_off(tried: u32) {
    if tried > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10 << tried.min(8))).await;
    }
}
