//! What is checked at the door, before a call is taken in: everything that needs neither a clock
//! nor the call's conversation nor anything stored.

use std::collections::HashSet;

use calls::call::OBJECTS_MAX;
use calls::options::SUBSCRIPTIONS_MAX;
use calls::refusal::Invalid;
use calls::{AsyncResponseType, Refusal, Subscription};

use crate::call::CallRequest;
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
    Ok(())
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

fn of_object(code: u32, message: impl Into<String>) -> Refusal {
    Refusal::Invalid(Invalid::Object {
        code,
        message: message.into(),
    })
}
