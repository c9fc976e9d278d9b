//! Addresses that are not mailed, whoever has them: one of their subscribers has unsubscribed, bounced
//! or complained.
//!
//! | partition                  | sort        | holds                                     |
//! |----------------------------|-------------|-------------------------------------------|
//! | `<account>#BlockedAddress` | the address | the status of the subscriber, and its key |

use calls::AccountId;
use soap::{Element, MailAddress};

use crate::key::{self, ObjectKey};
use crate::tree;

/// Ours, and no type of the protocol: nobody retrieves it.
const TYPE_NAME: &str = "BlockedAddress";

/// Where it lies whether an address is blocked; `None`: it is no address.
pub(crate) fn at(account: &AccountId, address: &str) -> Option<ObjectKey> {
    let address = MailAddress::parse(address).map(String::from).ok()?;
    Some(key::object(account, TYPE_NAME, &address))
}

/// The same for the address that a subscriber has.
pub(crate) fn of(account: &AccountId, subscriber: &Element) -> Option<ObjectKey> {
    let address = tree::filled(subscriber, "EmailAddress");
    let address = address.or_else(|| tree::filled(subscriber, "SubscriberKey"));
    at(account, address?)
}

/// What is kept of a blocked address.
pub(crate) fn block(status: &str, subscriber_key: &str) -> Element {
    Element::new("Objects")
        .typed(TYPE_NAME)
        .with(Element::of("SubscriberKey", subscriber_key))
        .with(Element::of("Status", status))
}

/// Whether a subscriber of that status is not mailed, and its address with it.
pub(crate) fn is_blocking(status: Option<&str>) -> bool {
    matches!(status, Some("Unsubscribed" | "Bounced" | "Held"))
}

/// Whether it was that subscriber's doing: who is active again lifts its own block, and no other.
pub(crate) fn is_of(block: &Element, subscriber_key: &str) -> bool {
    let own = block.text_of("SubscriberKey").unwrap_or_default();
    own.to_lowercase() == subscriber_key.to_lowercase()
}
