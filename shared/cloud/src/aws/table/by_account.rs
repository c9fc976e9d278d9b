//! The indexes for lists, one part at a time: conversations by account and time, and failures.

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use jiff::Timestamp;

use super::{Key, Table, key_item, key_of};
use crate::error::Error;
use crate::records::item::Item;

/// An index of the calls table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListIndex {
    /// Conversations by account and the time at which they were opened.
    Account,
    /// Failures, by account and time.
    Failed,
    /// What must be looked at again, by that time.
    Due,
}

/// The name of an index, and its two attributes.
struct IndexNames {
    index: &'static str,
    part: &'static str,
    at: &'static str,
}

impl ListIndex {
    const fn names(self) -> IndexNames {
        match self {
            Self::Account => IndexNames {
                index: "account",
                part: "account_share",
                at: "opened_at",
            },
            Self::Failed => IndexNames {
                index: "failed",
                part: "failed_share",
                at: "failed_at",
            },
            Self::Due => IndexNames {
                index: "due",
                part: "due_shard",
                at: "due_at",
            },
        }
    }
}

/// In which order conversations are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    NewestFirst,
    OldestFirst,
}

/// What is requested of a part: entries between two times, both included.
pub(crate) struct PartQuery<'a> {
    pub(crate) index: ListIndex,
    pub(crate) part: &'a str,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) order: ListOrder,
    /// Only those after this one.
    pub(crate) behind: Option<&'a ListEntry>,
    pub(crate) limit: i32,
}

/// An entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListEntry {
    pub(crate) key: Key,
    pub(crate) at: Timestamp,
}

/// Entries of a part, in order.
pub(crate) struct ListEntries {
    pub(crate) entries: Vec<ListEntry>,
    /// Whether there may be more after them.
    pub(crate) is_cut_off: bool,
}

impl Table {
    /// Lags behind the records, usually by less than a second.
    pub(crate) async fn of_part(&self, wanted: &PartQuery<'_>) -> Result<ListEntries, Error> {
        let names = wanted.index.names();
        let start = wanted.behind.map(|behind| {
            let mut start = key_item(&behind.key);
            start.insert(
                names.part.to_owned(),
                AttributeValue::S(wanted.part.to_owned()),
            );
            start.insert(names.at.to_owned(), number(behind.at));
            start
        });
        let answer = self
            .part_query(wanted)
            .scan_index_forward(wanted.order == ListOrder::OldestFirst)
            .limit(wanted.limit)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| self.out_of_reach("Query", error))?;
        let items = answer.items.unwrap_or_default();
        let entry = |item: &Item| entry(item, names.at);
        Ok(ListEntries {
            entries: items.iter().filter_map(entry).collect(),
            is_cut_off: answer.last_evaluated_key.is_some(),
        })
    }

    /// How many entries a part has in a time range, at most as many as the limit.
    pub(crate) async fn count_of_part(&self, wanted: &PartQuery<'_>) -> Result<usize, Error> {
        let counting = self.part_query(wanted).select(Select::Count);
        let answer = counting.limit(wanted.limit).send().await;
        let answer = answer.map_err(|error| self.out_of_reach("Query", error))?;
        Ok(usize::try_from(answer.count).unwrap_or(0))
    }

    fn part_query(
        &self,
        wanted: &PartQuery<'_>,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        let names = wanted.index.names();
        self.dynamodb
            .query()
            .table_name(&self.name)
            .index_name(names.index)
            .key_condition_expression("#part = :part AND #at BETWEEN :first AND :last")
            .expression_attribute_names("#part", names.part)
            .expression_attribute_names("#at", names.at)
            .expression_attribute_values(":part", AttributeValue::S(wanted.part.to_owned()))
            .expression_attribute_values(":first", number(wanted.from))
            .expression_attribute_values(":last", number(wanted.to))
    }
}

fn number(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millisecond().to_string())
}

fn entry(item: &Item, at: &str) -> Option<ListEntry> {
    let at = item.get(at)?.as_n().ok()?.parse().ok()?;
    Some(ListEntry {
        key: key_of(item)?,
        at: Timestamp::from_millisecond(at).ok()?,
    })
}
