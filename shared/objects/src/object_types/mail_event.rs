//! SentEvent, NotSentEvent, BounceEvent, UnsubEvent: what became of mails, and what it makes of their
//! subscribers. Only the server makes them, from its own records and from what the mail service says.
//!
//! An event lies in the partition of its type under its time and its mail's tag, so that it is the
//! same record however often it is told, and a filter by EventDate reads no more than its days.

use calls::AccountId;
use jiff::Timestamp;
use soap::{Element, MailAddress};

use crate::blocked_address;
use crate::event_keys::moment;
use crate::key::{self, ObjectKey};
use crate::missing::Missing;
use crate::object_type::{ObjectType, Retrieval, Work};
use crate::object_types::{stored_only, subscriber};
use crate::overlay::Overlay;
use crate::recipient::Recipient;
use crate::tree;

const SENT: &str = "SentEvent";
const NOT_SENT: &str = "NotSentEvent";
const BOUNCE: &str = "BounceEvent";
const UNSUBSCRIBE: &str = "UnsubEvent";

const READ_ONLY: ObjectType = ObjectType {
    methods: &[],
    work: Work::Nothing,
    retrieval: Retrieval::Events,
    ..stored_only::TYPE
};

pub(crate) const TYPES: [ObjectType; 4] = [
    ObjectType {
        name: SENT,
        ..READ_ONLY
    },
    ObjectType {
        name: NOT_SENT,
        ..READ_ONLY
    },
    ObjectType {
        name: BOUNCE,
        ..READ_ONLY
    },
    ObjectType {
        name: UNSUBSCRIBE,
        ..READ_ONLY
    },
];

/// What is told of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailEvent {
    /// It was taken at that time after all, whatever was believed of it.
    Sent(Timestamp),
    /// It was not taken, or nobody knows whether it was.
    NotSent {
        at: Timestamp,
        reason: String,
    },
    /// It was taken at that time, and then the mail service did not send it.
    Rejected {
        at: Timestamp,
        reason: String,
    },
    Bounced(Bounce),
    /// Its reader said that it was not wanted.
    Complained(Timestamp),
    /// Its reader unsubscribed.
    Unsubscribed(Timestamp),
}

/// A mail that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    pub at: Timestamp,
    pub kind: BounceKind,
    /// Where it went.
    pub address: String,
    /// What kind of trouble, as the mail service calls it.
    pub category: String,
    /// The receiving server's status, `5.1.1`.
    pub smtp_code: Option<String>,
    /// What the receiving server said.
    pub smtp_reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceKind {
    /// It will bounce again: nothing is mailed to that address any more.
    Hard,
    /// The mail service has given up on this one mail.
    Soft,
    Other,
}

impl BounceKind {
    const fn event_type(self) -> &'static str {
        match self {
            Self::Hard => "HardBounce",
            Self::Soft => "SoftBounce",
            Self::Other => "OtherBounce",
        }
    }
}

/// Which of the events an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Sent,
    NotSent,
    Bounce,
    Unsubscribe,
}

pub(crate) fn kind_of(object: &Element) -> Option<EventKind> {
    match object.type_name.as_deref()? {
        SENT => Some(EventKind::Sent),
        NOT_SENT => Some(EventKind::NotSent),
        BOUNCE => Some(EventKind::Bounce),
        UNSUBSCRIBE => Some(EventKind::Unsubscribe),
        _ => None,
    }
}

/// The partitions in which an account's events lie.
pub fn event_partitions(account: &AccountId) -> [String; 4] {
    [SENT, NOT_SENT, BOUNCE, UNSUBSCRIBE].map(|name| key::partition(account, name))
}

/// Whether an object is one of the events, which are kept only as long as results are.
pub fn is_event(object: &Element) -> bool {
    kind_of(object).is_some()
}

/// The SentEvent of a mail, and where it lies. `tag` names the mail.
pub fn sent_event(recipient: &Recipient, tag: &str, at: Timestamp) -> (ObjectKey, Element) {
    let event = recipient.event(SENT, "Sent", at);
    (recipient.key(SENT, at, tag), event)
}

/// The NotSentEvent of somebody who is not mailed at all, and where it lies. `tag` names the mail that
/// there would have been.
pub(crate) fn not_sent_event(
    recipient: &Recipient,
    tag: &str,
    at: Timestamp,
    reason: &str,
) -> (ObjectKey, Element) {
    let event = recipient.not_sent(at, reason);
    (recipient.key(NOT_SENT, at, tag), event)
}

/// Takes in what is told of a mail: its events, and what they make of its subscriber. Told again, it
/// changes nothing.
pub fn track(
    overlay: &mut Overlay,
    recipient: &Recipient,
    tag: &str,
    event: &MailEvent,
    now: Timestamp,
) -> Result<(), Missing> {
    match event {
        MailEvent::Sent(at) => {
            let not_sent = recipient.key(NOT_SENT, *at, tag);
            let (key, sent) = sent_event(recipient, tag, *at);
            let was_not_sent = all_known(overlay, [&key, &not_sent])?[1];
            overlay.change(key, Some(sent), now);
            if was_not_sent {
                overlay.change(not_sent, None, now);
            }
        }
        MailEvent::NotSent { at, reason } => {
            let key = recipient.key(NOT_SENT, *at, tag);
            overlay.get(&key)?;
            overlay.change(key, Some(recipient.not_sent(*at, reason)), now);
        }
        MailEvent::Rejected { at, reason } => {
            let (not_sent, sent) = (
                recipient.key(NOT_SENT, *at, tag),
                recipient.key(SENT, *at, tag),
            );
            all_known(overlay, [&not_sent, &sent])?;
            let event = recipient.not_sent(*at, reason);
            overlay.change(not_sent, Some(event.clone()), now);
            // In the place of the SentEvent, so that one which is still under way finds it taken.
            overlay.change(sent, Some(event), now);
        }
        MailEvent::Bounced(bounce) => bounced(overlay, recipient, tag, bounce, now)?,
        MailEvent::Complained(at) | MailEvent::Unsubscribed(at) => {
            unsubscribed(overlay, recipient, tag, *at, now)?;
        }
    }
    Ok(())
}

/// Whether each of these objects is there; all are asked for at once.
fn all_known<const N: usize>(
    overlay: &Overlay,
    keys: [&ObjectKey; N],
) -> Result<[bool; N], Missing> {
    let found = keys.map(|key| overlay.get(key).map(|found| found.is_some()));
    let unknown = found.iter().filter_map(|found| found.as_ref().err());
    let missing: Vec<ObjectKey> = unknown.flat_map(|Missing(keys)| keys.clone()).collect();
    match missing.is_empty() {
        true => Ok(found.map(|found| found.unwrap_or_default())),
        false => Err(Missing(missing)),
    }
}

/// Nobody is mailed at an address any more, unless it was blocked before.
fn block(
    overlay: &mut Overlay,
    recipient: &Recipient,
    address: Option<ObjectKey>,
    status: &str,
    now: Timestamp,
) -> Result<(), Missing> {
    if let Some(address) = address
        && overlay.get(&address)?.is_none()
    {
        let block = blocked_address::block(status, &recipient.subscriber_key);
        overlay.change(address, Some(block), now);
    }
    Ok(())
}

fn bounced(
    overlay: &mut Overlay,
    recipient: &Recipient,
    tag: &str,
    bounce: &Bounce,
    now: Timestamp,
) -> Result<(), Missing> {
    let key = recipient.key(BOUNCE, bounce.at, tag);
    let subscriber = recipient.subscriber();
    if all_known(overlay, [&key, &subscriber])?[0] {
        return Ok(());
    }
    if bounce.kind == BounceKind::Hard {
        let address = blocked_address::at(&recipient.subscriber_account, &bounce.address);
        block(overlay, recipient, address, "Bounced", now)?;
    }
    let is_marked = |stored: &&Element| {
        bounce.kind == BounceKind::Hard
            && matches!(stored.text_of("Status"), None | Some("Active"))
            && is_address_of(stored, &bounce.address)
    };
    if let Some(stored) = overlay.get(&subscriber)?.filter(is_marked) {
        let mut becomes = stored.clone();
        tree::set(&mut becomes, "Status", "Bounced");
        tree::set(&mut becomes, "ModifiedDate", now.to_string());
        overlay.change(subscriber, Some(becomes), now);
    }
    overlay.change(key, Some(recipient.bounce(bounce)), now);
    Ok(())
}

/// Whether a subscriber still has the address that a mail went to.
fn is_address_of(stored: &Element, address: &str) -> bool {
    let written = tree::filled(stored, "EmailAddress")
        .or_else(|| tree::filled(stored, "SubscriberKey"))
        .unwrap_or_default();
    let read = |text: &str| MailAddress::parse(text).map(String::from).ok();
    read(written).is_some_and(|stored| stored.eq_ignore_ascii_case(address))
}

/// Who has unsubscribed already has done so once: there is no second event.
fn unsubscribed(
    overlay: &mut Overlay,
    recipient: &Recipient,
    tag: &str,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), Missing> {
    let key = recipient.key(UNSUBSCRIBE, at, tag);
    let subscriber = recipient.subscriber();
    if all_known(overlay, [&key, &subscriber])?[0] {
        return Ok(());
    }
    let stored = overlay.get(&subscriber)?;
    if stored.is_some_and(|stored| stored.text_of("Status") == Some("Unsubscribed")) {
        return Ok(());
    }
    let moment = now.to_string();
    // Whoever was deleted meanwhile must not be mailed as somebody new.
    let mut becomes = stored.cloned().unwrap_or_else(|| {
        let (account, name) = (&recipient.subscriber_account, &recipient.subscriber_key);
        subscriber::new(account, name, &moment)
    });
    let address = blocked_address::of(&recipient.subscriber_account, &becomes);
    block(overlay, recipient, address, "Unsubscribed", now)?;
    tree::set(&mut becomes, "Status", "Unsubscribed");
    tree::set(&mut becomes, "UnsubscribedDate", moment.as_str());
    tree::set(&mut becomes, "ModifiedDate", moment.as_str());
    overlay.change(subscriber, Some(becomes), now);
    let event = recipient.event(UNSUBSCRIBE, "Unsubscribe", at);
    let event = event.with(Element::of("IsMasterUnsubscribed", "true"));
    overlay.change(key, Some(event), now);
    Ok(())
}

impl Recipient {
    fn subscriber(&self) -> ObjectKey {
        let name = subscriber::TYPE.name;
        key::object(&self.subscriber_account, name, &self.subscriber_key)
    }

    fn key(&self, type_name: &str, at: Timestamp, tag: &str) -> ObjectKey {
        key::object(&self.account, type_name, &format!("{}#{tag}", moment(at)))
    }

    fn event(&self, type_name: &str, event_type: &str, at: Timestamp) -> Element {
        let event = Element::new("Objects")
            .typed(type_name)
            .with(Element::of("SendID", self.send_id.to_string()))
            .with(Element::of("SubscriberKey", self.subscriber_key.as_str()))
            .with(Element::of("EventDate", at.to_string()))
            .with(Element::of("EventType", event_type));
        match self.definition_object_id.as_str() {
            // Of a send to an audience.
            "" => event,
            object_id => event.with(Element::of("TriggeredSendDefinitionObjectID", object_id)),
        }
    }

    /// The type has no field for the reason, so it stands with what every object may have.
    fn not_sent(&self, at: Timestamp, reason: &str) -> Element {
        let reason = Element::new("PartnerProperties")
            .with(Element::of("Name", "Reason"))
            .with(Element::of("Value", reason));
        self.event(NOT_SENT, "NotSent", at).with(reason)
    }

    fn bounce(&self, bounce: &Bounce) -> Element {
        let event = self.event(BOUNCE, bounce.kind.event_type(), bounce.at);
        let event = event
            .with(Element::of("BounceCategory", bounce.category.as_str()))
            .with(Element::of("BounceType", bounce.kind.event_type()));
        let said = [
            ("SMTPCode", &bounce.smtp_code),
            ("SMTPReason", &bounce.smtp_reason),
        ];
        said.into_iter().fold(event, |event, (name, text)| {
            match text.as_deref().filter(|text| !text.is_empty()) {
                Some(text) => event.with(Element::of(name, text)),
                None => event,
            }
        })
    }
}
