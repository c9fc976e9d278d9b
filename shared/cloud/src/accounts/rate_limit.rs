//! How often an account may call: its permits, taken out of its record some at once.
//!
//! | pk                | sk           | written by | holds                                           |
//! |-------------------|--------------|------------|-------------------------------------------------|
//! | `RATE_LIMIT#<id>` | `RATE_LIMIT` | ingest     | a stretch of ten seconds, and the permits taken |
//!
//! What is taken and given out is decided in `calls::rate_limit`.

use calls::{AccountId, Limit, RateLimitAnswer};
use jiff::{SignedDuration, Timestamp};

use crate::accounts::Accounts;
use crate::accounts::remembered::REMEMBERED_MAX;
use crate::aws::table::Key;
use crate::error::Error;

/// How often more permits are asked for while others take them too: then the few that are left go
/// to those others.
const TAKEN_TRIES_MAX: u32 = 8;

/// How long the count of a caller who has gone is kept.
const RETENTION: SignedDuration = SignedDuration::from_hours(1);

impl Accounts {
    /// How many calls an account has made of late, as far as its rate limit has told us.
    pub(crate) fn calls_per_second(&self, account: &AccountId, now: Timestamp) -> u32 {
        let remembered = self.remembered();
        let permits = remembered.permits.get(account);
        permits.map_or(0, |permits| permits.calls_per_second(now))
    }

    /// Whether an account may make a call now: `Some`: not before that time. `calls_per_second` is
    /// what counts for accounts that have no limit of their own, 0 for none. `bytes`: of the request.
    pub async fn not_before(
        &self,
        account: &AccountId,
        calls_per_second: u32,
        bytes: usize,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let of_its_own = self.account(account, now).await?;
        let calls_per_second = of_its_own
            .and_then(|account| account.calls_per_second)
            .unwrap_or(calls_per_second);
        let Some(limit) = Limit::of(calls_per_second) else {
            return Ok(None);
        };
        let key = Key::new(format!("RATE_LIMIT#{account}"), "RATE_LIMIT");
        let mut next_window = None;
        for _ in 0..TAKEN_TRIES_MAX {
            let answer = {
                let permits = &mut self.remembered().permits;
                if permits.len() >= REMEMBERED_MAX && !permits.contains_key(account) {
                    permits.clear();
                }
                let permits = permits.entry(account.clone()).or_default();
                permits.ask(limit.permits_for(bytes), limit, now)
            };
            let taking = match answer {
                RateLimitAnswer::Yes => return Ok(None),
                RateLimitAnswer::NotBefore(time) => return Ok(Some(time)),
                RateLimitAnswer::After(taking) => taking,
            };
            next_window = Some(taking.window.end());
            let taken = self.table.take(&key, taking, now + RETENTION).await?;
            let permits = &mut self.remembered().permits;
            let permits = permits.entry(account.clone()).or_default();
            match taken {
                Ok(count) => permits.took(taking, count),
                Err(found) => permits.observe(found),
            }
        }
        Ok(next_window)
    }
}
