//! The index of what must be looked at again: its parts, and the part of a record.
//!
//! A part is a partition key of the index and takes 1,000 writes a second. A call writes two
//! entries, when it arrives and when it is done, so that 64 parts are enough for some 30,000 calls
//! a second. With more parts, the timekeeper would make more requests each minute, whether or not
//! anything is due.

use std::sync::Arc;

use calls::ConversationKey;

/// How many parts there are, both for what is due by its time and for what is parked.
pub const SHARDS: u8 = 64;

/// All parts of what is due by its time.
pub fn shards() -> impl Iterator<Item = String> {
    (0..SHARDS).map(named)
}

/// Which parts are read each minute.
#[derive(Clone, Default)]
pub struct Shards(Option<Arc<dyn Fn() -> Vec<String> + Send + Sync>>);

impl Shards {
    /// Only these. For worlds of a few conversations whose parts are known: reading all parts each
    /// minute takes most of the time of a simulation.
    pub fn from_fn(named: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(named)))
    }

    pub fn list(&self) -> Vec<String> {
        match &self.0 {
            None => shards().collect(),
            Some(named) => named(),
        }
    }
}

/// The part of a conversation and of all that belongs to it.
pub(crate) fn shard_of(conversation: &ConversationKey) -> String {
    let first = conversation.0.get(..2).unwrap_or_default();
    named(u8::from_str_radix(first, 16).unwrap_or_default() % SHARDS)
}

const PARKED: &str = "parked-";

/// The part in which its conversations wait for the end of maintenance.
pub fn parked_shard(shard: &str) -> String {
    format!("{PARKED}{shard}")
}

const HELD: &str = "held-";

/// The part in which its conversations wait for a backend.
pub fn held_shard(backend: &str, shard: &str) -> String {
    format!("{HELD}{backend}-{shard}")
}

/// The backend for which conversations of a part wait, if it is such a part.
pub(crate) fn held_by(shard: &str) -> Option<&str> {
    let (backend, _) = shard.strip_prefix(HELD)?.rsplit_once('-')?;
    Some(backend)
}

/// The part of due records to which a part of waiting conversations belongs; any other part is
/// returned unchanged.
pub fn beside_parked(shard: &str) -> &str {
    let held = held_by(shard).and_then(|_| shard.rsplit_once('-'));
    match held {
        Some((_, beside)) => beside,
        None => shard.strip_prefix(PARKED).unwrap_or(shard),
    }
}

fn named(shard: u8) -> String {
    format!("{shard:02x}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use calls::Digest;

    use super::*;

    #[test]
    fn all_parts_are_looked_through_unless_somebody_names_others() {
        assert_eq!(Shards::default().list(), shards().collect::<Vec<_>>());
        let named = || vec![beside_parked(&parked_shard("07")).to_owned()];
        assert_eq!(Shards::from_fn(named).list(), ["07"]);
        assert_eq!(beside_parked("3f"), "3f");
    }

    #[test]
    fn every_part_is_one_of_all_and_they_are_filled_alike() {
        let mut counts: BTreeMap<String, u32> = shards().map(|shard| (shard, 0)).collect();
        assert_eq!(counts.len(), usize::from(SHARDS));
        for number in 0..64_000 {
            let Digest(hash) = Digest::of(format!("{number}").as_bytes());
            let shard = shard_of(&ConversationKey(hash));
            *counts.get_mut(&shard).expect("one of all") += 1;
        }
        assert!(
            counts.values().all(|count| (850..1_150).contains(count)),
            "{counts:?}"
        );
    }
}
