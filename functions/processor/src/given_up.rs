//! The end of a call that cannot be carried out.

use backends::built_in;
use backends::forward;
use calls::{ConversationKey, Ended, Outcome, OverallStatus, Phase};
use cloud::aws::lanes::RunLane;
use cloud::aws::queues::ReplyWakeUp;
use cloud::conversation::commit::CallEnd;
use cloud::error::CONFLICTS_MAX;
use cloud::objects_table::Chunk;
use cloud::{Cloud, Committed, CommittedStep, Error};

use crate::run_step::send_next_wake_up;

/// Ends a call that cannot be carried out, whatever is tried, and its conversation with it.
pub(crate) async fn fail_next(cloud: &Cloud, key: &ConversationKey) -> Result<(), Error> {
    for _ in 0..CONFLICTS_MAX {
        let Some(header) = cloud.conversation_record(key).await? else {
            return Ok(());
        };
        let Phase::Running(progress) = header.conversation.phase else {
            return Ok(());
        };
        // What was carried out before it may not have been told.
        let header = match Committed::of(cloud.hand_over_replies(&header, cloud.now()).await)? {
            Committed::Written(header) => header,
            Committed::Conflict => continue,
        };
        // Without its body: reading that may be what the invocations die of.
        let call = cloud.call_in_turn(&header, progress.next).await?;
        let now = cloud.now();
        let (how, error_code) = match progress.may_be_out() {
            false => (Ended::CarriedOut, 2),
            true => (Ended::Unknown, forward::forward_end::UNKNOWN),
        };
        let outcome = Outcome {
            how,
            overall_status: OverallStatus::Error,
            status_message: format!(
                "Exception occurred during [{}] ErrorID: {}. The call was given up: whoever carried it \
                 out ended before it was done, each time",
                call.method.name(),
                call.request_id
            ),
            error_code: Some(error_code),
            ended_at: now,
        };
        let chunk = Chunk::of_results(Vec::new());
        let mails_before = built_in::mails_in(&cloud.chunk_results(key, progress.next).await?);
        let end = CallEnd {
            call: &call,
            outcome,
            results: None,
            chunk,
            mails_before,
        };
        match Committed::of(cloud.commit_end(&header, end, now).await)? {
            Committed::Written(CommittedStep { header, replies }) => {
                let wake_ups: Vec<ReplyWakeUp> =
                    replies.into_iter().map(|action| action.wake).collect();
                cloud.send_reply_wake_ups(&wake_ups).await;
                return if matches!(header.conversation.phase, Phase::Ended(_)) {
                    Ok(())
                } else {
                    send_next_wake_up(cloud, &header, RunLane::Own).await
                };
            }
            Committed::Conflict => {}
        }
    }
    Err(Error::Conflict(CONFLICTS_MAX))
}
