//! Retrieve of a Send: adds how many of its mails have left, which is not stored with it.

use std::collections::BTreeMap;

use calls::{AccountId, ConversationKey, SequenceCode};
use cloud::{Cloud, Error};
use jiff::SignedDuration;
use objects::{SendMails, SendProgress};
use soap::Element;

/// Longest time for counting events: a Send is retrieved repeatedly while it goes on, and is
/// returned without these numbers if counting takes longer.
const COUNTED_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// For how long after its last change a Send without open mails may still get some: its call may
/// have other definitions that are not done.
const UNTOLD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Completes a Send; any other object is returned unchanged.
pub(crate) async fn shown(cloud: &Cloud, send: Element) -> Result<Element, Error> {
    let Some(mails) = objects::mails_of(&send) else {
        return Ok(objects::shown_send(send, &SendProgress::default()));
    };
    let progress = SendProgress {
        all_left: all_left(cloud, &send, mails).await?,
        events: BTreeMap::new(),
    };
    Ok(objects::shown_send(send, &progress))
}

/// The same with the numbers of its mails, counted from the events since it began.
pub(crate) async fn counted(
    cloud: &Cloud,
    account: &AccountId,
    send: Element,
) -> Result<Element, Error> {
    let Some(mails) = objects::mails_of(&send) else {
        return Ok(objects::shown_send(send, &SendProgress::default()));
    };
    let number = send.text_of("ID").unwrap_or_default();
    let began = send.text_of("CreatedDate").and_then(|at| at.parse().ok());
    let deadline = cloud.now() + COUNTED_WITHIN;
    // Read first: otherwise a mail that leaves meanwhile would be missing in the numbers of a
    // complete send.
    let all_left = all_left(cloud, &send, mails).await?;
    let events = cloud.count_events(account, number, began, deadline).await?;
    let progress = SendProgress {
        all_left,
        events: events.unwrap_or_default(),
    };
    Ok(objects::shown_send(send, &progress))
}

/// Whether none of its mails is pending.
async fn all_left(cloud: &Cloud, send: &Element, mails: SendMails) -> Result<bool, Error> {
    let Some(sequence) = SequenceCode::new(mails.sequence) else {
        return Ok(true);
    };
    let conversation = ConversationKey(mails.conversation);
    if let Some(mails) = cloud.mails(&conversation, sequence).await? {
        return Ok(mails.due.is_none());
    }
    if send.text_of("NumberTargeted") == Some("0") {
        return Ok(true);
    }
    let written = send.text_of("ModifiedDate").and_then(|at| at.parse().ok());
    Ok(written.is_none_or(|written| cloud.now().duration_since(written) > UNTOLD_MAX))
}
