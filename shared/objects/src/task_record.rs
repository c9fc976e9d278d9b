//! What tells of a task while it goes on and afterwards: an object of its own, under the number of the
//! task. Whoever cancels a task says so there, and the next step of the task finds it.

use soap::{Detail, Element, ObjectResult};

use crate::context::DecisionContext;
use crate::key::{self, ObjectKey};
use crate::tree;
use crate::unit::whole;
use crate::verdict::{Decision, Refused, Stop};

/// Says that the task is to end. Ours, so it has no name of the protocol.
pub(crate) const CANCELLED: &str = "_Cancelled";

/// Says which call's task it is: the numbers of two tasks may meet.
const OF: &str = "_RequestID";

/// The protocol's code of an object that is not there.
const NOT_FOUND: u32 = 3;

/// The code of what comes too late.
const TOO_LATE: u32 = 2;

/// A new record of the task that a call starts.
pub(crate) fn begin(type_name: &str, request_id: &str, now: &str) -> Element {
    Element::new("Objects")
        .typed(type_name)
        .with(Element::of("CreatedDate", now))
        .with(Element::of("ModifiedDate", now))
        .with(Element::of(OF, request_id))
}

/// The record as it is, if it is of that call's task.
pub(crate) fn of_call<'a>(stored: Option<&'a Element>, request_id: &str) -> Option<&'a Element> {
    stored.filter(|stored| stored.text_of(OF) == Some(request_id))
}

/// What names the task: its number.
pub(crate) fn check_number(number_field: &str, object: &Element) -> Result<(), Refused> {
    match number_in(number_field, object) {
        Some(_) => Ok(()),
        None => Err(Refused::new(
            204,
            format!("The object must have a {number_field}: the ID of the Task"),
        )),
    }
}

fn number_in<'a>(number_field: &str, object: &'a Element) -> Option<&'a str> {
    tree::filled(object, number_field)
        .or_else(|| tree::filled(object, "ID"))
        .map(str::trim)
}

/// What somebody wants of a task.
pub(crate) struct TaskChange {
    /// As it is told: `cancelled`.
    pub(crate) done: &'static str,
    pub(crate) has_ended: fn(&Element) -> bool,
    pub(crate) change: fn(&mut Element),
}

/// Cancels the task that an object names.
pub(crate) fn cancel(
    context: &DecisionContext<'_>,
    number_field: &str,
    has_ended: fn(&Element) -> bool,
) -> Result<Decision, Stop> {
    let wanted = TaskChange {
        done: "cancelled",
        has_ended,
        change: |becomes| tree::set(becomes, CANCELLED, "true"),
    };
    change(context, number_field, &wanted)
}

/// Changes the record of the task that an object names, which the task finds there.
pub(crate) fn change(
    context: &DecisionContext<'_>,
    number_field: &str,
    wanted: &TaskChange,
) -> Result<Decision, Stop> {
    let type_name = context.type_name();
    let number = number_in(number_field, context.object).unwrap_or_default();
    let at: ObjectKey = key::object(context.overlay.account(), type_name, number);
    let Some(stored) = context.overlay.get(&at)? else {
        let message = format!("There is no {type_name} {}", soap::echo(number));
        return Err(Refused::new(NOT_FOUND, message).into());
    };
    if (wanted.has_ended)(stored) {
        let message = format!("The {type_name} has ended already");
        return Err(Refused::new(TOO_LATE, message).into());
    }
    let mut becomes = stored.clone();
    (wanted.change)(&mut becomes);
    let result = ObjectResult {
        object: Some(context.object.clone()),
        detail: Detail::Task {
            id: number.to_owned(),
            interaction_object_id: None,
        },
        ..context.done(format!("{type_name} {}", wanted.done))
    };
    Ok(Decision::only(whole(result)).changing(at, Some(becomes)))
}
