//! How many requests to a backend are in flight, over all functions together.
//!
//! | pk                     | sk      | written by | holds                                            |
//! |------------------------|---------|------------|--------------------------------------------------|
//! | `BACKEND-SLOTS#<name>` | `SLOTS` | processor  | version, and for each process how many it may use, and until when |
//!
//! A process leases as many slots as it has requests at that moment, and gives back those that it
//! no longer uses: a batch of ten costs two to five writes, a single request two. The slots of a
//! process that has ended are kept until its lease ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use calls::BackendName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Cloud;
use crate::aws::table::Key;
use crate::error::{Committed, Error, SHARED_RECORD_CONFLICTS_MAX};
use crate::records::item::{ItemReader, ItemWriter};

/// How long a lease lasts unless it is renewed: longer than any request, but not much longer, since
/// others wait for the slots of a process that has ended.
const LEASED: SignedDuration = SignedDuration::from_secs(90);

/// The slots that this process has leased, by backend.
#[derive(Clone, Default)]
pub struct BackendSlots(Arc<Mutex<HashMap<BackendName, Arc<Slots>>>>);

#[derive(Default)]
struct Slots {
    lease: tokio::sync::Mutex<OwnLease>,
    in_use: AtomicU32,
    waiting: AtomicU32,
}

#[derive(Default)]
struct OwnLease {
    /// Empty: it has never had one.
    id: String,
    slots: u32,
    until: Timestamp,
}

/// A lease as it is stored.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Lease {
    slots: u32,
    until_ms: i64,
}

/// Requests that wait for a slot or have one.
struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn one(of: &'a AtomicU32) -> Self {
        of.fetch_add(1, Ordering::SeqCst);
        Self(of)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Held while a request is in flight.
pub struct BackendSlot(Arc<Slots>);

impl Drop for BackendSlot {
    fn drop(&mut self) {
        self.0.in_use.fetch_sub(1, Ordering::SeqCst);
    }
}

impl BackendSlots {
    fn of(&self, name: &BackendName) -> Arc<Slots> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.clone()).or_default())
    }
}

fn key(name: &BackendName) -> Key {
    Key::new(format!("BACKEND-SLOTS#{name}"), "SLOTS")
}

impl Cloud {
    /// A slot for one request that ends before its end time. `None`: all are in use.
    pub async fn take_backend_slot(
        &self,
        name: &BackendName,
        at_most: u32,
        ends: Timestamp,
    ) -> Result<Option<BackendSlot>, Error> {
        let slots = self.backend_slots.of(name);
        let waiting = Counted::one(&slots.waiting);
        let mut lease = slots.lease.lock().await;
        drop(waiting);
        let in_use = slots.in_use.load(Ordering::SeqCst);
        if in_use >= lease.slots || lease.until < ends {
            // For the requests that wait behind this one as well.
            let wanted = in_use + 1 + slots.waiting.load(Ordering::SeqCst);
            self.lease_slots(name, &mut lease, (in_use, wanted), at_most)
                .await?;
        }
        if in_use >= lease.slots || lease.until < ends {
            return Ok(None);
        }
        slots.in_use.fetch_add(1, Ordering::SeqCst);
        Ok(Some(BackendSlot(Arc::clone(&slots))))
    }

    /// Gives back slots that this process has leased and does not use: all of them when nothing is
    /// in flight, otherwise only if it is at least half.
    pub async fn give_back_slots(&self, name: &BackendName) -> Result<(), Error> {
        let slots = self.backend_slots.of(name);
        let mut lease = slots.lease.lock().await;
        let busy = slots.in_use.load(Ordering::SeqCst) + slots.waiting.load(Ordering::SeqCst);
        let idle = lease.slots.saturating_sub(busy);
        if idle == 0 || idle < busy {
            return Ok(());
        }
        self.lease_slots(name, &mut lease, (busy, busy), u32::MAX)
            .await
    }

    /// `(least, most)`: how many slots are in use, and how many could be used.
    async fn lease_slots(
        &self,
        name: &BackendName,
        own: &mut OwnLease,
        (least, most): (u32, u32),
        at_most: u32,
    ) -> Result<(), Error> {
        if own.id.is_empty() {
            own.id = self.random.guid();
        }
        for _ in 0..SHARED_RECORD_CONFLICTS_MAX {
            let now = self.now();
            let item = self.calls.get(&key(name)).await?.map(ItemReader);
            let (version, mut leases): (u64, BTreeMap<String, Lease>) = match &item {
                None => (0, BTreeMap::new()),
                Some(item) => (item.number("version")?, item.json("leases")?),
            };
            let before = leases.remove(&own.id);
            leases.retain(|_, lease| lease.until_ms > now.as_millisecond());
            let others: u32 = leases.values().map(|lease| lease.slots).sum();
            let slots = most.min(at_most.saturating_sub(others)).max(least);
            let until = now + LEASED;
            if slots > 0 {
                let lease = Lease {
                    slots,
                    until_ms: until.as_millisecond(),
                };
                leases.insert(own.id.clone(), lease);
            } else if before.is_none() {
                own.slots = 0;
                return Ok(());
            }
            let item = ItemWriter::new(key(name))
                .number("version", version + 1)
                .json("leases", &leases)
                .done();
            let seen = (version > 0).then_some(version);
            match Committed::of(self.calls.put_over(item, seen).await)? {
                Committed::Written(()) => {
                    (own.slots, own.until) = (slots, until);
                    return Ok(());
                }
                Committed::Conflict => {}
            }
        }
        Err(Error::Conflict(SHARED_RECORD_CONFLICTS_MAX))
    }
}
