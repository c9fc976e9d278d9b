//! Subscriber: an address with attributes, a status and the lists it is on.

use calls::{AccountId, Method};
use soap::{Element, MailAddress, MailAddressError, ObjectResult};

use crate::alias::{self, Named, PARTNER_KEY};
use crate::context::DecisionContext;
use crate::key::{self, ObjectKey};
use crate::membership::{self, STATUSES};
use crate::missing::Missing;
use crate::object_type::{ObjectType, Retrieval, Work};
use crate::object_types::stored_only;
use crate::saving::{self, Intent, NOTHING_DONE, Write};
use crate::tree;
use crate::unit::{UnitResult, whole};
use crate::verdict::{Decision, Refused, Stop};

/// Longest SubscriberKey, in characters. The protocol's figure.
pub(crate) const KEY_CHARS_MAX: usize = 254;

pub(crate) const TYPE: ObjectType = ObjectType {
    name: "Subscriber",
    work: Work::Whole(decide),
    retrieval: Retrieval::Subscribers,
    check: check_object,
    ..stored_only::TYPE
};

fn check_object(intent: Intent, object: &Element) -> Result<(), Refused> {
    match intent {
        Intent::Leave => return Ok(()),
        Intent::Remove => {}
        Intent::Add => check(object, true)?,
        Intent::Change | Intent::Save => check(object, false)?,
    }
    match tree::filled(object, PARTNER_KEY) {
        Some(_) => Ok(()),
        None => name_of(object).map(|_name| ()),
    }
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let account = context.overlay.account();
    let by_partner_key = by_partner_key(context)?;
    let (key, name) = match by_partner_key {
        Some(name) => (key::object(account, "Subscriber", name), name),
        None => key_of(account, context.object)?,
    };
    let stored = context.overlay.get(&key)?;
    let names =
        |after: Option<&Element>| alias::changes(context, &[PARTNER_KEY], name, stored, after);
    match context.intent().on(stored) {
        Write::Leave => Ok(Decision::only(whole(context.done(NOTHING_DONE)))),
        Write::Exists => Err(Refused::new(12014, "The subscriber is already on the list").into()),
        Write::Lacking => Err(lacking(context.object).into()),
        Write::Remove(_) => {
            let result = ObjectResult {
                new_id: None,
                ..context.done("Subscriber deleted")
            };
            let names = names(None)?;
            Ok(Decision::only(whole(result))
                .changing(key, None)
                .changing_all(names))
        }
        Write::Create => {
            check(context.object, true)?;
            let becomes = created(context, name)?;
            let result = stored_result(context, saved(context), &becomes);
            let names = names(Some(&becomes))?;
            Ok(Decision::only(result)
                .changing(key, Some(becomes))
                .changing_all(names))
        }
        Write::Change(stored) => {
            check(context.object, false)?;
            let becomes = changed(context, stored.clone())?;
            let result = stored_result(context, saved(context), &becomes);
            let names = names(Some(&becomes))?;
            Ok(Decision::only(result)
                .changing(key, Some(becomes))
                .changing_all(names))
        }
    }
}

/// The key of the subscriber who has the PartnerKey that is given, where no other key is.
fn by_partner_key<'a>(context: &DecisionContext<'a>) -> Result<Option<&'a str>, Missing> {
    let is_named = ["SubscriberKey", "CustomerKey"]
        .iter()
        .any(|field| tree::filled(context.object, field).is_some());
    let Some(partner_key) = tree::filled(context.object, PARTNER_KEY).filter(|_| !is_named) else {
        return Ok(None);
    };
    match alias::find(context.overlay, "Subscriber", PARTNER_KEY, partner_key)? {
        Named::One(name) => Ok(Some(name)),
        Named::Nobody | Named::Several => Ok(None),
    }
}

/// Where a subscriber lies, and what names it.
fn key_of<'a>(account: &AccountId, object: &'a Element) -> Result<(ObjectKey, &'a str), Refused> {
    let name = name_of(object)?;
    Ok((key::object(account, "Subscriber", name), name))
}

/// What names a subscriber: SubscriberKey, else CustomerKey, else EmailAddress.
fn name_of(object: &Element) -> Result<&str, Refused> {
    let subscriber_key = tree::filled(object, "SubscriberKey");
    let customer_key = tree::filled(object, "CustomerKey");
    if let (Some(subscriber_key), Some(customer_key)) = (subscriber_key, customer_key)
        && subscriber_key != customer_key
    {
        return Err(Refused::new(
            12021,
            "The SubscriberKey does not match the CustomerKey",
        ));
    }
    let name = subscriber_key
        .or(customer_key)
        .or_else(|| tree::filled(object, "EmailAddress"));
    let Some(name) = name else {
        let is_numbered = tree::filled(object, "ID").is_some();
        return Err(if is_numbered {
            Refused::new(
                12015,
                "Subscriber Key Not Found. A subscriber is named by its SubscriberKey or EmailAddress, not by its ID",
            )
        } else {
            invalid_address()
        });
    };
    if name.chars().count() > KEY_CHARS_MAX {
        let message = format!("The SubscriberKey is too long: {KEY_CHARS_MAX} characters at most");
        return Err(Refused::new(12011, message));
    }
    Ok(name)
}

fn invalid_address() -> Refused {
    Refused::new(
        12000,
        "InvalidEmailAddress: the EmailAddress is missing or has invalid syntax",
    )
}

fn lacking(object: &Element) -> Refused {
    match tree::filled(object, "SubscriberKey").or_else(|| tree::filled(object, "CustomerKey")) {
        Some(_) => Refused::new(12015, "Subscriber Key Not Found"),
        None => Refused::new(
            12001,
            "SubscriberNotFound: there is no subscriber of this EmailAddress",
        ),
    }
}

/// What the original says of a subscriber that is there now: it goes by the method, not by whether
/// SaveOptions made one of the other.
fn saved(context: &DecisionContext<'_>) -> &'static str {
    match context.request.method {
        Method::Create => "Created Subscriber.",
        Method::Update | Method::Perform | Method::Delete => "Updated Subscriber.",
    }
}

fn check(object: &Element, is_new: bool) -> Result<(), Refused> {
    match object.text_of("EmailAddress").map(MailAddress::parse) {
        Some(Ok(_)) => {}
        None if !is_new => {}
        None | Some(Err(MailAddressError::Malformed(_))) => return Err(invalid_address()),
        Some(Err(error @ (MailAddressError::LocalPart(_) | MailAddressError::Domain(_)))) => {
            return Err(Refused::new(12000, format!("InvalidEmailAddress: {error}")));
        }
    }
    match tree::filled(object, "Status") {
        Some("Bounced" | "Deleted") if is_new => Err(Refused::new(
            12016,
            "The Status cannot be Bounced or Deleted when a subscriber is created",
        )),
        Some(status) if !STATUSES.contains(&status) => Err(Refused::new(
            12011,
            format!("{status} is not a status of a subscriber"),
        )),
        Some(_) | None => Ok(()),
    }?;
    if object
        .all("Attributes")
        .any(|attribute| tree::filled(attribute, "Name").is_none())
    {
        return Err(Refused::new(12011, "Every attribute must have a Name"));
    }
    membership::check(object)
}

fn created(context: &DecisionContext<'_>, name: &str) -> Result<Element, Stop> {
    let mut becomes = new(
        context.overlay.account(),
        name,
        &context.request.now.to_string(),
    );
    saving::overlay(
        &mut becomes,
        context.object,
        context.request.options,
        &OWN_RULE,
    );
    lay_over(&mut becomes, context.object);
    let now = context.request.now.to_string();
    membership::lay_over(context.overlay, &mut becomes, context.object, &now)?;
    date_status(&mut becomes, None, &now);
    Ok(becomes)
}

/// A subscriber of that key and nothing else.
pub(crate) fn new(account: &AccountId, name: &str, now: &str) -> Element {
    let id = key::number(account, "Subscriber", name, 0);
    Element::new("Objects")
        .typed("Subscriber")
        .with(Element::of("CreatedDate", now))
        .with(Element::of("ModifiedDate", now))
        .with(Element::of("ID", id.to_string()))
        .with(Element::of("SubscriberKey", name))
        .with(Element::of("Status", "Active"))
}

fn changed(context: &DecisionContext<'_>, stored: Element) -> Result<Element, Stop> {
    let status = stored.text_of("Status").map(str::to_owned);
    let now = context.request.now.to_string();
    let mut becomes = stored;
    saving::overlay(
        &mut becomes,
        context.object,
        context.request.options,
        &OWN_RULE,
    );
    lay_over(&mut becomes, context.object);
    membership::lay_over(context.overlay, &mut becomes, context.object, &now)?;
    tree::set(&mut becomes, "ModifiedDate", now.clone());
    date_status(&mut becomes, status.as_deref(), &now);
    Ok(becomes)
}

/// Fields that are merged, or that name the subscriber and so never change.
const OWN_RULE: [&str; 4] = ["Attributes", "Lists", "SubscriberKey", "CustomerKey"];

/// Merges the attributes by name.
pub(crate) fn lay_over(becomes: &mut Element, incoming: &Element) {
    if incoming.child("Attributes").is_some() {
        let mut attributes: Vec<Element> = becomes.all("Attributes").cloned().collect();
        for attribute in incoming.all("Attributes") {
            lay_attribute(&mut attributes, attribute);
        }
        tree::replace(becomes, "Attributes", attributes);
    }
}

/// Attribute names are compared without regard to case, as in the mails they go into.
fn lay_attribute(attributes: &mut Vec<Element>, attribute: &Element) {
    let name = attribute.text_of("Name").unwrap_or_default();
    let is_same = |other: &&mut Element| {
        other
            .text_of("Name")
            .is_some_and(|other| other.eq_ignore_ascii_case(name))
    };
    match attributes.iter_mut().find(is_same) {
        Some(same) => *same = attribute.clone(),
        None => attributes.push(attribute.clone()),
    }
}

/// The UnsubscribedDate goes with the status.
fn date_status(becomes: &mut Element, before: Option<&str>, now: &str) {
    let is_unsubscribed = becomes.text_of("Status") == Some("Unsubscribed");
    if !is_unsubscribed {
        tree::remove(becomes, "UnsubscribedDate");
    } else if before != Some("Unsubscribed") {
        tree::set(becomes, "UnsubscribedDate", now);
    }
}

fn stored_result(context: &DecisionContext<'_>, message: &str, stored: &Element) -> UnitResult {
    let mut echo = context.object.clone();
    let id = stored.text_of("ID").unwrap_or_default();
    tree::set(&mut echo, "ID", id);
    let is_create = context.request.method == Method::Create;
    whole(ObjectResult {
        new_id: if is_create { id.parse().ok() } else { None },
        object: Some(echo),
        ..context.done(message)
    })
}
