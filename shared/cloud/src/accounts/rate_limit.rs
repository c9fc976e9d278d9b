//! The rate limit of an account: a function takes several permits out of the account's record at a
//! time and gives them out by itself.
//!
//! | pk                | sk           | written by | holds                                                   |
//! |-------------------|--------------|------------|---------------------------------------------------------|
//! | `RATE_LIMIT#<id>` | `RATE_LIMIT` | ingest     | a window of ten seconds, and how many permits are taken |
//!
//! How many permits are taken and given out is decided in `calls::rate_limit`.

use calls::rate_limit::ReservationResult;
use calls::{AccountId, Limit, RateLimitAnswer};
use jiff::{SignedDuration, Timestamp};

use crate::accounts::Accounts;
use crate::accounts::remembered::REMEMBERED_MAX;
use crate::aws::table::Key;
use crate::error::Error;

/// Most attempts to take permits while other functions take them, too; after that the few that
/// remain are left to the others.
const TAKEN_TRIES_MAX: u32 = 8;

/// How long the record is kept after the last call.
const RETENTION: SignedDuration = SignedDuration::from_hours(1);

impl Accounts {
    /// How many calls a second an account has made recently, as far as its rate limit shows.
    pub(crate) fn calls_per_second(&self, account: &AccountId, now: Timestamp) -> u32 {
        let remembered = self.remembered();
        let permits = remembered.permits.get(account);
        permits.map_or(0, |permits| permits.calls_per_second(now))
    }

    /// When an account may make its next call; `None`: now. `calls_per_second` is the limit of
    /// accounts that have none of their own (0: no limit), `bytes` the size of the request.
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
                RateLimitAnswer::Allowed => return Ok(None),
                RateLimitAnswer::NotBefore(time) => return Ok(Some(time)),
                RateLimitAnswer::After(taking) => taking,
            };
            next_window = Some(taking.window.end());
            let taken = self.table.take(&key, taking, now + RETENTION).await?;
            let permits = &mut self.remembered().permits;
            let permits = permits.entry(account.clone()).or_default();
            match taken {
                ReservationResult::Made { taken } => permits.took(taking, taken),
                ReservationResult::Refused(count) => permits.observe(count),
            }
        }
        Ok(next_window)
    }
}
