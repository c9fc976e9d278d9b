//! What is done between a conflict and the next try.

use calls::{Digest, RequestId};

/// Those who overtook each other wait different times before they look again.
pub(crate) async fn spread_out(who: &RequestId, tried: u32) {
    let Digest(hash) = Digest::of(format!("{who} {tried}").as_bytes());
    let share = u64::from_str_radix(&hash[..4], 16).unwrap_or(0);
    let longest_ms = 5 << tried.min(5);
    tokio::time::sleep(std::time::Duration::from_millis(
        share * longest_ms / 0xffff,
    ))
    .await;
}
