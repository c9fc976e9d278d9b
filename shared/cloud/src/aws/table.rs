//! One DynamoDB table, and (with its `taking`) all condition expressions.
//!
//! Reads are consistent, except those of indexes. Writes are conditional on the version that the
//! decision saw, or on absence. A plain [`Table::put`] is for records with one writer, or that are
//! always the same.

mod batch;
mod by_account;
pub(crate) mod key;
mod listing;
mod marked;
pub(crate) mod taking;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use jiff::Timestamp;

pub(crate) use batch::BATCH_GET_MAX;
use batch::back_off;
pub use by_account::ListOrder;
pub(crate) use by_account::{ListEntries, ListEntry, ListIndex, PartQuery};
pub use key::Key;

use crate::error::{BoxError, CommitError, Error};
use crate::records::item::{Item, known};

/// Most records in one transaction. The platform's figure.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// How often a put is repeated when a transaction is in progress at its record.
const IN_A_TRANSACTION_MAX: u32 = 4;

#[derive(Clone)]
pub struct Table {
    dynamodb: Client,
    name: String,
}

/// One page of a query. `next` is where the following page begins.
pub(crate) struct QueryPage {
    pub(crate) items: Vec<Item>,
    pub(crate) next: Option<Key>,
}

/// Which records of a partition a query returns.
pub(crate) enum Range<'a> {
    /// Sort keys with this prefix.
    Prefix(&'a str),
    /// Sort keys between the two, both included.
    Between(&'a str, &'a str),
    /// The same in descending order: the first is the larger one.
    Down(&'a str, &'a str),
    All,
}

/// An entry of the due index.
#[derive(Clone, Debug)]
pub struct DueEntry {
    pub key: Key,
    pub due_at: Timestamp,
}

impl Table {
    pub(crate) fn new(dynamodb: Client, name: &str) -> Self {
        Self {
            dynamodb,
            name: name.to_owned(),
        }
    }

    fn out_of_reach(&self, operation: &'static str, source: impl Into<BoxError>) -> Error {
        Error::Table {
            table: self.name.clone(),
            operation,
            source: source.into(),
        }
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, Error> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| self.out_of_reach("GetItem", error))?;
        answer.item.map(known).transpose()
    }

    /// Writes a record unconditionally.
    pub(crate) async fn put(&self, item: Item) -> Result<(), Error> {
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item));
        self.sent(put)
            .await
            .map(drop)
            .map_err(|error| self.out_of_reach("PutItem", error))
    }

    /// Sends a put, and repeats it while a transaction is in progress at the record.
    async fn sent(
        &self,
        put: PutItemFluentBuilder,
    ) -> Result<PutItemOutput, SdkError<PutItemError>> {
        for tried in 1..=IN_A_TRANSACTION_MAX {
            match put.clone().send().await {
                Err(SdkError::ServiceError(refused)) if is_in_a_transaction(refused.err()) => {
                    back_off(tried).await;
                }
                sent => return sent,
            }
        }
        put.send().await
    }

    /// Writes a record if there is none; otherwise returns the existing one.
    pub(crate) async fn put_new(&self, item: Item) -> Result<Option<Item>, Error> {
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.sent(put).await {
            Ok(_) => Ok(None),
            Err(SdkError::ServiceError(refused))
                if refused.err().is_conditional_check_failed_exception() =>
            {
                let refused = refused.into_err();
                if let PutItemError::ConditionalCheckFailedException(failed) = refused {
                    return known(failed.item.unwrap_or_default()).map(Some);
                }
                Err(self.out_of_reach("PutItem", refused))
            }
            Err(error) => Err(self.out_of_reach("PutItem", error)),
        }
    }

    /// Writes a record over the version that the decision saw; `None`: if there is none.
    pub(crate) async fn put_over(&self, item: Item, seen: Option<u64>) -> Result<(), CommitError> {
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item));
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put
                .condition_expression("version = :seen")
                .expression_attribute_values(":seen", AttributeValue::N(seen.to_string())),
        };
        match put.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused))
                if refused.err().is_conditional_check_failed_exception()
                    || is_in_a_transaction(refused.err()) =>
            {
                Err(CommitError::Conflict)
            }
            Err(error) => Err(self.out_of_reach("PutItem", error).into()),
        }
    }

    pub(crate) async fn query(
        &self,
        pk: &str,
        range: Range<'_>,
        limit: i32,
        start: Option<&Key>,
    ) -> Result<QueryPage, Error> {
        let query = self
            .dynamodb
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .limit(limit)
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .set_exclusive_start_key(start.map(key_item));
        let query = match range {
            Range::All => query.key_condition_expression("pk = :pk"),
            Range::Prefix(prefix) => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned())),
            Range::Between(first, last) => between(query, first, last),
            Range::Down(last, first) => between(query, first, last).scan_index_forward(false),
        };
        let answer = query
            .send()
            .await
            .map_err(|error| self.out_of_reach("Query", error))?;
        let items = answer.items.unwrap_or_default();
        Ok(QueryPage {
            items: items.into_iter().map(known).collect::<Result<_, _>>()?,
            next: answer.last_evaluated_key.as_ref().and_then(key_of),
        })
    }

    /// What is due by then, the longest overdue first.
    pub async fn due(
        &self,
        shard: &str,
        by: Timestamp,
        limit: i32,
    ) -> Result<Vec<DueEntry>, Error> {
        self.due_behind(shard, by, limit, None).await
    }

    /// The same after one of them. The index lags behind its records, so an entry that has been
    /// handled may still be there.
    pub async fn due_behind(
        &self,
        shard: &str,
        by: Timestamp,
        limit: i32,
        last: Option<&DueEntry>,
    ) -> Result<Vec<DueEntry>, Error> {
        let start = last.map(|last| {
            let due_at = last.due_at.as_millisecond().to_string();
            let mut start = key_item(&last.key);
            start.insert("due_shard".to_owned(), AttributeValue::S(shard.to_owned()));
            start.insert("due_at".to_owned(), AttributeValue::N(due_at));
            start
        });
        let answer = self
            .dynamodb
            .query()
            .table_name(&self.name)
            .index_name("due")
            .key_condition_expression("due_shard = :shard AND due_at <= :by")
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_owned()))
            .expression_attribute_values(":by", AttributeValue::N(by.as_millisecond().to_string()))
            .limit(limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| self.out_of_reach("Query", error))?;
        let entry = |item: &Item| {
            let due_at = item.get("due_at")?.as_n().ok()?.parse().ok()?;
            Some(DueEntry {
                key: key_of(item)?,
                due_at: Timestamp::from_millisecond(due_at).ok()?,
            })
        };
        Ok(answer
            .items
            .unwrap_or_default()
            .iter()
            .filter_map(entry)
            .collect())
    }
}

/// Several writes, all or none of which are made.
#[derive(Default)]
pub(crate) struct Transaction(Vec<Result<TransactWriteItem, BoxError>>);

impl Transaction {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Unconditional: another write of the same transaction has the condition.
    pub(crate) fn put(&mut self, table: &Table, item: Item) {
        let put = Put::builder().table_name(&table.name).set_item(Some(item));
        let put = put.build();
        self.0.push(
            put.map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(Into::into),
        );
    }

    pub(crate) fn put_new(&mut self, table: &Table, item: Item) {
        let put = Put::builder()
            .table_name(&table.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build();
        self.0.push(
            put.map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(Into::into),
        );
    }

    /// Over an existing record; the header that goes with it has the condition on the version.
    pub(crate) fn put_there(&mut self, table: &Table, item: Item) {
        let put = Put::builder()
            .table_name(&table.name)
            .set_item(Some(item))
            .condition_expression("attribute_exists(pk)")
            .build();
        self.0.push(
            put.map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(Into::into),
        );
    }

    pub(crate) fn put_over(&mut self, table: &Table, item: Item, seen: u64) {
        let put = Put::builder()
            .table_name(&table.name)
            .set_item(Some(item))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", AttributeValue::N(seen.to_string()))
            .build();
        self.0.push(
            put.map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(Into::into),
        );
    }

    pub(crate) fn delete_over(&mut self, table: &Table, key: &Key, seen: u64) {
        let delete = Delete::builder()
            .table_name(&table.name)
            .set_key(Some(key_item(key)))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", AttributeValue::N(seen.to_string()))
            .build();
        self.0.push(
            delete
                .map(|delete| TransactWriteItem::builder().delete(delete).build())
                .map_err(Into::into),
        );
    }

    /// With the client of `table`; the writes may be to other tables.
    pub(crate) async fn commit(self, table: &Table) -> Result<(), CommitError> {
        let items = self
            .0
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| table.out_of_reach("TransactWriteItems", error))?;
        if items.is_empty() {
            return Ok(());
        }
        let sent = table
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(items))
            .send();
        match sent.await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused)) if is_conflict(refused.err()) => {
                Err(CommitError::Conflict)
            }
            Err(error) => Err(table.out_of_reach("TransactWriteItems", error).into()),
        }
    }
}

/// Another writer was first: a condition failed, or its transaction was in progress.
fn is_conflict(error: &TransactWriteItemsError) -> bool {
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = error {
        return cancelled.cancellation_reasons().iter().any(|reason| {
            matches!(
                reason.code(),
                Some("ConditionalCheckFailed" | "TransactionConflict")
            )
        });
    }
    is_in_a_transaction(error)
}

/// Another transaction is in progress at the record: a conflict for a single write.
fn is_in_a_transaction(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("TransactionConflictException")
}

fn between(query: QueryFluentBuilder, first: &str, last: &str) -> QueryFluentBuilder {
    query
        .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
        .expression_attribute_values(":first", AttributeValue::S(first.to_owned()))
        .expression_attribute_values(":last", AttributeValue::S(last.to_owned()))
}

fn key_item(key: &Key) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(key.pk.clone())),
        ("sk".to_owned(), AttributeValue::S(key.sk.clone())),
    ])
}

pub(crate) fn key_of(item: &Item) -> Option<Key> {
    Some(Key::new(
        item.get("pk")?.as_s().ok()?,
        item.get("sk")?.as_s().ok()?,
    ))
}
