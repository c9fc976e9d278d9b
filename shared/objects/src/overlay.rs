//! What is known of the table, and what this call changes in it.
//!
//! An overlay: a later object of the call sees what the earlier ones did, before anything is
//! stored. However often one object is changed, one net change is left to be stored.

use std::collections::hash_map::{Entry, HashMap};
use std::mem;

use calls::AccountId;
use jiff::Timestamp;
use soap::Element;

use crate::key::ObjectKey;
use crate::missing::Missing;
use crate::retention::{self, Retained};
use crate::send_order::SendOrder;
use crate::unit::UnitResult;
use crate::verdict::Decision;

/// Objects that are known from one chunk to the next. Of a call that has more of them, those that are
/// stored are forgotten: as many as a call may have take 40 MB, and hardly any is named again.
const KNOWN_MAX: usize = 500;

/// One stored object as the table holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// 0: not stored.
    pub version: u64,
    pub object: Element,
}

/// One object that has to be stored, or removed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<'a> {
    pub key: &'a ObjectKey,
    /// What the table must still hold for the change to be made; `None`: nothing.
    pub seen_version: Option<u64>,
    /// What it holds afterwards. Never a version that the same key had before, not even when the
    /// object was removed and made again in between.
    pub next_version: u64,
    /// `None`: the object is removed.
    pub becomes: Option<&'a Element>,
}

/// What is known of the table so far, and what this call changes.
#[derive(Clone, Debug)]
pub struct Overlay {
    account: AccountId,
    known: HashMap<ObjectKey, KnownObject>,
    /// In the order of their first change since the last commit.
    changed: Vec<ObjectKey>,
    mails: Vec<SendOrder>,
}

/// What is known of the table, for objects of one account: the keys that are made here are of that
/// account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'w, 'a> {
    overlay: &'w Overlay,
    account: &'a AccountId,
}

impl<'w> View<'w, '_> {
    /// Whose objects these are.
    pub(crate) fn account(&self) -> &AccountId {
        self.account
    }

    /// Whose call it is.
    pub(crate) fn caller(&self) -> &'w AccountId {
        &self.overlay.account
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Result<Option<&'w Element>, Missing> {
        self.overlay.get(key)
    }

    /// What is stored there though its time is over: nobody sees it.
    pub(crate) fn ended(&self, key: &ObjectKey) -> Option<&'w Element> {
        self.overlay.ended(key)
    }

    /// The same for objects of another account.
    pub(crate) fn of<'b>(&self, account: &'b AccountId) -> View<'w, 'b> {
        self.overlay.of(account)
    }
}

#[derive(Clone, Debug)]
struct KnownObject {
    seen_version: Option<u64>,
    next_version: u64,
    object: Option<Element>,
    /// What is stored in the place of an object whose time is over.
    ended: Option<Element>,
    changed: bool,
}

impl KnownObject {
    const NOTHING: Self = Self {
        seen_version: None,
        next_version: 0,
        object: None,
        ended: None,
        changed: false,
    };

    /// As it is at that time: what is stored may have ended.
    fn read(stored: Option<Stored>, now: Timestamp) -> Self {
        let Some(Stored { version, object }) = stored.filter(|stored| stored.version > 0) else {
            return Self::NOTHING;
        };
        let known = Self {
            seen_version: Some(version),
            ..Self::NOTHING
        };
        match retention::retained(&object, now) {
            Retained::Whole => Self {
                object: Some(object),
                ..known
            },
            Retained::WithoutRows(definition) => Self {
                object: Some(*definition),
                ..known
            },
            Retained::Nothing => Self {
                ended: Some(object),
                ..known
            },
        }
    }
}

impl Overlay {
    pub fn new(account: &AccountId) -> Self {
        Self {
            account: account.clone(),
            known: HashMap::new(),
            changed: Vec::new(),
            mails: Vec::new(),
        }
    }

    /// Whose call it is.
    pub fn caller(&self) -> &AccountId {
        &self.account
    }

    /// What is known, for objects of that account.
    pub(crate) fn of<'a>(&self, account: &'a AccountId) -> View<'_, 'a> {
        View {
            overlay: self,
            account,
        }
    }

    /// What is known, for the caller's own objects.
    pub(crate) fn own(&self) -> View<'_, '_> {
        self.of(&self.account)
    }

    /// Takes in what a read found, at that time. What this call has changed meanwhile stays as it is.
    pub fn knows(&mut self, key: ObjectKey, stored: Option<Stored>, now: Timestamp) {
        match self.known.entry(key) {
            Entry::Occupied(known) if known.get().changed => {}
            Entry::Occupied(mut known) => {
                known.insert(KnownObject::read(stored, now));
            }
            Entry::Vacant(place) => {
                place.insert(KnownObject::read(stored, now));
            }
        }
    }

    /// The object of that key, as the objects before this one left it.
    pub fn get(&self, key: &ObjectKey) -> Result<Option<&Element>, Missing> {
        match self.known.get(key) {
            Some(known) => Ok(known.object.as_ref()),
            None => Err(Missing(vec![key.clone()])),
        }
    }

    pub(crate) fn ended(&self, key: &ObjectKey) -> Option<&Element> {
        self.known.get(key)?.ended.as_ref()
    }

    /// What has to be stored: one change per key changed since the last commit.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.changed.iter().filter_map(|key| {
            let (key, known) = self.known.get_key_value(key)?;
            Some(Change {
                key,
                seen_version: known.seen_version,
                next_version: known.next_version,
                becomes: known.object.as_ref(),
            })
        })
    }

    /// The mails, texts and calls that the changes owe; they are stored together with them.
    pub fn mails(&mut self) -> Vec<SendOrder> {
        mem::take(&mut self.mails)
    }

    /// The changes are stored.
    pub fn committed(&mut self) {
        let is_full = self.known.len() > KNOWN_MAX;
        for key in mem::take(&mut self.changed) {
            if is_full {
                self.known.remove(&key);
                continue;
            }
            if let Some(known) = self.known.get_mut(&key) {
                known.seen_version = known.object.is_some().then_some(known.next_version);
                known.changed = false;
            }
        }
    }

    /// Makes a decision's changes: the only way into the overlay, so that a decision which was
    /// not made leaves nothing behind.
    pub(crate) fn apply(&mut self, decision: Decision, now: Timestamp) -> UnitResult {
        for (key, becomes) in decision.changes {
            self.change(key, becomes, now);
        }
        self.mails.extend(decision.mails);
        decision.result
    }

    /// Makes one change that no object of a call asks for.
    pub(crate) fn change(&mut self, key: ObjectKey, becomes: Option<Element>, now: Timestamp) {
        // The time is in the version so that an object removed and made again gets none that it
        // had before: a writer who saw the first one must not overwrite the second.
        let moment = u64::try_from(now.as_microsecond()).unwrap_or(0);
        let known = self
            .known
            .entry(key.clone())
            .or_insert(KnownObject::NOTHING);
        known.object = becomes;
        known.ended = None;
        known.next_version = known
            .seen_version
            .unwrap_or(0)
            .saturating_add(1)
            .max(moment);
        if !known.changed {
            known.changed = true;
            self.changed.push(key);
        }
    }
}

/// Collects what is missing, so that all is asked for at once.
#[derive(Default)]
pub(crate) struct MissingKeys {
    pub(crate) missing: Vec<ObjectKey>,
}

impl MissingKeys {
    pub(crate) fn get<'a>(&mut self, overlay: &'a Overlay, key: &ObjectKey) -> Option<&'a Element> {
        match overlay.get(key) {
            Ok(found) => found,
            Err(Missing(keys)) => {
                self.missing.extend(keys);
                None
            }
        }
    }
}
