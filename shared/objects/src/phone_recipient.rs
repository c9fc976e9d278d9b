//! Whom a text or a call by voice goes to: the number, the words, and whether it may.

use soap::Element;

use crate::addressee;
use crate::membership::NamedList;
use crate::object_types::phone_send_definition::PhoneFault;
use crate::outgoing::add_attributes;
use crate::personalise::{ValueContext, Values, holds_script, personalise};
use crate::phone_number::PhoneNumber;
use crate::phone_order::PhoneChannel;
use crate::tree;
use crate::verdict::Refused;

/// Letters of a text at most: what the service takes.
const TEXT_CHARS_MAX: usize = 1_600;

/// Letters that are read out at most: what the service takes.
const VOICE_CHARS_MAX: usize = 3_000;

/// Whom a text or a call goes to.
pub(crate) struct PhoneRecipient<'a> {
    /// As it came.
    pub(crate) subscriber: &'a Element,
    pub(crate) name: &'a str,
    pub(crate) stored: Option<&'a Element>,
}

impl PhoneRecipient<'_> {
    pub(crate) fn words(
        &self,
        channel: PhoneChannel,
        send: &Element,
        words: &str,
    ) -> Result<String, Refused> {
        check_words(channel, words)?;
        let mut values = Values::default();
        let address = addressee::address_in(self.subscriber);
        let address = address.or_else(|| addressee::address_in(self.stored?));
        values.or("emailaddr", address.unwrap_or_default());
        values.or("subscriberkey", self.name);
        values.or("_subscriberkey", self.name);
        add_attributes(&mut values, self.subscriber);
        if let Some(stored) = self.stored {
            add_attributes(&mut values, stored);
        }
        add_attributes(&mut values, send);
        let words = personalise(words, &[&values], ValueContext::Text);
        if words.trim().is_empty() {
            return Err(no_words(channel));
        }
        check_words(channel, &words)?;
        Ok(words)
    }

    /// The number: what the send says, else the subscriber's own.
    pub(crate) fn number(&self, channel: PhoneChannel, send: &Element) -> Result<String, Refused> {
        let of_subscriber = || {
            let either = [Some(self.subscriber), self.stored];
            either.into_iter().flatten().find_map(own_number)
        };
        let number = tree::filled(send, "Number").or_else(of_subscriber);
        let number = number.ok_or_else(|| {
            let message =
                "The mobile number is missing: neither the send nor its subscriber has one";
            PhoneFault::NoNumber.refused(channel, message)
        })?;
        number_in(channel, number)
    }

    /// Whether its owner has not said no. `publication`: that of the definition, where one has left any
    /// list.
    pub(crate) fn may_be_reached(
        &self,
        channel: PhoneChannel,
        number: &str,
        publication: Option<&NamedList<'_>>,
    ) -> Result<(), Refused> {
        let Some(stored) = self.stored else {
            return Ok(());
        };
        if matches!(stored.text_of("Status"), Some("Unsubscribed" | "Deleted")) {
            let message = "The subscriber has unsubscribed from everything";
            return Err(PhoneFault::OptedOutOfAll.refused(channel, message));
        }
        if addressee::has_unsubscribed(publication, stored) {
            let message = "The subscriber has unsubscribed from the Publication of the definition";
            return Err(PhoneFault::OptedOut.refused(channel, message));
        }
        if has_opted_out(stored, number) {
            let message = "The owner of this number has opted out";
            return Err(PhoneFault::OptedOut.refused(channel, message));
        }
        Ok(())
    }
}

/// The addresses of a subscriber that are numbers.
fn numbers(subscriber: &Element) -> impl Iterator<Item = &Element> {
    let listed = subscriber.child("Addresses").into_iter();
    let listed = listed.flat_map(|all| all.all("Address"));
    let is_number = |address: &&Element| {
        address.type_name.as_deref() == Some("SMSAddress")
            || address.text_of("AddressType") == Some("SMS")
    };
    let primary = subscriber.child("PrimarySMSAddress").into_iter();
    primary.chain(listed.filter(is_number))
}

fn own_number(subscriber: &Element) -> Option<&str> {
    numbers(subscriber).find_map(|address| tree::filled(address, "Address"))
}

fn has_opted_out(subscriber: &Element, number: &str) -> bool {
    const OUT: Option<&str> = Some("OptedOut");
    let is_it = |address: &Element| {
        let text = address.text_of("Address").unwrap_or_default();
        PhoneNumber::parse(text).is_ok_and(|own| own.into_string() == number)
    };
    let is_out = |address: &Element| {
        let statuses = address.child("Statuses").into_iter();
        let mut statuses = statuses.flat_map(|all| all.all("Status"));
        statuses.any(|status| status.text_of("Status") == OUT)
    };
    let primary = subscriber.child("PrimarySMSAddress");
    (subscriber.text_of("PrimarySMSPublicationStatus") == OUT && primary.is_none_or(is_it))
        || numbers(subscriber).any(|address| is_it(address) && is_out(address))
}

pub(crate) fn no_words(channel: PhoneChannel) -> Refused {
    PhoneFault::NoWords.refused(channel, "The Message is missing")
}

pub(crate) fn check_words(channel: PhoneChannel, words: &str) -> Result<(), Refused> {
    let most = match channel {
        PhoneChannel::Text => TEXT_CHARS_MAX,
        PhoneChannel::Voice => VOICE_CHARS_MAX,
    };
    let count = words.chars().count();
    if count > most {
        let message = format!("The Message has {count} characters; {most} can be sent");
        return Err(PhoneFault::TooLong.refused(channel, message));
    }
    if words.chars().any(is_unfit) {
        let message = "The Message has control characters, which no phone shows";
        return Err(PhoneFault::Letters.refused(channel, message));
    }
    if holds_script(words) {
        let message = "The Message has AMPscript, which is not run here";
        return Err(PhoneFault::Letters.refused(channel, message));
    }
    Ok(())
}

fn is_unfit(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')
}

pub(crate) fn number_in(channel: PhoneChannel, text: &str) -> Result<String, Refused> {
    let number = PhoneNumber::parse(text).map(PhoneNumber::into_string);
    number.map_err(|bad| {
        let message = format!("The mobile number cannot be used: {}", bad.says());
        PhoneFault::of_number(bad).refused(channel, message)
    })
}
