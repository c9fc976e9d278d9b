//! TriggeredSend: one mail per valid subscriber, owed together with the outcome.

use calls::Method;
use soap::{Detail, Element, MailAddress, ObjectResult};

use crate::addressee::{self, Addressee, Failure};
use crate::blocked_address;
use crate::context::DecisionContext;
use crate::key;
use crate::missing::Missing;
use crate::object_type::{InParts, ObjectType, Retrieval, Sending, Work};
use crate::object_types::stored_only;
use crate::object_types::subscriber;
use crate::outgoing::{Send, named_definition};
use crate::saving::Intent;
use crate::unit::{Sends, Unit, UnitResult};
use crate::verdict::{Decision, Refused, Stop};

const NO_SUBSCRIBERS: u32 = 180_007;
const NO_VALID_SUBSCRIBER: u32 = 180_008;

const WITHOUT_SUBSCRIBERS: &str =
    "The Triggered Send Object must have subscribers associated with it";
const WITHOUT_VALID_SUBSCRIBERS: &str =
    "Unable to queue Triggered Send request. There are no valid subscribers.";
const CREATED: &str = "Created TriggeredSend";

/// Most subscribers of a triggered send in one unit. Each may write itself and a mail, and a mail
/// is at most [`MAIL_BYTES_MAX`](crate::outgoing::MAIL_BYTES_MAX): a unit then fits a transaction of 4 MB.
const SUBSCRIBERS_MAX: usize = 8;

pub(crate) const TYPE: ObjectType = ObjectType {
    name: "TriggeredSend",
    methods: &[Method::Create],
    sending: Sending::Mails,
    work: Work::InParts(InParts {
        plan,
        decide,
        require_records,
        merge,
    }),
    retrieval: Retrieval::Nothing,
    check,
    ..stored_only::TYPE
};

/// A triggered send needs its definition and somebody to go to. One bad address among good ones
/// is that subscriber's failure; only bad ones are refused.
fn check(_intent: Intent, send: &Element) -> Result<(), Refused> {
    named_definition(send)?;
    if send.child("Subscribers").is_none() {
        return Err(Refused::new(NO_SUBSCRIBERS, WITHOUT_SUBSCRIBERS));
    }
    if send.all("Subscribers").any(can_be_sent_to) {
        Ok(())
    } else {
        Err(Refused::new(NO_VALID_SUBSCRIBER, WITHOUT_VALID_SUBSCRIBERS))
    }
}

/// By a valid address, or by the key of a subscriber whose address is known.
fn can_be_sent_to(subscriber: &Element) -> bool {
    match addressee::address_in(subscriber) {
        Some(address) => MailAddress::parse(address).is_ok(),
        None => addressee::name_of(subscriber).is_some(),
    }
}

/// Deals out the subscribers.
fn plan(object: usize, send: &Element) -> Vec<Unit> {
    let subscribers: Vec<usize> = (0..send.children.len())
        .filter(|at| send.children[*at].name == "Subscribers")
        .collect();
    if subscribers.is_empty() {
        return vec![Unit::whole(object)];
    }
    let slices = subscribers.chunks(SUBSCRIBERS_MAX).enumerate();
    slices
        .map(|(number, slice)| Unit {
            object,
            part: slice[0]..slice[slice.len() - 1] + 1,
            first_subscriber: number * SUBSCRIBERS_MAX,
            last_of_object: (number + 1) * SUBSCRIBERS_MAX >= subscribers.len(),
        })
        .collect()
}

fn decide(context: &DecisionContext<'_>, unit: &Unit) -> Result<Decision, Stop> {
    match slice_of(context, unit) {
        Ok(decision) => Ok(decision),
        Err(Stop::Refused(refused)) => Ok(Decision::only(refused_slice(context, unit, *refused))),
        Err(Stop::Missing(missing)) => Err(Stop::Missing(missing)),
    }
}

/// Whether all is known that the decision on a unit needs.
fn require_records(context: &DecisionContext<'_>, unit: &Unit) -> Result<(), Missing> {
    match prepare(context, unit) {
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
        object_type: TYPE.name.to_owned(),
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

/// What is sent by a unit, and to whom.
fn prepare<'a>(
    context: &DecisionContext<'a>,
    unit: &Unit,
) -> Result<(Send<'a>, Vec<Addressee<'a>>), Stop> {
    let send = Send::prepare(context)?;
    let addressees = addressees(context, unit)?;
    let send = send.with_list(context, &addressees)?;
    Ok((send.with_defaults(context, &addressees)?, addressees))
}

fn slice_of(context: &DecisionContext<'_>, unit: &Unit) -> Result<Decision, Stop> {
    let (send, addressees) = prepare(context, unit)?;
    let mut sends = Sends {
        object_type: TYPE.name.to_owned(),
        correlation_id: context.correlation_id(),
        ..Sends::default()
    };
    if addressees.is_empty() {
        sends.refused = Some((NO_SUBSCRIBERS, WITHOUT_SUBSCRIBERS.to_owned()));
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
        match send.to(&addressee) {
            Err(failure) => {
                sends.failures.push(failure.of(&addressee));
                decision
                    .changes
                    .extend(send.not_sent(context, &addressee, failure));
            }
            Ok(mail) => {
                decision.mails.push(mail.into());
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
        let at = key::object(&account, subscriber::TYPE.name, name);
        // Who has no name is nobody's record; that becomes a failure later.
        let stored = match name.is_empty() {
            true => Ok(None),
            false => context.overlay.get(&at),
        };
        let known = stored.as_ref().ok().copied().flatten();
        let address = addressee::address_in(subscriber);
        let address = address.or_else(|| addressee::address_in(known?));
        let block = address.and_then(|address| blocked_address::at(&account, address));
        let blocked = block.map_or(Ok(None), |block| context.overlay.get(&block));
        match (stored, blocked) {
            (Ok(stored), Ok(blocked)) => addressees.push(Addressee {
                ordinal,
                subscriber,
                name,
                account,
                at,
                stored,
                blocked,
            }),
            (stored, blocked) => {
                let more = [stored.err(), blocked.err()].into_iter().flatten();
                missing.extend(more.flat_map(|Missing(keys)| keys));
            }
        }
    }
    if missing.is_empty() {
        Ok(addressees)
    } else {
        Err(Missing(missing).into())
    }
}

/// The result of a triggered send from those of its slices, with the send as it came.
fn merge(slices: Vec<Sends>, send: Option<&Element>) -> ObjectResult {
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
            let message = WITHOUT_VALID_SUBSCRIBERS.to_owned();
            (Some(NO_VALID_SUBSCRIBER), message)
        }
        (None, _) => (None, CREATED.to_owned()),
    };
    ObjectResult {
        ok: error_code.is_none(),
        status_message,
        error_code,
        object_type: TYPE.name.to_owned(),
        correlation_id: whole.correlation_id,
        new_id: Some(0),
        object: send.cloned(),
        detail: Detail::TriggeredSend {
            failures: whole.failures,
        },
        ..ObjectResult::default()
    }
}
