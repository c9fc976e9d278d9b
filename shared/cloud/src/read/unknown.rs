//! What people have said of calls of unknown fate, for whoever lists calls.

use std::collections::BTreeMap;

use calls::{ConversationKey, Ended, SequenceCode};
use jiff::Timestamp;

use crate::aws::table::Range;
use crate::error::Error;
use crate::read::conversation_list::ConversationList;
use crate::records::outcome_record::OutcomeRecord;
use crate::records::unknown_record::{PARTITION, Settlement, UnknownRecord};

/// Records that are read in one request, and requests that a list makes of them at most: of the newest
/// thousand it is shown.
const SETTLED_PAGE: i32 = 200;
const SETTLED_PAGES_MAX: u32 = 5;

/// By conversation and place in it.
pub type Settlements = BTreeMap<(ConversationKey, SequenceCode), Settlement>;

impl ConversationList {
    /// What was said of those that ended from a time on.
    pub async fn settlements(&self, from: Timestamp) -> Result<Settlements, Error> {
        let (first, last) = (format!("{:015}", from.as_millisecond()), "9");
        let mut found = Settlements::new();
        let mut start = None;
        for _ in 0..SETTLED_PAGES_MAX {
            let range = Range::Down(last, &first);
            let page = self
                .calls
                .query(PARTITION, range, SETTLED_PAGE, start.as_ref());
            let page = page.await?;
            for item in page.items {
                let record = UnknownRecord::from_item(item)?;
                let place = (record.conversation, record.about.sequence);
                found.extend(record.settlement.map(|settlement| (place, settlement)));
            }
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        Ok(found)
    }

    /// What was said of one call, if its fate is unknown and somebody has said anything.
    pub async fn settlement_of(
        &self,
        conversation: &ConversationKey,
        outcome: Option<&OutcomeRecord>,
    ) -> Result<Option<Settlement>, Error> {
        let Some(ended) = outcome.filter(|it| it.outcome.how == Ended::Unknown) else {
            return Ok(None);
        };
        let at = ended.outcome.ended_at;
        let key = UnknownRecord::key(conversation, ended.sequence, at);
        let item = self.calls.get(&key).await?;
        let record = item.map(UnknownRecord::from_item).transpose()?;
        Ok(record.and_then(|record| record.settlement))
    }
}
