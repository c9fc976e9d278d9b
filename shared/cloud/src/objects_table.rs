//! The storage of the built-in backend: objects as records, and the effects of a chunk of a call.
//!
//! | pk                                | sk      | written by                  | read by   |
//! |-----------------------------------|---------|-----------------------------|-----------|
//! | partition of the object's key     | its key | processor, ingest (synchronous calls) | the same, retrieval; notifier, for mails that are held |

use std::collections::BTreeSet;

use jiff::Timestamp;
use objects::{ObjectKey, Overlay, SendOrder, Stored, UnitResult};
use soap::Element;

use crate::Cloud;
use crate::aws::table::{BATCH_GET_MAX, Key, Range, Table, Transaction};
use crate::error::Error;
use crate::records::compression::{compress, decompress};
use crate::records::item::{Item, ItemReader, ItemWriter};

/// Most effects in one transaction: the rest of its hundred items is for the outcome, the header
/// and the replies.
const EFFECTS_MAX: usize = 80;

/// Most effects of one unit of work: `objects` splits its work so that no unit has more.
pub const UNIT_EFFECTS_MAX: usize = 20;

/// Units whose records are read in one request.
pub const READ_AHEAD: usize = 80;

/// Bytes of effects above which no further unit is added: one more unit must still fit into the 4
/// MB that the platform allows.
const EFFECT_BYTES_MAX: usize = 600_000;

/// Units that have been decided and go into one transaction.
pub struct Chunk {
    pub results: Vec<UnitResult>,
    pub mails: Vec<SendOrder>,
    /// One item per change; `None`: deleted.
    effects: Vec<Effect>,
}

struct Effect {
    key: Key,
    seen: Option<u64>,
    item: Option<Item>,
}

impl Chunk {
    /// Events of mails, which are kept until that time.
    pub(crate) fn of_events(overlay: &Overlay, until: Timestamp) -> Self {
        let mut chunk = Self::of_results(Vec::new());
        chunk.take_effects(overlay, until);
        chunk
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// Only results: for objects of the server's own.
    pub fn of_results(results: Vec<UnitResult>) -> Self {
        Self {
            results,
            mails: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// Whether units with so many effects may not fit any more, with the changes of the overlay.
    pub fn is_full_with(&self, overlay: &Overlay, effects_more: usize) -> bool {
        let effects = overlay.changes().count() + self.mails.len();
        let bytes = bytes_of(overlay) + self.mails.iter().map(SendOrder::bytes).sum::<usize>();
        effects + effects_more > EFFECTS_MAX || bytes > EFFECT_BYTES_MAX
    }

    /// The changes of the overlay as effects. Events, and subscribers who were mailed, are kept
    /// until that time, rows according to their retention, everything else for ever.
    pub fn take_effects(&mut self, overlay: &Overlay, until: Timestamp) {
        let effects = overlay.changes().map(|change| {
            let expires = change
                .becomes
                .and_then(|object| match objects::is_temporary(object) {
                    true => Some(until),
                    false => objects::removed_from(object),
                });
            effect(change, expires)
        });
        self.effects = effects.collect();
    }

    pub(crate) fn write(self, transaction: &mut Transaction, table: &Table) {
        for effect in self.effects {
            match (effect.item, effect.seen) {
                (Some(item), Some(seen)) => transaction.put_over(table, item, seen),
                (Some(item), None) => transaction.put_new(table, item),
                (None, Some(seen)) => transaction.delete_over(table, &effect.key, seen),
                // Created and deleted by the same call: it leaves no record.
                (None, None) => {}
            }
        }
    }
}

/// Objects of a partition.
#[derive(Debug)]
pub struct ObjectPage {
    /// Each with its sort key.
    pub objects: Vec<(String, Element)>,
    /// The sort key after which to go on, if there are more.
    pub next: Option<String>,
}

/// The result of reading the objects that a call begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLoad {
    Loaded,
    /// The call is not to be carried out.
    InMaintenance,
}

impl FirstLoad {
    const fn of(in_maintenance: bool) -> Self {
        if in_maintenance {
            Self::InMaintenance
        } else {
            Self::Loaded
        }
    }
}

impl Cloud {
    /// Reads objects into the overlay.
    pub async fn load_objects(
        &self,
        overlay: &mut Overlay,
        keys: Vec<ObjectKey>,
    ) -> Result<(), Error> {
        let wanted: Vec<Key> = keys.iter().map(table_key).collect();
        let mut found = Vec::with_capacity(keys.len());
        if let [only] = wanted.as_slice() {
            found.extend(self.objects.get(only).await?);
        } else {
            found = self.objects.get_many(&wanted).await?;
        }
        know(overlay, keys, found, self.now())
    }

    /// Reads the objects that a call begins with, together with the switch for maintenance, unless
    /// that was read a moment ago.
    pub async fn load_first_objects(
        &self,
        overlay: &mut Overlay,
        mut keys: Vec<ObjectKey>,
    ) -> Result<FirstLoad, Error> {
        // Objects that do not fit into this request are read when the units are decided.
        keys.truncate(BATCH_GET_MAX - 1);
        if keys.is_empty() {
            return Ok(FirstLoad::of(self.in_maintenance().await?));
        }
        let wanted: Vec<Key> = keys.iter().map(table_key).collect();
        match self.accounts.recall_switch(self.now()) {
            Some(true) => return Ok(FirstLoad::InMaintenance),
            Some(false) => {
                let found = self.objects.get_many(&wanted).await?;
                know(overlay, keys, found, self.now())?;
                return Ok(FirstLoad::Loaded);
            }
            None => {}
        }
        let look = self.accounts.look_at_switch();
        let (accounts, switch) = self.accounts.switch_record();
        let (found, switch) = self
            .objects
            .get_many_and(&wanted, accounts, &switch)
            .await?;
        know(overlay, keys, found, self.now())?;
        let in_maintenance = self.accounts.saw_switch(look, switch, self.now())?;
        Ok(FirstLoad::of(in_maintenance))
    }

    /// Commits the effects of a synchronous call's chunk.
    pub async fn commit_effects(&self, chunk: Chunk) -> Result<(), crate::CommitError> {
        let mut transaction = Transaction::default();
        chunk.write(&mut transaction, &self.objects);
        transaction.commit(&self.objects).await
    }

    /// Deletes objects of a partition to which nothing is written any more. Returns how many; 0:
    /// there are none.
    pub async fn delete_objects(&self, partition: &str, limit: i32) -> Result<usize, Error> {
        let keys = self.objects.keys_in(partition, limit).await?;
        self.objects.delete_many(&keys).await?;
        Ok(keys.len())
    }

    /// One stored object.
    pub async fn object(&self, key: &ObjectKey) -> Result<Option<Element>, Error> {
        let item = self.objects.get(&table_key(key)).await?;
        item.map(|item| read(ItemReader(item)).map(|(_, stored)| stored.object))
            .transpose()
    }

    /// Objects of a partition, in the order of their keys.
    pub async fn objects_after(
        &self,
        partition: &str,
        after: Option<&str>,
        limit: i32,
    ) -> Result<ObjectPage, Error> {
        let start = after.map(|sort| Key::new(partition, sort));
        let page = self
            .objects
            .query(partition, Range::All, limit, start.as_ref())
            .await?;
        Ok(ObjectPage {
            objects: objects_on(page.items)?,
            next: page.next.map(|key| key.sk),
        })
    }
}

/// The objects of some items, each with its sort key.
pub(crate) fn objects_on(items: Vec<Item>) -> Result<Vec<(String, Element)>, Error> {
    let object = |item| read(ItemReader(item)).map(|(key, stored)| (key.sort, stored.object));
    items.into_iter().map(object).collect()
}

/// Adds objects to the overlay. Those that were not found are recorded as absent.
fn know(
    overlay: &mut Overlay,
    keys: Vec<ObjectKey>,
    found: Vec<Item>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut missing: BTreeSet<ObjectKey> = keys.into_iter().collect();
    for item in found {
        let (key, stored) = read(ItemReader(item))?;
        missing.remove(&key);
        overlay.knows(key, Some(stored), now);
    }
    for key in missing {
        overlay.knows(key, None, now);
    }
    Ok(())
}

/// An upper bound: the items will be compressed.
fn bytes_of(overlay: &Overlay) -> usize {
    overlay
        .changes()
        .filter_map(|change| change.becomes)
        .map(element_bytes)
        .sum()
}

pub(crate) fn table_key(key: &ObjectKey) -> Key {
    Key::new(&key.partition, &key.sort)
}

/// `expires`: for an object that is not kept for ever.
fn effect(change: objects::Change<'_>, expires: Option<Timestamp>) -> Effect {
    let key = table_key(change.key);
    let item = change
        .becomes
        .map(|object| object_item(key.clone(), change.next_version, object, expires));
    Effect {
        key,
        seen: change.seen_version,
        item,
    }
}

pub(crate) fn object_item(
    key: Key,
    version: u64,
    object: &Element,
    expires: Option<Timestamp>,
) -> Item {
    let json = serde_json::to_string(object).unwrap_or_default();
    // An event that replaces another one is not counted twice.
    let is_at_home = |_: &objects::SummaryCount| {
        let type_name = object.type_name.as_deref().unwrap_or_default();
        key.pk.ends_with(&format!("#{type_name}"))
    };
    let counts_as = objects::SummaryCount::of(object).filter(is_at_home);
    let counts_as = counts_as.map(objects::SummaryCount::name);
    ItemWriter::new(key)
        .number("version", version)
        // Lets events be counted without decompressing them.
        .maybe_text("send", objects::send_of(object))
        .maybe_text("counts_as", counts_as)
        .bytes("object", &compress(&json))
        .expires(expires)
        .done()
}

fn read(item: ItemReader) -> Result<(ObjectKey, Stored), Error> {
    let key = ObjectKey {
        partition: item.text("pk")?.to_owned(),
        sort: item.text("sk")?.to_owned(),
    };
    let json = decompress(item.bytes("object")).ok_or_else(|| item.unreadable("object"))?;
    let object = serde_json::from_str(&json).map_err(|_| item.unreadable("object"))?;
    Ok((
        key,
        Stored {
            version: item.number("version")?,
            object,
        },
    ))
}

fn element_bytes(element: &Element) -> usize {
    let own = element.name.len() + element.text.len() + 16;
    own + element.children.iter().map(element_bytes).sum::<usize>()
}
