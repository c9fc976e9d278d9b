//! SMSTriggeredSend and VoiceTriggeredSend: one text, or one call by voice, to one phone, owed together
//! with the outcome.
//!
//! Checked in the order of the protocol's codes: definition, words, whom it is from; then the
//! subscriber and the number; then whether that phone may be reached, and now.

use calls::Method;
use soap::{Detail, Element, ObjectResult};

use crate::addressee;
use crate::context::DecisionContext;
use crate::daily_window::DailyWindow;
use crate::key;
use crate::keyed;
use crate::membership::NamedList;
use crate::missing::Missing;
use crate::object_type::{InParts, ObjectType, Retrieval, Sending, Work};
use crate::object_types::phone_send_definition::{self, PhoneDefinition, PhoneFault};
use crate::object_types::{stored_only, subscriber};
use crate::overlay::View;
use crate::phone_order::{PhoneChannel, PhoneOrder, sender_named};
use crate::phone_recipient::{PhoneRecipient, check_words, no_words, number_in};
use crate::recipient::Recipient;
use crate::saving::Intent;
use crate::text_parts::text_parts;
use crate::tree;
use crate::unit::{Sends, Unit, UnitResult};
use crate::verdict::{Decision, Refused, Stop};

const IN_ONE_PIECE: InParts = InParts {
    plan: |object, _send| vec![Unit::whole(object)],
    decide: |context, _unit| decide(context),
    require_records,
    merge,
};

/// A send by phone: the type, the one of its definition, and how the phone is reached.
const SEND: ObjectType = ObjectType {
    methods: &[Method::Create],
    work: Work::InParts(IN_ONE_PIECE),
    retrieval: Retrieval::Nothing,
    ..stored_only::TYPE
};

pub(crate) const TEXT: ObjectType = ObjectType {
    name: "SMSTriggeredSend",
    sending: Sending::Text,
    check: |intent, send| check(PhoneChannel::Text, intent, send),
    ..SEND
};

pub(crate) const VOICE: ObjectType = ObjectType {
    name: "VoiceTriggeredSend",
    sending: Sending::Voice,
    check: |intent, send| check(PhoneChannel::Voice, intent, send),
    ..SEND
};

fn check(channel: PhoneChannel, _intent: Intent, send: &Element) -> Result<(), Refused> {
    named_definition(channel, send)?;
    if let Some(words) = tree::filled(send, "Message") {
        check_words(channel, words)?;
    }
    the_subscriber(channel, send)?;
    if channel == PhoneChannel::Voice
        && let Some(field) = ["TransferNumber", "TransferMessage"]
            .into_iter()
            .find(|field| tree::filled(send, field).is_some())
    {
        let message = format!("{field}: a call is not handed on to another number here");
        return Err(PhoneFault::Definition.refused(channel, message));
    }
    match tree::filled(send, "Number") {
        Some(number) => number_in(channel, number).map(drop),
        None => Ok(()),
    }
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    let send = context.object;
    let channel = channel_of(send);
    check(channel, context.intent(), send)?;
    let named = named_definition(channel, send)?;
    let account = context.account_of(named)?;
    let definitions = context.overlay.of(&account);
    let definition = phone_send_definition::find(channel, definitions, named)?;
    let subscriber = the_subscriber(channel, send)?;
    let subscriber_account = context.account_of(subscriber)?;
    let name = addressee::name_of(subscriber).unwrap_or_default();
    let stored = match name.is_empty() {
        true => None,
        false => {
            let at = key::object(&subscriber_account, subscriber::TYPE.name, name);
            context.overlay.get(&at)?
        }
    };
    let to = PhoneRecipient {
        subscriber,
        name,
        stored,
    };
    let words = to.words(
        channel,
        send,
        words_of(channel, definitions, send, &definition)?,
    )?;
    let from = sender(context, channel, &definition)?;
    let number = to.number(channel, send)?;
    let publication = publication_of(definitions, definition.object, stored)?;
    to.may_be_reached(channel, &number, publication.as_ref())?;
    let blackout = definition.blackout(channel)?;
    check_time(context, channel, blackout)?;
    let order = PhoneOrder {
        channel,
        parts: match channel {
            PhoneChannel::Text => text_parts(&words),
            PhoneChannel::Voice => 1,
        },
        to: number,
        from,
        words,
        blackout,
        recipient: Recipient {
            account: account.clone(),
            subscriber_account,
            subscriber_key: name.to_owned(),
            send_id: definition.number(),
            definition_object_id: definition.object_id().to_owned(),
        },
    };
    let sends = UnitResult::Sends(Sends {
        object_type: context.type_name().to_owned(),
        mails: 1,
        correlation_id: context.correlation_id(),
        ..Sends::default()
    });
    let mut decision = Decision::only(sends);
    decision.mails.push(order.into());
    Ok(decision)
}

/// The Publication of a definition, which is a list. Hardly anybody has left a list, so it is read for
/// those only.
fn publication_of<'a>(
    lists: View<'a, '_>,
    definition: &'a Element,
    stored: Option<&Element>,
) -> Result<Option<NamedList<'a>>, Missing> {
    let named = definition.child("Publication").filter(|named| !named.nil);
    match named {
        Some(named) if stored.is_some_and(addressee::has_left_a_list) => {
            NamedList::find(lists, named).map(Some)
        }
        Some(_) | None => Ok(None),
    }
}

fn require_records(context: &DecisionContext<'_>, _unit: &Unit) -> Result<(), Missing> {
    match decide(context) {
        Err(Stop::Missing(missing)) => Err(missing),
        Ok(_) | Err(Stop::Refused(_)) => Ok(()),
    }
}

/// The result of a send that was taken in. One that was not has its own.
fn merge(mut sends: Vec<Sends>, send: Option<&Element>) -> ObjectResult {
    let sends = sends.pop().unwrap_or_default();
    ObjectResult {
        ok: true,
        status_message: format!("{} created", sends.object_type),
        object_type: sends.object_type,
        correlation_id: sends.correlation_id,
        new_id: Some(0),
        object: send.cloned(),
        detail: Detail::Plain,
        ..ObjectResult::default()
    }
}

fn channel_of(send: &Element) -> PhoneChannel {
    match send.type_name.as_deref() == Some(VOICE.name) {
        true => PhoneChannel::Voice,
        false => PhoneChannel::Text,
    }
}

/// The object that names the definition.
fn named_definition(channel: PhoneChannel, send: &Element) -> Result<&Element, Refused> {
    let type_name = phone_send_definition::type_name(channel);
    let named = send.child(type_name).filter(|named| !named.nil);
    let named = named.ok_or_else(|| {
        let message = format!("The {type_name} is missing");
        PhoneFault::NoDefinition.refused(channel, message)
    })?;
    let is_named = ["CustomerKey", "ObjectID", "ID", "PartnerKey", "Name"]
        .iter()
        .any(|field| tree::filled(named, field).is_some_and(|text| !text.trim().is_empty()));
    match is_named {
        true => Ok(named),
        false => {
            let message = format!("The {type_name} has no CustomerKey");
            Err(PhoneFault::NoKey.refused(channel, message))
        }
    }
}

fn the_subscriber(channel: PhoneChannel, send: &Element) -> Result<&Element, Refused> {
    let mut subscribers = send.all("Subscriber").filter(|one| !one.nil);
    match (subscribers.next(), subscribers.next()) {
        (Some(subscriber), None) => Ok(subscriber),
        (None, _) => Err(PhoneFault::NoSubscriber.refused(channel, "The Subscriber is missing")),
        (Some(_), Some(_)) => {
            let message = "There must be one Subscriber: send one object for each";
            Err(PhoneFault::Subscribers.refused(channel, message))
        }
    }
}

/// The words before values are put in: those of the send, else those of the definition.
fn words_of<'a>(
    channel: PhoneChannel,
    definitions: View<'a, '_>,
    send: &'a Element,
    definition: &PhoneDefinition<'a>,
) -> Result<&'a str, Stop> {
    if let Some(words) = tree::filled(send, "Message") {
        return Ok(words);
    }
    let content = definition.object.child("Content");
    let inline = content.and_then(|content| tree::filled(content, "Content"));
    let found = match (inline, content) {
        (Some(words), _) => Some(words),
        (None, None) => None,
        (None, Some(content)) => {
            let stored = keyed::find(definitions, "ContentArea", "Name", content)?;
            let stored = stored.and_then(|found| found.object);
            stored.and_then(|stored| tree::filled(stored, "Content"))
        }
    };
    found.ok_or_else(|| no_words(channel).into())
}

/// What it comes from: what the send says, else the definition, else the stack. A stack without a
/// sender of its own sends nothing of that kind.
fn sender(
    context: &DecisionContext<'_>,
    channel: PhoneChannel,
    definition: &PhoneDefinition<'_>,
) -> Result<String, Refused> {
    let senders = context.request.phone_senders.of(channel);
    let Some(first) = senders.first() else {
        let (what, parameter) = match channel {
            PhoneChannel::Text => ("texts", "TextSenders"),
            PhoneChannel::Voice => ("calls by voice", "VoiceSenders"),
        };
        let message = format!(
            "This server sends no {what}: whoever runs it sets {parameter} to turn them on"
        );
        return Err(PhoneFault::NoSender.refused(channel, message));
    };
    let said = tree::filled(context.object, "FromAddress")
        .or_else(|| tree::filled(definition.object, "FromAddress"));
    let sender = match said {
        None => Some(first.as_str()),
        Some(name) => sender_named(senders, name.trim()),
    };
    sender.map(str::to_owned).ok_or_else(|| {
        let message = "The FromAddress was not found: it must be one of the senders of this server";
        PhoneFault::NoSender.refused(channel, message)
    })
}

fn check_time(
    context: &DecisionContext<'_>,
    channel: PhoneChannel,
    blackout: Option<DailyWindow>,
) -> Result<(), Refused> {
    let now = context.request.now;
    match blackout.filter(|blackout| blackout.contains(now)) {
        None => Ok(()),
        Some(blackout) => {
            let ends = blackout.closes_after(now);
            let message = format!("It is the definition's blackout; it ends at {ends}");
            Err(PhoneFault::Blackout.refused(channel, message))
        }
    }
}
