//! The memory of one invocation. Calls that need much memory are carried out one after the other,
//! although their conversations run in parallel. What replies hold while they are prepared and
//! posted counts as well.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Cloud;

/// Memory for the calls of one invocation together. An environment has 256 MB; the rest is for the
/// process itself and for prefetched calls.
const BUDGET_KB: u32 = 180_000;

/// Bytes of a call's tree for each byte of its canonical form. The worst case is elements without
/// content: four bytes each, and some 210 in a list that doubles its capacity.
const TREE_PER_BYTE: usize = 55;

/// A tree has at most as many elements as the reader allows.
const TREE_KB_MAX: usize = soap::ELEMENTS_MAX * 220 / 1_000;

/// Bytes of everything else for each byte: the text itself, objects, results and output.
const PER_BYTE: usize = 15;

/// Bytes for each byte of decompressed results: their text, the parsed results, and what is written
/// of them.
const PER_BYTE_OF_RESULTS: usize = 25;

/// The remaining memory of an invocation. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

/// A part of the budget, which is returned when it is dropped.
#[derive(Debug)]
pub struct MemoryShare {
    permit: OwnedSemaphorePermit,
}

impl MemoryShare {
    /// Keeps only so many bytes of the share.
    pub fn keep(&mut self, bytes: usize) {
        let kept = 1 + bytes / 1_000;
        let free = self.permit.num_permits().saturating_sub(kept);
        drop(self.permit.split(free));
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(
            usize::try_from(BUDGET_KB).unwrap_or(usize::MAX),
        )))
    }
}

impl Budget {
    /// Waits until there is memory for a call of so many bytes. `None`: not before the deadline.
    pub async fn room_for_call(
        &self,
        cloud: &Cloud,
        bytes: usize,
        deadline: Timestamp,
    ) -> Option<MemoryShare> {
        self.room(cloud, needed_kb(bytes), deadline).await
    }

    /// The same for a reply with results of so many bytes.
    pub async fn room_for_results(
        &self,
        cloud: &Cloud,
        bytes: usize,
        deadline: Timestamp,
    ) -> Option<MemoryShare> {
        let needed = u32::try_from(1 + bytes / 1_000 * PER_BYTE_OF_RESULTS);
        let needed = needed.unwrap_or(BUDGET_KB).min(BUDGET_KB);
        self.room(cloud, needed, deadline).await
    }

    async fn room(&self, cloud: &Cloud, needed: u32, deadline: Timestamp) -> Option<MemoryShare> {
        let waits = Duration::try_from(deadline.duration_since(cloud.now())).unwrap_or_default();
        let acquired = self.0.clone().acquire_many_owned(needed);
        let permit = tokio::time::timeout(waits, acquired).await.ok()?.ok()?;
        Some(MemoryShare { permit })
    }
}

/// A call that needs more than there is gets all of it and runs alone. No larger call is accepted
/// than can be carried out in this way.
fn needed_kb(bytes: usize) -> u32 {
    let kb = bytes / 1_000;
    let tree = (kb * TREE_PER_BYTE).min(TREE_KB_MAX);
    u32::try_from(1 + tree + kb * PER_BYTE)
        .unwrap_or(BUDGET_KB)
        .min(BUDGET_KB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_calls_run_side_by_side_and_large_ones_one_by_one() {
        assert!(10 * needed_kb(100_000) < BUDGET_KB);
        // 390,000 elements of four bytes.
        assert!(2 * needed_kb(1_600_000) > BUDGET_KB);
        assert!(needed_kb(soap::ENVELOPE_BYTES_MAX) < BUDGET_KB);
        assert_eq!(needed_kb(900_000_000), BUDGET_KB);
        assert_eq!(needed_kb(0), 1);
    }
}
