//! Objects of an account, or those of a person, are taken away.

use objects::{Belonging, ObjectKey, PersonNames, partitions_of, type_of};
use serde_json::Value;

use crate::Cloud;
use crate::act::Run;
use crate::act::expunge::{ExpungeReport, ExpungedSubject, Expunging};
use crate::aws::table::{Key, Range, key_of};
use crate::error::{Committed, Error};
use crate::records::compression::decompress;
use crate::records::item::{Item, ItemReader};
use calls::AccountId;

impl Cloud {
    /// What the subscribers of that name are called besides. Who share an address count as one person.
    pub(crate) async fn learn_names(
        &self,
        account: &AccountId,
        person: &mut PersonNames,
    ) -> Result<(), Error> {
        let mut start = None;
        let subscribers = format!("{}Subscriber", partitions_of(account));
        let mut known = person.clone();
        loop {
            let range = Range::All;
            let page = self
                .objects
                .query(&subscribers, range, SUBSCRIBERS_AT_ONCE, start.as_ref())
                .await?;
            for item in &page.items {
                person.learn(&object_of(item));
            }
            start = page.next;
            if start.is_none() {
                // By a name that was learned late, one that came before may be found.
                if *person == known {
                    return Ok(());
                }
                known = person.clone();
            }
        }
    }

    pub(crate) async fn expunge_objects(
        &self,
        wanted: &Expunging<'_>,
        report: &mut ExpungeReport,
    ) -> Result<(), Error> {
        let prefix = partitions_of(wanted.account);
        let mut start = None;
        let mut subscribers = Vec::new();
        loop {
            let page = self.objects.page_of_all(Some(&prefix), start.as_ref());
            let page = page.await?;
            for item in &page.items {
                (wanted.progress)();
                let Some(key) = key_of(item) else { continue };
                let belonging = match &wanted.subject {
                    ExpungedSubject::Account => Belonging::Own,
                    ExpungedSubject::Person(person) => {
                        person.belonging(&object_key(&key), &object_of(item))
                    }
                };
                match belonging {
                    Belonging::Others => {}
                    Belonging::Subscriber => subscribers.push((key, item.clone())),
                    Belonging::Own => {
                        self.expunge_object(wanted.run, key, item, report).await?;
                    }
                    Belonging::Named => {
                        let type_name = type_of(&object_key(&key)).to_owned();
                        *report.left_named.entry(type_name).or_default() += 1;
                    }
                }
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        for (key, item) in subscribers {
            // As long as something of the person is left, it is found by this.
            match report.is_whole() {
                true => self.expunge_object(wanted.run, key, &item, report).await?,
                false => report.left_waiting += 1,
            }
        }
        Ok(())
    }

    async fn expunge_object(
        &self,
        run: Run,
        key: Key,
        item: &Item,
        report: &mut ExpungeReport,
    ) -> Result<(), Error> {
        let type_name = type_of(&object_key(&key)).to_owned();
        if run == Run::Real {
            let version = ItemReader(item.clone()).number("version")?;
            match Committed::of(self.objects.delete_over(&key, version).await)? {
                Committed::Written(()) => {}
                Committed::Conflict => {
                    report.left_changed += 1;
                    return Ok(());
                }
            }
        }
        *report.objects.entry(type_name).or_default() += 1;
        Ok(())
    }
}

/// Subscribers that are read in one request.
const SUBSCRIBERS_AT_ONCE: i32 = 1_000;

fn object_key(key: &Key) -> ObjectKey {
    ObjectKey {
        partition: key.pk.clone(),
        sort: key.sk.clone(),
    }
}

/// As it is stored; what cannot be read names nobody.
fn object_of(item: &Item) -> Value {
    let packed = item.get("object").and_then(|value| value.as_b().ok());
    let text = packed.and_then(|bytes| decompress(bytes.as_ref()));
    let value = text.and_then(|text| serde_json::from_str(&text).ok());
    value.unwrap_or(Value::Null)
}
