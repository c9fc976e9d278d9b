//! What the table of calls holds of an account, or of a person, is taken away.

use std::collections::HashMap;

use calls::AccountId;
use objects::PersonNames;

use crate::Cloud;
use crate::act::Run;
use crate::act::expunge::{ExpungeReport, ExpungedSubject, Expunging};
use crate::aws::table::{Key, Transaction, key_of};
use crate::error::{Committed, Error};
use crate::records::compression::decompress;
use crate::records::expunging::{Expunged, Partition, is_of};
use crate::records::item::Item;
use crate::records::{unknown_mail_record, unknown_record};

/// Partitions with records of all accounts.
const SHARED: [&str; 2] = [unknown_record::PARTITION, unknown_mail_record::PARTITION];

/// What is come by.
enum Visited<'a> {
    /// A record among those of other accounts.
    Shared(&'a Key, &'a Item),
    Partition(&'a Partition),
}

impl Cloud {
    pub(crate) async fn expunge_calls(
        &self,
        wanted: &Expunging<'_>,
        report: &mut ExpungeReport,
    ) -> Result<(), Error> {
        let visit = async |part: Visited<'_>| match part {
            Visited::Shared(key, item) => self.expunge_shared(wanted, key, item).await,
            Visited::Partition(partition) => {
                self.expunge_partition(wanted, partition, &mut *report)
                    .await
            }
        };
        self.each_partition(wanted.progress, visit).await
    }

    /// Conversations of an account that have not ended, or have replies or mails that are still to be sent.
    pub async fn unfinished_of(
        &self,
        account: &AccountId,
        progress: &(dyn Fn() + Sync),
    ) -> Result<u64, Error> {
        let mut unfinished = 0;
        let visit = async |part: Visited<'_>| {
            if let Visited::Partition(partition) = part
                && partition.account().as_ref() == Some(account)
                && (!partition.has_ended() || partition.is_due())
            {
                unfinished += 1;
            }
            Ok(())
        };
        self.each_partition(progress, visit).await?;
        Ok(unfinished)
    }

    /// The whole table, one partition after another: its records lie beside each other.
    async fn each_partition(
        &self,
        progress: &(dyn Fn() + Sync),
        mut visit: impl AsyncFnMut(Visited<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut start: Option<Key> = None;
        let mut open: Option<Partition> = None;
        loop {
            let page = self.calls.page_of_all(None, start.as_ref()).await?;
            for item in page.items {
                progress();
                let Some(key) = key_of(&item) else { continue };
                if SHARED.contains(&key.pk.as_str()) {
                    visit(Visited::Shared(&key, &item)).await?;
                    continue;
                }
                match &mut open {
                    Some(partition) if partition.pk == key.pk => partition.items.push(item),
                    Some(_) | None => {
                        let next = Partition {
                            pk: key.pk,
                            items: vec![item],
                        };
                        if let Some(whole) = open.replace(next) {
                            visit(Visited::Partition(&whole)).await?;
                        }
                    }
                }
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        match open {
            Some(last) => visit(Visited::Partition(&last)).await,
            None => Ok(()),
        }
    }

    /// A record by which people find what is of unknown fate: it names an account, and no person.
    async fn expunge_shared(
        &self,
        wanted: &Expunging<'_>,
        key: &Key,
        item: &Item,
    ) -> Result<(), Error> {
        let is_gone = wanted.subject == ExpungedSubject::Account && is_of(item, wanted.account);
        match (is_gone, wanted.run) {
            (true, Run::Real) => self.calls.delete(key).await,
            (true, Run::Rehearsed) | (false, _) => Ok(()),
        }
    }

    async fn expunge_partition(
        &self,
        wanted: &Expunging<'_>,
        partition: &Partition,
        report: &mut ExpungeReport,
    ) -> Result<(), Error> {
        if partition.account().as_ref() != Some(wanted.account) {
            return Ok(());
        }
        match &wanted.subject {
            ExpungedSubject::Account => {
                self.expunge_conversation(wanted.run, partition, report)
                    .await
            }
            ExpungedSubject::Person(person) => {
                self.expunge_from(wanted.run, partition, person, report)
                    .await
            }
        }
    }

    /// The header goes last: by it the rest is known to be of the account.
    async fn expunge_conversation(
        &self,
        run: Run,
        partition: &Partition,
        report: &mut ExpungeReport,
    ) -> Result<(), Error> {
        if !partition.has_ended() {
            report.left_waiting += 1;
            return Ok(());
        }
        let beside = partition.keys_beside_header();
        let header = partition.reduced_header();
        if beside.is_empty() && header.is_none() {
            return Ok(());
        }
        let files: Vec<&str> = partition.large_bodies().collect();
        if run == Run::Real {
            for name in &files {
                self.large_bodies.delete(name).await?;
            }
            self.calls.delete_many(&beside).await?;
            let committed = match header {
                Some(Expunged::Changed { item, seen }) => self.calls.put_over(item, seen).await,
                Some(Expunged::Deleted(key)) => {
                    let seen = partition.header_version().unwrap_or_default();
                    self.calls.delete_over(&key, seen).await
                }
                None => Ok(()),
            };
            if matches!(Committed::of(committed)?, Committed::Conflict) {
                report.left_changed += 1;
                return Ok(());
            }
        }
        let is_mail = |key: &&Key| key.sk.starts_with("MAIL#");
        report.mails += count(beside.iter().filter(is_mail).count());
        report.files += count(files.len());
        report.conversations += 1;
        Ok(())
    }

    async fn expunge_from(
        &self,
        run: Run,
        partition: &Partition,
        person: &PersonNames,
        report: &mut ExpungeReport,
    ) -> Result<(), Error> {
        report.left_called_so += u64::from(partition.is_called_after(person));
        let files = self.texts_in_bucket(partition).await?;
        let in_bucket = |name: &str| files.get(name).cloned();
        let calls = partition.calls_naming(person, &in_bucket);
        let changes = partition.without(person, &calls);
        if changes.is_empty() {
            return Ok(());
        }
        if !partition.has_ended() || partition.is_due() {
            report.left_waiting += 1;
            return Ok(());
        }
        let named = partition.large_bodies_of(&calls);
        let is_mail =
            |it: &&Expunged| matches!(it, Expunged::Deleted(key) if key.sk.starts_with("MAIL#"));
        let mails = count(changes.iter().filter(is_mail).count());
        if run == Run::Real && !self.write_expunged(&named, changes).await? {
            report.left_changed += 1;
            return Ok(());
        }
        report.calls += count(calls.len());
        report.mails += mails;
        report.files += count(named.len());
        Ok(())
    }

    /// `false`: somebody else was at one of them.
    async fn write_expunged(
        &self,
        large_bodies: &[&str],
        changes: Vec<Expunged>,
    ) -> Result<bool, Error> {
        // Before the records that name them.
        for name in large_bodies {
            self.large_bodies.delete(name).await?;
        }
        for change in changes {
            let committed = match change {
                Expunged::Deleted(key) => {
                    self.calls.delete(&key).await?;
                    continue;
                }
                Expunged::Changed {
                    item,
                    seen: Some(seen),
                } => self.calls.put_over(item, Some(seen)).await,
                Expunged::Changed { item, seen: None } => {
                    // One that has expired does not come back.
                    let mut transaction = Transaction::default();
                    transaction.put_there(&self.calls, item);
                    transaction.commit(&self.calls).await
                }
            };
            if matches!(Committed::of(committed)?, Committed::Conflict) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What of a conversation lies in the bucket, by name.
    async fn texts_in_bucket(
        &self,
        partition: &Partition,
    ) -> Result<HashMap<String, String>, Error> {
        let mut texts = HashMap::new();
        for name in partition.large_bodies() {
            if let Some(packed) = self.large_bodies.get(name).await? {
                texts.insert(name.to_owned(), decompress(&packed).unwrap_or_default());
            }
        }
        Ok(texts)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
