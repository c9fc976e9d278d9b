//! Delete of ScheduledRequest and ScheduledConversation cancels calls that have not started.
//! Perform `cancel` of an AsyncRequestResult ends the tasks of a call with their next step.
//!
//! Repeating it has the same result, so a Delete that is carried out again after a crash again
//! reports success.

use calls::{AccountId, Cancelled, ConversationId, ConversationKey, Method, Phase, RequestId};
use cloud::aws::queues::ReplyWakeUp;
use cloud::conversation::find::SingleCall;
use cloud::{Cloud, Committed, Error};
use jiff::Timestamp;
use objects::{Cancellation, UnitResult};
use soap::{Element, ObjectResult};
use tracing::warn;

/// Searches each of the accounts in turn. `carried_out`: the conversation whose own call requests
/// this; it has started, of course.
pub(super) async fn cancel(
    cloud: &Cloud,
    accounts: &[AccountId],
    object: &Element,
    cancellation: &Cancellation,
    carried_out: Option<&ConversationKey>,
    now: Timestamp,
) -> Result<UnitResult, Error> {
    let mut result = None;
    for account in accounts {
        let found = cancel_of(cloud, account, object, cancellation, carried_out, now).await?;
        let is_unknown = found.error_code == Some(UNKNOWN);
        result = Some(found);
        if !is_unknown {
            break;
        }
    }
    let result = result.unwrap_or_else(|| unknown(object));
    Ok(UnitResult::Whole(Box::new(result)))
}

async fn cancel_of(
    cloud: &Cloud,
    account: &AccountId,
    object: &Element,
    cancellation: &Cancellation,
    carried_out: Option<&ConversationKey>,
    now: Timestamp,
) -> Result<ObjectResult, Error> {
    if let Cancellation::Tasks(request_id) = cancellation {
        let request_id = RequestId(request_id.clone());
        return cancel_tasks(cloud, account, object, &request_id).await;
    }
    Ok(match target(cloud, account, cancellation).await? {
        SingleCall::Conversation(key) if carried_out == Some(&key) => too_late(object),
        SingleCall::Unknown => unknown(object),
        SingleCall::PartOfConversation => refused(
            object,
            204,
            "AsyncAPI_Error. The request is part of a conversation: delete the ScheduledConversation",
        ),
        SingleCall::Conversation(key) => {
            match cloud
                .take_step(&key, now, |conversation| conversation.cancel(now))
                .await?
            {
                Some(Cancelled::Yes) => {
                    close_cancelled(cloud, &key, now).await;
                    ObjectResult {
                        ok: true,
                        status_message: "Deleted".to_owned(),
                        object_type: object.type_name.clone().unwrap_or_default(),
                        ..ObjectResult::default()
                    }
                }
                Some(Cancelled::TooLate) => too_late(object),
                None => unknown(object),
            }
        }
    })
}

/// Records that the tasks of a call are to end; their next step reads it.
async fn cancel_tasks(
    cloud: &Cloud,
    account: &AccountId,
    object: &Element,
    request_id: &RequestId,
) -> Result<ObjectResult, Error> {
    let Some(found) = cloud.call_of_request(account, request_id).await? else {
        return Ok(unknown(object));
    };
    let sequence = found.call.place.sequence();
    let has_ended = match &found.header.conversation.phase {
        Phase::Gathering => false,
        Phase::Running(progress) => progress.next > sequence,
        Phase::Closing { .. } | Phase::Ended(_) => true,
    };
    let object_type = objects::object_type(&found.call.object_type);
    let has_tasks = found.call.method == Method::Perform
        && object_type.is_some_and(|object_type| object_type.starts_tasks());
    if has_ended || !has_tasks {
        return Ok(refused(
            object,
            TOO_LATE,
            "The call has no task that goes on",
        ));
    }
    cloud.cancel_tasks(account, request_id).await?;
    Ok(ObjectResult {
        ok: true,
        status_message: "Cancelled: its tasks end with their next step".to_owned(),
        object_type: object.type_name.clone().unwrap_or_default(),
        object: Some(object.clone()),
        ..ObjectResult::default()
    })
}

/// Gives the first calls their outcomes and sends the wake-up for their replies: the conversation's
/// own wake-up may be held until the time of the cancelled call. The processor does the rest of a
/// longer conversation.
async fn close_cancelled(cloud: &Cloud, key: &ConversationKey, now: Timestamp) {
    let closed = match cloud.conversation_record(key).await {
        Ok(Some(header)) => cloud.close_some(&header, now).await,
        Ok(None) => return,
        Err(error) => Err(error.into()),
    };
    match Committed::of(closed) {
        Ok(Committed::Written(step)) => {
            let wake_ups: Vec<ReplyWakeUp> =
                step.replies.into_iter().map(|action| action.wake).collect();
            cloud.send_reply_wake_ups(&wake_ups).await;
        }
        // The processor is doing it already.
        Ok(Committed::Conflict) => {}
        Err(error) => {
            warn!(conversation = %key, error = error.in_full(), "left for the processor");
        }
    }
}

/// The account whose work is to be cancelled.
async fn target(
    cloud: &Cloud,
    account: &AccountId,
    cancellation: &Cancellation,
) -> Result<SingleCall, Error> {
    let request_id = match cancellation {
        Cancellation::Unnamed | Cancellation::Tasks(_) => return Ok(SingleCall::Unknown),
        Cancellation::Conversation(name) => {
            return Ok(match ConversationId::parse(name) {
                Ok(name) => SingleCall::Conversation(ConversationKey::named(account, &name)),
                Err(_) => SingleCall::Unknown,
            });
        }
        Cancellation::Request(request_id) => RequestId(request_id.clone()),
    };
    cloud.single_of_request(account, &request_id).await
}

/// The code for calls that the account has never sent.
const UNKNOWN: u32 = 220;

fn unknown(object: &Element) -> ObjectResult {
    refused(object, UNKNOWN, "AsyncAPI_Item_Not_Found")
}

/// The code for calls that cannot be cancelled any more.
const TOO_LATE: u32 = 222;

fn too_late(object: &Element) -> ObjectResult {
    refused(object, TOO_LATE, "AsyncAPI_Invalid_Status_To_Delete_Item")
}

fn refused(object: &Element, error_code: u32, message: &str) -> ObjectResult {
    ObjectResult {
        ok: false,
        status_message: message.to_owned(),
        error_code: Some(error_code),
        object_type: object.type_name.clone().unwrap_or_default(),
        object: Some(object.clone()),
        ..ObjectResult::default()
    }
}
