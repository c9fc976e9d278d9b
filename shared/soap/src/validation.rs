//! Validation of a call before it is accepted: every check that needs neither a clock nor its
//! conversation nor anything stored.

use std::collections::HashSet;

use calls::call::OBJECTS_MAX;
use calls::options::SUBSCRIPTIONS_MAX;
use calls::refusal::{AddressRule, BadAddress, Invalid};
use calls::{AsyncResponseType, Refusal, Subscription};

use crate::call::CallRequest;
use crate::callback_address::{CallbackAddress, shown_address};
use crate::fault::echo;
use crate::mail_address::MailAddress;

impl CallRequest {
    /// Checks a call without a clock and without its conversation: that its objects have a type,
    /// and its SendResponseTo. What is in the objects is for the backend to judge.
    ///
    /// `allow_http`: addresses for HTTPPost may also be plain http, which otherwise is code 227.
    pub fn check(&self, allow_http: bool) -> Result<(), Refusal> {
        check_objects(self)?;
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        if self.options.subscriptions.len() > SUBSCRIPTIONS_MAX {
            return Err(Refusal::Invalid(Invalid::TooManySubscriptions));
        }
        for (number, subscription) in numbered(&self.options.subscriptions) {
            check_address(subscription, number, allow_http)?;
        }
        Ok(())
    }
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

/// Subscriptions with their numbers, for messages about them.
pub fn numbered(subscriptions: &[Subscription]) -> impl Iterator<Item = (Number, &Subscription)> {
    let of = subscriptions.len();
    let numbers = (1..=of).map(move |number| Number { number, of });
    numbers.zip(subscriptions)
}

/// An address is read and encoded when the options are read. One that could not be read was left as
/// it came, and is refused here.
fn check_address(
    subscription: &Subscription,
    number: Number,
    allow_http: bool,
) -> Result<(), Refusal> {
    let address = &subscription.address;
    match subscription.response_type {
        AsyncResponseType::None => Ok(()),
        AsyncResponseType::HttpPost => {
            let rule = match CallbackAddress::parse(address) {
                None => AddressRule::Readable,
                Some(read) if read.is_web(allow_http) => return Ok(()),
                Some(_) => AddressRule::Https,
            };
            Err(number.bad_address(address, rule))
        }
        AsyncResponseType::Email => match MailAddress::parse(address) {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::Invalid(Invalid::MailAddress(error.to_string()))),
        },
    }
}

/// Which of the addresses of a request a message is about.
#[derive(Clone, Copy)]
pub struct Number {
    /// From 1.
    number: usize,
    of: usize,
}

impl Number {
    pub fn bad_address(self, address: &str, rule: AddressRule) -> Refusal {
        Refusal::UnsecureResponseAddress(Box::new(BadAddress {
            shown: shown_address(address),
            number: self.number,
            of: self.of,
            rule,
        }))
    }
}

fn of_object(code: u32, message: impl Into<String>) -> Refusal {
    Refusal::Invalid(Invalid::Object {
        code,
        message: message.into(),
    })
}
