//! How much memory one invocation takes on: calls that need much are carried out one after the other,
//! although their conversations run side by side.

use std::sync::Arc;
use std::time::Duration;

use cloud::Cloud;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What the calls of one invocation may need together. An environment has 256 MB; the rest of them is
/// for the process itself, for calls that were read before their turn, and for replies.
const BUDGET_KB: u32 = 180_000;

/// Bytes that a call's tree needs for each byte of its canonical form. The worst there is are elements
/// without content: four bytes each, and some 210 in a list that grows to twice its length.
const TREE_PER_BYTE: usize = 55;

/// A tree has no more elements than the reader lets there be.
const TREE_KB_MAX: usize = soap::ELEMENTS_MAX * 220 / 1_000;

/// Bytes of everything else for each byte: the text itself, objects, results and what is written.
const PER_BYTE: usize = 15;

/// Memory that an invocation has left. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

/// A call's part of the budget, which goes back when it is dropped.
pub(crate) struct MemoryShare {
    _permit: OwnedSemaphorePermit,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(
            usize::try_from(BUDGET_KB).unwrap_or(usize::MAX),
        )))
    }

    /// Waits until there is room for a call of so many bytes. `None`: not before the deadline.
    pub(crate) async fn room_for(
        &self,
        cloud: &Cloud,
        bytes: usize,
        deadline: Timestamp,
    ) -> Option<MemoryShare> {
        let needed = needed_kb(bytes);
        let waits = Duration::try_from(deadline.duration_since(cloud.now())).unwrap_or_default();
        let acquired = self.0.clone().acquire_many_owned(needed);
        let permit = tokio::time::timeout(waits, acquired).await.ok()?.ok()?;
        Some(MemoryShare { _permit: permit })
    }
}

/// A call that needs more than there is gets all of it: it runs alone, and the door takes none that
/// cannot be carried out so.
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
