//! Mails that a definition or a paused send holds back: noted when they are found, woken once it does not.

use jiff::Timestamp;
use objects::{MailHold, ObjectKey};
use tracing::warn;

use crate::Cloud;
use crate::aws::table::{Key, Range};
use crate::error::{Committed, Error};
use crate::records::held_record::{HELD, HeldRecord};
use crate::records::mail_record::MailsRecord;

/// Pointers that are read in one request.
const HELD_PAGE: i32 = 100;

impl Cloud {
    /// Records that these mails wait for that definition. Doing it again changes nothing.
    pub async fn note_held(
        &self,
        mails: &MailsRecord,
        definition: &ObjectKey,
    ) -> Result<(), Error> {
        let held = HeldRecord {
            definition: definition.clone(),
            conversation: mails.conversation.clone(),
            sequence: mails.sequence,
        };
        let expires = self.now() + self.results_retention();
        self.calls.put(held.to_item(expires)).await
    }

    /// Wakes the mails of every definition that has become active, until the deadline. Returns of
    /// how many calls.
    pub async fn release_held_mails(&self, deadline: Timestamp) -> Result<usize, Error> {
        let mut released = 0;
        let mut after = None;
        while self.now() < deadline {
            let Some(first) = self.held_after(after.as_ref(), 1).await?.pop() else {
                break;
            };
            let definition = self.object(&first.definition).await?;
            let behind = Key::new(HELD, first.behind_its_definition());
            if objects::hold_of(definition.as_ref()) != MailHold::Held {
                released += self.release_all_of(&first, after, deadline).await?;
            }
            after = Some(behind);
        }
        Ok(released)
    }

    async fn release_all_of(
        &self,
        first: &HeldRecord,
        mut after: Option<Key>,
        deadline: Timestamp,
    ) -> Result<usize, Error> {
        let mut released = 0;
        loop {
            let page = self.held_after(after.as_ref(), HELD_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key());
            for held in &page {
                if held.definition != first.definition || self.now() >= deadline {
                    return Ok(released);
                }
                self.release_one(held).await?;
                released += 1;
            }
        }
        Ok(released)
    }

    /// Woken first, so that a pointer is removed only once somebody looks at its mails.
    async fn release_one(&self, held: &HeldRecord) -> Result<(), Error> {
        let mails = MailsRecord::key_of(&held.conversation, held.sequence);
        let settled = self.look_at_pending(&mails, Timestamp::MAX, self.now());
        match Committed::of(settled.await) {
            Ok(Committed::Written(())) => self.calls.delete(&held.key()).await,
            // Somebody else is at these mails; they are looked at in a minute.
            Ok(Committed::Conflict) => Ok(()),
            Err(error) => {
                warn!(
                    conversation = %held.conversation,
                    error = error.in_full(),
                    "held mails are left for the next minute"
                );
                Err(error)
            }
        }
    }

    async fn held_after(&self, after: Option<&Key>, limit: i32) -> Result<Vec<HeldRecord>, Error> {
        let page = self.calls.query(HELD, Range::All, limit, after).await?;
        page.items.into_iter().map(HeldRecord::from_item).collect()
    }
}
