//! The index of conversations by account and time, one part at a time.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Key, Table, key_item, key_of};
use crate::error::Error;
use crate::records::item::Item;

/// The index, and its two attributes.
const INDEX: &str = "account";
const PART: &str = "account_share";
const OPENED_AT: &str = "opened_at";

/// In which order conversations are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    NewestFirst,
    OldestFirst,
}

/// What of a part is wanted: entries from one time to another, both included.
pub(crate) struct PartQuery<'a> {
    pub(crate) part: &'a str,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) order: ListOrder,
    /// Only those behind this one.
    pub(crate) behind: Option<&'a ListEntry>,
    pub(crate) limit: i32,
}

/// An entry of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListEntry {
    pub(crate) key: Key,
    pub(crate) opened_at: Timestamp,
}

/// Entries of a part, in order.
pub(crate) struct ListEntries {
    pub(crate) entries: Vec<ListEntry>,
    /// Whether there may be more behind them.
    pub(crate) is_cut_off: bool,
}

impl Table {
    /// Lags behind the records, by less than a second as a rule.
    pub(crate) async fn of_part(&self, wanted: &PartQuery<'_>) -> Result<ListEntries, Error> {
        let number = |at: Timestamp| AttributeValue::N(at.as_millisecond().to_string());
        let start = wanted.behind.map(|behind| {
            let mut start = key_item(&behind.key);
            start.insert(PART.to_owned(), AttributeValue::S(wanted.part.to_owned()));
            start.insert(OPENED_AT.to_owned(), number(behind.opened_at));
            start
        });
        let answer = self
            .dynamodb
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression(
                "account_share = :part AND opened_at BETWEEN :first AND :last",
            )
            .expression_attribute_values(":part", AttributeValue::S(wanted.part.to_owned()))
            .expression_attribute_values(":first", number(wanted.from))
            .expression_attribute_values(":last", number(wanted.to))
            .scan_index_forward(wanted.order == ListOrder::OldestFirst)
            .limit(wanted.limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| self.out_of_reach("Query", error))?;
        let items = answer.items.unwrap_or_default();
        Ok(ListEntries {
            entries: items.iter().filter_map(entry).collect(),
            is_cut_off: answer.last_evaluated_key.is_some(),
        })
    }
}

fn entry(item: &Item) -> Option<ListEntry> {
    let opened_at = item.get(OPENED_AT)?.as_n().ok()?.parse().ok()?;
    Some(ListEntry {
        key: key_of(item)?,
        opened_at: Timestamp::from_millisecond(opened_at).ok()?,
    })
}
