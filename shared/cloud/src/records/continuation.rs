//! Where a Retrieve of several pages goes on.
//!
//! | pk                          | sk         | written by | read by |
//! |-----------------------------|------------|------------|---------|
//! | key of (account, RequestID) | `CONTINUE` | ingest     | ingest  |

use calls::{AccountId, ConversationKey, RequestId};
use jiff::{SignedDuration, Timestamp};

use crate::aws::table::{Key, Table};
use crate::error::Error;
use crate::records::compression::{compress, decompress};
use crate::records::item::{ItemReader, ItemWriter};

/// How long the next page can be asked for.
const RETENTION: SignedDuration = SignedDuration::from_hours(24);

fn key(account: &AccountId, page_before: &RequestId) -> Key {
    Key::new(
        ConversationKey::of_request(account, page_before).0,
        "CONTINUE",
    )
}

impl Table {
    /// `text` says how to go on; it is the retrieval's affair what stands in it.
    pub async fn keep_continuation(
        &self,
        account: &AccountId,
        page: &RequestId,
        text: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let item = ItemWriter::new(key(account, page))
            .bytes("continuation", &compress(text))
            .expires(Some(now + RETENTION))
            .done();
        self.put(item).await
    }

    pub async fn continuation(
        &self,
        account: &AccountId,
        page_before: &RequestId,
    ) -> Result<Option<String>, Error> {
        let Some(item) = self.get(&key(account, page_before)).await? else {
            return Ok(None);
        };
        let item = ItemReader(item);
        let text = decompress(item.bytes("continuation"));
        text.map(Some)
            .ok_or_else(|| item.unreadable("continuation"))
    }
}
