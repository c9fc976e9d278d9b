//! A world that runs by itself, as in AWS: batches are taken from the queues as long as there are
//! places for them, requests to AWS and to receivers take their time, the timekeeper comes by every
//! minute. Time is tokio's, which stands still while anything can be done, so that minutes pass in no
//! time and waits are measured exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use local::{CapturedCallback, InjectedFault, event_source};
use tokio::task::JoinSet;

use crate::story::Story;

/// What a request to AWS takes.
const AWS_TAKES: Duration = Duration::from_millis(5);

/// How often the timekeeper comes by in AWS.
const MINUTE: Duration = Duration::from_secs(60);

/// The functions at work; they stop when it is dropped.
#[must_use = "the functions stop once it is dropped"]
pub struct Running(JoinSet<()>);

/// A caller in a world whose clock is tokio's, and where requests to AWS take some milliseconds.
pub async fn a_caller_in_time() -> Story {
    let caller = Story::in_time_of_tokio().await;
    caller.local().faults().by(|_, aws_request| {
        (aws_request.service != local::Service::Callback).then_some(InjectedFault::Delay(AWS_TAKES))
    });
    caller
}

impl Running {
    pub fn functions_of(caller: &Story) -> Self {
        Self(event_source::drive(&caller.stack, MINUTE))
    }

    /// As many functions as run are stopped in the middle, whatever they hold.
    pub async fn stops(mut self) {
        self.0.shutdown().await;
    }
}

pub async fn time_passes(time: SignedDuration) {
    let time = Duration::try_from(time).expect("time does not run backwards");
    tokio::time::sleep(time).await;
}

/// When each `webhook-id` was posted, in order.
pub fn by_id(callbacks: &[CapturedCallback]) -> BTreeMap<String, Vec<Timestamp>> {
    let mut posted: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for callback in callbacks {
        let id = callback.header("webhook-id").expect("each has an id");
        posted.entry(id.to_owned()).or_default().push(callback.at);
    }
    posted
}
