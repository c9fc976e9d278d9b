//! The fate of mails: the events that are retrieved, and the mails that events settle.
//!
//! | pk                                      | sk                      | written by       | read by   |
//! |-----------------------------------------|-------------------------|------------------|-----------|
//! | `<account>#SentEvent` and the others    | time in ms, `#`, mail's tag | notifier, ingest (one-click unsubscribe) | retrieval |
//!
//! They are in the table of objects, and are kept as long as results.
//!
//! That a mail is sent is committed with the mail. Its SentEvent is written after that, and written
//! again when a sent mail is found whose call has not been looked through since. Everything rarer
//! is one transaction: the mail's new state with its events, or an event with its effect on a
//! subscriber.

use std::collections::BTreeMap;

use calls::AccountId;
use jiff::Timestamp;
use objects::{MailEvent, Overlay, Recipient};

use crate::Cloud;
use crate::aws::table::{Key, Transaction};
use crate::error::{CommitError, Committed, Error, FEW_CONFLICTS_MAX};
use crate::objects_table::{Chunk, object_item, table_key};
use crate::records::mail_record::{MailRecord, MailState, MailTag};
use crate::records::unknown_mail_record::UnknownMailRecord;

impl Cloud {
    pub async fn mail_tagged(&self, tag: &MailTag) -> Result<Option<MailRecord>, Error> {
        MailRecord::load(&self.calls, tag).await
    }

    /// Records that a mail was accepted by the service at that time. An existing event is kept: it
    /// is the same, or says that the mail was rejected later.
    pub async fn note_sent(
        &self,
        recipient: &Recipient,
        tag: &MailTag,
        at: Timestamp,
    ) -> Result<(), Error> {
        let (key, event) = objects::sent_event(recipient, &tag.to_string(), at);
        let expires = Some(at + self.results_retention());
        let item = object_item(table_key(&key), 1, &event, expires);
        self.objects.put_new(item).await.map(drop)
    }

    /// Moves a mail to its next state together with its events. `Conflict`: another writer has done
    /// so.
    pub async fn settle_mail(
        &self,
        seen: &MailRecord,
        state: MailState,
        reason: Option<&str>,
        recipient: &Recipient,
        event: &MailEvent,
    ) -> Result<MailRecord, CommitError> {
        let now = self.now();
        let events = self.events_of(recipient, &seen.tag(), event, now).await?;
        let next = seen.next(state, reason, now);
        let mut transaction = Transaction::default();
        let item = next.to_item(now + self.results_retention());
        transaction.put_over(&self.calls, item, seen.version);
        if state == MailState::Unknown {
            // For operators, who find it there without reading all mails.
            let expires = now + self.results_retention();
            let unknown = UnknownMailRecord::of(&next, &recipient.account, expires);
            if let Some(unknown) = unknown {
                transaction.put(&self.calls, unknown.to_item());
            }
        }
        events.write(&mut transaction, &self.objects);
        transaction.commit(&self.calls).await?;
        Ok(next)
    }

    /// Records what happened to a sent mail, and its effect on the subscriber. Repeating it changes
    /// nothing.
    pub async fn track(
        &self,
        recipient: &Recipient,
        tag: &MailTag,
        event: &MailEvent,
    ) -> Result<(), Error> {
        for _ in 0..FEW_CONFLICTS_MAX {
            let events = self.events_of(recipient, tag, event, self.now()).await?;
            if events.is_empty() {
                return Ok(());
            }
            let mut transaction = Transaction::default();
            events.write(&mut transaction, &self.objects);
            match Committed::of(transaction.commit(&self.objects).await)? {
                Committed::Written(()) => return Ok(()),
                Committed::Conflict => {}
            }
        }
        Err(Error::Conflict(FEW_CONFLICTS_MAX))
    }

    /// The number of events of a send, by kind, since that time if one is given; `None`: they
    /// cannot be counted before the deadline.
    pub async fn count_events(
        &self,
        account: &AccountId,
        send: &str,
        since: Option<Timestamp>,
        deadline: Timestamp,
    ) -> Result<Option<BTreeMap<String, u64>>, Error> {
        let mut counts = BTreeMap::new();
        for partition in objects::event_partitions(account) {
            let begin = since.map(objects::event_moment);
            let mut after = begin.map(|sort| Key::new(&partition, sort));
            loop {
                if self.now() > deadline {
                    return Ok(None);
                }
                let page = self
                    .objects
                    .marked(&partition, send, after.as_ref())
                    .await?;
                for kind in page.counted_as {
                    *counts.entry(kind).or_default() += 1;
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(Some(counts))
    }

    async fn events_of(
        &self,
        recipient: &Recipient,
        tag: &MailTag,
        event: &MailEvent,
        now: Timestamp,
    ) -> Result<Chunk, Error> {
        let tag = tag.to_string();
        let mut overlay = Overlay::new(&recipient.account);
        while let Err(missing) = objects::track(&mut overlay, recipient, &tag, event, now) {
            self.load_objects(&mut overlay, missing.0).await?;
        }
        Ok(Chunk::of_events(&overlay, now + self.results_retention()))
    }
}
