//! DataExtractActivity: the results of calls, written to a file. What it writes stands in its
//! PartnerProperties; what is stored under its key is completed by what a Perform says.
//!
//! It is carried out by the server itself, in as many pieces as it takes: nothing that is decided here
//! knows how much there is.

use std::collections::BTreeMap;

use calls::Method;
use jiff::Timestamp;
use soap::Element;

use crate::context::{DecisionContext, account_of};
use crate::extract_order::{ASYNC_RESULTS, ASYNC_RESULTS_ID, ExtractOrder, properties_of};
use crate::keyed;
use crate::missing::Missing;
use crate::object_type::{ObjectType, Work};
use crate::object_types::stored_only;
use crate::overlay::Overlay;
use crate::saving::Intent;
use crate::task::TaskKind;
use crate::unit::MethodCall;
use crate::verdict::{Decision, Refused, Stop};

pub(crate) const TYPE: ObjectType = ObjectType {
    name: NAME,
    actions: &["start"],
    task: Some(TaskKind::Extract),
    work: Work::Whole(decide),
    check,
    ..stored_only::TYPE
};

const NAME: &str = "DataExtractActivity";

/// The protocol's code of an extract that cannot be made.
pub const EXTRACT_REFUSED: u32 = 31_000;

/// The ExtractDescription of the one extract there is, which clients look up by its name.
pub fn extract_descriptions(object_type: &str) -> Vec<Element> {
    if object_type != "ExtractDescription" {
        return Vec::new();
    }
    let description = Element::new("Results").typed("ExtractDescription");
    let description = description
        .with(Element::of("ObjectID", ASYNC_RESULTS_ID))
        .with(Element::of("CustomerKey", ASYNC_RESULTS))
        .with(Element::of("Name", ASYNC_RESULTS));
    vec![description]
}

/// The object that starts an extract with these parameters.
pub fn extract_activity(parameters: &[(String, String)]) -> Element {
    let mut activity = Element::new("Definition").typed(NAME);
    for (name, value) in parameters {
        let property = Element::new("PartnerProperties");
        let property = property.with(Element::of("Name", name));
        activity = activity.with(property.with(Element::of("Value", value)));
    }
    activity
}

/// What the extract that an object of a call starts is to write; or why it cannot, in words.
pub fn extract_order(
    overlay: &Overlay,
    request: &MethodCall<'_>,
    object: &Element,
    requested_at: Timestamp,
) -> Result<Result<ExtractOrder, String>, Missing> {
    let Some(account) = account_of(object, request.client) else {
        return Ok(Err("The object names several accounts".to_owned()));
    };
    if account.as_ref() != overlay.caller() {
        let why = "An extract is of the calls that its own account has sent: leave its Client out";
        return Ok(Err(why.to_owned()));
    }
    let found = keyed::find(overlay.of(&account), NAME, stored_only::NAME_FIELD, object)?;
    let stored = found.and_then(|found| found.object);
    if stored.is_none() && properties_of(object).next().is_none() {
        return Ok(Err(format!("The {NAME} was not found")));
    }
    let mut parameters = BTreeMap::new();
    for (name, value) in stored.into_iter().chain([object]).flat_map(properties_of) {
        parameters.insert(name.to_lowercase(), (name, value));
    }
    Ok(ExtractOrder::read(parameters.into_values(), requested_at))
}

/// It has a key, or says by itself what it is to do.
fn check(intent: Intent, object: &Element) -> Result<(), Refused> {
    let says_all = matches!(intent, Intent::Change) && properties_of(object).next().is_some();
    match says_all {
        true => Ok(()),
        false => (stored_only::TYPE.check)(intent, object),
    }
}

fn decide(context: &DecisionContext<'_>) -> Result<Decision, Stop> {
    if context.request.method == Method::Perform {
        return Err(Refused::mixed_task(EXTRACT_REFUSED, NAME).into());
    }
    stored_only::decide(context)
}
