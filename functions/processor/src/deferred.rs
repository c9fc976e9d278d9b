//! Wake-ups that wait for their second in a lane, very many of them together: what becomes of each is
//! said by its message alone, so that thousands that are due at one instant cost others no time.

use futures_util::future::join_all;

use crate::message::{CallBatch, WakeUpMessage};

/// The messages of a batch, once those that wait have been seen to.
pub(crate) struct Admitted {
    pub(crate) to_run: Vec<WakeUpMessage>,
    /// Ids of those that come again.
    pub(crate) handed_back: Vec<String>,
}

impl CallBatch<'_> {
    /// Holds those whose second has not come. The others go on as a flood does: in its lanes, unless
    /// they are in one already.
    pub(crate) async fn admit(&self, messages: Vec<WakeUpMessage>) -> Admitted {
        let moves = self.cloud.queues.defers_beside_floods(self.priority);
        let now = self.cloud.now();
        let (mut to_run, mut early, mut to_move) = (Vec::new(), Vec::new(), Vec::new());
        for message in messages {
            match message.deferred_until() {
                Some(at) if at > now => early.push((message, at)),
                Some(_) if moves => to_move.push(message),
                Some(_) | None => to_run.push(message),
            }
        }
        let early = early
            .into_iter()
            .map(|(message, at)| self.hold_until(message, at));
        let mut handed_back = join_all(early).await;
        handed_back.extend(self.move_to_floods(to_move).await);
        Admitted {
            to_run,
            handed_back,
        }
    }

    /// Gives back the ids of those that must come again. Of some that were sent and are sent once more
    /// the queue drops the second.
    async fn move_to_floods(&self, messages: Vec<WakeUpMessage>) -> Vec<String> {
        if messages.is_empty() {
            return Vec::new();
        }
        let wake_ups = messages.iter().map(|message| message.wake().clone());
        let queues = &self.cloud.queues;
        let moved = queues.wake_as_flood(self.priority, wake_ups.collect());
        let Err(error) = moved.await else {
            return Vec::new();
        };
        let back = messages
            .into_iter()
            .map(|message| self.hand_back(message, &error));
        join_all(back).await.into_iter().flatten().collect()
    }
}
