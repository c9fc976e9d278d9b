//! DynamoDB items, read and written attribute by attribute.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::table::key::Key;
pub(crate) use crate::due::shard_of as due_shard;
use crate::error::Error;
use crate::records::compression::{compress, decompress};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The newest way to lay out records that this version can read. To be raised with any change that
/// older readers would not understand, or would lose something of; they leave such records alone. A
/// record says its layout only beyond the first, since every record would pay for it.
const LAYOUT: u32 = LAYOUT_WITH_UNDELIVERED;

/// That of a record that does not say.
const FIRST_LAYOUT: u32 = 1;

/// That of a header that answers for replies: who does not know of them would drop them.
pub(crate) const LAYOUT_WITH_UNDELIVERED: u32 = 2;

const LAYOUT_NAME: &str = "layout";

/// A record as the table holds it, if this version knows how to read it.
pub(crate) fn known(item: Item) -> Result<Item, Error> {
    known_to(LAYOUT, item)
}

fn known_to(newest: u32, item: Item) -> Result<Item, Error> {
    let Some(layout) = item.get(LAYOUT_NAME) else {
        return Ok(item);
    };
    // What is no number is not of ours either.
    let layout = layout.as_n().ok().and_then(|text| text.parse().ok());
    let layout = layout.unwrap_or(u32::MAX);
    if layout <= newest {
        return Ok(item);
    }
    let sk = ItemReader(item).sk();
    Err(Error::Newer { sk, layout })
}

/// An item in the making.
pub(crate) struct ItemWriter(Item);

impl ItemWriter {
    pub(crate) fn new(key: Key) -> Self {
        Self(HashMap::from([
            ("pk".to_owned(), AttributeValue::S(key.pk)),
            ("sk".to_owned(), AttributeValue::S(key.sk)),
        ]))
    }

    /// Older versions leave it alone.
    pub(crate) fn laid_out(self, layout: u32) -> Self {
        if layout == FIRST_LAYOUT {
            self
        } else {
            self.number(LAYOUT_NAME, layout)
        }
    }

    /// An item that is there, to be changed.
    pub(crate) fn over(item: Item) -> Self {
        Self(item)
    }

    pub(crate) fn text(mut self, name: &str, text: impl Into<String>) -> Self {
        self.0
            .insert(name.to_owned(), AttributeValue::S(text.into()));
        self
    }

    pub(crate) fn maybe_text(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub(crate) fn number(mut self, name: &str, number: impl ToString) -> Self {
        self.0
            .insert(name.to_owned(), AttributeValue::N(number.to_string()));
        self
    }

    pub(crate) fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        // An empty binary attribute says no more than none at all.
        if !bytes.is_empty() {
            self.0
                .insert(name.to_owned(), AttributeValue::B(Blob::new(bytes)));
        }
        self
    }

    pub(crate) fn json(self, name: &str, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        self.text(name, text)
    }

    /// The same, packed.
    pub(crate) fn compressed_json(self, name: &str, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        self.bytes(name, &compress(&text))
    }

    pub(crate) fn maybe_compressed_json(self, name: &str, value: Option<&impl Serialize>) -> Self {
        match value {
            Some(value) => self.compressed_json(name, value),
            None => self,
        }
    }

    /// Taken away by the table's TTL some time after that instant.
    pub(crate) fn expires(self, at: Option<Timestamp>) -> Self {
        match at {
            Some(at) => self.number("expires_at", at.as_second()),
            None => self,
        }
    }

    /// In the index of what must be looked at.
    pub(crate) fn due(self, shard: &str, at: Timestamp) -> Self {
        self.text("due_shard", shard)
            .number("due_at", at.as_millisecond())
    }

    /// In the index of conversations by account and time.
    pub(crate) fn listed(self, part: &str, opened_at: Timestamp) -> Self {
        self.text("account_share", part)
            .number("opened_at", opened_at.as_millisecond())
    }

    /// In the index of what failed; `None`: it did not.
    pub(crate) fn failed(self, part: &str, at: Option<Timestamp>) -> Self {
        match at {
            Some(at) => self
                .text("failed_share", part)
                .number("failed_at", at.as_millisecond()),
            None => self,
        }
    }

    pub(crate) fn done(self) -> Item {
        self.0
    }
}

/// Bytes that the table counts of an item, to the side of too many: names and values as UTF-8, a
/// number as its digits. Of the kinds of values that [`ItemWriter`] writes.
#[expect(clippy::disallowed_methods, reason = "a sum has no order")]
pub(crate) fn size_of(item: &Item) -> usize {
    let bytes = |value: &AttributeValue| {
        let text = value.as_s().or_else(|_| value.as_n());
        text.map(String::len)
            .or_else(|_| value.as_b().map(|bytes| bytes.as_ref().len()))
            .unwrap_or(0)
    };
    item.iter()
        .map(|(name, value)| name.len() + bytes(value))
        .sum()
}

/// An item being read.
pub(crate) struct ItemReader(pub(crate) Item);

impl ItemReader {
    fn sk(&self) -> String {
        match self.0.get("sk") {
            Some(AttributeValue::S(sk)) => sk.clone(),
            Some(_) | None => String::new(),
        }
    }

    pub(crate) fn unreadable(&self, attribute: &'static str) -> Error {
        Error::Unreadable {
            sk: self.sk(),
            attribute,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|value| value.as_s().ok())
            .map(String::as_str)
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<&str, Error> {
        self.maybe_text(name).ok_or_else(|| self.unreadable(name))
    }

    pub(crate) fn maybe_number<N: FromStr>(&self, name: &str) -> Option<N> {
        self.0
            .get(name)
            .and_then(|value| value.as_n().ok())
            .and_then(|text| text.parse().ok())
    }

    pub(crate) fn number<N: FromStr>(&self, name: &'static str) -> Result<N, Error> {
        self.maybe_number(name).ok_or_else(|| self.unreadable(name))
    }

    pub(crate) fn time(&self, name: &'static str) -> Result<Timestamp, Error> {
        Timestamp::from_millisecond(self.number(name)?).map_err(|_| self.unreadable(name))
    }

    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        match self.0.get(name) {
            Some(AttributeValue::B(bytes)) => bytes.as_ref(),
            Some(_) | None => &[],
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, Error> {
        serde_json::from_str(self.text(name)?).map_err(|_| self.unreadable(name))
    }

    pub(crate) fn compressed_json<T: DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<T, Error> {
        decompress(self.bytes(name))
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or_else(|| self.unreadable(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_later_layout_is_not_read() {
        let written = |layout| {
            let writing = ItemWriter::new(Key::new("a", "CALL#1"));
            writing.laid_out(layout).done()
        };
        for (newest, layout, is_read) in [(1, 1, true), (1, 2, false), (2, 1, true), (2, 2, true)] {
            let read = known_to(newest, written(layout));
            assert_eq!(read.is_ok(), is_read, "{layout} by {newest}");
        }
        let error = known_to(1, written(2)).expect_err("it is later");
        assert!(!error.is_ours(), "nothing is failed for it: {error}");
        assert!(error.to_string().contains("CALL#1"), "{error}");
    }

    #[test]
    fn a_layout_that_is_no_number_is_a_later_one() {
        let item = ItemWriter::new(Key::new("a", "b"))
            .text(LAYOUT_NAME, "1")
            .done();
        assert!(known(item).is_err());
    }

    #[test]
    fn the_first_layout_costs_nothing() {
        let item = ItemWriter::new(Key::new("a", "b")).done();
        assert_eq!(item.len(), 2, "{item:?}");
    }
}
