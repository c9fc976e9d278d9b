//! What is checked at the door, before a call is taken in: everything that needs neither a clock
//! nor the call's conversation nor anything stored.

use std::collections::HashSet;

use calls::call::OBJECTS_MAX;
use calls::options::SUBSCRIPTIONS_MAX;
use calls::refusal::Invalid;
use calls::{AsyncResponseType, Method, Refusal, Subscription};

use crate::call::CallRequest;
use crate::element::Element;
use crate::fault::echo;

/// Longest mail address, the limit of a forward-path in SMTP.
const MAIL_ADDRESS_BYTES_MAX: usize = 254;
/// Longest part before the `@`, SMTP's limit.
const MAIL_LOCAL_BYTES_MAX: usize = 64;

pub(crate) fn check(call: &CallRequest, allow_http: bool) -> Result<(), Refusal> {
    check_objects(call)?;
    if let Some(refused) = &call.refused {
        return Err(refused.clone());
    }
    if call.options.subscriptions.len() > SUBSCRIPTIONS_MAX {
        return Err(Refusal::Invalid(Invalid::TooManySubscriptions));
    }
    for subscription in &call.options.subscriptions {
        check_address(subscription, allow_http)?;
    }
    if call.method == Method::Create && call.is_asynchronous() {
        let mut sends = call
            .objects
            .iter()
            .filter(|object| is_of(object, "TriggeredSend"));
        sends.try_for_each(check_triggered_send)?;
    }
    Ok(())
}

fn is_of(object: &Element, type_name: &str) -> bool {
    object.type_name.as_deref() == Some(type_name)
}

fn check_objects(call: &CallRequest) -> Result<(), Refusal> {
    if call.objects.is_empty() {
        return Err(Refusal::Invalid(Invalid::NoObjects));
    }
    if call.objects.len() > OBJECTS_MAX {
        return Err(Refusal::TooManyObjects);
    }
    let mut seen = HashSet::new();
    for (index, object) in call.objects.iter().enumerate() {
        if object.nil || object.type_name.is_none() {
            return Err(of_object(
                6,
                format!(
                    "No object specified at 0-based index {index}. Its xsi:type must say what it is"
                ),
            ));
        }
        let correlation = object
            .text_of("CorrelationID")
            .filter(|text| !text.is_empty());
        if let Some(correlation) = correlation
            && !seen.insert(correlation)
        {
            return Err(Refusal::Invalid(Invalid::CorrelationIdUsed(echo(
                correlation,
            ))));
        }
    }
    Ok(())
}

fn check_address(subscription: &Subscription, allow_http: bool) -> Result<(), Refusal> {
    match subscription.response_type {
        AsyncResponseType::None => Ok(()),
        AsyncResponseType::HttpPost if is_web_address(&subscription.address, allow_http) => Ok(()),
        AsyncResponseType::HttpPost => Err(Refusal::UnsecureResponseAddress),
        AsyncResponseType::Email if is_mail_address(&subscription.address) => Ok(()),
        AsyncResponseType::Email => Err(Refusal::Invalid(Invalid::MailAddress(echo(
            &subscription.address,
        )))),
    }
}

/// Whether it is written like an https address (or http, if allowed) with a host. Where it leads
/// is somebody else's question.
fn is_web_address(address: &str, allow_http: bool) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else {
        return false;
    };
    let is_scheme =
        scheme.eq_ignore_ascii_case("https") || (allow_http && scheme.eq_ignore_ascii_case("http"));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_scheme
        && !host.is_empty()
        && !address.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
}

/// Whether it is written like one mail address: `local@domain.tld`, nothing around it. Stricter
/// than what mail allows (no quoted local part, no comments, no address literals): the rest is
/// never meant and often an attack.
pub fn is_mail_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    address.len() <= MAIL_ADDRESS_BYTES_MAX && is_local_part(local) && is_domain(domain)
}

fn is_local_part(local: &str) -> bool {
    let is_atom = |c: char| {
        c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(c)
            || (!c.is_ascii() && c.is_alphanumeric())
    };
    !local.is_empty()
        && local.len() <= MAIL_LOCAL_BYTES_MAX
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c == '-' || c.is_alphanumeric())
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A triggered send needs its definition and somebody to go to. One bad address among good ones
/// is that subscriber's failure later; only bad ones are refused here.
fn check_triggered_send(send: &Element) -> Result<(), Refusal> {
    let names_definition = ["CustomerKey", "ObjectID", "ID", "PartnerKey"]
        .iter()
        .any(|key| {
            let definition = send.child("TriggeredSendDefinition");
            definition
                .and_then(|found| found.text_of(key))
                .is_some_and(|text| !text.trim().is_empty())
        });
    if !names_definition {
        return Err(of_object(
            18002,
            "The Triggered Send Object must contain the Triggered Send ID or the Customer Key",
        ));
    }
    if send.child("Subscribers").is_none() {
        return Err(of_object(
            180_007,
            "The Triggered Send Object must have subscribers associated with it",
        ));
    }
    if !send.all("Subscribers").any(can_be_sent_to) {
        return Err(of_object(
            180_008,
            "Unable to queue Triggered Send request. There are no valid subscribers.",
        ));
    }
    Ok(())
}

/// By a valid address, or by the key of a subscriber whose address is known.
fn can_be_sent_to(subscriber: &Element) -> bool {
    let text = |name: &str| {
        subscriber
            .text_of(name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    match text("EmailAddress") {
        Some(address) => is_mail_address(address),
        None => text("SubscriberKey").is_some(),
    }
}

fn of_object(code: u32, message: impl Into<String>) -> Refusal {
    Refusal::Invalid(Invalid::Object {
        code,
        message: message.into(),
    })
}
