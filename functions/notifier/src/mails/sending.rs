//! One mail of a triggered send: how it stands, and handing it to the mail service.

use cloud::aws::mail::{Mail, MailSession, Sent};
use cloud::records::mail_record::{MailRecord, MailState};
use cloud::{Cloud, CommitError, Error};
use jiff::{SignedDuration, Timestamp};
use objects::MailOrder;
use tracing::{error, info, warn};

use super::has_time;

/// A claim this old belongs to nobody any more: no function runs so long.
const CLAIM_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Why a mail is unknown, as the operator reads it.
const NO_ANSWER: &str = "the mail service was reached and did not answer";
const STOPPED: &str = "the function stopped between handing it over and noting the answer";

/// Why a mail failed that was never handed over.
const UNREADABLE: &str = "its record is not readable";

/// Why a mail failed, or is unknown, of which invocations have died.
const GIVEN_UP: &str = "the function ended before it was done with it, each time";

/// How one mail stands after it has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Done,
    /// Not now: owed, held, or in somebody's hands.
    Open,
    /// The mail service takes fewer mails in a second, or no more on this day.
    Throttled,
    /// Nor will it take any other of this sender, until somebody has verified it.
    SenderUnverified,
    /// The mail service is out of reach, or takes none: no use in going on.
    Error,
    /// Its answer could not be waited for.
    OutOfTime,
}

/// One that is not sent now.
pub(super) async fn look(cloud: &Cloud, mail: &MailRecord) -> Stands {
    let now = cloud.now();
    match mail.state {
        MailState::Sent(_) | MailState::Failed | MailState::Unknown => Stands::Done,
        MailState::Sending(since) if now.duration_since(since) < CLAIM_MAX => Stands::Open,
        MailState::Sending(_) => {
            let unknown = note(cloud, mail, MailState::Unknown, Some(STOPPED)).await;
            settled(unknown.map(|_| Stands::Done))
        }
        MailState::Pending => Stands::Open,
    }
}

/// Whether an invocation can have died of it.
pub(super) fn is_under_way(mail: &MailRecord) -> bool {
    match mail.state {
        MailState::Pending | MailState::Sending(_) => true,
        MailState::Sent(_) | MailState::Failed | MailState::Unknown => false,
    }
}

/// It is not tried again: it failed if it was never handed over, or else nobody knows.
pub(super) async fn give_up(cloud: &Cloud, mail: &MailRecord) -> Result<(), Error> {
    let (conversation, number) = (&mail.conversation, mail.number);
    let state = match mail.state {
        MailState::Sending(_) => MailState::Unknown,
        MailState::Pending | MailState::Sent(_) | MailState::Failed | MailState::Unknown => {
            MailState::Failed
        }
    };
    error!(%conversation, number, "mail is given up");
    match note(cloud, mail, state, Some(GIVEN_UP)).await {
        Ok(_) => Ok(()),
        Err(CommitError::Conflict) => Err(Error::Conflict(1)),
        Err(CommitError::Cloud(error)) => Err(error),
    }
}

/// One that is owed, and may be sent.
pub(super) async fn send(
    cloud: &Cloud,
    session: &MailSession,
    mail: &MailRecord,
    deadline: Timestamp,
) -> Stands {
    settled(send_pending(cloud, session, mail, deadline).await)
}

fn settled(stands: Result<Stands, CommitError>) -> Stands {
    match stands {
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
    session: &MailSession,
    mail: &MailRecord,
    deadline: Timestamp,
) -> Result<Stands, CommitError> {
    let Ok(order) = serde_json::from_str::<MailOrder>(&mail.order) else {
        error!(conversation = %mail.conversation, number = mail.number, "mail is not readable");
        note(cloud, mail, MailState::Failed, Some(UNREADABLE)).await?;
        return Ok(Stands::Done);
    };
    if !has_time(cloud, deadline) {
        return Ok(Stands::OutOfTime);
    }
    let claimed = note(cloud, mail, MailState::Sending(cloud.now()), None).await?;
    let (conversation, number) = (&mail.conversation, mail.number);
    match session.send(&reply_mail(order)).await {
        Ok(Sent::Taken) => {
            info!(%conversation, number, "mail sent");
            note(cloud, &claimed, MailState::Sent(cloud.now()), None).await?;
            Ok(Stands::Done)
        }
        Ok(Sent::Rejected(reason)) => {
            warn!(%conversation, number, reason, "mail rejected");
            note(cloud, &claimed, MailState::Failed, Some(&reason)).await?;
            Ok(Stands::Done)
        }
        // Certain not to have been taken: it is owed as before.
        Err(error) if error.was_refused() => {
            warn!(%conversation, number, error = error.in_full(), "mail was not taken");
            note(cloud, &claimed, MailState::Pending, None).await?;
            Ok(not_taken(&error))
        }
        Err(error) => {
            error!(%conversation, number, error = error.in_full(), "mail is unknown");
            note(cloud, &claimed, MailState::Unknown, Some(NO_ANSWER)).await?;
            Ok(Stands::Done)
        }
    }
}

fn not_taken(error: &Error) -> Stands {
    match error {
        Error::MailThrottled(_) => Stands::Throttled,
        Error::MailSenderUnverified(_) => Stands::SenderUnverified,
        Error::MailRecipientUnverified(_) => Stands::Open,
        Error::Mail(_)
        | Error::MailRefused(_)
        | Error::MailNotSent(_)
        | Error::Table { .. }
        | Error::Queue { .. }
        | Error::Schedule { .. }
        | Error::LargeBodies { .. }
        | Error::PasswordEncryption { .. }
        | Error::Conflict(_)
        | Error::Unreadable { .. }
        | Error::Newer { .. }
        | Error::Missing(_) => Stands::Error,
    }
}

async fn note(
    cloud: &Cloud,
    mail: &MailRecord,
    state: MailState,
    reason: Option<&str>,
) -> Result<MailRecord, CommitError> {
    cloud.commit_mail(mail, state, reason, cloud.now()).await
}

/// The definition that may hold it back, and whose it is; nothing for a mail that none holds.
pub(super) fn definition_of(mail: &MailRecord) -> String {
    match held_by(mail) {
        Some(order) => format!("{} {}", order.account, order.definition),
        None => String::new(),
    }
}

fn held_by(mail: &MailRecord) -> Option<MailOrder> {
    let order = serde_json::from_str::<MailOrder>(&mail.order).ok()?;
    order.held.then_some(order)
}

/// Whether its definition, which was not active when it was ordered, still is not.
pub(super) async fn is_held(cloud: &Cloud, mail: &MailRecord) -> Result<bool, Error> {
    let Some(order) = held_by(mail) else {
        return Ok(false);
    };
    let definition = cloud.object(&objects::definition_key(&order)).await?;
    Ok(objects::holds_mails(definition.as_ref()))
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
