//! What a warm function caches of the accounts table, each entry for a time.

use std::collections::HashMap;
use std::hash::Hash;

use jiff::Timestamp;

/// Most entries of each kind in the cache.
pub(crate) const REMEMBERED_MAX: usize = 10_000;

pub(crate) fn recall<V: Clone>(
    entries: &HashMap<String, (V, Timestamp)>,
    key: &str,
    now: Timestamp,
) -> Option<V> {
    entries
        .get(key)
        .filter(|(_, until)| *until > now)
        .map(|(value, _)| value.clone())
}

pub(crate) fn remember<K: Hash + Eq, V>(
    entries: &mut HashMap<K, (V, Timestamp)>,
    key: K,
    value: V,
    until: Timestamp,
) {
    if entries.len() >= REMEMBERED_MAX {
        entries.clear();
    }
    entries.insert(key, (value, until));
}
