//! Calls of an account or of a priority are held back, and let go on.
//!
//! Two records change, in this order: to pause, first the breaker under the pause's name, so that nothing
//! that waits goes on, then the switch, by which calls are held back; to resume, the other way round.
//! Whoever is cut off in between does it again.

use calls::{Breaker, BreakerState};
use jiff::{SignedDuration, Timestamp};

use crate::Cloud;
use crate::accounts::Accounts;
use crate::act::Run;
use crate::error::Error;
use crate::pauses::Pause;

/// Why its breaker is open.
const PAUSED: &str = "paused by a person";

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseAnswer {
    Done,
    /// So it was already.
    Already,
    /// Its priority or its account cannot be a part of a name: nothing is called so.
    Unnamed,
}

impl Cloud {
    /// `accounts` of a person's command know where the switch is.
    pub async fn pause(
        &self,
        accounts: &Accounts,
        pause: &Pause,
        run: Run,
    ) -> Result<PauseAnswer, Error> {
        let Some(name) = pause.name() else {
            return Ok(PauseAnswer::Unnamed);
        };
        if accounts.pauses().await?.iter().any(|it| it.is_same(pause)) {
            return Ok(PauseAnswer::Already);
        }
        if run == Run::Real {
            let now = self.now();
            let paused = |breaker: Breaker| Breaker {
                state: BreakerState::Open {
                    since: now,
                    ask_from: Timestamp::MAX,
                },
                ..breaker.out_of_service(PAUSED, SignedDuration::ZERO, now)
            };
            self.change_breaker(&name, paused).await?;
            accounts.add_pause(pause).await?;
        }
        Ok(PauseAnswer::Done)
    }

    /// What waited goes on as after an outage: a hundred conversations in the first minute, twice as many
    /// in each that follows.
    pub async fn resume(
        &self,
        accounts: &Accounts,
        pause: &Pause,
        run: Run,
    ) -> Result<PauseAnswer, Error> {
        let Some(name) = pause.name() else {
            return Ok(PauseAnswer::Unnamed);
        };
        let is_paused = accounts.pauses().await?.iter().any(|it| it.is_same(pause));
        let breaker = self.breaker(&name).await?;
        let is_open = matches!(breaker.state, BreakerState::Open { .. });
        if !is_paused && !is_open {
            return Ok(PauseAnswer::Already);
        }
        if run == Run::Real {
            accounts.remove_pause(pause).await?;
            self.change_breaker(&name, Breaker::answered).await?;
        }
        Ok(PauseAnswer::Done)
    }
}
