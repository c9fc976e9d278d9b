//! One unit of a call's work: from an object, and what is known, to its result.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use calls::{AccountId, Method, Options, RequestId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soap::{Element, ObjectResult, SubscriberFailure};

use crate::key::ObjectKey;
use crate::overlay::{Missing, Overlay, View};
use crate::saving::Intent;
use crate::verdict::{Decision, Refused, Stop};
use crate::{
    data_extension, list, other, row, subscriber, tree, triggered_send, triggered_send_definition,
};

/// Most subscribers of a triggered send in one unit. Each may write itself and a mail, and a mail
/// is at most [`triggered_send::MAIL_BYTES_MAX`]: a unit then fits a transaction of 4 MB.
const SUBSCRIBERS_MAX: usize = 8;

/// Largest object that is kept, in bytes as written: a table item holds 400 KB, keys included.
const OBJECT_BYTES_MAX: usize = 380_000;

/// A call that is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: Method,
    /// Action of a Perform.
    pub action: Option<&'a str>,
    pub options: &'a Options,
    pub objects: &'a [Element],
    /// Whose objects they are, but for those that name an account of their own: what `Client` of
    /// the Options names, else the caller.
    pub client: &'a AccountId,
    pub request_id: &'a RequestId,
    pub now: Timestamp,
}

/// What is decided, and stored, in one piece: one object, or some subscribers of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Which object of the call, from 0.
    pub object: usize,
    /// Which of its fields hold the subscribers; the whole object is meant when it is empty.
    pub part: Range<usize>,
    /// The number of the first of these subscribers, from 0.
    pub first_subscriber: usize,
    pub last_of_object: bool,
}

/// The work of a call, in order. Always the same for the same call.
pub fn units(method: Method, objects: &[Element]) -> Vec<Unit> {
    let mut units = Vec::with_capacity(objects.len());
    for (object, element) in objects.iter().enumerate() {
        match (method, element.type_name.as_deref()) {
            (Method::Create, Some("TriggeredSend")) => slice(object, element, &mut units),
            _ => units.push(Unit {
                object,
                part: 0..0,
                first_subscriber: 0,
                last_of_object: true,
            }),
        }
    }
    units
}

/// Deals out the subscribers of a triggered send.
fn slice(object: usize, element: &Element, units: &mut Vec<Unit>) {
    let subscribers: Vec<usize> = (0..element.children.len())
        .filter(|at| element.children[*at].name == "Subscribers")
        .collect();
    for (number, slice) in subscribers.chunks(SUBSCRIBERS_MAX).enumerate() {
        units.push(Unit {
            object,
            part: slice[0]..slice[slice.len() - 1] + 1,
            first_subscriber: number * SUBSCRIBERS_MAX,
            last_of_object: (number + 1) * SUBSCRIBERS_MAX >= subscribers.len(),
        });
    }
    if subscribers.is_empty() {
        units.push(Unit {
            object,
            part: 0..0,
            first_subscriber: 0,
            last_of_object: true,
        });
    }
}

/// What became of a unit. Kept until the last unit of its object is done, then [`merge`]d.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnitResult {
    /// The unit was the whole object.
    Whole(Box<ObjectResult>),
    /// Some subscribers of a triggered send.
    Sends(Sends),
}

/// What became of some subscribers of a triggered send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sends {
    /// How many mails are owed.
    pub mails: u32,
    /// Code and text, if none of these subscribers was even looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<(u32, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<SubscriberFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// The result of an object from those of its units, in order.
pub fn merge(units: Vec<UnitResult>, object: Option<&Element>) -> ObjectResult {
    let mut sends = Vec::with_capacity(units.len());
    for unit in units {
        match unit {
            UnitResult::Whole(result) => return *result,
            UnitResult::Sends(part) => sends.push(part),
        }
    }
    triggered_send::merge(sends, object)
}

/// Carries out one unit. Leaves `overlay` as it was when records are missing: load them and ask again.
pub fn carry_out(
    overlay: &mut Overlay,
    request: &Request<'_>,
    unit: &Unit,
) -> Result<UnitResult, Missing> {
    let decision = decide(overlay, request, unit)?;
    Ok(overlay.apply(decision, request.now))
}

/// The records that are known to be needed for these units and not loaded: to be loaded in one go.
/// Once they are, there can be more (a data extension leads to its rows): ask until there are none.
pub fn missing(overlay: &Overlay, request: &Request<'_>, units: &[Unit]) -> Vec<ObjectKey> {
    let mut keys = BTreeSet::new();
    for unit in units {
        if let Err(Missing(more)) = look_ahead(overlay, request, unit) {
            keys.extend(more);
        }
    }
    keys.into_iter().collect()
}

/// Whether a unit can be decided.
fn look_ahead(overlay: &Overlay, request: &Request<'_>, unit: &Unit) -> Result<(), Missing> {
    let is_send = |object: &&Element| object.type_name.as_deref() == Some("TriggeredSend");
    let account_of = |object: &Element| account_of(object, request.client).map(Cow::into_owned);
    let send = request.objects.get(unit.object).filter(is_send);
    match send.and_then(|object| Some((object, account_of(object)?))) {
        // Its decision builds whole mails, which are not needed here.
        Some((object, account)) => {
            let context = DecisionContext {
                overlay: overlay.of(&account),
                request,
                object,
                ordinal: unit.object,
            };
            triggered_send::look_ahead(&context, unit)
        }
        None => decide(overlay, request, unit).map(|_decision| ()),
    }
}

fn decide(overlay: &Overlay, request: &Request<'_>, unit: &Unit) -> Result<Decision, Missing> {
    let Some(object) = request.objects.get(unit.object) else {
        let message = format!("No object specified at 0-based index {}", unit.object);
        return Ok(Decision::only(whole(ObjectResult {
            status_message: message,
            error_code: Some(6),
            ..ObjectResult::default()
        })));
    };
    let Some(account) = account_of(object, request.client) else {
        return Ok(Decision::only(several_accounts(object)));
    };
    let context = DecisionContext {
        overlay: overlay.of(&account),
        request,
        object,
        ordinal: unit.object,
    };
    let decided = match (request.method, context.type_name()) {
        (Method::Perform, "DataExtension") => data_extension::perform(&context),
        (Method::Perform, _) => Err(context.cannot_perform().into()),
        (_, "Subscriber") => subscriber::decide(&context),
        (_, "List") => list::decide(&context),
        (_, "DataExtension") => data_extension::decide(&context),
        (_, "DataExtensionObject") => row::decide(&context),
        (_, "TriggeredSendDefinition") => triggered_send_definition::decide(&context),
        (_, "TriggeredSend") => triggered_send::decide(&context, unit),
        (_, _) => other::decide(&context),
    };
    match decided.and_then(fitting) {
        Ok(decision) => Ok(decision),
        Err(Stop::Missing(missing)) => Err(missing),
        Err(Stop::Refused(refused)) => Ok(Decision::only(context.refused(*refused))),
    }
}

/// The account that an object is for: what its own `Client` names, else the one `around` it. `None`:
/// it names several; the door has refused that.
pub fn account_of<'a>(object: &Element, around: &'a AccountId) -> Option<Cow<'a, AccountId>> {
    match soap::client_of(object).account() {
        Ok(None) => Some(Cow::Borrowed(around)),
        Ok(Some(account)) => Some(Cow::Owned(account)),
        Err(_several) => None,
    }
}

fn several_accounts(object: &Element) -> UnitResult {
    let refusal = soap::client_of(object).account().err();
    whole(ObjectResult {
        status_message: refusal
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        error_code: refusal.map(|refusal| refusal.error_code()),
        object_type: object.type_name.clone().unwrap_or_default(),
        object: Some(object.clone()),
        ..ObjectResult::default()
    })
}

/// An object that no table item holds would make the call fail for ever.
fn fitting(decision: Decision) -> Result<Decision, Stop> {
    let objects = decision
        .changes
        .iter()
        .filter_map(|(_, becomes)| becomes.as_ref());
    match objects
        .map(tree::bytes)
        .find(|bytes| *bytes > OBJECT_BYTES_MAX)
    {
        None => Ok(decision),
        Some(bytes) => Err(too_large(bytes)),
    }
}

fn too_large(bytes: usize) -> Stop {
    Refused::new(
        204,
        format!("The object is too large: {bytes} bytes, {OBJECT_BYTES_MAX} can be kept"),
    )
    .into()
}

pub(crate) fn whole(result: ObjectResult) -> UnitResult {
    UnitResult::Whole(Box::new(result))
}

/// One object of a call, and what can be known when it is decided.
#[derive(Clone, Copy)]
pub(crate) struct DecisionContext<'a> {
    /// What is known, for objects of the account that this one is for.
    pub(crate) overlay: View<'a, 'a>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) object: &'a Element,
    pub(crate) ordinal: usize,
}

impl<'a> DecisionContext<'a> {
    pub(crate) fn type_name(&self) -> &'a str {
        self.object.type_name.as_deref().unwrap_or_default()
    }

    /// The account of an object that stands in this one.
    pub(crate) fn account_of(&self, nested: &Element) -> Result<AccountId, Refused> {
        match soap::client_of(nested).account() {
            Ok(None) => Ok(self.overlay.account().clone()),
            Ok(Some(account)) => Ok(account),
            Err(several) => Err(Refused::new(several.error_code(), several.to_string())),
        }
    }

    pub(crate) fn intent(&self) -> Intent {
        Intent::of(self.request.method, self.request.options, self.type_name())
    }

    pub(crate) fn correlation_id(&self) -> Option<String> {
        tree::filled(self.object, "CorrelationID").map(str::to_owned)
    }

    /// The result of an object that was carried out, without the object.
    pub(crate) fn done(&self, message: impl Into<String>) -> ObjectResult {
        ObjectResult {
            ok: true,
            status_message: message.into(),
            object_type: self.type_name().to_owned(),
            correlation_id: self.correlation_id(),
            new_id: (self.request.method == Method::Create).then_some(0),
            ..ObjectResult::default()
        }
    }

    /// The result of an object that was not: with the object as it came, if it is not too large.
    fn refused(&self, refused: Refused) -> UnitResult {
        whole(ObjectResult {
            ok: false,
            error_code: Some(refused.code),
            object: self.is_kept_whole().then(|| self.object.clone()),
            detail: refused.detail,
            ..self.done(refused.message)
        })
    }

    /// Whether it is no larger than what can be kept: of a larger one no copy is made, for it may be
    /// as large as a whole call.
    fn is_kept_whole(&self) -> bool {
        tree::bytes(self.object) <= OBJECT_BYTES_MAX
    }

    /// Refuses an object that is kept as it came and cannot be.
    pub(crate) fn fits(&self) -> Result<(), Stop> {
        let bytes = tree::bytes(self.object);
        if self.request.method == Method::Delete || bytes <= OBJECT_BYTES_MAX {
            return Ok(());
        }
        Err(too_large(bytes))
    }

    pub(crate) fn cannot_perform(&self) -> Refused {
        let type_name = self.type_name();
        Refused::new(
            100,
            format!("The Perform method is not supported for the {type_name} object"),
        )
    }

    pub(crate) fn cannot(&self) -> Refused {
        let (method, type_name) = (self.request.method.name(), self.type_name());
        Refused::new(
            5,
            format!("Cannot perform {method} on objects of type {type_name}"),
        )
    }
}
