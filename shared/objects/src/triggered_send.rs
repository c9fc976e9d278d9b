//! TriggeredSend: one mail per valid subscriber, owed together with the outcome.

use calls::{AccountId, Method};
use soap::{Detail, Element, ObjectResult};

use crate::addressee::{self, Addressee, Failure};
use crate::carry_out::{DecisionContext, Sends, Unit, UnitResult};
use crate::key;
use crate::keyed::{self, Located};
use crate::mail::MailOrder;
use crate::overlay::{Missing, View};
use crate::personalise::{ValueContext, Values, one_line, personalise};
use crate::subscriber;
use crate::tree;
use crate::triggered_send_definition::{Email, Status, email_of};
use crate::verdict::{Decision, Refused, Stop};

/// Largest mail, in bytes before it is compressed: it is a table item of at most 400 KB.
pub(crate) const MAIL_BYTES_MAX: usize = 380_000;

const NO_DEFINITION: u32 = 18000;
const NOT_CONFIGURED: u32 = 18001;
const UNABLE_TO_CREATE: u32 = 18002;
const NO_SUBSCRIBERS: u32 = 180_007;
const NO_VALID_SUBSCRIBER: u32 = 180_008;

const CREATED: &str = "Created TriggeredSend";

pub(crate) fn decide(context: &DecisionContext<'_>, unit: &Unit) -> Result<Decision, Stop> {
    if context.request.method != Method::Create {
        return Err(context.cannot().into());
    }
    match slice_of(context, unit) {
        Ok(decision) => Ok(decision),
        Err(Stop::Refused(refused)) => Ok(Decision::only(refused_slice(context, unit, *refused))),
        Err(Stop::Missing(missing)) => Err(Stop::Missing(missing)),
    }
}

/// Whether all is known that the decision on a unit needs.
pub(crate) fn look_ahead(context: &DecisionContext<'_>, unit: &Unit) -> Result<(), Missing> {
    match Send::prepare(context).and_then(|_send| addressees(context, unit)) {
        Err(Stop::Missing(missing)) => Err(missing),
        Ok(_) | Err(Stop::Refused(_)) => Ok(()),
    }
}

fn refused_slice(context: &DecisionContext<'_>, unit: &Unit, refused: Refused) -> UnitResult {
    let Refused {
        code,
        message,
        detail: _,
    } = refused;
    let failures = subscribers(context, unit)
        .map(|(ordinal, subscriber)| Failure::of_all(subscriber, ordinal, &message))
        .collect();
    UnitResult::Sends(Sends {
        mails: 0,
        refused: Some((code, message)),
        failures,
        correlation_id: context.correlation_id(),
    })
}

/// The subscribers of a unit, with their numbers.
fn subscribers<'a>(
    context: &DecisionContext<'a>,
    unit: &Unit,
) -> impl Iterator<Item = (usize, &'a Element)> + use<'a> {
    let fields = context
        .object
        .children
        .get(unit.part.clone())
        .unwrap_or_default();
    let subscribers = fields.iter().filter(|field| field.name == "Subscribers");
    (unit.first_subscriber..).zip(subscribers)
}

fn slice_of(context: &DecisionContext<'_>, unit: &Unit) -> Result<Decision, Stop> {
    let send = Send::prepare(context)?;
    let addressees = addressees(context, unit)?;
    let mut sends = Sends {
        correlation_id: context.correlation_id(),
        ..Sends::default()
    };
    if addressees.is_empty() {
        let message = "The Triggered Send Object must have subscribers associated with it";
        sends.refused = Some((NO_SUBSCRIBERS, message.to_owned()));
    }
    let mut decision = Decision::only(UnitResult::Sends(Sends::default()));
    for addressee in addressees {
        // The same subscriber can come twice in a unit: the second sees what the first one did.
        let earlier = decision
            .changes
            .iter()
            .position(|(key, _)| *key == addressee.at);
        let done = earlier.and_then(|earlier| decision.changes[earlier].1.as_ref());
        let addressee = Addressee {
            stored: done.or(addressee.stored),
            ..addressee
        };
        match send.to(context, &addressee) {
            Err(failure) => sends.failures.push(failure.of(&addressee)),
            Ok(mail) => {
                decision.mails.push(mail);
                sends.mails += 1;
                match (send.subscriber(context, &addressee), earlier) {
                    (None, _) => {}
                    (Some(becomes), Some(earlier)) => decision.changes[earlier].1 = Some(becomes),
                    (Some(becomes), None) => decision.changes.push((addressee.at, Some(becomes))),
                }
            }
        }
    }
    decision.result = UnitResult::Sends(sends);
    Ok(decision)
}

/// The subscribers of a unit with what is stored of them, which is asked for at once.
fn addressees<'a>(context: &DecisionContext<'a>, unit: &Unit) -> Result<Vec<Addressee<'a>>, Stop> {
    let mut missing = Vec::new();
    let mut addressees = Vec::new();
    for (ordinal, subscriber) in subscribers(context, unit) {
        let name = addressee::name_of(subscriber).unwrap_or_default();
        let account = context.account_of(subscriber)?;
        let at = key::object(&account, "Subscriber", name);
        // Who has no name is nobody's record; that becomes a failure later.
        match if name.is_empty() {
            Ok(None)
        } else {
            context.overlay.get(&at)
        } {
            Ok(stored) => addressees.push(Addressee {
                ordinal,
                subscriber,
                name,
                account,
                at,
                stored,
            }),
            Err(Missing(more)) => missing.extend(more),
        }
    }
    if missing.is_empty() {
        Ok(addressees)
    } else {
        Err(Missing(missing).into())
    }
}

/// What is the same for all subscribers of a triggered send.
struct Send<'a> {
    definition: &'a Element,
    definition_key: String,
    /// Whose definition it is.
    account: AccountId,
    email: Email<'a>,
    /// Attributes of the TriggeredSend itself.
    values: Values<'a>,
    is_held: bool,
}

impl<'a> Send<'a> {
    fn prepare(context: &DecisionContext<'a>) -> Result<Self, Stop> {
        let named = definition_in(context.object)?;
        let account = context.account_of(named)?;
        let definitions = context.overlay.of(&account);
        let Located {
            customer_key: definition_key,
            object,
            ..
        } = find_definition(definitions, named)?;
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
        let email = email_of(definitions, definition)?;
        if matches!(email, Email::None | Email::NotFound) {
            return Err(not_configured().into());
        }
        let mut values = Values::default();
        add_attributes(&mut values, context.object);
        Ok(Self {
            definition,
            definition_key,
            account,
            email,
            values,
            is_held,
        })
    }

    /// The mail to one subscriber, or why there is none.
    fn to(&self, context: &DecisionContext<'_>, to: &Addressee<'_>) -> Result<MailOrder, Failure> {
        let address = to.check(self.definition)?;
        let mut own = Values::default();
        own.or("emailaddr", address);
        own.or("emailaddress", address);
        own.or("subscriberkey", to.name);
        own.or("_subscriberkey", to.name);
        add_attributes(&mut own, to.subscriber);
        if let Some(stored) = to.stored {
            add_attributes(&mut own, stored);
        }
        let values = [&own, &self.values];
        let subject = personalise(self.subject(), &values, ValueContext::Subject);
        if subject.is_empty() {
            return Err(Failure::EMPTY_SUBJECT);
        }
        let (html, text) = self.bodies(to, &values)?;
        let line = |text: Option<&str>| text.map(one_line).filter(|line| !line.is_empty());
        let owner = to.subscriber.child("Owner");
        Ok(MailOrder {
            object: u32::try_from(context.ordinal).unwrap_or(u32::MAX),
            subscriber: u32::try_from(to.ordinal).unwrap_or(u32::MAX),
            subscriber_key: to.name.to_owned(),
            to: address.to_owned(),
            from_name: line(self.sender(owner, "FromName")),
            from_address: line(self.sender(owner, "FromAddress")),
            reply_to: line(self.sender(None, "ReplyToAddress")),
            subject,
            html,
            text,
            held: self.is_held,
            definition: self.definition_key.clone(),
            account: self.account.clone(),
        })
    }

    /// HTML and text, of which there is at least one.
    fn bodies(
        &self,
        to: &Addressee<'_>,
        values: &[&Values<'_>],
    ) -> Result<(Option<String>, Option<String>), Failure> {
        let body = |name: &str, place| {
            self.email
                .field(name)
                .map(|words| personalise(words, values, place))
        };
        let text = body("TextBody", ValueContext::Text);
        let prefers_text = to.field("EmailTypePreference") == Some("Text") && text.is_some();
        let html = if prefers_text {
            None
        } else {
            body("HTMLBody", ValueContext::Html)
        };
        let bytes = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        match bytes(&html) + bytes(&text) {
            0 => Err(Failure::NO_BODY),
            1..=MAIL_BYTES_MAX => Ok((html, text)),
            _ => Err(Failure::TOO_LARGE),
        }
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

    /// What a subscriber becomes by being sent to: one who is not stored is, and one who is takes
    /// over what the call says if the definition says so.
    fn subscriber(&self, context: &DecisionContext<'_>, to: &Addressee<'_>) -> Option<Element> {
        let updates = tree::is_true(self.definition, "AutoUpdateSubscribers") == Some(true);
        let now = context.request.now.to_string();
        let mut becomes = match to.stored {
            None => subscriber::new(&to.account, to.name, &now),
            Some(stored) if updates => stored.clone(),
            Some(_) => return None,
        };
        if let Some(address) = addressee::address_in(to.subscriber) {
            tree::replace(
                &mut becomes,
                "EmailAddress",
                vec![Element::of("EmailAddress", address)],
            );
        }
        let attributes = to.subscriber.all("Attributes").cloned().collect();
        let attributes = Element {
            children: attributes,
            ..Element::default()
        };
        subscriber::lay_over(&mut becomes, &attributes);
        tree::set(&mut becomes, "ModifiedDate", now);
        Some(becomes)
    }
}

/// What a triggered send names its definition by.
fn definition_in(send: &Element) -> Result<&Element, Refused> {
    let named = send.child("TriggeredSendDefinition");
    let is_named = |named: &&Element| {
        ["CustomerKey", "ObjectID", "ID", "PartnerKey"]
            .iter()
            .any(|field| tree::filled(named, field).is_some())
    };
    named.filter(is_named).ok_or_else(|| {
        let message =
            "The Triggered Send Object must contain the Triggered Send ID or the Customer Key";
        Refused::new(UNABLE_TO_CREATE, message)
    })
}

fn find_definition<'a>(definitions: View<'a, '_>, named: &Element) -> Result<Located<'a>, Stop> {
    let found = keyed::find(definitions, "TriggeredSendDefinition", "CustomerKey", named)?;
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

/// The result of a triggered send from those of its slices, with the send as it came.
pub(crate) fn merge(slices: Vec<Sends>, send: Option<&Element>) -> ObjectResult {
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
        object: send.cloned(),
        detail: Detail::TriggeredSend {
            failures: whole.failures,
        },
        ..ObjectResult::default()
    }
}
