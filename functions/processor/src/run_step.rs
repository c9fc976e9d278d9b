//! What one step of a run came to, and the wake-up by which a run goes on later.

use cloud::aws::lanes::RunLane;
use cloud::aws::queues::WakeUp;
use cloud::records::conversation_record::ConversationRecord;
use cloud::{Cloud, CommittedStep, Error};
use jiff::Timestamp;

/// What is left to do about a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeUpDisposition {
    Nothing,
    /// The same wake-up must come again then.
    WaitsUntil(Timestamp),
}

pub(crate) enum RunStep {
    On(Box<CommittedStep>),
    /// There is nothing left to be carried out.
    Ended,
    Stopped(WakeUpDisposition),
}

/// The message in hand is deleted only after this has been sent.
pub(crate) async fn send_next_wake_up(
    cloud: &Cloud,
    header: &ConversationRecord,
    lane: RunLane,
) -> Result<(), Error> {
    let wake = WakeUp {
        conversation: header.key.clone(),
        step: header.version,
        queue: header.conversation.queue(),
        lane,
    };
    cloud.queues.wake(header.conversation.priority, &wake).await
}
