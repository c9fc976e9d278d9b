//! Who a triggered send may go to, and why somebody gets no mail.

use calls::AccountId;
use soap::{Element, MailAddress, SubscriberFailure};

use crate::key::ObjectKey;
use crate::membership::NamedList;
use crate::object_types::subscriber;
use crate::tree;

/// A subscriber of a triggered send.
pub(crate) struct Addressee<'a> {
    /// Which one of the object, from 0.
    pub(crate) ordinal: usize,
    /// As it came.
    pub(crate) subscriber: &'a Element,
    pub(crate) name: &'a str,
    /// Whose subscriber it is.
    pub(crate) account: AccountId,
    pub(crate) at: ObjectKey,
    pub(crate) stored: Option<&'a Element>,
    /// Why nobody is mailed at this address, if it is so.
    pub(crate) blocked: Option<&'a Element>,
}

/// What names a subscriber: SubscriberKey, else CustomerKey, else EmailAddress.
pub(crate) fn name_of(subscriber: &Element) -> Option<&str> {
    ["SubscriberKey", "CustomerKey"]
        .iter()
        .find_map(|name| tree::filled(subscriber, name))
        .or_else(|| address_in(subscriber))
}

pub(crate) fn address_in(subscriber: &Element) -> Option<&str> {
    tree::filled(subscriber, "EmailAddress")
        .map(str::trim)
        .filter(|address| !address.is_empty())
}

impl<'a> Addressee<'a> {
    /// Whether it has unsubscribed from any list, so that the definition's matters.
    pub(crate) fn has_left_a_list(&self) -> bool {
        self.stored.is_some_and(has_left_a_list)
    }

    /// A field of the subscriber: as the call says, else as it is stored.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        tree::filled(self.subscriber, name).or_else(|| tree::filled(self.stored?, name))
    }

    /// The address as it is written, in the call or in what is stored.
    pub(crate) fn written_address(&self) -> Option<&'a str> {
        address_in(self.subscriber).or_else(|| address_in(self.stored?))
    }

    /// The address to send to, unless this subscriber must not get the mail.
    /// `list`: that of the definition, where one has left any list.
    pub(crate) fn check(
        &self,
        definition: &Element,
        list: Option<&NamedList<'_>>,
    ) -> Result<MailAddress, Failure> {
        if self.name.chars().count() > subscriber::KEY_CHARS_MAX {
            return Err(Failure::KEY_TOO_LONG);
        }
        let address = self.written_address().ok_or(Failure::NO_ADDRESS)?;
        let address = MailAddress::parse(address).map_err(|_| Failure::INVALID_ADDRESS)?;
        let blocked = || match self.blocked.map(|block| block.text_of("Status")) {
            None => Ok(()),
            Some(Some("Unsubscribed")) => Err(Failure::UNSUBSCRIBED),
            Some(_) => Err(Failure::HELD),
        };
        let Some(stored) = self.stored else {
            blocked()?;
            return match tree::is_true(definition, "AutoAddSubscribers") {
                Some(false) => Err(Failure::UNKNOWN),
                Some(true) | None => Ok(address),
            };
        };
        match stored.text_of("Status") {
            Some("Unsubscribed") => Err(Failure::UNSUBSCRIBED),
            Some("Held" | "Bounced") => Err(Failure::HELD),
            Some("Deleted") => Err(Failure::DELETED),
            Some(_) | None if has_unsubscribed(list, stored) => Err(Failure::LIST_UNSUBSCRIBED),
            Some(_) | None => blocked().map(|()| address),
        }
    }
}

/// Memberships that have been given up by the subscriber.
fn left(stored: &Element) -> impl Iterator<Item = &Element> {
    let lists = stored.all("Lists");
    lists.filter(|membership| membership.text_of("Status") == Some("Unsubscribed"))
}

/// Whether a stored subscriber has unsubscribed from any list.
pub(crate) fn has_left_a_list(stored: &Element) -> bool {
    left(stored).next().is_some()
}

/// Whether the subscriber has unsubscribed from the list of the definition.
pub(crate) fn has_unsubscribed(list: Option<&NamedList<'_>>, stored: &Element) -> bool {
    list.is_some_and(|list| left(stored).any(|membership| list.has(membership)))
}

/// Why a subscriber gets no mail: a number of the protocol's list of send failures, and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    number: u32,
    text: &'static str,
}

impl Failure {
    const UNSUBSCRIBED: Self = Self::new(1, "Subscriber is unsubscribed.");
    const HELD: Self = Self::new(2, "Subscriber is held.");
    const NO_ADDRESS: Self = Self::new(4, "The Email Address for this subscriber is missing.");
    const INVALID_ADDRESS: Self = Self::new(
        5,
        "The Email Address for this subscriber has invalid syntax.",
    );
    const UNKNOWN: Self = Self::new(11, "Subscriber is not on the All Subscribers list.");
    pub(crate) const NO_BODY: Self = Self::new(26, "The email has neither HTML nor text.");
    const KEY_TOO_LONG: Self = Self::new(30, "The Subscriber Key for this subscriber is too long.");
    pub(crate) const LIST_UNSUBSCRIBED: Self =
        Self::new(31, "Subscriber is unsubscribed from the list.");
    pub(crate) const BAD_SENDER: Self =
        Self::new(140, "The From or Reply-To address has invalid syntax.");
    const DELETED: Self = Self::new(40, "Subscriber is deleted.");
    pub(crate) const SUPPRESSED: Self = Self::new(27, "Subscriber is on a suppression list.");
    pub(crate) const OPTED_OUT: Self = Self::new(28, "Subscriber is on an opt-out list.");
    pub(crate) const EXCLUDED: Self = Self::new(102, "Subscriber is excluded.");
    /// Those that say that somebody is not to be mailed, rather than that he cannot be.
    const OF_EXCLUSION: [u32; 7] = [1, 2, 27, 28, 31, 40, 102];
    pub(crate) const EMPTY_SUBJECT: Self = Self::new(127, "The subject of the email is empty.");
    pub(crate) const TOO_LARGE: Self = Self::new(130, "The email is too large.");

    const fn new(number: u32, text: &'static str) -> Self {
        Self { number, text }
    }

    pub(crate) fn is_exclusion(self) -> bool {
        Self::OF_EXCLUSION.contains(&self.number)
    }

    /// As the events tell it.
    pub(crate) fn reason(self) -> String {
        format!("Error Code: {} - {}", self.number, self.text)
    }

    pub(crate) fn of(self, to: &Addressee<'_>) -> SubscriberFailure {
        failure(to.subscriber, to.ordinal, self.number, self.text)
    }

    /// Of a subscriber who was not looked at, because the whole send was refused.
    pub(crate) fn of_all(subscriber: &Element, ordinal: usize, why: &str) -> SubscriberFailure {
        const UNSPECIFIED: u32 = 15;
        failure(subscriber, ordinal, UNSPECIFIED, why)
    }
}

fn failure(subscriber: &Element, ordinal: usize, number: u32, text: &str) -> SubscriberFailure {
    SubscriberFailure {
        subscriber: Element {
            type_name: Some(subscriber::TYPE.name.to_owned()),
            ..subscriber.clone()
        },
        error_code: "TriggeredSendSubscriberProcessingError".to_owned(),
        error_description: format!("Error Code: {number} - {text}"),
        ordinal: u32::try_from(ordinal).unwrap_or(u32::MAX),
    }
}
