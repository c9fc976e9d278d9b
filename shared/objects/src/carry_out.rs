//! One unit of a call's work: from an object, and what is known, to its result.

use std::collections::BTreeSet;

use calls::Method;
use soap::{Element, ObjectResult};

use crate::context::{DecisionContext, OBJECT_BYTES_MAX, account_of, too_large};
use crate::key::ObjectKey;
use crate::missing::Missing;
use crate::object_type::Cancellation;
use crate::object_type::{InParts, Work};
use crate::overlay::Overlay;
use crate::registry;
use crate::tree;
use crate::unit::{MethodCall, Unit, UnitResult, whole};
use crate::verdict::{Decision, Stop};

/// The work of a call, in order. Always the same for the same call.
pub fn units(method: Method, objects: &[Element]) -> Vec<Unit> {
    let mut units = Vec::with_capacity(objects.len());
    for (ordinal, object) in objects.iter().enumerate() {
        match in_parts(method, object) {
            Some(in_parts) => units.extend((in_parts.plan)(ordinal, object)),
            None => units.push(Unit::whole(ordinal)),
        }
    }
    units
}

/// How an object is carried out piece by piece, if that is how.
fn in_parts(method: Method, object: &Element) -> Option<InParts> {
    let object_type = registry::type_of(object).ok()?;
    object_type.supports(method, None).ok()?;
    match object_type.work {
        Work::InParts(in_parts) => Some(in_parts),
        Work::Nothing | Work::Whole(_) | Work::Cancel(_) => None,
    }
}

/// What an object asks the server not to start, or to end; `None`: it is decided like any other.
pub fn cancellation(
    method: Method,
    action: Option<&str>,
    object: &Element,
) -> Option<Cancellation> {
    let object_type = registry::type_of(object).ok()?;
    object_type.supports(method, action).ok()?;
    match object_type.work {
        Work::Cancel(of) => Some(of(object)),
        Work::Nothing | Work::Whole(_) | Work::InParts(_) => None,
    }
}

/// The result of an object from those of its units, in order.
pub fn merge(units: Vec<UnitResult>, object: Option<&Element>) -> ObjectResult {
    let mut sends = Vec::with_capacity(units.len());
    for unit in units {
        match unit {
            UnitResult::Whole(result) => return *result,
            UnitResult::Sends(part) => sends.push(part),
            UnitResult::Progress(_) | UnitResult::Notes(_) => {}
        }
    }
    let object_type = sends.first().map(|part| part.object_type.clone());
    let object_type = object_type.unwrap_or_default();
    match registry::object_type(&object_type).map(|found| found.work) {
        Some(Work::InParts(in_parts)) => (in_parts.merge)(sends, object),
        Some(Work::Nothing | Work::Whole(_) | Work::Cancel(_)) | None => ObjectResult {
            status_message: format!("The parts of a {object_type} cannot be merged"),
            object_type,
            ..ObjectResult::default()
        },
    }
}

/// Carries out one unit. Leaves `overlay` as it was when records are missing: load them and ask again.
pub fn carry_out(
    overlay: &mut Overlay,
    request: &MethodCall<'_>,
    unit: &Unit,
) -> Result<UnitResult, Missing> {
    let decision = decide(overlay, request, unit)?;
    Ok(overlay.apply(decision, request.now))
}

/// The records that are known to be needed for these units and not loaded: to be loaded in one go.
/// Once they are, there can be more (a data extension leads to its rows): ask until there are none.
pub fn missing(overlay: &Overlay, request: &MethodCall<'_>, units: &[Unit]) -> Vec<ObjectKey> {
    let mut keys = BTreeSet::new();
    for unit in units {
        if let Err(Missing(more)) = require_records(overlay, request, unit) {
            keys.extend(more);
        }
    }
    keys.into_iter().collect()
}

/// Whether a unit can be decided.
fn require_records(
    overlay: &Overlay,
    request: &MethodCall<'_>,
    unit: &Unit,
) -> Result<(), Missing> {
    let object = request.objects.get(unit.object);
    let sliced = object.and_then(|object| {
        let in_parts = in_parts(request.method, object)?;
        let account = account_of(object, request.client)?;
        Some((object, in_parts, account))
    });
    match sliced {
        // Its decision builds whole mails, which are not needed here.
        Some((object, in_parts, account)) => {
            let context = DecisionContext {
                overlay: overlay.of(&account),
                request,
                object,
                ordinal: unit.object,
            };
            (in_parts.require_records)(&context, unit)
        }
        None => decide(overlay, request, unit).map(|_decision| ()),
    }
}

fn decide(overlay: &Overlay, request: &MethodCall<'_>, unit: &Unit) -> Result<Decision, Missing> {
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
    match decide_by_type(&context, unit).and_then(fitting) {
        Ok(decision) => Ok(decision),
        Err(Stop::Missing(missing)) => Err(missing),
        Err(Stop::Refused(refused)) => Ok(Decision::only(context.refused(*refused))),
    }
}

fn decide_by_type(context: &DecisionContext<'_>, unit: &Unit) -> Result<Decision, Stop> {
    let object_type = registry::type_of(context.object)?;
    object_type.supports(context.request.method, context.request.action)?;
    match object_type.work {
        Work::Whole(decide) => decide(context),
        Work::InParts(in_parts) => (in_parts.decide)(context, unit),
        Work::Nothing | Work::Cancel(_) => Err(registry::unknown(object_type.name).into()),
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
