//! The mails of triggered sends: each sent at most once.
//!
//! A mail is claimed before the mail service is called. Should the power go after that, nobody
//! knows whether it went out: it is *unknown*, and is not sent again by itself.

use calls::AccountId;
use cloud::aws::mail::{Mail, Sent};
use cloud::aws::queues::{Lane, ReplyTarget, ReplyWakeUp};
use cloud::records::mail_record::{MailRecord, MailState, MailsRecord};
use cloud::{Cloud, CommitError, Error};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use objects::{MailOrder, Overlay};
use tracing::{error, info, warn};

use crate::Disposition;

/// Mails that are on their way to the mail service at the same time.
const AT_ONCE: usize = 8;

/// Mails that are read in one request.
const PAGE: i32 = 50;

/// A claim this old belongs to nobody any more: no function runs so long.
const CLAIM_MAX: SignedDuration = SignedDuration::from_mins(15);

/// When mails that are held, or claimed by somebody, are looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// How one mail stands after it has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Done,
    /// Not now: held, or in somebody's hands.
    Open,
    /// The mail service is out of reach: no use in going on.
    Error,
}

/// Sends what is owed of a call's mails, as far as time allows.
pub async fn settle(
    cloud: &Cloud,
    wake: &ReplyWakeUp,
    deadline: Timestamp,
) -> Result<Disposition, Error> {
    let Some(mut mails) = cloud.mails(&wake.conversation, wake.sequence).await? else {
        return Ok(Disposition::Nothing);
    };
    let mut done_through = mails.done_through;
    let mut next = mails.done_through;
    let mut error = false;
    let mut all_done = true;
    while next < mails.count && !error {
        let page = cloud.mails_from(&mails, next, PAGE).await?;
        let Some(last) = page.last() else { break };
        let after = last.number + 1;
        let sending = page.into_iter().map(|mail| send_one(cloud, mail));
        let stands: Vec<Stands> = stream::iter(sending).buffered(AT_ONCE).collect().await;
        error = stands.contains(&Stands::Error);
        if all_done {
            let done = stands
                .iter()
                .take_while(|stands| **stands == Stands::Done)
                .count();
            done_through += u32::try_from(done).unwrap_or(0);
            all_done = done == stands.len();
        }
        next = after;
        if cloud.now() >= deadline && next < mails.count {
            mails = commit(cloud, &mails, done_through, Some(cloud.now() + LOOK_AGAIN)).await?;
            let wake = ReplyWakeUp {
                conversation: mails.conversation.clone(),
                sequence: mails.sequence,
                what: ReplyTarget::Mails,
                lane: Lane::Conversation,
                step: mails.version,
            };
            cloud.queues.send_reply_wake_ups_in_order(&[wake]).await?;
            return Ok(Disposition::Nothing);
        }
    }
    let due = (!all_done || error).then(|| cloud.now() + LOOK_AGAIN);
    commit(cloud, &mails, done_through, due).await?;
    if error {
        Ok(Disposition::WaitsUntil(
            cloud.now() + SignedDuration::from_secs(30),
        ))
    } else {
        Ok(Disposition::Nothing)
    }
}

async fn commit(
    cloud: &Cloud,
    mails: &MailsRecord,
    done_through: u32,
    due: Option<Timestamp>,
) -> Result<MailsRecord, Error> {
    match cloud
        .commit_mails(mails, done_through, due, cloud.now())
        .await
    {
        Ok(next) => Ok(next),
        // The timekeeper came by, or another wake-up: the mails themselves say how they stand.
        Err(CommitError::Conflict) => Err(Error::Conflict(1)),
        Err(CommitError::Cloud(error)) => Err(error),
    }
}

async fn send_one(cloud: &Cloud, mail: MailRecord) -> Stands {
    let now = cloud.now();
    let settled = match mail.state {
        MailState::Sent(_) | MailState::Failed | MailState::Unknown => return Stands::Done,
        MailState::Sending(since) if now.duration_since(since) < CLAIM_MAX => return Stands::Open,
        MailState::Sending(_) => {
            warn!(conversation = %mail.conversation, number = mail.number, "mail is unknown");
            cloud
                .commit_mail(&mail, MailState::Unknown, now)
                .await
                .map(|_| Stands::Done)
        }
        MailState::Pending => send_pending(cloud, &mail, now).await,
    };
    match settled {
        Ok(stands) => stands,
        Err(CommitError::Conflict) => Stands::Open,
        Err(CommitError::Cloud(error)) => {
            warn!(error = error.in_full(), "mail is left for later");
            Stands::Error
        }
    }
}

async fn send_pending(
    cloud: &Cloud,
    mail: &MailRecord,
    now: Timestamp,
) -> Result<Stands, CommitError> {
    let Ok(order) = serde_json::from_str::<MailOrder>(&mail.order) else {
        error!(conversation = %mail.conversation, number = mail.number, "mail is not readable");
        return cloud
            .commit_mail(mail, MailState::Failed, now)
            .await
            .map(|_| Stands::Done);
    };
    if order.held && is_held(cloud, &order.account, &order.definition).await? {
        return Ok(Stands::Open);
    }
    let claimed = cloud
        .commit_mail(mail, MailState::Sending(now), now)
        .await?;
    match cloud.mail.send(&reply_mail(order)).await {
        Ok(Sent::Taken) => {
            info!(conversation = %mail.conversation, number = mail.number, "mail sent");
            let now = cloud.now();
            cloud
                .commit_mail(&claimed, MailState::Sent(now), now)
                .await?;
            Ok(Stands::Done)
        }
        Ok(Sent::Rejected(reason)) => {
            warn!(conversation = %mail.conversation, number = mail.number, reason, "mail rejected");
            cloud
                .commit_mail(&claimed, MailState::Failed, cloud.now())
                .await?;
            Ok(Stands::Done)
        }
        // Certain not to have been taken: it is owed as before.
        Err(error) if error.was_refused() => {
            warn!(
                error = error.in_full(),
                "mail service takes no mail at present"
            );
            cloud
                .commit_mail(&claimed, MailState::Pending, cloud.now())
                .await?;
            Ok(Stands::Error)
        }
        // No answer: it may have gone out. The claim stays, and becomes *unknown*.
        Err(error) => {
            warn!(
                error = error.in_full(),
                number = mail.number,
                "mail without an answer"
            );
            Ok(Stands::Open)
        }
    }
}

/// Whether the definition of a held mail is still not active.
async fn is_held(cloud: &Cloud, account: &AccountId, definition: &str) -> Result<bool, Error> {
    let overlay = Overlay::new(account);
    let source = objects::retrieve_from(&overlay, "TriggeredSendDefinition");
    let key = match &source {
        Ok(Ok(source)) => source.direct_key("CustomerKey", definition, cloud.now()),
        Ok(Err(_)) | Err(_) => None,
    };
    let Some(key) = key else { return Ok(true) };
    let found = cloud.object(&key).await?;
    let status = found
        .as_ref()
        .and_then(|found| found.text_of("TriggeredSendStatus"));
    Ok(status != Some("Active"))
}

fn reply_mail(order: MailOrder) -> Mail {
    Mail {
        to: order.to,
        from_name: order.from_name,
        from_address: order.from_address,
        reply_to: order.reply_to,
        reply_to_name: order.reply_to_name,
        subject: order.subject,
        text: order.text,
        html: order.html,
        attachment: None,
        headers: Vec::new(),
    }
}
