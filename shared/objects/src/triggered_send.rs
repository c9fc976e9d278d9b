//! TriggeredSend: one mail per valid subscriber, owed together with the outcome.

use calls::Method;
use soap::{Detail, Element, ObjectResult, SubscriberFailure};

use crate::address::is_address;
use crate::carry_out::{Asked, Sends, Unit, UnitResult};
use crate::key::{self, ObjectKey};
use crate::keyed::{self, Found};
use crate::mail::MailOrder;
use crate::personalise::{Place, Values, one_line, personalise};
use crate::subscriber;
use crate::tree;
use crate::triggered_send_definition::{Email, Status, email_of};
use crate::verdict::{Decision, Refused, Stop};
use crate::working::Missing;

/// Largest mail, in bytes before it is compressed: it is a table item of at most 400 KB.
pub(crate) const MAIL_BYTES_MAX: usize = 380_000;

const NO_DEFINITION: u32 = 18000;
const NOT_CONFIGURED: u32 = 18001;
const UNABLE_TO_CREATE: u32 = 18002;
const NO_SUBSCRIBERS: u32 = 180_007;
const NO_VALID_SUBSCRIBER: u32 = 180_008;

const CREATED: &str = "Created TriggeredSend";

pub(crate) fn decide(asked: &Asked<'_>, unit: &Unit) -> Result<Decision, Stop> {
    if asked.request.method != Method::Create {
        return Err(asked.cannot().into());
    }
    match slice_of(asked, unit) {
        Ok(decision) => Ok(decision),
        Err(Stop::Refused(refused)) => Ok(Decision::only(refused_slice(asked, unit, *refused))),
        Err(Stop::Missing(missing)) => Err(Stop::Missing(missing)),
    }
}

fn refused_slice(asked: &Asked<'_>, unit: &Unit, refused: Refused) -> UnitResult {
    let Refused {
        code,
        message,
        detail: _,
    } = refused;
    let no = Failure {
        number: 15,
        text: "UnspecifiedError",
    };
    let failures = subscribers(asked, unit)
        .map(|(ordinal, subscriber)| SubscriberFailure {
            error_description: format!("Error Code: {} - {message}", no.number),
            ..no.of(subscriber, ordinal)
        })
        .collect();
    UnitResult::Sends(Sends {
        mails: 0,
        refused: Some((code, message)),
        failures,
        correlation_id: asked.correlation_id(),
    })
}

/// The subscribers of a unit, with their numbers.
fn subscribers<'a>(
    asked: &Asked<'a>,
    unit: &Unit,
) -> impl Iterator<Item = (usize, &'a Element)> + use<'a> {
    let fields = asked
        .object
        .children
        .get(unit.part.clone())
        .unwrap_or_default();
    let subscribers = fields.iter().filter(|field| field.name == "Subscribers");
    (unit.first_subscriber..).zip(subscribers)
}

fn slice_of(asked: &Asked<'_>, unit: &Unit) -> Result<Decision, Stop> {
    let send = Send::prepare(asked)?;
    let mut sends = Sends {
        correlation_id: asked.correlation_id(),
        ..Sends::default()
    };
    let mut decision = Decision::only(UnitResult::Sends(Sends::default()));
    let mut missing = Vec::new();
    let mut written = Vec::new();
    for (ordinal, subscriber) in subscribers(asked, unit) {
        let key = subscriber_key(subscriber);
        let at = key.map(|key| key::subscriber(asked.working.account(), key));
        let stored = match at.as_ref().map(|at| asked.working.get(at)).transpose() {
            Ok(stored) => stored.flatten(),
            Err(Missing(more)) => {
                missing.extend(more);
                continue;
            }
        };
        let addressee = Addressee {
            subscriber,
            key: key.unwrap_or_default(),
            stored,
        };
        match send.to(asked, ordinal, &addressee) {
            Ok(mail) => {
                decision.mails.push(mail);
                sends.mails += 1;
                written.extend(at.map(|at| (at, addressee)));
            }
            Err(failure) => sends.failures.push(failure.of(subscriber, ordinal)),
        }
    }
    if !missing.is_empty() {
        return Err(Missing(missing).into());
    }
    for (at, addressee) in written {
        send.keep_subscriber(asked, at, &addressee, &mut decision);
    }
    if unit.part.is_empty() {
        sends.refused = Some((
            NO_SUBSCRIBERS,
            "The Triggered Send Object must have subscribers associated with it".to_owned(),
        ));
    }
    decision.result = UnitResult::Sends(sends);
    Ok(decision)
}

/// A subscriber of the call.
struct Addressee<'a> {
    subscriber: &'a Element,
    key: &'a str,
    stored: Option<&'a Element>,
}

impl Addressee<'_> {
    /// A field of the subscriber: as the call says, else as it is stored.
    fn field(&self, name: &str) -> Option<&str> {
        tree::filled(self.subscriber, name).or_else(|| tree::filled(self.stored?, name))
    }
}

/// What names a subscriber: SubscriberKey, else CustomerKey, else EmailAddress.
fn subscriber_key(subscriber: &Element) -> Option<&str> {
    ["SubscriberKey", "CustomerKey", "EmailAddress"]
        .iter()
        .find_map(|name| tree::filled(subscriber, name))
}

/// What is the same for all subscribers of a triggered send.
struct Send<'a> {
    definition: &'a Element,
    definition_key: String,
    email: Email<'a>,
    /// Attributes of the TriggeredSend itself.
    values: Values<'a>,
    is_held: bool,
}

impl<'a> Send<'a> {
    fn prepare(asked: &Asked<'a>) -> Result<Self, Stop> {
        let Found {
            customer_key: definition_key,
            object,
            ..
        } = definition_of(asked)?;
        let Some(definition) = object else {
            return Err(Refused::new(UNABLE_TO_CREATE, "Invalid Customer Key").into());
        };
        let not_configured = || {
            let message =
                "The Triggered Send Definition is not completely configured or in a new status";
            Refused::new(NOT_CONFIGURED, message)
        };
        let is_held = match Status::of(definition) {
            Status::Active => false,
            Status::Inactive => true,
            Status::New => return Err(not_configured().into()),
            Status::Canceled | Status::Deleted | Status::Moved => {
                let message = "Triggered Send must be in an Active or Inactive status";
                return Err(Refused::new(UNABLE_TO_CREATE, message).into());
            }
        };
        let email = email_of(asked.working, definition)?;
        if matches!(email, Email::None | Email::NotFound) {
            return Err(not_configured().into());
        }
        let mut values = Values::default();
        add_attributes(&mut values, asked.object);
        Ok(Self {
            definition,
            definition_key,
            email,
            values,
            is_held,
        })
    }

    /// The mail to one subscriber, or why there is none.
    fn to(
        &self,
        asked: &Asked<'_>,
        ordinal: usize,
        to: &Addressee<'_>,
    ) -> Result<MailOrder, Failure> {
        let address = check(self.definition, to)?;
        let mut own = Values::default();
        own.or("emailaddr", address);
        own.or("emailaddress", address);
        own.or("subscriberkey", to.key);
        own.or("_subscriberkey", to.key);
        add_attributes(&mut own, to.subscriber);
        if let Some(stored) = to.stored {
            add_attributes(&mut own, stored);
        }
        let values = [&own, &self.values];
        let subject = personalise(self.subject(), &values, Place::Subject);
        if subject.is_empty() {
            return Err(Failure {
                number: 127,
                text: "The subject of the email is empty.",
            });
        }
        let text = self
            .email
            .field("TextBody")
            .map(|words| personalise(words, &values, Place::Text));
        let html = self
            .email
            .field("HTMLBody")
            .map(|words| personalise(words, &values, Place::Html));
        let wants_text = to.field("EmailTypePreference") == Some("Text") && text.is_some();
        let html = html.filter(|_| !wants_text);
        let bytes = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        if bytes(&html) + bytes(&text) > MAIL_BYTES_MAX {
            return Err(Failure {
                number: 130,
                text: "The email is too large.",
            });
        }
        let line = |text: Option<&str>| text.map(one_line).filter(|line| !line.is_empty());
        let owner = to.subscriber.child("Owner");
        Ok(MailOrder {
            object: u32::try_from(asked.ordinal).unwrap_or(u32::MAX),
            subscriber: u32::try_from(ordinal).unwrap_or(u32::MAX),
            subscriber_key: to.key.to_owned(),
            to: address.to_owned(),
            from_name: line(self.sender(owner, "FromName")),
            from_address: line(self.sender(owner, "FromAddress")),
            reply_to: line(self.sender(None, "ReplyToAddress")),
            subject,
            html,
            text,
            held: self.is_held,
            definition: self.definition_key.clone(),
        })
    }

    fn subject(&self) -> &str {
        tree::filled(self.definition, "EmailSubject")
            .or_else(|| tree::filled(self.definition, "DynamicEmailSubject"))
            .or_else(|| self.email.field("Subject"))
            .unwrap_or_default()
    }

    /// Who sends: the subscriber's Owner, else the definition, else its SenderProfile.
    fn sender<'b>(&'b self, owner: Option<&'b Element>, name: &str) -> Option<&'b str> {
        let profile = self.definition.child("SenderProfile");
        owner
            .and_then(|owner| tree::filled(owner, name))
            .or_else(|| tree::filled(self.definition, name))
            .or_else(|| tree::filled(profile?, name))
    }

    /// Adds a new subscriber to those that are stored, or updates a stored one, as the definition says.
    fn keep_subscriber(
        &self,
        asked: &Asked<'_>,
        at: ObjectKey,
        to: &Addressee<'_>,
        decision: &mut Decision,
    ) {
        let updates = tree::is_true(self.definition, "AutoUpdateSubscribers") == Some(true);
        // The same subscriber can come twice in a unit: the second sees what the first one did.
        let earlier = decision.changes.iter_mut().find(|(key, _)| *key == at);
        let now = asked.request.now.to_string();
        let account = asked.working.account();
        let mut becomes = match (&earlier, to.stored) {
            (Some((_, Some(earlier))), _) if updates => earlier.clone(),
            (None, Some(stored)) if updates => stored.clone(),
            (None, None) => subscriber::new(account, to.key, &now),
            (Some(_), _) | (None, Some(_)) => return,
        };
        if let Some(address) = tree::filled(to.subscriber, "EmailAddress") {
            tree::replace(
                &mut becomes,
                "EmailAddress",
                vec![Element::of("EmailAddress", address)],
            );
        }
        subscriber::lay_over(&mut becomes, &attributes_of(to.subscriber));
        tree::set(&mut becomes, "ModifiedDate", now);
        match earlier {
            Some((_, earlier)) => *earlier = Some(becomes),
            None => decision.changes.push((at, Some(becomes))),
        }
    }
}

fn definition_of<'a>(asked: &Asked<'a>) -> Result<Found<'a>, Stop> {
    let named = asked.object.child("TriggeredSendDefinition");
    let is_named = |named: &&Element| {
        ["CustomerKey", "ObjectID", "ID"]
            .iter()
            .any(|field| tree::filled(named, field).is_some())
    };
    let Some(named) = named.filter(is_named) else {
        let message =
            "The Triggered Send Object must contain the Triggered Send ID or the Customer Key";
        return Err(Refused::new(UNABLE_TO_CREATE, message).into());
    };
    let found = keyed::find(
        asked.working,
        "TriggeredSendDefinition",
        "CustomerKey",
        named,
    )?;
    found.ok_or_else(|| {
        Refused::new(
            NO_DEFINITION,
            "TriggeredSendObjectNotFound: there is no such TriggeredSendDefinition",
        )
        .into()
    })
}

fn add_attributes<'a>(values: &mut Values<'a>, object: &'a Element) {
    for attribute in object.all("Attributes") {
        if let Some(name) = tree::filled(attribute, "Name") {
            values.or(name, attribute.text_of("Value").unwrap_or_default());
        }
    }
}

fn attributes_of(subscriber: &Element) -> Element {
    Element {
        children: subscriber.all("Attributes").cloned().collect(),
        ..Element::default()
    }
}

/// Why a subscriber gets no mail: a number of the protocol's list, and its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failure {
    number: u32,
    text: &'static str,
}

impl Failure {
    fn of(self, subscriber: &Element, ordinal: usize) -> SubscriberFailure {
        SubscriberFailure {
            subscriber: subscriber.clone(),
            error_code: "TriggeredSendSubscriberProcessingError".to_owned(),
            error_description: format!("Error Code: {} - {}", self.number, self.text),
            ordinal: u32::try_from(ordinal).unwrap_or(u32::MAX),
        }
    }
}

/// The address to send to, unless the subscriber must not get the mail.
fn check<'a>(definition: &Element, to: &'a Addressee<'_>) -> Result<&'a str, Failure> {
    let no = |number, text| Err(Failure { number, text });
    if to.key.chars().count() > subscriber::KEY_CHARS_MAX {
        return no(30, "The Subscriber Key for this subscriber is too long.");
    }
    let Some(address) = to.field("EmailAddress") else {
        return no(4, "The Email Address for this subscriber is missing.");
    };
    if !is_address(address) {
        return no(
            5,
            "The Email Address for this subscriber has invalid syntax.",
        );
    }
    let Some(stored) = to.stored else {
        return match tree::is_true(definition, "AutoAddSubscribers") {
            Some(false) => no(11, "The subscriber is not on the All Subscribers list."),
            Some(true) | None => Ok(address),
        };
    };
    match stored.text_of("Status") {
        Some("Unsubscribed") => no(1, "The subscriber is unsubscribed."),
        Some("Held" | "Bounced") => no(2, "The subscriber is held."),
        Some("Deleted") => no(40, "The subscriber is deleted."),
        Some(_) | None if has_left(definition, stored) => {
            no(31, "The subscriber is unsubscribed from the list.")
        }
        Some(_) | None => Ok(address),
    }
}

/// Whether the subscriber has unsubscribed from the list of the definition.
fn has_left(definition: &Element, stored: &Element) -> bool {
    let Some(list) = definition.child("List") else {
        return false;
    };
    stored.all("Lists").any(|membership| {
        membership.text_of("Status") == Some("Unsubscribed")
            && subscriber::is_same_list(membership, list)
    })
}

/// The result of a triggered send from those of its slices.
pub(crate) fn merge(slices: Vec<Sends>) -> ObjectResult {
    let mut whole = Sends::default();
    for slice in slices {
        whole.mails += slice.mails;
        whole.refused = whole.refused.or(slice.refused);
        whole.failures.extend(slice.failures);
        whole.correlation_id = whole.correlation_id.or(slice.correlation_id);
    }
    let (error_code, status_message) = match (whole.refused, whole.mails) {
        (Some((code, message)), 0) => {
            // Nobody was looked at, so nobody has failed.
            whole.failures.clear();
            (Some(code), message)
        }
        (Some((code, message)), _) => (Some(code), message),
        (None, 0) => {
            let message = "Unable to queue Triggered Send request. There are no valid subscribers.";
            (Some(NO_VALID_SUBSCRIBER), message.to_owned())
        }
        (None, _) => (None, CREATED.to_owned()),
    };
    ObjectResult {
        ok: error_code.is_none(),
        status_message,
        error_code,
        object_type: "TriggeredSend".to_owned(),
        correlation_id: whole.correlation_id,
        new_id: Some(0),
        detail: Detail::TriggeredSend {
            failures: whole.failures,
        },
        ..ObjectResult::default()
    }
}
