//! One mail, text or call of a triggered send: how it stands, and handing it to its service.

use calls::TokenPriority;
use cloud::aws::mail::{Mail, MailSession, SendMailResult};
use cloud::aws::phone::PhoneSession;
use cloud::outbound::unsubscribe_link;
use cloud::records::mail_record::{MailRecord, MailState};
use cloud::{Cloud, CommitError, Committed, Error};
use jiff::{SignedDuration, Timestamp};
use objects::{
    MailEvent, MailHold, MailOrder, ObjectKey, PhoneFailure, Recipient, SendOrder, SendPriority,
};
use tracing::{debug, error, warn};

use super::counts::SendService;
use super::{counts, has_time};

/// A claim this old belongs to nobody any more: no function runs so long.
const CLAIM_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Why a mail is unknown, as the operator reads it.
const NO_ANSWER: &str = "the service was reached and did not answer";
const STOPPED: &str = "the function stopped between handing it over and noting the answer";

/// Why a mail failed that was never handed over.
const UNREADABLE: &str = "its record is not readable";

/// Why a mail failed that its definition wants in its hours or not at all.
const TOO_LATE: &str = "it was outside the hours of its definition, which drops such mails";

/// Why a mail failed whose send was cancelled before it left.
pub(super) const CANCELLED: &str = "its send was cancelled";

/// Why a mail failed, or is unknown, of which invocations have died.
const GIVEN_UP: &str = "the function ended before it was done with it, each time";

/// The services, for as long as an invocation takes.
pub(super) struct Services {
    mail: MailSession,
    phone: PhoneSession,
}

impl Services {
    pub(super) fn of(cloud: &Cloud) -> Self {
        Self {
            mail: cloud.mail.session(),
            phone: cloud.phone.session(),
        }
    }
}

/// How one mail stands after it has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MailProgress {
    Done,
    /// Not now: owed, held, or in somebody's hands.
    Open,
    /// The service takes fewer in a second, or no more on this day.
    Throttled(SendService),
    /// Nor will it take any other of this sender, until somebody has verified it.
    SenderUnverified,
    /// The mail service is out of reach, or takes none: no use in going on.
    Error,
    /// Its answer could not be waited for.
    OutOfTime,
}

/// One that is not sent now. `looked_at`: when the mails of its call were last looked through.
pub(super) async fn look(cloud: &Cloud, mail: &MailRecord, looked_at: Timestamp) -> MailProgress {
    settled(look_at(cloud, mail, looked_at).await)
}

async fn look_at(
    cloud: &Cloud,
    mail: &MailRecord,
    looked_at: Timestamp,
) -> Result<MailProgress, CommitError> {
    let now = cloud.now();
    match mail.state {
        // Whoever sent it may have died before its event was written. Nobody runs longer than a claim
        // lasts, so of what was sent long before the last look it is known to be there.
        MailState::Sent(at) if at + CLAIM_MAX >= looked_at => {
            if let Some(order) = order_of(mail) {
                note_sent(cloud, mail, &order.recipient()).await?;
            }
            Ok(MailProgress::Done)
        }
        MailState::Sent(_) | MailState::Failed | MailState::Unknown => Ok(MailProgress::Done),
        MailState::Sending(since) if now.duration_since(since) < CLAIM_MAX => {
            Ok(MailProgress::Open)
        }
        MailState::Sending(_) => {
            match order_of(mail) {
                Some(order) => {
                    let recipient = order.recipient();
                    not_sent(cloud, mail, MailState::Unknown, STOPPED, &recipient).await?;
                }
                None => drop(note(cloud, mail, MailState::Unknown, Some(STOPPED)).await?),
            }
            Ok(MailProgress::Done)
        }
        MailState::Pending => Ok(MailProgress::Open),
    }
}

fn order_of(mail: &MailRecord) -> Option<SendOrder> {
    serde_json::from_str(&mail.order).ok()
}

/// One that cannot be read is failed by whoever would have sent it as a mail.
pub(super) fn service_of(mail: &MailRecord) -> SendService {
    match order_of(mail) {
        Some(SendOrder::Phone(_)) => SendService::Phone,
        Some(SendOrder::Mail(_)) | None => SendService::Mail,
    }
}

/// Whether it goes before others where not all may go.
pub(super) fn priority_of(mail: &MailRecord) -> TokenPriority {
    match order_of(mail) {
        Some(SendOrder::Mail(order)) => match order.priority {
            SendPriority::Burst => TokenPriority::First,
            SendPriority::Normal => TokenPriority::Middle,
            SendPriority::Low => TokenPriority::Last,
        },
        Some(SendOrder::Phone(_)) | None => TokenPriority::Middle,
    }
}

/// Why its definition says that it is of no use at this time of the day; `None`: it does not.
pub(super) fn dropped(mail: &MailRecord, now: Timestamp) -> Option<&'static str> {
    let order = order_of(mail).filter(|_| mail.state == MailState::Pending);
    order
        .is_some_and(|order| order.is_dropped(now))
        .then_some(TOO_LATE)
}

/// It is not sent, and that is told.
pub(super) async fn drop_mail(cloud: &Cloud, mail: &MailRecord, why: &str) -> MailProgress {
    let Some(order) = order_of(mail) else {
        return MailProgress::Open;
    };
    let dropped = not_sent(cloud, mail, MailState::Failed, why, &order.recipient()).await;
    settled(dropped.map(|()| MailProgress::Done))
}

/// When it may leave, if not now.
pub(super) fn not_before(mail: &MailRecord, now: Timestamp) -> Option<Timestamp> {
    order_of(mail)?.not_before(now)
}

async fn note_sent(cloud: &Cloud, mail: &MailRecord, recipient: &Recipient) -> Result<(), Error> {
    let at = mail.claimed_at.unwrap_or_else(|| cloud.now());
    cloud.note_sent(recipient, &mail.tag(), at).await
}

/// Commits that a mail was not sent, or that nobody knows, with the event that tells it.
async fn not_sent(
    cloud: &Cloud,
    mail: &MailRecord,
    state: MailState,
    reason: &str,
    recipient: &Recipient,
) -> Result<(), CommitError> {
    let event = MailEvent::NotSent {
        at: mail.claimed_at.unwrap_or_else(|| cloud.now()),
        reason: reason.to_owned(),
    };
    let settled = cloud.settle_mail(mail, state, Some(reason), recipient, &event);
    settled.await.map(drop)?;
    counts::not_sent(cloud, service_of(mail), state);
    Ok(())
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
    let given_up = match order_of(mail) {
        Some(order) => {
            let reason = given_up_reason(&order);
            not_sent(cloud, mail, state, &reason, &order.recipient()).await
        }
        None => note(cloud, mail, state, Some(GIVEN_UP)).await.map(drop),
    };
    Ok(given_up?)
}

/// With the protocol's code of a failure that is the server's own, where there is one.
fn given_up_reason(order: &SendOrder) -> String {
    match order {
        SendOrder::Mail(_) => GIVEN_UP.to_owned(),
        SendOrder::Phone(order) => PhoneFailure::Server.reason(order.channel, GIVEN_UP),
    }
}

/// One that is owed, and may be sent.
pub(super) async fn send(
    cloud: &Cloud,
    services: &Services,
    mail: &MailRecord,
    deadline: Timestamp,
) -> MailProgress {
    settled(send_pending(cloud, services, mail, deadline).await)
}

fn settled(progress: Result<MailProgress, CommitError>) -> MailProgress {
    match Committed::of(progress) {
        Ok(Committed::Written(progress)) => progress,
        Ok(Committed::Conflict) => MailProgress::Open,
        Err(error) => {
            warn!(error = error.in_full(), "mail is left for later");
            MailProgress::Error
        }
    }
}

async fn send_pending(
    cloud: &Cloud,
    services: &Services,
    mail: &MailRecord,
    deadline: Timestamp,
) -> Result<MailProgress, CommitError> {
    let Some(order) = order_of(mail) else {
        error!(conversation = %mail.conversation, number = mail.number, "mail is not readable");
        note(cloud, mail, MailState::Failed, Some(UNREADABLE)).await?;
        return Ok(MailProgress::Done);
    };
    if !has_time(cloud, deadline) {
        return Ok(MailProgress::OutOfTime);
    }
    let (recipient, parts) = (order.recipient(), order.parts());
    let link = match &order {
        SendOrder::Mail(order) => unsubscribe_link(cloud, order, &recipient, mail).await?,
        SendOrder::Phone(_) => None,
    };
    let claimed = note(cloud, mail, MailState::Sending(cloud.now()), None).await?;
    let (conversation, number) = (&mail.conversation, mail.number);
    let service = service_of(mail);
    let sent = match order {
        SendOrder::Mail(order) => {
            let mail = triggered_mail(*order, mail, link);
            services.mail.send(&mail).await
        }
        SendOrder::Phone(order) => services.phone.send(&order, &mail.tag()).await,
    };
    match sent {
        Ok(SendMailResult::Taken) => {
            // Each part is paid for: whoever sums these up knows what the texts of a day cost.
            counts::sent(cloud, service, parts);
            debug!(%conversation, number, parts, "mail sent");
            taken(cloud, &claimed, &recipient).await
        }
        Ok(SendMailResult::Rejected(reason)) => {
            warn!(%conversation, number, reason, "mail rejected");
            not_sent(cloud, &claimed, MailState::Failed, &reason, &recipient).await?;
            Ok(MailProgress::Done)
        }
        // Certain not to have been taken: it is owed as before.
        Err(error) if error.was_refused() => {
            warn!(%conversation, number, error = error.in_full(), "mail was not taken");
            note(cloud, &claimed, MailState::Pending, None).await?;
            counts::put_off(cloud, service);
            Ok(not_taken(&error))
        }
        Err(error) => {
            error!(%conversation, number, error = error.in_full(), "mail is unknown");
            not_sent(cloud, &claimed, MailState::Unknown, NO_ANSWER, &recipient).await?;
            Ok(MailProgress::Done)
        }
    }
}

/// The mail service has it: that is noted at the mail, then for whoever retrieves it.
async fn taken(
    cloud: &Cloud,
    claimed: &MailRecord,
    recipient: &Recipient,
) -> Result<MailProgress, CommitError> {
    let noted = note(cloud, claimed, MailState::Sent(cloud.now()), None).await;
    match Committed::of(noted)? {
        Committed::Written(sent) => {
            note_sent(cloud, &sent, recipient).await?;
            Ok(MailProgress::Done)
        }
        // An event of the mail service was here first; or it was this very commit, whose answer was
        // lost and which was made again. What is noted twice is noted once.
        Committed::Conflict => {
            let Some(mail) = cloud.mail_tagged(&claimed.tag()).await? else {
                return Ok(MailProgress::Done);
            };
            match mail.state {
                MailState::Sent(_) => {
                    note_sent(cloud, &mail, recipient).await?;
                    Ok(MailProgress::Done)
                }
                MailState::Failed | MailState::Unknown => Ok(MailProgress::Done),
                MailState::Pending | MailState::Sending(_) => Ok(MailProgress::Open),
            }
        }
    }
}

/// Where the reader of a mail unsubscribes. Mail that is not sent in bulk has no such link.
async fn unsubscribe_link(
    cloud: &Cloud,
    order: &MailOrder,
    recipient: &Recipient,
    mail: &MailRecord,
) -> Result<Option<String>, Error> {
    let base = &cloud.settings.unsubscribe_url;
    if base.is_empty() || !order.is_commercial {
        return Ok(None);
    }
    let account = cloud.accounts.account(&order.account, cloud.now()).await?;
    Ok(account.and_then(|account| {
        unsubscribe_link::link(base, &account.webhook_secret, recipient, &mail.tag())
    }))
}

fn not_taken(error: &Error) -> MailProgress {
    match error {
        Error::MailThrottled(_) => MailProgress::Throttled(SendService::Mail),
        Error::PhoneThrottled(_) => MailProgress::Throttled(SendService::Phone),
        Error::MailSenderUnverified(_) => MailProgress::SenderUnverified,
        Error::MailRecipientUnverified(_) => MailProgress::Open,
        Error::Mail(_)
        | Error::MailRefused(_)
        | Error::MailNotSent(_)
        | Error::Phone(_)
        | Error::PhoneRefused(_)
        | Error::PhoneNotSent(_)
        | Error::Table { .. }
        | Error::Queue { .. }
        | Error::Schedule { .. }
        | Error::LargeBodies { .. }
        | Error::PasswordEncryption { .. }
        | Error::Secret { .. }
        | Error::Conflict(_)
        | Error::Unreadable { .. }
        | Error::Newer { .. }
        | Error::Missing(_) => MailProgress::Error,
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

/// Where the definition or the send lies that may hold it back; `None`: none may.
pub(super) fn holder_of(mail: &MailRecord) -> Option<ObjectKey> {
    match order_of(mail)? {
        SendOrder::Mail(order) => objects::holder_of(&order),
        SendOrder::Phone(_) => None,
    }
}

/// Whether a definition, which was not active when a mail was ordered, still is not; or a send is paused
/// or cancelled.
pub(super) async fn hold_of(cloud: &Cloud, holder: &ObjectKey) -> Result<MailHold, Error> {
    let holder = cloud.object(holder).await?;
    Ok(objects::hold_of(holder.as_ref()))
}

fn triggered_mail(order: MailOrder, mail: &MailRecord, unsubscribe_link: Option<String>) -> Mail {
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
        tag: Some(mail.tag()),
        unsubscribe_link,
    }
}
